//! Lifetimes of subscriptions, made up at random: customers and Stripe act, time passes, and the events of it arrive in
//! any order, twice, late, or never. Where none is lost, both sides say the same without further ado; where some are,
//! one reconciliation is enough.
//!
//! `BILLHOOK_TEST_LIFETIMES` says how many, `BILLHOOK_TEST_SEED` repeats a run: every failure prints its seed.

use std::collections::HashSet;

use domain::organization::OrganizationId;
use domain::subscription::Subscription;
use futures::stream::{self, StreamExt};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::harness::{Browser, World, card, location};

/// How many lifetimes are lived side by side in one world.
const IN_A_WORLD: usize = 25;
/// How often each customer and Stripe may act.
const ROUNDS: usize = 7;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// Something that happens to a customer in a round.
#[derive(Clone, Copy, Debug)]
enum Step {
    Nothing,
    /// Buys a plan, and comes back to the success page or not.
    Buy {
        plan: &'static str,
        comes_back: bool,
    },
    /// A click in the billing settings.
    Click(&'static str),
    /// Confirms another plan.
    Change(&'static str),
    /// Comes back from the portal.
    Return,
    /// At Stripe: in its dashboard, or by somebody else's program.
    AtStripe(&'static [(&'static str, &'static str)]),
    /// Ended at Stripe, at once.
    EndAtStripe,
    /// The next payment fails.
    FailNext,
}

fn step(random: &mut StdRng, buys: bool) -> Step {
    if buys {
        let plan = ["starter", "pro", "scale"].choose(random).unwrap();
        return Step::Buy { plan, comes_back: random.random_bool(0.5) };
    }
    *[
        Step::Nothing,
        Step::Nothing,
        Step::Click("cancel"),
        Step::Click("reactivate"),
        Step::Click("keep"),
        Step::Click("downgrade-to-free"),
        Step::Change("starter"),
        Step::Change("pro"),
        Step::Change("scale"),
        Step::Return,
        Step::AtStripe(&[("cancel_at_period_end", "true")]),
        Step::AtStripe(&[("cancel_at_period_end", "false")]),
        Step::AtStripe(&[("cancel_at", "min_period_end")]),
        Step::AtStripe(&[("cancel_at", "")]),
        Step::AtStripe(&[("trial_end", "now")]),
        Step::EndAtStripe,
        Step::FailNext,
        Step::FailNext,
    ]
    .choose(random)
    .unwrap()
}

/// A customer with a browser.
struct Customer {
    browser: Browser,
    organization: String,
}

impl Customer {
    async fn new(world: &World, index: usize) -> Self {
        let browser = world.signed_in(&format!("customer{index}@example.com")).await;
        let organization = browser.organization().await["id"].as_str().unwrap().to_owned();
        Self { browser, organization }
    }

    async fn running(&self, world: &World) -> Option<Value> {
        let id = OrganizationId(self.organization.clone());
        let customer = world.app.store.organization(&id).await.unwrap()?.customer?;
        let all = world.stripe(&format!("/v1/subscriptions?customer={customer}")).await;
        all["data"].as_array()?.first().cloned()
    }

    /// Does it. What is refused is refused: that is a life as well.
    async fn live(&self, world: &World, step: Step) {
        let act = |action: &str| format!("/api/subscription/{action}");
        match step {
            Step::Nothing => {}
            Step::Click(action) => drop(self.browser.post(&act(action), &[]).await),
            Step::Change(plan) => {
                drop(self.browser.post(&act("change"), &[("plan", plan), ("period", "monthly")]).await);
            }
            Step::Return => drop(self.browser.get("/billing/return").await),
            Step::Buy { plan, comes_back } => {
                let response = self.browser.post("/api/checkout", &[("plan", plan)]).await;
                if !response.status().is_redirection() {
                    return;
                }
                let paid = self.browser.post(&location(&response), &card("4242424242424242")).await;
                if comes_back && paid.status().is_redirection() {
                    self.browser.get(&location(&paid)).await;
                }
            }
            Step::AtStripe(fields) => {
                if let Some(id) = self.running(world).await.and_then(|it| it["id"].as_str().map(str::to_owned)) {
                    world.stripe_try(&format!("/v1/subscriptions/{id}"), fields).await;
                }
            }
            Step::EndAtStripe => {
                if let Some(id) = self.running(world).await.and_then(|it| it["id"].as_str().map(str::to_owned)) {
                    world.stripe_delete(&format!("/v1/subscriptions/{id}")).await;
                }
            }
            Step::FailNext => {
                if let Some(customer) = self.running(world).await.map(|it| it["customer"].clone()) {
                    world.control("/sandbox/payments", json!({"fail_next": 1, "customer": customer})).await;
                }
            }
        }
    }
}

/// The way from Stripe to us.
struct Mail {
    loses: bool,
    seen: HashSet<String>,
    waiting: Vec<Value>,
}

impl Mail {
    /// Takes up what is new, and loses some of it. Stripe's list goes back 30 days.
    async fn take_up(&mut self, world: &World, random: &mut StdRng) {
        for event in world.events_since(&self.seen).await {
            self.seen.insert(event["id"].as_str().unwrap().to_owned());
            if !(self.loses && random.random_bool(0.2)) {
                self.waiting.push(event);
            }
        }
    }

    /// Delivers a part of what waits in any order, some of it twice.
    async fn deliver(&mut self, world: &World, random: &mut StdRng, all: bool) {
        self.waiting.shuffle(random);
        let part = if all { self.waiting.len() } else { random.random_range(0..=self.waiting.len()) };
        let mut now: Vec<Value> = self.waiting.drain(..part).collect();
        let twice: Vec<Value> = now.iter().filter(|_| random.random_bool(0.2)).cloned().collect();
        now.extend(twice);
        stream::iter(now).for_each_concurrent(8, async |event| world.deliver_event(&event).await).await;
        if random.random_bool(0.5) || all {
            world.worked_off().await;
        }
    }
}

/// Lives `IN_A_WORLD` lifetimes.
async fn live_and_compare(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let world = World::start().await;
    world.control("/sandbox/webhooks", json!({"mode": "drop"})).await;
    let customers: Vec<Customer> =
        stream::iter(0..IN_A_WORLD).map(|index| Customer::new(&world, index)).buffered(8).collect().await;
    let mut mail = Mail { loses: seed.is_multiple_of(2), seen: HashSet::new(), waiting: Vec::new() };
    for round in 0..ROUNDS {
        let steps: Vec<Step> = customers
            .iter()
            .map(|_| {
                let buys = random.random_bool(if round == 0 { 0.9 } else { 0.15 });
                step(&mut random, buys)
            })
            .collect();
        stream::iter(customers.iter().zip(steps))
            .for_each_concurrent(8, async |(customer, step)| customer.live(&world, step).await)
            .await;
        let passes = [
            vec![],
            vec![json!({"advance_seconds": 1})],
            vec![json!({"advance_seconds": 400})],
            vec![json!({"days": 2})],
            vec![json!({"days": 16})],
            vec![json!({"days": 16}), json!({"days": 16})],
        ];
        mail.take_up(&world, &mut random).await;
        for pass in passes.choose(&mut random).unwrap() {
            world.control("/sandbox/clock", pass.clone()).await;
            mail.take_up(&world, &mut random).await;
        }
        mail.deliver(&world, &mut random, false).await;
    }
    mail.deliver(&world, &mut random, true).await;
    if mail.loses {
        let report = world.reconcile(true).await;
        assert_eq!(report.failed, 0);
        world.worked_off().await;
    }
    let compared = world.reconcile(false).await;
    assert_eq!(compared.drifts - world.several(&customers).await, 0, "{compared:?}");
    for customer in &customers {
        world.compare(customer).await;
    }
}

impl World {
    /// How many organizations have several running subscriptions: reported, and left to a person.
    async fn several(&self, customers: &[Customer]) -> u32 {
        let mut several = 0;
        for customer in customers {
            let running = self.stored(customer).await.into_iter().filter(|it| !it.status.is_terminal()).count();
            several += u32::from(running > 1);
        }
        several
    }

    async fn stored(&self, customer: &Customer) -> Vec<Subscription> {
        let id = OrganizationId(customer.organization.clone());
        self.app.store.subscriptions(&id).await.unwrap()
    }

    /// Both sides say the same, read without any code of the application's on Stripe's side.
    async fn compare(&self, customer: &Customer) {
        let id = OrganizationId(customer.organization.clone());
        let organization = self.app.store.organization(&id).await.unwrap().unwrap();
        let stored = self.stored(customer).await;
        let at_stripe = match &organization.customer {
            Some(id) => self.stripe(&format!("/v1/subscriptions?customer={id}&status=all&limit=100")).await,
            None => json!({"data": []}),
        };
        let at_stripe = at_stripe["data"].as_array().unwrap();
        assert_eq!(stored.len(), at_stripe.len(), "one row for each subscription");
        for theirs in at_stripe {
            let ours = stored.iter().find(|ours| theirs["id"] == ours.id).expect("a row");
            let item = &theirs["items"]["data"][0];
            let mirrored = json!([
                ours.status.as_str(),
                ours.price,
                ours.quantity,
                ours.period_start.0,
                ours.period_end.0,
                ours.cancel_at_period_end,
                ours.cancel_at.map(|at| at.0),
                ours.ended_at.map(|at| at.0),
                ours.trial_end.map(|at| at.0),
                ours.pending.as_ref().map(|pending| &pending.price),
            ]);
            let truth = json!([
                theirs["status"],
                item["price"]["id"],
                item["quantity"],
                item["current_period_start"],
                item["current_period_end"],
                theirs["cancel_at_period_end"],
                theirs["cancel_at"],
                theirs["ended_at"],
                theirs["trial_end"],
                theirs["pending_update"]["subscription_items"][0]["price"]["id"],
            ]);
            assert_eq!(mirrored, truth, "{theirs}");
        }
        let invoices = match &organization.customer {
            Some(id) => self.stripe(&format!("/v1/invoices?customer={id}&limit=100")).await,
            None => json!({"data": []}),
        };
        let invoices = invoices["data"].as_array().unwrap();
        let now = self.sandbox.now();
        let gives = |theirs| gives(theirs, now, &stored, invoices);
        let best = at_stripe.iter().filter_map(gives).max_by_key(|plan| rank(plan));
        assert_eq!(organization.tier.as_str(), best.unwrap_or("free"), "{at_stripe:#?}\n{stored:#?}");
        assert_eq!(customer.browser.organization().await["subscriptionTier"], organization.tier.as_str());
    }
}

fn rank(plan: &str) -> Option<usize> {
    ["free", "starter", "pro", "scale"].iter().position(|known| *known == plan)
}

/// What a subscription gives, by the words of the policy: the grace alone goes by our own note.
fn gives(theirs: &Value, now: i64, stored: &[Subscription], invoices: &[Value]) -> Option<&'static str> {
    let price = theirs["items"]["data"][0]["price"]["id"].as_str()?;
    let plan = ["starter", "pro", "scale"].into_iter().find(|plan| price.contains(plan))?;
    let ours = stored.iter().find(|ours| theirs["id"] == ours.id)?;
    let end = theirs["items"]["data"][0]["current_period_end"].as_i64()?;
    let gives = match theirs["status"].as_str()? {
        "active" | "trialing" => true,
        "past_due" => ours.past_due_at.is_some_and(|since| now < since.0 + 7 * 86_400),
        "canceled" => {
            let paid = invoices.iter().any(|it| pays_period_of(theirs, it));
            now < end && !ended_in_trial(theirs) && paid && !invoices.iter().any(|it| is_owed_for(theirs, it))
        }
        _ => false,
    };
    gives.then_some(plan)
}

fn ended_in_trial(theirs: &Value) -> bool {
    theirs["trial_end"].as_i64().is_some_and(|trial_end| theirs["ended_at"].as_i64().unwrap() <= trial_end)
}

/// Whether an invoice is paid and has a line for the subscription's whole last period.
fn pays_period_of(theirs: &Value, invoice: &Value) -> bool {
    let whole = |line: &Value| {
        let details = &line["parent"]["subscription_item_details"];
        details["subscription"] == theirs["id"]
            && details["proration"] == false
            && line["period"]["start"] == theirs["items"]["data"][0]["current_period_start"]
    };
    invoice["status"] == "paid" && invoice["lines"]["data"].as_array().unwrap().iter().any(whole)
}

/// Whether an invoice of a subscription's last period is not paid.
fn is_owed_for(theirs: &Value, invoice: &Value) -> bool {
    let since = &theirs["items"]["data"][0]["current_period_start"];
    invoice["parent"]["subscription_details"]["subscription"] == theirs["id"]
        && ["open", "uncollectible"].contains(&invoice["status"].as_str().unwrap())
        && invoice["created"].as_i64() >= since.as_i64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_arrives_both_sides_end_up_saying_the_same() {
    let worlds = number("BILLHOOK_TEST_LIFETIMES", 1_000).div_ceil(u64::try_from(IN_A_WORLD).unwrap());
    let first =
        std::env::var("BILLHOOK_TEST_SEED").map_or_else(|_| rand::random::<u32>().into(), |seed| seed.parse().unwrap());
    let seeds = first..first + worlds;
    println!("seeds {seeds:?}: BILLHOOK_TEST_SEED={first} repeats all of them");
    stream::iter(seeds)
        .for_each_concurrent(2, async |seed| {
            let lived = tokio::spawn(live_and_compare(seed));
            if let Err(error) = lived.await {
                panic!("BILLHOOK_TEST_LIFETIMES=1 BILLHOOK_TEST_SEED={seed} repeats this: {error}");
            }
        })
        .await;
}
