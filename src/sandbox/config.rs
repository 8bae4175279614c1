//! What a sandbox is started with: addresses, seeds and the application's URLs.
//!
//! Plain data without behaviour beyond defaults. It must not know the application: a price here is
//! what the Stripe account holds, not a plan.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Everything a sandbox needs to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the local Stripe listens; port 0 picks a free one.
    pub stripe_addr: SocketAddr,
    /// Where the local `OpenID` provider listens; port 0 picks a free one.
    pub oidc_addr: SocketAddr,
    /// Where mail is taken by SMTP; port 0 picks a free one.
    pub smtp_addr: SocketAddr,
    /// Folder of the durable state; `None` keeps everything in memory.
    pub data: Option<PathBuf>,
    /// Where the application receives events; registered as a webhook endpoint at start.
    pub webhook_url: Option<String>,
    /// `OpenID` redirect URIs of the client, compared exactly.
    pub redirect_uris: Vec<String>,
    /// Where the provider may send the browser after sign-out, compared exactly.
    pub post_logout_redirect_uris: Vec<String>,
    /// Products and prices that exist in the account at start.
    pub prices: Vec<SeedPrice>,
    /// Users who can sign in without a password.
    pub users: Vec<SeedUser>,
}

impl Default for Config {
    /// The addresses of local development, the ready users, nothing durable.
    fn default() -> Self {
        Self {
            stripe_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 12111)),
            oidc_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 12112)),
            smtp_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 12113)),
            data: None,
            webhook_url: None,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            prices: Vec::new(),
            users: SeedUser::defaults(),
        }
    }
}

impl Config {
    /// All listeners on free ports and nothing on disk: what a test wants.
    pub fn ephemeral() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { stripe_addr: free, oidc_addr: free, smtp_addr: free, ..Self::default() }
    }
}

/// How often a seeded price bills.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Interval {
    /// Every month.
    Month,
    /// Every year.
    Year,
}

impl Interval {
    /// Stripe's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// A price, and the product it belongs to, that exist at start.
#[derive(Clone, Debug)]
pub struct SeedPrice {
    /// Id of the price, for example `price_pro_month`.
    pub id: String,
    /// Id of the product, shared by its prices.
    pub product: String,
    /// Name of the product as Checkout and invoices show it.
    pub product_name: String,
    /// Amount per unit in minor units.
    pub unit_amount: i64,
    /// Lower-case ISO currency.
    pub currency: String,
    /// How often it bills; `None` is a one-time price, for `mode=payment` and invoice items.
    pub interval: Option<Interval>,
    /// Stripe's stable name for the price, if any.
    pub lookup_key: Option<String>,
}

/// Somebody who can sign in at the local `OpenID` provider.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeedUser {
    /// Stable subject identifier.
    pub sub: String,
    /// E-mail address, reported as verified.
    pub email: String,
    /// Full name.
    pub name: String,
}

impl SeedUser {
    /// Ada, Grace and Alan.
    pub fn defaults() -> Vec<Self> {
        [
            ("user_ada", "ada@example.com", "Ada Lovelace"),
            ("user_grace", "grace@example.com", "Grace Hopper"),
            ("user_alan", "alan@example.com", "Alan Turing"),
        ]
        .map(|(sub, email, name)| Self { sub: sub.into(), email: email.into(), name: name.into() })
        .into()
    }
}
