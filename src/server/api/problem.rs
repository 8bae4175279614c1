//! Failures as RFC 9457 problem documents, with what a program needs to act on them.

use aide::OperationOutput;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::entitlement::{MeterAnswer, Why};
use domain::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{AppError, Code};
use crate::server::error::Error;
use crate::server::request_id;

/// A problem document.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Always `about:blank`: the code says what kind it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What kind of failure, for people.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened and what to do.
    detail: String,
    /// What kind of failure, for programs.
    code: &'static str,
    /// The request, as in the header `x-request-id`: quote it to whoever runs this, who finds it in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// How the meter stands that has too little left.
    #[serde(skip_serializing_if = "Option::is_none")]
    meter: Option<MeterAnswer>,
}

impl Problem {
    /// A failure, for the request that is being answered.
    pub fn of(error: &AppError) -> Self {
        Self {
            kind: "about:blank",
            title: error.code.title(),
            status: error.code.status(),
            detail: error.message.clone(),
            code: error.code.as_str(),
            request_id: request_id::current(),
            meter: None,
        }
    }
}

/// Why a request of a service was not carried out.
#[derive(Debug)]
pub enum Failure {
    /// As anywhere.
    Error(Error),
    /// There is not enough left.
    Limit {
        /// How the meter stands.
        meter: Box<MeterAnswer>,
        /// The clock.
        now: Timestamp,
    },
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl Failure {
    /// A refusal with its sentence.
    pub fn refused(code: Code, message: impl Into<String>) -> Self {
        Self::Error(Error::refused(code, message))
    }
}

impl OperationOutput for Failure {
    type Inner = Problem;
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Error(error) => error.into_response(),
            Self::Limit { meter, now } => limit(*meter, now),
        }
    }
}

/// 429 where waiting helps, 402 where only another plan, a payment or credits do.
fn limit(meter: MeterAnswer, now: Timestamp) -> Response {
    let waiting_helps = meter.reason == Why::LimitReached;
    let wait = meter.resets_at.filter(|_| waiting_helps).map(|at| (at - now.0).max(0));
    let code = Code::LimitReached;
    let error = AppError::new(code, meter.message.clone());
    let status = if wait.is_some() { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::PAYMENT_REQUIRED };
    let problem = Problem { status: status.as_u16(), meter: Some(meter), ..Problem::of(&error) };
    let mut response = (status, Json(problem)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(wait) = wait {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    response
}

/// Gives what the framework refuses without a word the form of every other failure, where programs read it.
pub fn worded(path: &str, response: Response) -> Response {
    if !path.starts_with("/api/") || response.extensions().get::<AppError>().is_some() {
        return response;
    }
    let (code, sentence) = match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => {
            (Code::MethodNotAllowed, "This address is not asked in this way: the header `allow` says how it is.")
        }
        StatusCode::REQUEST_TIMEOUT => (Code::Timeout, "This took too long and was given up. Please try again."),
        StatusCode::PAYLOAD_TOO_LARGE => (Code::TooLarge, TOO_LARGE),
        _ => return response,
    };
    let mut problem = AppError::new(code, sentence).into_response();
    if let Some(allow) = response.headers().get(header::ALLOW) {
        problem.headers_mut().insert(header::ALLOW, allow.clone());
    }
    problem
}

const TOO_LARGE: &str = "This is more than is taken at once: a request has one mebibyte at most.";

/// Why a body could not be read, as the framework has it.
pub fn unreadable(status: StatusCode, reason: &str) -> AppError {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return AppError::new(Code::TooLarge, TOO_LARGE);
    }
    AppError::new(Code::Invalid, format!("The request cannot be read: {reason}"))
}
