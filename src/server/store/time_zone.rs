//! Where an organization's days and months begin.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::catalog::Catalog;
use domain::organization::OrganizationId;
use domain::plan::MeterId;
use domain::time::Timestamp;
use domain::usage::Counter;
use domain::window::{Window, Zone};
use sqlx::AnyConnection;

use super::accounts::lock;
use super::audit::{self, Action, Actor};
use super::standing::{CounterRow, StandingRow, meter_id};
use super::sync::touch;
use super::{Error, Store, seats};

impl Store {
    /// Lets days and months begin elsewhere.
    pub async fn set_time_zone(
        &self,
        organization: &OrganizationId,
        zone: Zone,
        actor: Actor,
        catalog: Arc<Catalog>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let id = organization.clone();
        self.write(move |connection| {
            Box::pin(async move {
                if lock(connection, &id).await?.is_none() {
                    return Ok(());
                }
                let row: StandingRow = sqlx::query_as("SELECT * FROM organizations WHERE id = $1")
                    .bind(&id.0)
                    .fetch_one(&mut *connection)
                    .await?;
                let standing = row.read()?;
                if standing.zone == zone {
                    return Ok(());
                }
                sqlx::query("UPDATE organizations SET time_zone = $2 WHERE id = $1")
                    .bind(&id.0)
                    .bind(zone.name().to_owned())
                    .execute(&mut *connection)
                    .await?;
                let mut standing = standing;
                standing.counters = counting(connection, &id).await?;
                standing.seats = seats::held(connection, &catalog, &id, standing.kind).await?;
                for known in &catalog.meters {
                    let Some(stored) = standing.counters.get(&known.id) else { continue };
                    let (account, window) = standing.account(&catalog, known, now);
                    if account.counter.window_start != stored.window_start {
                        start_again(connection, &id, &known.id, *stored, account.counter).await?;
                    }
                    let start = account.counter.window_start;
                    let after = Window::at(known.reset, &zone, standing.paid, now).start;
                    if start >= window.start.0 && start < after.0 {
                        keep_counting(connection, &id, &known.id, start, after).await?;
                    }
                }
                let action =
                    Action::TimeZone { before: standing.zone.name().to_owned(), after: zone.name().to_owned() };
                audit::record(connection, &id, &actor, &action, now).await?;
                touch(connection, &id).await
            })
        })
        .await
    }
}

/// The meters that have been counted.
async fn counting(connection: &mut AnyConnection, id: &OrganizationId) -> Result<BTreeMap<MeterId, Counter>, Error> {
    let rows: Vec<CounterRow> = sqlx::query_as("SELECT * FROM usage_counters WHERE organization_id = $1")
        .bind(&id.0)
        .fetch_all(connection)
        .await?;
    let mut counting = BTreeMap::new();
    for row in rows {
        if let Some(counter) = row.read()? {
            counting.insert(meter_id(&row.meter)?, counter);
        }
    }
    Ok(counting)
}

/// A count that was over starts again before the day is another: else it would go on where its day is not over yet, and
/// from there be kept into the next.
async fn start_again(
    connection: &mut AnyConnection,
    id: &OrganizationId,
    meter: &MeterId,
    over: Counter,
    new: Counter,
) -> Result<(), Error> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    sqlx::query(
        "UPDATE usage_counters SET window_start = $4, included = $5, carried = $6, used = 0, from_credits = 0,
             reserved = 0, warned = 0
         WHERE organization_id = $1 AND meter = $2 AND window_start = $3",
    )
    .bind(&id.0)
    .bind(meter.as_str())
    .bind(over.window_start)
    .bind(new.window_start)
    .bind(number(new.included))
    .bind(number(new.carried))
    .execute(connection)
    .await?;
    Ok(())
}

/// Where the day or month has begun already, what was used stays used until the next: else a limit could be had twice
/// by changing the zone back and forth.
async fn keep_counting(
    connection: &mut AnyConnection,
    id: &OrganizationId,
    meter: &MeterId,
    start: i64,
    after: Timestamp,
) -> Result<(), Error> {
    for sql in [
        "UPDATE usage_counters SET window_start = $4 WHERE organization_id = $1 AND meter = $2 AND window_start = $3",
        "UPDATE reservations SET window_start = $4
         WHERE organization_id = $1 AND meter = $2 AND window_start = $3 AND status = 'open'",
    ] {
        sqlx::query(sql).bind(&id.0).bind(meter.as_str()).bind(start).bind(after.0).execute(&mut *connection).await?;
    }
    Ok(())
}
