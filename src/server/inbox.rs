//! The worker behind the inbox: takes stored events, syncs with what they tell, and asks Stripe only where that proves
//! nothing. What became of an event is noted in the transaction of what it did.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::invoice::Invoice;
use domain::subscription::{Status, Subscription};
use domain::time::Seconds;
use futures::StreamExt;
use futures::stream;
use tokio::sync::{Notify, watch};

use super::App;
use super::clock::Clock;
use super::error::Error;
use super::store::{Actor, Cause, Consequence, Decision, DisputeRow, Fault, InboxEvent, Synced, Told, ToldInvoice};
use super::stripe::{self, DisputeNews, Event, Implies, InvoiceNews, LOST, Subject};

/// How often the worker looks without being called: for retries, and for events that another node received.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How many events are taken at once, and how many among deliveries that keep coming.
const AT_ONCE: u32 = 256;
const AT_ONCE_AMONG_ARRIVALS: u32 = 64;
/// How long nothing is delivered in a pause; how long the worker waits for one since its inbox was empty; and how long
/// before each group of events after that.
const PAUSE: Duration = Duration::from_millis(5);
const BURST: Duration = Duration::from_secs(5);
const GIVE_WAY: Duration = Duration::from_millis(20);
/// How many subscriptions are worked on side by side. Events of one subscription are applied one after the other.
const SIDE_BY_SIDE: usize = 64;

/// Wakes the worker.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// Something has come in.
    pub fn ring(&self) {
        self.0.notify_one();
    }
}

/// Works until `stop` changes. What is left then waits for the next start.
pub async fn work(app: App, mut stop: watch::Receiver<bool>) {
    let mut behind_since = None;
    loop {
        let left = work_once(&app, &mut behind_since).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the inbox could not be worked off; trying again");
            false
        });
        if left && !*stop.borrow() {
            continue;
        }
        tokio::select! {
            () = app.inbox.0.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.changed() => return,
        }
    }
}

/// Applies what is due, then what time alone has changed, which does not wait until nothing is left. Whether something
/// may be left.
async fn work_once(app: &App, behind_since: &mut Option<Instant>) -> Result<bool, Error> {
    let began = Instant::now();
    let mut left = true;
    while left && began.elapsed() < LOOK_EVERY {
        let since = *behind_since.get_or_insert_with(Instant::now);
        left = apply(app, how_many(app, since).await).await?;
    }
    if !left {
        *behind_since = None;
    }
    app.expire_reservations().await?;
    let now = app.clock.now();
    for organization in app.store.organizations_due(now).await? {
        app.store.review(&organization, Actor::Clock, now, app.access_rule(now)).await?;
    }
    Ok(left)
}

/// How many events to take now. A delivery is answered when it is on the disk and nobody waits for an event to be
/// applied, so the worker lets a burst of deliveries pass; among those that never end it keeps up.
async fn how_many(app: &App, behind_since: Instant) -> u32 {
    let patience = BURST.saturating_sub(behind_since.elapsed()).max(GIVE_WAY);
    let pause = tokio::time::timeout(patience, app.store.no_arrivals(PAUSE)).await.is_ok();
    if pause { AT_ONCE } else { AT_ONCE_AMONG_ARRIVALS }
}

/// Applies so many events at most. Whether there were any.
async fn apply(app: &App, most: u32) -> Result<bool, Error> {
    let claimed = app.store.claim_events(most, Clock::wall()).await?;
    let any = !claimed.is_empty();
    let groups = stream::iter(by_subject(claimed).into_values());
    let outcomes: Vec<Result<(), Error>> =
        groups.map(|group| settle_all(app, group)).buffer_unordered(SIDE_BY_SIDE).collect().await;
    outcomes.into_iter().collect::<Result<(), Error>>()?;
    Ok(any)
}

/// An event that can be read, or why not.
type Read = (InboxEvent, Option<Event>);

/// Events by what they are about, each group in the order of their making. News of a subscription itself comes before
/// what else was made in the same second: it often answers what the others would ask.
fn by_subject(claimed: Vec<InboxEvent>) -> BTreeMap<String, Vec<Read>> {
    let mut groups: BTreeMap<String, Vec<Read>> = BTreeMap::new();
    for stored in claimed {
        let event = Event::read(&stored.payload).ok();
        let key = event.as_ref().and_then(|event| subscription_of(&event.subject)).unwrap_or(&stored.id).to_owned();
        groups.entry(key).or_default().push((stored, event));
    }
    for group in groups.values_mut() {
        group.sort_by_key(|(stored, event)| {
            let about = event.as_ref().map(|event| &event.subject);
            (stored.created_at, !matches!(about, Some(Subject::Subscription(_))))
        });
    }
    groups
}

fn subscription_of(subject: &Subject) -> Option<&String> {
    match subject {
        Subject::Subscription(news) => Some(&news.after.id),
        Subject::Look(subscription) => Some(subscription),
        Subject::Invoice(news) => news.subscription.as_ref(),
        Subject::CheckoutCompleted { subscription, .. } => subscription.as_ref(),
        Subject::CheckoutExpired(_)
        | Subject::PurchasePaid(_)
        | Subject::Dispute(_)
        | Subject::Refund(_)
        | Subject::PaymentMethod(_)
        | Subject::CustomerDeleted(_)
        | Subject::Nothing => None,
    }
}

/// One after the other. Those that need an answer do not all wait for a Stripe that gives none, and those that need none
/// are not held up by it.
async fn settle_all(app: &App, group: Vec<Read>) -> Result<(), Error> {
    stripe::until_silent(async {
        for (stored, event) in group {
            let Err(error) = settle(app, &stored, event).await else { continue };
            let (id, wait) = (stored.id.as_str(), backoff(stored.attempts));
            tracing::warn!(event = id, attempts = stored.attempts, %error, "an event could not be applied");
            if app.store.event_failed(id, error.to_string(), fault(&error), wait, Clock::wall()).await? {
                tracing::error!(event = id, %error, "an event was set aside; `billhook events` shows and replays it");
            }
        }
        Ok(())
    })
    .await
}

/// A key that Stripe does not take (any more) is no event's fault either.
fn fault(error: &Error) -> Fault {
    match error {
        Error::Stripe(stripe::Error::Unknown(_) | stripe::Error::Refused { status: 401 | 403, .. }) | Error::Busy => {
            Fault::Away
        }
        // A database that is away does not take this note either.
        Error::Store(_)
        | Error::Stripe(
            stripe::Error::Refused { .. }
            | stripe::Error::Declined(_)
            | stripe::Error::Unconfirmed(_)
            | stripe::Error::Unreadable(_),
        )
        | Error::App(_)
        | Error::Provider(_)
        | Error::Session(_) => Fault::Event,
    }
}

/// Applies one event and notes what became of it.
async fn settle(app: &App, stored: &InboxEvent, event: Option<Event>) -> Result<(), Error> {
    let id = stored.id.as_str();
    let Some(event) = event else {
        return ignore(app, id, "the payload is not an event that this version can read").await;
    };
    if event.livemode != app.config.stripe.livemode {
        return ignore(app, id, "it is from the other mode (test or live) than the configured key").await;
    }
    if event.account.is_some() {
        return ignore(app, id, "it belongs to a connected account, not to ours").await;
    }
    match event.subject {
        Subject::Nothing => ignore(app, id, "it changes nothing that is kept").await,
        Subject::Subscription(news) => {
            let (subscription, customer) = (news.after.id.clone(), news.after.customer.clone());
            let ended = news.after.status.is_terminal().then(|| news.after.clone());
            match app.sync_told(Told::Event(news), &subscription, Cause::event(id)).await? {
                Synced::Ask => match ended {
                    Some(ended) => ask_about_ended(app, id, ended).await,
                    None => ask(app, id, &subscription).await,
                },
                Synced::Unowned => find_owner(app, id, &customer, &subscription).await,
                _ => Ok(()),
            }
        }
        Subject::Look(subscription) => ask(app, id, &subscription).await,
        Subject::Invoice(news) => settle_invoice(app, id, *news).await,
        Subject::CheckoutExpired(session) => {
            app.store.checkout_ended(&session, "expired").await?;
            done(app, id, "the checkout expired").await
        }
        Subject::CheckoutCompleted { session, subscription } => {
            app.store.checkout_ended(&session, "complete").await?;
            let Some(subscription) = subscription else {
                return done(app, id, "the checkout was completed; it made no subscription").await;
            };
            // What it made is news of its own, which does not say what is paid with: an answer does.
            ask(app, id, &subscription).await
        }
        Subject::PurchasePaid(purchase) => {
            let actor = Actor::Event(id.to_owned());
            if app.store.purchase_paid(&purchase, Some(id), actor, app.moment()).await? {
                return Ok(());
            }
            ignore(app, id, "the purchase is not one of ours").await
        }
        Subject::Refund(charge) => {
            let (organization, decision) = app.weigh(&app.stripe.charge(&charge).await?, id).await?;
            Ok(app.store.event_done(id, organization, decision, Clock::wall()).await?)
        }
        Subject::Dispute(news) => settle_dispute(app, id, news).await,
        Subject::PaymentMethod(customer) => look_at_customer(app, id, &customer).await,
        Subject::CustomerDeleted(customer) => {
            let moment = app.moment();
            Ok(app.store.customer_deleted(id, &customer, moment, app.access_rule(moment.now)).await?)
        }
    }
}

/// Asks Stripe about a subscription, and settles the event with the answer.
async fn ask(app: &App, event: &str, subscription: &str) -> Result<(), Error> {
    match app.sync_subscription(subscription, Cause::event(event)).await {
        Err(Error::Stripe(error)) if error.is_missing() => {
            ignore(app, event, "Stripe does not know the subscription").await
        }
        synced => settled(app, event, synced?).await,
    }
}

/// The same of one that has ended: what the event says of it is final, also where Stripe has forgotten it.
async fn ask_about_ended(app: &App, event: &str, ended: Subscription) -> Result<(), Error> {
    match app.sync_subscription(&ended.id, Cause::event(event)).await {
        Err(Error::Stripe(error)) if error.is_missing() => {
            settled(app, event, app.sync_forgotten(ended, Cause::event(event)).await?).await
        }
        synced => settled(app, event, synced?).await,
    }
}

async fn settled(app: &App, event: &str, synced: Synced) -> Result<(), Error> {
    match synced {
        Synced::Stale | Synced::Ask => Err(Error::Busy),
        Synced::Applied { .. } | Synced::Older { .. } => Ok(()),
        Synced::Unowned => ignore(app, event, UNOWNED).await,
    }
}

/// A subscription on a customer whose link to its organization is not stored: the customer itself says whose it is.
async fn find_owner(app: &App, event: &str, customer: &str, subscription: &str) -> Result<(), Error> {
    let Some(organization) = app.stripe.organization_of_customer(customer).await? else {
        return ignore(app, event, UNOWNED).await;
    };
    let linked = app.store.organization(&organization).await?.map(|known| known.customer.is_some());
    if linked != Some(false) {
        return ignore(app, event, UNOWNED).await;
    }
    app.store.link_customer(&organization, customer.to_owned()).await?;
    ask(app, event, subscription).await
}

const UNOWNED: &str = "no organization of ours is billed by it";

async fn settle_invoice(app: &App, event: &str, news: InvoiceNews) -> Result<(), Error> {
    let implies = news.implies;
    let contradicts = move |status: Option<Status>| match (implies, status) {
        (Implies::Nothing, _) => false,
        (Implies::Paid | Implies::Owing, None) => true,
        (Implies::Paid, Some(status)) => matches!(status, Status::Incomplete | Status::PastDue | Status::Unpaid),
        (Implies::Owing, Some(status)) => matches!(status, Status::Active | Status::Trialing),
    };
    if let Some(purchase) = &news.purchase {
        // Before the event is settled: whoever is stopped in between does it again, and credits nothing twice.
        app.store.purchase_paid(purchase, None, Actor::Event(event.to_owned()), app.moment()).await?;
    }
    let mut told = news.invoice.map(|invoice| ToldInvoice { invoice, at: Some(news.created) });
    // An answer about the subscription brings its invoice along: not while this is being decided.
    let turn = match &news.subscription {
        Some(subscription) => Some(app.syncs.take(subscription).await),
        None => None,
    };
    loop {
        let moment = app.moment();
        let (rule, subscription) = (app.access_rule(moment.now), news.subscription.clone());
        match app.store.settle_or_ask(event, told.clone(), subscription, contradicts, moment, rule).await? {
            Consequence::Settled => return Ok(()),
            Consequence::Ask(subscription) => {
                drop(turn);
                return ask(app, event, &subscription).await;
            }
            Consequence::AskInvoice(invoice) => told = Some(ask_invoice(app, *invoice).await?),
        }
    }
}

/// The invoice as Stripe has it now. One that is gone was a draft, and stays as it was told last.
async fn ask_invoice(app: &App, told: Invoice) -> Result<ToldInvoice, Error> {
    match app.stripe.invoice(&told.id).await {
        Err(error) if error.is_missing() => Ok(ToldInvoice { invoice: told, at: None }),
        answer => Ok(ToldInvoice { invoice: answer?, at: None }),
    }
}

async fn settle_dispute(app: &App, event: &str, news: DisputeNews) -> Result<(), Error> {
    let charge = app.stripe.charge(&news.charge).await?;
    if news.status == LOST {
        app.weigh(&charge, event).await?;
    }
    let organization = match &charge.customer {
        Some(customer) => app.store.organization_of_customer(customer).await?,
        None => None,
    };
    let Some(organization) = organization else {
        return ignore(app, event, "no organization of ours made the disputed payment").await;
    };
    let subscription = match &charge.payment {
        Some(payment) => app.stripe.subscription_paid_with(payment).await?,
        None => None,
    };
    let DisputeNews { id, charge, status, opened } = news;
    let dispute = DisputeRow { id, charge, subscription, status, opened };
    let moment = app.moment();
    app.store.dispute(event, &organization, dispute, moment, app.access_rule(moment.now)).await?;
    Ok(())
}

/// Something about how a customer pays has changed: an answer about the running subscription brings it along.
async fn look_at_customer(app: &App, event: &str, customer: &str) -> Result<(), Error> {
    let Some(organization) = app.store.organization_of_customer(customer).await? else {
        return ignore(app, event, "no organization of ours is this customer").await;
    };
    let subscriptions = app.store.subscriptions(&organization).await?;
    match subscriptions.iter().find(|subscription| !subscription.status.is_terminal()) {
        Some(subscription) => ask(app, event, &subscription.id).await,
        None => ignore(app, event, "nothing is paid with it").await,
    }
}

async fn done(app: &App, event: &str, what: &str) -> Result<(), Error> {
    Ok(app.store.event_done(event, None, Decision::applied(what), Clock::wall()).await?)
}

async fn ignore(app: &App, event: &str, why: &str) -> Result<(), Error> {
    Ok(app.store.event_done(event, None, Decision::ignored(why), Clock::wall()).await?)
}

/// 5 s, 10 s, 20 s … at most an hour.
fn backoff(attempts: i64) -> Seconds {
    Seconds((5_i64 << attempts.clamp(0, 10)).min(3600))
}
