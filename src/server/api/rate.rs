//! How often a key may call: so many a second, and as many at once.

use std::num::NonZeroU32;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::error::{AppError, Code};
use crate::server::App;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
/// Keys that have not called for a while are forgotten beyond this number.
const REMEMBERED: usize = 10_000;

type Limiter = RateLimiter<Box<[u8]>, DashMapStateStore<Box<[u8]>>, DefaultClock, StateInformationMiddleware>;

/// What every key has left.
#[derive(Debug)]
pub struct Rates(Option<(NonZeroU32, Limiter)>);

impl Rates {
    /// So many a second; `None` for as many as come.
    pub fn new(a_second: Option<NonZeroU32>) -> Self {
        Self(a_second.map(|rate| {
            let limiter = RateLimiter::dashmap(Quota::per_second(rate));
            (rate, limiter.with_middleware::<StateInformationMiddleware>())
        }))
    }
}

/// Refuses what is too much, and says in every answer what is left. Counts by what is sent as a key, known or not, so
/// that guessing is slowed down as well.
pub async fn limit(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some((rate, limiter)) = &app.rates.0 else { return next.run(request).await };
    let sent = request.headers().get(header::AUTHORIZATION).map_or(&b""[..], HeaderValue::as_bytes);
    if limiter.len() > REMEMBERED {
        limiter.retain_recent();
    }
    match limiter.check_key(&Box::from(sent)) {
        Ok(left) => {
            let mut response = next.run(request).await;
            say(response.headers_mut(), *rate, left.remaining_burst_capacity(), 1);
            response
        }
        Err(refused) => {
            let wait = refused.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
            let message = format!("More than {rate} calls a second with this key: try again in {wait} s.");
            let mut response = AppError::new(Code::RateLimited, message).into_response();
            say(response.headers_mut(), *rate, 0, wait);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
            response
        }
    }
}

fn say(headers: &mut HeaderMap, rate: NonZeroU32, left: u32, reset: u64) {
    headers.insert(LIMIT, HeaderValue::from(rate.get()));
    headers.insert(REMAINING, HeaderValue::from(left));
    headers.insert(RESET, HeaderValue::from(reset));
}
