//! The browser's files: embedded in a release, read from `target/site` while developing. Names carry a hash, so a
//! browser keeps them for good; what compresses was compressed when it was built.

use std::net::SocketAddr;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use leptos::config::LeptosOptions;
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[cfg_attr(debug_assertions, folder = "target/site")]
#[cfg_attr(not(debug_assertions), folder = "target/site-release")]
#[allow_missing = true]
struct Site;

/// The file in which the build step notes the name that scripts and styles have.
const OUTPUT_NAME: &str = "output-name";
/// The name without a hash, as development builds have it.
const PLAIN_NAME: &str = "billhook";

/// What Leptos wants to know: above all how the scripts are called.
pub fn leptos_options(addr: SocketAddr) -> LeptosOptions {
    // cargo-leptos names its own output, and says so.
    let name = std::env::var("LEPTOS_OUTPUT_NAME").ok().or_else(output_name).unwrap_or_else(|| PLAIN_NAME.to_owned());
    LeptosOptions::builder().output_name(name).site_root("target/site").site_pkg_dir("pkg").site_addr(addr).build()
}

fn output_name() -> Option<String> {
    let file = Site::get(OUTPUT_NAME)?;
    Some(std::str::from_utf8(&file.data).ok()?.trim().to_owned())
}

/// `GET /pkg/{file}`: scripts, WASM and styles.
pub async fn package(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let forever = output_name().is_some_and(|name| name != PLAIN_NAME && file.starts_with(&name));
    let cache = if forever { "public, max-age=31536000, immutable" } else { "no-cache" };
    serve(&format!("pkg/{file}"), &headers, cache)
}

/// A file of `public/`, by its name at the root.
pub fn public(path: &str, headers: &HeaderMap) -> Response {
    serve(path, headers, "public, max-age=86400")
}

fn serve(path: &str, headers: &HeaderMap, cache: &'static str) -> Response {
    let takes_brotli = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|encodings| encodings.split(',').any(|encoding| encoding.trim().starts_with("br")));
    let compressed = takes_brotli.then(|| Site::get(&format!("{path}.br"))).flatten();
    let encoding = compressed.as_ref().map(|_| "br");
    let Some(file) = compressed.or_else(|| Site::get(path)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    respond(path, file, encoding, headers, cache)
}

fn respond(
    path: &str,
    file: EmbeddedFile,
    encoding: Option<&'static str>,
    headers: &HeaderMap,
    cache: &'static str,
) -> Response {
    let tag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..12]));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let mut response = file.data.into_response();
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let headers = response.headers_mut();
    let mut set = |name, value: Result<HeaderValue, _>| {
        if let Ok(value) = value {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, HeaderValue::from_str(kind.as_ref()));
    set(header::CACHE_CONTROL, HeaderValue::from_str(cache));
    set(header::ETAG, HeaderValue::from_str(&tag));
    set(header::VARY, HeaderValue::from_str("accept-encoding"));
    if let Some(encoding) = encoding {
        set(header::CONTENT_ENCODING, HeaderValue::from_str(encoding));
    }
    response
}
