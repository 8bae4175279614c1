//! Seats: which members have one, and what a person has through theirs. They are handed out under the organization's
//! lock, never more than there are; whoever has one keeps it, whatever becomes of their number.

use std::collections::BTreeMap;

use domain::access::Reason;
use domain::catalog::Catalog;
use domain::organization::{Kind, Organization, OrganizationId, UserId};
use domain::plan::{Limit, PlanId};
use domain::role::Permission;
use domain::seat::Seat;
use domain::time::Timestamp;
use serde::Deserialize;
use sqlx::{AnyConnection, AssertSqlSafe, FromRow};

use super::audit::{self, Action, Actor};
use super::members::{TeamRefusal, enter, role_of};
use super::sync::{Decide, decided, touch};
use super::{Error, Store, changes};

/// Why a seat was not given or taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatRefusal {
    /// Whoever asks may not.
    Team(TeamRefusal),
    /// The plan has no seats.
    NoSeats,
    /// All of so many are taken.
    AllTaken(u64),
}

/// A member, as services and pages ask for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatedMember {
    /// Who.
    pub user: UserId,
    /// Whether they have a seat.
    pub seated: bool,
}

/// The members of an organization, by their ids and by the provider's names for them.
pub(super) type Members = BTreeMap<String, SeatedMember>;

/// The columns of a [`SeatRow`], of the view `seats`.
pub(super) const SEAT: &str = "personal_id, organization_id, name, subscription_tier, tier_reason, tier_review_at";

#[derive(FromRow, Deserialize)]
pub(super) struct SeatRow {
    pub(super) personal_id: String,
    organization_id: String,
    name: String,
    subscription_tier: String,
    tier_reason: String,
    tier_review_at: Option<i64>,
}

impl SeatRow {
    pub(super) fn read(self) -> Result<Seat, Error> {
        let unreadable = |value: &str| Error::Unreadable { table: "organizations", value: value.to_owned() };
        Ok(Seat {
            tier: PlanId::parse(&self.subscription_tier).map_err(|_| unreadable(&self.subscription_tier))?,
            reason: Reason::parse(&self.tier_reason).ok_or_else(|| unreadable(&self.tier_reason))?,
            until: self.tier_review_at.map(Timestamp),
            organization: OrganizationId(self.organization_id),
            name: self.name,
        })
    }
}

impl Store {
    /// How many members have a seat.
    pub async fn seats_taken(&self, organization: &OrganizationId) -> Result<u32, Error> {
        let taken = taken(&mut *self.pool.acquire().await?, organization).await?;
        Ok(u32::try_from(taken).unwrap_or(u32::MAX))
    }

    /// Gives a member a seat, or takes it back.
    pub async fn set_seat(
        &self,
        id: &OrganizationId,
        by: &UserId,
        member: &UserId,
        seat: bool,
        now: Timestamp,
        decide: impl Decide,
    ) -> Result<Result<(), SeatRefusal>, Error> {
        let (id, by, member) = (id.clone(), by.clone(), member.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let entered = enter(connection, &id, &by, Permission::ManageMembers).await?;
                // Who is not in it is nobody, whatever may be done here.
                if role_of(connection, &id, &member).await?.is_none() && entered != Err(TeamRefusal::NotIn) {
                    return Ok(Err(SeatRefusal::Team(TeamRefusal::NoSuchMember)));
                }
                if let Err(refused) = entered {
                    return Ok(Err(SeatRefusal::Team(refused)));
                }
                if has(connection, &id, &member).await? == seat {
                    return Ok(Ok(()));
                }
                if seat {
                    match decided(connection, &id, &decide).await?.seats {
                        None => return Ok(Err(SeatRefusal::NoSeats)),
                        Some(Limit::AtMost(seats)) if taken(connection, &id).await? >= seats => {
                            return Ok(Err(SeatRefusal::AllTaken(seats)));
                        }
                        Some(Limit::AtMost(_) | Limit::Unlimited(_)) => {}
                    }
                }
                set(connection, &id, &member, seat.then_some(now)).await?;
                let member = member.0;
                let action = if seat { Action::SeatAssigned { member } } else { Action::SeatTakenBack { member } };
                audit::record(connection, &id, &Actor::User(by), &action, now).await?;
                touch(connection, &id).await.map(Ok)
            })
        })
        .await
    }
}

/// Gives a new member a seat, where one is free.
pub(super) async fn give_if_free(
    connection: &mut AnyConnection,
    id: &OrganizationId,
    user: &UserId,
    now: Timestamp,
    decide: &impl Decide,
) -> Result<(), Error> {
    let Some(seats) = decided(connection, id, decide).await?.seats else { return Ok(()) };
    let next = taken(connection, id).await? + 1;
    if !seats.covers(Limit::AtMost(next)) {
        return Ok(());
    }
    set(connection, id, user, Some(now)).await?;
    let action = Action::SeatAssigned { member: user.0.clone() };
    audit::record(connection, id, &Actor::User(user.clone()), &action, now).await
}

/// A plan with seats begins: where nobody has one, the members get them in the order in which they came.
pub(super) async fn hand_out(
    connection: &mut AnyConnection,
    team: &Organization,
    seats: Limit,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    if team.kind == Kind::Personal || taken(connection, &team.id).await? > 0 {
        return Ok(());
    }
    let most = match seats {
        Limit::AtMost(seats) => i64::try_from(seats).unwrap_or(i64::MAX),
        Limit::Unlimited(_) => i64::MAX,
    };
    let members: Vec<String> = sqlx::query_scalar(
        "SELECT user_id FROM memberships WHERE organization_id = $1 ORDER BY created_at, user_id LIMIT $2",
    )
    .bind(&team.id.0)
    .bind(most)
    .fetch_all(&mut *connection)
    .await?;
    for member in members {
        set(connection, &team.id, &UserId(member.clone()), Some(now)).await?;
        audit::record(connection, &team.id, actor, &Action::SeatAssigned { member }, now).await?;
    }
    Ok(())
}

/// Writes it, and tells the person's own organization.
async fn set(
    connection: &mut AnyConnection,
    id: &OrganizationId,
    user: &UserId,
    since: Option<Timestamp>,
) -> Result<(), Error> {
    sqlx::query("UPDATE memberships SET seat_since = $3 WHERE organization_id = $1 AND user_id = $2")
        .bind(&id.0)
        .bind(&user.0)
        .bind(since.map(|since| since.0))
        .execute(&mut *connection)
        .await?;
    note_holder(connection, user).await
}

async fn has(connection: &mut AnyConnection, id: &OrganizationId, user: &UserId) -> Result<bool, Error> {
    let since: Option<Option<i64>> =
        sqlx::query_scalar("SELECT seat_since FROM memberships WHERE organization_id = $1 AND user_id = $2")
            .bind(&id.0)
            .bind(&user.0)
            .fetch_optional(connection)
            .await?;
    Ok(since.flatten().is_some())
}

async fn taken(connection: &mut AnyConnection, id: &OrganizationId) -> Result<u64, Error> {
    let taken: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM memberships WHERE organization_id = $1 AND seat_since IS NOT NULL")
            .bind(&id.0)
            .fetch_one(connection)
            .await?;
    Ok(u64::try_from(taken).unwrap_or_default())
}

/// Something of a team has changed that those with a seat have through it.
pub(super) async fn note_holders(connection: &mut AnyConnection, team: &OrganizationId) -> Result<(), Error> {
    let own: Vec<String> = sqlx::query_scalar(
        "SELECT own.organization_id FROM memberships seat
         JOIN memberships own ON own.user_id = seat.user_id
         JOIN organizations person ON person.id = own.organization_id AND person.kind = 'personal'
         WHERE seat.organization_id = $1 AND seat.seat_since IS NOT NULL",
    )
    .bind(&team.0)
    .fetch_all(&mut *connection)
    .await?;
    for own in own {
        changes::note(connection, &OrganizationId(own)).await?;
    }
    Ok(())
}

/// A person's seat, or what they have through it, has changed.
pub(super) async fn note_holder(connection: &mut AnyConnection, user: &UserId) -> Result<(), Error> {
    let own: Vec<String> = sqlx::query_scalar(
        "SELECT own.organization_id FROM memberships own
         JOIN organizations person ON person.id = own.organization_id AND person.kind = 'personal'
         WHERE own.user_id = $1",
    )
    .bind(&user.0)
    .fetch_all(&mut *connection)
    .await?;
    for own in own {
        changes::note(connection, &OrganizationId(own)).await?;
    }
    Ok(())
}

/// The seats of the person whose own organization this is, in the order in which they were given.
pub(super) async fn held(
    connection: &mut AnyConnection,
    catalog: &Catalog,
    personal: &OrganizationId,
    kind: Kind,
) -> Result<Vec<Seat>, Error> {
    if kind == Kind::Team || !catalog.has_seats() {
        return Ok(Vec::new());
    }
    let rows: Vec<SeatRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {SEAT} FROM seats WHERE personal_id = $1 ORDER BY seat_since, organization_id"
    )))
    .bind(&personal.0)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(SeatRow::read).collect()
}

#[derive(FromRow)]
struct MemberRow {
    id: String,
    issuer: String,
    subject: String,
    seat_since: Option<i64>,
}

/// The members of an organization, and which of them have a seat.
pub(super) async fn members(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    issuer: &str,
) -> Result<Members, Error> {
    let rows: Vec<MemberRow> = sqlx::query_as(
        "SELECT u.id, u.issuer, u.subject, m.seat_since FROM memberships m JOIN users u ON u.id = m.user_id
         WHERE m.organization_id = $1",
    )
    .bind(&organization.0)
    .fetch_all(connection)
    .await?;
    let mut members = Members::new();
    for row in rows {
        let member = SeatedMember { user: UserId(row.id.clone()), seated: row.seat_since.is_some() };
        if row.issuer == issuer {
            members.insert(row.subject, member.clone());
        }
        // Ours counts where a provider gives somebody else the same name.
        members.insert(row.id, member);
    }
    Ok(members)
}
