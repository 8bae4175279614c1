//! `billhook serve` as processes of their own, to be killed, and to stand beside each other.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use billhook::server::config::{Variables, read_catalog};
use reqwest::Client;
use sandbox::Sandbox;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::dev;
use crate::harness::Database;

/// `billhook serve` as a process of its own, in front of a sandbox that outlives it.
#[derive(Clone)]
pub struct Served {
    variables: Variables,
    pub url: String,
    pub sandbox: Arc<Sandbox>,
    pub database: Arc<Database>,
    pub client: Client,
}

/// The process; it is killed, not asked, when it is dropped.
pub struct Process(Child);

impl Process {
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Served {
    pub async fn new() -> Self {
        let database = Database::new().await;
        let addr = free_address().await;
        let url = format!("http://{addr}");
        let mut variables = Variables::default();
        variables.set("BILLHOOK_ADDR", addr);
        variables.set("DATABASE_URL", database.url.clone());
        variables.set("RECONCILE_MINUTES", "0");
        variables.set("API_CALLS_PER_SECOND", "0");
        let plans = read_catalog(&variables).unwrap();
        let any_port = "127.0.0.1:0".parse().unwrap();
        let places = dev::Places { stripe_addr: any_port, oidc_addr: any_port, data: None, public_url: url.clone() };
        let sandbox = Arc::new(dev::start(places, &plans, &mut variables).await.unwrap());
        Self { variables, url, sandbox, database: Arc::new(database), client: Client::new() }
    }

    /// Another node: at an address of its own, on the same database.
    pub async fn another(&self) -> Self {
        let (mut variables, url) = (self.variables.clone(), free_address().await);
        variables.set("BILLHOOK_ADDR", url.clone());
        Self { variables, url: format!("http://{url}"), ..self.clone() }
    }

    /// Runs a command beside it and answers with what it printed.
    pub fn command(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_billhook"));
        let done = command.args(arguments).env_clear().envs(self.variables.clone()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// Starts the process and waits until it is ready.
    pub async fn start(&self) -> Process {
        let mut process = Command::new(env!("CARGO_BIN_EXE_billhook"))
            .arg("serve")
            .env_clear()
            .envs(self.variables.clone())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Process)
            .unwrap();
        while !self.client.get(format!("{}/readyz", self.url)).send().await.is_ok_and(|it| it.status().is_success()) {
            let ended = process.0.try_wait().unwrap();
            assert!(ended.is_none(), "the process ended by itself: {ended:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        process
    }

    pub async fn stripe(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let url = format!("{}{path}", self.sandbox.stripe_url());
        let request = if fields.is_empty() { self.client.get(url) } else { self.client.post(url).form(fields) };
        let response = request.bearer_auth(self.sandbox.secret_key()).send().await.unwrap();
        let (status, answer) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }
}

/// The port stays free from here on: nobody else is given it while it is in use again and again.
async fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}
