//! Invitations. Who knows the link's token finds one; everybody else asks for those of an organization.

use domain::invitation::{GOOD_FOR, Guest, Invitation, InvitationRefusal};
use domain::organization::{OrganizationId, UserId};
use domain::role::{MemberRefusal, Permission};
use domain::time::{Seconds, Timestamp};
use sqlx::{AnyConnection, FromRow};

use super::accounts::lock;
use super::audit::{self, Action, Actor};
use super::mails::{self, NewMail};
use super::members::{TeamRefusal, add, enter, role, role_of};
use super::sync::{Decide, touch};
use super::{Error, Store, new_id, seats};

/// How many can be open in an organization at once, and how many can be made in a day.
const MOST: i64 = 100;
const A_DAY: Seconds = Seconds::days(1);

/// An invitation as it is stored.
#[derive(Clone, Debug)]
pub struct StoredInvitation {
    /// Its id.
    pub id: String,
    /// Into what.
    pub organization: OrganizationId,
    /// What that is called.
    pub organization_name: String,
    /// Who invites.
    pub invited_by: String,
    /// What it says.
    pub invitation: Invitation,
}

/// An invitation to be made, or to be sent again with another token.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// Into what.
    pub organization: OrganizationId,
    /// Who invites.
    pub by: UserId,
    /// The hash of the link's token.
    pub token_hash: String,
    /// The mail with the link.
    pub mail: NewMail,
    /// The rules' clock, and the outbox's.
    pub now: Timestamp,
    /// The outbox's clock.
    pub wall: Timestamp,
}

/// Why there is no invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteRefusal {
    /// Whoever asks may not.
    Team(TeamRefusal),
    /// The address is a member's.
    AlreadyMember,
    /// The address has one that is open.
    AlreadyInvited,
    /// There are too many.
    TooMany,
    /// It was sent a moment ago; this is when it can be sent again.
    TooSoon(Timestamp),
    /// There is no such invitation that is open or expired.
    Gone,
}

#[derive(FromRow)]
struct Row {
    id: String,
    organization_id: String,
    organization_name: String,
    invited_by: String,
    email: String,
    role: String,
    sent_at: i64,
    expires_at: i64,
    accepted_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl Row {
    fn read(self) -> Result<StoredInvitation, Error> {
        Ok(StoredInvitation {
            invitation: Invitation {
                role: role(&self.role)?,
                email: self.email,
                sent_at: Timestamp(self.sent_at),
                expires_at: Timestamp(self.expires_at),
                accepted_at: self.accepted_at.map(Timestamp),
                revoked_at: self.revoked_at.map(Timestamp),
            },
            id: self.id,
            organization: OrganizationId(self.organization_id),
            organization_name: self.organization_name,
            invited_by: self.invited_by,
        })
    }
}

const BY_TOKEN: &str =
    "SELECT i.id, i.organization_id, o.name AS organization_name, u.name AS invited_by, i.email, i.role,
        i.sent_at, i.expires_at, i.accepted_at, i.revoked_at
     FROM invitations i JOIN organizations o ON o.id = i.organization_id JOIN users u ON u.id = i.invited_by
     WHERE i.token_hash = $1";
const BY_ID: &str =
    "SELECT i.id, i.organization_id, o.name AS organization_name, u.name AS invited_by, i.email, i.role,
        i.sent_at, i.expires_at, i.accepted_at, i.revoked_at
     FROM invitations i JOIN organizations o ON o.id = i.organization_id JOIN users u ON u.id = i.invited_by
     WHERE i.id = $1 AND i.organization_id = $2";

impl Store {
    /// The invitation that a link is of.
    pub async fn invitation(&self, token_hash: &str) -> Result<Option<StoredInvitation>, Error> {
        let row: Option<Row> = sqlx::query_as(BY_TOKEN).bind(token_hash).fetch_optional(&self.pool).await?;
        row.map(Row::read).transpose()
    }

    /// An organization's invitation.
    pub async fn invitation_of(
        &self,
        organization: &OrganizationId,
        id: &str,
    ) -> Result<Option<StoredInvitation>, Error> {
        let row: Option<Row> = sqlx::query_as(BY_ID).bind(id).bind(&organization.0).fetch_optional(&self.pool).await?;
        row.map(Row::read).transpose()
    }

    /// The invitations of an organization that are open or have expired, newest first.
    pub async fn open_invitations(&self, organization: &OrganizationId) -> Result<Vec<StoredInvitation>, Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT i.id, i.organization_id, o.name AS organization_name, u.name AS invited_by, i.email, i.role,
                    i.sent_at, i.expires_at, i.accepted_at, i.revoked_at
             FROM invitations i JOIN organizations o ON o.id = i.organization_id JOIN users u ON u.id = i.invited_by
             WHERE i.organization_id = $1 AND i.accepted_at IS NULL AND i.revoked_at IS NULL
             ORDER BY i.created_at DESC, i.id DESC",
        )
        .bind(&organization.0)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Whether a person is in an organization, with what their invitation needs to know of them.
    pub async fn guest(
        &self,
        organization: &OrganizationId,
        user: &UserId,
    ) -> Result<Option<(String, bool, bool)>, Error> {
        let mut connection = self.pool.acquire().await?;
        guest(&mut connection, organization, user).await
    }

    /// Makes an invitation, and writes its mail into the outbox. What is to be given, the one who asks must have.
    pub async fn invite(
        &self,
        new: NewInvitation,
        email: String,
        to_be: domain::role::Role,
    ) -> Result<Result<(), InviteRefusal>, Error> {
        self.write(move |connection| {
            Box::pin(async move {
                let id = &new.organization;
                let asks = match enter(connection, id, &new.by, Permission::ManageMembers).await? {
                    Ok((_, asks)) => asks,
                    Err(refused) => return Ok(Err(InviteRefusal::Team(refused))),
                };
                if !asks.may_grant(to_be) {
                    return Ok(Err(InviteRefusal::Team(TeamRefusal::Member(MemberRefusal::AboveOwn))));
                }
                if let Some(refused) = taken(connection, id, &email, new.now).await? {
                    return Ok(Err(refused));
                }
                sqlx::query(
                    "INSERT INTO invitations (id, organization_id, email, role, token_hash, invited_by, created_at,
                         sent_at, expires_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)",
                )
                .bind(new_id("inv"))
                .bind(&id.0)
                .bind(&email)
                .bind(to_be.as_str())
                .bind(&new.token_hash)
                .bind(&new.by.0)
                .bind(new.now.0)
                .bind((new.now + GOOD_FOR).0)
                .execute(&mut *connection)
                .await?;
                mails::write(connection, id, vec![new.mail], new.wall).await?;
                let action = Action::MemberInvited { email, role: to_be };
                audit::record(connection, id, &Actor::User(new.by), &action, new.now).await?;
                touch(connection, id).await.map(Ok)
            })
        })
        .await
    }

    /// Sends an invitation again: with another link, good for as long as a new one. The earlier link is worth nothing.
    pub async fn send_invitation_again(
        &self,
        new: NewInvitation,
        invitation: &str,
    ) -> Result<Result<(), InviteRefusal>, Error> {
        let invitation = invitation.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let id = &new.organization;
                if let Err(refused) = enter(connection, id, &new.by, Permission::ManageMembers).await? {
                    return Ok(Err(InviteRefusal::Team(refused)));
                }
                let known = open(connection, id, &invitation).await?;
                let Some(known) = known else { return Ok(Err(InviteRefusal::Gone)) };
                if known.sendable_at() > new.now {
                    return Ok(Err(InviteRefusal::TooSoon(known.sendable_at())));
                }
                sqlx::query("UPDATE invitations SET token_hash = $2, sent_at = $3, expires_at = $4 WHERE id = $1")
                    .bind(&invitation)
                    .bind(&new.token_hash)
                    .bind(new.now.0)
                    .bind((new.now + GOOD_FOR).0)
                    .execute(&mut *connection)
                    .await?;
                mails::write(connection, id, vec![new.mail], new.wall).await?;
                let action = Action::InvitationSentAgain { email: known.email };
                audit::record(connection, id, &Actor::User(new.by), &action, new.now).await?;
                touch(connection, id).await.map(Ok)
            })
        })
        .await
    }

    /// Takes an invitation back.
    pub async fn revoke_invitation(
        &self,
        organization: &OrganizationId,
        by: &UserId,
        invitation: &str,
        now: Timestamp,
    ) -> Result<Result<(), InviteRefusal>, Error> {
        let (id, by, invitation) = (organization.clone(), by.clone(), invitation.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                if let Err(refused) = enter(connection, &id, &by, Permission::ManageMembers).await? {
                    return Ok(Err(InviteRefusal::Team(refused)));
                }
                let known = open(connection, &id, &invitation).await?;
                let Some(known) = known else { return Ok(Err(InviteRefusal::Gone)) };
                sqlx::query("UPDATE invitations SET revoked_at = $2 WHERE id = $1")
                    .bind(&invitation)
                    .bind(now.0)
                    .execute(&mut *connection)
                    .await?;
                let action = Action::InvitationRevoked { email: known.email };
                audit::record(connection, &id, &Actor::User(by), &action, now).await?;
                touch(connection, &id).await.map(Ok)
            })
        })
        .await
    }

    /// Lets somebody in by their link, once, with a seat where one is free. `None` where there is no such link.
    pub async fn accept_invitation(
        &self,
        token_hash: &str,
        user: &UserId,
        now: Timestamp,
        decide: impl Decide,
    ) -> Result<Option<Result<OrganizationId, InvitationRefusal>>, Error> {
        let (hash, user) = (token_hash.to_owned(), user.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let organization: Option<String> =
                    sqlx::query_scalar("SELECT organization_id FROM invitations WHERE token_hash = $1")
                        .bind(&hash)
                        .fetch_optional(&mut *connection)
                        .await?;
                let Some(id) = organization.map(OrganizationId) else { return Ok(None) };
                lock(connection, &id).await?;
                // Read under the lock: it may have been accepted, revoked or sent again in the meantime.
                let row: Option<Row> = sqlx::query_as(BY_TOKEN).bind(&hash).fetch_optional(&mut *connection).await?;
                let Some(stored) = row.map(Row::read).transpose()? else { return Ok(None) };
                let Some((email, verified, is_member)) = guest(connection, &id, &user).await? else {
                    return Ok(None);
                };
                let asks = Guest { email: &email, verified, is_member };
                if let Err(refused) = stored.invitation.accept(asks, now) {
                    return Ok(Some(Err(refused)));
                }
                add(connection, &id, &user, stored.invitation.role, now).await?;
                sqlx::query("UPDATE invitations SET accepted_at = $2 WHERE id = $1")
                    .bind(&stored.id)
                    .bind(now.0)
                    .execute(&mut *connection)
                    .await?;
                let action = Action::MemberJoined { role: stored.invitation.role };
                audit::record(connection, &id, &Actor::User(user.clone()), &action, now).await?;
                seats::give_if_free(connection, &id, &user, now, &decide).await?;
                touch(connection, &id).await?;
                Ok(Some(Ok(id)))
            })
        })
        .await
    }
}

/// Why this address cannot be invited.
async fn taken(
    connection: &mut AnyConnection,
    id: &OrganizationId,
    email: &str,
    now: Timestamp,
) -> Result<Option<InviteRefusal>, Error> {
    let member: Option<String> = sqlx::query_scalar(
        "SELECT m.user_id FROM memberships m JOIN users u ON u.id = m.user_id
         WHERE m.organization_id = $1 AND LOWER(u.email) = $2",
    )
    .bind(&id.0)
    .bind(email)
    .fetch_optional(&mut *connection)
    .await?;
    if member.is_some() {
        return Ok(Some(InviteRefusal::AlreadyMember));
    }
    let invited: Option<String> = sqlx::query_scalar(
        "SELECT id FROM invitations
         WHERE organization_id = $1 AND email = $2 AND accepted_at IS NULL AND revoked_at IS NULL",
    )
    .bind(&id.0)
    .bind(email)
    .fetch_optional(&mut *connection)
    .await?;
    if invited.is_some() {
        return Ok(Some(InviteRefusal::AlreadyInvited));
    }
    let recent: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM invitations WHERE organization_id = $1 AND created_at > $2")
            .bind(&id.0)
            .bind(now.0 - A_DAY.0)
            .fetch_one(&mut *connection)
            .await?;
    let open: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM invitations
         WHERE organization_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL",
    )
    .bind(&id.0)
    .fetch_one(connection)
    .await?;
    Ok((recent >= MOST || open >= MOST).then_some(InviteRefusal::TooMany))
}

/// An invitation that is open or has expired.
async fn open(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    id: &str,
) -> Result<Option<Invitation>, Error> {
    let row: Option<Row> = sqlx::query_as(BY_ID).bind(id).bind(&organization.0).fetch_optional(connection).await?;
    let known = row.map(Row::read).transpose()?.map(|stored| stored.invitation);
    Ok(known.filter(|known| known.accepted_at.is_none() && known.revoked_at.is_none()))
}

/// Address, whether it is verified, and whether the person is in the organization.
async fn guest(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    user: &UserId,
) -> Result<Option<(String, bool, bool)>, Error> {
    let person: Option<(String, i64)> = sqlx::query_as("SELECT email, email_verified FROM users WHERE id = $1")
        .bind(&user.0)
        .fetch_optional(&mut *connection)
        .await?;
    let Some((email, verified)) = person else { return Ok(None) };
    let is_member = role_of(connection, organization, user).await?.is_some();
    Ok(Some((email, verified != 0, is_member)))
}
