//! How writes reach the disk.
//!
//! PostgreSQL commits concurrent transactions together by itself. SQLite has one writer and one fsync per commit, so a
//! commit per request would end at a few hundred a second. Here one task owns the writing connection: it takes
//! whatever is queued, runs each piece of work in a savepoint of one transaction, commits once, and only then answers
//! everybody. A piece that fails is rolled back alone.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use sqlx::{Acquire, Any, AnyConnection, AnyPool, Transaction};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::Error;

/// How many pieces one commit takes at most; beyond that the first would wait too long for the last.
const GROUP: usize = 256;
/// How many may wait; beyond that callers wait to be queued, which slows them down instead of filling memory.
const QUEUE: usize = 4096;

/// A piece of writing: all of it in one transaction. It must not wait for anything but the database.
pub(super) trait Work<T>:
    for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, Error>> + Send + 'static
{
}

impl<T, W> Work<T> for W where
    W: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, Error>> + Send + 'static
{
}

/// Gives the caller its answer, once it is known whether the group was committed.
pub(super) type Answer = Box<dyn FnOnce(Result<(), String>) + Send>;

/// What a piece left behind: whether to keep it, and whom to tell.
pub(super) struct Done {
    keep: bool,
    answer: Answer,
}

pub(super) type Job = Box<dyn for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Done> + Send>;

/// The way to the disk; cheap to clone.
#[derive(Clone)]
pub(super) enum Writer {
    /// SQLite: one task, one connection, commits in groups.
    Grouped {
        /// The queue; `None` once closed.
        queue: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
        /// The task, to be waited for when closing.
        task: Arc<Mutex<Option<JoinHandle<()>>>>,
    },
    /// PostgreSQL: a transaction each.
    Pooled(AnyPool),
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grouped { .. } => "Writer::Grouped",
            Self::Pooled(_) => "Writer::Pooled",
        })
    }
}

impl Writer {
    pub(super) fn grouped(pool: AnyPool) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let task = tokio::spawn(commit_in_groups(pool, jobs));
        Self::Grouped { queue: Arc::new(Mutex::new(Some(queue))), task: Arc::new(Mutex::new(Some(task))) }
    }

    pub(super) fn pooled(pool: AnyPool) -> Self {
        Self::Pooled(pool)
    }

    pub(super) async fn write<T: Send + 'static, W: Work<T>>(&self, work: W) -> Result<T, Error> {
        match self {
            Self::Pooled(pool) => {
                let mut transaction = pool.begin().await?;
                let value = work(&mut transaction).await?;
                transaction.commit().await?;
                Ok(value)
            }
            Self::Grouped { queue, .. } => {
                let sender = queue.lock().await.clone().ok_or(Error::Closed)?;
                let (answer, answered) = oneshot::channel();
                sender.send(job(work, answer)).await.map_err(|_| Error::Closed)?;
                answered.await.map_err(|_| Error::Closed)?
            }
        }
    }

    /// Finishes what is queued and stops.
    pub(super) async fn close(&self) {
        let Self::Grouped { queue, task } = self else { return };
        queue.lock().await.take();
        if let Some(task) = task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the writer ended badly");
        }
    }
}

/// Wraps a piece of work so that its result travels beside the group and is given out after the commit.
fn job<T: Send + 'static, W: Work<T>>(work: W, answer: oneshot::Sender<Result<T, Error>>) -> Job {
    Box::new(move |connection| {
        Box::pin(async move {
            let result = work(connection).await;
            Done {
                keep: result.is_ok(),
                answer: Box::new(move |committed| {
                    let result = result.and_then(|value| committed.map(|()| value).map_err(Error::Commit));
                    // The caller may have gone away; the write stands all the same.
                    drop(answer.send(result));
                }),
            }
        })
    })
}

async fn commit_in_groups(pool: AnyPool, mut jobs: mpsc::Receiver<Job>) {
    let mut group = Vec::with_capacity(GROUP);
    while jobs.recv_many(&mut group, GROUP).await > 0 {
        let mut answers = Vec::with_capacity(group.len());
        let outcome = commit_group(&pool, group.drain(..), &mut answers).await;
        if let Err(error) = &outcome {
            tracing::error!(%error, "a group of writes was not committed");
        }
        for answer in answers {
            answer(outcome.as_ref().copied().map_err(ToString::to_string));
        }
    }
}

async fn commit_group(
    pool: &AnyPool,
    group: impl Iterator<Item = Job>,
    answers: &mut Vec<Answer>,
) -> Result<(), sqlx::Error> {
    // IMMEDIATE takes the write lock now: a deferred transaction could fail halfway, when it first writes.
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    for job in group {
        let done = in_savepoint(&mut transaction, job).await?;
        answers.push(done);
    }
    transaction.commit().await
}

async fn in_savepoint(transaction: &mut Transaction<'_, Any>, job: Job) -> Result<Answer, sqlx::Error> {
    let mut savepoint = transaction.begin().await?;
    let done = job(&mut savepoint).await;
    if done.keep {
        savepoint.commit().await?;
    } else {
        savepoint.rollback().await?;
    }
    Ok(done.answer)
}
