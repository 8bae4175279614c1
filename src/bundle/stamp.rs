//! Skips the work when nothing changed.
//!
//! The key is the path, size and time of everything that goes in: cargo leaves an unchanged `.wasm`
//! alone, and so does an editor. The stamp beside the site holds the key and the files it led to.

use std::{env, fmt::Write, fs, path::Path, path::PathBuf, time::UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::{Mode, Paths, site::list};

/// Describes the inputs: this program, the raw `.wasm`, `style/` and `public/`.
pub fn key(paths: &Paths, mode: Mode, wasm: &Path) -> Result<String> {
    let mut inputs = vec![env::current_exe().context("cannot find this program")?, wasm.to_path_buf()];
    inputs.append(&mut list(&paths.root.join("style"))?);
    inputs.append(&mut list(&paths.root.join("public"))?);
    let mut key = format!("{mode:?}\n");
    for path in inputs {
        writeln!(key, "{}", describe(&path)?)?;
    }
    Ok(key)
}

/// Whether the site is what `key` led to, and nobody touched it since.
pub fn is_current(paths: &Paths, key: &str) -> bool {
    let Ok(saved) = fs::read_to_string(file(paths)) else { return false };
    let Some(outputs) = saved.strip_prefix(key) else { return false };
    list(&paths.site).and_then(|files| describe_all(&files)).is_ok_and(|now| now == outputs)
}

/// Remembers what `key` led to.
pub fn save(paths: &Paths, key: &str, files: &[PathBuf]) -> Result<()> {
    let mut files = files.to_vec();
    files.sort();
    let path = file(paths);
    fs::write(&path, format!("{key}{}", describe_all(&files)?))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn file(paths: &Paths) -> PathBuf {
    paths.site.with_extension("stamp")
}

fn describe_all(files: &[PathBuf]) -> Result<String> {
    let mut text = String::from("->\n");
    for path in files {
        writeln!(text, "{}", describe(path)?)?;
    }
    Ok(text)
}

fn describe(path: &Path) -> Result<String> {
    let data = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    let time = data.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{} {} {}", path.display(), data.len(), time.as_nanos()))
}
