//! Reads a catalogue: one of those inside the binary by its name, or a file. Every mistake is reported at once, first
//! those of shape (against the schema), then those of meaning.

use std::path::Path;

use domain::catalog::{Catalog, Problem};

/// The catalogues inside the binary.
pub const BUILT_IN: [(&str, &str); 4] = [
    ("builder", include_str!("../../catalogs/builder.json")),
    ("chat", include_str!("../../catalogs/chat.json")),
    ("dcvaas", include_str!("../../catalogs/dcvaas.json")),
    ("protocol-guide", include_str!("../../catalogs/protocol-guide.json")),
];

const SCHEMA: &str = include_str!("../../catalogs/catalog.schema.json");

/// Why a catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// There is no such file and no such built-in name.
    #[error("the catalogue `{0}` cannot be read ({1}): name a file, or one of builder, chat, dcvaas, protocol-guide")]
    Missing(String, std::io::Error),
    /// It is not JSON.
    #[error("the catalogue `{0}` is not JSON: {1}")]
    NotJson(String, serde_json::Error),
    /// It is JSON, with these mistakes.
    #[error("the catalogue `{name}` has mistakes:{}", list(.problems))]
    Mistaken {
        /// Which.
        name: String,
        /// All of them.
        problems: Vec<Problem>,
    },
}

fn list(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |list, problem| list + "\n  " + &problem.to_string())
}

/// Loads and checks a catalogue by built-in name or path.
pub fn load(name: &str) -> Result<Catalog, Unreadable> {
    let text = match BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        Some((_, text)) => (*text).to_owned(),
        None => {
            std::fs::read_to_string(Path::new(name)).map_err(|error| Unreadable::Missing(name.to_owned(), error))?
        }
    };
    parse(name, &text)
}

/// Checks a catalogue's text.
pub fn parse(name: &str, text: &str) -> Result<Catalog, Unreadable> {
    let not_json = |error| Unreadable::NotJson(name.to_owned(), error);
    let value: serde_json::Value = serde_json::from_str(text).map_err(not_json)?;
    let mistaken = |problems| Unreadable::Mistaken { name: name.to_owned(), problems };
    let shape = shape_problems(&value);
    if !shape.is_empty() {
        return Err(mistaken(shape));
    }
    let catalog: Catalog = serde_json::from_value(value).map_err(not_json)?;
    let problems = catalog.problems();
    if problems.is_empty() { Ok(catalog) } else { Err(mistaken(problems)) }
}

fn shape_problems(value: &serde_json::Value) -> Vec<Problem> {
    let problem = |path: String, message: String| Problem { path, message };
    let schema = match serde_json::from_str(SCHEMA) {
        Ok(schema) => schema,
        Err(error) => return vec![problem(String::new(), format!("the built-in schema is broken: {error}"))],
    };
    match jsonschema::validator_for(&schema) {
        Ok(validator) => validator
            .iter_errors(value)
            .map(|error| problem(error.instance_path().to_string(), error.to_string()))
            .collect(),
        Err(error) => vec![problem(String::new(), format!("the built-in schema is broken: {error}"))],
    }
}
