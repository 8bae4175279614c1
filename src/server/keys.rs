//! Keys for services. The secret is shown once; only its hash is kept.

use std::fmt;

use domain::organization::OrganizationId;
use rand::TryRngCore;
use sha2::{Digest, Sha256};

use super::App;
use super::clock::Clock;
use super::error::Error;
use super::store::{KeyAccess, NewKey};
use crate::error::Code;

const PREFIX: &str = "bhk_";
/// Random bytes in a key: far more than can be guessed.
const BYTES: usize = 24;
/// The longest name, in characters.
const NAME: usize = 80;
/// How many characters at the end tell keys apart.
const HINT: usize = 4;

/// A key's secret: never logged.
#[derive(Clone)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// What can be a key; whether it is one, the store knows.
    pub fn parse(text: &str) -> Option<Self> {
        let random = text.strip_prefix(PREFIX)?;
        let plain = random.len() == 2 * BYTES && random.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| Self(text.to_owned()))
    }

    fn new() -> Result<Self, Error> {
        let mut bytes = [0_u8; BYTES];
        rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(|error| {
            tracing::error!(%error, "the system gives no random numbers");
            Error::refused(Code::Unavailable, "The system gives no random numbers right now. Please try again.")
        })?;
        Ok(Self(format!("{PREFIX}{}", hex::encode(bytes))))
    }

    /// What is stored of it. It is random and long, so that a plain hash is enough.
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }

    /// The secret itself, to be shown to whoever made it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn hint(&self) -> String {
        self.0.chars().skip(self.0.len() - HINT).collect()
    }
}

impl App {
    /// Makes a key: for one organization, or for all. Answers with its id and its secret, which is not seen again.
    pub async fn create_key(
        &self,
        organization: Option<OrganizationId>,
        name: &str,
        access: KeyAccess,
        created_by: &str,
    ) -> Result<(String, Secret), Error> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME {
            return Err(Error::refused(Code::Invalid, format!("Give the key a name of 1 to {NAME} characters.")));
        }
        if let Some(organization) = &organization
            && self.store.organization(organization).await?.is_none()
        {
            return Err(Error::refused(Code::NotFound, "There is no such organization."));
        }
        let secret = Secret::new()?;
        let key = NewKey {
            organization,
            name: name.to_owned(),
            hash: secret.hash(),
            hint: secret.hint(),
            access,
            created_by: created_by.to_owned(),
        };
        Ok((self.store.create_key(key, Clock::wall()).await?, secret))
    }
}
