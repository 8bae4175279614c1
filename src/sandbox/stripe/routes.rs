//! The table of API endpoints: method, path, parameters, handler. Each resource lists its own.

use std::sync::LazyLock;

use serde_json::Value;

use super::account::Account;
use super::error::ApiError;
use super::params::Spec;
use crate::json::Json;

/// What a handler is called with.
pub(crate) struct Call {
    /// The variable parts of the path, in order.
    pub ids: Vec<String>,
    /// The checked parameters, an object.
    pub params: Value,
}

impl Call {
    /// The first variable part of the path.
    pub(crate) fn id(&self) -> &str {
        self.ids.first().map_or("", String::as_str)
    }
}

/// Carries out one call.
pub(crate) type Handler = fn(&mut Account, &Call) -> Result<Value, ApiError>;

/// One endpoint, as a resource declares it.
pub(crate) struct Route {
    method: &'static str,
    path: &'static str,
    params: &'static str,
    run: Handler,
}

/// A `GET` endpoint.
pub(crate) const fn get(path: &'static str, params: &'static str, run: Handler) -> Route {
    Route { method: "GET", path, params, run }
}

/// A `POST` endpoint.
pub(crate) const fn post(path: &'static str, params: &'static str, run: Handler) -> Route {
    Route { method: "POST", path, params, run }
}

/// A `DELETE` endpoint.
pub(crate) const fn delete(path: &'static str, params: &'static str, run: Handler) -> Route {
    Route { method: "DELETE", path, params, run }
}

/// An endpoint ready to be matched.
pub(crate) struct Endpoint {
    method: &'static str,
    segments: Vec<&'static str>,
    /// What it accepts.
    pub spec: Spec,
    /// What it does.
    pub run: Handler,
}

static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    super::resources()
        .into_iter()
        .flatten()
        .map(|route| Endpoint {
            method: route.method,
            segments: route.path.split('/').collect(),
            spec: Spec::parse(route.params),
            run: route.run,
        })
        .collect()
});

/// The endpoint for a method and path, with the variable parts of the path.
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Endpoint, Vec<String>)> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = path.split('/').collect();
    ENDPOINTS
        .iter()
        .filter(|endpoint| endpoint.method == method)
        .find_map(|endpoint| Some((endpoint, variables(&endpoint.segments, &segments)?)))
}

fn variables(pattern: &[&str], path: &[&str]) -> Option<Vec<String>> {
    if pattern.len() != path.len() {
        return None;
    }
    let mut variables = Vec::new();
    for (expected, actual) in pattern.iter().zip(path) {
        if expected.starts_with('{') {
            if actual.is_empty() {
                return None;
            }
            variables.push(decoded(actual));
        } else if expected != actual {
            return None;
        }
    }
    Some(variables)
}

fn decoded(segment: &str) -> String {
    let query = format!("{}=", segment.replace('+', "%2B"));
    openidconnect::url::form_urlencoded::parse(query.as_bytes())
        .next()
        .map_or_else(|| segment.to_owned(), |(name, _)| name.into_owned())
}

/// Merges `metadata` parameters into an object: values set, `null` values unset, `null` clears all.
pub(crate) fn apply_metadata(object: &mut Value, params: &Value) {
    match params.get("metadata") {
        Some(Value::Null) => object.set("metadata", serde_json::json!({})),
        Some(Value::Object(changes)) => {
            let mut metadata = object.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
            for (key, value) in changes {
                if value.is_null() {
                    metadata.remove(key);
                } else {
                    metadata.insert(key.clone(), value.clone());
                }
            }
            object.set("metadata", metadata);
        }
        _ => {}
    }
}

/// Copies the named parameters, where present, over the object's fields.
pub(crate) fn apply(object: &mut Value, params: &Value, fields: &[&str]) {
    for field in fields {
        if let Some(value) = params.get(*field) {
            object.set(field, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_found_at_its_own_path() {
        for endpoint in ENDPOINTS.iter() {
            let path = endpoint.segments.join("/");
            let (found, _) = find(endpoint.method, &path).expect("an endpoint");
            assert_eq!(found.segments, endpoint.segments, "{path} is shadowed");
        }
    }

    #[test]
    fn ids_are_decoded_and_unknown_paths_refused() {
        let (_, ids) = find("GET", "/v1/customers/a%20b").expect("an endpoint");
        assert_eq!(ids, ["a b"]);
        assert!(find("GET", "/v1/nothing").is_none());
        assert!(find("GET", "/v1/customers//").is_none());
    }

    #[test]
    fn metadata_merges_and_unsets() {
        let mut object = serde_json::json!({"metadata": {"a": "1", "b": "2"}});
        apply_metadata(&mut object, &serde_json::json!({"metadata": {"b": null, "c": "3"}}));
        assert_eq!(object["metadata"], serde_json::json!({"a": "1", "c": "3"}));
        apply_metadata(&mut object, &serde_json::json!({"metadata": null}));
        assert_eq!(object["metadata"], serde_json::json!({}));
    }
}
