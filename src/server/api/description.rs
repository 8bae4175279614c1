//! The description of the API, as the page at `/docs/api` shows it.

use serde_json::{Map, Value};

use crate::pages::api_docs::{ApiDescription, Field, Object, Operation};

/// Where a description keeps its objects.
const SCHEMAS: &str = "#/components/schemas/";

/// Reads the document for programs.
pub fn read(document: &Value) -> ApiDescription {
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, methods)| {
        methods
            .as_object()
            .into_iter()
            .flatten()
            .map(move |(method, operation)| read_operation(path, method, operation))
    });
    let mut operations: Vec<Operation> = operations.collect();
    // Groups in the order of the alphabet, which puts aliases first: they come last.
    operations.sort_by_key(|operation| (operation.group == "Aliases", operation.group.clone()));
    let schemas = document["components"]["schemas"].as_object();
    let objects = schemas.into_iter().flatten().map(|(name, schema)| Object {
        name: name.clone(),
        about: text(&schema["description"]),
        fields: fields(schema),
    });
    ApiDescription { operations, objects: objects.filter(|object| !object.fields.is_empty()).collect() }
}

fn read_operation(path: &str, method: &str, operation: &Value) -> Operation {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    Operation {
        id: text(&operation["operationId"]),
        group: text(&operation["tags"][0]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        needs_key: operation.get("security").is_some(),
        parameters: parameters
            .map(|parameter| field(&text(&parameter["name"]), parameter, parameter["required"] == true))
            .collect(),
        body: object_of(&operation["requestBody"]["content"]["application/json"]["schema"]),
        answer: object_of(&operation["responses"]["200"]["content"]["application/json"]["schema"]),
    }
}

/// The members of an object; of one that is another with more, those of it alone.
fn fields(schema: &Value) -> Vec<Field> {
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|each| each == name));
    let members: Option<&Map<String, Value>> = schema["properties"].as_object();
    members.into_iter().flatten().map(|(name, member)| field(name, member, required(name))).collect()
}

fn field(name: &str, described: &Value, required: bool) -> Field {
    let schema = described.get("schema").unwrap_or(described);
    Field {
        name: name.to_owned(),
        kind: kind(schema),
        object: object_of(schema).or_else(|| object_of(&schema["items"])),
        required,
        about: text(&described["description"]),
    }
}

/// The object that a schema names, be it alone or as one of two with nothing.
fn object_of(schema: &Value) -> Option<String> {
    let named = |schema: &Value| schema["$ref"].as_str()?.strip_prefix(SCHEMAS).map(str::to_owned);
    named(schema).or_else(|| schema["anyOf"].as_array()?.iter().find_map(named))
}

/// What can be there, in a word or two.
fn kind(schema: &Value) -> String {
    if let Some(object) = object_of(schema) {
        return object;
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(text).collect::<Vec<_>>().join(" or ");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect(),
        _ => Vec::new(),
    };
    match types.as_slice() {
        ["array"] => format!("list of {}", kind(&schema["items"])),
        [] => "any".to_owned(),
        types => types.join(" or "),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
