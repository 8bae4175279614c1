//! Reading and writing loosely shaped JSON objects without ceremony.
//!
//! Stripe objects are JSON documents here; these accessors give empty answers for absent fields so
//! that the resources read as rules, not as unwrapping.

use serde_json::{Map, Value};

/// Field access that treats a missing field and `null` alike.
pub(crate) trait Json {
    /// The string in `key`, or the empty string.
    fn text(&self, key: &str) -> &str;
    /// The string in `key`, if there is one.
    fn maybe(&self, key: &str) -> Option<&str>;
    /// The integer in `key`, or zero.
    fn int(&self, key: &str) -> i64;
    /// The integer in `key`, if there is one.
    fn maybe_int(&self, key: &str) -> Option<i64>;
    /// Whether `key` is `true`.
    fn flag(&self, key: &str) -> bool;
    /// The array in `key`, or an empty one.
    fn list(&self, key: &str) -> &[Value];
    /// Writes `value` into `key`; does nothing when `self` is not an object.
    fn set(&mut self, key: &str, value: impl Into<Value>);
    /// Takes `key` out of the object.
    fn take_key(&mut self, key: &str) -> Option<Value>;
}

impl Json for Value {
    fn text(&self, key: &str) -> &str {
        self.maybe(key).unwrap_or_default()
    }

    fn maybe(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    fn int(&self, key: &str) -> i64 {
        self.maybe_int(key).unwrap_or_default()
    }

    fn maybe_int(&self, key: &str) -> Option<i64> {
        self.get(key).and_then(Value::as_i64)
    }

    fn flag(&self, key: &str) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or_default()
    }

    fn list(&self, key: &str) -> &[Value] {
        self.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn set(&mut self, key: &str, value: impl Into<Value>) {
        if let Some(object) = self.as_object_mut() {
            object.insert(key.to_owned(), value.into());
        }
    }

    fn take_key(&mut self, key: &str) -> Option<Value> {
        self.as_object_mut().and_then(|object| object.remove(key))
    }
}

/// Adds the fields of `extra` to `object`, replacing what is there.
pub(crate) fn merge(object: &mut Value, extra: Value) {
    if let (Some(object), Value::Object(extra)) = (object.as_object_mut(), extra) {
        object.extend(extra);
    }
}

/// What changed from `old` to `new`, as Stripe's `previous_attributes`: the old values of the
/// fields that differ, hashes compared field by field, arrays given whole.
pub(crate) fn previous_attributes(old: &Value, new: &Value) -> Value {
    let mut changed = Map::new();
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return Value::Object(changed);
    };
    for (key, after) in new {
        let before = old.get(key).unwrap_or(&Value::Null);
        if before == after {
            continue;
        }
        let previous = match (before, after) {
            (Value::Object(_), Value::Object(_)) => previous_attributes(before, after),
            _ => before.clone(),
        };
        changed.insert(key.clone(), previous);
    }
    for (key, before) in old {
        if !new.contains_key(key) {
            changed.insert(key.clone(), before.clone());
        }
    }
    Value::Object(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn previous_attributes_descend_into_hashes_and_give_arrays_whole() {
        let old = json!({"a": 1, "m": {"k": "old", "same": 1}, "l": [1, 2], "gone": true});
        let new = json!({"a": 1, "m": {"k": "new", "same": 1, "added": 2}, "l": [1]});
        assert_eq!(
            previous_attributes(&old, &new),
            json!({"m": {"k": "old", "added": null}, "l": [1, 2], "gone": true})
        );
    }
}
