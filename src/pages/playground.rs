//! The playground: acts as a service would, and shows the request and the answer. Limits are felt before any service
//! is written.

use leptos::prelude::*;
use leptos_meta::Title;

use super::when_loaded;
use crate::app::Findings;
use crate::components::icons::Icon;
use crate::components::meter_bar::{MeterBar, MeterState};
use crate::error::AppError;
use crate::pages::dashboard::FeatureLine;
use crate::visitor::at;

/// What can be tried.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct PlaygroundView {
    /// Every meter, and whether what was used can be given back.
    pub meters: Vec<(MeterState, bool)>,
    /// Every feature.
    pub features: Vec<FeatureLine>,
}

/// A request of the API with its answer.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Whether it was allowed.
    pub allowed: bool,
    /// Which request: `POST /api/v1/usage`.
    pub request: String,
    /// Its body.
    pub body: String,
    /// `200 OK`.
    pub status: String,
    /// What is worth knowing of the answer's head, each in a line.
    pub headers: Vec<String>,
    /// The answer's body.
    pub answer: String,
}

/// What can be tried.
#[server(prefix = "/pages", endpoint = "playground")]
async fn load_playground() -> Result<PlaygroundView, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    ctx.app.playground_view(&ctx.account).await.map_err(crate::server::error::Error::into_app)
}

/// The buttons, and the answer to the one that was pressed.
#[component]
pub fn PlaygroundPage() -> impl IntoView {
    let playground = Resource::new_blocking(|| (), |()| load_playground());
    let tried = use_context::<Findings>().and_then(|findings| findings.tried);
    view! {
        <Title text="Playground" />
        {when_loaded(playground, move |playground| view! { <Playground playground tried=tried.clone() /> })}
    }
}

#[component]
fn Playground(playground: PlaygroundView, tried: Option<Tried>) -> impl IntoView {
    view! {
        <header class="page-head">
            <h1>"Playground"</h1>
            <p class="lead">
                "Act as your service would. What you use here is really used: it counts against the plan, and the ledger has your name."
            </p>
        </header>
        <div class="dashboard">
            <div class="stack">
                <section class="card" aria-labelledby="use">
                    <h2 id="use">"Use a meter"</h2>
                    <div class="meters">
                        {playground.meters.into_iter().map(|(meter, back)| view! { <Use meter back /> }).collect_view()}
                    </div>
                </section>
                <section class="card" aria-labelledby="check">
                    <h2 id="check">"Check a feature"</h2>
                    <ul class="features">{playground.features.into_iter().map(check).collect_view()}</ul>
                </section>
            </div>
            <section class="card answer" id="answer" aria-labelledby="answer-title">
                {match tried {
                    Some(tried) => view! { <Answered tried /> }.into_any(),
                    None => view! {
                        <h2 id="answer-title">"Request and answer"</h2>
                        <p class="muted">"Press a button: what a service sends, and what it is answered, is shown here."</p>
                    }
                    .into_any(),
                }}
            </section>
        </div>
    }
}

#[component]
fn Use(meter: MeterState, back: bool) -> impl IntoView {
    let (id, name) = (meter.id.clone(), meter.name.clone());
    let field = format!("amount-{id}");
    let named = move || view! { <span class="visually-hidden">{format!(" {name}")}</span> };
    let label = named.clone();
    view! {
        <div class="try">
            <MeterBar meter />
            <form class="field-row" method="post" action=at("/playground#answer")>
                <input type="hidden" name="meter" value=id />
                <label for=field.clone()>"Amount"<span class="visually-hidden">" of"</span>{label()}</label>
                <input id=field name="amount" type="number" min="1" max="1000000000" step="1" value="1" required />
                <button class="button" type="submit" name="action" value="use">"Use"{named()}</button>
                {back.then(|| view! { <button class="button" type="submit" name="action" value="give-back">"Give back"{named()}</button> })}
            </form>
        </div>
    }
}

fn check(feature: FeatureLine) -> impl IntoView {
    let (class, icon) = if feature.allowed { ("feature", Icon::Check) } else { ("feature feature-locked", Icon::Lock) };
    let name = feature.name.clone();
    view! {
        <li class=class>
            {icon.view()}
            <span class="feature-name">{feature.name}</span>
            <form method="post" action=at("/playground#answer")>
                <input type="hidden" name="feature" value=feature.id />
                <button class="button button-small" type="submit" name="action" value="check">
                    "Check"<span class="visually-hidden">{format!(" {name}")}</span>
                </button>
            </form>
        </li>
    }
}

#[component]
fn Answered(tried: Tried) -> impl IntoView {
    let badge = if tried.allowed { "badge badge-good" } else { "badge badge-warning" };
    let request =
        format!("{}\nAuthorization: Bearer bhk_…\nContent-Type: application/json\n\n{}", tried.request, tried.body);
    let answer = format!("{}\n\n{}", tried.headers.join("\n"), tried.answer);
    view! {
        <div class="card-head">
            <h2 id="answer-title">"Request and answer"</h2>
            <span class=badge data-testid="answer-status">{tried.status}</span>
        </div>
        <h3>"A service sends"</h3>
        <pre class="code" tabindex="0" role="region" aria-label="The request"><code>{request}</code></pre>
        <h3>"and is answered"</h3>
        <pre class="code" tabindex="0" role="region" aria-label="The answer"><code data-testid="answer">{answer}</code></pre>
    }
}
