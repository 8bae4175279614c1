//! What an organization may do, and using it: the same answers for pages, their guards and the API.

use std::borrow::Cow;
use std::sync::Arc;

use domain::catalog::{Catalog, Feature, Gate, Meter};
use domain::entitlement::{FeatureAnswer, Standing};
use domain::organization::{OrganizationId, UserId};
use domain::plan::{FeatureId, MeterId};
use domain::role::Permission;
use domain::time::{Seconds, Timestamp};
use domain::usage::MOST_AT_ONCE;
use domain::window::{NoSuchZone, Zone};

use super::App;
use super::error::Error;
use super::organizations::require;
use super::store::{Actor, Idempotency, Operation, Outcome, SeatedMember, UsageRequest};
use crate::error::{AppError, Code};
use crate::visitor::Account;

/// How long the answer to an idempotency key is kept: longer than anybody tries the same request again.
const ANSWERS_KEPT: Seconds = Seconds::days(7);

/// What is said of a person who is not in the organization.
pub(super) const NO_MEMBER: &str =
    "Nobody of this name is a member of the organization: `user` is an id of ours or the identity provider's.";

/// What is asked: a feature, so much of a meter, or both.
#[derive(Clone, Copy, Debug)]
pub struct Question<'c> {
    /// The feature.
    pub feature: Option<&'c Feature>,
    /// The meter and how much of it.
    pub meter: Option<(&'c Meter, u64)>,
}

impl<'c> Question<'c> {
    /// Reads names as they were sent.
    pub fn parse(
        catalog: &'c Catalog,
        feature: Option<&str>,
        meter: Option<&str>,
        amount: Option<u64>,
    ) -> Result<Self, AppError> {
        if feature.is_none() && meter.is_none() {
            return Err(AppError::new(Code::Invalid, "Ask about a `feature`, a `meter`, or both."));
        }
        let amount = amount.map_or(Ok(1), |amount| amount_of(i64::try_from(amount).ok()))?;
        Ok(Self {
            feature: feature.map(|name| feature_of(catalog, name)).transpose()?,
            meter: meter.map(|name| meter_of(catalog, name)).transpose()?.map(|meter| (meter, amount)),
        })
    }
}

/// The feature of that name.
pub fn feature_of<'c>(catalog: &'c Catalog, name: &str) -> Result<&'c Feature, AppError> {
    let known = FeatureId::parse(name).ok().and_then(|id| catalog.feature(&id));
    known.ok_or_else(|| {
        let all: Vec<&str> = catalog.features.iter().map(|feature| feature.id.as_str()).collect();
        AppError::new(Code::NotFound, format!("There is no feature of this name. There are: {}.", all.join(", ")))
    })
}

/// The meter of that name.
pub fn meter_of<'c>(catalog: &'c Catalog, name: &str) -> Result<&'c Meter, AppError> {
    let known = MeterId::parse(name).ok().and_then(|id| catalog.meter(&id));
    known.ok_or_else(|| {
        let all: Vec<&str> = catalog.meters.iter().map(|meter| meter.id.as_str()).collect();
        AppError::new(Code::NotFound, format!("There is no meter of this name. There are: {}.", all.join(", ")))
    })
}

/// An amount that can be used.
pub fn amount_of(amount: Option<i64>) -> Result<u64, AppError> {
    amount
        .and_then(|amount| u64::try_from(amount).ok())
        .filter(|amount| (1..=MOST_AT_ONCE).contains(amount))
        .ok_or_else(|| AppError::new(Code::Invalid, "`amount` is a whole number from 1 to 1000000000."))
}

impl App {
    /// What is known of an organization, and the moment that it is answered for.
    pub async fn standing(&self, organization: &OrganizationId) -> Result<(Arc<Standing>, Timestamp), Error> {
        let unknown = || Error::refused(Code::NotFound, "There is no such organization.");
        let now = self.clock.now();
        let standing = self.store.standing(organization, &self.catalog).await?.ok_or_else(unknown)?;
        let is_over = |until: Option<Timestamp>| until.is_some_and(|until| until <= now);
        let teams = standing.seats.iter().filter(|seat| is_over(seat.until)).map(|seat| &seat.organization);
        let due: Vec<_> = is_over(standing.until).then_some(organization).into_iter().chain(teams).collect();
        if due.is_empty() {
            return Ok((standing, now));
        }
        // Time alone has changed the tier, the own one or a team's, and the worker has not come by yet.
        for organization in due {
            self.store.review(organization, Actor::Clock, now, self.access_rule(now)).await?;
        }
        Ok((self.store.standing(organization, &self.catalog).await?.ok_or_else(unknown)?, now))
    }

    /// What is known of an organization, for the person who looks at it.
    pub async fn standing_of(&self, account: &Account) -> Result<(Standing, Timestamp), Error> {
        let (standing, now) = self.standing(&account.organization).await?;
        Ok((standing.of_member(&self.catalog, account.seated).into_owned(), now))
    }

    /// The member of an organization that a service names, by our id or by the provider's.
    pub async fn member(&self, organization: &OrganizationId, user: &str) -> Result<SeatedMember, Error> {
        let issuer = &self.config.oidc.issuer;
        let member = self.store.member(organization, user, issuer, &self.catalog).await?;
        member.ok_or_else(|| Error::refused(Code::NotFound, NO_MEMBER))
    }

    /// What is known of an organization, for the member that a service names, or as a whole.
    pub async fn standing_for(
        &self,
        organization: &OrganizationId,
        user: Option<&str>,
    ) -> Result<(Arc<Standing>, Timestamp), Error> {
        let (standing, now) = self.standing(organization).await?;
        let Some(user) = user else { return Ok((standing, now)) };
        let seated = self.member(organization, user).await?.seated;
        let without = match standing.of_member(&self.catalog, seated) {
            Cow::Borrowed(_) => None,
            Cow::Owned(without) => Some(Arc::new(without)),
        };
        Ok((without.unwrap_or(standing), now))
    }

    /// Why a page is closed to an organization; `None` where it is open.
    pub fn closed(&self, gate: Gate, standing: &Standing, now: Timestamp) -> Option<FeatureAnswer> {
        let feature = self.catalog.gates.get(&gate).and_then(|feature| self.catalog.feature(feature))?;
        Some(standing.feature(&self.catalog, feature, now)).filter(|answer| !answer.allowed)
    }

    /// Lets an organization's days and months begin elsewhere.
    pub async fn set_time_zone(&self, account: &Account, zone: &str) -> Result<(), Error> {
        require(account, Permission::ManageBilling)?;
        let zone = Zone::parse(zone.trim()).map_err(|error| Error::refused(Code::Invalid, sentence(&error)))?;
        let (actor, now) = (Actor::User(account.user.clone()), self.clock.now());
        Ok(self.store.set_time_zone(&account.organization, zone, actor, Arc::clone(&self.catalog), now).await?)
    }

    /// Uses, holds or lets go.
    pub async fn usage(
        &self,
        organization: OrganizationId,
        member: Option<UserId>,
        operation: Operation,
        actor: String,
        idempotency: Option<Idempotency>,
    ) -> Result<Outcome, Error> {
        let (_, now) = self.standing(&organization).await?;
        let catalog = Arc::clone(&self.catalog);
        Ok(self.store.usage(UsageRequest { organization, member, operation, actor, idempotency, catalog, now }).await?)
    }

    /// Lets go what is held by reservations whose time is over.
    pub(super) async fn expire_reservations(&self) -> Result<(), Error> {
        for (organization, reservation) in self.store.reservations_due(self.clock.now()).await? {
            let operation = Operation::Release { reservation, expired: true };
            self.usage(organization, None, operation, "clock".to_owned(), None).await?;
        }
        Ok(())
    }

    /// Forgets answers that nobody asks for again.
    pub(super) async fn forget_old_answers(&self) -> Result<(), Error> {
        Ok(self.store.forget_answers(Timestamp(self.clock.now().0 - ANSWERS_KEPT.0)).await?)
    }
}

/// An error that is shown by itself.
fn sentence(error: &NoSuchZone) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}
