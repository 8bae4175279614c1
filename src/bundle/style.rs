//! The style sheet: `@import`s bundled into one file, in release minified.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use lightningcss::{
    bundler::{Bundler, FileProvider},
    stylesheet::{MinifyOptions, ParserOptions, PrinterOptions},
    targets::{Browsers, Targets},
};

use crate::Mode;

/// Baseline "widely available" of 2026: what every browser engine had by May 2024, `light-dark()` and
/// nesting included. Newer syntax is lowered, this is left as it was written.
fn browsers() -> Targets {
    const fn version(major: u32, minor: u32) -> u32 {
        major << 16 | minor << 8
    }
    Targets::from(Browsers {
        chrome: Some(version(123, 0)),
        edge: Some(version(123, 0)),
        firefox: Some(version(121, 0)),
        ios_saf: Some(version(17, 5)),
        safari: Some(version(17, 5)),
        ..Browsers::default()
    })
}

/// Bundles the style sheet that starts at `entry`.
pub fn bundle(entry: &Path, mode: Mode) -> Result<Vec<u8>> {
    let files = FileProvider::new();
    // The errors borrow from `files`: turned into text here.
    let mut sheet = Bundler::new(&files, None, ParserOptions::default())
        .bundle(entry)
        .map_err(|error| anyhow!("{error}"))
        .with_context(|| format!("the style sheet {} does not parse", entry.display()))?;
    let minify = mode == Mode::Release;
    if minify {
        sheet
            .minify(MinifyOptions { targets: browsers(), ..MinifyOptions::default() })
            .map_err(|error| anyhow!("{error}"))
            .context("the style sheet cannot be minified")?;
    }
    let printed = sheet
        .to_css(PrinterOptions { minify, targets: browsers(), ..PrinterOptions::default() })
        .map_err(|error| anyhow!("{error}"))
        .context("the style sheet cannot be printed")?;
    Ok(printed.code.into_bytes())
}
