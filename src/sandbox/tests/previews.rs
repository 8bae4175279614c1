//! Previews against what then happens, to the cent and line by line, for random changes at random
//! moments.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::life::{DAY, Subscriber, at, int};
use super::{World, text};

type Params = Vec<(String, String)>;

const PRICES: [&str; 3] = ["price_pro_month", "price_scale_month", "price_pro_year"];

/// What of an invoice a preview must foresee; ids are made when it is created.
fn figures(invoice: &Value) -> Value {
    let lines = invoice["lines"]["data"].as_array().expect("lines");
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| {
            let off = line["discount_amounts"].as_array().expect("amounts");
            json!([
                line["amount"],
                line["description"],
                line["quantity"],
                line["pricing"]["price_details"]["price"],
                line["parent"]["subscription_item_details"]["proration"],
                // A period that begins with the change begins when the change is made.
                int(&line["period"]["end"]) / 60,
                off.iter().map(|it| &it["amount"]).collect::<Vec<_>>(),
            ])
        })
        .collect();
    let names = ["subtotal", "total", "amount_due", "starting_balance", "ending_balance", "billing_reason", "currency"];
    let mut figures = json!({ "lines": lines });
    for name in names {
        figures[name] = invoice[name].clone();
    }
    figures
}

fn named(params: &Params) -> Vec<(&str, &str)> {
    params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

impl Subscriber<'_> {
    async fn preview(&self, world: &World, changes: &Params) -> Value {
        let mut params: Params = vec![("subscription".into(), self.id().into())];
        for (name, value) in changes {
            let (head, rest) =
                name.split_once('[').map_or((name.as_str(), String::new()), |(h, r)| (h, format!("[{r}")));
            params.push(match head {
                "discounts" => (name.clone(), value.clone()),
                _ => (format!("subscription_details[{head}]{rest}"), value.clone()),
            });
        }
        world.post("/v1/invoices/create_preview", &named(&params)).await
    }
}

fn random_change(rng: &mut StdRng, item: &str, behaviour: &str, moment: i64) -> Params {
    let mut change: Params = vec![
        ("items[0][id]".into(), item.into()),
        ("proration_behavior".into(), behaviour.into()),
        ("proration_date".into(), moment.to_string()),
    ];
    let mut set = |name: &str, value: String| change.push((name.to_owned(), value));
    match rng.random_range(0..6) {
        0 => set("items[0][quantity]", rng.random_range(1..9).to_string()),
        1 | 2 => set("items[0][price]", (*PRICES.choose(rng).expect("a price")).to_owned()),
        3 => {
            set("items[0][price]", (*PRICES.choose(rng).expect("a price")).to_owned());
            set("items[0][quantity]", rng.random_range(1..5).to_string());
        }
        4 => {
            set("items[0][quantity]", "2".into());
            set("discounts[0][coupon]", "quarter".into());
        }
        _ => {
            set("items[0][quantity]", rng.random_range(1..4).to_string());
            set("billing_cycle_anchor[type]", "now".into());
        }
    }
    change
}

async fn random_subscriber<'w>(world: &'w World, rng: &mut StdRng) -> Subscriber<'w> {
    let quantity = rng.random_range(1..6).to_string();
    let mut params =
        vec![("items[0][price]", *PRICES.choose(rng).expect("a price")), ("items[0][quantity]", &*quantity)];
    match rng.random_range(0..4) {
        0 => params.push(("discounts[0][coupon]", "third")),
        1 => params.push(("discounts[0][coupon]", "fiver")),
        2 => params.push(("trial_period_days", "20")),
        _ => {}
    }
    Subscriber::new(world, &params).await
}

async fn coupons(world: &World) {
    world.post("/v1/coupons", &[("id", "third"), ("percent_off", "33.33"), ("duration", "forever")]).await;
    world
        .post(
            "/v1/coupons",
            &[("id", "quarter"), ("percent_off", "25"), ("duration", "repeating"), ("duration_in_months", "2")],
        )
        .await;
    world
        .post("/v1/coupons", &[("id", "fiver"), ("amount_off", "500"), ("currency", "usd"), ("duration", "once")])
        .await;
}

#[tokio::test]
async fn a_preview_is_the_invoice_that_follows() {
    let seed: u64 = rand::rng().random();
    let mut rng = StdRng::seed_from_u64(seed);
    for round in 0..40 {
        let context = format!("seed {seed}, round {round}");
        let world = World::new().await;
        coupons(&world).await;
        let it = random_subscriber(&world, &mut rng).await;
        for _ in 0..rng.random_range(1..4) {
            let days = rng.random_range(0..24) * DAY + rng.random_range(0..DAY);
            world.control("/sandbox/clock", json!({ "advance_seconds": days })).await;
            let behaviour = if rng.random_bool(0.6) { "always_invoice" } else { "create_prorations" };
            let moment = at(&world);
            let change = random_change(&mut rng, &it.item().await, behaviour, moment);
            let known = it.read().await["latest_invoice"].clone();
            let preview = it.preview(&world, &change).await;
            assert_eq!(it.read().await["latest_invoice"], known, "{context}: a preview changes nothing");
            let changed = world.post(&it.path, &named(&change)).await;
            if changed["latest_invoice"] == known {
                // Nothing was billed: the preview was of the renewal.
                let end = it.period_end().await;
                world.control("/sandbox/clock", json!({ "advance_seconds": (end - at(&world)).max(0) })).await;
            }
            let invoice = it.invoices().await[0].clone();
            assert_ne!(invoice["id"], known, "{context}: {change:?}");
            assert_eq!(figures(&preview), figures(&invoice), "{context}: {change:?}");
            assert!(text(&preview["id"]).starts_with("upcoming_in_"));
        }
        let preview = it.preview(&world, &Params::new()).await;
        world.control("/sandbox/clock", json!({ "advance_seconds": it.period_end().await - at(&world) })).await;
        assert_eq!(figures(&preview), figures(&it.invoices().await[0]), "{context}: the renewal");
        world.history_is_consistent().await;
    }
}

#[tokio::test]
async fn a_start_a_trial_and_an_end_can_be_previewed() {
    let world = World::new().await;
    coupons(&world).await;
    let customer = world.customer().await;
    let start = [
        ("customer", customer.as_str()),
        ("subscription_details[items][0][price]", "price_scale_month"),
        ("subscription_details[items][0][quantity]", "2"),
        ("discounts[0][coupon]", "quarter"),
    ];
    let first = world.post("/v1/invoices/create_preview", &start).await;
    assert_eq!((&first["subtotal"], &first["total"]), (&json!(19_800), &json!(14_850)));
    assert_eq!((&first["status"], &first["billing_reason"]), (&json!("draft"), &json!("subscription_create")));
    assert_eq!(world.get("/v1/coupons/quarter").await["times_redeemed"], 0);
    assert_eq!(world.get("/v1/subscriptions?status=all").await["data"], json!([]));

    let it = Subscriber::new(&world, &[("trial_period_days", "7")]).await;
    let now: Params = vec![("trial_end".into(), "now".into())];
    assert_eq!(it.preview(&world, &now).await["amount_due"], 2_900);
    world.post(&it.path, &[("trial_end", "now")]).await;
    world.control("/sandbox/clock", json!({"days": 3})).await;
    let cancel: Params = vec![("cancel_now".into(), "true".into()), ("proration_date".into(), at(&world).to_string())];
    let last = it.preview(&world, &cancel).await;
    assert!(int(&last["total"]) < -2_000 && int(&last["amount_due"]) == 0);
    let path = format!("{}?prorate=true&invoice_now=true", it.path);
    world.delete(&path).await;
    let billed = it.invoices().await[0].clone();
    assert!((int(&billed["total"]) - int(&last["total"])).abs() <= 1, "{billed}");
    assert_eq!(world.get(&format!("/v1/customers/{}", it.customer)).await["balance"], billed["total"]);
}

#[tokio::test]
async fn what_cannot_be_previewed_is_refused() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    let path = "/v1/invoices/create_preview";
    let refused = |params: Vec<(&'static str, String)>| {
        let world = &world;
        async move {
            let params: Vec<(&str, &str)> = params.iter().map(|(name, value)| (*name, value.as_str())).collect();
            world.refused(path, &params, StatusCode::BAD_REQUEST).await
        }
    };
    let id = it.id().to_owned();
    let ending = vec![("subscription", id.clone()), ("subscription_details[cancel_at_period_end]", "true".into())];
    assert_eq!(refused(ending).await["code"], "invoice_upcoming_none");
    let early = vec![
        ("subscription", id.clone()),
        ("subscription_details[items][0][price]", "price_scale_month".into()),
        ("subscription_details[proration_date]", (at(&world) - 40 * DAY).to_string()),
    ];
    assert_eq!(refused(early).await["param"], "proration_date");
    assert_eq!(refused(vec![]).await["code"], "parameter_missing");
    let recurring = [("subscription", id.as_str()), ("preview_mode", "recurring")];
    assert_eq!(world.post(path, &recurring).await["amount_due"], 2_900);
}
