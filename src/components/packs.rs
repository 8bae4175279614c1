//! Packs of credits that can be bought on top of a plan.

use crate::visitor::at;
use leptos::prelude::*;

/// A pack in words.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct PackOffer {
    /// Its name in forms.
    pub id: String,
    /// What people read.
    pub name: String,
    /// What it costs, once.
    pub price: String,
    /// How long it is good for.
    pub validity: String,
}

/// The packs, each with a button that leads to Stripe. Whoever may not buy sees what there is.
#[component]
pub fn Packs(
    /// What can be bought.
    packs: Vec<PackOffer>,
    /// Whether this person may buy.
    may_buy: bool,
) -> impl IntoView {
    let offers = packs.into_iter().map(|pack| {
        let PackOffer { id, name, price, validity } = pack;
        let label = format!("Buy {name}");
        view! {
            <li class="pack">
                <div><strong>{name}</strong><p class="muted small">{validity}</p></div>
                <span class="pack-price">{price}</span>
                {may_buy.then(|| view! {
                    <form method="post" action=at("/api/packs/checkout")>
                        <input type="hidden" name="pack" value=id />
                        <button class="button" type="submit" aria-label=label>"Buy"</button>
                    </form>
                })}
            </li>
        }
    });
    view! {
        <section class="card" aria-labelledby="packs">
            <h2 id="packs">"More, without a larger plan"</h2>
            <p class="muted">"Paid once, and used when your plan's share is used up."</p>
            <ul class="packs">{offers.collect_view()}</ul>
            {(!may_buy).then(|| view! { <p class="muted small">"Owners, admins and billing members can buy packs."</p> })}
        </section>
    }
}
