//! What exists in the account at start: products, prices, the portal's default configuration and
//! the application's webhook endpoint. Safe to repeat at every start.

use serde_json::{Value, json};

use super::account::Account;
use super::{portal, prices, products};
use crate::config::{Interval, SeedPrice};
use crate::json::Json;

/// Brings products and prices to what the configuration says.
pub(crate) fn apply(account: &mut Account, seeds: &[SeedPrice]) {
    portal::ensure_default_configuration(account);
    for seed in seeds {
        product(account, seed);
        price(account, seed);
    }
}

fn product(account: &mut Account, seed: &SeedPrice) {
    match account.get("product", &seed.product).cloned() {
        None => {
            let mut product = products::object(account, &seed.product, &seed.product_name);
            product.set("default_price", seed.id.as_str());
            account.save(&product);
        }
        Some(mut product) => {
            product.set("name", seed.product_name.as_str());
            if account.get("product", &seed.product) != Some(&product) {
                account.update(&product, "product.updated");
            }
        }
    }
}

fn price(account: &mut Account, seed: &SeedPrice) {
    let recurring = json!({ "interval": seed.interval.map(Interval::as_str) });
    let mut fresh = prices::object(account, &seed.id, &seed.product, seed.unit_amount, &seed.currency, &recurring);
    fresh.set("lookup_key", seed.lookup_key.clone());
    match account.get("price", &seed.id).cloned() {
        None => account.save(&fresh),
        Some(known) => {
            fresh.set("created", known.int("created"));
            fresh.set("metadata", known.get("metadata").cloned().unwrap_or_else(|| json!({})));
            fresh.set("active", known.get("active").cloned().unwrap_or(Value::Bool(true)));
            account.update(&fresh, "price.updated");
        }
    }
}
