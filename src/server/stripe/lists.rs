//! Calls that read what Stripe has, page by page: for the reconciliation, and to find out whose something is.

use domain::invoice::Invoice;
use domain::organization::OrganizationId;
use domain::time::Timestamp;
use serde_json::Value;
use stripe_billing::invoice::{ListInvoice, RetrieveInvoice};
use stripe_billing::invoice_payment::{ListInvoicePayment, ListInvoicePaymentPayment, ListInvoicePaymentPaymentType};
use stripe_billing::subscription::{ListSubscription, ListSubscriptionStatus};
use stripe_checkout::checkout_session::ListCheckoutSession;
use stripe_core::charge::RetrieveCharge;
use stripe_core::customer::{ListCustomer, RetrieveCustomer};
use stripe_core::dispute::ListDispute;
use stripe_core::event::ListEvent;
use stripe_core::refund::ListRefund;
use stripe_shared::CheckoutSessionStatus;

use super::charge::Charge;
use super::gateway::{Error, Gateway, OpenedSession};
use super::objects::{Page, metadata};
use super::subscription::{self, EXPAND, Fetched, id_of};

/// How many objects a page has at most.
const PAGE: i64 = 100;

/// An event in Stripe's list, as it would have been delivered.
#[derive(Clone, Debug)]
pub struct ListedEvent {
    /// Stripe's id.
    pub id: String,
    /// The event as JSON.
    pub body: String,
}

impl Gateway {
    /// All subscriptions that a customer has or had.
    pub async fn subscriptions_of(&self, customer: &str) -> Result<Vec<Fetched>, Error> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let expand: Vec<String> = EXPAND.iter().map(|field| format!("data.{field}")).collect();
            let mut request = ListSubscription::new()
                .customer(customer)
                .status(ListSubscriptionStatus::All)
                .limit(PAGE)
                .expand(expand);
            if let Some(after) = &after {
                request = request.starting_after(after);
            }
            let page: Page = self.get(request).await?;
            after = page.data.last().and_then(id_of);
            for object in page.data {
                all.push(subscription::read(object).map_err(|error| Error::Unreadable(error.to_string()))?);
            }
            if !page.has_more || after.is_none() {
                return Ok(all);
            }
        }
    }

    /// A customer's latest invoices, at most a page.
    pub async fn invoices_of(&self, customer: &str) -> Result<Vec<Invoice>, Error> {
        self.invoices(ListInvoice::new().customer(customer)).await
    }

    /// An invoice as it is now.
    pub async fn invoice(&self, id: &str) -> Result<Invoice, Error> {
        let object: Value = self.get(RetrieveInvoice::new(id)).await?;
        super::invoice::read(object).map_err(|error| Error::Unreadable(error.to_string()))
    }

    /// A subscription's latest invoices, at most a page.
    pub(super) async fn invoices_of_subscription(&self, subscription: &str) -> Result<Vec<Invoice>, Error> {
        self.invoices(ListInvoice::new().subscription(subscription)).await
    }

    async fn invoices(&self, request: ListInvoice) -> Result<Vec<Invoice>, Error> {
        let page: Page = self.get(request.limit(PAGE)).await?;
        Ok(page.data.into_iter().filter_map(|object| super::invoice::read(object).ok()).collect())
    }

    /// A page of events of the last 30 days since a moment, newest first, older than `before`; and whether there are
    /// more.
    pub async fn events_since(
        &self,
        since: Timestamp,
        before: Option<&str>,
    ) -> Result<(Vec<ListedEvent>, bool), Error> {
        let created = stripe_types::RangeQueryTs::Bounds(stripe_types::RangeBoundsTs {
            gte: Some(since.0),
            ..stripe_types::RangeBoundsTs::default()
        });
        let mut request = ListEvent::new().created(created).limit(PAGE);
        if let Some(before) = before {
            request = request.starting_after(before);
        }
        let page: Page = self.get(request).await?;
        let events = page
            .data
            .into_iter()
            .filter_map(|event| Some(ListedEvent { id: id_of(&event)?, body: event.to_string() }))
            .collect();
        Ok((events, page.has_more))
    }

    /// The open checkout session of an intent, if there is one.
    pub async fn find_checkout(&self, customer: &str, intent: &str) -> Result<Option<OpenedSession>, Error> {
        let request = ListCheckoutSession::new().customer(customer).status(CheckoutSessionStatus::Open).limit(PAGE);
        let page: Page = self.get(request).await?;
        let session = page.data.iter().find(|session| named(session, metadata::CHECKOUT) == Some(intent));
        Ok(session.and_then(|session| {
            let url = session.get("url").and_then(Value::as_str)?.to_owned();
            Some(OpenedSession { id: id_of(session)?, url })
        }))
    }

    /// The customer that was made for an organization, if there is one.
    pub async fn find_customer(&self, organization: &OrganizationId, email: &str) -> Result<Option<String>, Error> {
        let page: Page = self.get(ListCustomer::new().email(email).limit(PAGE)).await?;
        let customer =
            page.data.iter().find(|customer| named(customer, metadata::ORGANIZATION) == Some(organization.0.as_str()));
        Ok(customer.and_then(id_of))
    }

    /// A charge.
    pub async fn charge(&self, charge: &str) -> Result<Charge, Error> {
        let object: Value = self.get(RetrieveCharge::new(charge)).await?;
        super::charge::read(&object).ok_or_else(|| Error::Unreadable(format!("charge {charge} has no id")))
    }

    /// What went back of a charge, in minor units: its refunds, without those that failed, and the disputes of it that
    /// were lost.
    pub async fn went_back_of(&self, charge: &str) -> Result<u64, Error> {
        let disputes: Page = self.get(ListDispute::new().charge(charge).limit(PAGE)).await?;
        let mut back = disputes.data.iter().map(super::charge::lost).sum::<u64>();
        let mut after: Option<String> = None;
        loop {
            let mut request = ListRefund::new().charge(charge).limit(PAGE);
            if let Some(after) = &after {
                request = request.starting_after(after);
            }
            let page: Page = self.get(request).await?;
            after = page.data.last().and_then(id_of);
            back += page.data.iter().map(super::charge::went_back).sum::<u64>();
            if !page.has_more || after.is_none() {
                return Ok(back);
            }
        }
    }

    /// The intent of the pack that was bought with a payment, where the charge itself does not say: it was paid in a
    /// session, or as an invoice, whose metadata Stripe does not pass on.
    pub async fn purchase_of(&self, payment: &str) -> Result<Option<String>, Error> {
        let sessions: Page = self.get(ListCheckoutSession::new().payment_intent(payment)).await?;
        let purchase = sessions.data.iter().find_map(super::charge::purchase);
        if purchase.is_some() {
            return Ok(purchase);
        }
        Ok(self.invoices_paid_with(payment).await?.iter().find_map(super::charge::purchase))
    }

    /// The subscription that was paid with a payment, if one.
    pub async fn subscription_paid_with(&self, payment: &str) -> Result<Option<String>, Error> {
        let invoices = self.invoices_paid_with(payment).await?;
        Ok(invoices.iter().find_map(|invoice| super::invoice::subscription_of(invoice.get("parent")?)))
    }

    async fn invoices_paid_with(&self, payment: &str) -> Result<Vec<Value>, Error> {
        let mut paid_with = ListInvoicePaymentPayment::new(ListInvoicePaymentPaymentType::PaymentIntent);
        paid_with.payment_intent = Some(payment.to_owned());
        let request = ListInvoicePayment::new().payment(paid_with).expand(["data.invoice".to_owned()]);
        let payments: Page = self.get(request).await?;
        Ok(payments.data.into_iter().filter_map(|mut payment| payment.get_mut("invoice").map(Value::take)).collect())
    }

    /// The organization that we wrote on a customer when we made it.
    pub async fn organization_of_customer(&self, customer: &str) -> Result<Option<OrganizationId>, Error> {
        let customer: Value = match self.get(RetrieveCustomer::new(customer)).await {
            Err(error) if error.is_missing() => return Ok(None),
            answer => answer?,
        };
        Ok(named(&customer, metadata::ORGANIZATION).map(|id| OrganizationId(id.to_owned())))
    }
}

/// What we wrote into an object's metadata.
pub(super) fn named<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get(key)?.as_str()
}
