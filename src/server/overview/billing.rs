//! The billing settings: how the plan stands, what deserves a banner, what it is paid with, and the invoices.

use domain::access::Reason;
use domain::change;
use domain::invoice::{self, Invoice};
use domain::organization::Organization;
use domain::plan::{Period, Plan};
use domain::role::Permission;
use domain::subscription::{Status, Subscription};
use domain::time::Timestamp;

use super::{day, format, tier_name};
use crate::components::notice::Tone;
use crate::error::Code;
use crate::pages::billing::{Banner, BillingView, Changing, InvoiceLine, KeyDate, Remedy, Seated};
use crate::pages::cancel::CancelView;
use crate::server::App;
use crate::server::error::Error;
use crate::server::organizations::require;
use crate::server::stripe::FEEDBACK;
use crate::visitor::Account;

/// How many invoices a page of the list has.
const PAGE: u32 = 10;

/// What a banner is written from.
struct Standing<'a> {
    app: &'a App,
    subscription: &'a Subscription,
    organization: &'a Organization,
    /// The latest invoice that somebody must pay.
    owed: Option<&'a Invoice>,
    /// What it is paid with, in words.
    payment_method: Option<String>,
    now: Timestamp,
}

impl App {
    /// How an organization's billing stands. `page` is the page of the invoices, from 1.
    pub async fn billing_view(&self, account: &Account, page: u32) -> Result<BillingView, Error> {
        let subscriptions = self.store.subscriptions(&account.organization).await?;
        let organization = self
            .store
            .organization(&account.organization)
            .await?
            .ok_or_else(|| Error::refused(Code::NotFound, "There is no such organization."))?;
        let method = self.store.payment_method(&account.organization).await?;
        // One more than is shown says whether there are older ones.
        let first = page.saturating_sub(1).saturating_mul(PAGE);
        let mut invoices = self.store.invoices(&account.organization, first, PAGE + 1).await?;
        let more = invoices.len() > usize::try_from(PAGE).unwrap_or(usize::MAX);
        invoices.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
        let live: Vec<_> = subscriptions.iter().filter(|known| !known.status.is_terminal()).collect();
        let current = live.first().copied().or(subscriptions.first());
        // The banner is about the latest, whichever page is shown.
        let latest = if first == 0 { None } else { Some(self.store.invoices(&account.organization, 0, PAGE).await?) };
        let owed = latest.as_ref().unwrap_or(&invoices).iter().find(|invoice| owed(invoice));
        let mut banners = current.map_or_else(Vec::new, |subscription| {
            let standing = Standing {
                app: self,
                subscription,
                organization: &organization,
                owed,
                payment_method: method.as_ref().map(ToString::to_string),
                now: self.clock.now(),
            };
            standing.banners()
        });
        if is_granted(&organization) {
            let link = self.store.payment_link(&account.organization).await?;
            banners.push(self.granted(&organization, live.first().copied(), link));
        }
        if let Some(subscription) = live.first() {
            let taken = self.store.seats_taken(&account.organization).await?;
            banners.splice(0..0, self.seats_broken(subscription, taken));
        }
        if live.len() > 1 {
            banners.insert(0, two_subscriptions());
        }
        let plan = self.catalog.plan(&account.tier);
        let running = live.first().copied();
        Ok(BillingView {
            organization: account.organization_name.clone(),
            tier_name: account.tier_name.clone(),
            summary: plan.map(|plan| plan.summary.clone()).unwrap_or_default(),
            status: current.map_or(if is_granted(&organization) { "Granted" } else { "Free" }, status_word).to_owned(),
            banners,
            price: running.and_then(|subscription| self.price_line(subscription)),
            changing: running
                .filter(|subscription| may_change(subscription))
                .map(|subscription| Changing { other_period: self.other_period(subscription) }),
            seats: running
                .and_then(|subscription| self.seated(subscription))
                .map(|(plan, subscription)| Seated { quantity: subscription.quantity, plan: plan.id.to_string() }),
            date: current.and_then(key_date),
            payment_method: method.map(|method| {
                let expires = method.expires.map(|(month, year)| format!("{month:02}/{year}"));
                (method.to_string(), expires)
            }),
            cancel: running
                .filter(|subscription| subscription.scheduled_end().is_none())
                .map(|subscription| self.leaving(subscription)),
            has_customer: organization.customer.is_some(),
            may_manage: account.may(Permission::ManageBilling),
            invoices: invoices.into_iter().map(invoice_line).collect(),
            page,
            more,
        })
    }

    /// What canceling would mean.
    pub async fn cancel_view(&self, account: &Account) -> Result<CancelView, Error> {
        require(account, Permission::ManageBilling)?;
        match self.running(&account.organization).await? {
            Some(subscription) if subscription.scheduled_end().is_none() => Ok(self.leaving(&subscription)),
            Some(_) => Err(Error::refused(Code::Conflict, "This subscription is canceled already.")),
            None => Err(Error::refused(Code::Conflict, "There is no subscription to cancel.")),
        }
    }

    fn leaving(&self, subscription: &Subscription) -> CancelView {
        let plan = self.terms_of(subscription).and_then(|terms| self.catalog.plan(&terms.plan));
        let free = self.catalog.plan(&self.catalog.free_plan);
        let kept = |feature| free.is_some_and(|free| free.features.contains(feature));
        CancelView {
            plan: plan.map_or_else(|| "the subscription".to_owned(), |plan| plan.name.clone()),
            until: day(subscription.period_end),
            unsettled: change::unsettled(subscription.status),
            free: tier_name(&self.catalog, &self.catalog.free_plan),
            lost: plan
                .into_iter()
                .flat_map(|plan| &plan.features)
                .filter(|feature| !kept(feature))
                .filter_map(|feature| self.catalog.feature(feature))
                .map(|feature| feature.name.clone())
                .collect(),
            reasons: FEEDBACK.iter().map(|(word, text)| ((*word).to_owned(), (*text).to_owned())).collect(),
        }
    }

    /// The subscription with its plan, where that has seats.
    fn seated<'a>(&self, subscription: &'a Subscription) -> Option<(&Plan, &'a Subscription)> {
        let terms = self.terms_of(subscription)?;
        self.catalog.plan(&terms.plan).filter(|plan| plan.seats.is_some()).map(|plan| (plan, subscription))
    }

    /// A number of seats that was set at Stripe is accepted. Where it breaks a rule, the page says so.
    fn seats_broken(&self, subscription: &Subscription, taken: u32) -> Option<Banner> {
        let (plan, subscription) = self.seated(subscription)?;
        let broken = change::seats_broken(plan, subscription.quantity, taken)?;
        let remedies = vec![Remedy::Seats(plan.id.to_string())];
        Some(Banner { tone: Tone::Warning, text: broken.to_string(), remedies })
    }

    /// That the plan was granted, where it is paid, and what becomes of a subscription beside it.
    fn granted(&self, organization: &Organization, running: Option<&Subscription>, link: Option<String>) -> Banner {
        let plan = tier_name(&self.catalog, &organization.tier);
        let until = organization.tier_review_at.map(|at| format!(" until {}", day(at))).unwrap_or_default();
        let beside = running.map_or_else(String::new, |subscription| {
            format!(" Your subscription to {} goes on and is charged as before.", self.plan_name(&subscription.price))
        });
        let text = format!("{plan} is granted to {}{until}.{beside}", organization.name);
        Banner { tone: Tone::Info, text, remedies: link.map(Remedy::PayAgreed).into_iter().collect() }
    }

    /// The same plan for the other period, where it is sold so.
    fn other_period(&self, subscription: &Subscription) -> Option<(String, Period)> {
        let terms = self.terms_of(subscription)?;
        let other = match terms.period {
            Period::Monthly => Period::Yearly,
            Period::Yearly => Period::Monthly,
        };
        self.catalog.plan(&terms.plan).filter(|plan| plan.is_sold())?.price(other)?;
        Some((terms.plan.to_string(), other))
    }

    /// `$60 / month`, with the seats counted in.
    fn price_line(&self, subscription: &Subscription) -> Option<String> {
        let terms = self.terms_of(subscription)?;
        let total = self.price_of(&terms)?;
        Some(format!("{total} / {}", terms.period.unit()))
    }
}

impl Standing<'_> {
    /// The most urgent first.
    fn banners(&self) -> Vec<Banner> {
        [self.owing(), self.disputed(), self.waiting(), self.ending(), self.changing(), self.trial(), self.unknown()]
            .into_iter()
            .flatten()
            .collect()
    }

    fn owing(&self) -> Option<Banner> {
        let amount = self
            .owed
            .map_or_else(|| "The last payment".to_owned(), |invoice| format!("The payment of {}", invoice.money()));
        let text = match self.subscription.status {
            Status::PastDue => {
                let when = self.subscription.past_due_at.map(|at| format!(" on {}", day(at))).unwrap_or_default();
                let access = match (Reason::parse(&self.organization.tier_reason), self.organization.tier_review_at) {
                    (Some(Reason::Grace), Some(until)) => format!("Everything stays unlocked until {}.", day(until)),
                    _ => "The plan is locked until it is paid.".to_owned(),
                };
                let again = self.owed.and_then(|invoice| invoice.next_attempt);
                let again = again.map(|at| format!(" We try again on {}.", day(at))).unwrap_or_default();
                format!("{amount} failed{when}. {access}{again}")
            }
            Status::Unpaid => {
                let text = if self.owed.is_some() {
                    format!(
                        "{amount} failed, and we have stopped trying. Pay the invoice to unlock the plan, or end it."
                    )
                } else {
                    "Payments have failed, and we have stopped trying. End the plan and choose one again.".to_owned()
                };
                let remedies = self.remedies().into_iter().chain([Remedy::EndNow]).collect();
                return Some(Banner { tone: Tone::Warning, text, remedies });
            }
            Status::Incomplete => {
                format!("{amount} is not complete. Finish it within 23 hours to unlock the plan.")
            }
            Status::Paused => {
                let text = "The plan is paused and locked. Contact us, or end it and choose one again.".to_owned();
                return Some(Banner { tone: Tone::Warning, text, remedies: vec![Remedy::EndNow] });
            }
            Status::Trialing | Status::Active | Status::Canceled | Status::IncompleteExpired => return None,
        };
        Some(Banner { tone: Tone::Warning, text, remedies: self.remedies() })
    }

    fn remedies(&self) -> Vec<Remedy> {
        let pay = self.owed.and_then(|invoice| invoice.hosted_url.clone()).map(Remedy::PayInvoice);
        [Some(Remedy::PaymentMethod), pay].into_iter().flatten().collect()
    }

    fn disputed(&self) -> Option<Banner> {
        let dispute = self.subscription.dispute?;
        let locked = Reason::parse(&self.organization.tier_reason) == Some(Reason::Disputed);
        let text = match (dispute, locked) {
            (domain::subscription::Dispute::Lost, _) => {
                "A payment was taken back by the bank, so the plan is locked. Contact us to put it right."
            }
            (domain::subscription::Dispute::Open, true) => {
                "A payment is disputed with the bank. The plan is locked until that is decided."
            }
            (domain::subscription::Dispute::Open, false) => {
                "A payment is disputed with the bank. Nothing is locked while that is open."
            }
        };
        Some(Banner { tone: Tone::Warning, text: text.to_owned(), remedies: Vec::new() })
    }

    fn waiting(&self) -> Option<Banner> {
        let pending = self.subscription.pending.as_ref()?;
        let to = self.named(&pending.price);
        let text = format!(
            "The change to {to} waits for its payment until {}. Nothing has changed so far.",
            day(pending.expires_at)
        );
        Some(Banner { tone: Tone::Warning, text, remedies: self.remedies() })
    }

    fn ending(&self) -> Option<Banner> {
        let end = self.subscription.scheduled_end()?;
        let plan = self.named(&self.subscription.price);
        let text = format!("Cancels on {}.{}", day(end), self.keeps(&plan));
        Some(Banner { tone: Tone::Info, text, remedies: vec![Remedy::Reactivate] })
    }

    fn changing(&self) -> Option<Banner> {
        let next = self.subscription.next.as_ref()?;
        let (plan, to) = (self.named(&self.subscription.price), self.named(&next.price));
        let (seats, left) = (self.subscription.quantity, next.quantity);
        if next.price == self.subscription.price && seats != left {
            let text =
                format!("Changes from {seats} to {left} seats on {}.{}", day(next.at), self.keeps("all of them"));
            return Some(Banner { tone: Tone::Info, text, remedies: vec![Remedy::KeepPlan(format!("{seats} seats"))] });
        }
        let text = format!("Changes to {to} on {}.{}", day(next.at), self.keeps(&plan));
        Some(Banner { tone: Tone::Info, text, remedies: vec![Remedy::KeepPlan(plan)] })
    }

    /// What is kept until a scheduled change, where nothing is owed. How long it is kept otherwise is said above.
    fn keeps(&self, what: &str) -> String {
        let owing = change::unsettled(self.subscription.status).is_some();
        if owing { String::new() } else { format!(" You keep {what} until then.") }
    }

    fn trial(&self) -> Option<Banner> {
        let running = self.subscription.status == Status::Trialing && self.subscription.scheduled_end().is_none();
        let end = self.subscription.trial_end.filter(|_| running)?;
        let days = end.days_left(self.now);
        let left = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
        // What is scheduled for the end of the trial is what will be charged.
        let terms = match self.subscription.next.as_ref().filter(|next| next.at <= end) {
            Some(next) => self.app.terms_at(&next.price, next.quantity),
            None => self.app.terms_of(self.subscription),
        };
        let price = terms.and_then(|terms| self.app.price_of(&terms));
        let (then, remedies) = match (&self.payment_method, price) {
            (Some(method), Some(price)) => {
                let before = "before tax and discounts, unless you cancel by then";
                (format!("On {} {method} is charged {price} {before}.", day(end)), Vec::new())
            }
            (Some(_), None) => (format!("The first payment is on {}.", day(end)), Vec::new()),
            (None, _) => {
                (format!("Without a payment method the plan ends on {}.", day(end)), vec![Remedy::PaymentMethod])
            }
        };
        Some(Banner { tone: Tone::Info, text: format!("Your trial has {left} left. {then}"), remedies })
    }

    fn unknown(&self) -> Option<Banner> {
        (Reason::parse(&self.organization.tier_reason) == Some(Reason::UnknownPrice)).then(|| Banner {
            tone: Tone::Warning,
            text: "This subscription’s price is not one of our plans. Contact us so that we can put it right."
                .to_owned(),
            remedies: Vec::new(),
        })
    }

    fn named(&self, price: &str) -> String {
        self.app.plan_name(price)
    }
}

fn is_granted(organization: &Organization) -> bool {
    Reason::parse(&organization.tier_reason) == Some(Reason::Granted)
}

fn two_subscriptions() -> Banner {
    Banner {
        tone: Tone::Warning,
        text:
            "Two subscriptions are running and both are charged. Cancel the one that you do not want; we can refund it."
                .to_owned(),
        remedies: Vec::new(),
    }
}

/// Whether a change can be considered; the change itself is checked when it is asked for.
fn may_change(subscription: &Subscription) -> bool {
    subscription.scheduled_end().is_none() && change::unsettled(subscription.status).is_none()
}

fn owed(invoice: &Invoice) -> bool {
    matches!(invoice.status, invoice::Status::Open | invoice::Status::Uncollectible) && invoice.remaining > 0
}

fn invoice_line(invoice: Invoice) -> InvoiceLine {
    InvoiceLine {
        date: key_day("Date", invoice.created),
        status: match invoice.status {
            invoice::Status::Draft => "Draft",
            invoice::Status::Open => "Open",
            invoice::Status::Uncollectible => "Unpaid",
            invoice::Status::Void => "Void",
            invoice::Status::Paid => "Paid",
        }
        .to_owned(),
        open: owed(&invoice),
        amount: invoice.money().to_string(),
        number: invoice.number.unwrap_or_else(|| "not numbered".to_owned()),
        hosted_url: invoice.hosted_url,
        pdf_url: invoice.pdf_url,
    }
}

/// How a subscription stands, in a word.
pub(super) fn status_word(subscription: &Subscription) -> &'static str {
    match subscription.status {
        _ if subscription.scheduled_end().is_some() => "Canceling",
        Status::Trialing => "Trial",
        Status::Active => "Active",
        Status::PastDue => "Past due",
        Status::Incomplete => "Awaiting payment",
        Status::Unpaid => "Unpaid",
        Status::Paused => "Paused",
        Status::Canceled | Status::IncompleteExpired => "Ended",
    }
}

fn key_date(subscription: &Subscription) -> Option<KeyDate> {
    let (label, at) = match subscription.status {
        _ if subscription.scheduled_end().is_some() => ("Cancels on", subscription.scheduled_end()?),
        Status::Trialing => ("Trial ends", subscription.trial_end?),
        Status::Active | Status::PastDue => ("Renews on", subscription.period_end),
        Status::Canceled => ("Ended on", subscription.ended_at?),
        Status::Incomplete | Status::IncompleteExpired | Status::Unpaid | Status::Paused => return None,
    };
    Some(key_day(label, at))
}

fn key_day(label: &str, at: Timestamp) -> KeyDate {
    KeyDate { label: label.to_owned(), text: day(at), iso: format("%Y-%m-%d", at) }
}
