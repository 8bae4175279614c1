//! What a test may watch and disturb: the log of API requests, and faults for the next ones.
//!
//! Neither outlives the process: they belong to a test, not to the account.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

/// How many requests are remembered.
const REMEMBERED: usize = 1_000;

/// One API request, as `GET /sandbox/requests` shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Request {
    /// Id given in the `Request-Id` header.
    pub id: String,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// What was sent: the query and the body.
    pub sent: String,
    /// The idempotency key, if there was one.
    pub idempotency_key: Option<String>,
    /// Sandbox time of arrival.
    pub created: i64,
}

/// How the next matching requests go wrong.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// Start of the path; empty matches every request.
    #[serde(default)]
    pub path_prefix: String,
    /// HTTP method; absent matches all.
    #[serde(default)]
    pub method: Option<String>,
    /// Answer with this status instead of executing.
    #[serde(default)]
    pub status: Option<u16>,
    /// In HTML, as something that stands between and is itself in trouble.
    #[serde(default)]
    pub html: bool,
    /// Keep that answer under the idempotency key, as Stripe keeps its 500s.
    #[serde(default)]
    pub save: bool,
    /// Execute, commit, and cut the connection instead of answering.
    #[serde(default)]
    pub drop_after_commit: bool,
    /// Wait before doing anything.
    #[serde(default)]
    pub delay_ms: u64,
    /// How many requests this applies to.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// The status to answer with.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.status?).ok()
    }

    /// How long to wait first.
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    fn applies(&self, method: &str, path: &str) -> bool {
        self.times > 0
            && path.starts_with(&self.path_prefix)
            && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
    }
}

/// The log and the pending faults.
#[derive(Default)]
pub(crate) struct Traffic {
    log: Mutex<VecDeque<Request>>,
    faults: Mutex<Vec<Fault>>,
}

impl Traffic {
    /// Remembers a request.
    pub(crate) fn record(&self, request: Request) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == REMEMBERED {
            log.pop_front();
        }
        log.push_back(request);
    }

    /// The remembered requests, oldest first.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().cloned().collect()
    }

    /// Forgets the remembered requests.
    pub(crate) fn forget(&self) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.clear();
    }

    /// Replaces the pending faults.
    pub(crate) fn set_faults(&self, faults: Vec<Fault>) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// The pending faults.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.clone()
    }

    /// The fault that strikes this request, if any; uses up one of its times.
    pub(crate) fn strike(&self, method: &str, path: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = faults.iter_mut().find(|fault| fault.applies(method, path))?;
        fault.times -= 1;
        let struck = fault.clone();
        faults.retain(|fault| fault.times > 0);
        Some(struck)
    }
}
