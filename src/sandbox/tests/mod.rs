//! The sandbox over HTTP, as its users meet it: real listeners on free ports, a real client, a real
//! webhook receiver. Tests wait for conditions, never for time.

mod checkout;
mod control;
mod durable;
mod errors;
mod history;
mod invoices;
mod life;
mod mail;
mod money;
mod oidc;
mod once;
mod pending;
mod portal;
mod previews;
mod reading;
mod receiver;
mod renewals;
mod schedules;
mod shapes;
mod subscriptions;
mod test_clocks;
mod webhooks;

use reqwest::{Client, Method, Response, StatusCode, redirect};
use serde_json::Value;

use crate::{Config, Interval, Sandbox, SeedPrice};

/// Form fields.
type Params<'a> = &'a [(&'a str, &'a str)];

const SUCCESS_URL: &str = "http://app.example/done?session={CHECKOUT_SESSION_ID}";

/// A sandbox with a client that follows no redirects.
struct World {
    sandbox: Sandbox,
    client: Client,
}

impl World {
    async fn new() -> Self {
        Self::with(Config::ephemeral()).await
    }

    async fn with(mut config: Config) -> Self {
        config.prices = prices();
        let sandbox = Sandbox::start(config).await.expect("a sandbox");
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .cookie_store(true)
            .no_proxy()
            .build()
            .expect("a client");
        Self { sandbox, client }
    }

    fn url(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.sandbox.stripe_url()) }
    }

    async fn send(&self, method: Method, path: &str, params: &[(&str, &str)], key: Option<&str>) -> Response {
        let mut request = self.client.request(method, self.url(path)).bearer_auth(self.sandbox.secret_key());
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if !params.is_empty() {
            request = request.form(params);
        }
        request.send().await.expect("a response")
    }

    async fn post(&self, path: &str, params: &[(&str, &str)]) -> Value {
        let response = self.send(Method::POST, path, params, None).await;
        answer(response, StatusCode::OK).await
    }

    async fn get(&self, path: &str) -> Value {
        answer(self.send(Method::GET, path, &[], None).await, StatusCode::OK).await
    }

    async fn delete(&self, path: &str) -> Value {
        answer(self.send(Method::DELETE, path, &[], None).await, StatusCode::OK).await
    }

    async fn refused(&self, path: &str, params: &[(&str, &str)], status: StatusCode) -> Value {
        let response = self.send(Method::POST, path, params, None).await;
        answer(response, status).await["error"].clone()
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let response = self.client.post(self.url(path)).json(&body).send().await.expect("a response");
        answer(response, StatusCode::OK).await
    }

    async fn customer(&self) -> String {
        let customer = self.post("/v1/customers", &[("email", "ada@example.com")]).await;
        text(&customer["id"])
    }

    /// An open Checkout session for the monthly Pro price, with more parameters.
    async fn session(&self, more: &[(&str, &str)]) -> Value {
        let mut params = vec![
            ("mode", "subscription"),
            ("line_items[0][price]", "price_pro_month"),
            ("line_items[0][quantity]", "1"),
            ("success_url", SUCCESS_URL),
            ("cancel_url", "http://app.example/no"),
        ];
        params.extend_from_slice(more);
        self.post("/v1/checkout/sessions", &params).await
    }

    async fn pay(&self, session: &Value, card: &str) -> Response {
        let form =
            [("email", "ada@example.com"), ("number", card), ("expiry", "12 / 40"), ("cvc", "123"), ("name", "Ada")];
        self.client.post(text(&session["url"])).form(&form).send().await.expect("a page")
    }

    /// Types of all events so far, oldest first.
    async fn events(&self) -> Vec<String> {
        let page = self.get("/v1/events?limit=100").await;
        let types = page["data"].as_array().expect("events").iter().rev();
        types.map(|event| text(&event["type"])).collect()
    }
}

fn prices() -> Vec<SeedPrice> {
    let price = |id: &str, product: &str, amount, interval| SeedPrice {
        id: id.into(),
        product: product.into(),
        product_name: product.trim_start_matches("prod_").to_uppercase(),
        unit_amount: amount,
        currency: "usd".into(),
        interval,
        lookup_key: Some(id.trim_start_matches("price_").into()),
    };
    vec![
        price("price_pro_month", "prod_pro", 2_900, Some(Interval::Month)),
        price("price_pro_year", "prod_pro", 28_900, Some(Interval::Year)),
        price("price_scale_month", "prod_scale", 9_900, Some(Interval::Month)),
        price("price_pack", "prod_pack", 2_000, None),
    ]
}

async fn answer(response: Response, status: StatusCode) -> Value {
    let actual = response.status();
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(actual, status, "{body}");
    body
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn location(response: &Response) -> String {
    let value = response.headers().get("location").expect("a redirect");
    value.to_str().expect("text").to_owned()
}
