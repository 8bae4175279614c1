//! How writes reach the disk.
//!
//! PostgreSQL commits concurrent transactions together by itself. SQLite has one writer and one fsync per commit, so a
//! commit per request would end at a few hundred a second. Here one task owns the writing connection: it takes
//! whatever is queued, runs each piece of work in a savepoint of one transaction, commits once, and only then answers
//! everybody. A piece that fails is rolled back alone.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::{Acquire, Any, AnyConnection, AnyPool, Connection, Executor, Transaction};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::Error;
use super::changes::Changes;
use super::checkpoints::Checkpoints;
use super::own_connection::OwnConnection;
use super::tasks::WritingTasks;

/// How many pieces one commit takes at most; beyond that the first would wait too long for the last.
const GROUP: usize = 256;
/// How many may wait; beyond that callers wait to be queued, which slows them down instead of filling memory.
const QUEUE: usize = 4096;

/// How often to look whether another process has written.
const LOOK_EVERY: Duration = Duration::from_millis(100);

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

type Run = Box<dyn for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Done> + Send>;

/// A piece that waits for its turn.
pub(super) struct Job {
    run: Run,
    /// Whether it is one statement, which is a transaction by itself.
    is_statement: bool,
}

/// The way to the disk; cheap to clone.
#[derive(Clone)]
pub(super) enum Writer {
    /// SQLite: one task, one connection, commits in groups.
    Grouped {
        /// The queue; `None` once closed.
        queue: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
        /// The task, to be waited for when closing.
        task: Arc<Mutex<Option<JoinHandle<()>>>>,
        /// Whom to tell of what was changed.
        changes: Changes,
    },
    /// PostgreSQL: a transaction each.
    Pooled {
        /// The connections.
        pool: AnyPool,
        /// Whom to tell of what was changed.
        changes: Changes,
    },
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grouped { .. } => "Writer::Grouped",
            Self::Pooled { .. } => "Writer::Pooled",
        })
    }
}

impl Writer {
    pub(super) fn grouped(tasks: &WritingTasks, pool: AnyPool, changes: Changes, checkpoints: Checkpoints) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let task = tasks.spawn(commit_in_groups(pool, jobs, changes.clone(), checkpoints));
        Self::Grouped { queue: Arc::new(Mutex::new(Some(queue))), task: Arc::new(Mutex::new(Some(task))), changes }
    }

    pub(super) fn pooled(pool: AnyPool, changes: Changes) -> Self {
        Self::Pooled { pool, changes }
    }

    pub(super) async fn write<T: Send + 'static, W: Work<T>>(&self, work: W) -> Result<T, Error> {
        self.queue(work, false).await
    }

    /// The same for a piece of one statement that needs nothing of what memory holds. Where it is alone, nothing is said
    /// to the database but the statement: that is a fourth of the ways there and back.
    pub(super) async fn write_statement<T: Send + 'static, W: Work<T>>(&self, work: W) -> Result<T, Error> {
        self.queue(work, true).await
    }

    async fn queue<T: Send + 'static, W: Work<T>>(&self, work: W, is_statement: bool) -> Result<T, Error> {
        match self {
            Self::Pooled { pool, changes } => {
                // In a task of its own: a caller that goes away does not take what comes after the commit with it.
                let transaction = tokio::spawn(in_transaction(pool.clone(), changes.clone(), work));
                transaction.await.map_err(|error| Error::Commit(error.to_string()))?
            }
            Self::Grouped { queue, changes, .. } => {
                let sender = queue.lock().await.clone().ok_or(Error::Closed)?;
                let (answer, answered) = oneshot::channel();
                let job = Job { run: run(work, changes.clone(), answer), is_statement };
                sender.send(job).await.map_err(|_| Error::Closed)?;
                answered.await.map_err(|_| Error::Closed)?
            }
        }
    }

    /// Finishes what is queued and stops.
    pub(super) async fn close(&self) {
        let Self::Grouped { queue, task, .. } = self else { return };
        queue.lock().await.take();
        if let Some(task) = task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the writer ended badly");
        }
    }
}

async fn in_transaction<T, W: Work<T>>(pool: AnyPool, changes: Changes, work: W) -> Result<T, Error> {
    let mut transaction = pool.begin().await?;
    let (result, noted) = changes.watch(work(&mut transaction)).await;
    let result = match result {
        Ok(value) => transaction.commit().await.map(|()| value).map_err(Error::from),
        Err(error) => Err(error),
    };
    changes.tell(&noted, result.is_ok());
    result
}

/// Wraps a piece of work so that its result travels beside the group and is given out after the commit.
fn run<T: Send + 'static, W: Work<T>>(work: W, changes: Changes, answer: oneshot::Sender<Result<T, Error>>) -> Run {
    Box::new(move |connection| {
        Box::pin(async move {
            let (result, noted) = changes.watch(work(connection)).await;
            Done {
                keep: result.is_ok(),
                answer: Box::new(move |committed| {
                    let result = result.and_then(|value| committed.map(|()| value).map_err(Error::Commit));
                    changes.tell(&noted, result.is_ok());
                    // The caller may have gone away; the write stands all the same.
                    drop(answer.send(result));
                }),
            }
        })
    })
}

async fn commit_in_groups(pool: AnyPool, mut jobs: mpsc::Receiver<Job>, changes: Changes, checkpoints: Checkpoints) {
    let mut own = OwnConnection::of(pool);
    let mut group = Vec::with_capacity(GROUP);
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut version = None;
    let mut commits: u32 = 0;
    loop {
        // Neither goes first: statements by themselves do not look, however many there are.
        tokio::select! {
            taken = jobs.recv_many(&mut group, GROUP) => if taken == 0 { return },
            _ = look.tick() => {
                match own.get().await {
                    Ok(connection) => look_for_others(connection, &mut version, &changes).await,
                    Err(error) => tracing::warn!(%error, "there is no connection to look with"),
                }
                continue;
            }
        }
        let mut answers = Vec::with_capacity(group.len());
        let outcome = commit_group(&mut own, &mut group, &mut version, &changes, &mut answers).await;
        // Whoever is left was not even tried.
        group.clear();
        if let Err(error) = &outcome {
            tracing::error!(%error, "a group of writes was not committed");
            changes.accounts.forget_all();
            // SQLite may have ended the transaction by itself, as it does on a full disk, and the driver would go on
            // counting it as open.
            own.close();
        }
        for answer in answers {
            answer(outcome.as_ref().copied().map_err(ToString::to_string));
        }
        commits = commits.wrapping_add(1);
        checkpoints.after(commits);
    }
}

/// Commands write to the same file from a process of their own. SQLite counts what other connections commit, and no
/// other connection of this process writes.
async fn look_for_others<'e>(
    executor: impl Executor<'e, Database = Any>,
    version: &mut Option<i64>,
    changes: &Changes,
) {
    match sqlx::query_scalar("PRAGMA data_version").fetch_one(executor).await {
        Ok(now) => {
            if version.replace(now).is_some_and(|before| before != now) {
                changes.forget_all();
            }
        }
        Err(error) => {
            tracing::warn!(%error, "whether another process has written cannot be seen");
            changes.forget_all();
        }
    }
}

async fn commit_group(
    own: &mut OwnConnection,
    group: &mut Vec<Job>,
    version: &mut Option<i64>,
    changes: &Changes,
    answers: &mut Vec<Answer>,
) -> Result<(), sqlx::Error> {
    let mut alone = if group.len() == 1 { group.pop() } else { None };
    if let Some(job) = alone.take_if(|job| job.is_statement) {
        answers.push(by_itself(own, job).await?);
        return Ok(());
    }
    // IMMEDIATE takes the write lock now: a deferred transaction could fail halfway, when it first writes.
    let mut transaction = own.get().await?.begin_with("BEGIN IMMEDIATE").await?;
    // From here on no other process can write.
    look_for_others(&mut *transaction, version, changes).await;
    // What is alone takes nothing with it when it fails: no savepoint is needed.
    if let Some(job) = alone {
        let done = (job.run)(&mut transaction).await;
        answers.push(done.answer);
        return if done.keep { transaction.commit().await } else { transaction.rollback().await };
    }
    for job in group.drain(..) {
        let answer = in_savepoint(&mut transaction, job).await?;
        answers.push(answer);
    }
    transaction.commit().await
}

async fn by_itself(own: &mut OwnConnection, job: Job) -> Result<Answer, sqlx::Error> {
    let done = (job.run)(own.get().await?).await;
    if !done.keep {
        own.give_back();
    }
    Ok(done.answer)
}

async fn in_savepoint(transaction: &mut Transaction<'_, Any>, job: Job) -> Result<Answer, sqlx::Error> {
    let mut savepoint = transaction.begin().await?;
    let done = (job.run)(&mut savepoint).await;
    if done.keep {
        savepoint.commit().await?;
    } else {
        savepoint.rollback().await?;
    }
    Ok(done.answer)
}
