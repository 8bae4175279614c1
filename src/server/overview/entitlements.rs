//! What an organization has, in words: the plan with its reason, meters, features, and what would unlock more.

use domain::access::Reason;
use domain::catalog::{Catalog, Meter, Reset};
use domain::entitlement::{FeatureAnswer, MeterAnswer, Standing, Why};
use domain::money::group_thousands;
use domain::plan::{Limit, Plan, PlanId};
use domain::role::Permission;
use domain::seat::Seat;
use domain::time::Timestamp;
use domain::window::Zone;

use super::{day_in, tier_name};
use crate::components::meter_bar::{MeterState, Warning};
use crate::components::unlock::{Locked, Offer};
use crate::error::AppError;
use crate::pages::dashboard::{DashboardView, FeatureLine, NextPlan};
use crate::pages::feature::FeatureView;
use crate::server::App;
use crate::server::entitlements::feature_of;
use crate::server::error::Error;
use crate::visitor::Account;

impl App {
    /// What the organization has.
    pub async fn dashboard_view(&self, account: &Account) -> Result<DashboardView, Error> {
        let (standing, now) = self.standing_of(account).await?;
        let mut features: Vec<_> = self
            .catalog
            .features
            .iter()
            .map(|feature| feature_line(&self.catalog, &standing.feature(&self.catalog, feature, now), &standing.zone))
            .collect();
        features.sort_by_key(|feature| !feature.allowed);
        Ok(DashboardView {
            plan: account.tier_name.clone(),
            reason: self.plan_reason(&standing),
            meters: self.meter_states(&standing, now),
            features,
            next: self.next_plan(account, &standing).await?,
        })
    }

    /// How a feature stands for the organization.
    pub async fn feature_view(&self, account: &Account, name: &str) -> Result<FeatureView, Error> {
        // There is no page for it; the names of the others help programs only.
        let feature = feature_of(&self.catalog, name).map_err(|_| AppError::not_found())?;
        let (standing, now) = self.standing_of(account).await?;
        let answer = standing.feature(&self.catalog, feature, now);
        let until = answer.until.map(|until| format!(" Until {}.", day_in(&standing.zone, Timestamp(until))));
        Ok(FeatureView {
            name: feature.name.clone(),
            description: feature.description.clone(),
            standing: if answer.allowed {
                Ok(format!("{}{}", answer.message, until.unwrap_or_default()))
            } else {
                Err(self.locked(account, &answer).await?)
            },
        })
    }

    /// Every meter in words.
    pub(super) fn meter_states(&self, standing: &Standing, now: Timestamp) -> Vec<MeterState> {
        let state = |meter: &Meter| {
            let seat = standing.more_by_seat(&self.catalog, &meter.id).map(|(seat, _)| seat);
            meter_state(meter, &standing.meter(&self.catalog, meter, 1, now), seat, &standing.zone, now)
        };
        self.catalog.meters.iter().map(state).collect()
    }

    /// What is locked, why, and what unlocks it.
    pub async fn locked(&self, account: &Account, answer: &FeatureAnswer) -> Result<Locked, Error> {
        let unlocked_by = answer.unlocked_by.as_ref().map(|plan| tier_name(&self.catalog, plan));
        let reason = match (answer.reason, unlocked_by) {
            (Why::NotInPlan, Some(plan)) => format!("{} {plan} unlocks it.", answer.message),
            _ => answer.message.clone(),
        };
        let description = self.catalog.feature(&answer.feature).map(|feature| feature.description.clone());
        Ok(Locked {
            feature: answer.name.clone(),
            description: description.unwrap_or_default(),
            reason,
            by_plan: answer.reason != Why::NoSeat,
            offer: self.offer(account, answer.reason, answer.unlocked_by.as_ref()).await?,
        })
    }

    /// The button that leads to more, for whoever may buy.
    async fn offer(&self, account: &Account, why: Why, plan: Option<&PlanId>) -> Result<Option<Offer>, Error> {
        let offer = |words: String, href: String| Ok(Some(Offer { words, href }));
        if why == Why::NoSeat {
            let may = account.may(Permission::ManageMembers);
            return if may { offer("Assign a seat".to_owned(), "/settings/team".to_owned()) } else { Ok(None) };
        }
        if !account.may(Permission::ManageBilling) {
            return Ok(None);
        }
        // What was bought already is not bought again: its payment is put right.
        if matches!(why, Why::PastDue | Why::NotPaid | Why::Paused | Why::Disputed) {
            return offer("Go to the billing settings".to_owned(), "/settings/billing".to_owned());
        }
        let Some(plan) = plan.and_then(|plan| self.catalog.plan(plan)) else {
            return offer("See the plans".to_owned(), "/pricing".to_owned());
        };
        if plan.contact_sales {
            return offer(format!("Contact Sales about {}", plan.name), format!("/contact-sales?plan={}", plan.id));
        }
        let words = format!("Upgrade to {}", plan.name);
        match self.running(&account.organization).await? {
            // Whoever pays already changes the subscription they have; a checkout would make a second one.
            Some(running) => {
                let period = self.terms_of(&running).map(|terms| terms.period).unwrap_or_default();
                offer(words, format!("/settings/billing/change/{}?period={}", plan.id, period.as_str()))
            }
            None => offer(words, format!("/checkout/{}", plan.id)),
        }
    }

    /// The next larger plan for the same audience that can be bought on the spot.
    async fn next_plan(&self, account: &Account, standing: &Standing) -> Result<Option<NextPlan>, Error> {
        let catalog = &self.catalog;
        let Some(current) = catalog.plan(&standing.tier) else { return Ok(None) };
        let larger = |plan: &&Plan| plan.is_sold() && catalog.rank(&plan.id) > catalog.rank(&current.id);
        let Some(next) = catalog.plans_for(current.audience).find(larger) else { return Ok(None) };
        let limits = catalog.meters.iter().filter_map(|meter| {
            let limit = next.limits.get(&meter.id)?;
            let had = standing.limit(catalog, &meter.id);
            (!had.covers(*limit)).then(|| meter.line(*limit))
        });
        let by_seats = standing.seats.iter().filter_map(|seat| seat.plan(catalog));
        let had: Vec<_> = by_seats.chain([current]).flat_map(|plan| &plan.features).collect();
        let features = catalog
            .features
            .iter()
            .filter(|feature| next.features.contains(&feature.id) && !had.contains(&&feature.id))
            .map(|feature| feature.name.clone());
        let adds: Vec<_> = limits.chain(features).collect();
        if adds.is_empty() {
            return Ok(None);
        }
        let why = match standing.reason {
            Reason::GraceOver | Reason::Grace => Why::PastDue,
            Reason::NotPaid => Why::NotPaid,
            Reason::Paused => Why::Paused,
            Reason::Disputed => Why::Disputed,
            Reason::NoSubscription
            | Reason::Trial
            | Reason::Paid
            | Reason::Granted
            | Reason::PaidUntilEnd
            | Reason::Ended
            | Reason::UnknownPrice => Why::NotInPlan,
            // What the team has is missing nothing but a seat.
            Reason::NoSeat => return Ok(None),
        };
        Ok(Some(NextPlan { name: next.name.clone(), adds, offer: self.offer(account, why, Some(&next.id)).await? }))
    }

    /// Why it is that plan, and what there is beside it.
    fn plan_reason(&self, standing: &Standing) -> String {
        if standing.reason == Reason::NoSeat {
            let free = tier_name(&self.catalog, &standing.tier);
            return format!("You have no seat, so you have what {free} includes. Ask an owner or admin for one.");
        }
        let until = standing.until.map(|until| format!(" It stays until {}.", day_in(&standing.zone, until)));
        let seats = standing.seats.iter().filter(|seat| seat.plan(&self.catalog).is_some());
        let seats = seats.map(|seat| {
            format!(" You have a seat at {}, which is on {}.", seat.name, tier_name(&self.catalog, &seat.tier))
        });
        format!("{}{}{}", standing.reason.sentence(), until.unwrap_or_default(), seats.collect::<String>())
    }
}

fn feature_line(catalog: &Catalog, answer: &FeatureAnswer, zone: &Zone) -> FeatureLine {
    let through = answer.source.as_ref().map(|source| format!("through your seat at {}", source.name));
    let until = answer.until.map(|until| format!("until {}", day_in(zone, Timestamp(until))));
    let unlocked = [through, until].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let unlocked_by = match answer.reason {
        Why::NoSeat => Some("with a seat".to_owned()),
        _ => answer.unlocked_by.as_ref().map(|plan| format!("in {}", tier_name(catalog, plan))),
    };
    FeatureLine {
        id: answer.feature.to_string(),
        name: answer.name.clone(),
        allowed: answer.allowed,
        note: if answer.allowed { Some(unlocked).filter(|note| !note.is_empty()) } else { unlocked_by },
    }
}

/// A meter in words.
fn meter_state(meter: &Meter, answer: &MeterAnswer, seat: Option<&Seat>, zone: &Zone, now: Timestamp) -> MeterState {
    let gone = answer.used + answer.reserved;
    let (amount, all) = match answer.remaining {
        Limit::Unlimited(_) => (format!("{}, {} used", meter.allowance(answer.limit), group_thousands(gone)), None),
        Limit::AtMost(left) if gone + left == 0 => ("Not in this plan".to_owned(), None),
        Limit::AtMost(left) => {
            let all = gone + left;
            (format!("{} of {} used", group_thousands(gone), meter.quantity(all)), Some(all))
        }
    };
    let includes = match answer.limit {
        // Credits and what was used on a larger plan make it more than the plan's own share.
        _ if seat.is_some() => seat.map(|seat| format!("Through your seat at {}.", seat.name)),
        Limit::AtMost(included) if all.is_some_and(|all| all != included) => {
            Some(format!("The plan includes {}.", meter.quantity(included)))
        }
        Limit::AtMost(_) | Limit::Unlimited(_) => None,
    };
    let also = |number: u64, said: &str| (number > 0).then(|| format!("{} {said}", group_thousands(number)));
    let notes = [
        includes,
        also(answer.carried_over, "carried over from before."),
        also(answer.credits, "left of credits, on top of the plan."),
        also(answer.reserved, "held for work that is under way."),
        answer.resets_at.map(|at| resets(meter.reset, Timestamp(at), zone, now)),
    ];
    MeterState {
        id: meter.id.to_string(),
        name: meter.name.clone(),
        amount,
        percent: answer.percent.filter(|_| all.is_some()),
        untouched: gone == 0,
        warning: warning(answer),
        forecast: None,
        notes: notes.into_iter().flatten().collect(),
    }
}

fn warning(answer: &MeterAnswer) -> Option<Warning> {
    let percent = answer.warning?;
    let text = match (answer.remaining, percent) {
        (Limit::AtMost(0), _) => "The limit is reached.",
        (_, 95..) => "Almost at the limit.",
        _ => "Close to the limit.",
    };
    Some(Warning { critical: percent >= 95, text: text.to_owned() })
}

fn resets(reset: Reset, at: Timestamp, zone: &Zone, now: Timestamp) -> String {
    match reset {
        Reset::Day => format!("Resets at midnight, {zone} time."),
        Reset::Month | Reset::BillingPeriod | Reset::Never if zone.day(at) == zone.day(now) => {
            "Resets today.".to_owned()
        }
        Reset::Month | Reset::BillingPeriod | Reset::Never => format!("Resets on {}.", day_in(zone, at)),
    }
}
