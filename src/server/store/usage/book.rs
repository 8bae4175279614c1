//! The books of a group: the accounts that its requests are about, open in memory while the group's transaction holds
//! their rows. Requests are worked through one after the other; what has changed is written afterwards.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::catalog::Meter;
use domain::entitlement::{MeterAnswer, Standing};
use domain::organization::{OrganizationId, UserId};
use domain::plan::MeterId;
use domain::time::Timestamp;
use domain::usage::{Account, Counter, Credits, NotEnough, Taken};
use domain::window::Window;

use super::statements::signed;
use super::{Operation, Outcome, Receipt, UsageRequest};
use crate::server::store::{id_at, new_id};

/// Of one organization and one meter.
pub(super) type Key = (OrganizationId, MeterId);

/// An account, open.
pub(super) struct Page<'a> {
    pub(super) meter: &'a Meter,
    /// As it was read; `None` where nothing was counted yet.
    pub(super) counter_before: Option<Counter>,
    pub(super) account: Account,
    pub(super) window: Window,
    /// As they were read, to see which have changed.
    pub(super) credits_before: Vec<Credits>,
    pub(super) changed: bool,
    /// How much has to be left for no top-up to be due, and since when one is; `None` while none is.
    pub(super) top_up: Option<(u64, Timestamp)>,
}

/// A reservation as it is stored.
#[derive(Clone, Debug)]
pub(super) struct Reservation {
    pub(super) key: Key,
    pub(super) amount: u64,
    pub(super) taken: Taken,
    pub(super) window_start: i64,
    pub(super) status: String,
    pub(super) expires_at: i64,
    /// For whom it is held.
    pub(super) member: Option<UserId>,
}

/// A line of the ledger.
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) key: Key,
    pub(super) amount: i64,
    pub(super) from_credits: i64,
    pub(super) window_start: i64,
    pub(super) at: i64,
    pub(super) actor: String,
    pub(super) reservation: Option<String>,
}

/// A warning that has become due.
pub(super) struct Warned {
    pub(super) key: Key,
    pub(super) window_start: i64,
    pub(super) percent: i64,
    pub(super) at: i64,
}

/// How a meter stands after the group.
#[derive(Debug)]
pub(in crate::server::store) struct Used {
    pub(in crate::server::store) organization: OrganizationId,
    pub(in crate::server::store) meter: MeterId,
    pub(in crate::server::store) counter: Counter,
    pub(in crate::server::store) credits: Vec<Credits>,
}

/// Everything that a group reads and writes.
#[derive(Default)]
pub(super) struct Book<'a> {
    /// What is known of the organizations. How their accounts stand is on the pages.
    pub(super) standings: BTreeMap<OrganizationId, Standing>,
    pub(super) pages: BTreeMap<Key, Page<'a>>,
    pub(super) reservations: BTreeMap<String, Reservation>,
    /// Whether they have a seat, of those that are asked about.
    pub(super) members: BTreeMap<(OrganizationId, UserId), bool>,
    /// Those of the group itself.
    pub(super) reserved: Vec<(String, i64)>,
    /// Those that are over now.
    pub(super) ended: Vec<String>,
    pub(super) entries: Vec<Entry>,
    pub(super) warned: Vec<Warned>,
}

impl<'a> Book<'a> {
    /// How everything stands afterwards.
    pub(super) fn close(self) -> impl Iterator<Item = Standing> {
        let mut standings = self.standings;
        for ((organization, meter), page) in self.pages {
            let Some(standing) = standings.get_mut(&organization) else { continue };
            let counter = if page.changed { Some(page.account.counter) } else { page.counter_before };
            let credits = page.account.credits.into_iter().filter(|credits| credits.left > 0).collect();
            set_account(standing, meter, counter, credits);
        }
        standings.into_values()
    }

    /// Works through one request.
    pub(super) fn settle(&mut self, request: &UsageRequest) -> Outcome {
        match &request.operation {
            Operation::Consume { meter, amount } => self.consume(request, meter, *amount),
            Operation::GiveBack { meter, amount } => self.give_back(request, meter, *amount),
            Operation::Reserve { meter, amount, expires_at } => self.reserve(request, meter, *amount, expires_at.0),
            Operation::Confirm { reservation, amount } => self.confirm(request, reservation, *amount),
            Operation::Release { reservation, expired } => self.release(request, reservation, *expired),
        }
    }

    /// Whether the request is for the organization as a whole, or for somebody who is in it.
    pub(super) fn knows_member(&self, request: &UsageRequest) -> bool {
        let Some(member) = &request.member else { return true };
        self.members.contains_key(&(request.organization.clone(), member.clone()))
    }

    /// Whether what the plan gives counts: for the organization as a whole, and for whoever has a seat.
    fn seated(&self, organization: &OrganizationId, member: Option<&UserId>) -> bool {
        let Some(member) = member else { return true };
        self.members.get(&(organization.clone(), member.clone())).copied().unwrap_or(false)
    }

    /// The account of a meter, and what is known of whose it is.
    fn open(&mut self, key: &Key) -> Option<(&Standing, &mut Page<'a>)> {
        Some((self.standings.get(&key.0)?, self.pages.get_mut(key)?))
    }

    fn consume(&mut self, request: &UsageRequest, meter: &MeterId, amount: u64) -> Outcome {
        let key = (request.organization.clone(), meter.clone());
        let seated = self.seated(&request.organization, request.member.as_ref());
        let Some((standing, page)) = self.open(&key) else { return Outcome::NoMeter };
        match page.of(standing, request, seated, |account| account.consume(amount)) {
            Err(NotEnough { .. }) => page.refuse(standing, request, amount, seated),
            Ok(taken) => {
                let entry = self.enter(request, key, signed(amount), signed(taken.from_credits()), None);
                self.receipt(request, entry, amount, seated)
            }
        }
    }

    fn give_back(&mut self, request: &UsageRequest, meter: &MeterId, amount: u64) -> Outcome {
        let key = (request.organization.clone(), meter.clone());
        let seated = self.seated(&request.organization, request.member.as_ref());
        let Some(page) = self.pages.get_mut(&key) else { return Outcome::NoMeter };
        let before = page.account.counter.from_credits;
        let back = page.account.give_back(amount);
        // The ledger adds up to the counter, credits too.
        let from_credits = signed(page.account.counter.from_credits) - signed(before);
        let entry = self.enter(request, key, -signed(back), from_credits, None);
        self.receipt(request, entry, back, seated)
    }

    fn reserve(&mut self, request: &UsageRequest, meter: &MeterId, amount: u64, expires_at: i64) -> Outcome {
        let key = (request.organization.clone(), meter.clone());
        let seated = self.seated(&request.organization, request.member.as_ref());
        let Some((standing, page)) = self.open(&key) else { return Outcome::NoMeter };
        let reserved = page.of(standing, request, seated, |account| account.reserve(amount));
        let Ok(taken) = reserved else { return page.refuse(standing, request, amount, seated) };
        let window_start = page.account.counter.window_start;
        self.note(request, &key);
        let id = new_id("rsv");
        let status = "open".to_owned();
        let member = request.member.clone();
        let reservation = Reservation { key: key.clone(), amount, taken, window_start, status, expires_at, member };
        self.reservations.insert(id.clone(), reservation);
        self.reserved.push((id.clone(), request.now.0));
        self.done(request, &key, seated, |meter| Receipt {
            entry: None,
            reservation: Some(id),
            expires_at: Some(expires_at),
            amount,
            meter,
        })
    }

    fn confirm(&mut self, request: &UsageRequest, id: &str, amount: Option<u64>) -> Outcome {
        let held = match self.open_reservation(request, id) {
            Ok(held) => held.clone(),
            Err(outcome) => return outcome,
        };
        let seated = self.seated(&request.organization, held.member.as_ref());
        let Some((standing, page)) = self.open(&held.key) else { return Outcome::NoMeter };
        let amount = amount.unwrap_or(held.amount);
        match page.of(standing, request, seated, |account| account.confirm(&held.taken, held.window_start, amount)) {
            Err(NotEnough { .. }) => page.refuse(standing, request, amount, seated),
            Ok(taken) => {
                self.end(id, "confirmed");
                let entry =
                    self.enter(request, held.key, signed(amount), signed(taken.from_credits()), Some(id.to_owned()));
                self.receipt(request, entry, amount, seated)
            }
        }
    }

    fn release(&mut self, request: &UsageRequest, id: &str, expired: bool) -> Outcome {
        let held = match self.open_reservation(request, id) {
            Ok(held) => held.clone(),
            Err(outcome) => return outcome,
        };
        let Some(page) = self.pages.get_mut(&held.key) else { return Outcome::NoMeter };
        page.account.release(&held.taken, held.window_start);
        self.end(id, if expired { "expired" } else { "released" });
        self.note(request, &held.key);
        let reservation = Some(id.to_owned());
        let receipt = |meter| Receipt { entry: None, reservation, expires_at: None, amount: held.amount, meter };
        self.done(request, &held.key, true, receipt)
    }

    fn open_reservation(&self, request: &UsageRequest, id: &str) -> Result<&Reservation, Outcome> {
        let held = self.reservations.get(id).filter(|held| held.key.0 == request.organization);
        let held = held.ok_or(Outcome::NoReservation)?;
        if held.status != "open" {
            return Err(Outcome::ReservationOver(held.status.clone()));
        }
        let expiring = matches!(request.operation, Operation::Release { .. });
        if held.expires_at <= request.now.0 && !expiring {
            return Err(Outcome::ReservationOver("expired".to_owned()));
        }
        Ok(held)
    }

    fn end(&mut self, id: &str, status: &str) {
        if let Some(held) = self.reservations.get_mut(id) {
            status.clone_into(&mut held.status);
            self.ended.push(id.to_owned());
        }
    }

    /// Adds a line to the ledger. Answers with its place.
    fn enter(
        &mut self,
        request: &UsageRequest,
        key: Key,
        amount: i64,
        from_credits: i64,
        reservation: Option<String>,
    ) -> usize {
        self.note(request, &key);
        let window_start = self.pages.get(&key).map_or(0, |page| page.account.counter.window_start);
        self.entries.push(Entry {
            id: id_at("use", request.now),
            key,
            amount,
            from_credits,
            window_start,
            at: request.now.0,
            actor: request.actor.clone(),
            reservation,
        });
        self.entries.len() - 1
    }

    /// An account has changed: whether a warning is due.
    fn note(&mut self, request: &UsageRequest, key: &Key) {
        let Some((standing, page)) = self.open(key) else { return };
        page.changed = true;
        page.watch(standing, 0, request.now);
        if let Some(warning) = page.account.new_warning() {
            let window_start = page.account.counter.window_start;
            let percent = i64::from(warning.percent());
            self.warned.push(Warned { key: key.clone(), window_start, percent, at: request.now.0 });
        }
    }

    fn receipt(&self, request: &UsageRequest, entry: usize, amount: u64, seated: bool) -> Outcome {
        let entry = &self.entries[entry];
        self.done(request, &entry.key, seated, |meter| Receipt {
            entry: Some(entry.id.clone()),
            reservation: entry.reservation.clone(),
            expires_at: None,
            amount,
            meter,
        })
    }

    fn done(
        &self,
        request: &UsageRequest,
        key: &Key,
        seated: bool,
        receipt: impl FnOnce(MeterAnswer) -> Receipt,
    ) -> Outcome {
        let (Some(standing), Some(page)) = (self.standings.get(&key.0), self.pages.get(key)) else {
            return Outcome::NoMeter;
        };
        Outcome::Done(Box::new(receipt(page.answer(standing, request, 1, seated))))
    }

    /// How every account stands that has changed.
    pub(super) fn used(&self) -> Vec<Used> {
        let changed = self.pages.iter().filter(|(_, page)| page.changed);
        changed
            .map(|((organization, meter), page)| Used {
                organization: organization.clone(),
                meter: meter.clone(),
                counter: page.account.counter,
                credits: page.account.credits.clone(),
            })
            .collect()
    }
}

/// Puts in how an account stands.
pub(super) fn set_account(standing: &mut Standing, meter: MeterId, counter: Option<Counter>, credits: Vec<Credits>) {
    match counter {
        Some(counter) => standing.counters.insert(meter.clone(), counter),
        None => standing.counters.remove(&meter),
    };
    standing.credits.insert(meter, credits);
}

impl<'a> Page<'a> {
    pub(super) fn new(meter: &'a Meter, counter_before: Option<Counter>, account: Account, window: Window) -> Self {
        let credits_before = account.credits.clone();
        Self { meter, counter_before, account, window, credits_before, changed: false, top_up: None }
    }

    /// Works on the account as it is for a member. Warnings and top-ups go by the organization's own limit.
    fn of<T>(
        &mut self,
        standing: &Standing,
        request: &UsageRequest,
        seated: bool,
        work: impl FnOnce(&mut Account) -> T,
    ) -> T {
        if seated {
            return work(&mut self.account);
        }
        let limit = standing.of_member(&request.catalog, false).limit(&request.catalog, &self.meter.id);
        let whole = std::mem::replace(&mut self.account.limit, limit);
        let done = work(&mut self.account);
        self.account.limit = whole;
        done
    }

    fn answer(&self, standing: &Standing, request: &UsageRequest, amount: u64, seated: bool) -> MeterAnswer {
        let catalog = &request.catalog;
        let standing = standing.of_member(catalog, seated);
        let account = match &standing {
            Cow::Borrowed(_) => Cow::Borrowed(&self.account),
            Cow::Owned(without) => {
                Cow::Owned(Account { limit: without.limit(catalog, &self.meter.id), ..self.account.clone() })
            }
        };
        standing.meter_answer(catalog, self.meter, &account, self.window, amount)
    }

    fn refuse(&mut self, standing: &Standing, request: &UsageRequest, amount: u64, seated: bool) -> Outcome {
        // What is missing is a seat, which no pack replaces.
        if seated {
            self.watch(standing, amount, request.now);
        }
        Outcome::Refused(Box::new(self.answer(standing, request, amount, seated)))
    }

    /// Notes whether an automatic top-up has become due. Where none is on, there is nothing to look up.
    fn watch(&mut self, standing: &Standing, refused: u64, now: Timestamp) {
        let rule = standing.top_ups.get(&self.meter.id);
        if let Some(needed) = rule.and_then(|rule| rule.due(self.account.left(), refused, now)) {
            self.top_up = self.top_up.max(Some((needed, now)));
        }
    }
}
