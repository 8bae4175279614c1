//! Every variable: what it is, what it must look like, and what happens without it. Secrets are redacted when printed
//! and have no defaults. All mistakes are reported at once.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use domain::catalog::{Catalog, Trial};
use secrecy::SecretString;

use super::catalog_file::{self, Unreadable};
use super::mail::{self, Mailer};
use super::prices::PriceIds;

/// A variable that Billhook reads.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub about: &'static str,
    /// What counts where it is not set.
    pub default: Option<&'static str>,
    /// Who reads it.
    pub read_by: ReadBy,
}

/// Which command reads a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBy {
    /// `serve` and `dev`.
    Both,
    /// `serve`; in `dev` the sandbox supplies it.
    Serve,
    /// `dev`.
    Dev,
}

const fn variable(name: &'static str, default: Option<&'static str>, read_by: ReadBy, about: &'static str) -> Variable {
    Variable { name, about, default, read_by }
}

/// All of them, in the order in which `--help` and the README list them.
pub const VARIABLES: &[Variable] = &[
    variable("BILLHOOK_ADDR", Some("127.0.0.1:3000"), ReadBy::Both, "Address to listen on"),
    variable(
        "BILLHOOK_CATALOG",
        Some("builder"),
        ReadBy::Both,
        "Catalogue: builder, chat, dcvaas, protocol-guide, or a file",
    ),
    variable(
        "BILLHOOK_DATA",
        Some(".billhook"),
        ReadBy::Both,
        "Folder for the embedded database and the sandbox's state",
    ),
    variable("DATABASE_URL", Some("SQLite in BILLHOOK_DATA"), ReadBy::Both, "sqlite://… or postgres://…"),
    variable(
        "PUBLIC_URL",
        Some("http://BILLHOOK_ADDR"),
        ReadBy::Both,
        "Address that browsers use; https unless it is a loopback address",
    ),
    variable("STRIPE_TRIAL_PERIOD_DAYS", Some("the catalogue's"), ReadBy::Both, "Days of trial, 0 for none"),
    variable("STRIPE_SECRET_KEY", None, ReadBy::Serve, "Stripe's secret or restricted key, sk_… or rk_…"),
    variable(
        "STRIPE_WEBHOOK_SECRET",
        None,
        ReadBy::Serve,
        "The webhook endpoint's secret, whsec_…; several with commas while rolling",
    ),
    variable(
        "STRIPE_DOWNGRADE_ON_DISPUTE",
        Some("false"),
        ReadBy::Both,
        "Whether an open dispute of a payment takes the plan away at once; one that is lost always does",
    ),
    variable(
        "RECONCILE_MINUTES",
        Some("60"),
        ReadBy::Both,
        "How often everything is compared with Stripe and put right, in minutes; 0 for never",
    ),
    variable("API_CALLS_PER_SECOND", Some("1000"), ReadBy::Both, "How many calls of the API a key has; 0 for no limit"),
    variable("SMTP_URL", None, ReadBy::Both, "The mail server, smtps://user:password@host; without it no mail is sent"),
    variable("MAIL_FROM", Some("billing@localhost"), ReadBy::Both, "The sender of mails"),
    variable("SALES_EMAIL", Some("the catalogue's"), ReadBy::Both, "Where requests to sales are mailed"),
    variable("STRIPE_…_PRICE_ID", None, ReadBy::Serve, "One for each price, as named in the catalogue: price_…"),
    variable("STRIPE_API_BASE", Some("https://api.stripe.com"), ReadBy::Serve, "Where Stripe is"),
    variable(
        "OIDC_ISSUER",
        None,
        ReadBy::Serve,
        "The OpenID provider, exactly as it names itself, for example https://tenant.auth0.com/",
    ),
    variable("OIDC_CLIENT_ID", None, ReadBy::Serve, "This application's id at the provider"),
    variable("OIDC_CLIENT_SECRET", None, ReadBy::Serve, "This application's secret at the provider"),
    variable("SANDBOX_STRIPE_ADDR", Some("127.0.0.1:12111"), ReadBy::Dev, "Where the sandbox's Stripe listens"),
    variable("SANDBOX_OIDC_ADDR", Some("127.0.0.1:12112"), ReadBy::Dev, "Where the sandbox's OpenID provider listens"),
    variable("RUST_LOG", Some("info"), ReadBy::Both, "What is logged"),
];

/// Variables by name; an empty value counts as not set.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// The process's own.
    pub fn from_process() -> Self {
        std::env::vars().collect()
    }

    /// The value, if there is one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Sets a value.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// The value, or the default that [`VARIABLES`] documents.
    pub fn or_default(&self, name: &'static str) -> &str {
        let documented =
            || VARIABLES.iter().find(|variable| variable.name == name).and_then(|variable| variable.default);
        self.get(name).or_else(documented).unwrap_or_default()
    }
}

impl IntoIterator for Variables {
    type Item = (String, String);
    type IntoIter = std::collections::btree_map::IntoIter<String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What is wrong with the configuration: every mistake, one a line.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(pub Vec<String>);

/// Everything that the server needs to know before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub addr: SocketAddr,
    /// How browsers reach us, without a slash at the end.
    pub public_url: String,
    /// `sqlite://…` or `postgres://…`.
    pub database_url: String,
    /// The plans.
    pub catalog: Catalog,
    /// The Stripe price of each plan and period.
    pub prices: PriceIds,
    /// Stripe.
    pub stripe: StripeConfig,
    /// The OpenID provider.
    pub oidc: OidcConfig,
    /// The mail server; `None` where no mail is sent.
    pub mailer: Option<Mailer>,
    /// Where requests to sales are mailed; `None` where they are only stored.
    pub sales_email: Option<String>,
    /// How many calls of the API a key has each second; `None` for no limit.
    pub api_calls_per_second: Option<NonZeroU32>,
    /// How often everything is compared with Stripe; `None` for never.
    pub reconcile_every: Option<Duration>,
}

/// How to reach Stripe.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    /// `https://api.stripe.com`, or the sandbox.
    pub api_base: String,
    /// The API key.
    pub secret_key: SecretString,
    /// The endpoint's secrets: two while one is being rolled.
    pub webhook_secrets: Vec<SecretString>,
    /// Whether the key is for real money; events of the other kind are put aside.
    pub livemode: bool,
    /// Whether an open dispute takes the plan away.
    pub downgrade_on_dispute: bool,
}

/// How to reach the OpenID provider.
#[derive(Clone, Debug)]
pub struct OidcConfig {
    /// Exactly as the provider names itself: Auth0's ends with a slash.
    pub issuer: String,
    /// Our id there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: SecretString,
}

impl Config {
    /// Reads and checks everything; reports every mistake at once.
    pub fn read(variables: &Variables) -> Result<Self, Mistakes> {
        let mut reader = Reader { variables, mistakes: Vec::new() };
        let addr = reader.address("BILLHOOK_ADDR");
        let catalog = read_catalog(variables).map_err(|error| reader.mistakes.push(error.to_string())).ok();
        let config = Self {
            public_url: reader.public_url(addr),
            addr,
            database_url: database_url(variables),
            prices: catalog.as_ref().map(|catalog| reader.prices(catalog)).unwrap_or_default(),
            stripe: reader.stripe(),
            mailer: reader.mailer(),
            sales_email: reader.sales_email(catalog.as_ref()),
            api_calls_per_second: NonZeroU32::new(reader.number("API_CALLS_PER_SECOND")),
            reconcile_every: reader.minutes("RECONCILE_MINUTES"),
            oidc: OidcConfig {
                issuer: reader.required("OIDC_ISSUER").to_owned(),
                client_id: reader.required("OIDC_CLIENT_ID").to_owned(),
                client_secret: reader.required("OIDC_CLIENT_SECRET").into(),
            },
            catalog: match (catalog, reader.mistakes.is_empty()) {
                (Some(catalog), true) => with_trial(catalog, variables)?,
                _ => return Err(Mistakes(reader.mistakes)),
            },
        };
        Ok(config)
    }
}

/// The catalogue that `BILLHOOK_CATALOG` names.
pub fn read_catalog(variables: &Variables) -> Result<Catalog, Unreadable> {
    catalog_file::load(variables.or_default("BILLHOOK_CATALOG"))
}

/// The folder that `BILLHOOK_DATA` names.
pub fn data_folder(variables: &Variables) -> PathBuf {
    PathBuf::from(variables.or_default("BILLHOOK_DATA"))
}

fn database_url(variables: &Variables) -> String {
    variables.get("DATABASE_URL").map_or_else(
        || format!("sqlite://{}?mode=rwc", data_folder(variables).join("billhook.db").display()),
        str::to_owned,
    )
}

fn with_trial(catalog: Catalog, variables: &Variables) -> Result<Catalog, Mistakes> {
    let Some(text) = variables.get("STRIPE_TRIAL_PERIOD_DAYS") else { return Ok(catalog) };
    let days: u32 = text.parse().ok().filter(|days| *days <= 730).ok_or_else(|| {
        Mistakes(vec![format!("STRIPE_TRIAL_PERIOD_DAYS is `{text}`: write a number of days from 0 to 730")])
    })?;
    Ok(Catalog { trial: (days > 0).then_some(Trial { days }), ..catalog })
}

/// Collects mistakes while reading.
struct Reader<'a> {
    variables: &'a Variables,
    mistakes: Vec<String>,
}

impl<'a> Reader<'a> {
    fn required(&mut self, name: &'static str) -> &'a str {
        self.variables.get(name).unwrap_or_else(|| {
            let about = VARIABLES.iter().find(|variable| variable.name == name).map_or("", |variable| variable.about);
            self.mistakes.push(format!("{name} is not set. {about}."));
            ""
        })
    }

    fn address(&mut self, name: &'static str) -> SocketAddr {
        let text = self.variables.or_default(name);
        text.parse().unwrap_or_else(|_| {
            self.mistakes.push(format!("{name} is `{text}`: write an address and a port, for example 127.0.0.1:3000"));
            SocketAddr::from(([127, 0, 0, 1], 0))
        })
    }

    fn public_url(&mut self, addr: SocketAddr) -> String {
        let Some(text) = self.variables.get("PUBLIC_URL") else { return format!("http://{addr}") };
        match http::Uri::try_from(text).map(http::Uri::into_parts) {
            Ok(parts) if is_public(&parts) => text.trim_end_matches('/').to_owned(),
            _ => {
                self.mistakes.push(format!(
                    "PUBLIC_URL is `{text}`: write https:// and the host that browsers use, without a path \
                     (http:// is for loopback addresses only)"
                ));
                String::new()
            }
        }
    }

    fn stripe(&mut self) -> StripeConfig {
        let key = self.required("STRIPE_SECRET_KEY");
        if !key.is_empty() && !["sk_", "rk_"].iter().any(|prefix| key.starts_with(prefix)) {
            self.mistakes.push("STRIPE_SECRET_KEY does not start with sk_ or rk_: it is not a secret key.".to_owned());
        }
        let secrets: Vec<&str> = self.required("STRIPE_WEBHOOK_SECRET").split(',').map(str::trim).collect();
        if secrets.iter().any(|secret| !secret.is_empty() && !secret.starts_with("whsec_")) {
            self.mistakes
                .push("STRIPE_WEBHOOK_SECRET does not start with whsec_: copy it from the endpoint's page.".to_owned());
        }
        StripeConfig {
            api_base: self.variables.or_default("STRIPE_API_BASE").to_owned(),
            livemode: key.contains("_live_"),
            downgrade_on_dispute: self.yes_or_no("STRIPE_DOWNGRADE_ON_DISPUTE"),
            secret_key: key.into(),
            webhook_secrets: secrets.into_iter().map(Into::into).collect(),
        }
    }

    fn yes_or_no(&mut self, name: &'static str) -> bool {
        match self.variables.or_default(name) {
            "true" => true,
            "false" => false,
            other => {
                self.mistakes.push(format!("{name} is `{other}`: write true or false"));
                false
            }
        }
    }

    fn minutes(&mut self, name: &'static str) -> Option<Duration> {
        let minutes = self.number(name);
        (minutes > 0).then(|| Duration::from_mins(minutes.into()))
    }

    fn mailer(&mut self) -> Option<Mailer> {
        let url = self.variables.get("SMTP_URL")?;
        let mailer = Mailer::new(url, self.variables.or_default("MAIL_FROM"));
        mailer.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }

    fn sales_email(&mut self, catalog: Option<&Catalog>) -> Option<String> {
        let address = self.variables.get("SALES_EMAIL").or(catalog?.sales_email.as_deref())?;
        mail::address(address).map_err(|mistake| self.mistakes.push(mistake)).ok()
    }

    /// A number where 0 stands for never or for no limit.
    fn number(&mut self, name: &'static str) -> u32 {
        let text = self.variables.or_default(name);
        text.parse().unwrap_or_else(|_| {
            self.mistakes.push(format!("{name} is `{text}`: write a whole number"));
            0
        })
    }

    fn prices(&mut self, catalog: &Catalog) -> PriceIds {
        let mut ids = PriceIds::default();
        for (plan, price) in catalog.price_variables() {
            let of = format!("{}, {}", plan.name, price.period.as_str());
            if let Some(id) = self.price(&price.stripe_price, &of) {
                ids.plans.push((plan.id.clone(), price.period, id));
            }
        }
        for pack in &catalog.packs {
            if let Some(id) = self.price(&pack.stripe_price, &format!("the pack {}", pack.name)) {
                ids.packs.push((pack.id.clone(), id));
            }
        }
        ids
    }

    fn price(&mut self, variable: &str, of: &str) -> Option<String> {
        let id = self.variables.get(variable).map(str::to_owned);
        if id.is_none() {
            self.mistakes.push(format!("{variable} is not set. The Stripe price of {of}."));
        }
        id
    }
}

/// https anywhere, or http on a loopback address; a host, and no path.
fn is_public(parts: &http::uri::Parts) -> bool {
    let Some(host) = parts.authority.as_ref().map(http::uri::Authority::host) else { return false };
    let path_is_empty =
        parts.path_and_query.as_ref().is_none_or(|path| path.as_str() == "/" || path.as_str().is_empty());
    let loopback = host == "localhost" || host == "[::1]" || host.starts_with("127.");
    path_is_empty
        && match parts.scheme.as_ref().map(http::uri::Scheme::as_str) {
            Some("https") => true,
            Some("http") => loopback,
            _ => false,
        }
}
