//! Our mirror of Stripe's invoices, for the list that a customer sees, and what an invoice's event settles.

use std::collections::HashMap;

use domain::invoice::{Invoice, Place, Status};
use domain::money::Currency;
use domain::organization::{Organization, OrganizationId};
use domain::plan::PlanId;
use domain::subscription::{self, Subscription};
use domain::time::Timestamp;
use sqlx::{AnyConnection, FromRow};

use super::accounts::{lock, lock_by_customer};
use super::sync::{Decide, settle, touch};
use super::{Actor, Decision, Error, Moment, Store, events};

#[derive(FromRow)]
struct Row {
    id: String,
    customer_id: String,
    subscription_id: Option<String>,
    bills_from: Option<i64>,
    told_at: Option<i64>,
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
            bills_from: self.bills_from.map(Timestamp),
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
    /// It contradicts what is stored: Stripe must be asked about this subscription.
    Ask(String),
    /// It is not known whether this invoice is stored as it was before or after: Stripe must be asked about it.
    AskInvoice(Box<Invoice>),
}

/// An invoice as it was told.
#[derive(Clone, Debug)]
pub struct ToldInvoice {
    /// How it stands.
    pub invoice: Invoice,
    /// When Stripe made the event that says so; `None` where Stripe was asked.
    pub at: Option<Timestamp>,
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

    /// An organization's latest invoices by their id, drafts as well: more than a page of Stripe's list has.
    pub async fn latest_invoices(&self, organization: &OrganizationId) -> Result<HashMap<String, Invoice>, Error> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT * FROM invoices WHERE organization_id = $1 ORDER BY created_at DESC LIMIT 200")
                .bind(&organization.0)
                .fetch_all(&self.pool)
                .await?;
        rows.into_iter().map(|row| Ok((row.id.clone(), row.read()?))).collect()
    }

    /// Keeps invoices as Stripe answered, and what follows from them.
    pub async fn keep_invoices(
        &self,
        organization: &OrganizationId,
        invoices: Vec<Invoice>,
        actor: Actor,
        now: Timestamp,
        decide: impl Decide,
    ) -> Result<(), Error> {
        let organization = organization.clone();
        self.write(move |connection| {
            Box::pin(async move {
                if let Some(organization) = lock(connection, &organization).await? {
                    keep_all(connection, &organization, &invoices, &actor, now, decide).await?;
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
        told: Option<ToldInvoice>,
        subscription: Option<String>,
        contradicts: impl FnOnce(Option<subscription::Status>) -> bool + Send + 'static,
        moment: Moment,
        decide: impl Decide,
    ) -> Result<Consequence, Error> {
        let event = event.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let customer = told.as_ref().map(|told| told.invoice.customer.clone());
                let organization = owner(connection, customer).await?;
                let mut new = false;
                if let (Some(organization), Some(told)) = (&organization, &told) {
                    match keep(connection, &organization.id, &told.invoice, told.at).await? {
                        Place::Newer => {
                            let (actor, invoices) = (Actor::Event(event.clone()), [&told.invoice]);
                            follow(connection, organization, &invoices, &actor, moment.now, decide).await?;
                            new = true;
                        }
                        Place::Same | Place::Older => {}
                        Place::Unknown => return Ok(Consequence::AskInvoice(Box::new(told.invoice.clone()))),
                    }
                }
                if let Some(subscription) = subscription
                    && contradicts(status_of(connection, &subscription).await?)
                {
                    return Ok(Consequence::Ask(subscription));
                }
                let decision = match (&organization, new) {
                    (None, _) => Decision::ignored("no organization of ours is billed by it"),
                    (Some(_), true) => Decision::applied("the invoice is stored"),
                    (Some(_), false) => Decision::applied("nothing new"),
                };
                let organization = organization.map(|organization| organization.id);
                events::finish(connection, &event, organization.as_ref(), decision, moment.wall).await?;
                Ok(Consequence::Settled)
            })
        })
        .await
    }
}

/// The organization that a customer stands for, locked until the transaction ends.
async fn owner(connection: &mut AnyConnection, customer: Option<String>) -> Result<Option<Organization>, Error> {
    match customer {
        Some(customer) => lock_by_customer(connection, &customer).await,
        None => Ok(None),
    }
}

async fn status_of(connection: &mut AnyConnection, subscription: &str) -> Result<Option<subscription::Status>, Error> {
    let status: Option<String> = sqlx::query_scalar("SELECT status FROM subscriptions WHERE id = $1")
        .bind(subscription)
        .fetch_optional(connection)
        .await?;
    Ok(status.as_deref().and_then(subscription::Status::parse))
}

/// Keeps invoices of a locked organization as Stripe answered, and what follows from them. The tier after it, where
/// anything is new.
pub(super) async fn keep_all(
    connection: &mut AnyConnection,
    organization: &Organization,
    invoices: &[Invoice],
    actor: &Actor,
    now: Timestamp,
    decide: impl Decide,
) -> Result<Option<PlanId>, Error> {
    let mut new = Vec::new();
    for invoice in invoices {
        if keep(connection, &organization.id, invoice, None).await? == Place::Newer {
            new.push(invoice);
        }
    }
    if new.is_empty() {
        return Ok(None);
    }
    follow(connection, organization, &new, actor, now, decide).await.map(Some)
}

/// What follows from invoices that are new, and the tier after it: what an ended subscription was paid for goes by its
/// invoices.
async fn follow(
    connection: &mut AnyConnection,
    organization: &Organization,
    new: &[&Invoice],
    actor: &Actor,
    now: Timestamp,
    decide: impl Decide,
) -> Result<PlanId, Error> {
    let mut tier = organization.tier.clone();
    for invoice in new {
        if is_of_ended(connection, &organization.id, invoice).await? {
            tier = settle(connection, organization, actor, now, decide).await?;
            break;
        }
    }
    touch(connection, &organization.id).await?;
    Ok(tier)
}

/// Whether an invoice is of a subscription that has ended.
async fn is_of_ended(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    invoice: &Invoice,
) -> Result<bool, Error> {
    let ended: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM subscriptions WHERE id = $1 AND organization_id = $2 AND status = 'canceled'",
    )
    .bind(invoice.subscription.as_deref())
    .bind(&organization.0)
    .fetch_one(connection)
    .await?;
    Ok(ended > 0)
}

/// Whether it is known, for good, that the period which a subscription is in was paid or not.
pub(super) async fn knows_period_of(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    subscription: &Subscription,
) -> Result<bool, Error> {
    let known: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM invoices WHERE organization_id = $1 AND subscription_id = $2 AND bills_from = $3
             AND status IN ('paid', 'void')",
    )
    .bind(&organization.0)
    .bind(&subscription.id)
    .bind(subscription.period_start.0)
    .fetch_one(connection)
    .await?;
    Ok(known > 0)
}

/// Keeps an invoice that was told at a time (`None` for an answer) where that is newer than what is stored of it, and
/// says whether it is.
pub(super) async fn keep(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    invoice: &Invoice,
    told_at: Option<Timestamp>,
) -> Result<Place, Error> {
    let stored: Option<Row> = sqlx::query_as("SELECT * FROM invoices WHERE id = $1 AND organization_id = $2")
        .bind(&invoice.id)
        .bind(&organization.0)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(stored) = stored {
        let (stored_at, stored) = (stored.told_at.map(Timestamp), stored.read()?);
        let place = invoice.place(told_at, &stored, stored_at);
        let late = told_at.is_some_and(|told| stored_at.is_none_or(|stored| told < stored));
        if place == Place::Same && !late {
            say_again(connection, invoice, told_at, &stored).await?;
        }
        if place != Place::Newer {
            return Ok(place);
        }
    }
    sqlx::query(
        "INSERT INTO invoices (id, organization_id, customer_id, subscription_id, number, status, currency, total,
             remaining, attempts, next_attempt_at, created_at, hosted_url, pdf_url, bills_from,
             told_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (id) DO UPDATE SET
             subscription_id = excluded.subscription_id, number = excluded.number, status = excluded.status,
             total = excluded.total, remaining = excluded.remaining, attempts = excluded.attempts,
             next_attempt_at = excluded.next_attempt_at, hosted_url = excluded.hosted_url, pdf_url = excluded.pdf_url,
             bills_from = excluded.bills_from, told_at = excluded.told_at",
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
    .bind(invoice.bills_from.map(|at| at.0))
    .bind(told_at.map(|at| at.0))
    .execute(connection)
    .await?;
    Ok(Place::Newer)
}

/// An invoice stands as it stood: until this telling at least, and under the addresses that this one has, which Stripe
/// lets expire.
async fn say_again(
    connection: &mut AnyConnection,
    invoice: &Invoice,
    told_at: Option<Timestamp>,
    stored: &Invoice,
) -> Result<(), Error> {
    if told_at.is_none() && invoice == stored {
        return Ok(());
    }
    sqlx::query(
        "UPDATE invoices SET told_at = CASE WHEN told_at IS NULL THEN NULL ELSE COALESCE($2, told_at) END,
             hosted_url = $3, pdf_url = $4 WHERE id = $1",
    )
    .bind(&invoice.id)
    .bind(told_at.map(|at| at.0))
    .bind(invoice.hosted_url.as_deref())
    .bind(invoice.pdf_url.as_deref())
    .execute(connection)
    .await?;
    Ok(())
}
