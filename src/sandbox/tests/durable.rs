//! State on disk: a restart loses nothing, a torn line is forgiven, a taken port is explained.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::mail::Client;
use super::receiver::Receiver;
use super::{World, text};
use crate::{Config, Error, Sandbox, ids};

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(ids::random("sandbox-test-", 12)))
    }

    fn config(&self) -> Config {
        Config { data: Some(self.0.clone()), ..Config::ephemeral() }
    }

    fn journal(&self) -> PathBuf {
        self.0.join("sandbox.journal")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_restart_continues_where_it_was() {
    let folder = Folder::new();
    let receiver = Receiver::start().await;
    let world = World::with(folder.config()).await;
    world.sandbox.set_webhook_url(&receiver.url);
    world.control("/sandbox/webhooks", json!({"mode": "hold"})).await;
    world.control("/sandbox/clock", json!({"advance_seconds": 1_000_000})).await;
    let first = world.send(reqwest::Method::POST, "/v1/customers", &[], Some("k")).await;
    let first: serde_json::Value = first.json().await.expect("JSON");
    let now = world.sandbox.now();
    let keys = world.client.get(format!("{}/jwks", world.sandbox.issuer())).send().await.expect("keys");
    let keys = keys.text().await.expect("text");
    world.sandbox.shutdown().await;
    let mut file = OpenOptions::new().append(true).open(folder.journal()).expect("the journal");
    file.write_all(b"[{\"kind\":\"customer\",\"id\":\"cus_to").expect("a torn line");

    let world = World::with(folder.config()).await;
    assert!(world.sandbox.now() >= now);
    assert_eq!(world.get("/v1/customers").await["data"], json!([first]));
    let replay = world.send(reqwest::Method::POST, "/v1/customers", &[], Some("k")).await;
    assert_eq!(replay.headers()["idempotent-replayed"], "true");
    let again = world.client.get(format!("{}/jwks", world.sandbox.issuer())).send().await.expect("keys");
    assert_eq!(again.text().await.expect("text"), keys);
    world.control("/sandbox/webhooks", json!({"mode": "deliver"})).await;
    world.sandbox.deliveries_idle().await;
    assert_eq!(receiver.types(), ["customer.created"]);
    assert_eq!(world.get("/v1/prices?lookup_keys[]=pro_month").await["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn damage_in_the_middle_is_reported_with_its_line() {
    let folder = Folder::new();
    World::with(folder.config()).await.sandbox.shutdown().await;
    let kept = fs::read_to_string(folder.journal()).expect("the journal");
    let mut lines: Vec<&str> = kept.lines().collect();
    lines.insert(0, "not JSON");
    fs::write(folder.journal(), lines.join("\n")).expect("written");
    let error = Sandbox::start(folder.config()).await.err().expect("an error");
    assert!(matches!(error, Error::Corrupt { line: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_taken_port_names_the_variable_to_change() {
    let world = World::new().await;
    let address = world.sandbox.stripe_url().trim_start_matches("http://").parse().expect("an address");
    let config = Config { stripe_addr: address, ..Config::ephemeral() };
    let error = Sandbox::start(config).await.err().expect("an error").to_string();
    assert!(error.contains(&address.to_string()) && error.contains("SANDBOX_STRIPE_ADDR"), "{error}");
    let address = world.sandbox.smtp_url().trim_start_matches("smtp://").parse().expect("an address");
    let config = Config { smtp_addr: address, ..Config::ephemeral() };
    let error = Sandbox::start(config).await.err().expect("an error").to_string();
    assert!(error.contains(&address.to_string()) && error.contains("SANDBOX_SMTP_ADDR"), "{error}");
}

#[tokio::test]
async fn mail_is_still_there_after_a_restart() {
    let folder = Folder::new();
    let world = World::with(folder.config()).await;
    assert_eq!(Client::new(&world).await.mail(&["ada@example.com"], "Subject: kept\n\nHello\n").await, "250");
    let before = world.mails().await;
    let mut talking = Client::new(&world).await;
    world.sandbox.shutdown().await;
    assert_eq!(talking.answer().await, "", "who still talks is hung up on");
    let world = World::with(folder.config()).await;
    assert_eq!(before[0]["subject"], "kept");
    assert_eq!(world.mails().await, before);
}

#[tokio::test]
async fn a_refused_request_leaves_nothing_on_disk() {
    let folder = Folder::new();
    let world = World::with(folder.config()).await;
    let before = fs::read(folder.journal()).expect("the journal");
    let bad = [("mode", "subscription"), ("line_items[0][price]", "nope"), ("success_url", "http://a.example")];
    let error = world.refused("/v1/checkout/sessions", &bad, reqwest::StatusCode::BAD_REQUEST).await;
    assert_eq!(text(&error["code"]), "resource_missing");
    assert_eq!(fs::read(folder.journal()).expect("the journal"), before);
}
