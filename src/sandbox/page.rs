//! The look of all pages: escaping, layout, one stylesheet, money in words.
//!
//! Pages work without JavaScript and load nothing from elsewhere. What a page says is the business
//! of the module that serves it.

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde_json::Value;

use crate::json::Json;

const STYLE: &str = include_str!("page.css");
/// Where both servers serve the stylesheet.
pub(crate) const STYLE_PATH: &str = "/sandbox/style.css";

const SECURITY: [(HeaderName, &str); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// The stylesheet.
pub(crate) async fn style() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (headers, STYLE).into_response()
}

/// A whole page. `class` chooses the layout, `body` is trusted HTML.
pub(crate) fn render(status: StatusCode, title: &str, class: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title>\
         <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"{STYLE_PATH}\"></head>\
         <body class=\"{class}\">{body}</body></html>"
    );
    (status, SECURITY, Html(html)).into_response()
}

/// A small page with a heading and a sentence.
pub(crate) fn message(status: StatusCode, title: &str, text: &str) -> Response {
    let body = format!("<main class=\"card\"><h1>{}</h1><p>{}</p></main>", escape(title), escape(text));
    render(status, title, "centered", &body)
}

/// A table with a heading that can be linked to.
pub(crate) fn table(title: &str, id: &str, columns: &[&str], rows: &str) -> String {
    if rows.is_empty() {
        return format!("<h2 id=\"{id}\">{title}</h2><p class=\"muted\">None yet.</p>");
    }
    let head: String = columns.iter().map(|column| format!("<th scope=\"col\">{column}</th>")).collect();
    format!(
        "<h2 id=\"{id}\">{title}</h2><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{id}\">\
         <table class=\"grid\"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

/// Sends the browser elsewhere after a form.
pub(crate) fn see_other(url: &str) -> Response {
    Redirect::to(url).into_response()
}

/// Makes text safe inside HTML and attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

/// A link target that leaves the page only by http(s); anything else becomes `#`.
pub(crate) fn href(url: &str) -> String {
    let web = url.starts_with("http://") || url.starts_with("https://") || url.starts_with('/');
    escape(if web { url } else { "#" })
}

/// `$29.00`, `-€5.00`, `¥500`, `29.00 SEK`.
pub(crate) fn money(amount: i64, currency: &str) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let units = amount.unsigned_abs();
    let number = if ["jpy", "krw", "vnd", "clp"].contains(&currency) {
        units.to_string()
    } else {
        format!("{}.{:02}", units / 100, units % 100)
    };
    let symbol = match currency {
        "usd" => "$",
        "eur" => "€",
        "gbp" => "£",
        "jpy" => "¥",
        other => return format!("{sign}{number} {}", other.to_uppercase()),
    };
    format!("{sign}{symbol}{number}")
}

/// A price in words: `$29.00 / month`, `$5.00` when it does not recur.
pub(crate) fn price(price: &Value) -> String {
    let amount = money(price.int("unit_amount"), price.text("currency"));
    match price.get("recurring").filter(|it| it.is_object()) {
        Some(recurring) => format!("{amount} / {}", cadence(recurring)),
        None => amount,
    }
}

/// `month`, `3 months`.
pub(crate) fn cadence(recurring: &Value) -> String {
    let interval = recurring.text("interval");
    match recurring.maybe_int("interval_count").unwrap_or(1) {
        1 => interval.to_owned(),
        many => format!("{many} {interval}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped_and_scripts_are_no_links() {
        assert_eq!(escape("<a href=\"'&\">"), "&lt;a href=&quot;&#39;&amp;&quot;&gt;");
        assert_eq!(href("javascript:alert(1)"), "#");
        assert_eq!(href("https://a.example/?a=1&b=2"), "https://a.example/?a=1&amp;b=2");
    }

    #[test]
    fn money_is_written_as_people_write_it() {
        assert_eq!(money(2_900, "usd"), "$29.00");
        assert_eq!(money(-505, "eur"), "-€5.05");
        assert_eq!(money(500, "jpy"), "¥500");
        assert_eq!(money(1, "sek"), "0.01 SEK");
    }
}
