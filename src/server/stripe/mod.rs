//! The only place that knows Stripe: calls out ([`Gateway`]), signatures in ([`signature`]), and one tolerant reading
//! of Stripe's objects for both. What leaves this folder is the domain's.

mod changes;
mod charge;
mod event;
mod gateway;
mod invoice;
mod lists;
mod objects;
pub mod signature;
mod subscription;
mod top_up;

pub use changes::{FEEDBACK, Leaving, Target};
pub use charge::{Charge, LOST};
pub use event::{DisputeNews, Event, Head, Implies, InvoiceNews, Subject};
pub use gateway::{Error, Gateway, OpenedSession, PortalFlow, until_silent};
pub use invoice::Preview;
pub use lists::ListedEvent;
pub use objects::FinishedSession;
pub use subscription::Fetched;
pub use top_up::{Bill, NewBill};
