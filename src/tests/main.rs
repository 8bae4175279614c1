//! Integration tests: a file per capability, each through the outermost door. Every test has an application, a sandbox
//! and a database of its own. `BILLHOOK_TEST_POSTGRES` runs them on PostgreSQL instead of SQLite.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod api;
mod audit;
mod auth;
mod catalog;
mod changes;
mod checkout;
mod config;
mod convergence;
mod crash;
#[path = "../dev.rs"]
mod dev;
mod documents;
mod faults;
mod guard;
mod harness;
mod life;
mod mail;
mod operator;
mod outages;
mod packs;
mod pages;
mod process;
mod queries;
mod race;
mod readme;
mod restart;
mod roles;
mod sales;
mod seat_holders;
mod seat_model;
mod seats;
mod team;
mod tenants;
mod tidy;
mod top_ups;
mod usage_pages;
mod warm;
mod webhook;
