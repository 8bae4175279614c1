//! Statements for many rows at once.

use std::fmt::Write as _;

use sqlx::AnyConnection;

/// How many rows one statement has at most.
const ROWS: usize = 64;

/// Holds the rows that a statement selects until the transaction ends, in the order in which it selects them. On
/// SQLite nobody else writes meanwhile.
pub(super) fn hold(connection: &AnyConnection) -> &'static str {
    if connection.backend_name() == "PostgreSQL" { " FOR UPDATE" } else { "" }
}

/// Cuts rows into pieces of powers of two, so that a handful of prepared statements serves every number.
pub(super) fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = (1 << rows.len().checked_ilog2()?).min(ROWS);
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

/// The places of so many rows of so many values: `($1, $2), ($3, $4)`.
pub(super) fn places(rows: usize, values: usize) -> String {
    let mut text = String::new();
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for value in 1..=values {
            let comma = if value == 1 { "" } else { ", " };
            // Writing to a string does not fail.
            let _ = write!(text, "{comma}${}", row * values + value);
        }
        text.push(')');
    }
    text
}

/// The places of a list: `$1, $2, $3`.
pub(super) fn list(values: usize) -> String {
    let mut text = places(1, values);
    text.retain(|c| c != '(' && c != ')');
    text
}
