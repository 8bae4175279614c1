//! Brings SQLite's log into the file while the writer goes on. SQLite would do it after a commit, and everybody who
//! waits for the next one would wait for it, too.

use std::sync::Arc;

use sqlx::AnyPool;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// After how many commits: some hundred pages where each writes a little, a few thousand where each is a large group.
const COMMITS: u32 = 32;

/// Counts commits; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoints(Arc<Notify>);

impl Checkpoints {
    /// There have been so many commits.
    pub(super) fn after(&self, commits: u32) {
        if commits.is_multiple_of(COMMITS) {
            self.0.notify_one();
        }
    }

    /// Brings in until the task is aborted. No lock that it takes is waited for, by it or by others: what somebody still
    /// reads from the log stays there until the next time.
    pub(super) fn run(&self, pool: AnyPool) -> JoinHandle<()> {
        let due = Arc::clone(&self.0);
        tokio::spawn(async move {
            loop {
                due.notified().await;
                if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&pool).await {
                    tracing::warn!(%error, "the log was not brought into the file; the writer will do it");
                }
            }
        })
    }
}
