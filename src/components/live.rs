//! Reloads the page when what it shows has changed elsewhere: in another tab, by a colleague, or at Stripe.

#![expect(missing_docs, reason = "the island macro makes a struct for the properties, without docs")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::wasm_bindgen::prelude::Closure;
use leptos::web_sys::EventSource;

/// What must not be lost by a reload: an open question, what somebody is writing, and a form on its way: one that was
/// sent before the script was there has its button in focus.
const BUSY: &str = "dialog[open], textarea:focus, input:focus, select:focus, form[method=post] button:focus";
/// How long to wait for somebody who is busy, and before listening at all.
const WAIT: Duration = Duration::from_secs(1);

/// Listens while the page is in sight: a browser has few connections for one host, and hidden tabs would use them up.
/// Without scripts the page is as current as when it was opened.
#[island]
pub fn Live(
    /// Where to listen: it says whose page this is, and what the page shows.
    updates: String,
) -> impl IntoView {
    Effect::new(move || {
        let page = Rc::new(Page { updates: updates.clone(), source: RefCell::default(), leaving: Cell::new(false) });
        let (first, seen) = (Rc::clone(&page), Rc::clone(&page));
        set_timeout(move || first.follow(), WAIT);
        window_event_listener_untyped("visibilitychange", move |_| seen.follow());
        // What a form does is seen on the page that it leads to; a reload would come in its way.
        window_event_listener_untyped("submit", move |_| {
            page.leaving.set(true);
            page.stop();
        });
    });
}

/// The page, and the stream that it listens to. Both live until the browser leaves it.
struct Page {
    updates: String,
    source: RefCell<Option<EventSource>>,
    leaving: Cell<bool>,
}

impl Page {
    fn follow(self: &Rc<Self>) {
        if document().hidden() || self.leaving.get() {
            self.stop();
        } else if self.source.borrow().is_none() {
            self.source.replace(self.listen());
        }
    }

    fn stop(&self) {
        if let Some(open) = self.source.take() {
            open.close();
        }
    }

    /// Opens the stream. A browser that cannot leaves the page as it is.
    fn listen(self: &Rc<Self>) -> Option<EventSource> {
        let source = EventSource::new(&self.updates).ok()?;
        let page = Rc::clone(self);
        let changed = Closure::<dyn Fn()>::new(move || reload_when_free(Rc::clone(&page)));
        source.add_event_listener_with_callback("changed", changed.as_ref().unchecked_ref()).ok()?;
        // It lives as long as the page.
        changed.forget();
        Some(source)
    }
}

fn reload_when_free(page: Rc<Page>) {
    if page.leaving.get() {
        return;
    }
    match document().query_selector(BUSY) {
        Ok(Some(_)) => set_timeout(move || reload_when_free(page), WAIT),
        // A browser that refuses to reload leaves the page as it is.
        Ok(None) | Err(_) => drop(window().location().reload()),
    }
}
