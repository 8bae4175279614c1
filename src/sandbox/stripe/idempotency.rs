//! Idempotency keys: the first answer to a key is the answer to all its repetitions.
//!
//! The answer is kept in the transaction that the request ran in, so that a crash leaves both the
//! effect and its answer or neither.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::account::Account;
use super::error::ApiError;
use crate::json::Json;

/// The kept answers.
pub(crate) const KIND: &str = "_idempotency";
/// Stripe keeps a key for a day.
pub(crate) const LIFETIME: i64 = 86_400;

/// Identifies a request: the same key must always come with the same one.
pub(crate) fn fingerprint(method: &str, path: &str, query: &str, body: &[u8]) -> String {
    // Parameters are compared, not bytes: client libraries may write the same ones in another order.
    let mut parameters: Vec<&[u8]> = body.split(|byte| *byte == b'&').collect();
    parameters.sort_unstable();
    let mut digest = Sha256::new();
    for part in [method.as_bytes(), path.as_bytes(), query.as_bytes()].into_iter().chain(parameters) {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    hex::encode(digest.finalize())
}

/// The kept answer for `key`, if there is one; an error when the key belongs to another request.
pub(crate) fn kept(account: &Account, key: &str, fingerprint: &str) -> Result<Option<(StatusCode, Value)>, ApiError> {
    let Some(kept) = account.get(KIND, key) else {
        return Ok(None);
    };
    if kept.int("created") + LIFETIME < account.now() {
        return Ok(None);
    }
    if kept.text("fingerprint") != fingerprint {
        return Err(ApiError::idempotency(format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
        )));
    }
    let status = u16::try_from(kept.int("status")).unwrap_or(200);
    Ok(Some((StatusCode::from_u16(status).unwrap_or(StatusCode::OK), kept.get("body").cloned().unwrap_or_default())))
}

/// Keeps the answer for `key`.
pub(crate) fn keep(account: &mut Account, key: &str, fingerprint: &str, status: StatusCode, body: &Value) {
    let created = account.now();
    account.note(
        KIND,
        key,
        json!({ "fingerprint": fingerprint, "status": status.as_u16(), "body": body, "created": created }),
    );
}

/// The keys that are being worked on.
#[derive(Default)]
pub(crate) struct InFlight(Mutex<HashSet<String>>);

impl InFlight {
    /// Claims a key until the guard is dropped; nothing when somebody else has it.
    pub(crate) fn claim(&self, key: &str) -> Option<Claim<'_>> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key.to_owned()).then(|| Claim { keys: self, key: key.to_owned() })
    }
}

/// A key that is being worked on.
pub(crate) struct Claim<'k> {
    keys: &'k InFlight,
    key: String,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
