//! What is not unlocked: what it is, why not, and the button to what unlocks it.

use leptos::prelude::*;

use super::icons::Icon;
use crate::visitor::at;

/// Something that is not unlocked.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Locked {
    /// The feature's name.
    pub feature: String,
    /// What it gives.
    pub description: String,
    /// Why it is locked, and what unlocks it.
    pub reason: String,
    /// Whether it is for another plan to unlock it; otherwise the reason says whom to ask.
    pub by_plan: bool,
    /// Where it is unlocked, for whoever may do that.
    pub offer: Option<Offer>,
}

/// A button that unlocks something.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Offer {
    /// The words on it.
    pub words: String,
    /// Where it leads.
    pub href: String,
}

/// The reason and the button.
#[component]
pub fn Unlock(
    /// What is locked.
    locked: Locked,
) -> impl IntoView {
    view! {
        <div class="locked" data-testid="locked">
            <p class="locked-reason">{Icon::Lock.view()}<span>{locked.reason}</span></p>
            <p class="muted">{locked.description}</p>
            {(locked.by_plan || locked.offer.is_some()).then(|| view! { <OfferButton offer=locked.offer /> })}
        </div>
    }
}

/// The button, or whom to ask.
#[component]
pub fn OfferButton(
    /// Where it leads; nobody for whoever may not buy.
    offer: Option<Offer>,
) -> impl IntoView {
    match offer {
        Some(offer) => {
            view! { <p><a class="button button-primary" href=at(offer.href)>{offer.words}</a></p> }.into_any()
        }
        None => {
            view! { <p class="muted small">"Owners, admins and billing members can change the plan."</p> }.into_any()
        }
    }
}
