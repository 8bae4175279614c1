//! Packs of credits: bought once, on top of a plan, and credited once however often their payment is told.

use domain::catalog::Pack;
use domain::organization::OrganizationId;
use domain::plan::PackId;
use domain::role::Permission;
use domain::time::Timestamp;

use super::App;
use super::billing::is_session_id;
use super::error::Error;
use super::organizations::require;
use super::store::{Actor, Granted, NewGrant};
use super::stripe;
use crate::error::Code;
use crate::visitor::Account;

impl App {
    /// The pack of that name.
    pub fn pack(&self, name: &str) -> Result<&Pack, Error> {
        let pack = PackId::parse(name).ok().and_then(|id| self.catalog.pack(&id));
        pack.ok_or_else(|| {
            Error::refused(Code::NotFound, "There is no such pack. The packs are in the usage settings.")
        })
    }

    /// Sends a customer to pay for a pack: the address of Stripe's page. The same click twice is the same purchase.
    pub async fn start_purchase(&self, account: &Account, pack: &str) -> Result<String, Error> {
        require(account, Permission::ManageBilling)?;
        let pack = self.pack(pack)?;
        let price =
            self.config.prices.pack(&pack.id).ok_or_else(|| {
                Error::refused(Code::Invalid, format!("{} is not for sale at the moment.", pack.name))
            })?;
        let customer = self.customer(account).await?;
        let purchase = self.store.begin_purchase(&account.organization, &account.user, pack, self.clock.now()).await?;
        if let Some(url) = purchase.url {
            return Ok(url);
        }
        let opening = self.stripe.open_purchase(
            &purchase.id,
            (&account.organization, account.kind),
            &pack.id,
            &customer,
            price,
            &self.config.public_url,
        );
        let opened = match opening.await {
            Err(stripe::Error::Unknown(reason)) => {
                // Should there be a session all the same, nobody has its address, so nobody can pay it.
                self.store.purchase_given_up(&purchase.id).await?;
                return Err(stripe::Error::Unknown(reason).into());
            }
            opened => opened?,
        };
        self.store.purchase_opened(&purchase.id, opened.id, opened.url.clone()).await?;
        Ok(opened.url)
    }

    /// The customer is back from Stripe: credits the pack at once. `false` while the payment is still open.
    pub async fn finish_purchase(&self, account: &Account, session: &str) -> Result<bool, Error> {
        let not_yours = || Error::refused(Code::NotFound, "There is no such purchase for this organization.");
        if !is_session_id(session) || !self.store.has_opened(&account.organization, session).await? {
            return Err(not_yours());
        }
        let session = self.stripe.checkout(session).await.map_err(|error| match error {
            error if error.is_missing() => not_yours(),
            error => error.into(),
        })?;
        let purchase = session.purchase.filter(|_| session.organization.as_ref() == Some(&account.organization));
        let purchase = purchase.ok_or_else(not_yours)?;
        if !session.paid {
            return Ok(false);
        }
        let actor = Actor::User(account.user.clone());
        self.store.purchase_paid(&purchase, None, actor, self.moment()).await?;
        Ok(true)
    }

    /// Gives something on top of a plan, until a moment or for good.
    pub async fn grant(
        &self,
        organization: OrganizationId,
        granted: Granted,
        reason: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        let known = match &granted {
            Granted::Feature(feature) => self.catalog.feature(feature).is_some(),
            Granted::Credits(meter, _) => self.catalog.meter(meter).is_some(),
        };
        if !known {
            return Err(Error::refused(Code::NotFound, "The catalogue has no such feature or meter."));
        }
        if reason.trim().is_empty() {
            return Err(Error::refused(Code::Invalid, "Say why: the reason is kept in the time line."));
        }
        let (reason, actor) = (reason.trim().to_owned(), Actor::Operator);
        let grant = NewGrant { organization, granted, reason, actor, expires_at };
        if self.store.grant(grant, self.clock.now()).await? {
            return Ok(());
        }
        Err(Error::refused(Code::NotFound, "There is no such organization."))
    }
}
