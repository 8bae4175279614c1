//! The sandbox as the surroundings of an app: starts it for a catalogue, and says in variables where everything is.
//! The app then reads its configuration exactly as in production.

use std::net::SocketAddr;
use std::path::PathBuf;

use billhook::server::config::Variables;
use domain::catalog::Catalog;
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
        data: places.data,
        webhook_url: Some(format!("{}/api/webhooks/stripe", places.public_url)),
        redirect_uris: vec![format!("{}/auth/callback", places.public_url)],
        post_logout_redirect_uris: vec![format!("{}/", places.public_url)],
        prices: catalog
            .plans
            .iter()
            .flat_map(|plan| plan.prices.iter().map(|price| seed(catalog, plan, price)))
            .collect(),
        users: SeedUser::defaults(),
    })
    .await?;
    for (name, value) in [
        ("STRIPE_API_BASE", sandbox.stripe_url()),
        ("STRIPE_SECRET_KEY", sandbox.secret_key()),
        ("STRIPE_WEBHOOK_SECRET", sandbox.webhook_secret()),
        ("OIDC_ISSUER", sandbox.issuer()),
        ("OIDC_CLIENT_ID", sandbox.client_id()),
        ("OIDC_CLIENT_SECRET", sandbox.client_secret()),
        ("PUBLIC_URL", &places.public_url),
    ] {
        variables.set(name, value);
    }
    for plan in &catalog.plans {
        for price in &plan.prices {
            variables.set(price.stripe_price.clone(), price_id(plan, price));
        }
    }
    Ok(sandbox)
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
        interval: match price.period {
            Period::Monthly => Interval::Month,
            Period::Yearly => Interval::Year,
        },
        lookup_key: Some(format!("{}_{}", plan.id, price.period.as_str())),
    }
}
