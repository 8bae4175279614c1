//! A connection that its owner keeps from group to group: one that goes back to its pool is asked on the way back and
//! again on the way out whether it still works, and every question is a change of threads or a message there and back.

use std::fmt;

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool};

/// A connection of a pool, taken when it is first needed.
pub(super) struct OwnConnection {
    pool: AnyPool,
    connection: Option<PoolConnection<Any>>,
}

impl fmt::Debug for OwnConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnConnection")
    }
}

impl OwnConnection {
    pub(super) fn of(pool: AnyPool) -> Self {
        Self { pool, connection: None }
    }

    pub(super) async fn get(&mut self) -> Result<&mut AnyConnection, sqlx::Error> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => Ok(none.insert(self.pool.acquire().await?)),
        }
    }

    /// Something went wrong: the pool finds out whether it still works, and makes another one where it does not.
    pub(super) fn give_back(&mut self) {
        self.connection = None;
    }
}
