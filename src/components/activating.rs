//! Looks again while a payment is being confirmed.

use std::time::Duration;

use leptos::prelude::*;

/// How long to wait before looking again.
const WAIT: Duration = Duration::from_secs(2);

/// Loads the page again after a moment; without scripts it is a link that does the same.
#[island]
pub fn CheckAgain() -> impl IntoView {
    Effect::new(|| {
        set_timeout(
            || {
                // A browser that refuses to reload leaves the link.
                drop(window().location().reload());
            },
            WAIT,
        );
    });
    view! { <p><a class="button" href="">"Check again"</a></p> }
}
