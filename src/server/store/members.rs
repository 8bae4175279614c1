//! Team organizations and who is in them. What somebody may do is read again under the organization's lock: of two
//! people who change each other at once, the second is what the first has made of them.

use domain::organization::{Kind, Organization, OrganizationId, UserId};
use domain::plan::PlanId;
use domain::role::{MemberChange, MemberRefusal, Permission, Role};
use domain::time::Timestamp;
use sqlx::{AnyConnection, FromRow};

use super::accounts::lock;
use super::audit::{self, Action, Actor};
use super::checkouts;
use super::seats::{note_holder, note_holders};
use super::sync::touch;
use super::{Error, Store};

/// Somebody in an organization.
#[derive(Clone, Debug)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// For show.
    pub name: String,
    /// For show.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub since: Timestamp,
    /// Whether they have a seat.
    pub seated: bool,
}

/// Why members, or the organization, were not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TeamRefusal {
    /// Whoever asks is not in it any more.
    NotIn,
    /// Their role does not allow it.
    NotAllowed(Permission),
    /// There is no such member.
    NoSuchMember,
    /// The rules of membership.
    Member(MemberRefusal),
    /// A subscription is running.
    Subscribed,
}

/// What became of it.
pub type TeamResult<T> = Result<T, TeamRefusal>;

#[derive(FromRow)]
struct Row {
    user_id: String,
    name: String,
    email: String,
    role: String,
    created_at: i64,
    seat_since: Option<i64>,
}

impl Store {
    /// The members of an organization: owners first, then in the order in which they came.
    pub async fn member_list(&self, organization: &OrganizationId) -> Result<Vec<Member>, Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT m.user_id, u.name, u.email, m.role, m.created_at, m.seat_since
             FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.organization_id = $1
             ORDER BY CASE m.role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END, m.created_at, m.user_id",
        )
        .bind(&organization.0)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Member {
                    role: role(&row.role)?,
                    user: UserId(row.user_id),
                    name: row.name,
                    email: row.email,
                    since: Timestamp(row.created_at),
                    seated: row.seat_since.is_some(),
                })
            })
            .collect()
    }

    /// What somebody is called.
    pub async fn person_name(&self, user: &str) -> Result<Option<String>, Error> {
        Ok(sqlx::query_scalar("SELECT name FROM users WHERE id = $1").bind(user).fetch_optional(&self.pool).await?)
    }

    /// Makes a team organization with its first owner. One that is there already stays as it is: the form that asks
    /// for it gives it its id, however often it is sent.
    pub async fn create_team(
        &self,
        id: OrganizationId,
        user: &UserId,
        name: &str,
        free: PlanId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (user, name) = (user.clone(), name.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                let made = sqlx::query(
                    "INSERT INTO organizations (id, name, kind, subscription_tier, tier_reason, created_at)
                     VALUES ($1, $2, 'team', $3, 'no_subscription', $4) ON CONFLICT (id) DO NOTHING",
                )
                .bind(&id.0)
                .bind(&name)
                .bind(free.as_str())
                .bind(now.0)
                .execute(&mut *connection)
                .await?;
                if made.rows_affected() == 0 {
                    return Ok(());
                }
                add(connection, &id, &user, Role::Owner, now).await?;
                audit::record(connection, &id, &Actor::User(user), &Action::OrganizationMade { name }, now).await
            })
        })
        .await
    }

    /// Renames a team organization.
    pub async fn rename_organization(
        &self,
        id: &OrganizationId,
        by: &UserId,
        name: &str,
        now: Timestamp,
    ) -> Result<TeamResult<()>, Error> {
        let (id, by, name) = (id.clone(), by.clone(), name.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                let organization = match enter(connection, &id, &by, Permission::Rename).await? {
                    Ok((organization, _)) => organization,
                    Err(refused) => return Ok(Err(refused)),
                };
                if organization.name == name {
                    return Ok(Ok(()));
                }
                sqlx::query("UPDATE organizations SET name = $2, name_due = 1 WHERE id = $1")
                    .bind(&id.0)
                    .bind(&name)
                    .execute(&mut *connection)
                    .await?;
                let action = Action::Renamed { before: organization.name, after: name };
                audit::record(connection, &id, &Actor::User(by), &action, now).await?;
                note_holders(connection, &id).await?;
                touch(connection, &id).await.map(Ok)
            })
        })
        .await
    }

    /// Changes what a member is; `None` removes them, or lets them leave.
    pub async fn change_member(
        &self,
        id: &OrganizationId,
        by: &UserId,
        member: &UserId,
        to: Option<Role>,
        now: Timestamp,
    ) -> Result<TeamResult<()>, Error> {
        let (id, by, member) = (id.clone(), by.clone(), member.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let Some(organization) = lock(connection, &id).await? else { return Ok(Err(TeamRefusal::NotIn)) };
                let Some(asks) = role_of(connection, &id, &by).await? else { return Ok(Err(TeamRefusal::NotIn)) };
                let Some(from) = role_of(connection, &id, &member).await? else {
                    return Ok(Err(TeamRefusal::NoSuchMember));
                };
                let owners = owners(connection, &id).await?;
                let own = by == member;
                let change = MemberChange { kind: organization.kind, by: asks, own, from, to, owners };
                if let Err(refused) = change.check() {
                    return Ok(Err(TeamRefusal::Member(refused)));
                }
                if to == Some(from) {
                    return Ok(Ok(()));
                }
                let action = if let Some(to) = to {
                    set_role(connection, &id, &member, to).await?;
                    Action::RoleChanged { member: member.0, before: from, after: to }
                } else {
                    remove(connection, &id, &member).await?;
                    note_holder(connection, &member).await?;
                    if own { Action::MemberLeft } else { Action::MemberRemoved { member: member.0, role: from } }
                };
                audit::record(connection, &id, &Actor::User(by), &action, now).await?;
                touch(connection, &id).await.map(Ok)
            })
        })
        .await
    }

    /// Makes another member the owner in place of the one who asks, who stays as an admin.
    pub async fn transfer_ownership(
        &self,
        id: &OrganizationId,
        by: &UserId,
        to: &UserId,
        now: Timestamp,
    ) -> Result<TeamResult<()>, Error> {
        let (id, by, to) = (id.clone(), by.clone(), to.clone());
        self.write(move |connection| {
            Box::pin(async move {
                if let Err(refused) = enter(connection, &id, &by, Permission::TransferOwnership).await? {
                    return Ok(Err(refused));
                }
                if by == to || role_of(connection, &id, &to).await?.is_none() {
                    return Ok(Err(TeamRefusal::NoSuchMember));
                }
                set_role(connection, &id, &to, Role::Owner).await?;
                set_role(connection, &id, &by, Role::Admin).await?;
                let action = Action::OwnershipTransferred { to: to.0 };
                audit::record(connection, &id, &Actor::User(by), &action, now).await?;
                touch(connection, &id).await.map(Ok)
            })
        })
        .await
    }

    /// Deletes a team organization, once nothing runs any more: nobody is in it, its keys and invitations are worth
    /// nothing, and its rows stay. Answers with the checkout sessions that are open, to be closed, and with the hashes
    /// of its keys.
    pub async fn delete_organization(
        &self,
        id: &OrganizationId,
        by: &UserId,
        now: Timestamp,
        wall: Timestamp,
    ) -> Result<TeamResult<Vec<String>>, Error> {
        let (id, by) = (id.clone(), by.clone());
        let done: TeamResult<(Vec<String>, Vec<String>)> =
            self.write(move |connection| Box::pin(async move { delete(connection, id, by, now, wall).await })).await?;
        Ok(done.map(|(sessions, keys)| {
            self.forget_keys(&keys);
            sessions
        }))
    }
}

async fn delete(
    connection: &mut AnyConnection,
    id: OrganizationId,
    by: UserId,
    now: Timestamp,
    wall: Timestamp,
) -> Result<TeamResult<(Vec<String>, Vec<String>)>, Error> {
    let organization = match enter(connection, &id, &by, Permission::Delete).await? {
        Ok((organization, _)) => organization,
        Err(refused) => return Ok(Err(refused)),
    };
    let running: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM subscriptions
         WHERE organization_id = $1 AND status NOT IN ('canceled', 'incomplete_expired')",
    )
    .bind(&id.0)
    .fetch_one(&mut *connection)
    .await?;
    if running > 0 {
        return Ok(Err(TeamRefusal::Subscribed));
    }
    let sessions = checkouts::replace_all(connection, &id).await?;
    let keys = sqlx::query_scalar(
        "UPDATE api_keys SET revoked_at = $2 WHERE organization_id = $1 AND revoked_at IS NULL RETURNING hash",
    )
    .bind(&id.0)
    .bind(wall.0)
    .fetch_all(&mut *connection)
    .await?;
    for statement in [
        "UPDATE organizations SET deleted_at = $2 WHERE id = $1",
        "UPDATE invitations SET revoked_at = $2
         WHERE organization_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL",
    ] {
        sqlx::query(statement).bind(&id.0).bind(now.0).execute(&mut *connection).await?;
    }
    note_holders(connection, &id).await?;
    sqlx::query("DELETE FROM memberships WHERE organization_id = $1").bind(&id.0).execute(&mut *connection).await?;
    let action = Action::OrganizationDeleted { name: organization.name };
    audit::record(connection, &id, &Actor::User(by), &action, now).await?;
    touch(connection, &id).await?;
    Ok(Ok((sessions, keys)))
}

/// Locks a team organization for somebody who may do this there.
pub(super) async fn enter(
    connection: &mut AnyConnection,
    id: &OrganizationId,
    by: &UserId,
    permission: Permission,
) -> Result<TeamResult<(Organization, Role)>, Error> {
    let Some(organization) = lock(connection, id).await? else { return Ok(Err(TeamRefusal::NotIn)) };
    let Some(role) = role_of(connection, id, by).await? else { return Ok(Err(TeamRefusal::NotIn)) };
    if organization.kind == Kind::Personal {
        return Ok(Err(TeamRefusal::Member(MemberRefusal::Personal)));
    }
    Ok(if role.may(permission) { Ok((organization, role)) } else { Err(TeamRefusal::NotAllowed(permission)) })
}

/// What somebody is in an organization.
pub(super) async fn role_of(
    connection: &mut AnyConnection,
    id: &OrganizationId,
    user: &UserId,
) -> Result<Option<Role>, Error> {
    let word: Option<String> =
        sqlx::query_scalar("SELECT role FROM memberships WHERE organization_id = $1 AND user_id = $2")
            .bind(&id.0)
            .bind(&user.0)
            .fetch_optional(connection)
            .await?;
    word.map(|word| role(&word)).transpose()
}

/// Lets somebody in.
pub(super) async fn add(
    connection: &mut AnyConnection,
    id: &OrganizationId,
    user: &UserId,
    role: Role,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO memberships (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)")
        .bind(&id.0)
        .bind(&user.0)
        .bind(role.as_str())
        .bind(now.0)
        .execute(connection)
        .await?;
    Ok(())
}

async fn remove(connection: &mut AnyConnection, id: &OrganizationId, user: &UserId) -> Result<(), Error> {
    sqlx::query("DELETE FROM memberships WHERE organization_id = $1 AND user_id = $2")
        .bind(&id.0)
        .bind(&user.0)
        .execute(connection)
        .await?;
    Ok(())
}

async fn set_role(connection: &mut AnyConnection, id: &OrganizationId, user: &UserId, to: Role) -> Result<(), Error> {
    sqlx::query("UPDATE memberships SET role = $3 WHERE organization_id = $1 AND user_id = $2")
        .bind(&id.0)
        .bind(&user.0)
        .bind(to.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

async fn owners(connection: &mut AnyConnection, id: &OrganizationId) -> Result<usize, Error> {
    let owners: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM memberships WHERE organization_id = $1 AND role = 'owner'")
            .bind(&id.0)
            .fetch_one(connection)
            .await?;
    Ok(usize::try_from(owners).unwrap_or_default())
}

pub(super) fn role(word: &str) -> Result<Role, Error> {
    Role::parse(word).ok_or_else(|| Error::Unreadable { table: "memberships", value: word.to_owned() })
}
