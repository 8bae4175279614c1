//! The way into the inbox: deliveries are stored in groups.

use std::time::Duration;

use domain::time::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe};
use tokio::sync::watch;

use super::Error;
use super::events::Arrival;
use super::gathering::Gathering;
use super::rows::{pieces, places};
use super::tasks::WritingTasks;
use super::writer::Writer;

/// Where deliveries wait to be on the disk; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    gathering: Gathering<(Arrival, Timestamp), ()>,
    waiting: watch::Sender<usize>,
}

impl Entrance {
    pub(super) fn open(tasks: &WritingTasks, writer: Writer) -> Self {
        let gathering = Gathering::open(tasks, move |arrivals| take_in(writer.clone(), arrivals));
        Self { gathering, waiting: watch::Sender::new(0) }
    }

    /// Puts one in; when this returns, it is on the disk.
    pub(super) async fn put(&self, arrival: Arrival, wall: Timestamp) -> Result<(), Error> {
        let _waiting = Waiting::one(&self.waiting);
        self.gathering.put((arrival, wall)).await
    }

    /// Returns when nobody has waited for an arrival to be on the disk for so long. A moment without anybody is none:
    /// those who deliver one after the other all have their answer for a moment, after every commit.
    pub(super) async fn quiet(&self, pause: Duration) {
        let mut waiting = self.waiting.subscribe();
        loop {
            // The sender is ours, so it cannot be gone.
            drop(waiting.wait_for(|waiting| *waiting == 0).await);
            if tokio::time::timeout(pause, waiting.changed()).await.is_err() {
                return;
            }
        }
    }

    /// Takes in what has come and closes.
    pub(super) async fn close(&self) {
        self.gathering.close().await;
    }
}

/// One that waits; counted until it is dropped, also where the caller goes away.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn one(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

async fn take_in(writer: Writer, arrivals: Vec<(Arrival, Timestamp)>) -> Vec<Result<(), Error>> {
    let count = arrivals.len();
    let written = write(&writer, arrivals).await.map_err(|error| error.to_string());
    let outcome = || written.as_ref().copied().map_err(|error| Error::Commit(error.clone()));
    std::iter::repeat_with(outcome).take(count).collect()
}

async fn write(writer: &Writer, arrivals: Vec<(Arrival, Timestamp)>) -> Result<(), Error> {
    writer
        .write(move |connection| {
            Box::pin(async move {
                for piece in pieces(&arrivals) {
                    insert(connection, piece).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Stores arrivals; what is there already was delivered before.
async fn insert(connection: &mut AnyConnection, rows: &[(Arrival, Timestamp)]) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO stripe_events (id, type, livemode, payload, created_at, received_at, status, attempts,
             next_attempt_at)
         VALUES {} ON CONFLICT (id) DO NOTHING",
        places(connection, rows.len(), 9)
    );
    // Nothing but numbers was put into it.
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (arrival, wall) in rows {
        query = query
            .bind(arrival.id.clone())
            .bind(arrival.kind.clone())
            .bind(i64::from(arrival.livemode))
            .bind(arrival.payload.clone())
            .bind(arrival.created.0)
            .bind(wall.0)
            .bind("pending")
            .bind(0_i64)
            .bind(wall.0);
    }
    query.execute(connection).await?;
    Ok(())
}
