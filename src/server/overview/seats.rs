//! The seats of a team in words.

use domain::access::Access;
use domain::change::{self, Terms};
use domain::money::Money;
use domain::organization::Kind;
use domain::plan::Limit;
use domain::role::Permission;
use domain::subscription::Subscription;

use super::{day, tier_name};
use crate::components::meter_bar::{MeterState, Warning};
use crate::components::seats::{MoreSeats, SeatsState};
use crate::server::App;
use crate::server::error::Error;
use crate::visitor::Account;

/// How a team's seats stand, and how many can still be given; `None` for no limit.
pub(super) struct Seating {
    pub(super) state: SeatsState,
    pub(super) free: Option<u64>,
}

impl App {
    /// `None` where the plan has no seats.
    pub(super) async fn seating(&self, account: &Account, taken: u32) -> Result<Option<Seating>, Error> {
        if account.kind == Kind::Personal {
            return Ok(None);
        }
        let now = self.clock.now();
        let subscriptions = self.store.subscriptions(&account.organization).await?;
        let granted = self.store.granted_plan(&account.organization).await?;
        let access: Access = self.access_rule(now)(&subscriptions, granted.as_ref());
        let Some(seats) = access.seats else { return Ok(None) };
        let plan = tier_name(&self.catalog, &access.tier);
        let running = subscriptions.iter().find(|subscription| !subscription.status.is_terminal());
        let (paid, kept) = match (seats, running) {
            (Limit::Unlimited(_), _) => return Ok(Some(unlimited(plan, taken))),
            (Limit::AtMost(kept), Some(running)) => (u64::from(running.quantity), kept),
            (Limit::AtMost(kept), None) => (kept, kept),
        };
        let (taken, free) = (u64::from(taken), kept.saturating_sub(taken.into()));
        let leaving = running
            .and_then(|running| running.next.as_ref())
            .filter(|_| kept < paid)
            .map(|next| format!("{kept} of them stay from {} on: no more than that can be given.", day(next.at)));
        let terms = running.and_then(|running| self.terms_of(running)).filter(|terms| terms.plan == access.tier);
        let price = terms.as_ref().and_then(|terms| self.catalog.plan(&terms.plan)?.price(terms.period));
        let each =
            price.map(|price| format!("Each is {} / {}.", price.money(&self.catalog.currency), price.period.unit()));
        let state = SeatsState {
            meter: MeterState {
                amount: format!("{taken} of {paid} seats taken"),
                percent: u32::try_from(taken * 100 / paid.max(1)).ok().map(|percent| percent.min(100)),
                untouched: taken == 0,
                warning: (free == 0 && taken > 0)
                    .then(|| Warning { critical: taken > paid, text: "No seat is free.".to_owned() }),
                notes: leaving.into_iter().chain(each).collect(),
                ..nothing(plan)
            },
            broken: running.and_then(|running| self.broken(running, taken)),
            more: match (terms, account.may(Permission::ManageBilling)) {
                (Some(terms), true) => Some(self.more_seats(account, terms, taken, free == 0).await),
                (Some(_) | None, _) => None,
            },
        };
        Ok(Some(Seating { state, free: Some(free) }))
    }

    fn broken(&self, running: &Subscription, taken: u64) -> Option<String> {
        let plan = self.catalog.plan(&self.terms_of(running)?.plan)?;
        let taken = u32::try_from(taken).unwrap_or(u32::MAX);
        change::seats_broken(plan, running.quantity, taken).map(|broken| broken.to_string())
    }

    /// One more, or as many as are missing. What they cost is Stripe's to say, and is asked where one is needed: a page
    /// that is looked at every day does not wait for it.
    async fn more_seats(&self, account: &Account, had: Terms, taken: u64, needed: bool) -> MoreSeats {
        let least = self.catalog.plan(&had.plan).and_then(|plan| plan.seats).map_or(1, |seats| seats.min);
        let missing = u32::try_from(taken).unwrap_or(u32::MAX);
        let quantity = had.quantity.saturating_add(1).max(least).max(missing);
        let more = quantity - had.quantity;
        let wanted = Terms { quantity, ..had };
        let cost = if needed { self.cost_of(account, &wanted, more).await } else { None };
        let (plan, period, seats) = (&wanted.plan, wanted.period.as_str(), wanted.quantity);
        MoreSeats { href: format!("/settings/billing/change/{plan}?period={period}&seats={seats}"), cost }
    }

    async fn cost_of(&self, account: &Account, wanted: &Terms, more: u32) -> Option<String> {
        match self.plan_change(account, wanted).await {
            Ok(planned) => {
                let preview = planned.preview?;
                let due = Money::new(preview.due, preview.currency.clone());
                let more = if more == 1 { "One more costs".to_owned() } else { format!("{more} more cost") };
                Some(format!("{more} {due} now, for what is left of the paid time."))
            }
            // Why not is said where it is asked for.
            Err(Error::App(refused)) => Some(refused.message),
            Err(error) => {
                tracing::warn!(%error, "what one more seat costs cannot be said");
                None
            }
        }
    }
}

fn unlimited(plan: String, taken: u32) -> Seating {
    let amount = if taken == 1 { "1 seat taken".to_owned() } else { format!("{taken} seats taken") };
    let notes = vec!["The plan is granted for as many as you like.".to_owned()];
    let meter = MeterState { amount, notes, untouched: taken == 0, ..nothing(plan) };
    Seating { state: SeatsState { meter, broken: None, more: None }, free: None }
}

fn nothing(plan: String) -> MeterState {
    MeterState {
        id: "seats".to_owned(),
        name: plan,
        amount: String::new(),
        percent: None,
        untouched: true,
        warning: None,
        forecast: None,
        notes: Vec::new(),
    }
}
