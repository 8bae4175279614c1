//! `POST /api/contact-sales`: a request to the people who sell, from anybody.

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use domain::sales::{Typed, Wrong};
use serde::Deserialize;
use serde_json::json;

use super::body::{Body, Wanted, text};
use crate::app::Findings;
use crate::error::Code;
use crate::pages::contact_sales::Inquiry;
use crate::server::App;
use crate::server::error::Error;
use crate::server::pages::render_at;
use crate::visitor::Visitor;

/// What is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SalesBody {
    name: String,
    email: String,
    company: String,
    plan: String,
    #[serde(deserialize_with = "text")]
    seats: String,
    message: String,
    /// People do not see this field. Programs that fill in every form do.
    website: String,
}

/// Takes it, or shows the form again with what is wrong.
pub async fn contact(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<SalesBody>,
) -> Result<Response, Error> {
    let SalesBody { name, email, company, plan, seats, message, website } = value;
    let typed = Typed { name, email, company, plan, seats, message };
    // Whoever filled in the hidden field is told what everybody is told, and nothing is kept.
    let outcome =
        if website.is_empty() { app.contact_sales(visitor.account.as_ref(), &typed).await } else { Ok(Ok(())) };
    let inquiry = match (outcome, wanted) {
        (Ok(Ok(())), Wanted::Redirect) => return Ok(Redirect::to("/contact-sales?sent=1").into_response()),
        (Ok(Ok(())), Wanted::Json) => return Ok(axum::Json(json!({ "received": true })).into_response()),
        (Ok(Err(wrong)), Wanted::Json) => return Err(refusal(&wrong)),
        (Ok(Err(wrong)), Wanted::Redirect) => Inquiry { typed, wrong, refused: None },
        (Err(Error::App(error)), Wanted::Redirect) if error.code == Code::RateLimited => {
            Inquiry { typed, wrong: Wrong::default(), refused: Some(error.message) }
        }
        (Err(error), _) => return Err(error),
    };
    let limited = inquiry.refused.is_some();
    let findings = Findings { inquiry: Some(inquiry), ..Findings::default() };
    let mut page = render_at(app, &visitor, Uri::from_static("/contact-sales"), findings).await;
    *page.status_mut() = if limited { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::BAD_REQUEST };
    Ok(page)
}

/// Everything that is wrong, in one sentence for programs.
fn refusal(wrong: &Wrong) -> Error {
    let all: Vec<String> = wrong.all().map(|(field, wrong)| format!("`{field}`: {wrong}")).collect();
    Error::refused(Code::Invalid, all.join(" "))
}
