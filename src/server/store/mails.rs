//! The outbox: mails are written with what they tell about, and sent afterwards.

use domain::organization::OrganizationId;
use domain::plan::MeterId;
use domain::role::Permission;
use domain::time::{Seconds, Timestamp};
use sqlx::{AnyConnection, FromRow};

use super::standing::meter_id;
use super::{Error, Store, new_id};

/// Whoever took a mail has so long to send it; after that another may take it.
const CLAIM: Seconds = Seconds(120);
/// How often a mail is tried before it is set aside.
const ATTEMPTS: i64 = 12;
/// How many are taken at once.
const AT_ONCE: i64 = 20;

/// A mail to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// An address.
    pub recipient: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// A mail that waits to be sent.
#[derive(Clone, Debug, FromRow)]
pub struct Mail {
    /// Its id: the same mail sent twice has the same.
    pub id: String,
    /// An address.
    pub recipient: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// How often it was tried before.
    pub attempts: i64,
}

/// A warning that nobody has been told of.
#[derive(Clone, Debug)]
pub struct NewWarning {
    /// Whose meter.
    pub organization: OrganizationId,
    /// Which.
    pub meter: MeterId,
    /// When the count began.
    pub window_start: i64,
    /// 80 or 95.
    pub percent: u32,
}

impl Store {
    /// Warnings since a moment that nobody has been told of.
    pub async fn new_warnings(&self, since: Timestamp) -> Result<Vec<NewWarning>, Error> {
        let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
            "SELECT organization_id, meter, window_start, percent FROM usage_warnings WHERE told = 0 AND at >= $1
             ORDER BY at LIMIT 100",
        )
        .bind(since.0)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|(organization, meter, window_start, percent)| {
                Ok(NewWarning {
                    organization: OrganizationId(organization),
                    meter: meter_id(&meter)?,
                    window_start,
                    percent: u32::try_from(percent).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// The addresses of those who manage an organization's billing.
    pub async fn billing_addresses(&self, organization: &OrganizationId) -> Result<Vec<String>, Error> {
        let members = self.member_list(organization).await?.into_iter();
        Ok(members.filter(|member| member.role.may(Permission::ManageBilling)).map(|member| member.email).collect())
    }

    /// Puts the mails about a warning into the outbox, once.
    pub async fn warn(&self, warning: &NewWarning, mails: Vec<NewMail>, wall: Timestamp) -> Result<(), Error> {
        let warning = warning.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let first = sqlx::query(
                    "UPDATE usage_warnings SET told = 1
                     WHERE organization_id = $1 AND meter = $2 AND window_start = $3 AND percent = $4 AND told = 0",
                )
                .bind(&warning.organization.0)
                .bind(warning.meter.as_str())
                .bind(warning.window_start)
                .bind(i64::from(warning.percent))
                .execute(&mut *connection)
                .await?;
                if first.rows_affected() == 0 {
                    return Ok(());
                }
                write(connection, &warning.organization, mails, wall).await?;
                // A page that is open shows the banner.
                super::sync::touch(connection, &warning.organization).await
            })
        })
        .await
    }

    /// Takes mails that are due. The condition stands twice so that two nodes never take the same one.
    pub async fn claim_mails(&self, wall: Timestamp) -> Result<Vec<Mail>, Error> {
        self.write(move |connection| {
            Box::pin(async move {
                Ok(sqlx::query_as(
                    "UPDATE mails SET next_attempt_at = $2
                     WHERE id IN (SELECT id FROM mails WHERE status = 'waiting' AND next_attempt_at <= $1
                                  ORDER BY next_attempt_at, id LIMIT $3)
                       AND status = 'waiting' AND next_attempt_at <= $1
                     RETURNING id, recipient, subject, body, attempts",
                )
                .bind(wall.0)
                .bind((wall + CLAIM).0)
                .bind(AT_ONCE)
                .fetch_all(connection)
                .await?)
            })
        })
        .await
    }

    /// Whether a mail is due: asked before one is taken, so that an empty outbox costs no write.
    pub async fn mails_due(&self, wall: Timestamp) -> Result<bool, Error> {
        let due: Option<String> =
            sqlx::query_scalar("SELECT id FROM mails WHERE status = 'waiting' AND next_attempt_at <= $1 LIMIT 1")
                .bind(wall.0)
                .fetch_optional(&self.pool)
                .await?;
        Ok(due.is_some())
    }

    /// Notes that a mail was sent, or why not: then it is tried again after `wait`, or set aside after too many
    /// attempts. What was sent is not kept: a link in it may be as good as a key.
    pub async fn mail_tried(
        &self,
        id: &str,
        failed: Option<String>,
        wait: Seconds,
        wall: Timestamp,
    ) -> Result<(), Error> {
        let id = id.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE mails SET attempts = attempts + 1, last_error = $2, next_attempt_at = $3,
                         body = CASE WHEN $2 IS NULL THEN '' ELSE body END,
                         status = CASE WHEN $2 IS NULL THEN 'sent' WHEN attempts + 1 >= $4 THEN 'dead'
                                  ELSE 'waiting' END
                     WHERE id = $1 AND status = 'waiting'",
                )
                .bind(id)
                .bind(failed)
                .bind((wall + wait).0)
                .bind(ATTEMPTS)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }
}

/// Puts mails into the outbox, inside the transaction of what they tell about.
pub(super) async fn write(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    mails: Vec<NewMail>,
    wall: Timestamp,
) -> Result<(), Error> {
    for mail in mails {
        put(connection, Some(organization), mail, wall).await?;
    }
    Ok(())
}

/// The same for one mail, which may be about no organization.
pub(super) async fn put(
    connection: &mut AnyConnection,
    organization: Option<&OrganizationId>,
    mail: NewMail,
    wall: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO mails (id, organization_id, recipient, subject, body, status, attempts, next_attempt_at,
             created_at)
         VALUES ($1, $2, $3, $4, $5, 'waiting', 0, $6, $6)",
    )
    .bind(new_id("mai"))
    .bind(organization.map(|organization| organization.0.clone()))
    .bind(mail.recipient)
    .bind(mail.subject)
    .bind(mail.body)
    .bind(wall.0)
    .execute(connection)
    .await?;
    Ok(())
}
