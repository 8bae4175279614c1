//! Configuration: everything that is missing at once, nothing secret in print, and the README in step.

use billhook::server::config::{Config, VARIABLES, Variables};

fn complete() -> Variables {
    let mut variables = Variables::default();
    for (name, value) in [
        ("STRIPE_SECRET_KEY", "sk_test_very_secret"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_very_secret, whsec_next_secret"),
        ("OIDC_ISSUER", "https://tenant.auth0.com/"),
        ("OIDC_CLIENT_ID", "client"),
        ("OIDC_CLIENT_SECRET", "very_secret_too"),
        ("STRIPE_CREDITS_PACK_PRICE_ID", "price_credits"),
        ("BILLHOOK_CATALOG", "chat"),
    ] {
        variables.set(name, value);
    }
    for plan in ["PLUS", "PRO"] {
        for period in ["MONTHLY", "YEARLY"] {
            variables.set(format!("STRIPE_{plan}_{period}_PRICE_ID"), format!("price_{plan}_{period}"));
        }
    }
    variables
}

#[test]
fn everything_that_is_missing_is_said_at_once() {
    let said = Config::read(&Variables::default()).unwrap_err().to_string();
    let prices = ["STARTER", "PRO", "SCALE"].map(|plan| format!("STRIPE_{plan}_YEARLY_PRICE_ID"));
    for name in ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"]
        .into_iter()
        .chain(prices.iter().map(String::as_str))
    {
        assert!(said.contains(&format!("{name} is not set")), "{name}: {said}");
    }
}

#[test]
fn a_complete_configuration_is_read() {
    let config = Config::read(&complete()).unwrap();
    assert_eq!(config.public_url, "http://127.0.0.1:3000");
    assert_eq!(config.stripe.webhook_secrets.len(), 2);
    assert!(!config.stripe.livemode);
}

#[test]
fn secrets_are_not_printed() {
    let variables = complete();
    let printed = format!("{variables:?} {:?}", Config::read(&variables).unwrap());
    assert!(!printed.contains("very_secret"), "{printed}");
}

#[test]
fn values_that_cannot_be_right_are_refused() {
    for (name, value, words) in [
        ("BILLHOOK_ADDR", "localhost", "address and a port"),
        ("PUBLIC_URL", "http://example.com", "https://"),
        ("SALES_EMAIL", "sales", "sales@example.com"),
        ("PUBLIC_URL", "https://example.com/path", "without a path"),
        ("STRIPE_SECRET_KEY", "pk_test_1", "not a secret key"),
        ("STRIPE_WEBHOOK_SECRET", "secret", "whsec_"),
        ("STRIPE_TRIAL_PERIOD_DAYS", "a week", "number of days"),
        ("BILLHOOK_CATALOG", "nowhere.json", "cannot be read"),
    ] {
        let mut variables = complete();
        variables.set(name, value);
        let said = Config::read(&variables).unwrap_err().to_string();
        assert!(said.contains(words), "{name}={value}: {said}");
    }
}

#[test]
fn the_readme_lists_every_variable() {
    let readme = include_str!("../../README.md");
    for variable in VARIABLES {
        let row = format!("| `{}` | {}", variable.name, variable.about);
        assert!(readme.contains(&row), "README.md lacks or differs in:\n{row}");
    }
}
