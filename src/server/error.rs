//! Failures inside the server, and the one place where they become something a person may see. The inside is logged
//! here, once; the outside gets a code and a sentence.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::api::Problem;
use super::{auth, request_id, store, stripe};
use crate::error::{AppError, Code};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that the caller can mend; its text is safe to show.
    #[error(transparent)]
    App(#[from] AppError),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Stripe.
    #[error(transparent)]
    Stripe(#[from] stripe::Error),
    /// The OpenID provider.
    #[error(transparent)]
    Provider(#[from] auth::ProviderError),
    /// Another node keeps storing what we are about to store.
    #[error("somebody else is at work on this; trying again")]
    Busy,
    /// The session.
    #[error("the session cannot be read or written: {0}")]
    Session(#[from] tower_sessions::session::Error),
}

impl Error {
    /// A refusal with its sentence.
    pub fn refused(code: Code, message: impl Into<String>) -> Self {
        Self::App(AppError::new(code, message))
    }

    /// What the outside may know. Logs the rest.
    pub fn into_app(self) -> AppError {
        let (code, message) = match &self {
            Self::App(error) => return error.clone(),
            Self::Stripe(stripe::Error::Declined(sentence) | stripe::Error::Unconfirmed(sentence)) => {
                return AppError::new(Code::PaymentRequired, sentence.clone());
            }
            Self::Stripe(stripe::Error::Unknown(_)) | Self::Busy => (
                Code::Unavailable,
                "Our payment provider does not answer right now. Nothing was charged; please try again in a moment.",
            ),
            Self::Provider(auth::ProviderError::Unreachable(_)) => {
                (Code::Unavailable, "Sign-in is not available right now. Please try again in a moment.")
            }
            Self::Provider(auth::ProviderError::Rejected(_)) => {
                (Code::Invalid, "The sign-in could not be completed. Please sign in again.")
            }
            Self::Store(_) | Self::Session(_) | Self::Stripe(_) => (
                Code::Internal,
                "Something went wrong on our side. Please try again; if it stays, tell us the request id.",
            ),
        };
        let request = request_id::current().unwrap_or_default();
        tracing::error!(request, error = %self, code = code.as_str(), "a request failed");
        AppError::new(code, message)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.into_app().into_response()
    }
}

/// A problem document (RFC 9457). The page layer replaces it with a page where a person is looking.
impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(Problem::of(&self))).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.extensions_mut().insert(self);
        response
    }
}
