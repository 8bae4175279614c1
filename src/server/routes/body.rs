//! A request's body, as a form or as JSON: a form is what a page posts and is answered with a redirect, JSON is what a
//! program posts and is answered with JSON. One handler serves both.

use axum::extract::{FromRequest, Request};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Number, json};

use crate::error::AppError;
use crate::server::api::unreadable;

/// How the body came, which is how the answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A redirect, for a browser that posted a form.
    Redirect,
    /// JSON, for a program.
    Json,
}

impl Wanted {
    /// Answers with an address to go to.
    pub fn go_to(self, url: &str) -> Response {
        match self {
            Self::Redirect => Redirect::to(url).into_response(),
            Self::Json => Json(json!({ "url": url })).into_response(),
        }
    }
}

/// A body read as `T`.
#[derive(Debug)]
pub struct Body<T> {
    /// What was sent.
    pub value: T,
    /// How to answer.
    pub wanted: Wanted,
}

impl<S: Send + Sync, T: DeserializeOwned + Send + 'static> FromRequest<S> for Body<T> {
    type Rejection = AppError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AppError> {
        let is_json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/json"));
        if is_json {
            let read = Json::from_request(request, state).await;
            let Json(value) = read.map_err(|error| unreadable(error.status(), &error.body_text()))?;
            Ok(Self { value, wanted: Wanted::Json })
        } else {
            let read = Form::from_request(request, state).await;
            let Form(value) = read.map_err(|error| unreadable(error.status(), &error.body_text()))?;
            Ok(Self { value, wanted: Wanted::Redirect })
        }
    }
}

/// What a form sends as text, and a program may send as a number or as yes and no.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Text {
        Typed(String),
        Number(Number),
        Flag(bool),
    }
    Ok(match Text::deserialize(deserializer)? {
        Text::Typed(text) => text,
        Text::Number(number) => number.to_string(),
        Text::Flag(yes) => if yes { "yes" } else { "" }.to_owned(),
    })
}
