//! Catalogue files: every mistake at once, each with its place.

use billhook::server::catalog_file::{BUILT_IN, load, parse};

#[test]
fn the_built_in_catalogues_are_sound() {
    for (name, _) in BUILT_IN {
        load(name).unwrap();
    }
}

#[test]
fn mistakes_of_shape_are_all_reported_with_their_place() {
    let text = load_text("chat").replace("\"amount\": ", "\"amonut\": ").replacen(
        "\"currency\": \"usd\"",
        "\"currency\": \"dollars\"",
        1,
    );
    let said = parse("chat", &text).unwrap_err().to_string();
    for place in ["/currency", "/plans/1/prices/0", "/plans/2/prices/0"] {
        assert!(said.contains(place), "{place}: {said}");
    }
}

#[test]
fn mistakes_of_meaning_are_all_reported_with_their_place() {
    let text = load_text("chat").replacen("\"freePlan\": \"free\"", "\"freePlan\": \"gratis\"", 1).replacen(
        "\"id\": \"pro\"",
        "\"id\": \"plus\"",
        1,
    );
    let said = parse("chat", &text).unwrap_err().to_string();
    for place in ["/freePlan", "/plans/2/id"] {
        assert!(said.contains(place), "{place}: {said}");
    }
}

fn load_text(name: &str) -> String {
    let (_, text) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name).unwrap();
    (*text).to_owned()
}
