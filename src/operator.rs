//! Commands for the people who run Billhook: looking into the inbox and the time line, comparing with Stripe, and
//! ending a subscription at once.

use anyhow::{Context as _, anyhow, bail};
use billhook::server::App;
use billhook::server::clock::Clock;
use billhook::server::reconcile::Scope;
use billhook::server::store::LoggedEvent;
use clap::Subcommand;
use domain::organization::OrganizationId;

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
    /// End an organization's subscription at once; what was paid is not given back
    CancelNow {
        /// Its id, `org_…`
        organization: String,
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
        OperatorCommand::CancelNow { organization } => {
            let ended = app.end_now(&OrganizationId(organization)).await?;
            println!("{ended} has ended");
            Ok(())
        }
    }
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
