//! Our mirror of Stripe's invoices, for the list that a customer sees, and what an invoice's event settles.

use domain::invoice::{Invoice, Status};
use domain::money::Currency;
use domain::organization::OrganizationId;
use domain::subscription;
use domain::time::Timestamp;
use sqlx::{AnyConnection, FromRow};

use super::accounts::lock;
use super::sync::touch;
use super::{Decision, Error, Store, events};

#[derive(FromRow)]
struct Row {
    id: String,
    customer_id: String,
    subscription_id: Option<String>,
    number: Option<String>,
    status: String,
    currency: String,
    total: i64,
    remaining: i64,
    attempts: i64,
    next_attempt_at: Option<i64>,
    created_at: i64,
    hosted_url: Option<String>,
    pdf_url: Option<String>,
}

impl Row {
    fn read(self) -> Result<Invoice, Error> {
        let unreadable = |value: &str| Error::Unreadable { table: "invoices", value: value.to_owned() };
        Ok(Invoice {
            status: Status::parse(&self.status).ok_or_else(|| unreadable(&self.status))?,
            currency: Currency::parse(&self.currency).map_err(|_| unreadable(&self.currency))?,
            attempts: u32::try_from(self.attempts).map_err(|_| unreadable(&self.attempts.to_string()))?,
            id: self.id,
            customer: self.customer_id,
            subscription: self.subscription_id,
            number: self.number,
            total: self.total,
            remaining: self.remaining,
            next_attempt: self.next_attempt_at.map(Timestamp),
            created: Timestamp(self.created_at),
            hosted_url: self.hosted_url,
            pdf_url: self.pdf_url,
        })
    }
}

/// What an invoice's event means for its subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// It fits what is stored: the event is settled.
    Settled,
    /// It contradicts what is stored: Stripe must be asked about the subscription.
    Ask,
}

impl Store {
    /// A page of an organization's invoices, newest first; drafts are not shown to anybody.
    pub async fn invoices(
        &self,
        organization: &OrganizationId,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<Invoice>, Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM invoices WHERE organization_id = $1 AND status <> 'draft'
             ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3",
        )
        .bind(&organization.0)
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Keeps invoices that a list had, for the reconciliation.
    pub async fn keep_invoices(&self, organization: &OrganizationId, invoices: Vec<Invoice>) -> Result<(), Error> {
        let organization = organization.clone();
        self.write(move |connection| {
            Box::pin(async move {
                if lock(connection, &organization).await?.is_none() {
                    return Ok(());
                }
                let mut new = false;
                for invoice in &invoices {
                    new |= keep(connection, &organization, invoice).await?;
                }
                if new {
                    touch(connection, &organization).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Keeps an event's invoice and settles the event, unless `contradicts` says that the subscription cannot be as it
    /// is stored.
    pub async fn settle_or_ask(
        &self,
        event: &str,
        invoice: Option<Invoice>,
        subscription: Option<String>,
        contradicts: impl FnOnce(Option<subscription::Status>) -> bool + Send + 'static,
        wall: Timestamp,
    ) -> Result<Consequence, Error> {
        let event = event.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let customer = invoice.as_ref().map(|invoice| invoice.customer.clone());
                let organization = owner(connection, customer).await?;
                let mut new = false;
                if let (Some(organization), Some(invoice)) = (&organization, &invoice) {
                    new = keep(connection, organization, invoice).await?;
                    if new {
                        touch(connection, organization).await?;
                    }
                }
                if let Some(subscription) = subscription
                    && contradicts(status_of(connection, &subscription).await?)
                {
                    return Ok(Consequence::Ask);
                }
                let decision = match (&organization, new) {
                    (None, _) => Decision::ignored("no organization of ours is billed by it"),
                    (Some(_), true) => Decision::applied("the invoice is stored"),
                    (Some(_), false) => Decision::applied("nothing new"),
                };
                events::finish(connection, &event, organization.as_ref(), decision, wall).await?;
                Ok(Consequence::Settled)
            })
        })
        .await
    }
}

/// The organization that a customer stands for, locked until the transaction ends.
async fn owner(connection: &mut AnyConnection, customer: Option<String>) -> Result<Option<OrganizationId>, Error> {
    let Some(customer) = customer else { return Ok(None) };
    let id: Option<String> = sqlx::query_scalar("SELECT id FROM organizations WHERE stripe_customer_id = $1")
        .bind(customer)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(id) = id.map(OrganizationId) else { return Ok(None) };
    Ok(lock(connection, &id).await?.map(|organization| organization.id))
}

async fn status_of(connection: &mut AnyConnection, subscription: &str) -> Result<Option<subscription::Status>, Error> {
    let status: Option<String> = sqlx::query_scalar("SELECT status FROM subscriptions WHERE id = $1")
        .bind(subscription)
        .fetch_optional(connection)
        .await?;
    Ok(status.as_deref().and_then(subscription::Status::parse))
}

/// Keeps an invoice unless a later telling of it is stored. Says whether anything is new.
pub(super) async fn keep(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    invoice: &Invoice,
) -> Result<bool, Error> {
    let stored: Option<Row> = sqlx::query_as("SELECT * FROM invoices WHERE id = $1 AND organization_id = $2")
        .bind(&invoice.id)
        .bind(&organization.0)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(stored) = stored {
        let stored = stored.read()?;
        if stored == *invoice || !invoice.replaces(&stored) {
            return Ok(false);
        }
    }
    sqlx::query(
        "INSERT INTO invoices (id, organization_id, customer_id, subscription_id, number, status, currency, total,
             remaining, attempts, next_attempt_at, created_at, hosted_url, pdf_url)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (id) DO UPDATE SET
             subscription_id = excluded.subscription_id, number = excluded.number, status = excluded.status,
             total = excluded.total, remaining = excluded.remaining, attempts = excluded.attempts,
             next_attempt_at = excluded.next_attempt_at, hosted_url = excluded.hosted_url, pdf_url = excluded.pdf_url",
    )
    .bind(&invoice.id)
    .bind(&organization.0)
    .bind(&invoice.customer)
    .bind(invoice.subscription.as_deref())
    .bind(invoice.number.as_deref())
    .bind(invoice.status.as_str())
    .bind(invoice.currency.code())
    .bind(invoice.total)
    .bind(invoice.remaining)
    .bind(i64::from(invoice.attempts))
    .bind(invoice.next_attempt.map(|at| at.0))
    .bind(invoice.created.0)
    .bind(invoice.hosted_url.as_deref())
    .bind(invoice.pdf_url.as_deref())
    .execute(connection)
    .await?;
    Ok(true)
}
