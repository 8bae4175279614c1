//! The worker behind the inbox: takes stored events, asks Stripe what is true, and notes what became of each.

use std::sync::Arc;
use std::time::Duration;

use domain::time::Seconds;
use tokio::sync::{Notify, watch};

use super::App;
use super::clock::Clock;
use super::error::Error;
use super::store::{Actor, Decision, InboxEvent, Synced};
use super::stripe::{Event, Subject};

/// How often the worker looks without being called: for retries, and for events that another node received.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Wakes the worker.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// Something has come in.
    pub fn ring(&self) {
        self.0.notify_one();
    }
}

/// Works until `stop` changes.
pub async fn work(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        if let Err(error) = work_once(&app).await {
            tracing::error!(%error, "the inbox could not be worked off; trying again");
        }
        tokio::select! {
            () = app.inbox.0.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.changed() => return,
        }
    }
}

/// Applies everything that is due, then what time alone has changed.
async fn work_once(app: &App) -> Result<(), Error> {
    loop {
        let events = app.store.claim_events(Clock::wall()).await?;
        if events.is_empty() {
            break;
        }
        for event in events {
            settle(app, event).await?;
        }
    }
    let now = app.clock.now();
    for organization in app.store.organizations_due(now).await? {
        app.store.review(&organization, now, app.access_rule(now)).await?;
    }
    Ok(())
}

/// Applies one event and notes the outcome. An event that fails waits and is tried again; it holds nobody up.
async fn settle(app: &App, event: InboxEvent) -> Result<(), Error> {
    match apply(app, &event).await {
        Ok(decision) => app.store.event_done(&event.id, decision, Clock::wall()).await?,
        Err(error) => {
            tracing::warn!(event = event.id, attempts = event.attempts, %error, "an event could not be applied");
            app.store.event_failed(&event.id, error.to_string(), backoff(event.attempts), Clock::wall()).await?;
        }
    }
    Ok(())
}

async fn apply(app: &App, stored: &InboxEvent) -> Result<Decision, Error> {
    let Ok(event) = Event::read(&stored.payload) else {
        return Ok(Decision::ignored("the payload is not an event that this version can read"));
    };
    if event.livemode != app.config.stripe.livemode {
        return Ok(Decision::ignored("it is from the other mode (test or live) than the configured key"));
    }
    let actor = Actor::Event(event.id.clone());
    match event.subject {
        Subject::Nothing => Ok(Decision::ignored("it changes no tier")),
        Subject::CheckoutExpired(session) => {
            app.store.checkout_ended(&session, "expired").await?;
            Ok(Decision::applied("the checkout expired"))
        }
        Subject::CheckoutCompleted { session, subscription } => {
            app.store.checkout_ended(&session, "complete").await?;
            match subscription {
                Some(subscription) => sync(app, &subscription, actor).await,
                None => Ok(Decision::applied("the checkout was completed; it made no subscription")),
            }
        }
        Subject::Subscription(subscription) => sync(app, &subscription, actor).await,
    }
}

async fn sync(app: &App, subscription: &str, actor: Actor) -> Result<Decision, Error> {
    Ok(match app.sync_subscription(subscription, actor).await {
        Ok(Synced::Applied { organization, before, after }) => {
            Decision::applied(format!("{organization}: {before} -> {after}"))
        }
        Ok(Synced::Stale) => Decision::applied("nothing to do: a newer reading is stored"),
        Ok(Synced::Absorbed) => Decision::applied("nothing to do: the subscription has ended"),
        Ok(Synced::Unowned) => Decision::ignored("no organization of ours is billed by it"),
        Err(Error::Stripe(error)) if error.is_missing() => Decision::ignored("Stripe does not know the subscription"),
        Err(error) => return Err(error),
    })
}

/// 5 s, 10 s, 20 s … at most an hour.
fn backoff(attempts: i64) -> Seconds {
    Seconds((5_i64 << attempts.clamp(0, 10)).min(3600))
}
