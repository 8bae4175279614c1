//! The time line in words, for those who run an organization.

use domain::access::Reason;
use domain::catalog::Gate;
use domain::money::{Currency, Money};
use domain::organization::{OrganizationId, UserId};
use domain::plan::{MeterId, PackId, PlanId};
use domain::role::Permission;
use domain::time::Timestamp;
use domain::top_up::Pause;
use domain::window::Zone;
use serde_json::Value;

use super::usage::moment;
use super::{day_in, format_in, tier_name};
use crate::error::Code;
use crate::pages::audit::{AuditLine, AuditLines, AuditView};
use crate::server::App;
use crate::server::error::Error;
use crate::server::organizations::require;
use crate::server::store::{About, AuditEntry, AuditFilter, By};
use crate::visitor::Account;

/// How many lines a page has.
const PAGE: u32 = 30;

/// The word in addresses for what no person did.
const NOBODY: &str = "nobody";

impl App {
    /// Reads what an address says of which lines are wanted; and who can be chosen, each with a name.
    pub(in crate::server) async fn audit_filter(
        &self,
        organization: &OrganizationId,
        about: Option<&str>,
        by: Option<&str>,
    ) -> Result<(AuditFilter, Vec<(String, String)>), Error> {
        let refused = |what: &str| Error::refused(Code::Invalid, format!("There is no such {what} to choose by."));
        let chosen = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let mut people = self.store.audited_people(organization).await?;
        let about = match chosen(about) {
            Some(word) => Some(About::parse(&word).ok_or_else(|| refused("kind"))?),
            None => None,
        };
        let by = match chosen(by) {
            None => By::Anybody,
            Some(word) if word == NOBODY => By::Nobody,
            Some(id) if people.iter().any(|(person, _)| *person == id) => By::Person(UserId(id)),
            Some(_) => return Err(refused("person")),
        };
        people.push((NOBODY.to_owned(), "No person".to_owned()));
        Ok((AuditFilter { about, by }, people))
    }

    /// A page of what was done, newest first: about one thing, by one person. It begins after `before`.
    pub async fn audit_view(
        &self,
        account: &Account,
        about: Option<&str>,
        by: Option<&str>,
        before: Option<&str>,
    ) -> Result<AuditView, Error> {
        require(account, Permission::ReadAudit)?;
        let (standing, now) = self.standing(&account.organization).await?;
        if let Some(answer) = self.closed(Gate::Audit, &standing, now) {
            return Ok(AuditView::Locked(self.locked(account, &answer).await?));
        }
        let (filter, people) = self.audit_filter(&account.organization, about, by).await?;
        let mut entries = self.store.audit(&account.organization, &filter, before, PAGE + 1).await?;
        let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let more = entries.len() > page;
        entries.truncate(page);
        let mut lines = Vec::with_capacity(entries.len());
        let older = entries.last().filter(|_| more).map(|entry| entry.id.clone());
        for entry in entries {
            lines.push(self.audit_line(&standing.zone, entry).await?);
        }
        Ok(AuditView::Lines(Box::new(AuditLines {
            about: filter.about.map(About::as_str).unwrap_or_default().to_owned(),
            by: match &filter.by {
                By::Anybody => String::new(),
                By::Person(user) => user.0.clone(),
                By::Nobody => NOBODY.to_owned(),
            },
            abouts: About::ALL.iter().map(|about| (about.as_str().to_owned(), about_said(*about).to_owned())).collect(),
            people,
            newest: before.is_none(),
            older,
            lines,
        })))
    }

    /// A line in words.
    pub(in crate::server) async fn audit_line(&self, zone: &Zone, entry: AuditEntry) -> Result<AuditLine, Error> {
        let mut detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        // Members are kept by their ids, so that a name that is deleted is gone from here too.
        for field in ["member", "to"] {
            if let Some(user) = detail[field].as_str().filter(|text| text.starts_with("usr_")) {
                detail[field] = self.store.person_name(user).await?.into();
            }
        }
        Ok(AuditLine {
            iso: moment(entry.at),
            text: format_in(zone, "%-d %b %Y, %H:%M", Timestamp(entry.at)),
            who: entry.person.unwrap_or_else(|| who(&entry.actor).to_owned()),
            what: self.said(zone, &entry.action, &detail).unwrap_or_else(|| entry.action.replace('_', " ")),
        })
    }

    /// What happened, in a sentence; `None` for what this version has no words for.
    fn said(&self, zone: &Zone, action: &str, detail: &Value) -> Option<String> {
        let text = |name: &str| detail[name].as_str();
        let plan = |name: &str| Some(tier_name(&self.catalog, &PlanId::parse(text(name)?).ok()?));
        let until = |value: &Value| value.as_i64().map(|at| day_in(zone, Timestamp(at)));
        Some(match action {
            "tier" => {
                let why = text("reason").and_then(Reason::parse).map(Reason::sentence).unwrap_or_default();
                format!("The plan is {} and was {}. {why}", plan("after")?, plan("before")?)
            }
            "subscription" => self.subscription_said(zone, &detail["after"])?,
            "checkout_started" => format!("Went to pay for {}, {}.", plan("plan")?, text("period")?),
            "pack_checkout_started" => format!("Went to pay for the pack {}.", text("pack")?),
            "portal_opened" => "Opened the customer portal.".to_owned(),
            "cancel_requested" => "Asked to cancel at the end of what is paid.".to_owned(),
            "reactivated" => "Took the cancellation back.".to_owned(),
            "change_requested" => {
                let when = if text("timing") == Some("now") { "now" } else { "at the end of what is paid" };
                format!("Asked for {}, {}, {when}.", plan("plan")?, text("period")?)
            }
            "change_undone" => "Took a scheduled change back.".to_owned(),
            "ended_now" => "Ended the subscription at once.".to_owned(),
            "dispute" => format!("A payment is disputed: {}.", text("after")?.replace('_', " ")),
            "customer_deleted" => "The customer was deleted at Stripe.".to_owned(),
            "granted" => {
                let end = until(&detail["expires_at"]).map(|day| format!(", until {day}")).unwrap_or_default();
                format!("Given: {}{end} ({}).", self.granted_said(detail)?, text("reason")?)
            }
            "plan_granted" => {
                let end = until(&detail["expires_at"]).map(|day| format!(" until {day}")).unwrap_or_default();
                format!("Granted {}{end} ({}).", plan("plan")?, text("reason")?)
            }
            "plan_revoked" => format!("Took the granted plan {} back ({}).", plan("plan")?, text("reason")?),
            "taken_back" => format!("A pack was paid back: {} taken back.", self.granted_said(detail)?),
            "brought_back" => format!("A refund of a pack failed: {} brought back.", self.granted_said(detail)?),
            "key_made" => format!("Made the API key {}.", text("name")?),
            "key_revoked" => format!("Revoked the API key {}.", text("key")?),
            "top_up_on" => format!(
                "Turned automatic top-ups of {} on: the pack {} when less than {} are left, at most {} in a month.",
                self.meter_said(text("meter")?),
                self.pack_said(text("pack")?),
                detail["threshold"].as_u64()?,
                money_said(&detail["cap"], text("currency")?)?,
            ),
            "top_up_off" => format!("Turned automatic top-ups of {} off.", self.meter_said(text("meter")?)),
            "top_up_started" => format!(
                "Began to buy the pack {} by itself, for {}.",
                self.pack_said(text("pack")?),
                money_said(&detail["amount"], text("currency")?)?,
            ),
            "top_up_capped" => format!(
                "Automatic top-ups of {} have reached the monthly cap of {}.",
                self.meter_said(text("meter")?),
                money_said(&detail["cap"], text("currency")?)?,
            ),
            "top_up_paused" => format!(
                "Automatic top-ups of {} are paused. {}",
                self.meter_said(text("meter")?),
                text("reason").and_then(Pause::parse)?.sentence(),
            ),
            "top_up_resumed" => format!("Let automatic top-ups of {} go on.", self.meter_said(text("meter")?)),
            "organization_made" => format!("Made the organization {}.", text("name")?),
            "renamed" => format!("Renamed the organization from {} to {}.", text("before")?, text("after")?),
            "organization_deleted" => format!("Deleted the organization {}.", text("name")?),
            "member_invited" => format!("Invited {} as {}.", text("email")?, text("role")?),
            "invitation_sent_again" => format!("Sent the invitation to {} again.", text("email")?),
            "invitation_revoked" => format!("Revoked the invitation to {}.", text("email")?),
            "member_joined" => format!("Joined as {}.", text("role")?),
            "role_changed" => {
                format!("Made {} {}, who was {}.", text("member")?, text("after")?, text("before")?)
            }
            "member_removed" => format!("Removed {}, who was {}.", text("member")?, text("role")?),
            "member_left" => "Left the organization.".to_owned(),
            "seat_assigned" => format!("Gave {} a seat.", text("member")?),
            "seat_taken_back" => format!("Took the seat of {} back.", text("member")?),
            "ownership_transferred" => format!("Made {} the owner.", text("to")?),
            "time_zone" => format!("Days begin in {} and began in {}.", text("after")?, text("before")?),
            _ => return None,
        })
    }

    fn subscription_said(&self, zone: &Zone, after: &Value) -> Option<String> {
        let sold = self.config.prices.plan(after["price"].as_str()?);
        let what = sold.map_or_else(
            || "The subscription".to_owned(),
            |(plan, period)| format!("{}, {},", tier_name(&self.catalog, plan), period.as_str()),
        );
        let seats = after["quantity"].as_i64().filter(|seats| *seats > 1).map(|seats| format!(" {seats} seats,"));
        let status = after["status"].as_str()?.replace('_', " ");
        let day = |name: &str| after[name].as_i64().map(|at| day_in(zone, Timestamp(at)));
        let end = match (day("ends_at"), day("period_end")) {
            (Some(end), _) => format!("; it ends on {end}"),
            (None, Some(end)) if status != "canceled" => format!(" until {end}"),
            (None, _) => String::new(),
        };
        Some(format!("{what}{} is {status}{end}.", seats.unwrap_or_default()))
    }

    fn meter_said(&self, meter: &str) -> String {
        let known = MeterId::parse(meter).ok().and_then(|id| self.catalog.meter(&id));
        known.map_or_else(|| meter.to_owned(), |known| known.unit.clone())
    }

    fn pack_said(&self, pack: &str) -> String {
        let known = PackId::parse(pack).ok().and_then(|id| self.catalog.pack(&id));
        known.map_or_else(|| pack.to_owned(), |known| known.name.clone())
    }

    fn granted_said(&self, detail: &Value) -> Option<String> {
        if let Some(feature) = detail["feature"].as_str() {
            let known = self.catalog.features.iter().find(|known| known.id.as_str() == feature);
            return Some(known.map_or_else(|| feature.to_owned(), |known| known.name.clone()));
        }
        let meter = MeterId::parse(detail["meter"].as_str()?).ok()?;
        let amount = detail["amount"].as_u64()?;
        Some(self.catalog.meter(&meter).map_or_else(|| format!("{amount} {meter}"), |meter| meter.quantity(amount)))
    }
}

fn about_said(about: About) -> &'static str {
    match about {
        About::Plan => "Plan and payment",
        About::Credits => "Credits and top-ups",
        About::Members => "Members",
        About::Keys => "API keys",
        About::Organization => "The organization",
    }
}

fn money_said(amount: &Value, currency: &str) -> Option<String> {
    Some(Money::new(amount.as_i64()?, Currency::parse(currency).ok()?).to_string())
}

/// Who it was, if it was not a person.
fn who(actor: &str) -> &str {
    match actor {
        "clock" => "Time",
        "operator" => "Operator",
        "reconciliation" => "Comparison with Stripe",
        "top_up" => "Automatic top-up",
        _ if actor.starts_with("evt_") => "Stripe",
        _ if actor.starts_with("usr_") => "Somebody who has left",
        other => other,
    }
}
