//! The append-only file behind the store: one line of JSON per committed transaction.
//!
//! A line is written whole before anybody hears of the change, so a killed process loses nothing it
//! answered. A torn last line was never answered and is dropped. It knows nothing of what it keeps.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;

const FILE: &str = "sandbox.journal";

/// One object as it is after a transaction; `None` means removed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Change {
    /// Collection the object is in.
    pub kind: String,
    /// Identifier within the collection.
    pub id: String,
    /// Place in the order of creation.
    pub seq: u64,
    /// The whole object.
    pub value: Option<Value>,
}

/// An open journal.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Reads what `folder` holds, oldest transaction first.
    pub(crate) fn replay(folder: &Path) -> Result<Vec<Vec<Change>>, Error> {
        let path = folder.join(FILE);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::Journal { path, source }),
        };
        let mut batches = Vec::new();
        let mut torn = None;
        for (number, line) in BufReader::new(file).split(b'\n').enumerate() {
            if let Some(line) = torn {
                return Err(Error::Corrupt { path, line });
            }
            let line = line.map_err(|source| Error::Journal { path: path.clone(), source })?;
            match serde_json::from_slice(&line) {
                Ok(batch) => batches.push(batch),
                Err(_) => torn = Some(number + 1),
            }
        }
        Ok(batches)
    }

    /// Replaces the journal in `folder` with `objects` and opens it for appending.
    pub(crate) fn compacted(folder: &Path, objects: impl Iterator<Item = Change>) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let failed = |source| Error::Journal { path: path.clone(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let fresh = folder.join(format!("{FILE}.new"));
        let mut writer = BufWriter::new(File::create(&fresh).map_err(failed)?);
        for object in objects {
            write_line(&mut writer, &[object]).map_err(failed)?;
        }
        let written = writer.into_inner().map_err(|error| failed(error.into_error()))?;
        written.sync_all().map_err(failed)?;
        fs::rename(&fresh, &path).map_err(failed)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(failed)?;
        Ok(Self { path, file })
    }

    /// Writes one transaction. On an error nothing of it counts.
    pub(crate) fn append(&mut self, batch: &[Change]) -> Result<(), Error> {
        let failed = |source| Error::Journal { path: self.path.clone(), source };
        let before = self.file.metadata().map_err(failed)?.len();
        let outcome = write_line(&mut self.file, batch);
        if outcome.is_err() {
            // Half a line must not become the middle of the file.
            self.file.set_len(before).map_err(failed)?;
        }
        outcome.map_err(failed)
    }
}

fn write_line(writer: &mut impl Write, batch: &[Change]) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(batch)?;
    line.push(b'\n');
    writer.write_all(&line)?;
    writer.flush()
}
