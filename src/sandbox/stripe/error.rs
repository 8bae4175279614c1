//! Stripe's error object: type, code, sentence, parameter and HTTP status.
//!
//! Errors are answers of the API, so they are plain values with builders, in Stripe's own wording.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// An API call that was refused.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    message: String,
    fields: Map<String, Value>,
    keeps_changes: bool,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), fields: Map::new(), keeps_changes: false }
    }

    /// The request cannot be carried out as it stands.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// A parameter that the endpoint needs is absent.
    pub(crate) fn missing_param(param: &str) -> Self {
        Self::invalid(format!("Missing required param: {param}.")).code("parameter_missing").param(param)
    }

    /// A parameter that the endpoint does not know.
    pub(crate) fn unknown_param(param: &str) -> Self {
        Self::invalid(format!("Received unknown parameter: {param}")).code("parameter_unknown").param(param)
    }

    /// An object that does not exist; `param` is where its id was given.
    pub(crate) fn no_such(noun: &str, id: &str, param: &str) -> Self {
        let mut error = Self::invalid(format!("No such {noun}: '{id}'")).code("resource_missing").param(param);
        if param == "id" {
            error.status = StatusCode::NOT_FOUND;
        }
        error
    }

    /// No endpoint has this method and path.
    pub(crate) fn no_route(method: &str, path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            format!(
                "Unrecognized request URL ({method}: {path}). Please see https://docs.stripe.com/api for the API reference."
            ),
        )
    }

    /// The key is missing or wrong.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message)
    }

    /// The same idempotency key came with another request.
    pub(crate) fn idempotency(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "idempotency_error", message)
    }

    /// The same idempotency key is being worked on.
    pub(crate) fn in_progress(key: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "idempotency_error",
            format!("There is currently another in-progress request using this Idempotent Key ({key}). Please try again later."),
        )
        .code("idempotency_key_in_use")
    }

    /// A card was refused. What happened on the way (an open invoice, a failed intent) is kept.
    pub(crate) fn card(code: &str, decline_code: Option<&str>, message: &str) -> Self {
        let error = Self::new(StatusCode::PAYMENT_REQUIRED, "card_error", message).code(code);
        match decline_code {
            Some(decline_code) => error.with("decline_code", decline_code),
            None => error,
        }
    }

    /// A failure that a test asked for, or one of the sandbox itself.
    pub(crate) fn with_status(status: StatusCode, message: impl Into<String>) -> Self {
        let kind = match status {
            StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => "invalid_request_error",
            StatusCode::PAYMENT_REQUIRED => "card_error",
            status if status.is_client_error() => "invalid_request_error",
            _ => "api_error",
        };
        let error = Self::new(status, kind, message);
        match status {
            StatusCode::TOO_MANY_REQUESTS => error.code("rate_limit"),
            StatusCode::CONFLICT => error.code("lock_timeout"),
            _ => error,
        }
    }

    /// Names the machine-readable code.
    pub(crate) fn code(self, code: &str) -> Self {
        self.with("code", code)
            .with("doc_url", format!("https://docs.stripe.com/error-codes/{}", code.replace('_', "-")))
    }

    /// Names the parameter at fault.
    pub(crate) fn param(self, param: impl Into<String>) -> Self {
        self.with("param", param.into())
    }

    /// Adds a field, for example `payment_intent`.
    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    /// Says that what the call did before it failed stays.
    pub(crate) fn keeping_changes(mut self) -> Self {
        self.keeps_changes = true;
        self
    }

    /// Whether what the call did before it failed stays.
    pub(crate) fn keeps_changes(&self) -> bool {
        self.keeps_changes
    }

    /// Whether the call got as far as executing, so that its answer is kept under its key.
    pub(crate) fn is_saved(&self) -> bool {
        self.kind == "card_error"
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence for people.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The body, with the log line that Stripe points to.
    pub(crate) fn body(&self, request_id: &str) -> Value {
        let mut error = self.fields.clone();
        error.insert("type".into(), self.kind.into());
        error.insert("message".into(), self.message.clone().into());
        error.insert("request_log_url".into(), format!("https://dashboard.stripe.com/test/logs/{request_id}").into());
        json!({ "error": error })
    }
}

impl From<crate::Error> for ApiError {
    fn from(error: crate::Error) -> Self {
        tracing::error!(%error, "sandbox state could not be written");
        Self::with_status(StatusCode::INTERNAL_SERVER_ERROR, "The sandbox could not write its state.")
    }
}
