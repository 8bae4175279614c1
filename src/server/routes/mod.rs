//! What answers over HTTP beside the pages: one file per subject. Handlers read the request, call a use case, and say
//! how it went; they decide nothing.

pub mod account;
pub mod audit;
pub mod billing;
pub mod health;
pub mod keys;
pub mod organizations;
pub mod playground;
pub mod sales;
pub mod subscription;
pub mod team;
pub mod theme;
pub mod top_ups;
pub mod updates;
pub mod usage;
pub mod webhook;

mod body;
mod csv;
