//! Automatic top-ups: a pack that is bought while nobody is there, on terms that somebody agreed to. What is due is
//! noted where a use is counted; the worker beside this file charges it.

use std::sync::Arc;

use domain::catalog::{Meter, Pack};
use domain::money::Money;
use domain::organization::OrganizationId;
use domain::role::Permission;
use domain::top_up::HIGHEST_CAP;
use domain::usage::MOST_AT_ONCE;

use super::App;
use super::entitlements::meter_of;
use super::error::Error;
use super::organizations::require;
use super::store::{Actor, TopUpTerms};
use crate::components::top_ups::{TopUpForm, Wrong};
use crate::error::Code;
use crate::visitor::Account;

mod charging;
mod mails;

pub use charging::work;

impl App {
    /// The packs of a meter that can be bought.
    pub fn packs_for_sale<'a>(&'a self, meter: &'a Meter) -> impl Iterator<Item = &'a Pack> {
        let for_sale = |pack: &&Pack| pack.meter == meter.id && self.config.prices.pack(&pack.id).is_some();
        self.catalog.packs.iter().filter(for_sale)
    }

    /// Turns an automatic top-up on, or changes its terms. What is wrong with the form comes back with the form.
    pub async fn turn_top_up_on(
        &self,
        account: &Account,
        meter: &str,
        form: TopUpForm,
    ) -> Result<Result<(), TopUpForm>, Error> {
        require(account, Permission::ManageBilling)?;
        let meter = meter_of(&self.catalog, meter)?;
        let terms = match self.terms(meter, &form) {
            Ok(terms) => terms,
            Err(wrong) => return Ok(Err(TopUpForm { wrong, ..form })),
        };
        if let Some(card) = self.no_card(&account.organization).await? {
            return Ok(Err(TopUpForm { wrong: Wrong { card: Some(card), ..Wrong::default() }, ..form }));
        }
        let (user, now, catalog) = (account.user.clone(), self.clock.now(), Arc::clone(&self.catalog));
        self.store.turn_top_up_on(&account.organization, terms, user, catalog, now).await?;
        Ok(Ok(()))
    }

    /// Turns an automatic top-up off.
    pub async fn turn_top_up_off(&self, account: &Account, meter: &str) -> Result<(), Error> {
        require(account, Permission::ManageBilling)?;
        let meter = &meter_of(&self.catalog, meter)?.id;
        let actor = Actor::User(account.user.clone());
        Ok(self.store.turn_top_up_off(&account.organization, meter, actor, self.clock.now()).await?)
    }

    /// Lets a paused automatic top-up go on, or says what stands in its way.
    pub async fn resume_top_up(&self, account: &Account, meter: &str) -> Result<Result<(), String>, Error> {
        require(account, Permission::ManageBilling)?;
        let meter = &meter_of(&self.catalog, meter)?.id;
        if let Some(card) = self.no_card(&account.organization).await? {
            return Ok(Err(card));
        }
        let (actor, catalog) = (Actor::User(account.user.clone()), Arc::clone(&self.catalog));
        self.store.resume_top_up(&account.organization, meter, actor, catalog, self.clock.now()).await?;
        Ok(Ok(()))
    }

    /// Says so where nothing is saved that could be charged.
    async fn no_card(&self, organization: &OrganizationId) -> Result<Option<String>, Error> {
        let customer = self.store.organization(organization).await?.and_then(|known| known.customer);
        let method = match customer {
            Some(customer) => self.stripe.saved_payment_method(&customer).await?,
            None => None,
        };
        let sentence = "There is no saved card that could be charged. Add one, then turn automatic top-ups on.";
        Ok(method.is_none().then(|| sentence.to_owned()))
    }

    /// The terms that a form asks for, or everything that is wrong with it.
    fn terms(&self, meter: &Meter, form: &TopUpForm) -> Result<TopUpTerms, Wrong> {
        let mut wrong = Wrong::default();
        let pack = self.packs_for_sale(meter).find(|pack| pack.id.as_str() == form.pack.trim());
        if pack.is_none() {
            wrong.pack = Some("Choose one of the packs.".to_owned());
        }
        let threshold = form.threshold.trim().parse().ok().filter(|threshold| (1..=MOST_AT_ONCE).contains(threshold));
        if threshold.is_none() {
            wrong.threshold = Some(format!("Write a whole number of {} from 1.", meter.unit));
        }
        let cap = Money::typed(&form.cap, self.catalog.currency.clone());
        let price = pack.map(|pack| Money::new(i64::from(pack.amount), self.catalog.currency.clone()));
        wrong.cap = match (&cap, &price) {
            (None, _) => Some("Write an amount such as 60 or 49.50.".to_owned()),
            (Some(cap), _) if cap.amount > HIGHEST_CAP => {
                Some(format!("At most {}.", Money::new(HIGHEST_CAP, cap.currency.clone())))
            }
            (Some(cap), Some(price)) if cap.amount < price.amount => {
                Some(format!("One pack costs {price}: with less, none could be bought."))
            }
            (Some(_), _) => None,
        };
        if !form.agreed {
            wrong.agreed = Some("Agree to this, or nothing can be charged by itself.".to_owned());
        }
        match (pack, threshold, cap) {
            (Some(pack), Some(threshold), Some(cap)) if wrong == Wrong::default() => {
                Ok(TopUpTerms { meter: meter.id.clone(), pack: pack.id.clone(), threshold, adds: pack.quantity, cap })
            }
            _ => Err(wrong),
        }
    }
}

/// What a program is told where a form would be shown again.
pub fn refusal(wrong: &Wrong) -> Error {
    let first = wrong.card.as_ref().or(wrong.pack.as_ref()).or(wrong.threshold.as_ref()).or(wrong.cap.as_ref());
    let sentence = first.or(wrong.agreed.as_ref()).cloned().unwrap_or_default();
    let code = if wrong.card.is_some() { Code::Conflict } else { Code::Invalid };
    Error::refused(code, sentence)
}
