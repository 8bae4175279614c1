//! The way into the inbox. What comes in while a write is under way is written together by the next one, on either
//! engine: a burst costs a few statements, not one transaction each.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use domain::time::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::Error;
use super::events::{Arrival, Received};
use super::writer::Writer;

/// How many arrivals one write takes at most.
const GROUP: usize = 256;
/// How many rows one statement inserts at most.
const ROWS: usize = 64;
/// Values of a row.
const VALUES: usize = 6;

/// An arrival, and who waits for it to be on the disk.
struct Letter {
    arrival: Arrival,
    wall: Timestamp,
    answer: oneshot::Sender<Result<Received, Error>>,
}

/// Where arrivals queue; cheap to clone.
#[derive(Clone)]
pub(super) struct Entrance {
    queue: Arc<Mutex<Option<mpsc::Sender<Letter>>>>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
    waiting: watch::Sender<usize>,
}

impl fmt::Debug for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entrance")
    }
}

impl Entrance {
    pub(super) fn open(writer: Writer) -> Self {
        let (queue, letters) = mpsc::channel(GROUP);
        let task = tokio::spawn(take_in(writer, letters));
        Self {
            queue: Arc::new(Mutex::new(Some(queue))),
            task: Arc::new(Mutex::new(Some(task))),
            waiting: watch::Sender::new(0),
        }
    }

    /// Puts one in; when this returns, it is on the disk.
    pub(super) async fn put(&self, arrival: Arrival, wall: Timestamp) -> Result<Received, Error> {
        let _waiting = Waiting::one(&self.waiting);
        let queue = self.queue.lock().await.clone().ok_or(Error::Closed)?;
        let (answer, answered) = oneshot::channel();
        queue.send(Letter { arrival, wall, answer }).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }

    /// Returns when nobody waits for an arrival to be on the disk.
    pub(super) async fn quiet(&self) {
        // The sender is ours, so it cannot be gone.
        drop(self.waiting.subscribe().wait_for(|waiting| *waiting == 0).await);
    }

    /// Takes in what has come and closes.
    pub(super) async fn close(&self) {
        self.queue.lock().await.take();
        if let Some(task) = self.task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the inbox's entrance ended badly");
        }
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

async fn take_in(writer: Writer, mut queue: mpsc::Receiver<Letter>) {
    let mut letters = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut letters, GROUP).await > 0 {
        let (rows, answers): (Vec<_>, Vec<_>) =
            letters.drain(..).map(|Letter { arrival, wall, answer }| ((arrival, wall), answer)).unzip();
        let rows = Arc::new(rows);
        let mut new = write(&writer, Arc::clone(&rows)).await.map_err(|error| error.to_string());
        for ((arrival, _), answer) in rows.iter().zip(answers) {
            let received = match &mut new {
                // What is in there twice is new once.
                Ok(new) => Ok(if new.remove(&arrival.id) { Received::New } else { Received::Known }),
                Err(error) => Err(Error::Commit(error.clone())),
            };
            // The caller may have gone away; the event is there all the same.
            drop(answer.send(received));
        }
    }
}

type Rows = Arc<Vec<(Arrival, Timestamp)>>;

/// Stores the rows. Answers with the ids that were new.
async fn write(writer: &Writer, rows: Rows) -> Result<BTreeSet<String>, Error> {
    writer
        .write(move |connection| {
            Box::pin(async move {
                let mut new = BTreeSet::new();
                let mut rest = &rows[..];
                while !rest.is_empty() {
                    // Powers of two, so that a handful of prepared statements serves every number.
                    let (these, others) = rest.split_at((1 << rest.len().ilog2()).min(ROWS));
                    new.extend(insert(connection, these).await?);
                    rest = others;
                }
                Ok(new)
            })
        })
        .await
}

async fn insert(connection: &mut AnyConnection, rows: &[(Arrival, Timestamp)]) -> Result<Vec<String>, Error> {
    let mut sql = "INSERT INTO stripe_events (id, type, livemode, payload, created_at, received_at, status, attempts,
         next_attempt_at) VALUES "
        .to_owned();
    for row in 0..rows.len() {
        let [id, kind, livemode, payload, created, received]: [usize; VALUES] =
            std::array::from_fn(|value| row * VALUES + value + 1);
        let comma = if row == 0 { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(
            sql,
            "{comma}(${id}, ${kind}, ${livemode}, ${payload}, ${created}, ${received}, 'pending', 0, ${received})"
        );
    }
    sql.push_str(" ON CONFLICT (id) DO NOTHING RETURNING id");
    // Nothing but numbers was put into it.
    let mut query = sqlx::query_scalar(AssertSqlSafe(sql));
    for (arrival, wall) in rows {
        query = query
            .bind(arrival.id.clone())
            .bind(arrival.kind.clone())
            .bind(i64::from(arrival.livemode))
            .bind(arrival.payload.clone())
            .bind(arrival.created.0)
            .bind(wall.0);
    }
    Ok(query.fetch_all(connection).await?)
}
