//! A feature: what it gives, whether it is unlocked, why, and what would unlock it.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::when_loaded;
use crate::app::Answer;
use crate::components::notice::{Notice, Tone};
use crate::components::unlock::{Locked, Unlock};
use crate::error::{AppError, Code};
use crate::visitor::at;

/// A feature as it stands for an organization.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct FeatureView {
    /// What people read.
    pub name: String,
    /// What it gives.
    pub description: String,
    /// Why it is unlocked, and until when; or why not.
    pub standing: Result<String, Locked>,
}

/// How a feature stands.
#[server(prefix = "/pages", endpoint = "feature")]
async fn load_feature(feature: String) -> Result<FeatureView, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    ctx.app.feature_view(&ctx.account, &feature).await.map_err(crate::server::error::Error::into_app)
}

/// The feature. One that is locked is answered as a refusal.
#[component]
pub fn FeaturePage() -> impl IntoView {
    let feature = use_params_map().read_untracked().get("feature").unwrap_or_default();
    let feature = Resource::new_blocking(move || feature.clone(), load_feature);
    let answer = expect_context::<Answer>();
    view! {
        {when_loaded(feature, move |feature| {
            if feature.standing.is_err() {
                answer.set_status(Code::Forbidden);
            }
            view! { <Shown feature /> }
        })}
    }
}

#[component]
fn Shown(feature: FeatureView) -> impl IntoView {
    view! {
        <Title text=feature.name.clone() />
        <div class="narrow">
            <section class="card stack">
                <h1 class="question-title">{feature.name}</h1>
                {match feature.standing {
                    Ok(why) => view! {
                        <p>{feature.description}</p>
                        <Notice tone=Tone::Success><p><strong>"Unlocked. "</strong>{why}</p></Notice>
                    }
                    .into_any(),
                    Err(locked) => view! { <Unlock locked /> }.into_any(),
                }}
                <p><a href=at("/dashboard")>"Back to the dashboard"</a></p>
            </section>
        </div>
    }
}
