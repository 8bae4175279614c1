//! What a person has here beside their organizations: sessions, what is known of them, and leaving for good.

use domain::organization::{OrganizationId, UserId};
use domain::role::Role;
use domain::time::Timestamp;
use serde::Serialize;
use sqlx::{AnyConnection, FromRow};

use super::accounts::lock;
use super::audit::{self, Action, Actor};
use super::checkouts;
use super::members::role;
use super::sync::touch;
use super::{Error, Store};

/// A session in which somebody is signed in.
#[derive(Clone, Debug, FromRow)]
pub struct OpenSession {
    /// The hash of its id: its name here.
    pub id_hash: String,
    /// When the person signed in, UTC seconds.
    pub created_at: i64,
    /// When it ends if nobody uses it.
    pub expires_at: i64,
}

/// What is known of a person.
#[derive(Clone, Debug, Serialize, FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// The id.
    pub id: String,
    /// The provider that they sign in with.
    pub issuer: String,
    /// The provider's name for them.
    pub subject: String,
    /// The address.
    pub email: String,
    /// The name.
    pub name: String,
    /// When they had a trial, UTC seconds.
    pub trial_used_at: Option<i64>,
    /// When they first signed in.
    pub created_at: i64,
}

/// Something that a person did.
#[derive(Clone, Debug, Serialize, FromRow)]
pub struct Deed {
    /// When, UTC seconds.
    pub at: i64,
    /// What.
    pub action: String,
    /// The rest of it, as JSON.
    pub detail: String,
}

/// A use that a person caused.
#[derive(Clone, Debug, Serialize, FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Use {
    /// When, UTC seconds.
    pub at: i64,
    /// Of what.
    pub meter: String,
    /// How much; less than nothing where it was given back.
    pub amount: i64,
}

/// What a person asked sales.
#[derive(Clone, Debug, Serialize, FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// When, UTC seconds.
    pub created_at: i64,
    /// The name that they gave.
    pub name: String,
    /// The address that they gave.
    pub email: String,
    /// For which company, department or agency.
    pub company: String,
    /// About which plan.
    pub plan: Option<String>,
    /// For how many people.
    pub seats: Option<i64>,
    /// In their own words.
    pub message: String,
}

/// Why an account was not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeavingRefusal {
    /// This organization would have no owner.
    OnlyOwner(String),
    /// This organization of their own pays for a subscription.
    Subscribed(String),
}

#[derive(FromRow)]
struct Place {
    id: String,
    kind: String,
    role: String,
    owners: i64,
    running: i64,
}

impl Store {
    /// The sessions of a person that are open, the newest first.
    pub async fn sessions_of(&self, user: &UserId, wall: Timestamp) -> Result<Vec<OpenSession>, Error> {
        Ok(sqlx::query_as(
            "SELECT id_hash, created_at, expires_at FROM sessions WHERE user_id = $1 AND expires_at > $2
             ORDER BY created_at DESC, id_hash",
        )
        .bind(&user.0)
        .bind(wall.0)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Ends a session of a person. Says whether there was one.
    pub async fn end_session(&self, user: &UserId, session: &str) -> Result<bool, Error> {
        let (user, session) = (user.clone(), session.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                let ended = sqlx::query("DELETE FROM sessions WHERE id_hash = $1 AND user_id = $2")
                    .bind(session)
                    .bind(user.0)
                    .execute(connection)
                    .await?;
                Ok(ended.rows_affected() > 0)
            })
        })
        .await
    }

    /// Ends every session of a person but one.
    pub async fn end_other_sessions(&self, user: &UserId, kept: &str) -> Result<(), Error> {
        let (user, kept) = (user.clone(), kept.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND id_hash <> $2")
                    .bind(user.0)
                    .bind(kept)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// What is known of a person.
    pub async fn person(&self, user: &UserId) -> Result<Option<Person>, Error> {
        Ok(sqlx::query_as(
            "SELECT id, issuer, subject, email, name, trial_used_at, created_at FROM users WHERE id = $1",
        )
        .bind(&user.0)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// What a person did in one of their organizations.
    pub async fn deeds(&self, organization: &OrganizationId, user: &UserId) -> Result<Vec<Deed>, Error> {
        Ok(sqlx::query_as(
            "SELECT at, action, detail FROM audit_entries WHERE organization_id = $1 AND actor = $2 ORDER BY at, id",
        )
        .bind(&organization.0)
        .bind(&user.0)
        .fetch_all(&self.pool)
        .await?)
    }

    /// The lines of an organization's ledger that a person caused.
    pub async fn uses_of(&self, organization: &OrganizationId, user: &UserId) -> Result<Vec<Use>, Error> {
        Ok(sqlx::query_as(
            "SELECT at, meter, amount FROM usage_entries WHERE organization_id = $1 AND actor = $2 ORDER BY id",
        )
        .bind(&organization.0)
        .bind(&user.0)
        .fetch_all(&self.pool)
        .await?)
    }

    /// What a person asked sales while signed in.
    pub async fn asked_by(&self, user: &UserId) -> Result<Vec<Asked>, Error> {
        Ok(sqlx::query_as(
            "SELECT created_at, name, email, company, plan, seats, message FROM sales_requests
             WHERE user_id = $1 ORDER BY created_at, id",
        )
        .bind(&user.0)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Forgets a person: their sessions and memberships end, their own organization is deleted, and their row keeps
    /// nothing that tells who they were. What was paid and done stays on record without a name. Answers with the
    /// checkout sessions that are open, to be closed.
    pub async fn forget(
        &self,
        user: &UserId,
        now: Timestamp,
        wall: Timestamp,
    ) -> Result<Result<Vec<String>, LeavingRefusal>, Error> {
        let user = user.clone();
        let done: Result<(Vec<String>, Vec<String>), LeavingRefusal> =
            self.write(move |connection| Box::pin(async move { forget(connection, user, now, wall).await })).await?;
        Ok(done.map(|(sessions, keys)| {
            self.forget_keys(&keys);
            sessions
        }))
    }
}

async fn forget(
    connection: &mut AnyConnection,
    user: UserId,
    now: Timestamp,
    wall: Timestamp,
) -> Result<Result<(Vec<String>, Vec<String>), LeavingRefusal>, Error> {
    let ids: Vec<String> =
        sqlx::query_scalar("SELECT organization_id FROM memberships WHERE user_id = $1 ORDER BY organization_id")
            .bind(&user.0)
            .fetch_all(&mut *connection)
            .await?;
    let mut places = Vec::new();
    for id in ids {
        let Some(organization) = lock(connection, &OrganizationId(id)).await? else { continue };
        let place: Option<Place> = sqlx::query_as(
            "SELECT o.id, o.kind, m.role,
                    (SELECT COUNT(*) FROM memberships x WHERE x.organization_id = o.id AND x.role = 'owner') AS owners,
                    (SELECT COUNT(*) FROM subscriptions s WHERE s.organization_id = o.id
                        AND s.status NOT IN ('canceled', 'incomplete_expired')) AS running
             FROM organizations o JOIN memberships m ON m.organization_id = o.id
             WHERE o.id = $1 AND m.user_id = $2",
        )
        .bind(&organization.id.0)
        .bind(&user.0)
        .fetch_optional(&mut *connection)
        .await?;
        let Some(place) = place else { continue };
        let personal = place.kind == "personal";
        if personal && place.running > 0 {
            return Ok(Err(LeavingRefusal::Subscribed(organization.name)));
        }
        if !personal && role(&place.role)? == Role::Owner && place.owners <= 1 {
            return Ok(Err(LeavingRefusal::OnlyOwner(organization.name)));
        }
        places.push((OrganizationId(place.id), personal));
    }
    let (mut sessions, mut keys) = (Vec::new(), Vec::new());
    for (id, personal) in places {
        if personal {
            let revoked: Vec<String> = sqlx::query_scalar(
                "UPDATE api_keys SET revoked_at = $2 WHERE organization_id = $1 AND revoked_at IS NULL RETURNING hash",
            )
            .bind(&id.0)
            .bind(wall.0)
            .fetch_all(&mut *connection)
            .await?;
            keys.extend(revoked);
            sessions.extend(checkouts::replace_all(connection, &id).await?);
            sqlx::query("UPDATE organizations SET deleted_at = $2, name = 'Deleted account' WHERE id = $1")
                .bind(&id.0)
                .bind(now.0)
                .execute(&mut *connection)
                .await?;
        }
        audit::record(connection, &id, &Actor::User(user.clone()), &Action::MemberLeft, now).await?;
        touch(connection, &id).await?;
    }
    sqlx::query("DELETE FROM memberships WHERE user_id = $1").bind(&user.0).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM sessions WHERE user_id = $1").bind(&user.0).execute(&mut *connection).await?;
    // Whoever signs in again is somebody new.
    sqlx::query(
        "UPDATE users SET issuer = 'deleted', subject = id, email = '', email_verified = 0,
             name = 'Somebody who has left', deleted_at = $2 WHERE id = $1",
    )
    .bind(&user.0)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(Ok((sessions, keys)))
}
