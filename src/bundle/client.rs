//! The client: cargo, wasm-bindgen, and in release wasm-opt and esbuild.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use wasm_bindgen_cli_support::Bindgen;

use crate::{Mode, NAME, Paths};

const TARGET: &str = "wasm32-unknown-unknown";

/// Smallest first. What wasm-opt may use is named one by one: `--all-features` also turns on compact
/// imports, which Chromium refuses to load. These are what rustc itself enables, and every browser has them.
const WASM_OPTIONS: [&str; 8] = [
    "-Oz",
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--output",
];

/// Minified by esbuild, with its words kept to what matters.
const JS_OPTIONS: [&str; 4] = ["--minify", "--format=esm", "--log-level=warning", "--outfile"];

/// The two files that make the client.
pub struct Client {
    /// The JS glue, an ES module.
    pub js: Vec<u8>,
    /// The program.
    pub wasm: Vec<u8>,
}

/// Compiles the library for the browser and returns the path of the raw `.wasm`.
///
/// `cargo rustc --crate-type cdylib`, not `cargo build`: a library that is made as an `rlib` too, as the
/// manifest says, gets no link-time optimization, and without it the client is a third larger.
pub fn compile(paths: &Paths, mode: Mode) -> Result<PathBuf> {
    check_target()?;
    let (profile, folder) = match mode {
        Mode::Debug => ("dev", "debug"),
        Mode::Release => ("client", "client"),
    };
    let status = Command::new(cargo())
        .current_dir(&paths.root)
        .args(["rustc", "--package", NAME, "--lib", "--crate-type", "cdylib", "--target", TARGET])
        .args(["--no-default-features", "--features", "hydrate", "--profile", profile])
        .arg("--target-dir")
        .arg(&paths.target)
        .status()
        .context("cargo does not start")?;
    ensure!(status.success(), "the client does not compile; cargo's messages are above");
    Ok(paths.target.join(TARGET).join(folder).join(format!("{NAME}.wasm")))
}

/// Makes what a browser loads from the raw `.wasm`.
pub fn bind(paths: &Paths, mode: Mode, wasm: &Path) -> Result<Client> {
    let scratch = paths.target.join("bundle");
    if scratch.exists() {
        fs::remove_dir_all(&scratch).with_context(|| format!("cannot empty {}", scratch.display()))?;
    }
    let release = mode == Mode::Release;
    Bindgen::new()
        .input_path(wasm)
        .out_name(NAME)
        .web(true)?
        .typescript(false)
        .debug(!release)
        // A panic in development names its functions.
        .remove_name_section(release)
        .remove_producers_section(release)
        .generate(&scratch)
        .context("wasm-bindgen failed")?;
    // A snippet is a file that the glue imports by a fixed relative name: no hash would cover it.
    ensure!(
        !scratch.join("snippets").exists(),
        "a dependency brings a JavaScript snippet (see {}), which bundle does not support",
        scratch.join("snippets").display()
    );
    let js = scratch.join(format!("{NAME}.js"));
    let wasm = scratch.join(format!("{NAME}_bg.wasm"));
    if release {
        let tools = paths.root.join("target/tools/node_modules");
        tool(&tools.join("binaryen/bin/wasm-opt"), &WASM_OPTIONS, &wasm)?;
        tool(&tools.join("esbuild/bin/esbuild"), &JS_OPTIONS, &js)?;
    }
    Ok(Client { js: read(&js)?, wasm: read(&wasm)? })
}

/// Runs one of the npm tools on a file, in place. Its options end in the one that takes the output's name.
fn tool(path: &Path, options: &[&str], file: &Path) -> Result<()> {
    ensure!(
        path.is_file(),
        "{} is missing: `./run build` installs it, or by hand: \
         mkdir -p target/tools && cp src/bundle/package*.json target/tools && npm ci --prefix target/tools",
        path.display()
    );
    let output = file.with_extension("out");
    let (flag, options) = options.split_last().context("a tool needs the option for its output")?;
    let status = Command::new(path)
        .args(options)
        .arg(format!("{flag}={}", output.display()))
        .arg(file)
        .status()
        .with_context(|| format!("{} does not start: is Node installed?", path.display()))?;
    ensure!(status.success(), "{} failed on {}", path.display(), file.display());
    fs::rename(&output, file).with_context(|| format!("cannot replace {}", file.display()))
}

/// Says what to do about a missing WASM target before rustc says that it cannot find `core`.
fn check_target() -> Result<()> {
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("rustc does not start")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && !Path::new(folder.trim()).is_dir() {
        bail!("this Rust cannot compile for the browser yet: run `rustup target add {TARGET}`");
    }
    Ok(())
}

fn cargo() -> std::ffi::OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
