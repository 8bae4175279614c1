//! Keys for services. The secret is shown once; only its hash is kept.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::catalog::Gate;
use domain::organization::OrganizationId;
use domain::role::Permission;
use rand::TryRngCore;
use sha2::{Digest, Sha256};

use super::App;
use super::clock::Clock;
use super::error::Error;
use super::organizations::require;
use super::store::{Action, Actor, Kept, KeyAccess, NewKey};
use crate::error::Code;
use crate::visitor::Account;

const PREFIX: &str = "bhk_";
/// Random bytes in a key: far more than can be guessed.
const BYTES: usize = 24;
/// The longest name, in characters.
const NAME: usize = 80;
/// How long a second click of a double click may take. Afterwards the secret is forgotten here as well.
const FRESH: Duration = Duration::from_secs(10);
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
    /// Makes a key for somebody's own organization. Answers with its id and its secret, which is not seen again. The
    /// same click twice makes one key: `form` is the form's token.
    pub async fn make_key(
        &self,
        account: &Account,
        name: &str,
        access: KeyAccess,
        form: Option<&str>,
    ) -> Result<(String, Secret), Error> {
        require(account, Permission::ManageKeys)?;
        let organization = &account.organization;
        let (standing, now) = self.standing(organization).await?;
        if let Some(answer) = self.closed(Gate::ApiKeys, &standing, now) {
            return Err(Error::refused(Code::Forbidden, self.locked(account, &answer).await?.reason));
        }
        let name = name_of(name)?;
        let form = form.map(|token| click(account, token, name, access));
        // Both answers to a double click show the same secret: the browser shows the second only.
        let secret = match &form {
            Some(form) => self.fresh_keys.secret(form, Secret::new()?),
            None => Secret::new()?,
        };
        let key = NewKey {
            organization: Some(organization.clone()),
            name: name.to_owned(),
            hash: secret.hash(),
            hint: secret.hint(),
            access,
            created_by: account.user.0.clone(),
            form,
        };
        let key = match self.store.create_key(key, Clock::wall()).await? {
            Kept::New(key) => key,
            Kept::Before { id, hash } if hash == secret.hash() => return Ok((id, secret)),
            Kept::Before { .. } => {
                return Err(Error::refused(
                    Code::Conflict,
                    format!(
                        "{name} was made before, and its key was shown then. If it was not copied, revoke it under \
                         Settings, API keys, and make another."
                    ),
                ));
            }
        };
        let action = Action::KeyMade { key: key.clone(), name: name.to_owned(), access: access.as_str() };
        self.store.record(organization, Actor::User(account.user.clone()), action, now).await?;
        Ok((key, secret))
    }

    /// Revokes a key of somebody's own organization, whatever the plan is now.
    pub async fn unmake_key(&self, account: &Account, key: &str) -> Result<(), Error> {
        require(account, Permission::ManageKeys)?;
        let organization = &account.organization;
        if !self.store.revoke_key(Some(organization), key, Clock::wall()).await? {
            return Err(Error::refused(Code::NotFound, "There is no such key."));
        }
        let action = Action::KeyRevoked { key: key.to_owned() };
        let (actor, now) = (Actor::User(account.user.clone()), self.clock.now());
        Ok(self.store.record(organization, actor, action, now).await?)
    }

    /// Makes a key: for one organization, or for all. Answers with its id and its secret, which is not seen again.
    pub async fn create_key(
        &self,
        organization: Option<OrganizationId>,
        name: &str,
        access: KeyAccess,
        created_by: &str,
    ) -> Result<(String, Secret), Error> {
        let name = name_of(name)?;
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
            form: None,
        };
        match self.store.create_key(key, Clock::wall()).await? {
            Kept::New(id) | Kept::Before { id, .. } => Ok((id, secret)),
        }
    }
}

/// A name that a key may have.
fn name_of(text: &str) -> Result<&str, Error> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > NAME {
        return Err(Error::refused(Code::Invalid, format!("Give the key a name of 1 to {NAME} characters.")));
    }
    Ok(name)
}

/// What tells a click from another: whose it is, the form, and what is written in it. Who goes back and writes another
/// name wants another key.
fn click(account: &Account, token: &str, name: &str, access: KeyAccess) -> String {
    let mut digest = Sha256::new();
    for part in [account.organization.0.as_str(), &account.user.0, token, name, access.as_str()] {
        digest.update(part);
        digest.update([0]);
    }
    hex::encode(digest.finalize())
}

/// Secrets that were made a moment ago, by the click that made them. Another node does not know them, and refuses the
/// second click.
#[derive(Debug, Default)]
pub struct Fresh(Mutex<Vec<(Instant, String, Secret)>>);

impl Fresh {
    /// The click's secret: the one that it has, or this one from now on.
    fn secret(&self, click: &str, new: Secret) -> Secret {
        let mut fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.retain(|(made, ..)| made.elapsed() < FRESH);
        if let Some((.., secret)) = fresh.iter().find(|(_, known, _)| known == click) {
            return secret.clone();
        }
        fresh.push((Instant::now(), click.to_owned(), new.clone()));
        new
    }
}
