//! The statements of a group: each for all of its rows at once.

use std::collections::{BTreeMap, BTreeSet};

use domain::entitlement::Standing;
use domain::organization::OrganizationId;
use domain::time::Timestamp;
use domain::usage::{Counter, Credits, Taken};
use sqlx::{AnyConnection, AssertSqlSafe, FromRow};

use super::book::{Book, Key, Reservation};
use super::{Idempotency, Receipt};
use crate::server::store::rows::{hold, list, pieces, places};
use crate::server::store::standing::{CounterRow, GrantRow, STANDING, StandingRow, meter_id, number};
use crate::server::store::{Error, top_ups};

/// What the keys were answered before.
pub(super) async fn answers(
    connection: &mut AnyConnection,
    keys: &BTreeSet<(String, String)>,
) -> Result<BTreeMap<(String, String), (String, Receipt)>, Error> {
    let keys: Vec<_> = keys.iter().collect();
    let mut answers = BTreeMap::new();
    for piece in pieces(&keys) {
        let sql = format!(
            "SELECT scope, key, fingerprint, answer FROM idempotent_answers WHERE (scope, key) IN (VALUES {})",
            places(piece.len(), 2)
        );
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for (scope, key) in piece {
            query = query.bind(scope.clone()).bind(key.clone());
        }
        let rows: Vec<(String, String, String, String)> = query.fetch_all(&mut *connection).await?;
        for (scope, key, fingerprint, answer) in rows {
            let unreadable =
                |error: serde_json::Error| Error::Unreadable { table: "idempotent_answers", value: error.to_string() };
            let receipt: Receipt = serde_json::from_str(&answer).map_err(unreadable)?;
            answers.insert((scope, key), (fingerprint, receipt));
        }
    }
    Ok(answers)
}

/// What is known of the organizations, without what was counted.
pub(super) async fn standings(
    connection: &mut AnyConnection,
    organizations: &BTreeSet<&OrganizationId>,
) -> Result<BTreeMap<OrganizationId, Standing>, Error> {
    let organizations: Vec<_> = organizations.iter().collect();
    let mut standings = BTreeMap::new();
    for piece in pieces(&organizations) {
        let sql = format!("SELECT {STANDING} FROM organizations WHERE id IN ({})", list(piece.len()));
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for organization in piece {
            query = query.bind(organization.0.clone());
        }
        let rows: Vec<StandingRow> = query.fetch_all(&mut *connection).await?;
        for row in rows {
            standings.insert(OrganizationId(row.id.clone()), row.read()?);
        }
    }
    Ok(standings)
}

/// The counters, held until the transaction ends; one that is not there is made, and counts as none.
pub(super) async fn hold_counters(
    connection: &mut AnyConnection,
    keys: &BTreeSet<Key>,
) -> Result<BTreeMap<Key, Option<Counter>>, Error> {
    let mut counters = select_counters(connection, keys).await?;
    let missing: BTreeSet<Key> = keys.iter().filter(|key| !counters.contains_key(*key)).cloned().collect();
    if !missing.is_empty() {
        let none: Vec<_> = missing.iter().map(|key| (key, Counter::default(), NONE)).collect();
        for piece in pieces(&none) {
            upsert(connection, piece, "NOTHING").await?;
        }
        // Another node may have made it meanwhile.
        counters.append(&mut select_counters(connection, &missing).await?);
    }
    Ok(counters)
}

async fn select_counters(
    connection: &mut AnyConnection,
    keys: &BTreeSet<Key>,
) -> Result<BTreeMap<Key, Option<Counter>>, Error> {
    let keys: Vec<_> = keys.iter().collect();
    let mut counters = BTreeMap::new();
    for piece in pieces(&keys) {
        let sql = format!(
            "SELECT * FROM usage_counters WHERE (organization_id, meter) IN (VALUES {})
             ORDER BY organization_id, meter{}",
            places(piece.len(), 2),
            hold(connection)
        );
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for (organization, meter) in piece {
            query = query.bind(organization.0.clone()).bind(meter.to_string());
        }
        let rows: Vec<CounterRow> = query.fetch_all(&mut *connection).await?;
        for row in rows {
            counters.insert((OrganizationId(row.organization_id.clone()), meter_id(&row.meter)?), row.read()?);
        }
    }
    Ok(counters)
}

/// A window that no counter is in: of a row that was only made to be held.
const NONE: i64 = -1;

async fn upsert(connection: &mut AnyConnection, rows: &[(&Key, Counter, i64)], on_conflict: &str) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO usage_counters (organization_id, meter, window_start, included, used, from_credits, reserved,
             carried, warned)
         VALUES {} ON CONFLICT (organization_id, meter) DO {on_conflict}",
        places(rows.len(), 9)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for ((organization, meter), counter, window_start) in rows {
        query = query
            .bind(organization.0.clone())
            .bind(meter.to_string())
            .bind(*window_start)
            .bind(signed(counter.included))
            .bind(signed(counter.used))
            .bind(signed(counter.from_credits))
            .bind(signed(counter.reserved))
            .bind(signed(counter.carried))
            .bind(i64::from(counter.warned));
    }
    query.execute(connection).await?;
    Ok(())
}

/// Credits of these accounts: those that are not used up, and those that reservations hold a part of.
pub(super) async fn credits(
    connection: &mut AnyConnection,
    keys: &BTreeSet<Key>,
    held: &BTreeSet<&str>,
) -> Result<BTreeMap<Key, Vec<Credits>>, Error> {
    let organizations: Vec<_> =
        keys.iter().map(|(organization, _)| organization).collect::<BTreeSet<_>>().into_iter().collect();
    let mut rows: Vec<GrantRow> = Vec::new();
    for piece in pieces(&organizations) {
        let sql = format!(
            "SELECT * FROM grants WHERE meter IS NOT NULL AND remaining > 0 AND organization_id IN ({})",
            list(piece.len())
        );
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for organization in piece {
            query = query.bind(organization.0.clone());
        }
        rows.extend(query.fetch_all(&mut *connection).await?);
    }
    let held: Vec<_> = held.iter().collect();
    for piece in pieces(&held) {
        let sql = format!("SELECT * FROM grants WHERE remaining = 0 AND id IN ({})", list(piece.len()));
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for id in piece {
            query = query.bind((**id).to_owned());
        }
        rows.extend(query.fetch_all(&mut *connection).await?);
    }
    let mut credits: BTreeMap<Key, Vec<Credits>> = BTreeMap::new();
    for row in rows {
        let Some(meter) = &row.meter else { continue };
        let key = (OrganizationId(row.organization_id.clone()), meter_id(meter)?);
        credits.entry(key).or_default().push(row.credits()?);
    }
    Ok(credits)
}

#[derive(FromRow)]
struct ReservationRow {
    id: String,
    organization_id: String,
    meter: String,
    amount: i64,
    taken: String,
    window_start: i64,
    status: String,
    expires_at: i64,
}

/// The reservations of these names.
pub(super) async fn reservations(
    connection: &mut AnyConnection,
    ids: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Reservation>, Error> {
    let ids: Vec<_> = ids.iter().collect();
    let mut reservations = BTreeMap::new();
    for piece in pieces(&ids) {
        let sql = format!("SELECT * FROM reservations WHERE id IN ({})", list(piece.len()));
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for id in piece {
            query = query.bind((**id).to_owned());
        }
        let rows: Vec<ReservationRow> = query.fetch_all(&mut *connection).await?;
        for row in rows {
            let unreadable =
                |error: serde_json::Error| Error::Unreadable { table: "reservations", value: error.to_string() };
            let taken: Taken = serde_json::from_str(&row.taken).map_err(unreadable)?;
            let reservation = Reservation {
                key: (OrganizationId(row.organization_id), meter_id(&row.meter)?),
                amount: number(row.amount)?,
                taken,
                window_start: row.window_start,
                status: row.status,
                expires_at: row.expires_at,
            };
            reservations.insert(row.id, reservation);
        }
    }
    Ok(reservations)
}

/// Writes what the group has changed.
pub(super) async fn write(connection: &mut AnyConnection, book: &Book) -> Result<(), Error> {
    let changed: Vec<(&Key, Counter, i64)> = book
        .pages
        .iter()
        .filter(|(_, page)| page.changed)
        .map(|(key, page)| (key, page.account.counter, page.account.counter.window_start))
        .collect();
    for piece in pieces(&changed) {
        let update = "UPDATE SET window_start = excluded.window_start, included = excluded.included, used = excluded.used, from_credits = excluded.from_credits,
             reserved = excluded.reserved, carried = excluded.carried, warned = excluded.warned";
        upsert(connection, piece, update).await?;
    }
    write_credits(connection, book).await?;
    write_reservations(connection, book).await?;
    write_entries(connection, book).await?;
    for warned in &book.warned {
        sqlx::query(
            "INSERT INTO usage_warnings (organization_id, meter, window_start, percent, at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (organization_id, meter, window_start, percent) DO NOTHING",
        )
        .bind(&warned.key.0.0)
        .bind(warned.key.1.as_str())
        .bind(warned.window_start)
        .bind(warned.percent)
        .bind(warned.at)
        .execute(&mut *connection)
        .await?;
    }
    for (key, page) in &book.pages {
        if let Some((needed, at)) = page.top_up {
            top_ups::note(connection, &key.0, &key.1, needed, at).await?;
        }
    }
    Ok(())
}

async fn write_credits(connection: &mut AnyConnection, book: &Book) -> Result<(), Error> {
    for page in book.pages.values() {
        for credits in page.account.credits.iter().filter(|credits| !page.credits_before.contains(credits)) {
            sqlx::query("UPDATE grants SET remaining = $2 WHERE id = $1")
                .bind(&credits.id)
                .bind(signed(credits.left))
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

async fn write_reservations(connection: &mut AnyConnection, book: &Book) -> Result<(), Error> {
    for (id, created_at) in &book.reserved {
        let Some(held) = book.reservations.get(id) else { continue };
        let taken = serde_json::to_string(&held.taken)
            .map_err(|error| Error::Unreadable { table: "reservations", value: error.to_string() })?;
        sqlx::query(
            "INSERT INTO reservations (id, organization_id, meter, amount, taken, window_start, status, created_at,
                 expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(id)
        .bind(&held.key.0.0)
        .bind(held.key.1.as_str())
        .bind(signed(held.amount))
        .bind(taken)
        .bind(held.window_start)
        .bind(&held.status)
        .bind(*created_at)
        .bind(held.expires_at)
        .execute(&mut *connection)
        .await?;
    }
    for id in &book.ended {
        let Some(held) = book.reservations.get(id) else { continue };
        sqlx::query("UPDATE reservations SET status = $2 WHERE id = $1")
            .bind(id)
            .bind(&held.status)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn write_entries(connection: &mut AnyConnection, book: &Book) -> Result<(), Error> {
    for piece in pieces(&book.entries) {
        let sql = format!(
            "INSERT INTO usage_entries (id, organization_id, meter, amount, from_credits, window_start, at, actor,
                 reservation_id)
             VALUES {}",
            places(piece.len(), 9)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for entry in piece {
            query = query
                .bind(entry.id.clone())
                .bind(entry.key.0.0.clone())
                .bind(entry.key.1.to_string())
                .bind(entry.amount)
                .bind(entry.from_credits)
                .bind(entry.window_start)
                .bind(entry.at)
                .bind(entry.actor.clone())
                .bind(entry.reservation.clone());
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Keeps what keys were answered, in the order of the keys: two groups that share some never wait in a ring.
pub(super) async fn keep_answers(
    connection: &mut AnyConnection,
    mut answers: Vec<(&Idempotency, Box<Receipt>, Timestamp)>,
) -> Result<(), Error> {
    answers.sort_by(|(a, ..), (b, ..)| (&a.scope, &a.key).cmp(&(&b.scope, &b.key)));
    for piece in pieces(&answers) {
        let sql = format!(
            "INSERT INTO idempotent_answers (scope, key, fingerprint, answer, at) VALUES {}",
            places(piece.len(), 5)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (idempotency, receipt, at) in piece {
            let answer = serde_json::to_string(receipt)
                .map_err(|error| Error::Unreadable { table: "idempotent_answers", value: error.to_string() })?;
            query = query
                .bind(idempotency.scope.clone())
                .bind(idempotency.key.clone())
                .bind(idempotency.fingerprint.clone())
                .bind(answer)
                .bind(at.0);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Amounts are at most a billion each, and so many requests that their sum is too large cannot be sent.
pub(super) fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
