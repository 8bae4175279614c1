//! `POST /playground`: does what a service would do, and shows the page with the answer.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use axum::{Extension, Form};
use serde::Deserialize;

use crate::app::Findings;
use crate::error::Code;
use crate::server::App;
use crate::server::error::Error;
use crate::server::pages::{render_at, signed_in};
use crate::visitor::Visitor;

/// The button that was pressed.
#[derive(Debug, Deserialize)]
pub struct Pressed {
    #[serde(default)]
    action: String,
    meter: Option<String>,
    amount: Option<String>,
    feature: Option<String>,
}

/// Acts as the person who pressed it.
pub async fn press(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Form(pressed): Form<Pressed>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    let tried = match (pressed.action.as_str(), &pressed.meter, &pressed.feature) {
        ("check", _, Some(feature)) => app.try_check(account, feature).await?,
        (action @ ("use" | "give-back"), Some(meter), _) => {
            let amount = pressed.amount.as_deref().unwrap_or("1").trim();
            let amount =
                amount.parse().map_err(|_| Error::refused(Code::Invalid, "The amount is a whole number from 1."))?;
            app.try_use(account, meter, amount, action == "give-back").await?
        }
        _ => return Err(Error::refused(Code::Invalid, "Press one of the playground’s buttons.")),
    };
    let findings = Findings { tried: Some(tried), ..Findings::default() };
    Ok(render_at(app, &visitor, Uri::from_static("/playground"), findings).await)
}
