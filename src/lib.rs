#![doc = include_str!("README.md")]
// A page is one nested type; the deepest is a little over the default.
#![recursion_limit = "256"]
// What `#[server]` writes for the browser awaits nothing; the lint is younger than the oldest compiler that will do.
#![allow(unknown_lints, clippy::unused_async_trait_impl)]

pub mod app;
pub mod components;
pub mod error;
pub mod pages;
pub mod visitor;

#[cfg(feature = "ssr")]
pub mod server;

/// The browser's entry: wakes the islands of the page.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
