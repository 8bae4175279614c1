//! The transaction of the one sync: what Stripe told of a subscription, and everything that follows from it, together
//! or not at all. This is the only place that writes tiers, and, but for the deletion of a customer, subscriptions.

use domain::access::{Access, PlanGrant};
use domain::invoice::Place;
use domain::news::{Horizon, Verdict, judge};
use domain::organization::{Organization, OrganizationId, UserId};
use domain::plan::PlanId;
use domain::subscription::{Status, Subscription};
use domain::time::Timestamp;
use sqlx::AnyConnection;

use super::accounts::{lock, lock_by_customer};
use super::audit::{self, Action, Actor, Standing};
use super::settled::Settled;
use super::subscriptions::{Stored, load, upsert};
use super::told::{Cause, Reading, Synced, Told};
use super::{Error, Store, changes, customers, events, invoices, plan_grants, seats};

/// Decides the tier from all of an organization's subscriptions and the plan that it was granted.
pub trait Decide: Fn(&[Subscription], Option<&PlanGrant>) -> Access + Send + Sync + 'static {}

impl<D: Fn(&[Subscription], Option<&PlanGrant>) -> Access + Send + Sync + 'static> Decide for D {}

/// The two clocks: `now` decides dates, `wall` is when this machine did it.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The time that tiers and dates go by.
    pub now: Timestamp,
    /// The machine's.
    pub wall: Timestamp,
}

impl Store {
    /// Stores what was told of a subscription and everything that follows from it, in one transaction.
    pub async fn sync(&self, told: Told, cause: Cause, moment: Moment, decide: impl Decide) -> Result<Synced, Error> {
        self.write(move |connection| {
            Box::pin(async move {
                let synced = sync(connection, &told, &cause, moment, decide).await?;
                if let (Some(event), Some((organization, decision))) = (&cause.event, synced.decision()) {
                    events::finish(connection, event, Some(organization), decision, moment.wall).await?;
                }
                Ok(synced)
            })
        })
        .await
    }

    /// Decides an organization's tier again, because time has passed, or the policy or a dispute has changed.
    pub async fn review(
        &self,
        organization: &OrganizationId,
        actor: Actor,
        now: Timestamp,
        decide: impl Decide,
    ) -> Result<(), Error> {
        let id = organization.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let Some(organization) = lock(connection, &id).await? else { return Ok(()) };
                let after = settle(connection, &organization, &actor, now, decide).await?;
                if after != organization.tier {
                    touch(connection, &organization.id).await?;
                }
                // Somebody else may have settled it a moment ago, and not have told this process's memory yet.
                changes::note(connection, &organization.id).await?;
                seats::note_holders(connection, &organization.id).await
            })
        })
        .await
    }
}

async fn sync(
    connection: &mut AnyConnection,
    told: &Told,
    cause: &Cause,
    moment: Moment,
    decide: impl Decide,
) -> Result<Synced, Error> {
    let Some(organization) = owner(connection, told.subscription()).await? else {
        return Ok(Synced::Unowned);
    };
    let all = load(connection, &organization.id).await?;
    let known = all.iter().find(|known| known.subscription.id == told.subscription().id);
    let older = |why| Ok(Synced::Older { organization: organization.id.clone(), why });
    let mut beside = false;
    let horizon = match told {
        Told::Answer(reading) => {
            if known.is_some_and(|known| known.subscription.status.is_terminal()) {
                // The subscription is final; its invoices are not.
                let late =
                    invoices::keep_all(connection, &organization, &reading.invoices, &cause.actor, moment.now, decide);
                let Some(tier) = late.await? else { return older("nothing to do: the subscription has ended") };
                return Ok(Synced::Applied {
                    organization: organization.id,
                    before: organization.tier,
                    after: tier,
                    changed: true,
                    outlives: false,
                });
            }
            if known.map(|known| known.version) != reading.version {
                return Ok(Synced::Stale);
            }
            for invoice in &reading.invoices {
                beside |= invoices::keep(connection, &organization.id, invoice, None).await? == Place::Newer;
            }
            beside |= note_payment_method(connection, &organization.id, reading).await?;
            Horizon::of_answer(reading.asked_at, known.map(|known| known.horizon))
        }
        Told::Event(news) => match judge(known.map(|known| (&known.subscription, known.horizon)), news) {
            // What an ended one was paid for goes by its invoices: an answer brings them along.
            Verdict::Apply(_)
                if news.after.status == Status::Canceled
                    && !invoices::knows_period_of(connection, &organization.id, &news.after).await? =>
            {
                return Ok(Synced::Ask);
            }
            Verdict::Apply(horizon) => horizon,
            Verdict::Same(horizon) => {
                // The schedule's plan is not in an event: what is stored of it stays.
                return same(connection, known, horizon, &organization, decide, cause, moment.now).await;
            }
            Verdict::Older => return older("nothing to do: what is stored is newer"),
            Verdict::Ask => return Ok(Synced::Ask),
        },
    };
    let stored = known.map(|known| &known.subscription);
    let subscription = match told {
        Told::Answer(reading) => reading.subscription.clone(),
        Told::Event(news) => news.after.clone().with_next_of(stored),
    };
    let subscription = subscription.with_past_due_since(stored, moment.now);
    upsert(connection, &organization.id, &subscription, horizon).await?;
    let before = stored.map(|stored| Box::new(Standing::of(stored)));
    let after = Box::new(Standing::of(&subscription));
    let mut changed = before.as_ref() != Some(&after);
    if changed {
        let action = Action::Subscription { subscription: subscription.id.clone(), before, after };
        audit::record(connection, &organization.id, &cause.actor, &action, moment.now).await?;
    }
    note_trial(connection, &organization.id, &subscription).await?;
    let tier = settle(connection, &organization, &cause.actor, moment.now, decide).await?;
    changed |= tier != organization.tier || beside;
    if changed {
        touch(connection, &organization.id).await?;
    }
    let outlives = outlives(&organization, &subscription);
    Ok(Synced::Applied { organization: organization.id, before: organization.tier, after: tier, changed, outlives })
}

/// Only what is known of the stored state's place in time has changed.
async fn same(
    connection: &mut AnyConnection,
    known: Option<&Stored>,
    horizon: Horizon,
    organization: &Organization,
    decide: impl Decide,
    cause: &Cause,
    now: Timestamp,
) -> Result<Synced, Error> {
    if let Some(known) = known {
        upsert(connection, &organization.id, &known.subscription, horizon).await?;
    }
    let tier = settle(connection, organization, &cause.actor, now, decide).await?;
    let changed = tier != organization.tier;
    if changed {
        touch(connection, &organization.id).await?;
    }
    Ok(Synced::Applied {
        organization: organization.id.clone(),
        before: organization.tier.clone(),
        after: tier,
        changed,
        outlives: known.is_some_and(|known| outlives(organization, &known.subscription)),
    })
}

fn outlives(organization: &Organization, subscription: &Subscription) -> bool {
    organization.deleted_at.is_some() && !subscription.status.is_terminal()
}

/// The organization that a subscription bills, locked until the transaction ends. The customer decides; metadata
/// only helps where the link to the customer is not stored yet.
async fn owner(connection: &mut AnyConnection, subscription: &Subscription) -> Result<Option<Organization>, Error> {
    if let Some(organization) = lock_by_customer(connection, &subscription.customer).await? {
        return Ok(Some(organization));
    }
    // One that we know has had its customer: that it is not linked any more is no mistake to be mended.
    let known: Option<String> = sqlx::query_scalar("SELECT organization_id FROM subscriptions WHERE id = $1")
        .bind(&subscription.id)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(id) = known {
        return lock(connection, &OrganizationId(id)).await;
    }
    let Some(id) = &subscription.organization else { return Ok(None) };
    let linked = customers::link(connection, id, &subscription.customer).await?;
    Ok(linked.filter(|organization| organization.customer.as_ref() == Some(&subscription.customer)))
}

/// Writes the tier that follows from what is stored, and says so in the time line where it changes.
pub(super) async fn settle(
    connection: &mut AnyConnection,
    organization: &Organization,
    actor: &Actor,
    now: Timestamp,
    decide: impl Decide,
) -> Result<PlanId, Error> {
    let access = decided(connection, &organization.id, &decide).await?;
    let settled = Settled::from(&access);
    let written = sqlx::query(
        "UPDATE organizations SET subscription_tier = $2, tier_reason = $3, tier_review_at = $4, subscribed_plan = $5,
             paid_from = $6, paid_until = $7
         WHERE id = $1 AND (subscription_tier <> $2 OR tier_reason <> $3 OR tier_review_at IS DISTINCT FROM $4
             OR subscribed_plan IS DISTINCT FROM $5 OR paid_from IS DISTINCT FROM $6
             OR paid_until IS DISTINCT FROM $7)",
    )
    .bind(&organization.id.0)
    .bind(settled.subscription_tier)
    .bind(settled.tier_reason)
    .bind(settled.tier_review_at)
    .bind(settled.subscribed_plan)
    .bind(settled.paid_from)
    .bind(settled.paid_until)
    .execute(&mut *connection)
    .await?;
    // Also the period alone: meters are counted by it.
    if written.rows_affected() > 0 {
        changes::note(connection, &organization.id).await?;
        seats::note_holders(connection, &organization.id).await?;
    }
    if access.tier != organization.tier {
        if let Some(seats) = access.seats {
            seats::hand_out(connection, organization, seats, actor, now).await?;
        }
        let action =
            Action::Tier { before: organization.tier.clone(), after: access.tier.clone(), reason: access.reason };
        audit::record(connection, &organization.id, actor, &action, now).await?;
    }
    Ok(access.tier)
}

/// What the policy says of an organization as it is stored now.
pub(super) async fn decided(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    decide: &impl Decide,
) -> Result<Access, Error> {
    let stored = load(connection, organization).await?;
    let subscriptions: Vec<_> = stored.into_iter().map(|stored| stored.subscription).collect();
    let granted = plan_grants::current(connection, organization).await?;
    Ok(decide(&subscriptions, granted.as_ref()))
}

/// Makes pages that are open elsewhere out of date.
pub(super) async fn touch(connection: &mut AnyConnection, organization: &OrganizationId) -> Result<(), Error> {
    sqlx::query("UPDATE organizations SET revision = revision + 1 WHERE id = $1")
        .bind(&organization.0)
        .execute(&mut *connection)
        .await?;
    changes::note(connection, organization).await
}

/// Keeps what a subscription that runs is paid with, or that nothing is there to pay with any more. Says whether that
/// is new.
async fn note_payment_method(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    reading: &Reading,
) -> Result<bool, Error> {
    if reading.subscription.status.is_terminal() {
        return Ok(false);
    }
    let json = reading.payment_method.as_ref().map(serde_json::to_string).transpose();
    let json = json.map_err(|error| Error::Unreadable { table: "organizations", value: error.to_string() })?;
    let updated = sqlx::query(
        "UPDATE organizations SET payment_method = $2 WHERE id = $1 AND payment_method IS DISTINCT FROM $2",
    )
    .bind(&organization.0)
    .bind(json)
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// One trial per person and organization, ever: both are marked when a trial is first seen.
async fn note_trial(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    subscription: &Subscription,
) -> Result<(), Error> {
    let Some(Timestamp(started)) = subscription.trial_start else { return Ok(()) };
    sqlx::query("UPDATE organizations SET trial_used_at = $2 WHERE id = $1 AND trial_used_at IS NULL")
        .bind(&organization.0)
        .bind(started)
        .execute(&mut *connection)
        .await?;
    if let Some(UserId(buyer)) = &subscription.buyer {
        sqlx::query("UPDATE users SET trial_used_at = $2 WHERE id = $1 AND trial_used_at IS NULL")
            .bind(buyer)
            .bind(started)
            .execute(connection)
            .await?;
    }
    Ok(())
}
