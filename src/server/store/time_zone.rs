//! Where an organization's days and months begin.

use std::sync::Arc;

use domain::catalog::Catalog;
use domain::organization::OrganizationId;
use domain::time::Timestamp;
use domain::window::{Window, Zone};
use sqlx::AnyConnection;

use super::accounts::lock;
use super::audit::{self, Action, Actor};
use super::standing::{CounterRow, StandingRow, meter_id};
use super::sync::touch;
use super::{Error, Store};

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
                for (meter, start) in counting(connection, &id).await? {
                    let Some(known) = catalog.meter(&meter_id(&meter)?) else { continue };
                    let window = |zone| Window::at(known.reset, zone, standing.paid, now).start;
                    let (before, after) = (window(&standing.zone), window(&zone));
                    if start >= before.0 && start < after.0 {
                        keep_counting(connection, &id, &meter, start, after).await?;
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

/// The meters that have been counted, and since when.
async fn counting(connection: &mut AnyConnection, id: &OrganizationId) -> Result<Vec<(String, i64)>, Error> {
    let rows: Vec<CounterRow> = sqlx::query_as("SELECT * FROM usage_counters WHERE organization_id = $1")
        .bind(&id.0)
        .fetch_all(connection)
        .await?;
    let mut counting = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(counter) = row.read()? {
            counting.push((row.meter, counter.window_start));
        }
    }
    Ok(counting)
}

/// Where the day or month has begun already, what was used stays used until the next: else a limit could be had twice
/// by changing the zone back and forth.
async fn keep_counting(
    connection: &mut AnyConnection,
    id: &OrganizationId,
    meter: &str,
    start: i64,
    after: Timestamp,
) -> Result<(), Error> {
    for sql in [
        "UPDATE usage_counters SET window_start = $4 WHERE organization_id = $1 AND meter = $2 AND window_start = $3",
        "UPDATE reservations SET window_start = $4
         WHERE organization_id = $1 AND meter = $2 AND window_start = $3 AND status = 'open'",
    ] {
        sqlx::query(sql).bind(&id.0).bind(meter.to_owned()).bind(start).bind(after.0).execute(&mut *connection).await?;
    }
    Ok(())
}
