//! Team organizations: making, renaming and deleting them, and who is in them.

use domain::organization::{Kind, OrganizationId, UserId};
use domain::role::{MemberRefusal, Permission, Role};
use sha2::{Digest, Sha256};

use super::App;
use super::clock::Clock;
use super::error::Error;
use super::organizations::require;
use super::store::{Action, Actor, Cause, SeatRefusal, TeamRefusal, TeamResult};
use crate::error::Code;
use crate::visitor::Account;

/// The longest name of an organization, in characters.
pub const NAME: usize = 80;
/// How many organizations one person can be in and still make another.
const MOST: usize = 50;

impl App {
    /// Makes a team organization. The same form makes one however often it is sent.
    pub async fn create_team(
        &self,
        account: &Account,
        name: &str,
        form: Option<&str>,
    ) -> Result<OrganizationId, Error> {
        let name = name_of(name)?;
        if account.organizations.len() >= MOST {
            let refused = format!("You are in {MOST} organizations. Leave or delete one before you make another.");
            return Err(Error::refused(Code::Conflict, refused));
        }
        let id = form.map_or_else(|| uuid::Uuid::new_v4().simple().to_string(), |form| from_form(&account.user, form));
        let id = OrganizationId(format!("org_{id}"));
        let free = self.catalog.free_plan.clone();
        self.store.create_team(id.clone(), &account.user, name, free, self.clock.now()).await?;
        Ok(id)
    }

    /// Renames the organization, and its customer at Stripe: invoices are to bear the new name.
    pub async fn rename(&self, account: &Account, name: &str) -> Result<(), Error> {
        let name = name_of(name)?;
        let organization = &account.organization;
        let renamed = self.store.rename_organization(organization, &account.user, name, self.clock.now());
        refused(renamed.await?)?;
        if let Err(error) = self.tell_name(organization).await {
            tracing::warn!(%organization, %error, "Stripe could not be told of a new name; the comparison tells it");
        }
        Ok(())
    }

    /// Tells Stripe what an organization is called, where it does not know yet.
    pub(super) async fn tell_name(&self, organization: &OrganizationId) -> Result<(), Error> {
        // Of two names in a row the second is told last.
        let _turn = self.syncs.take(&organization.0).await;
        if let Some((customer, name)) = self.store.name_due(organization).await? {
            self.stripe.rename_customer(&customer, &name).await?;
            self.store.name_told(organization, name).await?;
        }
        Ok(())
    }

    /// Changes what a member is.
    pub async fn change_role(&self, account: &Account, member: &UserId, role: Role) -> Result<(), Error> {
        let now = self.clock.now();
        let changed = self.store.change_member(&account.organization, &account.user, member, Some(role), now);
        refused(changed.await?)
    }

    /// Removes a member, or leaves.
    pub async fn remove_member(&self, account: &Account, member: &UserId) -> Result<(), Error> {
        let now = self.clock.now();
        refused(self.store.change_member(&account.organization, &account.user, member, None, now).await?)
    }

    /// Gives a member a seat, or takes it back: from their next request on.
    pub async fn set_seat(&self, account: &Account, member: &UserId, seat: bool) -> Result<(), Error> {
        let (organization, now) = (&account.organization, self.clock.now());
        let done = self.store.set_seat(organization, &account.user, member, seat, now, self.access_rule(now));
        let why = match done.await? {
            Ok(()) => return Ok(()),
            Err(SeatRefusal::Team(refusal)) => return refused(Err(refusal)),
            Err(SeatRefusal::NoSeats) => "This plan has no seats. The plans with seats are on the pricing page.".into(),
            Err(SeatRefusal::AllTaken(seats)) => {
                format!("All {seats} seats are taken. Add a seat, or take one back.")
            }
        };
        Err(Error::refused(Code::Conflict, why))
    }

    /// Makes another member the owner.
    pub async fn transfer_ownership(&self, account: &Account, to: &UserId) -> Result<(), Error> {
        let now = self.clock.now();
        refused(self.store.transfer_ownership(&account.organization, &account.user, to, now).await?)
    }

    /// Deletes the organization, for good. What is paid for ends first: nobody is charged for what is not there.
    pub async fn delete_organization(&self, account: &Account, typed: &str) -> Result<(), Error> {
        require(account, Permission::Delete)?;
        if account.kind == Kind::Personal {
            let refused = "A personal organization is deleted with its account, in the account settings.";
            return Err(Error::refused(Code::Conflict, refused));
        }
        if typed.trim() != account.organization_name {
            let refused = format!("To delete the organization, type its name: {}.", account.organization_name);
            return Err(Error::refused(Code::Invalid, refused));
        }
        let (organization, actor) = (&account.organization, Actor::User(account.user.clone()));
        if let Some(subscription) = self.running(organization).await? {
            self.stripe.end_now(&subscription.id).await?;
            self.store.record(organization, actor.clone(), Action::EndedNow, self.clock.now()).await?;
            self.sync_subscription(&subscription.id, Cause::actor(actor)).await?;
        }
        let (now, wall) = (self.clock.now(), Clock::wall());
        let deleted = self.store.delete_organization(organization, &account.user, now, wall).await?;
        // What was paid meanwhile is ended when it is heard of.
        drop(self.close_sessions(refused(deleted)?).await);
        Ok(())
    }
}

/// A name that an organization may have.
fn name_of(text: &str) -> Result<&str, Error> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > NAME || name.chars().any(char::is_control) {
        return Err(Error::refused(Code::Invalid, format!("Give the organization a name of 1 to {NAME} characters.")));
    }
    Ok(name)
}

/// The id that a form gives to what it makes.
fn from_form(user: &UserId, form: &str) -> String {
    let mut digest = Sha256::new();
    for part in ["organization", &user.0, form] {
        digest.update(part);
        digest.update([0]);
    }
    hex::encode(&digest.finalize()[..16])
}

/// The refusal in words.
pub(super) fn refused<T>(result: TeamResult<T>) -> Result<T, Error> {
    result.map_err(|refusal| match refusal {
        TeamRefusal::NotIn => Error::refused(Code::NotFound, super::organizations::NOT_A_MEMBER),
        TeamRefusal::NotAllowed(permission) => Error::refused(Code::Forbidden, permission.refusal()),
        TeamRefusal::NoSuchMember => Error::refused(Code::NotFound, "There is no such member. They may have left."),
        TeamRefusal::Member(refusal) => {
            let code = match refusal {
                MemberRefusal::NotAllowed | MemberRefusal::AboveOwn => Code::Forbidden,
                MemberRefusal::Personal | MemberRefusal::LastOwner => Code::Conflict,
            };
            Error::refused(code, refusal.to_string())
        }
        TeamRefusal::Subscribed => Error::refused(
            Code::Conflict,
            "A subscription is still running, so nothing was deleted. Please try again in a moment.",
        ),
    })
}
