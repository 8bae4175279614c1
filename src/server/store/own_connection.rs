//! A connection that its owner keeps from group to group: one that goes back to its pool is asked on the way back and
//! again on the way out whether it still works, and every question is a change of threads or a message there and back.

use std::fmt;
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool};

/// After how long without use it is asked whether it still works: what is between may have cut it without a word.
const TRUSTED: Duration = Duration::from_secs(30);

/// A connection of a pool, taken when it is first needed.
pub(super) struct OwnConnection {
    pool: AnyPool,
    connection: Option<PoolConnection<Any>>,
    used: Instant,
}

impl fmt::Debug for OwnConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnConnection")
    }
}

impl OwnConnection {
    pub(super) fn of(pool: AnyPool) -> Self {
        Self { pool, connection: None, used: Instant::now() }
    }

    pub(super) async fn get(&mut self) -> Result<&mut AnyConnection, sqlx::Error> {
        if self.used.elapsed() > TRUSTED {
            self.give_back();
        }
        self.used = Instant::now();
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => Ok(none.insert(self.pool.acquire().await?)),
        }
    }

    /// It may have gone wrong: the pool finds out whether it still works, and makes another one where it does not.
    pub(super) fn give_back(&mut self) {
        self.connection = None;
    }

    /// It does not answer, or not as it should: it is not even asked, and another one is taken.
    pub(super) fn close(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.close_on_drop();
        }
    }
}
