//! How far the reconciliation has come, and the organizations that it goes through.

use std::time::Duration;

use domain::organization::OrganizationId;
use domain::time::Timestamp;

use super::{Error, Store};

/// A part of the reconciliation that goes through something in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Through the organizations, by id.
    Organizations,
    /// Through Stripe's list of events, by time.
    Events,
    /// All of it, on a schedule.
    Schedule,
}

impl Task {
    fn as_str(self) -> &'static str {
        match self {
            Self::Organizations => "organizations",
            Self::Events => "events",
            Self::Schedule => "schedule",
        }
    }
}

impl Store {
    /// Where a task was left; `None` at the beginning.
    pub async fn position(&self, task: Task) -> Result<Option<String>, Error> {
        let position: Option<String> = sqlx::query_scalar("SELECT position FROM reconciliations WHERE task = $1")
            .bind(task.as_str())
            .fetch_optional(&self.pool)
            .await?;
        Ok(position.filter(|position| !position.is_empty()))
    }

    /// Notes where a task is; an empty position is the beginning.
    pub async fn set_position(&self, task: Task, position: &str, wall: Timestamp) -> Result<(), Error> {
        let position = position.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO reconciliations (task, position, updated_at) VALUES ($1, $2, $3)
                     ON CONFLICT (task) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at",
                )
                .bind(task.as_str())
                .bind(position)
                .bind(wall.0)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Takes the next comparison of the schedule: `true` for one node, once in `every`.
    pub async fn claim_reconciliation(&self, every: Duration, wall: Timestamp) -> Result<bool, Error> {
        let every = i64::try_from(every.as_secs()).unwrap_or(i64::MAX);
        self.write(move |connection| {
            Box::pin(async move {
                let claimed = sqlx::query(
                    "INSERT INTO reconciliations (task, position, updated_at) VALUES ($1, '', $2)
                     ON CONFLICT (task) DO UPDATE SET updated_at = excluded.updated_at
                     WHERE reconciliations.updated_at <= $3",
                )
                .bind(Task::Schedule.as_str())
                .bind(wall.0)
                .bind(wall.0.saturating_sub(every))
                .execute(connection)
                .await?;
                Ok(claimed.rows_affected() > 0)
            })
        })
        .await
    }

    /// The next organizations that have a Stripe customer, by id, up to `last` or all: each with its customer.
    pub async fn billed_between(
        &self,
        after: &str,
        last: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(OrganizationId, String)>, Error> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT id, stripe_customer_id FROM organizations
             WHERE id > $1 AND ($2 = '' OR id <= $2) AND stripe_customer_id IS NOT NULL ORDER BY id LIMIT $3",
        )
        .bind(after)
        .bind(last.unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|(id, customer)| (OrganizationId(id), customer)).collect())
    }
}
