//! The folder that is served: names, hash, compressed copies, and nothing left from last time.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, Result};
use brotli::{CompressorWriter, enc::BrotliEncoderParams};
use sha2::{Digest, Sha256};

use crate::{Mode, client::Client};

/// Extensions worth compressing; images and fonts of the web are compressed already.
const TEXT: [&str; 12] = ["css", "html", "ico", "js", "json", "map", "svg", "txt", "wasm", "webmanifest", "xml", "xsl"];

/// Where the server reads the name of the client's files.
const OUTPUT_NAME: &str = "output-name";

/// Every file of the site by its path in it.
pub struct Site(BTreeMap<PathBuf, Vec<u8>>);

impl Site {
    /// Names the client's files, adds `public`, and in release compresses.
    pub fn new(name: &str, mode: Mode, client: Client, style: Vec<u8>, public: &Path) -> Result<Self> {
        let name = match mode {
            Mode::Debug => name.to_owned(),
            Mode::Release => format!("{name}.{}", hash(&[&client.js, &client.wasm, &style])),
        };
        let mut files = BTreeMap::from([
            (format!("pkg/{name}.js").into(), client.js),
            (format!("pkg/{name}_bg.wasm").into(), client.wasm),
            (format!("pkg/{name}.css").into(), style),
            (OUTPUT_NAME.into(), name.into_bytes()),
        ]);
        for path in list(public)? {
            let inside = path.strip_prefix(public).unwrap_or(&path).to_path_buf();
            files.insert(inside, fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
        }
        if mode == Mode::Release {
            files.append(&mut compressed(&files)?);
        }
        Ok(Self(files))
    }

    /// Writes the files, removes all others, and returns the paths written.
    ///
    /// An unchanged file keeps its time, because cargo embeds by it; but a new one is nothing that cargo
    /// would notice, so that `output-name` is written anew whenever any file was.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let mut written = Vec::with_capacity(self.0.len());
        let mut changed = false;
        for (inside, bytes) in &self.0 {
            let path = folder.join(inside);
            if fs::read(&path).ok().as_ref() != Some(bytes) {
                write(&path, bytes)?;
                changed = true;
            }
            written.push(path);
        }
        for path in list(folder)? {
            if !written.contains(&path) {
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
                changed = true;
            }
        }
        if let (true, Some(name)) = (changed, self.0.get(Path::new(OUTPUT_NAME))) {
            write(&folder.join(OUTPUT_NAME), name)?;
        }
        Ok(written)
    }

    /// What a first visit costs, file by file.
    pub fn print_sizes(&self) {
        let mut total = 0;
        for (path, bytes) in self.0.iter().filter(|(path, _)| path.starts_with("pkg")) {
            println!("bundle: {:>9} bytes  {}", bytes.len(), path.display());
            if path.extension().is_some_and(|extension| extension == "br") {
                total += bytes.len();
            }
        }
        if total > 0 {
            println!("bundle: {total:>9} bytes  in all on the wire, brotli");
        }
    }
}

/// All files under a folder, in order; none when it does not exist.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                files.append(&mut list(&path)?);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Writes a file, and the folders above it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// A brotli copy of every file that gets smaller by it, one thread a file.
fn compressed(files: &BTreeMap<PathBuf, Vec<u8>>) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let text = |path: &Path| path.extension().is_some_and(|extension| TEXT.iter().any(|known| extension == *known));
    let copies = thread::scope(|scope| {
        let jobs: Vec<_> = files
            .iter()
            .filter(|(path, _)| text(path))
            .map(|(path, bytes)| (path, bytes, scope.spawn(|| brotli(bytes))))
            .collect();
        jobs.into_iter().map(|(path, bytes, job)| (path, bytes.len(), job.join())).collect::<Vec<_>>()
    });
    let mut smaller = BTreeMap::new();
    for (path, length, copy) in copies {
        let copy = copy.map_err(|_| anyhow::anyhow!("the compressor panicked on {}", path.display()))??;
        if copy.len() < length {
            let mut name = path.clone().into_os_string();
            name.push(".br");
            smaller.insert(name.into(), copy);
        }
    }
    Ok(smaller)
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let parameters = BrotliEncoderParams { quality: 11, lgwin: 22, size_hint: bytes.len(), ..Default::default() };
    let mut writer = CompressorWriter::with_params(Vec::new(), 64 * 1024, &parameters);
    writer.write_all(bytes)?;
    writer.flush()?;
    Ok(writer.into_inner())
}

/// Sixteen hex digits over the parts and their lengths.
fn hash(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    }
    let mut digits = hex::encode(hasher.finalize());
    digits.truncate(16);
    digits
}
