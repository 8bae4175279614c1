//! Stripe's webhook signature: HMAC-SHA256 over the raw bytes, checked before anything is read from them.

use domain::time::Timestamp;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// How far the signature's time may be from ours, either way. Source: the default of Stripe's own libraries.
pub const TOLERANCE_SECONDS: i64 = 300;

/// How many `v1` signatures are looked at: one for each secret while they are being rolled, and some to spare.
const SIGNATURES: usize = 16;

/// Why a delivery is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no `Stripe-Signature` header, or it has no time, no `v1`, or more of them than anybody sends.
    #[error("the Stripe-Signature header is missing or malformed")]
    Malformed,
    /// No signature in it was made with one of the configured secrets.
    #[error("no signature matches: check that STRIPE_WEBHOOK_SECRET is this endpoint's secret")]
    NoMatch,
    /// It was made too long ago, or in the future.
    #[error("the signature's time is more than five minutes away: check this machine's clock")]
    TooOld,
}

/// Accepts a body if any `v1` signature in the header was made with any of the secrets. Several of each exist while a
/// secret is being rolled.
pub fn verify(header: Option<&str>, body: &[u8], secrets: &[SecretString], now: Timestamp) -> Result<(), Refused> {
    let header = header.ok_or(Refused::Malformed)?;
    let (time, signatures) = parse(header).ok_or(Refused::Malformed)?;
    if !secrets.iter().any(|secret| matches_any(secret, time, body, &signatures)) {
        return Err(Refused::NoMatch);
    }
    let seconds: i64 = time.parse().map_err(|_| Refused::Malformed)?;
    if now.0.abs_diff(seconds) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(Refused::TooOld);
    }
    Ok(())
}

/// The time as it was written (it is what was signed) and the decoded `v1` signatures.
fn parse(header: &str) -> Option<(&str, Vec<Vec<u8>>)> {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", value) => time = Some(value),
            ("v1", value) => signatures.extend(hex::decode(value)),
            _ => {}
        }
    }
    (1..=SIGNATURES).contains(&signatures.len()).then_some((time?, signatures))
}

/// The body is read once, however many signatures somebody sends.
fn matches_any(secret: &SecretString, time: &str, body: &[u8], signatures: &[Vec<u8>]) -> bool {
    // HMAC takes a key of any length, so this cannot fail; if it ever did, nothing would match.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else { return false };
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
}
