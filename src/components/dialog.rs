//! A question in a native dialog. Without scripts the same question is a page of its own.

#![expect(missing_docs, reason = "the island macro makes a struct for the properties, without docs")]

use leptos::ev::MouseEvent;
use leptos::html;
use leptos::prelude::*;

/// A link that opens a dialog over the page, or leads to the page at `href`.
#[island]
pub fn AskInDialog(
    /// The words on the link.
    label: String,
    /// Where the question is a page.
    href: String,
    /// The question, for screen readers.
    title: String,
    /// The form.
    children: Children,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let open = move |event: MouseEvent| {
        // A dialog that cannot be shown leaves the link.
        if dialog.get().is_some_and(|dialog| dialog.show_modal().is_ok()) {
            event.prevent_default();
        }
    };
    view! {
        <a class="button" href=href on:click=open>{label}</a>
        <dialog class="dialog" node_ref=dialog aria-label=title>
            {children()}
        </dialog>
    }
}
