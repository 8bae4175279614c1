//! What a customer does with a running subscription: cancel, reactivate, change, see what a change costs. Each asks
//! Stripe to do it and ends in the one sync, so that it is seen at once.

use domain::change::{self, InUse, Terms, Timing};
use domain::organization::OrganizationId;
use domain::role::Permission;
use domain::subscription::{Status, Subscription};
use domain::time::Timestamp;
use domain::usage::Counter;

use super::App;
use super::error::Error;
use super::organizations::require;
use super::store::{Action, Actor, Cause, PlanChange, Synced};
use super::stripe::{self, Leaving, Preview, Target};
use crate::error::Code;
use crate::visitor::Account;

/// How long a preview's amounts can be confirmed.
const PREVIEW_HOLDS: i64 = 3600;

/// What a change would do.
#[derive(Clone, Debug)]
pub struct PlannedChange {
    /// When it takes effect.
    pub timing: Timing,
    /// The moment for which the amounts are right.
    pub at: Timestamp,
    /// What would be charged at once; `None` where nothing is.
    pub preview: Option<Preview>,
    /// The subscription as it is.
    pub subscription: Subscription,
}

/// What somebody saw of a change before confirming it; nothing, where a program did not look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// When it would take effect.
    pub timing: Option<Timing>,
    /// The moment for which the amounts were right.
    pub at: Option<Timestamp>,
}

impl App {
    /// The organization's running subscription, the newest where there are several.
    pub(super) async fn running(&self, organization: &OrganizationId) -> Result<Option<Subscription>, Error> {
        let subscriptions = self.store.subscriptions(organization).await?;
        Ok(subscriptions.into_iter().find(|subscription| !subscription.status.is_terminal()))
    }

    async fn running_to_manage(&self, account: &Account) -> Result<Subscription, Error> {
        require(account, Permission::ManageBilling)?;
        self.running(&account.organization).await?.ok_or_else(|| {
            Error::refused(Code::Conflict, "There is no subscription to change. The plans are on the pricing page.")
        })
    }

    /// Schedules the end at the end of what is paid.
    pub async fn cancel(&self, account: &Account, leaving: Leaving) -> Result<(), Error> {
        let subscription = self.running_to_manage(account).await?;
        let action = Action::CancelRequested { feedback: leaving.feedback.clone(), comment: leaving.comment.clone() };
        if subscription.scheduled_end().is_none() {
            self.release_schedule(&subscription).await?;
            self.done(account, &subscription, self.stripe.end_at_period_end(&subscription.id, leaving).await).await?;
        }
        self.acted(account, &subscription, action).await
    }

    /// Takes a scheduled end back, in whichever of Stripe's ways it was scheduled.
    pub async fn reactivate(&self, account: &Account) -> Result<(), Error> {
        let subscription = self.running_to_manage(account).await?;
        if subscription.scheduled_end().is_some() {
            self.done(account, &subscription, self.stripe.keep_going(&subscription).await).await?;
        }
        self.acted(account, &subscription, Action::Reactivated).await
    }

    /// Ends the subscription at once and goes to free. What was paid is not given back.
    pub async fn downgrade_to_free(&self, account: &Account) -> Result<(), Error> {
        let subscription = self.running_to_manage(account).await?;
        self.done(account, &subscription, self.stripe.end_now(&subscription.id).await).await?;
        self.acted(account, &subscription, Action::EndedNow).await
    }

    /// Ends an organization's subscription at once, for an operator. Answers with its id.
    pub async fn end_now(&self, organization: &OrganizationId) -> Result<String, Error> {
        let subscriptions = self.store.subscriptions(organization).await?;
        let running = subscriptions.into_iter().find(|subscription| !subscription.status.is_terminal());
        let subscription = running.ok_or_else(|| {
            Error::refused(Code::Conflict, format!("{organization} has no subscription that is running."))
        })?;
        self.stripe.end_now(&subscription.id).await?;
        self.store.record(organization, Actor::Operator, Action::EndedNow, self.clock.now()).await?;
        self.sync_subscription(&subscription.id, Cause::actor(Actor::Operator)).await?;
        Ok(subscription.id)
    }

    /// What a change would do, and what it would cost at this moment.
    pub async fn plan_change(&self, account: &Account, wanted: &Terms) -> Result<PlannedChange, Error> {
        let subscription = self.running_to_manage(account).await?;
        let timing = self.check_change(account, &subscription, wanted).await?;
        let at = self.clock.now();
        // In a trial nothing is charged, and Stripe would show the invoice of its end.
        let preview = if timing == Timing::Now && subscription.status != Status::Trialing {
            let preview = self.stripe.preview(&subscription, &self.target(wanted)?, at).await;
            Some(self.done(account, &subscription, preview).await?)
        } else {
            None
        };
        Ok(PlannedChange { timing, at, preview, subscription })
    }

    /// Makes a change: now, charged as the preview said, or at the end of what is paid.
    pub async fn change(&self, account: &Account, wanted: &Terms, seen: Seen) -> Result<Timing, Error> {
        let subscription = self.running_to_manage(account).await?;
        let timing = self.check_change(account, &subscription, wanted).await?;
        if seen.timing.is_some_and(|seen| seen != timing) {
            let message = "What this change does is not what you saw any more. Look at it again and confirm again.";
            return Err(Error::refused(Code::Conflict, message));
        }
        let target = self.target(wanted)?;
        match timing {
            Timing::Now => {
                let at = self.amounts_hold(seen.at)?;
                // One that leads nowhere: it was not finished, or its last phase has begun.
                self.release_schedule(&subscription).await?;
                self.change_now(account, &subscription, &target, at).await?;
            }
            Timing::PeriodEnd => {
                self.release_schedule(&subscription).await?;
                let scheduled = self.stripe.change_at_period_end(&subscription, &target).await;
                self.done(account, &subscription, scheduled).await?;
            }
        }
        let action = Action::ChangeRequested {
            plan: wanted.plan.clone(),
            period: wanted.period,
            quantity: wanted.quantity,
            timing,
        };
        self.acted(account, &subscription, action).await?;
        Ok(timing)
    }

    /// Takes a scheduled change back.
    pub async fn keep_plan(&self, account: &Account) -> Result<(), Error> {
        let subscription = self.running_to_manage(account).await?;
        self.release_schedule(&subscription).await?;
        self.acted(account, &subscription, Action::ChangeUndone).await
    }

    /// The plan, period and seats of a subscription; `None` where its price is not in the catalogue.
    pub(super) fn terms_of(&self, subscription: &Subscription) -> Option<Terms> {
        self.terms_at(&subscription.price, subscription.quantity)
    }

    /// The same for a Stripe price and how many of it.
    pub(super) fn terms_at(&self, price: &str, quantity: u32) -> Option<Terms> {
        let (plan, period) = self.config.prices.plan(price)?;
        Some(Terms { plan: plan.clone(), period, quantity })
    }

    async fn check_change(
        &self,
        account: &Account,
        subscription: &Subscription,
        wanted: &Terms,
    ) -> Result<Timing, Error> {
        if subscription.scheduled_end().is_some() {
            let message = "This subscription is about to end. Reactivate it first, then change it.";
            return Err(Error::refused(Code::Conflict, message));
        }
        if let Some(unsettled) = change::unsettled(subscription.status) {
            return Err(Error::refused(Code::Conflict, unsettled.to_string()));
        }
        if let Some(plan) = self.catalog.plan(&wanted.plan) {
            self.refuse_other_kind(account, plan)?;
        }
        let (standing, _) = self.standing(&account.organization).await?;
        let counted = |counter: &Counter| counter.used.saturating_sub(counter.from_credits) + counter.reserved;
        let in_use = InUse {
            seats: self.store.seats_taken(&account.organization).await?,
            meters: standing.counters.iter().map(|(meter, counter)| (meter.clone(), counted(counter))).collect(),
        };
        let had = self.terms_of(subscription);
        let timing = change::check(&self.catalog, had.as_ref(), wanted, &in_use)
            .map_err(|refused| Error::refused(Code::Invalid, refused.to_string()))?;
        // Its payment may stay open or fail, and what was scheduled would be gone for nothing.
        if timing == Timing::Now && subscription.next.is_some() {
            let message = "Another change is scheduled. Take it back in the billing settings first, then change.";
            return Err(Error::refused(Code::Conflict, message));
        }
        let method = self.store.payment_method(&account.organization).await?;
        if timing == Timing::Now && method.is_some_and(|method| method.is_bank_debit()) {
            let message = "This is charged at once, and a debit of your bank account takes days. Add a card in the \
                           billing settings first, then change.";
            return Err(Error::refused(Code::Conflict, message));
        }
        Ok(timing)
    }

    /// The moment of the preview that was confirmed, or now, where nobody has looked at one.
    fn amounts_hold(&self, previewed_at: Option<Timestamp>) -> Result<Timestamp, Error> {
        let now = self.clock.now();
        let at = previewed_at.unwrap_or(now);
        if (now.0 - PREVIEW_HOLDS..=now.0).contains(&at.0) {
            return Ok(at);
        }
        let message = "The amounts that you saw are out of date. Look at the new ones and confirm again.";
        Err(Error::refused(Code::Conflict, message))
    }

    async fn change_now(
        &self,
        account: &Account,
        subscription: &Subscription,
        target: &Target<'_>,
        proration_at: Timestamp,
    ) -> Result<(), Error> {
        let change = PlanChange {
            subscription: subscription.id.clone(),
            price: target.price.to_owned(),
            quantity: target.quantity,
            proration_at,
        };
        let key = self.store.begin_change(&account.organization, change, self.clock.now()).await?;
        let done = self.stripe.change_now(subscription, target, proration_at, &key).await;
        if let Err(stripe::Error::Unknown(reason)) = &done {
            // It may have happened: what Stripe says now is stored before anybody is told to try again.
            tracing::warn!(reason, "it is not known whether a change was made");
            let cause = Cause::actor(Actor::User(account.user.clone()));
            self.sync_subscription(&subscription.id, cause).await?;
            let stored = self.running(&account.organization).await?;
            if stored.is_some_and(|now| now.price == target.price && now.quantity == target.quantity) {
                return Ok(());
            }
        }
        self.done(account, subscription, done).await
    }

    /// What Stripe answered. Where it refuses, the subscription may not be what we took it for: what it is now is
    /// stored before anybody is told.
    async fn done<T>(
        &self,
        account: &Account,
        subscription: &Subscription,
        answer: Result<T, stripe::Error>,
    ) -> Result<T, Error> {
        let Err(stripe::Error::Refused { message, .. }) = answer else { return Ok(answer?) };
        tracing::warn!(subscription = subscription.id, message, "Stripe refused; looking at what is there");
        let cause = Cause::actor(Actor::User(account.user.clone()));
        match self.sync_subscription(&subscription.id, cause).await {
            // A subscription that Stripe does not have is the reconciliation's to end.
            Err(Error::Stripe(error)) if error.is_missing() => {}
            synced => drop(synced?),
        }
        let stored = self.store.subscriptions(&account.organization).await?;
        let same = |known: &Subscription| known.facts() == subscription.facts() && known.next == subscription.next;
        let message = if stored.iter().any(same) {
            "Our payment provider refused this, and nothing has changed. Please contact us if it stays so."
        } else {
            "This cannot be done any more: the subscription has changed. This is how it stands now."
        };
        Err(Error::refused(Code::Conflict, message))
    }

    async fn release_schedule(&self, subscription: &Subscription) -> Result<(), Error> {
        let Some(schedule) = &subscription.schedule else { return Ok(()) };
        match self.stripe.release(schedule).await {
            // It is over already.
            Err(stripe::Error::Refused { .. }) => Ok(()),
            done => Ok(done?),
        }
    }

    fn target(&self, wanted: &Terms) -> Result<Target<'_>, Error> {
        let price = self.config.prices.price(&wanted.plan, wanted.period);
        let price = price.ok_or_else(|| Error::refused(Code::Invalid, "This plan is not for sale."))?;
        let audience = self.catalog.plan(&wanted.plan).map(|plan| plan.audience).unwrap_or_default();
        Ok(Target { price, quantity: wanted.quantity, audience })
    }

    /// Writes an action into the time line and syncs with what it led to.
    async fn acted(&self, account: &Account, subscription: &Subscription, action: Action) -> Result<(), Error> {
        let actor = Actor::User(account.user.clone());
        self.store.record(&account.organization, actor.clone(), action, self.clock.now()).await?;
        match self.sync_subscription(&subscription.id, Cause::actor(actor)).await? {
            Synced::Unowned => Err(Error::refused(Code::Conflict, "This subscription is not yours any more.")),
            Synced::Applied { .. } | Synced::Older { .. } | Synced::Stale | Synced::Ask => Ok(()),
        }
    }
}
