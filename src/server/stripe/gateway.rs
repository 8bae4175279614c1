//! Calls to Stripe, through async-stripe's typed requests.
//!
//! Answers are read by [`super::objects`], the same way as events. Everything that creates something takes the
//! idempotency key of an intent that is already stored, so a call whose outcome is unknown can be made again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use domain::organization::{Kind, OrganizationId};
use domain::plan::{Audience, PackId, Plan};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use stripe::{Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeError, StripeRequest};
use stripe_billing::billing_portal_session::{
    CreateBillingPortalSession, CreateBillingPortalSessionFlowData, CreateBillingPortalSessionFlowDataAfterCompletion,
    CreateBillingPortalSessionFlowDataAfterCompletionRedirect, CreateBillingPortalSessionFlowDataAfterCompletionType,
    CreateBillingPortalSessionFlowDataType,
};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionInvoiceCreation, CreateCheckoutSessionLineItems,
    CreateCheckoutSessionPaymentIntentData, CreateCheckoutSessionPaymentMethodCollection,
    CreateCheckoutSessionSubscriptionData, CreateCheckoutSessionSubscriptionDataTrialSettings,
    CreateCheckoutSessionSubscriptionDataTrialSettingsEndBehavior,
    CreateCheckoutSessionSubscriptionDataTrialSettingsEndBehaviorMissingPaymentMethod, ExpireCheckoutSession,
    RetrieveCheckoutSession,
};
use stripe_core::customer::{CreateCustomer, UpdateCustomer};
use stripe_shared::CheckoutSessionMode;

use super::objects::{FinishedSession, StripeSession, WithId, WithUrl, metadata};
use crate::server::store::CheckoutTerms;
use crate::visitor::address_in;

/// How long one attempt may take: all of them together stay within the time that an answer may take.
const TIMEOUT: Duration = Duration::from_secs(8);
/// How often a call is made before we give up, with the same key each time.
const ATTEMPTS: u32 = 3;

/// Why a call did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Stripe refused; asking again would not help.
    #[error("Stripe refused ({status}): {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Stripe's words: for the log, never for a page.
        message: String,
    },
    /// The payment was declined. The sentence is Stripe's for the customer.
    #[error("the payment was declined: {0}")]
    Declined(String),
    /// The bank wants the payment confirmed by the customer, who is not there. The sentence is Stripe's for them.
    #[error("the payment needs to be confirmed: {0}")]
    Unconfirmed(String),
    /// Stripe did not answer, or not in time: what was asked for may or may not have happened.
    #[error("Stripe did not answer: {0}")]
    Unknown(String),
    /// The answer is not one that we can read.
    #[error("Stripe's answer cannot be read: {0}")]
    Unreadable(String),
}

impl Error {
    /// Whether Stripe says that there is no such object.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

impl From<StripeError> for Error {
    fn from(error: StripeError) -> Self {
        match error {
            StripeError::Stripe(error, 402) => {
                let sentence = error.message.clone().unwrap_or_else(|| "The payment was declined.".to_owned());
                if wants_confirmation(&error) { Self::Unconfirmed(sentence) } else { Self::Declined(sentence) }
            }
            StripeError::Stripe(error, status) if status < 500 && status != 429 && status != 409 => {
                Self::Refused { status, message: error.message.clone().unwrap_or_else(|| "no message".to_owned()) }
            }
            StripeError::Stripe(error, status) => {
                Self::Unknown(format!("{status}: {}", error.message.clone().unwrap_or_default()))
            }
            // No answer of Stripe's own: something between says that it is away, in its own words.
            StripeError::JSONDeserialize(error) => Self::Unknown(format!("the answer is not Stripe's: {error}")),
            StripeError::ClientError(error) | StripeError::ConfigError(error) => Self::Unknown(error),
            StripeError::Timeout => Self::Unknown("no answer in time".to_owned()),
        }
    }
}

/// A checkout session that waits for its customer.
#[derive(Clone, Debug)]
pub struct OpenedSession {
    /// Stripe's id, `cs_…`.
    pub id: String,
    /// Where to pay.
    pub url: String,
}

/// Where the customer portal begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortalFlow {
    /// At its front page.
    #[default]
    Home,
    /// At another payment method, and back.
    PaymentMethod,
}

/// A request whose answer is taken as plain JSON instead of async-stripe's closed types.
struct AsJson<R>(R);

impl<R: StripeRequest> StripeRequest for AsJson<R> {
    type Output = miniserde::json::Value;

    fn build(&self) -> stripe_client_core::RequestBuilder {
        self.0.build()
    }
}

/// The way to Stripe; cheap to clone.
#[derive(Clone, Debug)]
pub struct Gateway {
    client: Client,
}

impl Gateway {
    /// A gateway to the Stripe at `base`, which is `https://api.stripe.com` or the sandbox.
    pub fn new(base: &str, key: &SecretString) -> Result<Self, Error> {
        let client = ClientBuilder::new(key.expose_secret())
            .url(format!("{}/", base.trim_end_matches('/')))
            .timeout(TIMEOUT)
            .app_info("Billhook", Some(env!("CARGO_PKG_VERSION").to_owned()), None)
            .build()?;
        Ok(Self { client })
    }

    /// Makes the customer of an organization. With the same key there is one however often it is asked.
    pub async fn create_customer(
        &self,
        (organization, kind): (&OrganizationId, Kind),
        name: &str,
        email: &str,
        key: &str,
    ) -> Result<String, Error> {
        let request = CreateCustomer::new().name(name).email(email).metadata(HashMap::from([
            (metadata::ORGANIZATION.to_owned(), organization.0.clone()),
            (metadata::SUBSCRIPTION_TYPE.to_owned(), customer_type(kind).to_owned()),
        ]));
        let customer: WithId = self.create(request, key).await?;
        Ok(customer.id)
    }

    /// Gives a customer another name.
    pub async fn rename_customer(&self, customer: &str, name: &str) -> Result<(), Error> {
        let request = UpdateCustomer::new(customer).name(name);
        let _: WithId = self.create(request, &uuid::Uuid::new_v4().to_string()).await?;
        Ok(())
    }

    /// Opens a checkout session for an intent that is stored under `key`.
    pub async fn open_checkout(
        &self,
        key: &str,
        terms: &CheckoutTerms,
        plan: &Plan,
        customer: &str,
        price: &str,
        public_url: &str,
    ) -> Result<OpenedSession, Error> {
        let metadata = HashMap::from([
            (metadata::ORGANIZATION.to_owned(), terms.organization.0.clone()),
            (metadata::USER.to_owned(), terms.user.0.clone()),
            (metadata::PLAN.to_owned(), terms.plan.to_string()),
            (metadata::CHECKOUT.to_owned(), key.to_owned()),
            (metadata::SUBSCRIPTION_TYPE.to_owned(), subscription_type(plan.audience).to_owned()),
        ]);
        let mut subscription = CreateCheckoutSessionSubscriptionData::new();
        subscription.metadata = Some(metadata.clone());
        if terms.trial_days > 0 {
            subscription.trial_period_days = Some(terms.trial_days);
            subscription.trial_settings = Some(cancel_when_no_card());
        }
        let mut item = CreateCheckoutSessionLineItems::new();
        item.price = Some(price.to_owned());
        item.quantity = Some(terms.quantity.into());
        let canceled = format!("/billing/cancel?plan={}&period={}", terms.plan, terms.period.as_str());
        let request = CreateCheckoutSession::new()
            .mode(CheckoutSessionMode::Subscription)
            .customer(customer)
            .client_reference_id(&terms.organization.0)
            .line_items(vec![item])
            .allow_promotion_codes(true)
            .payment_method_collection(CreateCheckoutSessionPaymentMethodCollection::Always)
            .subscription_data(subscription)
            .metadata(metadata)
            .success_url(back(public_url, &terms.organization, "/billing/success?session_id={CHECKOUT_SESSION_ID}"))
            .cancel_url(back(public_url, &terms.organization, &canceled));
        let session: StripeSession = self.create(request, key).await?;
        let url = session.url.ok_or_else(|| Error::Unreadable(format!("session {} has no url", session.id)))?;
        Ok(OpenedSession { id: session.id, url })
    }

    /// Opens a checkout session in which a pack is paid once, for an intent that is stored under `key`. Stripe makes
    /// an invoice of it.
    pub async fn open_purchase(
        &self,
        key: &str,
        (organization, kind): (&OrganizationId, Kind),
        pack: &PackId,
        customer: &str,
        price: &str,
        public_url: &str,
    ) -> Result<OpenedSession, Error> {
        let metadata = HashMap::from([
            (metadata::ORGANIZATION.to_owned(), organization.0.clone()),
            (metadata::PURCHASE.to_owned(), key.to_owned()),
            (metadata::PACK.to_owned(), pack.to_string()),
            (metadata::SUBSCRIPTION_TYPE.to_owned(), customer_type(kind).to_owned()),
        ]);
        // The charge has it as well, so that a refund says what it is of.
        let mut payment = CreateCheckoutSessionPaymentIntentData::new();
        payment.metadata = Some(metadata.clone());
        let mut item = CreateCheckoutSessionLineItems::new();
        item.price = Some(price.to_owned());
        item.quantity = Some(1);
        let request = CreateCheckoutSession::new()
            .mode(CheckoutSessionMode::Payment)
            .customer(customer)
            .client_reference_id(&organization.0)
            .line_items(vec![item])
            .invoice_creation(CreateCheckoutSessionInvoiceCreation::new(true))
            .payment_intent_data(payment)
            .metadata(metadata)
            .success_url(back(public_url, organization, "/billing/packs/success?session_id={CHECKOUT_SESSION_ID}"))
            .cancel_url(back(public_url, organization, "/settings/usage"));
        let session: StripeSession = self.create(request, key).await?;
        let url = session.url.ok_or_else(|| Error::Unreadable(format!("session {} has no url", session.id)))?;
        Ok(OpenedSession { id: session.id, url })
    }

    /// What became of a checkout session.
    pub async fn checkout(&self, session: &str) -> Result<FinishedSession, Error> {
        let session: StripeSession = self.get(RetrieveCheckoutSession::new(session)).await?;
        Ok(session.into())
    }

    /// Closes a session that nobody is to pay any more.
    pub async fn expire_checkout(&self, session: &str) -> Result<(), Error> {
        let _: WithId = self.create(ExpireCheckoutSession::new(session), &format!("expire-{session}")).await?;
        Ok(())
    }

    /// Opens the customer portal and answers with its address. `flow` goes straight to one thing and comes back when
    /// it is done.
    pub async fn open_portal(&self, customer: &str, return_url: &str, flow: PortalFlow) -> Result<String, Error> {
        let mut request = CreateBillingPortalSession::new().customer(customer).return_url(return_url);
        if flow == PortalFlow::PaymentMethod {
            let mut data =
                CreateBillingPortalSessionFlowData::new(CreateBillingPortalSessionFlowDataType::PaymentMethodUpdate);
            let mut after = CreateBillingPortalSessionFlowDataAfterCompletion::new(
                CreateBillingPortalSessionFlowDataAfterCompletionType::Redirect,
            );
            after.redirect = Some(CreateBillingPortalSessionFlowDataAfterCompletionRedirect::new(return_url));
            data.after_completion = Some(after);
            request = request.flow_data(data);
        }
        // A portal session changes nothing until the customer does: a second one is harmless.
        let session: WithUrl = self.create(request, &uuid::Uuid::new_v4().to_string()).await?;
        Ok(session.url)
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, request: impl StripeRequest) -> Result<T, Error> {
        silence()?;
        let request = AsJson(request);
        let asked = request.customize().request_strategy(RequestStrategy::ExponentialBackoff(ATTEMPTS));
        read(heard(asked.send(&self.client).await.map_err(Error::from))?)
    }

    /// Sends with a fixed key, again after an unknown outcome: with the same key Stripe does it once.
    pub(super) async fn create<T: DeserializeOwned>(&self, request: impl StripeRequest, key: &str) -> Result<T, Error> {
        silence()?;
        let key = IdempotencyKey::new(key).map_err(|error| Error::Unreadable(error.to_string()))?;
        let request = AsJson(request);
        let mut attempt = 1;
        loop {
            let sent = request.customize().request_strategy(RequestStrategy::Idempotent(key.clone()));
            match sent.send(&self.client).await.map_err(Error::from) {
                Err(Error::Unknown(reason)) if attempt < ATTEMPTS => {
                    tracing::warn!(%reason, attempt, "a call to Stripe had no known outcome; asking again");
                    tokio::time::sleep(backoff(attempt)).await;
                    attempt += 1;
                }
                outcome => return read(heard(outcome)?),
            }
        }
    }
}

tokio::task_local! {
    /// Why Stripe is not asked any more, where that counts.
    static SILENCE: RefCell<Option<String>>;
}

/// Runs work in which Stripe is asked until it gives no answer, and then no more: each call would wait as long again.
pub async fn until_silent<T>(work: impl Future<Output = T>) -> T {
    SILENCE.scope(RefCell::default(), work).await
}

fn silence() -> Result<(), Error> {
    match SILENCE.try_with(|silence| silence.borrow().clone()) {
        Ok(Some(reason)) => Err(Error::Unknown(reason)),
        // Or it does not count here.
        Ok(None) | Err(_) => Ok(()),
    }
}

fn heard<T>(answer: Result<T, Error>) -> Result<T, Error> {
    if let Err(Error::Unknown(reason)) = &answer {
        // Where it does not count, nobody keeps it.
        drop(SILENCE.try_with(|silence| silence.replace(Some(reason.clone()))));
    }
    answer
}

/// A quarter second, then twice that, with jitter so that many callers do not return together.
fn backoff(attempt: u32) -> Duration {
    let base = 250_u64 << (attempt - 1);
    Duration::from_millis(base + rand::random_range(0..base))
}

/// Where Stripe sends a browser back to: to the organization that pays, whatever the browser has chosen since.
fn back(public_url: &str, organization: &OrganizationId, path: &str) -> String {
    format!("{public_url}{}", address_in(organization, path))
}

/// The word in metadata that tells department subscriptions from individual ones on every Stripe object.
pub(super) fn subscription_type(audience: Audience) -> &'static str {
    match audience {
        Audience::Individual => "individual",
        Audience::Team => "department",
    }
}

/// The same word for what is no subscription: it goes by who pays.
pub(super) fn customer_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Personal => subscription_type(Audience::Individual),
        Kind::Team => subscription_type(Audience::Team),
    }
}

/// A trial that nobody gave a card for ends; it does not turn into an unpaid invoice.
fn cancel_when_no_card() -> CreateCheckoutSessionSubscriptionDataTrialSettings {
    CreateCheckoutSessionSubscriptionDataTrialSettings::new(
        CreateCheckoutSessionSubscriptionDataTrialSettingsEndBehavior::new(
            CreateCheckoutSessionSubscriptionDataTrialSettingsEndBehaviorMissingPaymentMethod::Cancel,
        ),
    )
}

/// Whether a card was refused only for want of its owner.
fn wants_confirmation(error: &stripe_shared::ApiErrors) -> bool {
    let code = error.code.as_ref().map(ToString::to_string);
    let codes = [code.as_deref(), error.decline_code.as_deref()];
    let wants = ["authentication_required", "invoice_payment_intent_requires_action"];
    codes.into_iter().flatten().any(|code| wants.contains(&code))
}

fn read<T: DeserializeOwned>(value: miniserde::json::Value) -> Result<T, Error> {
    serde_json::from_str(&miniserde::json::to_string(&value)).map_err(|error| Error::Unreadable(error.to_string()))
}
