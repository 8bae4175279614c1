//! Usage against a plain model: every sequence of uses, reservations, windows, plans and credits must agree with it.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::usage::{credits, left, window};
use crate::plan::Limit;
use crate::time::Timestamp;
use crate::usage::{Account, Counter, Credits, NotEnough, Taken, Warning};
use crate::window::Window;

/// What somebody may do.
#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Plan(Option<u64>),
    Credit(u64, Option<i64>),
    Consume(u64),
    GiveBack(u64),
    Reserve(u64),
    Confirm(prop::sample::Index, u64),
    Release(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let reservation = any::<prop::sample::Index>;
    prop_oneof![
        2 => prop_oneof![4 => 0..60_i64, 1 => 0..400_i64].prop_map(Step::Wait),
        1 => prop_oneof![4 => (0..30_u64).prop_map(Some), 1 => Just(None)].prop_map(Step::Plan),
        2 => (1..12_u64, option::of(1..300_i64)).prop_map(|(amount, valid)| Step::Credit(amount, valid)),
        5 => (0..14_u64).prop_map(Step::Consume),
        1 => (0..14_u64).prop_map(Step::GiveBack),
        4 => (0..14_u64).prop_map(Step::Reserve),
        3 => (reservation(), 0..14_u64).prop_map(|(held, amount)| Step::Confirm(held, amount)),
        2 => reservation().prop_map(Step::Release),
    ]
}

/// The same in the plainest way: one after the other, window by window.
#[derive(Clone, Debug, Default)]
struct Model {
    started: bool,
    window: i64,
    included: u64,
    carried: u64,
    plan_used: u64,
    credits_used: u64,
    reserved: u64,
}

impl Model {
    /// Goes on to the window of `now`, one window at a time.
    fn roll(&mut self, now: i64, plan: Option<u64>, up_to: u64) {
        let lesser = self.included.min(plan.unwrap_or(0));
        while self.started && self.window < now.div_euclid(100) {
            let beyond_carried = (self.plan_used + self.reserved).saturating_sub(self.carried);
            self.carried = up_to.min(lesser.saturating_sub(beyond_carried));
            (self.plan_used, self.credits_used, self.reserved) = (0, 0, 0);
            self.window += 1;
        }
        (self.started, self.window, self.included) = (true, now.div_euclid(100), plan.unwrap_or(0));
    }

    /// Takes one after the other: from the plan, or else from the credits that expire first.
    fn take(&mut self, plan: Option<u64>, credits: &mut [Credits], now: i64, amount: u64) -> Option<Taken> {
        let (mut included, mut parts) = (0, BTreeMap::new());
        for _ in 0..amount {
            let share = plan.map_or(u64::MAX, |plan| if plan == 0 { 0 } else { plan + self.carried });
            if self.plan_used + self.reserved + included < share {
                included += 1;
                continue;
            }
            let usable = credits.iter_mut().filter(|it| it.left > 0 && it.expires_at.is_none_or(|end| end.0 > now));
            let first = usable.min_by_key(|it| (it.expires_at.is_none(), it.expires_at, it.id.clone()))?;
            first.left -= 1;
            *parts.entry(first.id.clone()).or_insert(0) += 1;
        }
        Some(Taken { included, credits: parts.into_iter().collect() })
    }
}

/// What is stored, as a server would, and beside it the model and the whereabouts of every credit.
#[derive(Default)]
struct World {
    now: i64,
    plan: Option<u64>,
    up_to: u64,
    counter: Option<Counter>,
    credits: Vec<Credits>,
    held: Vec<(Taken, i64)>,
    model: Model,
    model_credits: Vec<Credits>,
    given: BTreeMap<String, u64>,
    spent: BTreeMap<String, u64>,
    warned: Vec<(i64, Warning)>,
}

fn sorted(mut taken: Taken) -> Taken {
    taken.credits.sort();
    taken
}

impl World {
    fn account(&self) -> Account {
        let limit = self.plan.map_or(Limit::UNLIMITED, Limit::AtMost);
        let now = Timestamp(self.now);
        Account::at(limit, self.counter, self.credits.clone(), window(self.now), self.up_to, now)
    }

    fn store(&mut self, mut account: Account, model: Model) -> Result<(), TestCaseError> {
        if let Some(warning) = account.new_warning() {
            let window = account.counter.window_start;
            prop_assert!(!self.warned.contains(&(window, warning)), "{:?} again", warning);
            prop_assert!(account.percent() >= Some(warning.percent()));
            self.warned.push((window, warning));
        }
        let Counter { used, from_credits, reserved, carried, included, .. } = account.counter;
        let of_model =
            [model.plan_used + model.credits_used, model.credits_used, model.reserved, model.carried, model.included];
        prop_assert_eq!([used, from_credits, reserved, carried, included], of_model);
        self.counter = Some(account.counter);
        for changed in account.credits {
            let stored = self.credits.iter_mut().find(|stored| stored.id == changed.id).unwrap();
            *stored = changed;
        }
        self.model = model;
        Ok(())
    }

    fn spend(&mut self, taken: &Taken) {
        for (id, part) in &taken.credits {
            *self.spent.entry(id.clone()).or_insert(0) += part;
        }
    }

    /// Puts back what the model took of credits, but for those that have expired.
    fn let_go(&mut self, parts: &[(String, u64)]) {
        for (id, part) in parts {
            let credits = self.model_credits.iter_mut().find(|credits| credits.id == *id).unwrap();
            if credits.expires_at.is_none_or(|end| end.0 > self.now) {
                credits.left += part;
            }
        }
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let mut account = self.account();
        let before = account.clone();
        let mut model = self.model.clone();
        model.roll(self.now, self.plan, self.up_to);
        let mut credits = self.model_credits.clone();
        match step {
            Step::Wait(seconds) => self.now += seconds,
            Step::Plan(plan) => self.plan = plan,
            Step::Credit(amount, valid) => {
                let id = format!("credits-{}", self.credits.len());
                let new =
                    Credits { id: id.clone(), left: amount, expires_at: valid.map(|for_| Timestamp(self.now + for_)) };
                self.credits.push(new.clone());
                self.model_credits.push(new);
                self.given.insert(id, amount);
            }
            Step::Consume(amount) => {
                let expected = model.take(self.plan, &mut credits, self.now, amount);
                prop_assert_eq!(account.has(amount), expected.is_some());
                let result = account.consume(amount);
                prop_assert_eq!(result.clone().ok().map(sorted), expected.clone());
                let Some(taken) = expected else {
                    prop_assert_eq!((account, result), (before.clone(), Err(NotEnough { left: left(&before) })));
                    return Ok(());
                };
                model.plan_used += taken.included;
                model.credits_used += taken.from_credits();
                self.model_credits = credits;
                self.spend(&taken);
                self.store(account, model)?;
            }
            Step::GiveBack(amount) => {
                let expected = amount.min(model.plan_used + model.credits_used);
                for _ in 0..expected {
                    let from = if model.plan_used > 0 { &mut model.plan_used } else { &mut model.credits_used };
                    *from -= 1;
                }
                prop_assert_eq!(account.give_back(amount), expected);
                self.store(account, model)?;
            }
            Step::Reserve(amount) => {
                let expected = model.take(self.plan, &mut credits, self.now, amount);
                let result = account.reserve(amount);
                prop_assert_eq!(result.clone().ok().map(sorted), expected.clone());
                let Some(taken) = expected else {
                    prop_assert_eq!((account, result), (before.clone(), Err(NotEnough { left: left(&before) })));
                    return Ok(());
                };
                model.reserved += taken.included;
                self.model_credits = credits;
                self.held.push((result.unwrap(), account.counter.window_start));
                self.store(account, model)?;
            }
            Step::Release(_) | Step::Confirm(..) if self.held.is_empty() => {}
            Step::Release(held) => {
                let place = held.index(self.held.len());
                let (held, since) = self.held.swap_remove(place);
                account.release(&held, since);
                if since == model.window * 100 {
                    model.reserved -= held.included;
                }
                self.let_go(&held.credits);
                self.store(account, model)?;
            }
            Step::Confirm(held, amount) => {
                let place = held.index(self.held.len());
                self.confirm(place, amount, account, model)?;
            }
        }
        self.check()
    }

    fn confirm(
        &mut self,
        place: usize,
        amount: u64,
        mut account: Account,
        mut model: Model,
    ) -> Result<(), TestCaseError> {
        let before = account.clone();
        let (held, since) = self.held[place].clone();
        let result = account.confirm(&held, since, amount);
        // The first of what is held are used, the others let go.
        let (mut used, mut back) = (Taken::default(), Vec::new());
        used.included = held.included.min(amount);
        let mut missing = amount - used.included;
        for (id, part) in &held.credits {
            let now = missing.min(*part);
            missing -= now;
            used.credits.push((id.clone(), now));
            back.push((id.clone(), part - now));
        }
        if since == model.window * 100 {
            model.reserved -= held.included;
            model.plan_used += used.included;
        }
        model.credits_used += used.from_credits();
        let mut credits = self.model_credits.clone();
        let Some(more) = model.take(self.plan, &mut credits, self.now, missing) else {
            let left = left(&before) + held.total();
            prop_assert_eq!((account, result), (before, Err(NotEnough { left })));
            return Ok(());
        };
        model.plan_used += more.included;
        model.credits_used += more.from_credits();
        self.model_credits = credits;
        self.let_go(&back);
        self.spend(&used);
        self.spend(&more);
        self.held.swap_remove(place);
        prop_assert_eq!(result.unwrap().total(), amount);
        self.store(account, model)
    }

    /// What must hold at any time.
    fn check(&self) -> Result<(), TestCaseError> {
        for (stored, model) in self.credits.iter().zip(&self.model_credits) {
            prop_assert_eq!(stored, model);
            let of = |taken: &Taken| {
                taken.credits.iter().filter(|(id, _)| *id == stored.id).map(|(_, part)| part).sum::<u64>()
            };
            let held: u64 = self.held.iter().map(|(held, _)| of(held)).sum();
            let known = stored.left + held + self.spent.get(&stored.id).copied().unwrap_or(0);
            let given = self.given[&stored.id];
            let expired = stored.expires_at.is_some_and(|end| end.0 <= self.now);
            prop_assert!(known == given || (expired && known < given), "{} of {} {:?}", known, given, stored);
        }
        let account = self.account();
        let counter = account.counter;
        prop_assert!(counter.from_credits <= counter.used);
        let held_now = self.held.iter().filter(|(_, since)| *since == counter.window_start);
        prop_assert_eq!(counter.reserved, held_now.map(|(held, _)| held.included).sum::<u64>(), "held by somebody");
        if let Some(plan) = self.plan {
            let gone = counter.used - counter.from_credits + counter.reserved;
            let share = if plan == 0 { 0 } else { plan + counter.carried };
            prop_assert_eq!(left(&account), share.saturating_sub(gone) + account.credits_left());
            prop_assert!(counter.carried <= self.up_to);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is done in whatever order: it agrees with the model, and credits are moved, never made.
    #[test]
    fn every_sequence_agrees_with_the_model(
        plan in prop_oneof![4 => (0..30_u64).prop_map(Some), 1 => Just(None)],
        up_to in prop_oneof![1 => Just(0), 2 => 1..20_u64],
        steps in vec(step(), 1..60),
    ) {
        let mut world = World { plan, up_to, ..World::default() };
        for step in steps {
            world.step(step)?;
        }
    }

    /// On one plan no more is ever used and held than it includes, with what was carried over and the credits.
    #[test]
    fn no_more_is_used_than_there_is(plan in 0..30_u64, up_to in 0..20_u64, steps in vec(step(), 1..60)) {
        let mut world = World { plan: Some(plan), up_to, ..World::default() };
        for step in steps.into_iter().filter(|step| !matches!(step, Step::Plan(_))) {
            world.step(step)?;
            let Counter { used, from_credits, reserved, carried, .. } = world.account().counter;
            prop_assert!(used - from_credits + reserved <= plan + carried);
        }
    }

    /// No number is too large.
    #[test]
    fn usage_never_panics(numbers in any::<[u64; 8]>(), starts in any::<[i64; 3]>(), limited in any::<bool>()) {
        let [included, used, from_credits, reserved, carried, left, amount, up_to] = numbers;
        let counter = Counter { window_start: starts[0], included, used, from_credits, reserved, carried, warned: 0 };
        let limit = if limited { Limit::AtMost(included) } else { Limit::UNLIMITED };
        let given = [credits("a", left, None), credits("b", u64::MAX, Some(starts[2]))];
        let window = Window { previous: Timestamp(starts[1]), start: Timestamp(starts[1]), end: None };
        let mut account = Account::at(limit, Some(counter), given, window, up_to, Timestamp(starts[2]));
        prop_assert_eq!(account.has(amount), account.clone().consume(amount).is_ok());
        prop_assert!(account.percent().is_none_or(|percent| percent <= 100));
        if let Ok(held) = account.reserve(amount) {
            prop_assert_eq!(held.total(), amount);
            let _ = account.confirm(&held, starts[0], up_to);
            account.release(&held, starts[1]);
        }
        let _ = account.consume(amount);
        account.give_back(amount);
        account.new_warning();
    }
}
