//! Why a sandbox could not start or keep its state. Protocol errors have their own types: Stripe's
//! are answers, not failures of the sandbox.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A failure of the sandbox itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another program has the port.
    #[error("{address} is already in use: is another sandbox running? Stop it, or choose another port with {variable}")]
    PortInUse {
        /// The address that was asked for.
        address: SocketAddr,
        /// The environment variable that changes it.
        variable: &'static str,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address} (set {variable} to change it): {source}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// The environment variable that changes it.
        variable: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The durable state cannot be read or written.
    #[error("sandbox state in {path}: {source}")]
    Journal {
        /// The journal file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line in the middle of the journal is not what was once written.
    #[error("sandbox state in {path} is damaged at line {line}; remove the file to start with an empty sandbox")]
    Corrupt {
        /// The journal file.
        path: PathBuf,
        /// One-based line number.
        line: usize,
    },
    /// A signing key, an HTTP client: something that should never fail did.
    #[error("{0}")]
    Setup(String),
}
