//! Reloads the page when what it shows has changed elsewhere: in another tab, by a colleague, or at Stripe.

#![expect(missing_docs, reason = "the island macro makes a struct for the properties, without docs")]

use std::time::Duration;

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::wasm_bindgen::prelude::Closure;
use leptos::web_sys::EventSource;

/// What must not be lost by a reload: an open question, and what somebody is writing.
const BUSY: &str = "dialog[open], textarea:focus, input:focus";
/// How long to wait for somebody who is busy.
const WAIT: Duration = Duration::from_secs(1);

/// Listens while the page is in sight: a browser has few connections for one host, and hidden tabs would use them up.
/// Without scripts the page is as current as when it was opened.
#[island]
pub fn Live(
    /// What the page shows.
    revision: i64,
) -> impl IntoView {
    Effect::new(move || {
        let source = StoredValue::new_local(None::<EventSource>);
        let stop = move || {
            if let Some(open) = source.try_update_value(Option::take).flatten() {
                open.close();
            }
        };
        let follow = move || {
            if document().hidden() {
                stop();
            } else if source.with_value(Option::is_none) {
                source.set_value(listen(revision));
            }
        };
        follow();
        window_event_listener_untyped("visibilitychange", move |_| follow());
        // What a form does is seen on the page that it leads to; a reload would come in its way.
        window_event_listener_untyped("submit", move |_| stop());
    });
}

/// Opens the stream. A browser that cannot leaves the page as it is.
fn listen(revision: i64) -> Option<EventSource> {
    let source = EventSource::new(&format!("/api/updates?revision={revision}")).ok()?;
    let changed = Closure::<dyn Fn()>::new(reload_when_free);
    source.add_event_listener_with_callback("changed", changed.as_ref().unchecked_ref()).ok()?;
    // It lives as long as the page.
    changed.forget();
    Some(source)
}

fn reload_when_free() {
    match document().query_selector(BUSY) {
        Ok(Some(_)) => set_timeout(reload_when_free, WAIT),
        // A browser that refuses to reload leaves the page as it is.
        Ok(None) | Err(_) => drop(window().location().reload()),
    }
}
