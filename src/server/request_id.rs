//! The id of the request that is being answered: one for each, made by the router, in the answer's header, in every
//! failure and in the log, so that what a person quotes is what an operator finds. Whoever needs it asks here; nobody
//! hands it on.

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower_http::request_id::RequestId;

use crate::error::AppError;

/// The longest failure of a server function, in bytes: a code and a sentence.
const LONGEST: usize = 64 * 1024;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that this task answers; nothing where it answers none.
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok().filter(|id| !id.is_empty())
}

/// Lets everything that answers a request know its id.
pub async fn known(request: Request, answer: impl AsyncFnOnce(Request) -> Response) -> Response {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    let id = id.unwrap_or_default().to_owned();
    CURRENT.scope(id, answer(request)).await
}

/// Puts the id into the failure of a server function, and its status before it. The framework makes some of them
/// itself, and all of them into bytes with status 500, before we see them.
pub async fn into_failure(response: Response) -> Response {
    let failed = response.status().is_client_error() || response.status().is_server_error();
    let Some(id) = current().filter(|_| failed) else { return response };
    let (mut head, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, LONGEST).await else { return Response::from_parts(head, axum::body::Body::empty()) };
    // What is not one of ours is the framework's word that it has no such function.
    let Ok(error) = serde_json::from_slice::<AppError>(&bytes) else { return AppError::not_found().into_response() };
    head.status = StatusCode::from_u16(error.code.status()).unwrap_or(head.status);
    head.headers.remove(header::CONTENT_LENGTH);
    let told = serde_json::to_vec(&AppError { request_id: Some(id), ..error }).unwrap_or_default();
    Response::from_parts(head, told.into())
}
