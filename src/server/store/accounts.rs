//! People, organizations and who belongs to which.

use domain::organization::{Kind, Organization, OrganizationId, UserId};
use domain::payment_method::PaymentMethod;
use domain::plan::PlanId;
use domain::role::Role;
use domain::time::Timestamp;
use sqlx::{AnyConnection, FromRow};

use super::{Error, Store, new_id};

/// Who the provider says has signed in. An account is `(issuer, subject)`; the e-mail address identifies nobody.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// The provider's name for the person.
    pub subject: String,
    /// For receipts and for show.
    pub email: String,
    /// Whether the provider vouches for the address.
    pub email_verified: bool,
    /// For show.
    pub name: String,
}

/// A person's place in an organization.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The person.
    pub user: UserId,
    /// For receipts and for show.
    pub email: String,
    /// For show.
    pub user_name: String,
    /// When the person had a trial, in any organization.
    pub user_trial_used_at: Option<Timestamp>,
    /// What they may do.
    pub role: Role,
    /// Whether they have a seat.
    pub seated: bool,
    /// The organization's revision.
    pub revision: i64,
    /// How many subscriptions of the organization are running.
    pub running: i64,
    /// Where.
    pub organization: Organization,
}

#[derive(FromRow)]
struct MembershipRow {
    user_id: String,
    email: String,
    user_name: String,
    user_trial_used_at: Option<i64>,
    role: String,
    seat_since: Option<i64>,
    revision: i64,
    running: i64,
    #[sqlx(flatten)]
    organization: OrganizationRow,
}

#[derive(FromRow)]
pub(super) struct OrganizationRow {
    id: String,
    name: String,
    kind: String,
    subscription_tier: String,
    tier_reason: String,
    tier_review_at: Option<i64>,
    stripe_customer_id: Option<String>,
    trial_used_at: Option<i64>,
    deleted_at: Option<i64>,
}

impl OrganizationRow {
    pub(super) fn read(self) -> Result<Organization, Error> {
        let unreadable = |value: &str| Error::Unreadable { table: "organizations", value: value.to_owned() };
        Ok(Organization {
            kind: Kind::parse(&self.kind).ok_or_else(|| unreadable(&self.kind))?,
            tier: PlanId::parse(&self.subscription_tier).map_err(|_| unreadable(&self.subscription_tier))?,
            tier_reason: self.tier_reason,
            tier_review_at: self.tier_review_at.map(Timestamp),
            id: OrganizationId(self.id),
            name: self.name,
            customer: self.stripe_customer_id,
            trial_used_at: self.trial_used_at.map(Timestamp),
            deleted_at: self.deleted_at.map(Timestamp),
        })
    }
}

impl MembershipRow {
    fn read(self) -> Result<Membership, Error> {
        let role = Role::parse(&self.role)
            .ok_or_else(|| Error::Unreadable { table: "memberships", value: self.role.clone() })?;
        Ok(Membership {
            user: UserId(self.user_id),
            email: self.email,
            user_name: self.user_name,
            user_trial_used_at: self.user_trial_used_at.map(Timestamp),
            role,
            seated: self.seat_since.is_some(),
            revision: self.revision,
            running: self.running,
            organization: self.organization.read()?,
        })
    }
}

impl Store {
    /// Finds the account or makes it, with its personal organization, and brings name and address up to date.
    pub async fn sign_in(&self, identity: Identity, free: PlanId, now: Timestamp) -> Result<UserId, Error> {
        self.write(move |connection| Box::pin(sign_in(connection, identity, free, now))).await
    }

    /// A person's organizations, the personal one first.
    pub async fn memberships(&self, user: &UserId) -> Result<Vec<Membership>, Error> {
        let rows: Vec<MembershipRow> = sqlx::query_as(
            "SELECT u.id AS user_id, u.email, u.name AS user_name, u.trial_used_at AS user_trial_used_at, m.role, m.seat_since,
                    o.revision,
                    (SELECT COUNT(*) FROM subscriptions s WHERE s.organization_id = o.id
                        AND s.status NOT IN ('canceled', 'incomplete_expired')) AS running,
                    o.id, o.name, o.kind, o.subscription_tier, o.tier_reason, o.tier_review_at,
                    o.stripe_customer_id, o.trial_used_at, o.deleted_at
             FROM memberships m
             JOIN users u ON u.id = m.user_id
             JOIN organizations o ON o.id = m.organization_id
             WHERE m.user_id = $1
             ORDER BY CASE o.kind WHEN 'personal' THEN 0 ELSE 1 END, o.created_at, o.id",
        )
        .bind(&user.0)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(MembershipRow::read).collect()
    }

    /// One organization.
    pub async fn organization(&self, id: &OrganizationId) -> Result<Option<Organization>, Error> {
        let row: Option<OrganizationRow> =
            sqlx::query_as("SELECT * FROM organizations WHERE id = $1").bind(&id.0).fetch_optional(&self.pool).await?;
        row.map(OrganizationRow::read).transpose()
    }

    /// The organization that is billed as this Stripe customer.
    pub async fn organization_of_customer(&self, customer: &str) -> Result<Option<OrganizationId>, Error> {
        let id: Option<String> = sqlx::query_scalar("SELECT id FROM organizations WHERE stripe_customer_id = $1")
            .bind(customer)
            .fetch_optional(&self.pool)
            .await?;
        Ok(id.map(OrganizationId))
    }

    /// What the organization pays with, as far as it may be shown.
    pub async fn payment_method(&self, organization: &OrganizationId) -> Result<Option<PaymentMethod>, Error> {
        let json: Option<Option<String>> = sqlx::query_scalar("SELECT payment_method FROM organizations WHERE id = $1")
            .bind(&organization.0)
            .fetch_optional(&self.pool)
            .await?;
        let unreadable =
            |error: serde_json::Error| Error::Unreadable { table: "organizations", value: error.to_string() };
        json.flatten().map(|json| serde_json::from_str(&json).map_err(unreadable)).transpose()
    }

    /// A number that goes up with every change that a page of the organization could show.
    pub async fn revision(&self, organization: &OrganizationId) -> Result<i64, Error> {
        let revision: Option<i64> = sqlx::query_scalar("SELECT revision FROM organizations WHERE id = $1")
            .bind(&organization.0)
            .fetch_optional(&self.pool)
            .await?;
        Ok(revision.unwrap_or_default())
    }

    /// The organizations whose tier is due for a change by time alone.
    pub async fn organizations_due(&self, now: Timestamp) -> Result<Vec<OrganizationId>, Error> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM organizations WHERE tier_review_at <= $1 ORDER BY tier_review_at LIMIT 100",
        )
        .bind(now.0)
        .fetch_all(&self.pool)
        .await?;
        Ok(ids.into_iter().map(OrganizationId).collect())
    }
}

/// Reads an organization and keeps others from changing it: an update that changes nothing locks on both engines. It
/// is not of the key, or SQLite would look into every table that refers to it.
pub(super) async fn lock(connection: &mut AnyConnection, id: &OrganizationId) -> Result<Option<Organization>, Error> {
    let row: Option<OrganizationRow> =
        sqlx::query_as("UPDATE organizations SET revision = revision WHERE id = $1 RETURNING *")
            .bind(&id.0)
            .fetch_optional(connection)
            .await?;
    row.map(OrganizationRow::read).transpose()
}

/// The same for the organization that this customer is linked to.
pub(super) async fn lock_by_customer(
    connection: &mut AnyConnection,
    customer: &str,
) -> Result<Option<Organization>, Error> {
    let row: Option<OrganizationRow> =
        sqlx::query_as("UPDATE organizations SET revision = revision WHERE stripe_customer_id = $1 RETURNING *")
            .bind(customer)
            .fetch_optional(connection)
            .await?;
    row.map(OrganizationRow::read).transpose()
}

async fn sign_in(
    connection: &mut AnyConnection,
    identity: Identity,
    free: PlanId,
    now: Timestamp,
) -> Result<UserId, Error> {
    let id: String = sqlx::query_scalar(
        "INSERT INTO users (id, issuer, subject, email, name, created_at, email_verified)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (issuer, subject) DO UPDATE SET email = excluded.email, name = excluded.name,
             email_verified = excluded.email_verified
         RETURNING id",
    )
    .bind(new_id("usr"))
    .bind(identity.issuer)
    .bind(identity.subject)
    .bind(identity.email)
    .bind(&identity.name)
    .bind(now.0)
    .bind(i64::from(identity.email_verified))
    .fetch_one(&mut *connection)
    .await?;
    // The personal organization's id follows from the person's, so that two first sign-ins at once make one.
    let personal = format!("org_{}", id.trim_start_matches("usr_"));
    sqlx::query(
        "INSERT INTO organizations (id, name, kind, subscription_tier, tier_reason, created_at)
         VALUES ($1, $2, 'personal', $3, 'no_subscription', $4) ON CONFLICT (id) DO NOTHING",
    )
    .bind(&personal)
    .bind(identity.name)
    .bind(free.as_str())
    .bind(now.0)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO memberships (organization_id, user_id, role, created_at) VALUES ($1, $2, 'owner', $3)
         ON CONFLICT (organization_id, user_id) DO NOTHING",
    )
    .bind(personal)
    .bind(&id)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(UserId(id))
}
