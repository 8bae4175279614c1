//! Who is signed in: the OpenID provider, the session that remembers it, and the three routes between them.

mod provider;
mod return_to;
mod routes;
mod session;

pub use provider::{Error as ProviderError, Provider};
pub use return_to::ReturnTo;
pub use routes::{callback, login, logout};
pub use session::{SignedIn, choose_organization, last_organization, layer, signed_in};
