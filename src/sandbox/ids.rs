//! Random identifiers and secrets in Stripe's form: a prefix and letters and digits.

use rand::Rng;
use rand::distr::Alphanumeric;

/// `prefix` followed by `length` random letters and digits.
pub(crate) fn random(prefix: &str, length: usize) -> String {
    let mut id = String::with_capacity(prefix.len() + length);
    id.push_str(prefix);
    id.extend(rand::rng().sample_iter(Alphanumeric).take(length).map(char::from));
    id
}

/// A new id of the usual length, for example `sub_1Qf…`.
pub(crate) fn new(prefix: &str) -> String {
    random(prefix, 24)
}
