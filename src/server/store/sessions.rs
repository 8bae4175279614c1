//! Sessions for tower-sessions. The cookie's id is stored as its SHA-256: who reads the database cannot sign in with it.

use std::collections::HashMap;

use domain::time::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::FromRow;
use time::OffsetDateTime;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error as SessionError, Result as SessionResult};

use super::{Error, Store};

/// The sessions of a [`Store`].
#[derive(Clone, Debug)]
pub struct SessionTable(pub Store);

#[derive(FromRow)]
struct Row {
    data: String,
    expires_at: i64,
}

/// What a session is called where people see it: its id stays in the cookie.
pub fn session_name(id: &Id) -> String {
    hash(id)
}

fn hash(id: &Id) -> String {
    hex::encode(Sha256::digest(id.0.to_be_bytes()))
}

fn backend(error: Error) -> SessionError {
    SessionError::Backend(error.to_string())
}

#[async_trait::async_trait]
impl SessionStore for SessionTable {
    async fn create(&self, record: &mut Record) -> SessionResult<()> {
        // 128 random bits do not collide; a fresh id needs no look first.
        self.put(
            record,
            "INSERT INTO sessions (id_hash, data, user_id, expires_at, created_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .await
    }

    async fn save(&self, record: &Record) -> SessionResult<()> {
        // Never made anew: one that was ended elsewhere while a request of its own was under way stays ended.
        self.put(
            record,
            "UPDATE sessions SET data = $2, user_id = $3, expires_at = $4 WHERE id_hash = $1 AND created_at <= $5",
        )
        .await
    }

    async fn load(&self, id: &Id) -> SessionResult<Option<Record>> {
        let row: Option<Row> =
            sqlx::query_as("SELECT data, expires_at FROM sessions WHERE id_hash = $1 AND expires_at > $2")
                .bind(hash(id))
                .bind(OffsetDateTime::now_utc().unix_timestamp())
                .fetch_optional(&self.0.pool)
                .await
                .map_err(|error| backend(error.into()))?;
        let Some(row) = row else { return Ok(None) };
        let data: HashMap<String, serde_json::Value> =
            serde_json::from_str(&row.data).map_err(|error| SessionError::Decode(error.to_string()))?;
        let expiry_date = OffsetDateTime::from_unix_timestamp(row.expires_at)
            .map_err(|error| SessionError::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> SessionResult<()> {
        let id = hash(id);
        self.0
            .write(move |connection| {
                Box::pin(async move {
                    sqlx::query("DELETE FROM sessions WHERE id_hash = $1").bind(id).execute(connection).await?;
                    Ok(())
                })
            })
            .await
            .map_err(backend)
    }
}

impl SessionTable {
    async fn put(&self, record: &Record, statement: &'static str) -> SessionResult<()> {
        let id = hash(&record.id);
        let data = serde_json::to_string(&record.data).map_err(|error| SessionError::Encode(error.to_string()))?;
        let expires = record.expiry_date.unix_timestamp();
        let user = record.data.get("user").and_then(|user| user.as_str()).map(str::to_owned);
        let now = OffsetDateTime::now_utc().unix_timestamp();
        self.0
            .write(move |connection| {
                Box::pin(async move {
                    sqlx::query(statement)
                        .bind(id)
                        .bind(data)
                        .bind(user)
                        .bind(expires)
                        .bind(now)
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .await
            .map_err(backend)
    }
}

impl Store {
    /// Forgets the sessions that nobody can use any more.
    pub async fn delete_expired_sessions(&self, now: Timestamp) -> Result<(), Error> {
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM sessions WHERE expires_at <= $1").bind(now.0).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }
}
