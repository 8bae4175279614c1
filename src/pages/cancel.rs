//! Canceling: what stays, what is lost and when, and why somebody leaves.

use domain::change::Unsettled;
use leptos::prelude::*;
use leptos_meta::Title;

use super::when_loaded;
use crate::error::AppError;
use crate::visitor::at;

/// What canceling would mean.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct CancelView {
    /// The plan's name.
    pub plan: String,
    /// The last day, in words.
    pub until: String,
    /// What stands against promising the plan until then.
    pub unsettled: Option<Unsettled>,
    /// The free plan's name.
    pub free: String,
    /// What is lost then.
    pub lost: Vec<String>,
    /// Stripe's words for reasons, with what people read.
    pub reasons: Vec<(String, String)>,
}

/// What canceling would mean.
#[server(prefix = "/pages", endpoint = "cancel")]
async fn load_cancel() -> Result<CancelView, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    ctx.app.cancel_view(&ctx.account).await.map_err(crate::server::error::Error::into_app)
}

/// The question as a page, for browsers without scripts and for links.
#[component]
pub fn CancelPage() -> impl IntoView {
    let cancel = Resource::new_blocking(|| (), |()| load_cancel());
    view! {
        <Title text="Cancel subscription" />
        {when_loaded(cancel, |cancel| view! {
            <div class="narrow">
                <section class="card">
                    <h1 class="question-title">{format!("Cancel {}?", cancel.plan)}</h1>
                    <CancelForm cancel />
                    <p><a href=at("/settings/billing")>"Keep my plan"</a></p>
                </section>
            </div>
        })}
    }
}

/// What it means, why, and the button.
#[component]
pub fn CancelForm(
    /// What canceling would mean.
    cancel: CancelView,
) -> impl IntoView {
    let until = cancel.until.clone();
    view! {
        <form class="stack" method="post" action=at("/api/subscription/cancel")>
            {if cancel.unsettled.is_some() {
                view! {
                    <p>
                        <strong>{cancel.plan}</strong> " ends on " <strong>{until}</strong>
                        {format!(" and does not renew; after that you are on {}.", cancel.free)}
                        {(cancel.unsettled == Some(Unsettled::Owing)).then_some(" The invoice that is open stays open: until it is paid, the plan may be locked before.")}
                    </p>
                }
                .into_any()
            } else {
                view! {
                    <p>
                        "You keep " <strong>{cancel.plan}</strong> " until " <strong>{until}</strong>
                        {format!(". Nothing more is charged; after that you are on {}.", cancel.free)}
                    </p>
                }
                .into_any()
            }}
            {(!cancel.lost.is_empty()).then(|| view! {
                <details>
                    <summary>{format!("What ends on {}", cancel.until)}</summary>
                    <ul class="plain-list">{cancel.lost.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
                </details>
            })}
            <div class="field">
                <label for="reason">"Why do you leave? (optional)"</label>
                <select id="reason" name="reason">
                    <option value="">"I would rather not say"</option>
                    {cancel.reasons.into_iter().map(|(word, text)| view! { <option value=word>{text}</option> }).collect_view()}
                </select>
            </div>
            <div class="field">
                <label for="comment">"What could we do better? (optional)"</label>
                <textarea id="comment" name="comment" rows="3" maxlength="500"></textarea>
            </div>
            <div class="actions">
                <button class="button button-danger" type="submit">"Cancel subscription"</button>
            </div>
        </form>
    }
}
