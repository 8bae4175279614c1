//! The usage settings in words: forecasts, use per day, the ledger, and the time zones that can be chosen.

use std::collections::BTreeMap;

use domain::catalog::{Catalog, Gate, Meter, Pack};
use domain::entitlement::Standing;
use domain::forecast::Forecast;
use domain::money::Money;
use domain::plan::MeterId;
use domain::role::Permission;
use domain::time::Timestamp;
use domain::window::Zone;

use super::{day_in, format, format_in};
use crate::components::meter_bar::MeterState;
use crate::components::packs::PackOffer;
use crate::components::usage_chart::{Chart, Day};
use crate::pages::usage::{History, Line, UsageView};
use crate::server::App;
use crate::server::entitlements::meter_of;
use crate::server::error::Error;
use crate::server::store::LedgerLine;
use crate::visitor::Account;

/// How many days the chart has.
const DAYS: u32 = 30;
/// How many lines of the ledger a page has.
const PAGE: u32 = 25;

impl App {
    /// What an organization uses. `meter` chooses the chart's and filters the ledger, which begins after `before`.
    pub async fn usage_view(
        &self,
        account: &Account,
        meter: Option<&str>,
        before: Option<&str>,
    ) -> Result<UsageView, Error> {
        let (standing, now) = self.standing(&account.organization).await?;
        let meter = meter.map(|name| meter_of(&self.catalog, name)).transpose()?;
        let history = match self.closed(Gate::UsageAnalytics, &standing, now) {
            Some(answer) => Err(self.locked(account, &answer).await?),
            None => Ok(self.history(&standing, meter, before, now).await?),
        };
        Ok(UsageView {
            meters: self.forecasts(&standing, now).await?,
            history,
            packs: self.catalog.packs.iter().map(|pack| self.pack_offer(pack)).collect(),
            top_ups: self.top_up_views(&standing, now).await?,
            zones: zones(&standing.zone),
            zone: standing.zone.name().to_owned(),
            may_manage: account.may(Permission::ManageBilling),
        })
    }

    fn pack_offer(&self, pack: &Pack) -> PackOffer {
        PackOffer {
            id: pack.id.to_string(),
            name: pack.name.clone(),
            price: Money::new(i64::from(pack.amount), self.catalog.currency.clone()).to_string(),
            validity: pack
                .valid_days
                .map_or_else(|| "Does not expire.".to_owned(), |days| format!("Good for {days} days.")),
        }
    }

    async fn forecasts(&self, standing: &Standing, now: Timestamp) -> Result<Vec<MeterState>, Error> {
        let mut states = self.meter_states(standing, now);
        for (meter, state) in self.catalog.meters.iter().zip(&mut states) {
            let (account, window) = standing.account(&self.catalog, meter, now);
            if window.end.is_none() || state.percent.is_none() {
                continue;
            }
            let since = self.store.first_use(&standing.organization, &meter.id, window.start).await?;
            let gone = account.counter.used + account.counter.reserved;
            let forecast = Forecast::of(gone, account.left(), since, window, now);
            state.forecast = forecast.map(|forecast| in_words(forecast, &standing.zone, now));
        }
        Ok(states)
    }

    async fn history(
        &self,
        standing: &Standing,
        meter: Option<&Meter>,
        before: Option<&str>,
        now: Timestamp,
    ) -> Result<History, Error> {
        let catalog = &self.catalog;
        let shown = meter.or(catalog.meters.first());
        let chart = match shown {
            Some(shown) => Some(self.chart(standing, shown, now).await?),
            None => None,
        };
        let filter = meter.map(|meter| &meter.id);
        // One more than is shown says whether there are older ones.
        let mut lines = self.store.named_ledger(&standing.organization, filter, before, PAGE + 1).await?;
        let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let more = lines.len() > page;
        lines.truncate(page);
        Ok(History {
            meters: catalog.meters.iter().map(|meter| (meter.id.to_string(), meter.name.clone())).collect(),
            meter: shown.map(|meter| meter.id.to_string()),
            filtered: meter.is_some(),
            chart,
            newest: before.is_none(),
            older: lines.last().filter(|_| more).map(|line| line.entry.id.clone()),
            lines: lines.into_iter().map(|line| ledger_line(catalog, &standing.zone, line)).collect(),
        })
    }

    /// Use per day, of the organization's own days.
    async fn chart(&self, standing: &Standing, meter: &Meter, now: Timestamp) -> Result<Chart, Error> {
        let zone = &standing.zone;
        let since = zone.days_ago(DAYS - 1, now);
        let mut used: BTreeMap<String, i64> = BTreeMap::new();
        for (at, amount) in self.store.used_since(&standing.organization, &meter.id, since).await? {
            *used.entry(zone.day(Timestamp(at))).or_default() += amount;
        }
        let days: Vec<Day> = (0..DAYS)
            .rev()
            .map(|ago| {
                let start = zone.days_ago(ago, now);
                let iso = zone.day(start);
                let used = used.get(&iso).copied().unwrap_or_default();
                Day { text: format_in(zone, "%-d %B", start), used, amount: signed(meter, used), iso }
            })
            .collect();
        let total = days.iter().map(|day| day.used).sum();
        let summary = match days.iter().filter(|day| day.used > 0).max_by_key(|day| day.used) {
            None if total == 0 => "Nothing was used in the last 30 days.".to_owned(),
            None => format!("{} in the last 30 days.", signed(meter, total)),
            Some(most) => {
                format!("{} in the last 30 days, the most on {}: {}.", signed(meter, total), most.text, most.amount)
            }
        };
        Ok(Chart { summary, days })
    }
}

/// A number that may be less than nothing, with its unit.
fn signed(meter: &Meter, number: i64) -> String {
    let quantity = meter.quantity(number.unsigned_abs());
    if number < 0 { format!("−{quantity}") } else { quantity }
}

fn in_words(forecast: Forecast, zone: &Zone, now: Timestamp) -> String {
    match forecast {
        Forecast::Lasts => "At this pace it lasts until the reset.".to_owned(),
        Forecast::UsedUp(at) if zone.day(at) == zone.day(now) => "At this pace it is used up today.".to_owned(),
        Forecast::UsedUp(at) => format!("At this pace it is used up on {}.", day_in(zone, at)),
        Forecast::Over => "It is used up.".to_owned(),
    }
}

/// Whoever used it: a person, a key, or what is left of them.
pub(in crate::server) fn who(line: &LedgerLine) -> String {
    match (&line.person, &line.key_name) {
        (Some(person), _) => person.clone(),
        (None, Some(key)) => format!("Key {key}"),
        (None, None) => line.entry.actor.clone(),
    }
}

fn ledger_line(catalog: &Catalog, zone: &Zone, line: LedgerLine) -> Line {
    let entry = &line.entry;
    let meter = MeterId::parse(&entry.meter).ok().and_then(|id| catalog.meter(&id));
    let amount = meter.map_or_else(|| entry.amount.to_string(), |meter| signed(meter, entry.amount));
    let credits =
        if entry.from_credits > 0 { format!(" ({} from credits)", entry.from_credits) } else { String::new() };
    Line {
        iso: moment(entry.at),
        text: format_in(zone, "%-d %b %Y, %H:%M", Timestamp(entry.at)),
        meter: meter.map_or_else(|| entry.meter.clone(), |meter| meter.name.clone()),
        amount: format!("{amount}{credits}"),
        who: who(&line),
    }
}

/// `2026-11-21T10:00:00Z`.
pub(in crate::server) fn moment(at: i64) -> String {
    format("%Y-%m-%dT%H:%M:%SZ", Timestamp(at))
}

/// Every zone that is named after a place, by region; the chosen one in any case.
fn zones(chosen: &Zone) -> Vec<(String, Vec<String>)> {
    let mut regions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in jiff::tz::db().available() {
        let name = name.to_string();
        if let Some((region, _)) = name.split_once('/').filter(|(region, _)| !["Etc", "SystemV", "US"].contains(region))
        {
            regions.entry(region.to_owned()).or_default().push(name);
        }
    }
    for names in regions.values_mut() {
        names.sort();
    }
    let known = regions.values().flatten().any(|name| name == chosen.name());
    let mut everywhere = vec!["UTC".to_owned()];
    if !known && chosen.name() != "UTC" {
        everywhere.push(chosen.name().to_owned());
    }
    [("Everywhere".to_owned(), everywhere)].into_iter().chain(regions).collect()
}
