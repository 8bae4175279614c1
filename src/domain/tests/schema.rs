//! The committed JSON Schema is the one that the types make.

use std::{env, fs};

use schemars::schema_for;
use serde_json::Value;

use super::{CATALOGS, catalog_json, catalogs_folder};
use crate::catalog::Catalog;

#[test]
fn the_committed_schema_is_made_from_the_types() {
    let file = catalogs_folder().join("catalog.schema.json");
    let made = schema_for!(Catalog).to_value();
    if env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&file, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
    }
    // As values: the order of members depends on which features of serde_json the rest of a build switches on.
    let committed: Option<Value> = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
    assert!(
        committed == Some(made),
        "catalogs/catalog.schema.json is not what the types make: run `UPDATE_SCHEMA=1 cargo test -p domain schema` and \
         look at the difference"
    );
}

#[test]
fn every_catalogue_names_the_schema() {
    for name in CATALOGS {
        assert_eq!(catalog_json(name)["$schema"], "./catalog.schema.json", "{name}");
    }
}
