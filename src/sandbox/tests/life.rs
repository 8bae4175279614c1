//! Helpers for tests that follow one subscription through its life.

use serde_json::Value;

use super::{World, text};

pub(super) const DAY: i64 = 86_400;

/// One customer with one subscription.
pub(super) struct Subscriber<'w> {
    world: &'w World,
    pub customer: String,
    pub path: String,
}

impl<'w> Subscriber<'w> {
    /// Pays with a card that works; `more` are parameters of the subscription.
    pub(super) async fn new(world: &'w World, more: &[(&str, &str)]) -> Self {
        Self::with_card(world, "pm_card_visa", more).await
    }

    pub(super) async fn with_card(world: &'w World, card: &str, more: &[(&str, &str)]) -> Self {
        let customer = world.customer().await;
        let card = world.card(&customer, card).await;
        let mut params = vec![("default_payment_method", card.as_str())];
        params.extend_from_slice(more);
        Self::subscribe(world, customer, &params).await
    }

    pub(super) async fn without_card(world: &'w World, more: &[(&str, &str)]) -> Self {
        let customer = world.customer().await;
        Self::subscribe(world, customer, more).await
    }

    pub(super) async fn subscribe(world: &'w World, customer: String, more: &[(&str, &str)]) -> Self {
        let mut params = vec![("customer", customer.as_str())];
        if !more.iter().any(|(name, _)| *name == "items[0][price]") {
            params.push(("items[0][price]", "price_pro_month"));
        }
        params.extend_from_slice(more);
        let subscription = world.post("/v1/subscriptions", &params).await;
        let path = format!("/v1/subscriptions/{}", text(&subscription["id"]));
        Self { world, customer, path }
    }

    pub(super) fn id(&self) -> &str {
        self.path.rsplit('/').next().expect("an id")
    }

    pub(super) async fn read(&self) -> Value {
        self.world.get(&self.path).await
    }

    pub(super) async fn period_end(&self) -> i64 {
        int(&self.read().await["items"]["data"][0]["current_period_end"])
    }

    /// Id of the first item.
    pub(super) async fn item(&self) -> String {
        text(&self.read().await["items"]["data"][0]["id"])
    }

    /// Its invoices, newest first.
    pub(super) async fn invoices(&self) -> Vec<Value> {
        let page = self.world.get(&format!("/v1/invoices?limit=100&subscription={}", self.id())).await;
        page["data"].as_array().expect("invoices").clone()
    }
}

impl World {
    /// Attaches a test card to a customer.
    pub(super) async fn card(&self, customer: &str, token: &str) -> String {
        let card = self.post(&format!("/v1/payment_methods/{token}/attach"), &[("customer", customer)]).await;
        text(&card["id"])
    }

    /// All events of the last thirty days, oldest first.
    pub(super) async fn all_events(&self) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("/v1/events?limit=100{cursor}")).await;
            let data = page["data"].as_array().expect("events");
            all.extend(data.iter().cloned());
            if page["has_more"] != true {
                break;
            }
            cursor = format!("&starting_after={}", text(&all.last().expect("an event")["id"]));
        }
        all.reverse();
        all
    }

    /// Those events that are of one kind, oldest first.
    pub(super) async fn events_of(&self, kind: &str) -> Vec<Value> {
        self.all_events().await.into_iter().filter(|event| event["type"] == kind).collect()
    }
}

pub(super) fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("not an integer: {value}"))
}

/// The sandbox's present time.
pub(super) fn at(world: &World) -> i64 {
    world.sandbox.now()
}
