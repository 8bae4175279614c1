//! The sandbox as the surroundings of an app: starts it for a catalogue, and says in variables where everything is.
//! The app then reads its configuration exactly as in production.

use std::net::SocketAddr;
use std::path::PathBuf;

use billhook::server::config::Variables;
use domain::catalog::{Catalog, Pack};
use domain::plan::{Period, Plan, Price};
use sandbox::{Interval, Sandbox, SeedPrice, SeedUser};

/// Where the sandbox listens and keeps its state.
#[derive(Clone, Debug)]
pub struct Places {
    /// The sandbox's Stripe.
    pub stripe_addr: SocketAddr,
    /// The sandbox's OpenID provider.
    pub oidc_addr: SocketAddr,
    /// The folder for its state; `None` keeps it in memory.
    pub data: Option<PathBuf>,
    /// How browsers reach the app.
    pub public_url: String,
}

/// Starts the sandbox with the catalogue's prices and sets every variable that `serve` asks for.
pub async fn start(places: Places, catalog: &Catalog, variables: &mut Variables) -> Result<Sandbox, sandbox::Error> {
    let sandbox = Sandbox::start(sandbox::Config {
        stripe_addr: places.stripe_addr,
        oidc_addr: places.oidc_addr,
        // Any free port: who sends mail asks the sandbox where to.
        smtp_addr: SocketAddr::new(places.stripe_addr.ip(), 0),
        data: places.data,
        webhook_url: Some(format!("{}/api/webhooks/stripe", places.public_url)),
        redirect_uris: vec![format!("{}/auth/callback", places.public_url)],
        post_logout_redirect_uris: vec![format!("{}/", places.public_url)],
        prices: catalog
            .plans
            .iter()
            .flat_map(|plan| plan.prices.iter().map(|price| seed(catalog, plan, price)))
            .chain(catalog.packs.iter().map(|pack| seed_pack(catalog, pack)))
            .collect(),
        users: SeedUser::defaults(),
    })
    .await?;
    point_at(sandbox.stripe_url(), sandbox.issuer(), &places.public_url, catalog, variables);
    variables.set("SMTP_URL", sandbox.smtp_url());
    Ok(sandbox)
}

/// Sets every variable that `serve` asks for to a sandbox that is running at these addresses.
pub fn point_at(stripe: &str, issuer: &str, public_url: &str, catalog: &Catalog, variables: &mut Variables) {
    for (name, value) in Sandbox::variables(stripe, issuer) {
        variables.set(name, value);
    }
    variables.set("PUBLIC_URL", public_url);
    for (plan, price) in catalog.price_variables() {
        variables.set(price.stripe_price.clone(), price_id(plan, price));
    }
    for pack in &catalog.packs {
        variables.set(pack.stripe_price.clone(), pack_price_id(pack));
    }
}

fn price_id(plan: &Plan, price: &Price) -> String {
    format!("price_{}_{}", plan.id, price.period.as_str())
}

fn seed(catalog: &Catalog, plan: &Plan, price: &Price) -> SeedPrice {
    SeedPrice {
        id: price_id(plan, price),
        product: format!("prod_{}", plan.id),
        product_name: format!("{} {}", catalog.name, plan.name),
        unit_amount: i64::from(price.amount),
        currency: catalog.currency.code().to_owned(),
        interval: Some(match price.period {
            Period::Monthly => Interval::Month,
            Period::Yearly => Interval::Year,
        }),
        lookup_key: Some(format!("{}_{}", plan.id, price.period.as_str())),
    }
}

fn pack_price_id(pack: &Pack) -> String {
    format!("price_pack_{}", pack.id)
}

fn seed_pack(catalog: &Catalog, pack: &Pack) -> SeedPrice {
    SeedPrice {
        id: pack_price_id(pack),
        product: format!("prod_pack_{}", pack.id),
        product_name: format!("{} {}", catalog.name, pack.name),
        unit_amount: i64::from(pack.amount),
        currency: catalog.currency.code().to_owned(),
        interval: None,
        lookup_key: Some(format!("pack_{}", pack.id)),
    }
}

#[cfg_attr(test, allow(dead_code, reason = "the integration tests hold their sandbox"))]
/// How many seconds the clock of a running sandbox is ahead of this machine's.
pub async fn clock_ahead(stripe: &str) -> Result<i64, openidconnect::reqwest::Error> {
    #[derive(serde::Deserialize)]
    struct Told {
        now: i64,
    }
    let told: Told = openidconnect::reqwest::get(format!("{stripe}/sandbox/clock")).await?.json().await?;
    Ok(told.now - jiff::Timestamp::now().as_second())
}
