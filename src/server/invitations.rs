//! Invitations into an organization: they go out by mail, and whoever has the address and the link gets in.

use domain::invitation::{GOOD_FOR, Guest};
use domain::organization::{OrganizationId, UserId};
use domain::role::{Permission, Role};
use rand::TryRngCore;
use sha2::{Digest, Sha256};

use super::App;
use super::clock::Clock;
use super::error::Error;
use super::organizations::require;
use super::overview::day;
use super::store::{InviteRefusal, NewInvitation, NewMail, StoredInvitation};
use crate::error::{AppError, Code};
use crate::visitor::Account;

/// Random bytes in a link: far more than can be guessed.
const BYTES: usize = 24;
/// The longest address, in characters.
const ADDRESS: usize = 254;

impl App {
    /// Invites somebody by mail.
    pub async fn invite(&self, account: &Account, email: &str, role: Role) -> Result<(), Error> {
        require(account, Permission::ManageMembers)?;
        let email = address_of(email)?;
        let new = self.new_invitation(account, &email, role)?;
        refused(self.store.invite(new, email, role).await?)
    }

    /// Sends an invitation again.
    pub async fn invite_again(&self, account: &Account, invitation: &str) -> Result<(), Error> {
        require(account, Permission::ManageMembers)?;
        let known = self.store.invitation_of(&account.organization, invitation).await?;
        let known = known.ok_or(InviteRefusal::Gone);
        let known = match known {
            Ok(known) => known.invitation,
            Err(refusal) => return refused(Err(refusal)),
        };
        let new = self.new_invitation(account, &known.email, known.role)?;
        refused(self.store.send_invitation_again(new, invitation).await?)
    }

    /// Takes an invitation back.
    pub async fn uninvite(&self, account: &Account, invitation: &str) -> Result<(), Error> {
        require(account, Permission::ManageMembers)?;
        let (organization, now) = (&account.organization, self.clock.now());
        refused(self.store.revoke_invitation(organization, &account.user, invitation, now).await?)
    }

    /// Lets somebody in by their link. Answers with where they are now.
    pub async fn accept_invitation(&self, account: &Account, token: &str) -> Result<OrganizationId, Error> {
        let now = self.clock.now();
        let accepted = self.store.accept_invitation(&hash(token), &account.user, now, self.access_rule(now)).await?;
        accepted.ok_or_else(no_such_link)?.map_err(|refusal| Error::refused(Code::Conflict, refusal.to_string()))
    }

    /// The invitation that a link is of, and what it needs to know of the person who has opened it.
    pub async fn invitation(
        &self,
        token: &str,
        user: Option<&UserId>,
    ) -> Result<(StoredInvitation, Option<(String, bool, bool)>), Error> {
        let stored = self.store.invitation(&hash(token)).await?.ok_or_else(no_such_link)?;
        let guest = match user {
            Some(user) => self.store.guest(&stored.organization, user).await?,
            None => None,
        };
        Ok((stored, guest))
    }

    fn new_invitation(&self, account: &Account, email: &str, role: Role) -> Result<NewInvitation, Error> {
        let (token, now) = (token()?, self.clock.now());
        let (by, into, product) = (&account.name, &account.organization_name, &self.catalog.name);
        let body = format!(
            "Hello,\n\n{by} ({from}) invites you to {into} on {product}, as {role}.\n\nAccept the invitation: \
             {url}/invitations/{token}\n\nSign in with this address, {email}. The link is for you alone, and is good \
             until {until}. If you do not know what this is about, nothing happens unless you accept.\n\n{product}\n",
            from = account.email,
            role = role.as_str(),
            url = self.config.public_url,
            until = day(now + GOOD_FOR),
        );
        Ok(NewInvitation {
            organization: account.organization.clone(),
            by: account.user.clone(),
            token_hash: hash(&token),
            mail: NewMail { recipient: email.to_owned(), subject: format!("{by} invites you to {into}"), body },
            now,
            wall: Clock::wall(),
        })
    }
}

impl StoredInvitation {
    /// Why a person cannot accept it, in a sentence; `None` where they can, or where nobody is signed in.
    pub fn refusal(&self, guest: Option<&(String, bool, bool)>, now: domain::time::Timestamp) -> Option<String> {
        let asked = match guest {
            Some((email, verified, is_member)) => {
                self.invitation.accept(Guest { email, verified: *verified, is_member: *is_member }, now)
            }
            None => self.invitation.open(now),
        };
        asked.err().map(|refusal| refusal.to_string())
    }
}

/// A link's token.
fn token() -> Result<String, Error> {
    let mut bytes = [0_u8; BYTES];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the system gives no random numbers");
        Error::refused(Code::Unavailable, "The system gives no random numbers right now. Please try again.")
    })?;
    Ok(hex::encode(bytes))
}

/// What is stored of it. It is random and long, so that a plain hash is enough.
fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// An address that can be written to, in small letters.
fn address_of(text: &str) -> Result<String, Error> {
    let email = text.trim().to_lowercase();
    let usable = email.chars().count() <= ADDRESS && email.parse::<lettre::Address>().is_ok();
    if usable { Ok(email) } else { Err(Error::refused(Code::Invalid, "Write an address such as grace@example.com.")) }
}

fn no_such_link() -> Error {
    AppError::new(
        Code::NotFound,
        "There is no such invitation. It may have been sent again: then the newest mail has the link.",
    )
    .into()
}

fn refused(result: Result<(), InviteRefusal>) -> Result<(), Error> {
    let (code, words) = match result {
        Ok(()) => return Ok(()),
        Err(InviteRefusal::Team(refusal)) => return super::team::refused(Err(refusal)),
        Err(InviteRefusal::AlreadyMember) => (Code::Conflict, "Whoever has this address is a member already.".into()),
        Err(InviteRefusal::AlreadyInvited) => {
            (Code::Conflict, "This address has been invited. You can send the invitation again in the list.".into())
        }
        Err(InviteRefusal::TooMany) => {
            (Code::RateLimited, "There are 100 invitations already. Revoke some, or wait until tomorrow.".to_owned())
        }
        Err(InviteRefusal::TooSoon(_)) => {
            (Code::RateLimited, "The invitation was sent a moment ago. It can be sent again after five minutes.".into())
        }
        Err(InviteRefusal::Gone) => (Code::NotFound, "There is no such invitation any more.".into()),
    };
    Err(Error::refused(code, words))
}
