//! Builds the browser's side of Billhook: `cargo run -p bundle [-- --release]`.
//!
//! The library compiled to WASM, its JS glue, the style sheet and the files of `public/` end in
//! `target/site` (in release `target/site-release`), where the server finds them and a release server
//! embeds them from. It does what
//! cargo-leptos does for this project, but as a program of the workspace: nothing to install, and the
//! wasm-bindgen version is the one of `Cargo.lock` by construction.
//!
//! | file | what it is |
//! |---|---|
//! | `pkg/{name}.js`, `pkg/{name}_bg.wasm`, `pkg/{name}.css` | the client; `{name}` is `billhook`, in release `billhook.{hash}` |
//! | `output-name` | `{name}`, for the server |
//! | everything in `public/` | as it is there |
//! | `*.br` | release only: brotli, for every file that compresses |
//!
//! One hash covers the three files of a client: they belong together, and Leptos knows one name.

mod client;
mod site;
mod stamp;
mod style;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, Result, bail};

use crate::site::Site;

/// The name of the library, and of everything that is made of it.
const NAME: &str = "billhook";

/// Which of the two builds is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    /// Fast to build, readable panics, fixed names.
    Debug,
    /// Smallest, hashed names, compressed.
    Release,
}

/// Where things are.
struct Paths {
    /// The checkout.
    root: PathBuf,
    /// Cargo's target folder: `CARGO_TARGET_DIR`, or `target` in the checkout.
    target: PathBuf,
    /// The result: always in the checkout, where the server's `rust-embed` looks.
    site: PathBuf,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bundle: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mode = mode(env::args().skip(1))?;
    let paths = paths(mode)?;
    let wasm = client::compile(&paths, mode)?;

    let started = Instant::now();
    let key = stamp::key(&paths, mode, &wasm)?;
    if stamp::is_current(&paths, &key) {
        println!("bundle: {} is up to date", paths.site.display());
        return Ok(());
    }
    let style = style::bundle(&paths.root.join("style/main.css"), mode)?;
    let client = client::bind(&paths, mode, &wasm)?;
    let site = Site::new(NAME, mode, client, style, &paths.root.join("public"))?;
    let files = site.write(&paths.site)?;
    stamp::save(&paths, &key, &files)?;
    site.print_sizes();
    println!("bundle: {} in {:.1} s", paths.site.display(), started.elapsed().as_secs_f32());
    Ok(())
}

fn mode(arguments: impl Iterator<Item = String>) -> Result<Mode> {
    let mut mode = Mode::Debug;
    for argument in arguments {
        match argument.as_str() {
            "--release" => mode = Mode::Release,
            "--debug" => mode = Mode::Debug,
            other => bail!("{other} is not an argument of bundle: it takes --release, or nothing"),
        }
    }
    Ok(mode)
}

/// Finds the checkout from the current folder, or from the manifest when run by cargo.
fn paths(mode: Mode) -> Result<Paths> {
    let here = env::current_dir().context("the current folder is gone")?;
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let root = [Some(here), manifest]
        .into_iter()
        .flatten()
        .find_map(|start| start.ancestors().find(|folder| is_checkout(folder)).map(Path::to_path_buf))
        .context("no Billhook checkout here: run it from the folder that holds Cargo.lock")?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder));
    // A folder each, so that a release build does not pull the files away from under a running `./run`.
    let site = root.join(match mode {
        Mode::Debug => "target/site",
        Mode::Release => "target/site-release",
    });
    Ok(Paths { root, target, site })
}

fn is_checkout(folder: &Path) -> bool {
    folder.join("Cargo.lock").is_file() && folder.join("src/bundle/main.rs").is_file()
}
