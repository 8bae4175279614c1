//! Checkout, the portal, and the one sync. Checkout success, our own calls, events and the reconciliation all end in
//! it: what Stripe says is stored with everything that follows. Nobody else writes subscriptions.

use std::hash::{BuildHasher, RandomState};

use domain::catalog::Trial;
use domain::organization::OrganizationId;
use domain::plan::{Audience, Period, Plan, PlanId};
use domain::role::Permission;
use domain::subscription::Subscription;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::{Mutex, MutexGuard};

use super::App;
use super::auth::ReturnTo;
use super::clock::Clock;
use super::error::Error;
use super::organizations::require;
use super::store::{Action, Actor, Cause, Checkout, CheckoutTerms, Moment, Reading, Synced, Told};
use super::stripe::{self, PortalFlow};
use crate::error::Code;
use crate::visitor::{Account, address_in};

/// How often Stripe is asked again where another node stored something in the meantime.
const ASK_AGAIN: u32 = 3;

/// What somebody asks to buy.
#[derive(Clone, Debug)]
pub struct Order {
    /// The plan.
    pub plan: PlanId,
    /// How often it is charged.
    pub period: Period,
    /// How many seats, where the plan has seats.
    pub seats: Option<u32>,
}

/// Lets one sync at a time run for each subscription in this process, so that what was asked last is stored last.
#[derive(Debug)]
pub struct Turns {
    stripes: [Mutex<()>; 64],
    hasher: RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        Self { stripes: [const { Mutex::const_new(()) }; 64], hasher: RandomState::new() }
    }
}

impl Turns {
    pub(super) async fn take(&self, key: &str) -> MutexGuard<'_, ()> {
        let stripe = self.hasher.hash_one(key) % 64;
        self.stripes[usize::try_from(stripe).unwrap_or(0)].lock().await
    }
}

impl App {
    /// Sends a customer to pay: the address of a checkout session for exactly this order.
    pub async fn start_checkout(&self, account: &Account, order: &Order) -> Result<String, Error> {
        let plan = self.orderable(account, order.plan.as_str()).await?;
        let price = self.config.prices.price(&plan.id, order.period).ok_or_else(|| {
            Error::refused(Code::Invalid, format!("{} is not sold {}.", plan.name, order.period.as_str()))
        })?;
        let terms = CheckoutTerms {
            organization: account.organization.clone(),
            user: account.user.clone(),
            plan: plan.id.clone(),
            period: order.period,
            quantity: seats(&plan, order.seats)?,
            trial_days: self.trial(account).map_or(0, |trial| trial.days),
        };
        let customer = self.customer(account).await?;
        for _ in 0..2 {
            let (checkout, replaced) = self.store.begin_checkout(terms.clone(), self.clock.now()).await?;
            for session in self.close_sessions(replaced).await {
                if self.was_paid(account, &session).await? {
                    let refused = "You have just paid in another window. Look at the plans again.";
                    return Err(Error::refused(Code::Conflict, refused));
                }
            }
            if let Some(url) = checkout.url {
                return Ok(url);
            }
            let opening =
                self.stripe.open_checkout(&checkout.id, &terms, &plan, &customer, price, &self.config.public_url);
            let opened = match opening.await {
                Err(stripe::Error::Unknown(reason)) => self.find_checkout(&checkout, &customer, &reason).await?,
                opened => Some(opened?),
            };
            if let Some(opened) = opened {
                if self.store.checkout_opened(&checkout.id, &opened.id, opened.url.clone()).await? {
                    return Ok(opened.url);
                }
                drop(self.close_sessions(vec![opened.id]).await);
                let refused = "This was overtaken by another checkout. Look at the plans again.";
                return Err(Error::refused(Code::Conflict, refused));
            }
        }
        Err(Error::Stripe(stripe::Error::Unknown("two checkout sessions in a row could not be opened".to_owned())))
    }

    /// Whether a session whose opening had no known outcome was opened all the same. Where it was not, the intent is
    /// given up: Stripe keeps its failure under the intent's key and would repeat it.
    async fn find_checkout(
        &self,
        checkout: &Checkout,
        customer: &str,
        reason: &str,
    ) -> Result<Option<stripe::OpenedSession>, Error> {
        tracing::warn!(checkout = checkout.id, reason, "it is not known whether a checkout session was opened");
        let found = self.stripe.find_checkout(customer, &checkout.id).await?;
        if found.is_none() {
            self.store.checkout_given_up(&checkout.id).await?;
        }
        Ok(found)
    }

    /// The customer is back from Stripe: activates the plan at once. `false` while the payment is still open.
    pub async fn finish_checkout(&self, account: &Account, session: &str) -> Result<bool, Error> {
        let not_yours = || Error::refused(Code::NotFound, "There is no such checkout for this organization.");
        if !is_session_id(session) || !self.store.has_opened(&account.organization, session).await? {
            return Err(not_yours());
        }
        let session = self.stripe.checkout(session).await.map_err(|error| match error {
            error if error.is_missing() => not_yours(),
            error => error.into(),
        })?;
        if session.organization.as_ref() != Some(&account.organization) {
            return Err(not_yours());
        }
        let Some(subscription) = session.subscription.filter(|_| session.complete) else { return Ok(false) };
        self.store.checkout_ended(&session.id, "complete").await?;
        self.sync_subscription(&subscription, Cause::actor(Actor::User(account.user.clone()))).await?;
        Ok(true)
    }

    /// The address of Stripe's customer portal for this organization. `back` is the local path to come back to.
    pub async fn open_portal(&self, account: &Account, back: &ReturnTo, flow: PortalFlow) -> Result<String, Error> {
        require(account, Permission::ManageBilling)?;
        let customer = self.customer(account).await?;
        let back = utf8_percent_encode(back.as_str(), NON_ALPHANUMERIC);
        let back = address_in(&account.organization, &format!("/billing/return?to={back}"));
        let return_url = format!("{}{back}", self.config.public_url);
        let url = self.stripe.open_portal(&customer, &return_url, flow).await?;
        let actor = Actor::User(account.user.clone());
        self.store.record(&account.organization, actor, Action::PortalOpened, self.clock.now()).await?;
        Ok(url)
    }

    /// The customer is back from a page of Stripe's: what they did there is seen at once.
    pub async fn refresh(&self, account: &Account) -> Result<(), Error> {
        if let Some(subscription) = self.running(&account.organization).await? {
            self.sync_subscription(&subscription.id, Cause::actor(Actor::User(account.user.clone()))).await?;
        }
        Ok(())
    }

    /// Asks Stripe for a subscription as it is now, and syncs with the answer.
    pub async fn sync_subscription(&self, subscription: &str, cause: Cause) -> Result<Synced, Error> {
        let _turn = self.syncs.take(subscription).await;
        for _ in 0..ASK_AGAIN {
            let reading = self.ask(subscription).await?;
            let synced = self.sync(Told::Answer(Box::new(reading)), cause.clone()).await?;
            // Another node has stored something since we asked; what we asked because of may not be in it.
            if synced != Synced::Stale {
                return Ok(synced);
            }
        }
        Ok(Synced::Stale)
    }

    /// Syncs with what an event tells. Where that proves nothing, the answer is [`Synced::Ask`].
    pub async fn sync_told(&self, told: Told, subscription: &str, cause: Cause) -> Result<Synced, Error> {
        let _turn = self.syncs.take(subscription).await;
        self.sync(told, cause).await
    }

    /// Syncs with the end of a subscription that Stripe does not know any more.
    pub async fn sync_forgotten(&self, ended: Subscription, cause: Cause) -> Result<Synced, Error> {
        let _turn = self.syncs.take(&ended.id).await;
        let version = self.store.version(&ended.id).await?;
        let asked_at = self.clock.now();
        let reading = Reading { subscription: ended, invoices: Vec::new(), payment_method: None, asked_at, version };
        self.sync(Told::Answer(Box::new(reading)), cause).await
    }

    async fn ask(&self, subscription: &str) -> Result<Reading, Error> {
        let version = self.store.version(subscription).await?;
        let asked_at = self.clock.now();
        let fetched = self.stripe.subscription(subscription).await?;
        Ok(Reading {
            subscription: fetched.subscription,
            invoices: fetched.invoices,
            payment_method: fetched.payment_method,
            asked_at,
            version,
        })
    }

    async fn sync(&self, told: Told, cause: Cause) -> Result<Synced, Error> {
        let moment = self.moment();
        let (subscription, actor) = (told.subscription().id.clone(), cause.actor.clone());
        let synced = self.store.sync(told, cause, moment, self.access_rule(moment.now)).await?;
        tracing::debug!(?synced, "synced a subscription");
        if let Synced::Applied { organization, outlives: true, .. } = &synced
            && let Err(error) = self.end_outliving(organization, &subscription, actor).await
        {
            // The reconciliation ends it.
            tracing::error!(%organization, subscription, %error, "runs for a deleted organization and cannot be ended");
        }
        Ok(synced)
    }

    /// Ends what runs for an organization that has been deleted: nobody could see it, use it or cancel it. What was
    /// paid is an operator's to give back, who finds it in the time line.
    pub(super) async fn end_outliving(
        &self,
        organization: &OrganizationId,
        subscription: &str,
        actor: Actor,
    ) -> Result<(), Error> {
        tracing::warn!(%organization, subscription, "was paid for a deleted organization: ending it");
        self.stripe.end_now(subscription).await?;
        Ok(self.store.record(organization, actor, Action::EndedNow, self.clock.now()).await?)
    }

    /// The two clocks.
    pub(super) fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), wall: Clock::wall() }
    }

    /// The trial that this person would get with this organization: one each, ever.
    pub fn trial(&self, account: &Account) -> Option<Trial> {
        self.catalog.trial.filter(|_| !account.trial_used)
    }

    /// The plan, if this person may buy it for this organization now.
    pub(super) async fn orderable(&self, account: &Account, id: &str) -> Result<Plan, Error> {
        require(account, Permission::ManageBilling)?;
        let plan = PlanId::parse(id).ok().and_then(|id| self.catalog.plan(&id));
        let plan = plan.ok_or_else(|| {
            Error::refused(Code::NotFound, "There is no such plan. The plans are on the pricing page.")
        })?;
        if plan.contact_sales {
            return Err(Error::refused(
                Code::Invalid,
                format!("{} is sold by our sales team: contact sales.", plan.name),
            ));
        }
        if !plan.is_sold() {
            return Err(Error::refused(Code::Invalid, format!("{} is free: there is nothing to pay.", plan.name)));
        }
        self.refuse_other_kind(account, plan)?;
        self.refuse_second_subscription(&account.organization).await?;
        Ok(plan.clone())
    }

    /// One person's plan bought for a team would be everybody's, and a team's plan is of no use to one person.
    pub(super) fn refuse_other_kind(&self, account: &Account, plan: &Plan) -> Result<(), Error> {
        if plan.audience == self.catalog.audience_of(account.kind) {
            return Ok(());
        }
        let refused = match plan.audience {
            Audience::Team => format!("{} is for teams: make an organization for yours, and buy it there.", plan.name),
            Audience::Individual => format!(
                "{} is for one person: buy it in your own organization, or choose among the plans for teams.",
                plan.name
            ),
        };
        Err(Error::refused(Code::Invalid, refused))
    }

    /// A second subscription would be paid for and seen by nobody.
    async fn refuse_second_subscription(&self, organization: &OrganizationId) -> Result<(), Error> {
        let subscriptions = self.store.subscriptions(organization).await?;
        if subscriptions.iter().any(|subscription| !subscription.status.is_terminal()) {
            return Err(Error::refused(
                Code::Conflict,
                "This organization has a subscription already. Change it in the billing settings.",
            ));
        }
        Ok(())
    }

    /// The organization's Stripe customer, made at the first need.
    pub(super) async fn customer(&self, account: &Account) -> Result<String, Error> {
        let organization = &account.organization;
        if let Some(customer) = self.store.organization(organization).await?.and_then(|known| known.customer) {
            return Ok(customer);
        }
        // A customer that was deleted would be answered again under its own key.
        let key = match self.store.customers_deleted(organization).await? {
            0 => format!("customer-{organization}"),
            deleted => format!("customer-{organization}-{deleted}"),
        };
        let made = self
            .stripe
            .create_customer((organization, account.kind), &account.organization_name, &account.email, &key)
            .await;
        let made = match made {
            Err(stripe::Error::Unknown(reason)) => {
                tracing::warn!(%organization, reason, "it is not known whether a customer was made");
                if let Some(customer) = self.stripe.find_customer(organization, &account.email).await? {
                    customer
                } else {
                    // Stripe keeps a failure under its key: this one needs another.
                    let (key, name) = (uuid::Uuid::new_v4().to_string(), &account.organization_name);
                    self.stripe.create_customer((organization, account.kind), name, &account.email, &key).await?
                }
            }
            made => made?,
        };
        let linked = self.store.link_customer(organization, made).await?;
        linked.ok_or_else(|| Error::Stripe(stripe::Error::Unknown("the new customer was deleted at once".to_owned())))
    }

    /// Closes sessions that are not to be paid any more. Answers with those that Stripe did not close.
    pub(super) async fn close_sessions(&self, sessions: Vec<String>) -> Vec<String> {
        let mut left = Vec::new();
        for session in sessions {
            if let Err(error) = self.stripe.expire_checkout(&session).await {
                tracing::warn!(%error, session, "an earlier checkout session could not be closed");
                left.push(session);
            }
        }
        left
    }

    /// Whether a session was paid of which nothing was heard yet. What it made is stored.
    async fn was_paid(&self, account: &Account, session: &str) -> Result<bool, Error> {
        let session = self.stripe.checkout(session).await?;
        let Some(subscription) = session.subscription.filter(|_| session.complete) else { return Ok(false) };
        self.store.checkout_ended(&session.id, "complete").await?;
        self.sync_subscription(&subscription, Cause::actor(Actor::User(account.user.clone()))).await?;
        Ok(true)
    }
}

/// Whether this can be a checkout session's id: it becomes a part of an address at Stripe.
pub(super) fn is_session_id(text: &str) -> bool {
    text.starts_with("cs_")
        && text.len() <= 255
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn seats(plan: &Plan, asked: Option<u32>) -> Result<u32, Error> {
    let Some(range) = plan.seats else { return Ok(1) };
    range
        .check(asked.unwrap_or(range.min))
        .map_err(|refused| Error::refused(Code::Invalid, format!("{} cannot be bought so: {refused}.", plan.name)))
}
