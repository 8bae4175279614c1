//! The time line: what happened to an organization, who did it, what changed and why.

use domain::organization::{OrganizationId, UserId};
use domain::time::Timestamp;
use sqlx::{AnyConnection, FromRow};

pub use super::about::About;
pub use super::actions::{Action, Standing};
use super::{Error, Store, new_id};

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person, through a page or the API.
    User(UserId),
    /// Stripe, by an event.
    Event(String),
    /// Time passing.
    Clock,
    /// Somebody at the command line.
    Operator,
    /// The comparison with Stripe.
    Reconciliation,
    /// An automatic top-up.
    TopUp,
}

impl Actor {
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::User(user) => user.0.clone(),
            Self::Event(event) => event.clone(),
            Self::Clock => "clock".to_owned(),
            Self::Operator => "operator".to_owned(),
            Self::Reconciliation => "reconciliation".to_owned(),
            Self::TopUp => "top_up".to_owned(),
        }
    }
}

/// A line of an organization's time line: an action or an event.
#[derive(Clone, Debug, FromRow)]
pub struct TimelineEntry {
    /// When, UTC seconds.
    pub at: i64,
    /// Who: a person, an event, `clock`, `operator`, `reconciliation`, or `stripe` for an event's own line.
    pub actor: String,
    /// What happened, or the event's type.
    pub action: String,
    /// Before and after as JSON; for an event what was decided, and why.
    pub detail: String,
}

/// Something that was done.
#[derive(Clone, Debug, FromRow)]
pub struct AuditEntry {
    /// Its id; later ones are greater.
    pub id: String,
    /// When, UTC seconds.
    pub at: i64,
    /// Who: a person, an event, `clock`, `operator` or `reconciliation`.
    pub actor: String,
    /// The person's name, where it was one.
    pub person: Option<String>,
    /// What was done.
    pub action: String,
    /// The rest of it, as JSON.
    pub detail: String,
}

/// Which lines of a time line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// About what; `None` for everything.
    pub about: Option<About>,
    /// By whom.
    pub by: By,
}

/// By whom something was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Whoever it was.
    #[default]
    Anybody,
    /// This person.
    Person(UserId),
    /// No person: Stripe, time, an operator.
    Nobody,
}

impl Store {
    /// Adds an entry on its own, for an action that writes nothing else.
    pub async fn record(
        &self,
        organization: &OrganizationId,
        actor: Actor,
        action: Action,
        now: Timestamp,
    ) -> Result<(), Error> {
        let organization = organization.clone();
        self.write(move |connection| {
            Box::pin(async move { record(connection, &organization, &actor, &action, now).await })
        })
        .await
    }

    /// An organization's time line, oldest first: what was done, and every event with what was decided.
    pub async fn timeline(&self, organization: &OrganizationId) -> Result<Vec<TimelineEntry>, Error> {
        Ok(sqlx::query_as(
            "SELECT at, actor, action, detail, id AS tie FROM audit_entries WHERE organization_id = $1
             UNION ALL
             SELECT created_at AS at, 'stripe' AS actor, type AS action,
                    id || ': ' || status || ', ' || COALESCE(decision, '') AS detail, id AS tie
             FROM stripe_events WHERE organization_id = $1
             ORDER BY at, tie",
        )
        .bind(&organization.0)
        .fetch_all(&self.pool)
        .await?)
    }

    /// A page of what was done, newest first: before a line, or from the newest on.
    pub async fn audit(
        &self,
        organization: &OrganizationId,
        filter: &AuditFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, Error> {
        let (person, nobody) = match &filter.by {
            By::Anybody => ("", 0),
            By::Person(user) => (user.0.as_str(), 0),
            By::Nobody => ("", 1),
        };
        Ok(sqlx::query_as(
            "SELECT a.id, a.at, a.actor, u.name AS person, a.action, a.detail
             FROM audit_entries a LEFT JOIN users u ON u.id = a.actor
             WHERE a.organization_id = $1 AND ($2 = '' OR a.id < $2)
               AND ($3 = '' OR $3 LIKE '%,' || a.action || ',%')
               AND ($4 = '' OR a.actor = $4) AND ($5 = 0 OR a.actor NOT LIKE 'usr%')
             ORDER BY a.id DESC LIMIT $6",
        )
        .bind(&organization.0)
        .bind(before.unwrap_or_default())
        .bind(filter.about.map(About::words).unwrap_or_default())
        .bind(person)
        .bind(nobody)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?)
    }

    /// The people who did something in an organization, by name: also those who are not in it any more.
    pub async fn audited_people(&self, organization: &OrganizationId) -> Result<Vec<(String, String)>, Error> {
        Ok(sqlx::query_as(
            "SELECT u.id, u.name FROM users u
             WHERE u.id IN (SELECT actor FROM audit_entries WHERE organization_id = $1) ORDER BY u.name, u.id",
        )
        .bind(&organization.0)
        .fetch_all(&self.pool)
        .await?)
    }

    /// How many Stripe customers of an organization have been deleted.
    pub async fn customers_deleted(&self, organization: &OrganizationId) -> Result<i64, Error> {
        Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM audit_entries WHERE organization_id = $1 AND action = 'customer_deleted'",
        )
        .bind(&organization.0)
        .fetch_one(&self.pool)
        .await?)
    }
}

/// Adds an entry inside the transaction of what it tells about.
pub(super) async fn record(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    actor: &Actor,
    action: &Action,
    now: Timestamp,
) -> Result<(), Error> {
    let detail = serde_json::to_string(action)
        .map_err(|error| Error::Unreadable { table: "audit_entries", value: error.to_string() })?;
    sqlx::query(
        "INSERT INTO audit_entries (id, organization_id, at, actor, action, detail) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(new_id("aud"))
    .bind(&organization.0)
    .bind(now.0)
    .bind(actor.to_text())
    .bind(action.name())
    .bind(detail)
    .execute(connection)
    .await?;
    Ok(())
}
