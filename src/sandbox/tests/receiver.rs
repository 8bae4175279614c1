//! A webhook receiver that keeps what it got and answers as it is told.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;

/// One request as it came.
#[derive(Clone)]
pub(super) struct Received {
    pub signature: String,
    pub body: Vec<u8>,
}

impl Received {
    pub(super) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).expect("an event")
    }
}

#[derive(Default)]
struct Kept {
    requests: Mutex<Vec<Received>>,
    status: AtomicU16,
}

/// A receiver on a free port.
pub(super) struct Receiver {
    pub url: String,
    kept: Arc<Kept>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let kept = Arc::new(Kept::default());
        kept.status.store(200, Ordering::SeqCst);
        let router = Router::new().route("/hook", post(receive)).with_state(Arc::clone(&kept));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, kept }
    }

    pub(super) fn answer_with(&self, status: u16) {
        self.kept.status.store(status, Ordering::SeqCst);
    }

    pub(super) fn requests(&self) -> Vec<Received> {
        self.kept.requests.lock().expect("no panic").clone()
    }

    pub(super) fn types(&self) -> Vec<String> {
        self.requests().iter().map(|it| super::text(&it.event()["type"])).collect()
    }
}

async fn receive(State(kept): State<Arc<Kept>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers.get("stripe-signature").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let request = Received { signature: signature.to_owned(), body: body.to_vec() };
    kept.requests.lock().expect("no panic").push(request);
    StatusCode::from_u16(kept.status.load(Ordering::SeqCst)).expect("a status")
}
