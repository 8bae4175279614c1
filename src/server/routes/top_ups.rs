//! `POST /api/top-ups`: turns an automatic top-up on or off, changes its terms, or lets a paused one go on.

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;

use super::body::{Body, Wanted, text};
use crate::app::Findings;
use crate::components::top_ups::{TopUpForm, Wrong};
use crate::error::Code;
use crate::server::App;
use crate::server::error::Error;
use crate::server::pages::{render_at, signed_in};
use crate::server::top_ups::refusal;
use crate::visitor::Visitor;

/// Which, and what to do.
#[derive(Debug, Deserialize)]
pub struct TopUpBody {
    #[serde(default)]
    meter: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    pack: String,
    #[serde(default, deserialize_with = "text")]
    threshold: String,
    #[serde(default, deserialize_with = "text")]
    cap: String,
    /// Empty where the box is not ticked.
    #[serde(default, deserialize_with = "text")]
    agree: String,
}

/// Does it, or shows the form again with what is wrong.
pub async fn set(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<TopUpBody>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    let TopUpBody { meter, action, pack, threshold, cap, agree } = value;
    let outcome = match action.as_str() {
        "on" => {
            let form = TopUpForm { pack, threshold, cap, agreed: !agree.is_empty(), wrong: Wrong::default() };
            app.turn_top_up_on(account, &meter, form).await?
        }
        "off" => {
            app.turn_top_up_off(account, &meter).await?;
            Ok(())
        }
        "resume" => {
            let wrong =
                |card| TopUpForm { wrong: Wrong { card: Some(card), ..Wrong::default() }, ..TopUpForm::default() };
            app.resume_top_up(account, &meter).await?.map_err(wrong)
        }
        _ => return Err(Error::refused(Code::Invalid, "`action` is `on`, `off` or `resume`.")),
    };
    match (outcome, wanted) {
        (Ok(()), Wanted::Redirect) => Ok(Redirect::to(&account.at("/settings/usage#top-ups")).into_response()),
        (Ok(()), Wanted::Json) => Ok(axum::Json(json!({ "meter": meter, "action": action })).into_response()),
        (Err(form), Wanted::Json) => Err(refusal(&form.wrong)),
        (Err(form), Wanted::Redirect) => {
            let findings = Findings { top_up: Some((meter, form)), ..Findings::default() };
            let mut page = render_at(app, &visitor, Uri::from_static("/settings/usage"), findings).await;
            *page.status_mut() = StatusCode::BAD_REQUEST;
            Ok(page)
        }
    }
}
