//! The comparison with Stripe: what was missed, what differs, and putting it right.
//!
//! It first looks through Stripe's list of events for those that never arrived, then asks for the subscriptions of
//! every customer and their invoices and compares them with what is stored. It only reports unless it is told to repair; a repair ends in
//! the one sync like everything else.

use std::collections::HashMap;
use std::time::Duration;

use domain::invoice::Invoice;
use domain::organization::OrganizationId;
use domain::subscription::{Status, Subscription};
use domain::time::{Seconds, Timestamp};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::App;
use super::clock::Clock;
use super::drift::fields;
pub use super::drift::{Difference, Drift};
use super::error::Error;
use super::store::{Actor, Arrival, Cause, Reading, Synced, Task, Told};
use super::stripe::{Event, Fetched, Subject};

/// Stripe keeps its events for 30 days.
const EVENTS_KEPT: Seconds = Seconds(30 * 86_400);
/// Each look through the events begins so long before the last one: an event may have been on its way.
const OVERLAP: Seconds = Seconds(3600);
/// How many organizations are read from the database at a time.
const BATCH: u32 = 100;

const AT_STRIPE: &str = "at Stripe";
const SHOULD_BE: &str = "should be";

/// What to compare, and how.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Only this organization, and no events.
    pub organization: Option<OrganizationId>,
    /// Whether to put right what is found.
    pub repair: bool,
    /// How many calls to Stripe are made in a second at most.
    pub calls_per_second: u32,
}

/// What a comparison found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many organizations were compared.
    pub organizations: u32,
    /// How many events were looked at.
    pub events: u32,
    /// How many differences there were.
    pub drifts: u32,
    /// How many of them were put right.
    pub repaired: u32,
    /// How many organizations could not be compared because Stripe refused or gave no answer.
    pub failed: u32,
}

impl App {
    /// Compares everything, and tells of each difference as it is found. A repair begins where the one before it was
    /// stopped.
    pub async fn reconcile(&self, scope: &Scope, mut tell: impl FnMut(&Drift) + Send) -> Result<Report, Error> {
        let mut run = Run { app: self, scope, pace: pace(scope.calls_per_second), report: Report::default() };
        if let Some(organization) = &scope.organization {
            let known = self.store.organization(organization).await?;
            match known.map(|known| known.customer) {
                None => {
                    let message = format!("There is no organization {organization}.");
                    return Err(Error::refused(crate::error::Code::NotFound, message));
                }
                Some(Some(customer)) => run.organization(organization, &customer, &mut tell).await?,
                Some(None) => {}
            }
            return Ok(run.report);
        }
        run.events(&mut tell).await?;
        run.organizations(&mut tell).await?;
        Ok(run.report)
    }
}

/// A comparison under way.
struct Run<'a> {
    app: &'a App,
    scope: &'a Scope,
    pace: Interval,
    report: Report,
}

impl Run<'_> {
    /// Looks for events that never arrived. They go into the inbox, where the worker finds them.
    async fn events(&mut self, tell: &mut (impl FnMut(&Drift) + Send)) -> Result<(), Error> {
        let store = &self.app.store;
        let began = self.app.clock.now();
        let last = store.position(Task::Events).await?.and_then(|position| position.parse().ok());
        let since = last.map_or(began + Seconds(-EVENTS_KEPT.0), |last| Timestamp(last) + Seconds(-OVERLAP.0));
        let mut before: Option<String> = None;
        loop {
            self.pace.tick().await;
            let (events, more) = self.app.stripe.events_since(since, before.as_deref()).await?;
            before = events.last().map(|event| event.id.clone());
            for listed in events {
                self.report.events += 1;
                // What says nothing to us is no loss: Stripe lists every event, also those that are not sent here.
                let event = Event::read(&listed.body).ok().filter(|event| !matches!(event.subject, Subject::Nothing));
                let Some(event) = event else { continue };
                if store.has_event(&event.id).await? {
                    continue;
                }
                let missed = Difference::MissedEvent(event.id.clone());
                if self.scope.repair {
                    self.take_in(event, listed.body).await?;
                }
                self.found(None, missed, self.scope.repair, tell);
            }
            if !more || before.is_none() {
                break;
            }
        }
        if self.scope.repair {
            store.set_position(Task::Events, &began.0.to_string(), Clock::wall()).await?;
            self.app.inbox.ring();
        }
        Ok(())
    }

    async fn take_in(&self, event: Event, body: String) -> Result<(), Error> {
        let arrival =
            Arrival { id: event.id, kind: event.kind, created: event.created, livemode: event.livemode, payload: body };
        self.app.store.receive_event(arrival, Clock::wall()).await?;
        Ok(())
    }

    /// Everybody once, beginning where a repair was stopped, maybe one that still runs elsewhere.
    async fn organizations(&mut self, tell: &mut (impl FnMut(&Drift) + Send)) -> Result<(), Error> {
        let store = &self.app.store;
        let left = if self.scope.repair { store.position(Task::Organizations).await? } else { None };
        let left = left.unwrap_or_default();
        self.organizations_between(&left, None, tell).await?;
        if !left.is_empty() {
            self.organizations_between("", Some(&left), tell).await?;
        }
        if self.scope.repair {
            store.set_position(Task::Organizations, "", Clock::wall()).await?;
        }
        Ok(())
    }

    async fn organizations_between(
        &mut self,
        after: &str,
        last: Option<&str>,
        tell: &mut (impl FnMut(&Drift) + Send),
    ) -> Result<(), Error> {
        let store = &self.app.store;
        let mut after = after.to_owned();
        loop {
            let batch = store.billed_between(&after, last, BATCH).await?;
            let Some((end, _)) = batch.last().cloned() else { return Ok(()) };
            for (organization, customer) in batch {
                match self.organization(&organization, &customer, tell).await {
                    // One that cannot be asked about does not hold up the others.
                    Err(Error::Stripe(error)) => {
                        tracing::warn!(%organization, %error, "an organization could not be compared");
                        self.report.failed += 1;
                    }
                    compared => compared?,
                }
            }
            after = end.0;
            if self.scope.repair {
                store.set_position(Task::Organizations, &after, Clock::wall()).await?;
            }
        }
    }

    async fn organization(
        &mut self,
        organization: &OrganizationId,
        customer: &str,
        tell: &mut (impl FnMut(&Drift) + Send),
    ) -> Result<(), Error> {
        self.report.organizations += 1;
        self.invoices(organization, customer, tell).await?;
        self.pace.tick().await;
        let asked_at = self.app.clock.now();
        let versions = self.app.store.versions(organization).await?;
        let stored = self.app.store.subscriptions(organization).await?;
        let paid_with = self.app.store.payment_method(organization).await?;
        let at_stripe = self.app.stripe.subscriptions_of(customer).await?;
        let reading = |fetched: Fetched| Reading {
            version: versions.get(&fetched.subscription.id).copied(),
            subscription: fetched.subscription,
            invoices: fetched.invoices,
            payment_method: fetched.payment_method,
            asked_at,
        };
        for known in &stored {
            let gone = !at_stripe.iter().any(|fetched| fetched.subscription.id == known.id);
            if gone && known.customer == customer && !known.status.is_terminal() {
                let ended = Fetched { subscription: ended(known, asked_at), invoices: vec![], payment_method: None };
                let repaired = self.repair(reading(ended)).await?;
                self.found(Some(organization), Difference::Unknown(known.id.clone()), repaired, tell);
            }
        }
        let running: Vec<_> = at_stripe
            .iter()
            .filter(|fetched| !fetched.subscription.status.is_terminal())
            .map(|fetched| fetched.subscription.id.clone())
            .collect();
        for fetched in at_stripe {
            let known = stored.iter().find(|known| known.id == fetched.subscription.id);
            // Of several that run each may be paid with something else.
            let pays = running.len() == 1 && running.contains(&fetched.subscription.id);
            let pays_otherwise = (pays && fetched.payment_method != paid_with).then_some(Difference::PaymentMethod);
            if let Some(what) = difference(known, &fetched.subscription).or(pays_otherwise) {
                let repaired = self.repair(reading(fetched)).await?;
                self.found(Some(organization), what, repaired, tell);
            }
        }
        self.leftovers(organization, &running, tell).await?;
        if running.len() > 1 {
            self.found(Some(organization), Difference::Several(running), false, tell);
        }
        self.access(organization, tell).await
    }

    /// The invoices come first: by them goes what an ended subscription was paid for.
    async fn invoices(
        &mut self,
        organization: &OrganizationId,
        customer: &str,
        tell: &mut (impl FnMut(&Drift) + Send),
    ) -> Result<(), Error> {
        self.pace.tick().await;
        let at_stripe = self.app.stripe.invoices_of(customer).await?;
        let stored = self.app.store.latest_invoices(organization).await?;
        let differing: Vec<_> = at_stripe.iter().filter_map(|theirs| invoice_difference(&stored, theirs)).collect();
        // Also where nothing differs that is reported: addresses expire.
        if self.scope.repair && at_stripe.iter().any(|theirs| stored.get(&theirs.id) != Some(theirs)) {
            let now = self.app.clock.now();
            let rule = self.app.access_rule(now);
            self.app.store.keep_invoices(organization, at_stripe, Actor::Reconciliation, now, rule).await?;
        }
        for what in differing {
            self.found(Some(organization), what, self.scope.repair, tell);
        }
        Ok(())
    }

    /// What was to be done at Stripe, and was not when it was due.
    async fn leftovers(
        &mut self,
        organization: &OrganizationId,
        running: &[String],
        tell: &mut (impl FnMut(&Drift) + Send),
    ) -> Result<(), Error> {
        let Some(known) = self.app.store.organization(organization).await? else { return Ok(()) };
        if known.deleted_at.is_some() {
            for subscription in running {
                if self.scope.repair {
                    self.app.end_outliving(organization, subscription, Actor::Reconciliation).await?;
                }
                self.found(Some(organization), Difference::Outlives(subscription.clone()), self.scope.repair, tell);
            }
        }
        if let Some((_, name)) = self.app.store.name_due(organization).await? {
            if self.scope.repair {
                self.app.tell_name(organization).await?;
            }
            self.found(Some(organization), Difference::Name(name), self.scope.repair, tell);
        }
        Ok(())
    }

    /// Whether the tier, and everything about it, follows from what is stored.
    async fn access(
        &mut self,
        organization: &OrganizationId,
        tell: &mut (impl FnMut(&Drift) + Send),
    ) -> Result<(), Error> {
        let now = self.app.clock.now();
        let unsettled = self.app.store.unsettled(organization, self.app.access_rule(now)).await?;
        if unsettled.is_none() {
            return Ok(());
        }
        // It was not read at one moment: what was being stored between is settled at the second look.
        let unsettled = self.app.store.unsettled(organization, self.app.access_rule(now)).await?;
        let Some((stored, right)) = unsettled else { return Ok(()) };
        if self.scope.repair {
            let rule = self.app.access_rule(now);
            self.app.store.review(organization, Actor::Reconciliation, now, rule).await?;
        }
        let what = Difference::Access(fields(&stored, &right, SHOULD_BE));
        self.found(Some(organization), what, self.scope.repair, tell);
        Ok(())
    }

    async fn repair(&self, reading: Reading) -> Result<bool, Error> {
        if !self.scope.repair {
            return Ok(false);
        }
        let subscription = reading.subscription.id.clone();
        let told = Told::Answer(Box::new(reading));
        let cause = Cause::actor(Actor::Reconciliation);
        let synced = self.app.sync_told(told, &subscription, cause.clone()).await?;
        // Something came in between, maybe one of the events that were just taken in, which tells of a time before.
        if synced == Synced::Stale {
            let synced = self.app.sync_subscription(&subscription, cause).await?;
            return Ok(matches!(synced, Synced::Applied { .. } | Synced::Older { .. }));
        }
        Ok(matches!(synced, Synced::Applied { .. }))
    }

    fn found(
        &mut self,
        organization: Option<&OrganizationId>,
        what: Difference,
        repaired: bool,
        tell: &mut (impl FnMut(&Drift) + Send),
    ) {
        self.report.drifts += 1;
        self.report.repaired += u32::from(repaired);
        tell(&Drift { organization: organization.cloned(), what, repaired });
    }
}

fn pace(calls_per_second: u32) -> Interval {
    let mut pace = interval(Duration::from_secs(1) / calls_per_second.max(1));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

/// A subscription that Stripe does not have any more has ended, at the latest now.
fn ended(known: &Subscription, now: Timestamp) -> Subscription {
    Subscription {
        status: Status::Canceled,
        ended_at: Some(now),
        period_end: known.period_end.min(now),
        ..known.clone()
    }
}

fn difference(known: Option<&Subscription>, at_stripe: &Subscription) -> Option<Difference> {
    let id = at_stripe.id.clone();
    let Some(known) = known else { return Some(Difference::Missing(id)) };
    // What has ended is final; how it is described does not matter any more.
    if known.status.is_terminal() && at_stripe.status.is_terminal() {
        return None;
    }
    let ours = Subscription { next: known.next.clone(), ..known.facts() };
    let theirs = Subscription { next: at_stripe.next.clone(), ..at_stripe.facts() };
    if ours == theirs {
        return None;
    }
    Some(Difference::Differs { subscription: id, fields: fields(&ours, &theirs, AT_STRIPE) })
}

fn invoice_difference(stored: &HashMap<String, Invoice>, at_stripe: &Invoice) -> Option<Difference> {
    let invoice = at_stripe.id.clone();
    let Some(stored) = stored.get(&invoice) else { return Some(Difference::Invoice { invoice, fields: vec![] }) };
    // Which period it bills was not kept by earlier versions: no difference, but stored with the next repair.
    let bills_from = stored.bills_from.or(at_stripe.bills_from);
    let fields = fields(&Invoice { bills_from, ..stored.facts() }, &at_stripe.facts(), AT_STRIPE);
    (!fields.is_empty()).then_some(Difference::Invoice { invoice, fields })
}

/// Repairs on a schedule, until the process stops. Of several nodes one does it each time.
pub async fn on_schedule(app: App, every: Duration) {
    let scope = Scope { organization: None, repair: true, calls_per_second: 5 };
    let mut looks = interval(every / 10);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        match app.store.claim_reconciliation(every, Clock::wall()).await {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                tracing::warn!(%error, "the comparison with Stripe could not be begun; trying again");
                continue;
            }
        }
        match app.reconcile(&scope, |drift| tracing::warn!(%drift, "drift from Stripe")).await {
            Ok(report) => tracing::info!(?report, "compared with Stripe"),
            Err(error) => tracing::warn!(%error, "the comparison with Stripe was not finished; it goes on next time"),
        }
    }
}
