//! The only place that knows Stripe: calls out ([`Gateway`]), signatures in ([`signature`]), and one tolerant reading
//! of Stripe's objects for both ([`objects`]). What leaves this folder is the domain's.

mod gateway;
mod objects;
pub mod signature;

pub use gateway::{Error, Gateway, OpenedSession};
pub use objects::{Event, FinishedSession, Subject};
