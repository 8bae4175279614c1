//! The one error that crosses the wire: a stable code and a sentence a person can act on. Nothing from inside is in it.

use leptos::prelude::{FromServerFnError, ServerFnErrorErr};
use leptos::server_fn::codec::JsonEncoding;
use serde::{Deserialize, Serialize};

/// What kind of failure it is: stable words for programs, and what decides the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// 400: what was sent cannot be used.
    Invalid,
    /// 401: sign in first.
    NotSignedIn,
    /// 403: signed in, and not allowed.
    Forbidden,
    /// 402: the payment was declined.
    PaymentRequired,
    /// 402, or 429 where waiting helps: there is not enough left.
    LimitReached,
    /// 429: too many requests.
    RateLimited,
    /// 404: there is no such thing, or not for you.
    NotFound,
    /// 409: it does not fit what is there.
    Conflict,
    /// 405: not in this way.
    MethodNotAllowed,
    /// 408: it took too long.
    Timeout,
    /// 413: it is too much at once.
    TooLarge,
    /// 503: somebody we depend on does not answer; try again.
    Unavailable,
    /// 500: our fault.
    Internal,
}

impl Code {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::NotSignedIn => 401,
            Self::Forbidden => 403,
            Self::PaymentRequired | Self::LimitReached => 402,
            Self::RateLimited => 429,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::TooLarge => 413,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    /// The heading of the page and the `title` of the problem document.
    pub fn title(self) -> &'static str {
        match self {
            Self::Invalid => "That does not work",
            Self::NotSignedIn => "Sign in first",
            Self::Forbidden => "Not allowed",
            Self::PaymentRequired => "The payment did not go through",
            Self::LimitReached => "The limit is reached",
            Self::RateLimited => "Too many requests",
            Self::NotFound => "Not found",
            Self::Conflict => "That does not fit",
            Self::MethodNotAllowed => "Not in this way",
            Self::Timeout => "It took too long",
            Self::TooLarge => "Too much at once",
            Self::Unavailable => "Not available right now",
            Self::Internal => "Something went wrong",
        }
    }

    /// The word in problem documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotSignedIn => "not_signed_in",
            Self::Forbidden => "forbidden",
            Self::PaymentRequired => "payment_required",
            Self::LimitReached => "limit_reached",
            Self::RateLimited => "rate_limited",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

/// A failure as a person or a client sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct AppError {
    /// What kind.
    pub code: Code,
    /// What happened and what to do, in a sentence.
    pub message: String,
    /// The request that failed, where a server function tells it to whoever called it over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "requestId")]
    pub request_id: Option<String>,
}

impl AppError {
    /// A failure with its sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), request_id: None }
    }

    /// There is no such page or thing.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "There is nothing at this address. It may have moved, or the link is incomplete.")
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) | ServerFnErrorErr::Deserialization(_) => {
                Self::new(Code::Invalid, "The request could not be read.")
            }
            _ => Self::new(Code::Internal, "Something went wrong on our side. Please try again."),
        }
    }
}
