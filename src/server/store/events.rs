//! The inbox: every event that Stripe sent, kept byte for byte, with what became of it.

use std::time::Duration;

use domain::organization::OrganizationId;
use domain::time::{Seconds, Timestamp};
use sqlx::{AnyConnection, FromRow};

use super::{Error, Store};

/// A worker that took an event has so long to finish; after that another may take it.
const CLAIM: Seconds = Seconds(60);
/// How many attempts an event gets before it is set aside for a person to look at.
const ATTEMPTS: i64 = 12;
/// How many of them are counted while Stripe is away, which is not the event's fault.
const ATTEMPTS_WHILE_AWAY: i64 = 9;

/// Whose fault it is that an event was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The event's, so that trying again may never help.
    Event,
    /// That of something that is away: it is tried until it is back.
    Away,
}

/// What became of an event, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It was acted on.
    Applied(String),
    /// It concerns nothing that we keep.
    Ignored(String),
}

impl Decision {
    /// It was acted on, so.
    pub fn applied(what: impl Into<String>) -> Self {
        Self::Applied(what.into())
    }

    /// It was left alone, because.
    pub fn ignored(why: impl Into<String>) -> Self {
        Self::Ignored(why.into())
    }
}

/// An event as it came in.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Stripe's id, `evt_…`.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// When Stripe made it.
    pub created: Timestamp,
    /// Whether real money is behind it.
    pub livemode: bool,
    /// The body as it came.
    pub payload: String,
}

/// An event that waits for the worker.
#[derive(Clone, Debug, FromRow)]
pub struct InboxEvent {
    /// Stripe's id, `evt_…`.
    pub id: String,
    /// The body as it came.
    pub payload: String,
    /// How often it was tried before.
    pub attempts: i64,
    /// When Stripe made it.
    pub created_at: i64,
}

impl Store {
    /// Puts an event into the inbox. When this returns, the event is on the disk.
    pub async fn receive_event(&self, arrival: Arrival, wall: Timestamp) -> Result<(), Error> {
        self.entrance.put(arrival, wall).await
    }

    /// Returns when no delivery has waited to be on the disk for so long.
    pub async fn no_arrivals(&self, pause: Duration) {
        self.entrance.quiet(pause).await;
    }

    /// Takes events that are due, oldest first, at most so many. The condition stands twice so that two nodes never take the same one.
    pub async fn claim_events(&self, most: u32, now: Timestamp) -> Result<Vec<InboxEvent>, Error> {
        self.write(move |connection| {
            Box::pin(async move {
                let mut events: Vec<InboxEvent> = sqlx::query_as(
                    "UPDATE stripe_events SET next_attempt_at = $2
                     WHERE id IN (SELECT id FROM stripe_events WHERE status = 'pending' AND next_attempt_at <= $1
                                  ORDER BY next_attempt_at, created_at, id LIMIT $3)
                       AND status = 'pending' AND next_attempt_at <= $1
                     RETURNING id, payload, attempts, created_at",
                )
                .bind(now.0)
                .bind((now + CLAIM).0)
                .bind(i64::from(most))
                .fetch_all(connection)
                .await?;
                events.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
                Ok(events)
            })
        })
        .await
    }

    /// Notes what became of an event that changed nothing else.
    pub async fn event_done(
        &self,
        id: &str,
        organization: Option<OrganizationId>,
        decision: Decision,
        wall: Timestamp,
    ) -> Result<(), Error> {
        let id = id.to_owned();
        self.write(move |connection| {
            Box::pin(async move { finish(connection, &id, organization.as_ref(), decision, wall).await })
        })
        .await
    }

    /// Notes a failure: the event is tried again after `wait`, or set aside after too many attempts that were its own
    /// fault. Whether it was set aside. What another worker has settled meanwhile stays settled.
    pub async fn event_failed(
        &self,
        id: &str,
        error: String,
        fault: Fault,
        wait: Seconds,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let id = id.to_owned();
        let counted = match fault {
            Fault::Event => ATTEMPTS,
            Fault::Away => ATTEMPTS_WHILE_AWAY,
        };
        self.write(move |connection| {
            Box::pin(async move {
                let status: Option<String> = sqlx::query_scalar(
                    "UPDATE stripe_events SET last_error = $2, next_attempt_at = $3,
                         attempts = CASE WHEN attempts < $4 THEN attempts + 1 ELSE attempts END,
                         status = CASE WHEN attempts + 1 >= $5 AND $4 >= $5 THEN 'dead' ELSE 'pending' END
                     WHERE id = $1 AND status = 'pending' RETURNING status",
                )
                .bind(id)
                .bind(error)
                .bind((now + wait).0)
                .bind(counted)
                .bind(ATTEMPTS)
                .fetch_optional(connection)
                .await?;
                Ok(status.as_deref() == Some("dead"))
            })
        })
        .await
    }

    /// How many events wait for the worker.
    pub async fn events_waiting(&self) -> Result<i64, Error> {
        Ok(sqlx::query_scalar("SELECT COUNT(*) FROM stripe_events WHERE status = 'pending'")
            .fetch_one(&self.pool)
            .await?)
    }
}

/// Notes what became of an event, inside the transaction of what it did, and whose it was.
pub(super) async fn finish(
    connection: &mut AnyConnection,
    id: &str,
    organization: Option<&OrganizationId>,
    decision: Decision,
    wall: Timestamp,
) -> Result<(), Error> {
    let (status, decision) = match decision {
        Decision::Applied(what) => ("applied", what),
        Decision::Ignored(why) => ("ignored", why),
    };
    sqlx::query(
        "UPDATE stripe_events SET status = $2, decision = $3, applied_at = $4,
             organization_id = COALESCE($5, organization_id),
             attempts = attempts + 1, last_error = NULL
         WHERE id = $1",
    )
    .bind(id)
    .bind(status)
    .bind(decision)
    .bind(wall.0)
    .bind(organization.map(|organization| organization.0.clone()))
    .execute(connection)
    .await?;
    Ok(())
}
