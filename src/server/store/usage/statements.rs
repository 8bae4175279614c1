//! The statements of a group: each for all of its rows at once.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalog::Catalog;
use domain::entitlement::Standing;
use domain::organization::{Kind, OrganizationId, UserId};
use domain::time::Timestamp;
use domain::usage::{Counter, Credits, Taken};
use serde::Deserialize;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::book::{Book, Key, Reservation};
use super::{Idempotency, Receipt};
use crate::server::store::rows::{LookUp, pieces, places};
use crate::server::store::seats::{SEAT, SeatRow};
use crate::server::store::standing::{COUNTER, CounterRow, GRANT, GrantRow, STANDING, StandingRow, meter_id, number};
use crate::server::store::{Error, top_ups};

/// What the keys were answered before.
pub(super) async fn answers(
    connection: &mut AnyConnection,
    keys: &BTreeSet<(String, String)>,
) -> Result<BTreeMap<(String, String), (String, Receipt)>, Error> {
    let look_up = LookUp {
        table: "idempotent_answers",
        columns: "scope, key, fingerprint, answer",
        by: ["scope", "key"],
        only: "",
        hold: false,
    };
    let keys: Vec<_> = keys.iter().map(|(scope, key)| [&**scope, &**key]).collect();
    let rows: Vec<(String, String, String, String)> = look_up.fetch(connection, &keys).await?;
    let mut answers = BTreeMap::new();
    for (scope, key, fingerprint, answer) in rows {
        let unreadable =
            |error: serde_json::Error| Error::Unreadable { table: "idempotent_answers", value: error.to_string() };
        let receipt: Receipt = serde_json::from_str(&answer).map_err(unreadable)?;
        answers.insert((scope, key), (fingerprint, receipt));
    }
    Ok(answers)
}

/// What is known of the organizations, without what was counted.
pub(super) async fn standings(
    connection: &mut AnyConnection,
    organizations: &BTreeSet<&OrganizationId>,
    catalog: &Catalog,
) -> Result<BTreeMap<OrganizationId, Standing>, Error> {
    let look_up = LookUp { table: "organizations", columns: STANDING, by: ["id"], only: "", hold: false };
    let keys: Vec<_> = organizations.iter().map(|organization| [&*organization.0]).collect();
    let rows: Vec<StandingRow> = look_up.fetch(connection, &keys).await?;
    let read = |row: StandingRow| Ok((OrganizationId(row.id.clone()), row.read()?));
    let mut standings = rows.into_iter().map(read).collect::<Result<BTreeMap<_, _>, Error>>()?;
    if catalog.has_seats() {
        seats(connection, &mut standings).await?;
    }
    Ok(standings)
}

/// The seats of those whose own organizations are among these.
async fn seats(
    connection: &mut AnyConnection,
    standings: &mut BTreeMap<OrganizationId, Standing>,
) -> Result<(), Error> {
    let personal = standings.values().filter(|standing| standing.kind == Kind::Personal);
    let personal: Vec<_> = personal.map(|standing| standing.organization.clone()).collect();
    let keys: Vec<_> = personal.iter().map(|organization| [&*organization.0]).collect();
    let look_up = LookUp { table: "seats", columns: SEAT, by: ["personal_id"], only: "", hold: false };
    let rows: Vec<SeatRow> = look_up.fetch(connection, &keys).await?;
    for row in rows {
        let Some(standing) = standings.get_mut(&OrganizationId(row.personal_id.clone())) else { continue };
        standing.seats.push(row.read()?);
    }
    Ok(())
}

/// Whether they have a seat; who is no member is not among them.
pub(super) async fn members(
    connection: &mut AnyConnection,
    members: &BTreeSet<(&OrganizationId, &UserId)>,
) -> Result<BTreeMap<(OrganizationId, UserId), bool>, Error> {
    let look_up = LookUp {
        table: "memberships",
        columns: "organization_id, user_id, seat_since",
        by: ["organization_id", "user_id"],
        only: "",
        hold: false,
    };
    let keys: Vec<_> = members.iter().map(|(organization, user)| [&*organization.0, &*user.0]).collect();
    let rows: Vec<(String, String, Option<i64>)> = look_up.fetch(connection, &keys).await?;
    let known = |(organization, user, since): (String, String, Option<i64>)| {
        ((OrganizationId(organization), UserId(user)), since.is_some())
    };
    Ok(rows.into_iter().map(known).collect())
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
    let look_up =
        LookUp { table: "usage_counters", columns: COUNTER, by: ["organization_id", "meter"], only: "", hold: true };
    let keys: Vec<_> = keys.iter().map(|(organization, meter)| [&*organization.0, meter.as_str()]).collect();
    let rows: Vec<CounterRow> = look_up.fetch(connection, &keys).await?;
    let read = |row: &CounterRow| {
        let key = (OrganizationId(row.organization_id.clone()), meter_id(&row.meter)?);
        Ok((key, row.read()?))
    };
    rows.iter().map(read).collect()
}

/// A window that no counter is in: of a row that was only made to be held.
const NONE: i64 = -1;

async fn upsert(connection: &mut AnyConnection, rows: &[(&Key, Counter, i64)], on_conflict: &str) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO usage_counters (organization_id, meter, window_start, included, used, from_credits, reserved,
             carried, warned)
         VALUES {} ON CONFLICT (organization_id, meter) DO {on_conflict}",
        places(connection, rows.len(), 9, "")
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
    let organizations: BTreeSet<_> = keys.iter().map(|(organization, _)| [&*organization.0]).collect();
    let organizations: Vec<_> = organizations.into_iter().collect();
    let left = LookUp {
        table: "grants",
        columns: GRANT,
        by: ["organization_id"],
        only: " AND t.meter IS NOT NULL AND t.remaining > 0",
        hold: false,
    };
    let mut rows: Vec<GrantRow> = left.fetch(connection, &organizations).await?;
    let held: Vec<_> = held.iter().map(|id| [*id]).collect();
    let used_up = LookUp { table: "grants", columns: GRANT, by: ["id"], only: " AND t.remaining = 0", hold: false };
    rows.extend(used_up.fetch::<GrantRow>(connection, &held).await?);
    let mut credits: BTreeMap<Key, Vec<Credits>> = BTreeMap::new();
    for row in rows {
        let Some(meter) = &row.meter else { continue };
        let key = (OrganizationId(row.organization_id.clone()), meter_id(meter)?);
        credits.entry(key).or_default().push(row.credits()?);
    }
    Ok(credits)
}

#[derive(Deserialize)]
struct ReservationRow {
    id: String,
    organization_id: String,
    meter: String,
    amount: i64,
    taken: String,
    window_start: i64,
    status: String,
    expires_at: i64,
    user_id: Option<String>,
}

impl ReservationRow {
    fn read(self) -> Result<(String, Reservation), Error> {
        let unreadable =
            |error: serde_json::Error| Error::Unreadable { table: "reservations", value: error.to_string() };
        let taken: Taken = serde_json::from_str(&self.taken).map_err(unreadable)?;
        let reservation = Reservation {
            key: (OrganizationId(self.organization_id), meter_id(&self.meter)?),
            amount: number(self.amount)?,
            taken,
            window_start: self.window_start,
            status: self.status,
            expires_at: self.expires_at,
            member: self.user_id.map(UserId),
        };
        Ok((self.id, reservation))
    }
}

/// The reservations of these names.
pub(super) async fn reservations(
    connection: &mut AnyConnection,
    ids: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Reservation>, Error> {
    let look_up = LookUp {
        table: "reservations",
        columns: "id, organization_id, meter, amount, taken, window_start, status, expires_at, user_id",
        by: ["id"],
        only: "",
        hold: false,
    };
    let ids: Vec<_> = ids.iter().map(|id| [*id]).collect();
    let rows: Vec<ReservationRow> = look_up.fetch(connection, &ids).await?;
    rows.into_iter().map(ReservationRow::read).collect()
}

/// Writes what the group has changed.
pub(super) async fn write(connection: &mut AnyConnection, book: &Book<'_>) -> Result<(), Error> {
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

async fn write_credits(connection: &mut AnyConnection, book: &Book<'_>) -> Result<(), Error> {
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

async fn write_reservations(connection: &mut AnyConnection, book: &Book<'_>) -> Result<(), Error> {
    for (id, created_at) in &book.reserved {
        let Some(held) = book.reservations.get(id) else { continue };
        let taken = serde_json::to_string(&held.taken)
            .map_err(|error| Error::Unreadable { table: "reservations", value: error.to_string() })?;
        sqlx::query(
            "INSERT INTO reservations (id, organization_id, meter, amount, taken, window_start, status, created_at,
                 expires_at, user_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
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
        .bind(held.member.as_ref().map(|member| member.0.clone()))
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

async fn write_entries(connection: &mut AnyConnection, book: &Book<'_>) -> Result<(), Error> {
    for piece in pieces(&book.entries) {
        let sql = format!(
            "INSERT INTO usage_entries (id, organization_id, meter, amount, from_credits, window_start, at, actor,
                 reservation_id)
             VALUES {}",
            places(connection, piece.len(), 9, "")
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

/// Keeps what keys were answered, in the order of the keys: two groups that share some never wait in a ring. Fails
/// where one was used before.
pub(super) async fn keep_answers(
    connection: &mut AnyConnection,
    mut answers: Vec<(&Idempotency, Box<Receipt>, Timestamp)>,
) -> Result<(), Error> {
    answers.sort_by(|(a, ..), (b, ..)| (&a.scope, &a.key).cmp(&(&b.scope, &b.key)));
    for piece in pieces(&answers) {
        let sql = format!(
            "INSERT INTO idempotent_answers (scope, key, fingerprint, answer, at) VALUES {}
             ON CONFLICT (scope, key) DO NOTHING",
            places(connection, piece.len(), 5, "")
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
        let kept = query.execute(&mut *connection).await?.rows_affected();
        if kept < piece.len() as u64 {
            return Err(Error::KeyTaken);
        }
    }
    Ok(())
}

/// Amounts are at most a billion each, and so many requests that their sum is too large cannot be sent.
pub(super) fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
