//! Statements for many rows at once. What a statement costs is mostly what is said between two threads or two machines:
//! a group is read and written with few statements, and what is read comes as one row.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::Error;

/// How many rows one statement has at most.
const ROWS: usize = 64;

/// Rows that are looked up by their keys.
pub(super) struct LookUp<'a, const N: usize> {
    /// Where.
    pub(super) table: &'static str,
    /// What is read, in the order of the fields of what it is read into.
    pub(super) columns: &'a str,
    /// The columns that the keys are of; an index has them.
    pub(super) by: [&'static str; N],
    /// What else a row must be, of the table `t`.
    pub(super) only: &'static str,
    /// Whether the rows are held until the transaction ends, in the order of their keys. On SQLite nobody else writes
    /// meanwhile.
    pub(super) hold: bool,
}

impl<const N: usize> LookUp<'_, N> {
    /// The rows with these keys. No key is an empty text.
    pub(super) async fn fetch<T: DeserializeOwned>(
        &self,
        connection: &mut AnyConnection,
        keys: &[[&str; N]],
    ) -> Result<Vec<T>, Error> {
        let mut rows = Vec::new();
        for piece in keys.chunks(ROWS) {
            let size = rounded(piece.len());
            let mut query = sqlx::query_scalar(AssertSqlSafe(self.sql(connection, size)));
            let nothing = [""; N];
            for key in piece.iter().chain(std::iter::repeat_n(&nothing, size - piece.len())) {
                for value in key {
                    query = query.bind((*value).to_owned());
                }
            }
            let found: Option<String> = query.fetch_one(&mut *connection).await?;
            // An aggregate of no rows is NULL on PostgreSQL.
            let found: Vec<T> = serde_json::from_str(found.as_deref().unwrap_or("[]"))
                .map_err(|error| Error::Unreadable { table: self.table, value: error.to_string() })?;
            rows.extend(found);
        }
        Ok(rows)
    }

    /// `CROSS JOIN`: SQLite then starts from what is asked for and looks it up. With `IN` and pairs of values it would
    /// read the whole table.
    fn sql(&self, connection: &AnyConnection, keys: usize) -> String {
        let Self { table, columns, by, only, hold } = self;
        let asked: Vec<_> = by.iter().map(|column| format!("asked_{column}")).collect();
        let same: Vec<_> = by.iter().map(|column| format!("t.{column} = asked_{column}")).collect();
        let (same, asked, by) =
            (same.join(" AND "), asked.join(", "), by.map(|column| format!("t.{column}")).join(", "));
        let places = places(connection, keys, N, "");
        let rows = format!(
            "WITH asked ({asked}) AS (VALUES {places})
             SELECT t.* FROM asked CROSS JOIN {table} t WHERE {same}{only} ORDER BY {by}"
        );
        if is_postgres(connection) {
            let hold = if *hold { " FOR UPDATE OF t" } else { "" };
            format!("SELECT CAST(json_agg(json_build_array({columns})) AS TEXT) FROM ({rows}{hold}) AS found")
        } else {
            format!("SELECT json_group_array(json_array({columns})) FROM ({rows})")
        }
    }
}

fn is_postgres(connection: &AnyConnection) -> bool {
    connection.backend_name() == "PostgreSQL"
}

/// Places that are not needed are filled up, so that a handful of prepared statements serves every number.
fn rounded(keys: usize) -> usize {
    [1, 4, 16].into_iter().find(|size| keys <= *size).unwrap_or(ROWS)
}

/// Cuts rows that are to be inserted into one piece or a few more, of not too many sizes, for the same reason.
pub(super) fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    const STEP: usize = 16;
    std::iter::from_fn(move || {
        let size = if rows.len() < STEP { rows.len() } else { (rows.len() / STEP * STEP).min(ROWS) };
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        (size > 0).then_some(piece)
    })
}

/// The places of so many rows of so many values, and what is the same in each: `($1, $2, 'new'), ($3, $4, 'new')`.
/// SQLite counts places without a number by itself; a number it would look up, for each value, in a list of all of them.
pub(super) fn places(connection: &AnyConnection, rows: usize, values: usize, same: &'static str) -> String {
    let numbered = is_postgres(connection);
    let mut text = String::new();
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for value in 1..=values {
            text.push_str(if value == 1 { "" } else { ", " });
            if numbered {
                // Writing to a string does not fail.
                let _ = write!(text, "${}", row * values + value);
            } else {
                text.push('?');
            }
        }
        text.push_str(same);
        text.push(')');
    }
    text
}
