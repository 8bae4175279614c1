//! The surroundings of a test: an application with its sandbox on free ports, and a browser to visit it with.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use billhook::server::clock::Clock;
use billhook::server::config::{Config, Variables, read_catalog};
use billhook::server::reconcile::{Report, Scope};
use billhook::server::{App, run};
use reqwest::header::LOCATION;
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use sandbox::Sandbox;
use serde_json::Value;
use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Connection};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::{dev, queries};

/// A running application with its surroundings.
pub struct World {
    pub url: String,
    pub sandbox: Arc<Sandbox>,
    pub app: App,
    variables: Variables,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
    /// The last to go: whoever uses it has been told to stop.
    database: Database,
}

/// A database that only one test sees, and that goes with it.
pub struct Database {
    pub url: String,
    place: Place,
}

/// Where a database is, to be removed from there.
enum Place {
    /// On SQLite a folder of its own: a connection that is opened too late finds nowhere to make a new file.
    Folder(PathBuf),
    /// On PostgreSQL a name at a server.
    Server { url: String, name: String },
}

impl Database {
    pub async fn new() -> Self {
        sqlx::any::install_default_drivers();
        let name = format!("billhook_{}", uuid::Uuid::new_v4().simple());
        let Ok(server) = std::env::var("BILLHOOK_TEST_POSTGRES") else {
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir(&folder).unwrap();
            let url = format!("sqlite://{}?mode=rwc", folder.join("billhook.db").display());
            return Self { url, place: Place::Folder(folder) };
        };
        let admin = AnyPool::connect(&server).await.expect("the PostgreSQL of BILLHOOK_TEST_POSTGRES answers");
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await.unwrap();
        admin.close().await;
        Self { url: with_database(&server, &name), place: Place::Server { url: server, name } }
    }

    /// A connection, to look at what the application stored. Its statements are not the application's, which
    /// `queries.rs` collects.
    pub async fn connect(&self) -> AnyPool {
        let options: AnyConnectOptions = self.url.parse().unwrap();
        AnyPool::connect_with(options.disable_statement_logging()).await.unwrap()
    }
}

/// The server's address with another database: the path is replaced, options stay.
fn with_database(server: &str, name: &str) -> String {
    let (address, options) = server.split_once('?').map_or((server, ""), |(address, options)| (address, options));
    let scheme_end = address.find("://").map_or(0, |at| at + 3);
    let path = address[scheme_end..].find('/').map_or(address.len(), |at| scheme_end + at);
    let options = if options.is_empty() { String::new() } else { format!("?{options}") };
    format!("{}/{name}{options}", &address[..path])
}

impl Drop for Database {
    fn drop(&mut self) {
        match &self.place {
            // Whoever is still writing may put a file beside those that are being removed.
            Place::Folder(folder) => drop((0..100).find(|_| std::fs::remove_dir_all(folder).is_ok())),
            Place::Server { url, name } => {
                let (url, name) = (url.clone(), name.clone());
                // The test's own runtime cannot be waited for in here. A failure is not the test's.
                let dropped = std::thread::spawn(move || drop_database(&url, &name)).join();
                if !matches!(dropped, Ok(Ok(()))) {
                    eprintln!("a test's database stays behind: {dropped:?}");
                }
            }
        }
    }
}

/// Drops it, whoever is still connected.
fn drop_database(server: &str, name: &str) -> Result<(), sqlx::Error> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut admin = AnyConnection::connect(server).await?;
        sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&mut admin).await?;
        admin.close().await
    })
}

impl World {
    /// An application on the default catalogue.
    pub async fn start() -> Self {
        Self::with_catalog("builder").await
    }

    /// An application on a built-in catalogue.
    pub async fn with_catalog(catalog: &str) -> Self {
        Self::with(catalog, &[]).await
    }

    /// An application on a built-in catalogue, with more variables.
    pub async fn with(catalog: &str, more: &[(&str, &str)]) -> Self {
        // What the application logs is shown for a test that fails, where RUST_LOG asks for it; one test sets it up.
        let shown = fmt::layer().with_test_writer().with_filter(EnvFilter::from_default_env());
        let asked = queries::Collector.with_filter(Targets::new().with_target("sqlx::query", Level::DEBUG));
        drop(tracing_subscriber::registry().with(shown).with(asked).try_init());
        let database = Database::new().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut variables = Variables::default();
        variables.set("BILLHOOK_CATALOG", catalog);
        variables.set("DATABASE_URL", database.url.clone());
        let any_port = "127.0.0.1:0".parse().unwrap();
        let places = dev::Places { stripe_addr: any_port, oidc_addr: any_port, data: None, public_url: url.clone() };
        let plans = read_catalog(&variables).unwrap();
        let sandbox = Arc::new(dev::start(places, &plans, &mut variables).await.unwrap());
        for (name, value) in more {
            variables.set(*name, *value);
        }
        let app = App::open(Config::read(&variables).unwrap(), clock_of(&sandbox)).await.unwrap();
        let mut world = Self { url, sandbox, app, variables, stop: None, running: None, database };
        world.serve(listener);
        world
    }

    fn serve(&mut self, listener: TcpListener) {
        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        let stopped = async {
            // The sender's end is the signal, whether it sends or is dropped.
            drop(stopped.await);
        };
        self.running = Some(tokio::spawn(run(self.app.clone(), listener, stopped)));
    }

    /// Stops the application and starts it again on the same database and address; the sandbox goes on.
    pub async fn restart(&mut self) {
        self.stop.take();
        self.running.take().unwrap().await.unwrap();
        let listener = TcpListener::bind(self.url.trim_start_matches("http://")).await.unwrap();
        self.app = App::open(Config::read(&self.variables).unwrap(), clock_of(&self.sandbox)).await.unwrap();
        self.serve(listener);
    }

    /// The variables that the application was started with.
    pub fn variables(&self) -> Variables {
        self.variables.clone()
    }

    /// Runs the binary's command beside the application: what it printed, or what it said of its failure.
    pub fn command(&self, arguments: &[&str]) -> Result<String, String> {
        let command = Command::new(env!("CARGO_BIN_EXE_billhook"))
            .args(arguments)
            .env_clear()
            .envs(self.variables.clone())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if command.status.success() { Ok(text(command.stdout)) } else { Err(text(command.stderr)) }
    }

    /// A connection to the test's database.
    pub async fn database(&self) -> AnyPool {
        self.database.connect().await
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        let query = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        sqlx::query_scalar(query).fetch_one(&self.database().await).await.unwrap()
    }

    /// Waits until every event has been delivered and worked off.
    pub async fn settled(&self) {
        self.sandbox.deliveries_idle().await;
        self.worked_off().await;
    }

    /// Waits until the inbox is worked off.
    pub async fn worked_off(&self) {
        let waiting = Waiting::begin();
        while self.app.store.events_waiting().await.unwrap() > 0 {
            waiting.turn().await;
        }
        self.told().await;
    }

    /// What the database shows may have been committed this moment, and memory not yet told: a piece of writing that
    /// comes later is over later (on PostgreSQL by a few messages there and back).
    pub async fn told(&self) {
        self.app.store.claim_events(0, Clock::wall()).await.unwrap();
    }

    /// Asks the sandbox's Stripe.
    pub async fn stripe(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.sandbox.stripe_url());
        Client::new().get(url).bearer_auth(self.sandbox.secret_key()).send().await.unwrap().json().await.unwrap()
    }

    /// Deletes something at the sandbox's Stripe.
    pub async fn stripe_delete(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.sandbox.stripe_url());
        Client::new().delete(url).bearer_auth(self.sandbox.secret_key()).send().await.unwrap().json().await.unwrap()
    }

    /// Makes or changes something at the sandbox's Stripe.
    pub async fn stripe_post(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let url = format!("{}{path}", self.sandbox.stripe_url());
        let request = Client::new().post(url).bearer_auth(self.sandbox.secret_key()).form(fields);
        let response = request.send().await.unwrap();
        let (status, answer) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// The same, where a refusal is an answer as well.
    pub async fn stripe_try(&self, path: &str, fields: &[(&str, &str)]) {
        let url = format!("{}{path}", self.sandbox.stripe_url());
        let request = Client::new().post(url).bearer_auth(self.sandbox.secret_key()).form(fields);
        drop(request.send().await.unwrap());
    }

    /// Compares everything with Stripe.
    pub async fn reconcile(&self, repair: bool) -> Report {
        let scope = Scope { organization: None, repair, calls_per_second: 1_000_000 };
        self.app.reconcile(&scope, |drift| println!("{drift}")).await.unwrap()
    }

    /// Makes every event that waits for its next attempt due now.
    pub async fn hurry(&self) {
        sqlx::query("UPDATE stripe_events SET next_attempt_at = 0 WHERE status = 'pending'")
            .execute(&self.database().await)
            .await
            .unwrap();
        self.app.inbox.ring();
    }

    /// Steers the sandbox.
    pub async fn control(&self, path: &str, order: Value) -> Value {
        let url = format!("{}{path}", self.sandbox.stripe_url());
        let response = Client::new().post(url).json(&order).send().await.unwrap();
        let (status, answer) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{path} {order}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// A browser that has not been here before.
    pub fn browser(&self) -> Browser {
        // As load balancers do: a connection that is idle is given up before the server closes it.
        let client = Client::builder().cookie_store(true).pool_idle_timeout(Duration::from_mins(1));
        let client = client.redirect(redirect::Policy::none()).build().unwrap();
        Browser { client, url: self.url.clone(), about: None }
    }

    /// A browser in which somebody has signed in: a ready user by name, or anybody by address.
    pub async fn signed_in(&self, user: &str) -> Browser {
        let browser = self.browser();
        let landed = browser.sign_in(user, "/dashboard").await;
        assert_eq!(landed, format!("{}/dashboard", self.url));
        browser
    }
}

/// The sandbox's clock, which a test can move, as in `billhook dev`.
fn clock_of(sandbox: &Arc<Sandbox>) -> Clock {
    let sandbox = Arc::clone(sandbox);
    Clock::from_fn(move || sandbox.now())
}

/// A browser: it keeps cookies, and says where its requests come from.
#[derive(Clone)]
pub struct Browser {
    pub client: Client,
    url: String,
    /// The organization whose pages it is on; `None` for the person's own.
    about: Option<String>,
}

impl Browser {
    /// The address of a path; a whole address stays as it is.
    fn at(&self, path: &str) -> String {
        match &self.about {
            _ if path.starts_with("http") => path.to_owned(),
            Some(organization) if !path.contains("organization=") => {
                let join = if path.contains('?') { '&' } else { '?' };
                format!("{}{path}{join}organization={organization}", self.url)
            }
            Some(_) | None => format!("{}{path}", self.url),
        }
    }

    /// The same browser, on the pages of another organization.
    pub fn about(&self, organization: &str) -> Self {
        Self { about: Some(organization.to_owned()), ..self.clone() }
    }

    /// Opens a page, without following redirects.
    pub async fn get(&self, path: &str) -> Response {
        self.client.get(self.at(path)).header("accept", "text/html").send().await.unwrap()
    }

    /// Opens a page and reads it.
    pub async fn read(&self, path: &str) -> (StatusCode, String) {
        let response = self.get(path).await;
        (response.status(), response.text().await.unwrap())
    }

    /// Prepares a form's post from one of the application's own pages.
    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        self.client
            .post(self.at(path))
            .header("accept", "text/html")
            .header("sec-fetch-site", "same-origin")
            .form(fields)
    }

    /// Posts a form.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.form(path, fields).send().await.unwrap()
    }

    /// Signs in at the provider and comes back; answers with where it ended.
    pub async fn sign_in(&self, user: &str, return_to: &str) -> String {
        let response = self.client.get(self.at("/auth/login")).query(&[("return_to", return_to)]).send().await.unwrap();
        let authorize = location(&response);
        let request = authorize.split_once('?').unwrap().1.to_owned();
        let chosen = self.post_to_provider(&authorize, &request, user).await;
        let back = self.get(&location(&chosen)).await;
        assert_eq!(back.status(), StatusCode::SEE_OTHER, "{}", back.text().await.unwrap());
        self.at(&location(&back))
    }

    async fn post_to_provider(&self, authorize: &str, request: &str, user: &str) -> Response {
        let email = if user.contains('@') {
            user.to_owned()
        } else {
            let page = self.get(authorize).await.text().await.unwrap();
            let marker = format!("{user}@");
            page.split(['"', '>', '<']).find(|text| text.starts_with(&marker)).expect("a ready user").to_owned()
        };
        let address = authorize.split_once('?').unwrap().0;
        self.post(address, &[("request", request), ("email", &email)]).await
    }

    /// Begins a checkout and answers with the address of Stripe's page.
    pub async fn check_out(&self, fields: &[(&str, &str)]) -> String {
        let response = self.post("/api/checkout", fields).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{}", response.text().await.unwrap());
        location(&response)
    }

    /// Posts JSON, as a program in the page would.
    pub async fn post_json(&self, path: &str, body: &Value) -> Response {
        let request = self.client.post(self.at(path)).header("sec-fetch-site", "same-origin").json(body);
        request.send().await.unwrap()
    }

    /// Posts JSON and reads the answer.
    pub async fn send_json(&self, path: &str, body: &Value) -> Value {
        let response = self.post_json(path, body).await;
        let (status, answer) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// Pays on Stripe's page and answers with where it leads.
    pub async fn pay(&self, page: &str) -> String {
        self.pay_with(page, "4242424242424242").await
    }

    /// Pays on Stripe's page with this card and answers with where it leads.
    pub async fn pay_with(&self, page: &str, number: &str) -> String {
        let response = self.post(page, &card(number)).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{}", response.text().await.unwrap());
        location(&response)
    }

    /// What the API says of the organization that this is about, or of the person's own.
    pub async fn organization(&self) -> Value {
        let response = self.client.get(self.at("/api/organizations")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let all = response.json::<Value>().await.unwrap()["organizations"].as_array().unwrap().clone();
        let about = |one: &Value| self.about.as_deref().is_none_or(|id| one["id"] == id);
        all.into_iter().find(about).expect("the organization is the person's")
    }
}

/// Waiting for something that comes by itself. What has not come after a minute does not come.
pub struct Waiting {
    since: Instant,
}

impl Waiting {
    pub fn begin() -> Self {
        Self { since: Instant::now() }
    }

    /// Lets the others go on.
    pub async fn turn(&self) {
        assert!(self.since.elapsed() < Duration::from_mins(1), "what is waited for does not come");
        tokio::task::yield_now().await;
    }
}

impl Browser {
    /// The person's organizations, each with its tier.
    pub async fn organizations(&self) -> Vec<(String, String)> {
        let answer: Value = self.client.get(self.at("/api/organizations")).send().await.unwrap().json().await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all = answer["organizations"].as_array().unwrap();
        all.iter().map(|one| (text(&one["id"]), text(&one["subscriptionTier"]))).collect()
    }
}

/// What is written on Stripe's page.
pub fn card(number: &str) -> [(&'static str, &str); 5] {
    [("email", "payer@example.com"), ("number", number), ("expiry", "12 / 34"), ("cvc", "123"), ("name", "A Payer")]
}

/// Where a redirect leads.
pub fn location(response: &Response) -> String {
    let status = response.status();
    let header = response.headers().get(LOCATION).unwrap_or_else(|| panic!("a redirect, not {status}"));
    header.to_str().unwrap().to_owned()
}

/// A page's text as somebody reads it, without the marks between its pieces.
pub fn text_of(html: &str) -> String {
    html.replace("<!>", "").replace("&quot;", "\"").replace("&#x27;", "'").replace("&amp;", "&")
}
