//! The rules of billing, and nothing else: no clock (`now` is passed in), no I/O, no database, no HTTP, no Stripe types.
//!
//! The crate is compiled into the server and into the browser alike, so the rule that disables a button is the rule
//! that refuses the request. It must never depend on anything that only one of the two has.

pub mod access;
pub mod catalog;
pub mod change;
pub mod entitlement;
pub mod forecast;
pub mod invitation;
pub mod invoice;
pub mod money;
pub mod news;
pub mod organization;
pub mod payment_method;
pub mod plan;
pub mod role;
pub mod sales;
pub mod seat;
pub mod subscription;
pub mod time;
pub mod top_up;
pub mod usage;
pub mod window;
mod words;

#[cfg(test)]
mod tests;
