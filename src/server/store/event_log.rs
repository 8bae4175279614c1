//! The inbox as operators see it: what came, what became of it and why, and sending it through again.

use domain::time::Timestamp;
use sqlx::FromRow;

use super::{Error, Store};

/// An event with what became of it.
#[derive(Clone, Debug, FromRow)]
pub struct LoggedEvent {
    /// Stripe's id.
    pub id: String,
    /// Its type.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// When Stripe made it, UTC seconds.
    pub created_at: i64,
    /// When it came, UTC seconds.
    pub received_at: i64,
    /// `pending`, `applied`, `ignored` or `dead`.
    pub status: String,
    /// What was decided, and why.
    pub decision: Option<String>,
    /// How often it was tried.
    pub attempts: i64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Whose it is.
    pub organization_id: Option<String>,
    /// The body as it came.
    pub payload: String,
}

impl Store {
    /// The latest events, newest first; of one status where that is asked.
    pub async fn events(&self, status: Option<&str>, limit: u32) -> Result<Vec<LoggedEvent>, Error> {
        Ok(sqlx::query_as(
            "SELECT * FROM stripe_events WHERE $1 = '' OR status = $1
             ORDER BY received_at DESC, id DESC LIMIT $2",
        )
        .bind(status.unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?)
    }

    /// One event.
    pub async fn event(&self, id: &str) -> Result<Option<LoggedEvent>, Error> {
        Ok(sqlx::query_as("SELECT * FROM stripe_events WHERE id = $1").bind(id).fetch_optional(&self.pool).await?)
    }

    /// Whether an event has come.
    pub async fn has_event(&self, id: &str) -> Result<bool, Error> {
        let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM stripe_events WHERE id = $1")
            .bind(id)
            .fetch_one(&self.pool)
            .await?;
        Ok(known > 0)
    }

    /// Puts an event back into the queue with all its attempts before it: the worker looks at it again. `false` where
    /// there is no such event.
    pub async fn replay_event(&self, id: &str, wall: Timestamp) -> Result<bool, Error> {
        let id = id.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let updated = sqlx::query(
                    "UPDATE stripe_events SET status = 'pending', attempts = 0, next_attempt_at = $2 WHERE id = $1",
                )
                .bind(id)
                .bind(wall.0)
                .execute(connection)
                .await?;
                Ok(updated.rows_affected() > 0)
            })
        })
        .await
    }
}
