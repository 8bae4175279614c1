//! The way into the inbox: deliveries are stored in groups.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::time::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe};
use tokio::sync::{Mutex, watch};

use super::Error;
use super::events::Arrival;
use super::gathering::Gathering;
use super::own_connection::OwnConnection;
use super::rows::{pieces, places};
use super::tasks::WritingTasks;
use super::writer::{Work, Writer};

/// How long PostgreSQL may take for a statement; longer than it waits for a lock, after which it says so by itself.
const ANSWERED_WITHIN: Duration = Duration::from_secs(12);

/// Where deliveries wait to be on the disk; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    gathering: Gathering<(Arrival, Timestamp), ()>,
    waiting: watch::Sender<usize>,
}

impl Entrance {
    pub(super) fn open(tasks: &WritingTasks, writer: Writer) -> Self {
        let way = Way::of(writer);
        let gathering = Gathering::open(tasks, move |arrivals| way.clone().take_in(arrivals));
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

/// How a group reaches the disk.
#[derive(Clone, Debug)]
enum Way {
    /// SQLite: in one commit with whatever else is written; a statement alone is one by itself.
    Writer(Writer),
    /// PostgreSQL: a statement is a transaction by itself, and on a connection that is kept it is one message there and
    /// back. No account is touched, so nobody is to be told.
    Connection(Arc<Mutex<OwnConnection>>),
}

impl Way {
    fn of(writer: Writer) -> Self {
        match writer {
            Writer::Pooled { pool, .. } => Self::Connection(Arc::new(Mutex::new(OwnConnection::of(pool)))),
            grouped @ Writer::Grouped { .. } => Self::Writer(grouped),
        }
    }

    async fn take_in(self, arrivals: Vec<(Arrival, Timestamp)>) -> Vec<Result<(), Error>> {
        let count = arrivals.len();
        let stored = match self {
            Self::Writer(writer) if pieces(&arrivals).nth(1).is_none() => {
                writer.write_statement(inserted(arrivals)).await
            }
            Self::Writer(writer) => writer.write(inserted(arrivals)).await,
            Self::Connection(own) => insert_alone(&mut *own.lock().await, &arrivals).await.map_err(Error::from),
        };
        let stored = stored.map_err(|error| error.to_string());
        let outcome = || stored.as_ref().copied().map_err(|error| Error::Commit(error.clone()));
        std::iter::repeat_with(outcome).take(count).collect()
    }
}

/// As a piece of the writer's.
fn inserted(arrivals: Vec<(Arrival, Timestamp)>) -> impl Work<()> {
    move |connection: &mut AnyConnection| Box::pin(async move { Ok(insert(connection, &arrivals).await?) })
}

/// A connection may have been cut since it was last used, which shows when it is used; what one try has stored is there
/// already for the next.
async fn insert_alone(own: &mut OwnConnection, arrivals: &[(Arrival, Timestamp)]) -> Result<(), sqlx::Error> {
    match try_alone(own, arrivals).await {
        Err(error) if may_succeed_later(&error) => {
            tracing::warn!(%error, "deliveries were not stored; trying once more on another connection");
            try_alone(own, arrivals).await
        }
        stored => stored,
    }
}

/// Each piece in a transaction of its own.
async fn try_alone(own: &mut OwnConnection, arrivals: &[(Arrival, Timestamp)]) -> Result<(), sqlx::Error> {
    let connection = own.get().await?;
    let stored = match tokio::time::timeout(ANSWERED_WITHIN, insert(connection, arrivals)).await {
        Ok(stored) => stored,
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    };
    if stored.is_err() {
        own.close();
    }
    stored
}

/// Whether it was the connection (08), a server that stops or ends connections (57P), or others who wrote at the same
/// time (40). What the server refused otherwise it would refuse again.
fn may_succeed_later(error: &sqlx::Error) -> bool {
    let passing = |code: &str| ["08", "57P", "40"].iter().any(|class| code.starts_with(class));
    error.as_database_error().is_none_or(|refused| refused.code().is_some_and(|code| passing(&code)))
}

/// Stores arrivals; what is there already was delivered before.
async fn insert(connection: &mut AnyConnection, arrivals: &[(Arrival, Timestamp)]) -> Result<(), sqlx::Error> {
    for rows in pieces(arrivals) {
        insert_piece(connection, rows).await?;
    }
    Ok(())
}

async fn insert_piece(connection: &mut AnyConnection, rows: &[(Arrival, Timestamp)]) -> Result<(), sqlx::Error> {
    let sql = format!(
        "INSERT INTO stripe_events (id, type, livemode, payload, created_at, received_at, next_attempt_at, status,
             attempts)
         VALUES {} ON CONFLICT (id) DO NOTHING",
        places(connection, rows.len(), 7, ", 'pending', 0")
    );
    // Nothing but places was put into it.
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (arrival, wall) in rows {
        query = query
            .bind(arrival.id.clone())
            .bind(arrival.kind.clone())
            .bind(i64::from(arrival.livemode))
            .bind(arrival.payload.clone())
            .bind(arrival.created.0)
            .bind(wall.0)
            .bind(wall.0);
    }
    query.execute(connection).await?;
    Ok(())
}
