//! Keeps a form that asks with its fields, and not with its address, with the organization that its page is about.

use leptos::prelude::*;

use crate::visitor::{ORGANIZATION, Visitor};

/// A hidden field, where there is a choice.
#[component]
pub fn OrganizationField() -> impl IntoView {
    let account = expect_context::<Visitor>().account;
    let named = account.and_then(|account| account.named().map(ToString::to_string));
    named.map(|id| view! { <input type="hidden" name=ORGANIZATION value=id /> })
}
