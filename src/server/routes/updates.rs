//! `GET /api/updates`: tells an open page that it is out of date, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Deserialize;

use crate::server::App;
use crate::server::error::Error;
use crate::server::pages::signed_in;
use crate::visitor::Visitor;

/// How often the revision is looked at without being told: for what another node changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// After this long the browser asks again, so that somebody who is signed out does not listen for ever.
const AT_MOST: Duration = Duration::from_mins(5);

/// What the page shows.
#[derive(Debug, Deserialize)]
pub struct Shown {
    #[serde(default)]
    revision: i64,
}

/// One message as soon as the organization's revision is not the page's.
pub async fn updates(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(shown): Query<Shown>,
) -> Result<Response, Error> {
    let organization = signed_in(&visitor)?.organization.clone();
    let events = stream::once(async move {
        let mut listener = app.live.listen();
        let mut stopping = app.stopping.subscribe();
        let until = tokio::time::sleep(AT_MOST);
        tokio::pin!(until);
        loop {
            match app.store.revision(&organization).await {
                Ok(revision) if revision != shown.revision => {
                    return Ok::<_, Infallible>(Event::default().event("changed").data(revision.to_string()));
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the revision could not be read; trying again"),
            }
            tokio::select! {
                () = listener.changed(&organization) => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = &mut until => return Ok(Event::default().comment("ask again")),
                _ = stopping.wait_for(|stopping| *stopping) => return Ok(Event::default().comment("stopping")),
            }
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(20))).into_response())
}
