//! Stripe's lists: newest first, cursors by id, `created` ranges.

use serde_json::{Value, json};

use super::account::Account;
use super::error::ApiError;
use crate::json::Json;

/// One page of `kind`, of those objects that `keep` lets through.
pub(crate) fn page(
    account: &Account,
    kind: &str,
    url: &str,
    params: &Value,
    keep: impl Fn(&Value) -> bool,
) -> Result<Value, ApiError> {
    let matching = account.data().newest(kind).filter(|object| in_range(object, "created", params) && keep(object));
    of(matching, url, params)
}

/// One page of `objects`, which are in listing order.
pub(crate) fn of<'v>(objects: impl Iterator<Item = &'v Value>, url: &str, params: &Value) -> Result<Value, ApiError> {
    let limit = limit(params)?;
    let (data, has_more) = match (params.maybe("starting_after"), params.maybe("ending_before")) {
        (Some(_), Some(_)) => {
            return Err(
                ApiError::invalid("You can only use one of starting_after and ending_before.").param("ending_before")
            );
        }
        (Some(cursor), None) => after(objects, cursor, limit)?,
        (None, Some(cursor)) => before(objects, cursor, limit)?,
        (None, None) => first(objects, limit),
    };
    Ok(json!({ "object": "list", "data": data, "has_more": has_more, "url": url }))
}

/// A complete list, as objects embed them.
pub(crate) fn embedded(data: &[Value], url: &str) -> Value {
    json!({ "object": "list", "data": data, "has_more": false, "total_count": data.len(), "url": url })
}

fn limit(params: &Value) -> Result<usize, ApiError> {
    let limit = params.maybe_int("limit").unwrap_or(10);
    match usize::try_from(limit) {
        Ok(limit @ 1..=100) => Ok(limit),
        _ => {
            Err(ApiError::invalid(format!("Invalid limit: {limit}. The limit must be between 1 and 100."))
                .param("limit"))
        }
    }
}

fn first<'v>(objects: impl Iterator<Item = &'v Value>, limit: usize) -> (Vec<Value>, bool) {
    let mut page: Vec<Value> = objects.take(limit + 1).cloned().collect();
    let has_more = page.len() > limit;
    page.truncate(limit);
    (page, has_more)
}

fn after<'v>(
    mut objects: impl Iterator<Item = &'v Value>,
    cursor: &str,
    limit: usize,
) -> Result<(Vec<Value>, bool), ApiError> {
    if !objects.any(|object| object.text("id") == cursor) {
        return Err(unknown_cursor(cursor, "starting_after"));
    }
    Ok(first(objects, limit))
}

fn before<'v>(
    objects: impl Iterator<Item = &'v Value>,
    cursor: &str,
    limit: usize,
) -> Result<(Vec<Value>, bool), ApiError> {
    let mut newer = Vec::new();
    for object in objects {
        if object.text("id") == cursor {
            let has_more = newer.len() > limit;
            let start = newer.len().saturating_sub(limit);
            return Ok((newer.split_off(start), has_more));
        }
        newer.push(object.clone());
    }
    Err(unknown_cursor(cursor, "ending_before"))
}

fn unknown_cursor(cursor: &str, param: &str) -> ApiError {
    ApiError::invalid(format!("No such object: '{cursor}'")).code("resource_missing").param(param)
}

/// Whether `field` of the object lies in the range that the parameter of the same name asks for.
pub(crate) fn in_range(object: &Value, field: &str, params: &Value) -> bool {
    let Some(wanted) = params.get(field) else {
        return true;
    };
    let actual = object.int(field);
    if let Some(exactly) = wanted.as_i64() {
        return actual == exactly;
    }
    let holds =
        |bound: &str, test: fn(&i64, &i64) -> bool| wanted.maybe_int(bound).is_none_or(|limit| test(&actual, &limit));
    holds("gt", i64::gt) && holds("gte", i64::ge) && holds("lt", i64::lt) && holds("lte", i64::le)
}

/// Whether a filter parameter is absent or equals the object's field (an id or an expanded object).
pub(crate) fn matches(object: &Value, field: &str, params: &Value) -> bool {
    match params.get(field) {
        None | Some(Value::Null) => true,
        Some(wanted) => object.get(field) == Some(wanted),
    }
}
