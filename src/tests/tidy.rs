//! The invariants of `src/README.md`, tested.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file under `src`, by its path from the root, with its text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(&root().join("src"), &mut found);
    found.sort();
    assert!(found.len() > 50, "the sources are where they are expected");
    found
}

fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Files outside `homes` with a line of code in which `is_foreign` finds something.
fn strangers(homes: &[&str], is_foreign: impl Fn(&str) -> bool) -> Vec<String> {
    sources()
        .into_iter()
        .filter(|(name, _)| !homes.iter().any(|home| name.starts_with(home)))
        .flat_map(|(name, text)| {
            let lines: Vec<String> = text
                .lines()
                .map(str::trim)
                .filter(|line| !line.starts_with("//"))
                .filter(|line| is_foreign(line))
                .map(|line| format!("{name}: {line}"))
                .collect();
            lines
        })
        .collect()
}

fn assert_none(strangers: &[String]) {
    assert!(strangers.is_empty(), "{}", strangers.join("\n"));
}

#[test]
fn sql_is_written_in_the_store_only() {
    assert_none(&strangers(&["src/server/store/", "src/tests/"], |line| line.contains("sqlx::")));
}

#[test]
fn stripe_types_stay_in_their_folder() {
    let crates =
        ["stripe_billing", "stripe_checkout", "stripe_core", "stripe_shared", "stripe_client_core", "use stripe::"];
    assert_none(&strangers(&["src/server/stripe/", "src/sandbox/", "src/tests/"], |line| {
        crates.iter().any(|name| line.contains(name))
    }));
}

#[test]
fn features_are_asked_for_in_two_files() {
    assert_none(&strangers(&["src/lib.rs", "src/main.rs", "src/tests/tidy.rs"], |line| {
        line.starts_with("#[cfg") && line.contains("feature") || line.contains("cfg!(feature")
    }));
}

#[test]
fn only_the_composition_root_and_the_tests_name_the_sandbox() {
    assert_none(&strangers(&["src/main.rs", "src/dev.rs", "src/sandbox/", "src/tests/"], |line| {
        line.contains("sandbox::")
    }));
}

#[test]
fn the_domain_has_no_clock_and_no_io() {
    let impure = ["std::time", "std::fs", "std::env", "std::net", "tokio", "reqwest", "println!"];
    let homes: Vec<String> = sources()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !name.starts_with("src/domain/") || name.starts_with("src/domain/tests/"))
        .collect();
    let homes: Vec<&str> = homes.iter().map(String::as_str).collect();
    assert_none(&strangers(&homes, |line| impure.iter().any(|word| line.contains(word))));
}

#[test]
fn every_module_says_what_it_is() {
    let silent: Vec<String> = sources()
        .into_iter()
        // The library's own words are the map.
        .filter(|(name, text)| !text.starts_with(if name == "src/lib.rs" { "#![doc" } else { "//!" }))
        .map(|(name, _)| name)
        .collect();
    assert_none(&silent);
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = sources()
        .into_iter()
        .map(|(name, text)| (if name.contains("/tests/") { 600 } else { 400 }, text.lines().count(), name))
        .filter(|(most, lines, _)| lines > most)
        .map(|(most, lines, name)| format!("{name} has {lines} lines, at most {most}"))
        .collect();
    assert_none(&long);
}

#[test]
fn every_folder_is_on_the_map() {
    let map = fs::read_to_string(root().join("src/README.md")).unwrap();
    let mut folders: Vec<String> = sources()
        .into_iter()
        .filter_map(|(name, _)| Some(Path::new(&name).parent()?.strip_prefix("src").ok()?.to_str()?.to_owned()))
        .filter(|folder| !folder.is_empty() && folder.matches('/').count() <= 1)
        .collect();
    folders.dedup();
    let missing: Vec<String> = folders.into_iter().filter(|folder| !map.contains(&format!("`{folder}/"))).collect();
    assert_none(&missing);
}
