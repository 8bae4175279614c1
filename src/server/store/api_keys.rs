//! Keys for services, by the hash of their secret.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::organization::OrganizationId;
use domain::time::{Seconds, Timestamp};
use quick_cache::sync::Cache;
use sqlx::{AnyConnection, FromRow};

use super::{Error, Store, new_id};
use crate::server::clock::Clock;

/// How many keys are kept in memory.
const KEPT: usize = 10_000;
/// How long a key in memory is good for without looking: so long it may live on where another process revoked it.
const GOOD_FOR: Duration = Duration::from_secs(1);
/// How exactly it is noted when a key was last used.
const LAST_USED: Seconds = Seconds(60);

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAccess {
    /// Ask.
    Read,
    /// Ask and use.
    Write,
}

impl KeyAccess {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// A key that is good.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its id, `key_…`.
    pub id: String,
    /// Whose data it is for; `None` for everybody's.
    pub organization: Option<OrganizationId>,
    /// What it may do.
    pub access: KeyAccess,
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Whose data it is for; `None` for everybody's.
    pub organization: Option<OrganizationId>,
    /// What people call it.
    pub name: String,
    /// The hash of its secret.
    pub hash: String,
    /// The end of its secret, by which people tell keys apart.
    pub hint: String,
    /// What it may do.
    pub access: KeyAccess,
    /// Who made it.
    pub created_by: String,
    /// By what the form is known that asks for it, if one does: each makes one key.
    pub form: Option<String>,
}

/// What became of a key that was to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is kept, under this id.
    New(String),
    /// The form has made one before.
    Before {
        /// Its id.
        id: String,
        /// The hash of its secret.
        hash: String,
    },
}

/// A key as it is listed.
#[derive(Clone, Debug, FromRow)]
pub struct ListedKey {
    /// Its id, `key_…`.
    pub id: String,
    /// Whose data it is for; `None` for everybody's.
    pub organization_id: Option<String>,
    /// What people call it.
    pub name: String,
    /// The end of its secret.
    pub hint: String,
    /// `read` or `write`.
    pub access: String,
    /// Who made it.
    pub created_by: String,
    /// When, UTC seconds.
    pub created_at: i64,
    /// When it was last used, to the minute.
    pub last_used_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
}

/// Keys in memory.
pub(super) struct Keys(Cache<String, (Instant, Arc<ApiKey>)>);

impl Default for Keys {
    fn default() -> Self {
        Self(Cache::new(KEPT))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    organization_id: Option<String>,
    access: String,
    last_used_at: Option<i64>,
}

impl Store {
    /// The key with that hash, if it is good.
    pub async fn api_key(&self, hash: &str) -> Result<Option<Arc<ApiKey>>, Error> {
        if let Some((seen, key)) = self.keys.0.get(hash)
            && seen.elapsed() < GOOD_FOR
        {
            return Ok(Some(key));
        }
        let seen = Instant::now();
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, organization_id, access, last_used_at FROM api_keys WHERE hash = $1 AND revoked_at IS NULL",
        )
        .bind(hash)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else {
            self.keys.0.remove(hash);
            return Ok(None);
        };
        let now = Clock::wall();
        if row.last_used_at.is_none_or(|at| Timestamp(at) + LAST_USED <= now) {
            self.note_use(&row.id, now).await?;
        }
        let access = match row.access.as_str() {
            "read" => KeyAccess::Read,
            "write" => KeyAccess::Write,
            other => return Err(Error::Unreadable { table: "api_keys", value: other.to_owned() }),
        };
        let key = Arc::new(ApiKey { id: row.id, organization: row.organization_id.map(OrganizationId), access });
        self.keys.0.insert(hash.to_owned(), (seen, Arc::clone(&key)));
        Ok(Some(key))
    }

    async fn note_use(&self, id: &str, now: Timestamp) -> Result<(), Error> {
        let id = id.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("UPDATE api_keys SET last_used_at = $2 WHERE id = $1")
                    .bind(id)
                    .bind(now.0)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Keeps a new key; where a form asks for it, once however often it is sent.
    pub async fn create_key(&self, key: NewKey, now: Timestamp) -> Result<Kept, Error> {
        let id = new_id("key");
        self.write(move |connection| {
            Box::pin(async move {
                if let Some(form) = &key.form
                    && !first_of(connection, form, &id, now).await?
                {
                    return made_by(connection, form).await;
                }
                sqlx::query(
                    "INSERT INTO api_keys (id, organization_id, name, hash, hint, access, created_by, created_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                )
                .bind(&id)
                .bind(key.organization.map(|organization| organization.0))
                .bind(key.name)
                .bind(key.hash)
                .bind(key.hint)
                .bind(key.access.as_str())
                .bind(key.created_by)
                .bind(now.0)
                .execute(connection)
                .await?;
                Ok(Kept::New(id))
            })
        })
        .await
    }

    /// The keys of one organization, newest first; those for every organization where none is named.
    pub async fn keys(&self, organization: Option<&OrganizationId>) -> Result<Vec<ListedKey>, Error> {
        Ok(sqlx::query_as(
            "SELECT id, organization_id, name, hint, access, created_by, created_at, last_used_at, revoked_at
             FROM api_keys WHERE organization_id = $1 OR (organization_id IS NULL AND $1 = '')
             ORDER BY created_at DESC, id DESC",
        )
        .bind(organization.map_or("", |organization| &organization.0))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Revokes a key of one organization, or one for every organization. Says whether there was one. Here it is
    /// refused from now on, elsewhere within a second.
    pub async fn revoke_key(
        &self,
        organization: Option<&OrganizationId>,
        id: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let owner = organization.map_or_else(String::new, |organization| organization.0.clone());
        let id = id.to_owned();
        let hash: Option<String> = self
            .write(move |connection| {
                Box::pin(async move {
                    Ok(sqlx::query_scalar(
                        "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $3)
                         WHERE id = $1 AND COALESCE(organization_id, '') = $2 RETURNING hash",
                    )
                    .bind(id)
                    .bind(owner)
                    .bind(now.0)
                    .fetch_optional(connection)
                    .await?)
                })
            })
            .await?;
        if let Some(hash) = &hash {
            self.keys.0.remove(hash);
        }
        Ok(hash.is_some())
    }
}

impl Store {
    /// These keys were revoked.
    pub(super) fn forget_keys(&self, hashes: &[String]) {
        for hash in hashes {
            self.keys.0.remove(hash);
        }
    }
}

/// Answers to forms that make keys stand among the other answers that are kept for a while.
const FORMS: &str = "form that makes a key";

/// Notes which key a form makes. `false` where it has made one.
async fn first_of(connection: &mut AnyConnection, form: &str, key: &str, now: Timestamp) -> Result<bool, Error> {
    let noted = sqlx::query(
        "INSERT INTO idempotent_answers (scope, key, fingerprint, answer, at) VALUES ($1, $2, '', $3, $4)
         ON CONFLICT (scope, key) DO NOTHING",
    )
    .bind(FORMS)
    .bind(form)
    .bind(key)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(noted.rows_affected() > 0)
}

async fn made_by(connection: &mut AnyConnection, form: &str) -> Result<Kept, Error> {
    let (id, hash) = sqlx::query_as(
        "SELECT k.id, k.hash FROM idempotent_answers a JOIN api_keys k ON k.id = a.answer
         WHERE a.scope = $1 AND a.key = $2",
    )
    .bind(FORMS)
    .bind(form)
    .fetch_one(connection)
    .await?;
    Ok(Kept::Before { id, hash })
}
