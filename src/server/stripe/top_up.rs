//! Calls of an automatic top-up: what a customer can be charged on, and an invoice for a pack that is paid while nobody
//! is there. An invoice is paid once whatever keys it is paid under; drafts advance by nobody but us.

use std::collections::HashMap;

use domain::invoice::{Invoice, Status};
use domain::money::Currency;
use domain::organization::{Kind, OrganizationId};
use domain::plan::PackId;
use serde::Serialize;
use serde_json::Value;
use stripe_billing::invoice::{
    CreateInvoice, CreateInvoicePendingInvoiceItemsBehavior, DeleteInvoice, FinalizeInvoiceInvoice, ListInvoice,
    PayInvoice, RetrieveInvoice, VoidInvoiceInvoice,
};
use stripe_billing::subscription::ListSubscription;
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_core::customer::{ListPaymentMethodsCustomer, RetrieveCustomer};
use stripe_shared::InvoiceCollectionMethod;

use super::gateway::{Error, Gateway, customer_type};
use super::lists::named;
use super::objects::{Page, WithId, metadata};
use super::subscription::id_of;

/// How many objects are looked through: an organization has one customer, and its newest come first.
const PAGE: i64 = 100;

/// An invoice for a pack.
#[derive(Clone, Debug)]
pub struct Bill {
    /// The invoice.
    pub invoice: Invoice,
    /// Whether nothing is on it yet.
    pub empty: bool,
}

/// What an invoice is to be for.
#[derive(Clone, Copy, Debug)]
pub struct NewBill<'a> {
    /// The intent.
    pub purchase: &'a str,
    /// Whose.
    pub organization: &'a OrganizationId,
    /// What that is.
    pub kind: Kind,
    /// What is bought.
    pub pack: &'a PackId,
    /// What the customer reads.
    pub description: &'a str,
    /// Who pays.
    pub customer: &'a str,
    /// What it is in.
    pub currency: &'a Currency,
}

/// A pack's price on a draft. This one request is not worth all of async-stripe's invoice items.
struct PutOn<'a> {
    customer: &'a str,
    invoice: &'a str,
    price: &'a str,
}

#[derive(Serialize)]
struct PutOnForm<'a> {
    customer: &'a str,
    invoice: &'a str,
    pricing: Pricing<'a>,
    quantity: u32,
}

#[derive(Serialize)]
struct Pricing<'a> {
    price: &'a str,
}

impl StripeRequest for PutOn<'_> {
    type Output = ();

    fn build(&self) -> RequestBuilder {
        let Self { customer, invoice, price } = *self;
        let form = PutOnForm { customer, invoice, pricing: Pricing { price }, quantity: 1 };
        RequestBuilder::new(StripeMethod::Post, "/invoiceitems").form(&form)
    }
}

impl Gateway {
    /// What a customer can be charged on while they are not there: their default, else what a subscription of theirs is
    /// paid with, else a card that is attached to them. Stripe itself takes the first of these only.
    pub async fn saved_payment_method(&self, customer: &str) -> Result<Option<String>, Error> {
        let known: Value = self.get(RetrieveCustomer::new(customer)).await?;
        let default = known.pointer("/invoice_settings/default_payment_method").and_then(id_of);
        if default.is_some() {
            return Ok(default);
        }
        let running: Page = self.get(ListSubscription::new().customer(customer).limit(PAGE)).await?;
        let paid_with = |subscription: &Value| subscription.get("default_payment_method").and_then(id_of);
        if let Some(method) = running.data.iter().find_map(paid_with) {
            return Ok(Some(method));
        }
        let attached: Page = self.get(ListPaymentMethodsCustomer::new(customer).limit(PAGE)).await?;
        let card = |method: &&Value| method.get("type").and_then(Value::as_str) == Some("card");
        Ok(attached.data.iter().find(card).and_then(id_of))
    }

    /// The invoice that was made for an intent, if there is one.
    pub async fn find_bill(&self, customer: &str, purchase: &str) -> Result<Option<Bill>, Error> {
        let page: Page = self.get(ListInvoice::new().customer(customer).limit(PAGE)).await?;
        page.data.into_iter().find(|invoice| named(invoice, metadata::PURCHASE) == Some(purchase)).map(read).transpose()
    }

    /// Makes a draft for an intent.
    pub async fn draft_bill(&self, bill: &NewBill<'_>, key: &str) -> Result<Bill, Error> {
        let metadata = HashMap::from([
            (metadata::ORGANIZATION.to_owned(), bill.organization.0.clone()),
            (metadata::PURCHASE.to_owned(), bill.purchase.to_owned()),
            (metadata::PACK.to_owned(), bill.pack.to_string()),
            (metadata::SUBSCRIPTION_TYPE.to_owned(), customer_type(bill.kind).to_owned()),
        ]);
        let Ok(currency) = bill.currency.code().parse::<stripe_types::Currency>();
        let request = CreateInvoice::new()
            .customer(bill.customer)
            .currency(currency)
            .auto_advance(false)
            .collection_method(InvoiceCollectionMethod::ChargeAutomatically)
            // What waits for the next invoice of the subscription is no part of this one.
            .pending_invoice_items_behavior(CreateInvoicePendingInvoiceItemsBehavior::Exclude)
            .description(bill.description)
            .metadata(metadata);
        read(self.create(request, key).await?)
    }

    /// Puts a pack's price on a draft.
    pub async fn put_on_bill(&self, customer: &str, invoice: &str, price: &str, key: &str) -> Result<(), Error> {
        let _: WithId = self.create(PutOn { customer, invoice, price }, key).await?;
        Ok(())
    }

    /// An invoice as it is now.
    pub async fn bill(&self, invoice: &str) -> Result<Bill, Error> {
        read(self.get(RetrieveInvoice::new(invoice)).await?)
    }

    /// Turns a draft into an invoice that is owed. It is not paid by that.
    pub async fn finalize_bill(&self, invoice: &str, key: &str) -> Result<Bill, Error> {
        read(self.create(FinalizeInvoiceInvoice::new(invoice).auto_advance(false), key).await?)
    }

    /// Pays an invoice while the customer is not there.
    pub async fn pay_bill(&self, invoice: &str, payment_method: &str, key: &str) -> Result<Bill, Error> {
        read(self.create(PayInvoice::new(invoice).payment_method(payment_method).off_session(true), key).await?)
    }

    /// Sees to it that an invoice is never paid.
    pub async fn drop_bill(&self, bill: &Bill, key: &str) -> Result<(), Error> {
        let id = bill.invoice.id.as_str();
        let _: WithId = match bill.invoice.status {
            Status::Draft => self.create(DeleteInvoice::new(id), key).await?,
            Status::Open | Status::Uncollectible => self.create(VoidInvoiceInvoice::new(id), key).await?,
            Status::Paid | Status::Void => return Ok(()),
        };
        Ok(())
    }
}

fn read(object: Value) -> Result<Bill, Error> {
    let empty = object.pointer("/lines/data").and_then(Value::as_array).is_none_or(Vec::is_empty);
    let invoice = super::invoice::read(object).map_err(|error| Error::Unreadable(error.to_string()))?;
    Ok(Bill { invoice, empty })
}
