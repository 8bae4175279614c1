//! Commands for the people who run Billhook: looking into the inbox and the time line, comparing with Stripe, and
//! ending a subscription at once.

use anyhow::{Context as _, anyhow, bail};
use billhook::server::App;
use billhook::server::clock::Clock;
use billhook::server::reconcile::Scope;
use billhook::server::store::{Granted, KeyAccess, LoggedEvent, SalesRequest};
use clap::Subcommand;
use domain::access::PlanGrant;
use domain::organization::OrganizationId;
use domain::plan::{FeatureId, MeterId, PlanId};
use domain::sales::PaymentLink;
use domain::time::{Seconds, Timestamp};

/// What can be done.
#[derive(Subcommand)]
pub enum OperatorCommand {
    /// Look into the webhook inbox
    #[command(subcommand)]
    Events(EventsCommand),
    /// Print everything that happened to an organization: actions and events, before and after, and why
    Timeline {
        /// Its id, `org_…`
        organization: String,
    },
    /// Compare with Stripe and report every difference; changes nothing without --repair
    Reconcile {
        /// Put right what differs, and take in events that never arrived
        #[arg(long)]
        repair: bool,
        /// Only this organization
        #[arg(long)]
        organization: Option<String>,
        /// Calls to Stripe per second, at most
        #[arg(long, default_value_t = 10)]
        rate: u32,
    },
    /// Give an organization a feature, or so much of a meter, on top of its plan
    Grant {
        /// Its id, `org_…`
        organization: String,
        /// The feature
        #[arg(long, required_unless_present = "meter", conflicts_with = "meter")]
        feature: Option<String>,
        /// The meter
        #[arg(long, requires = "amount")]
        meter: Option<String>,
        /// How much of the meter
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..=domain::usage::MOST_AT_ONCE))]
        amount: Option<u64>,
        /// For so many days; without it for good
        #[arg(long)]
        days: Option<u32>,
        /// Why: it is kept in the time line
        #[arg(long)]
        reason: String,
    },
    /// Keys of the API for services
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Put an organization on a plan without Stripe
    #[command(subcommand)]
    Plan(PlanCommand),
    /// What people asked sales
    #[command(subcommand)]
    Sales(SalesCommand),
    /// End an organization's subscription at once; what was paid is not given back
    CancelNow {
        /// Its id, `org_…`
        organization: String,
    },
}

#[derive(Subcommand)]
pub enum KeysCommand {
    /// Make a key and print it; it is not shown again
    Create {
        /// What it is for, in a few words
        #[arg(long)]
        name: String,
        /// Only for this organization; without it the key is for every organization
        #[arg(long)]
        organization: Option<String>,
        /// It may ask, and use nothing
        #[arg(long)]
        read_only: bool,
    },
    /// List keys, newest first
    List {
        /// Those of this organization; without it, those that are for every organization
        #[arg(long)]
        organization: Option<String>,
    },
    /// Revoke a key: it is refused within a second
    Revoke {
        /// Its id, `key_…`
        key: String,
        /// The organization that it is for, if it is for one
        #[arg(long)]
        organization: Option<String>,
    },
}

#[derive(Subcommand)]
pub enum PlanCommand {
    /// Grant a plan; a subscription goes on underneath, and the larger of the two counts
    Grant {
        /// Whom, `org_…`
        #[arg(long)]
        organization: String,
        /// The plan, as the catalogue names it
        #[arg(long)]
        plan: String,
        /// The day on which it ends, `2027-01-01`, at midnight UTC; without it when it is revoked
        #[arg(long)]
        until: Option<jiff::civil::Date>,
        /// Where the agreed price is paid, such as a payment link of Stripe's: the billing settings lead there
        #[arg(long)]
        pay_at: Option<PaymentLink>,
        /// Why: it is kept in the time line
        #[arg(long)]
        reason: String,
    },
    /// Take a granted plan back
    Revoke {
        /// From whom, `org_…`
        #[arg(long)]
        organization: String,
        /// Why: it is kept in the time line
        #[arg(long)]
        reason: String,
    },
}

#[derive(Subcommand)]
pub enum SalesCommand {
    /// List the latest requests, newest first
    List {
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Print one request
    Show {
        /// Its id, `sal_…`
        request: String,
    },
}

#[derive(Subcommand)]
pub enum EventsCommand {
    /// List the latest events with what became of them
    List {
        /// Only these: pending, applied, ignored, dead
        #[arg(long)]
        status: Option<String>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Print one event: what was decided, why, and the body as it came
    Show {
        /// Its id, `evt_…`
        event: String,
    },
    /// Put an event back into the queue; the running server looks at it again
    Replay {
        /// Its id, `evt_…`
        event: String,
    },
}

/// Does it and prints what came of it.
pub async fn run(app: &App, command: OperatorCommand) -> anyhow::Result<()> {
    match command {
        OperatorCommand::Events(command) => events(app, command).await,
        OperatorCommand::Timeline { organization } => timeline(app, organization).await,
        OperatorCommand::Reconcile { repair, organization, rate } => {
            let organization = organization.map(OrganizationId);
            reconcile(app, &Scope { organization, repair, calls_per_second: rate }).await
        }
        OperatorCommand::Grant { organization, feature, meter, amount, days, reason } => {
            let granted = match (feature, meter) {
                (Some(feature), _) => Granted::Feature(FeatureId::parse(&feature)?),
                (None, Some(meter)) => Granted::Credits(MeterId::parse(&meter)?, amount.unwrap_or(1)),
                (None, None) => bail!("say what to give: --feature, or --meter with --amount"),
            };
            let expires_at = days.map(|days| app.clock.now() + Seconds::days(days));
            app.grant(OrganizationId(organization.clone()), granted, &reason, expires_at).await?;
            println!("{organization} has it from now on");
            Ok(())
        }
        OperatorCommand::Keys(command) => keys(app, command).await,
        OperatorCommand::Plan(command) => plan(app, command).await,
        OperatorCommand::Sales(command) => sales(app, command).await,
        OperatorCommand::CancelNow { organization } => {
            let ended = app.end_now(&OrganizationId(organization)).await?;
            println!("{ended} has ended");
            Ok(())
        }
    }
}

async fn keys(app: &App, command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Create { name, organization, read_only } => {
            let access = if read_only { KeyAccess::Read } else { KeyAccess::Write };
            let (_, secret) = app.create_key(organization.map(OrganizationId), &name, access, "operator").await?;
            println!("{}", secret.expose());
            Ok(())
        }
        KeysCommand::List { organization } => {
            for key in app.store.keys(organization.map(OrganizationId).as_ref()).await? {
                let used = key.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {}", time(at)));
                let state = key.revoked_at.map_or(used, |at| format!("revoked {}", time(at)));
                println!("{}  …{}  {:5}  {}  {state}", key.id, key.hint, key.access, key.name);
            }
            Ok(())
        }
        KeysCommand::Revoke { key, organization } => {
            let organization = organization.map(OrganizationId);
            if !app.store.revoke_key(organization.as_ref(), &key, Clock::wall()).await? {
                bail!("there is no key {key}: `billhook keys list` shows them, with --organization those of one");
            }
            println!("{key} is revoked");
            Ok(())
        }
    }
}

async fn plan(app: &App, command: PlanCommand) -> anyhow::Result<()> {
    let (organization, tier) = match command {
        PlanCommand::Grant { organization, plan, until, pay_at, reason } => {
            let midnight = |day: jiff::civil::Date| day.to_zoned(jiff::tz::TimeZone::UTC);
            let until = until.map(midnight).transpose()?.map(|day| Timestamp(day.timestamp().as_second()));
            let grant = PlanGrant { plan: PlanId::parse(&plan)?, until };
            let tier = app.grant_plan(OrganizationId(organization.clone()), grant, &reason, pay_at).await?;
            (organization, tier)
        }
        PlanCommand::Revoke { organization, reason } => {
            let tier = app.revoke_plan(&OrganizationId(organization.clone()), &reason).await?;
            (organization, tier)
        }
    };
    println!("{organization} is on {tier} now");
    Ok(())
}

async fn sales(app: &App, command: SalesCommand) -> anyhow::Result<()> {
    match command {
        SalesCommand::List { limit } => {
            for request in app.store.sales_requests(Clock::wall(), limit).await? {
                println!("{}", asked(&request));
            }
            Ok(())
        }
        SalesCommand::Show { request } => {
            let found = app.store.sales_request(&request).await?;
            let request = found
                .with_context(|| format!("there is no request {request}: `billhook sales list` shows the latest"))?;
            println!("{}", asked(&request));
            println!("organization {}", request.organization_id.as_deref().unwrap_or("none: they had not signed in"));
            println!("\n{}", request.message);
            Ok(())
        }
    }
}

fn asked(request: &SalesRequest) -> String {
    let SalesRequest { id, name, email, company, plan, seats, created_at, .. } = request;
    let plan = plan.as_deref().unwrap_or("any plan");
    let seats = seats.map(|seats| format!(", {seats} people")).unwrap_or_default();
    format!("{}  {id}  {name} <{email}>, {company}: {plan}{seats}", time(*created_at))
}

async fn events(app: &App, command: EventsCommand) -> anyhow::Result<()> {
    match command {
        EventsCommand::List { status, limit } => {
            if let Some(status) = &status
                && !["pending", "applied", "ignored", "dead"].contains(&status.as_str())
            {
                bail!("`{status}` is not a status: pending, applied, ignored or dead");
            }
            for event in app.store.events(status.as_deref(), limit).await? {
                println!("{}", line(&event));
            }
            Ok(())
        }
        EventsCommand::Show { event } => {
            let event = app.store.event(&event).await?.ok_or_else(|| unknown(&event))?;
            println!("{}", line(&event));
            println!("received   {}", time(event.received_at));
            println!("attempts   {}", event.attempts);
            for (name, value) in [("belongs to", &event.organization_id), ("last error", &event.last_error)] {
                if let Some(value) = value {
                    println!("{name} {value}");
                }
            }
            println!("{}", event.payload);
            Ok(())
        }
        EventsCommand::Replay { event } => {
            if !app.store.replay_event(&event, Clock::wall()).await? {
                return Err(unknown(&event));
            }
            println!("{event} is in the queue again; the server looks at it within seconds");
            Ok(())
        }
    }
}

fn unknown(event: &str) -> anyhow::Error {
    anyhow!("there is no event {event}: `billhook events list` shows the latest")
}

fn line(event: &LoggedEvent) -> String {
    let why = event.last_error.as_ref().or(event.decision.as_ref()).map_or("", String::as_str);
    format!("{}  {:8} {:45} {}  {why}", time(event.created_at), event.status, event.kind, event.id)
}

async fn timeline(app: &App, organization: String) -> anyhow::Result<()> {
    let id = OrganizationId(organization);
    let organization = app.store.organization(&id).await?.with_context(|| format!("there is no organization {id}"))?;
    println!("{} ({id}), on {}: {}", organization.name, organization.tier, organization.tier_reason);
    for entry in app.store.timeline(&id).await? {
        println!("{}  {:30} {:40} {}", time(entry.at), entry.actor, entry.action, entry.detail);
    }
    Ok(())
}

async fn reconcile(app: &App, scope: &Scope) -> anyhow::Result<()> {
    let report = app.reconcile(scope, |drift| println!("{drift}")).await?;
    println!(
        "{} organizations and {} events compared: {} differences, {} put right",
        report.organizations, report.events, report.drifts, report.repaired
    );
    if report.failed > 0 {
        bail!("{} organizations could not be compared; the log says why", report.failed);
    }
    if report.drifts > report.repaired && !scope.repair {
        println!("Nothing was changed. Run it again with --repair to put it right.");
    }
    Ok(())
}

/// `2026-12-21 10:00:00Z`.
fn time(seconds: i64) -> String {
    let at = jiff::Timestamp::from_second(seconds);
    at.map_or_else(|_| seconds.to_string(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}
