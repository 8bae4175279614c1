//! What the Checkout page says: the order on one side, the payment form on the other, and the
//! bank's question. Labels and buttons are stable, browser tests rely on them.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::complete::{Buyer, needs_card};
use super::order::{self, Order};
use crate::calendar;
use crate::json::Json;
use crate::page::{cadence, escape, href, money, price, render};
use crate::stripe::account::Account;
use crate::stripe::cards::CARDS;
use crate::stripe::coupons;
use crate::stripe::error::ApiError;

/// What is taken off.
struct Discount {
    /// The promotion code, or the coupon's name.
    name: String,
    coupon: Value,
}

/// Everything the page shows.
pub(super) struct Content {
    session: Value,
    items: Vec<Value>,
    trial_end: Option<i64>,
    discount: Option<Discount>,
    keeps_card: bool,
    email: Option<String>,
    /// What was entered before.
    pub buyer: Buyer,
    /// The promotion code as typed.
    pub promotion_code: String,
    /// Why the order could not be changed.
    pub order_error: Option<String>,
    /// Why the payment was refused.
    pub pay_error: Option<String>,
}

impl Content {
    /// The content for a session, with an empty form.
    pub(super) fn of(account: &Account, session: Value) -> Result<Self, ApiError> {
        let id = session.text("id").to_owned();
        let order = Order::load(account, &id)?;
        let code = order
            .promotion_code
            .as_deref()
            .and_then(|code| account.get("promotion_code", code))
            .map(|code| code.text("code").to_owned());
        let discount = order.source(account).map(|source| Discount {
            name: code.unwrap_or_else(|| source.coupon.maybe("name").unwrap_or("Discount").to_owned()),
            coupon: source.coupon,
        });
        let email = session
            .maybe("customer")
            .and_then(|id| account.get("customer", id))
            .and_then(|customer| customer.maybe("email"))
            .or(session.maybe("customer_email"))
            .map(str::to_owned);
        Ok(Self {
            items: order::line_items(account, &id),
            trial_end: order.trial_end(account.now()),
            discount,
            keeps_card: order.future_usage() == Some("off_session"),
            email,
            session,
            buyer: Buyer::default(),
            promotion_code: String::new(),
            order_error: None,
            pay_error: None,
        })
    }

    /// The page.
    pub(super) fn render(&self, status: StatusCode) -> Response {
        let title = format!("{} – Checkout", self.button());
        let body = format!(
            "<main><section class=\"summary\" aria-labelledby=\"order\"><div class=\"inner\">{}</div></section>\
             <section class=\"pay\" aria-labelledby=\"pay\"><div class=\"inner\">{}</div></section></main>",
            self.summary(),
            self.form()
        );
        render(status, &title, "checkout", &body)
    }

    fn button(&self) -> &'static str {
        if self.session.text("mode") == "payment" {
            "Pay"
        } else if self.trial_end.is_some() {
            "Start trial"
        } else {
            "Subscribe"
        }
    }

    fn currency(&self) -> &str {
        self.session.text("currency")
    }

    fn recurring(&self) -> Option<&Value> {
        self.items.iter().filter_map(|item| item.get("price")?.get("recurring")).find(|recurring| recurring.is_object())
    }

    /// What each later period costs, as far as the discount lasts.
    fn later(&self) -> String {
        let recurring = self.items.iter().filter(|item| order::recurs(item));
        let total: i64 = recurring.map(order::full_amount).sum();
        let amount = money(total - self.lasting_discount(total), self.currency());
        self.recurring().map_or(amount.clone(), |it| format!("{amount} per {}", cadence(it)))
    }

    fn lasting_discount(&self, amount: i64) -> i64 {
        match &self.discount {
            Some(discount) if discount.coupon.text("duration") != "once" => {
                coupons::amount_off(&discount.coupon, amount, self.currency())
            }
            _ => 0,
        }
    }

    fn summary(&self) -> String {
        let back = self
            .session
            .maybe("cancel_url")
            .map_or_else(String::new, |url| format!("<p><a href=\"{}\">← Back</a></p>", href(url)));
        let name = self.items.first().map_or("Your order", |item| item.text("description"));
        let verb = match self.button() {
            "Pay" => "Pay for",
            "Start trial" => "Try",
            _ => "Subscribe to",
        };
        format!(
            "{back}<p><span class=\"test-mode\">TEST MODE – nothing is charged</span></p>\
             <h1 id=\"order\">{verb} {}</h1>{}{}{}",
            escape(name),
            self.headline(),
            self.lines(),
            self.promotion()
        )
    }

    fn headline(&self) -> String {
        if let Some(end) = self.trial_end {
            let days = (end - self.session.int("created") + 43_200) / 86_400;
            return format!(
                "<p class=\"total\">{days} days free</p><p class=\"muted\">Then {}, starting {}</p>",
                escape(&self.later()),
                calendar::date(end)
            );
        }
        let today = money(self.session.int("amount_total"), self.currency());
        let Some(recurring) = self.recurring() else {
            return format!("<p class=\"total num\">{}</p>", escape(&today));
        };
        let every = cadence(recurring);
        let later = self.later();
        if later == format!("{today} per {every}") {
            return format!(
                "<p class=\"total num\">{} <span class=\"muted small\">per {}</span></p>",
                escape(&today),
                escape(&every)
            );
        }
        format!(
            "<p class=\"total num\">{} <span class=\"muted small\">today</span></p><p class=\"muted\">Then {}</p>",
            escape(&today),
            escape(&later)
        )
    }

    fn lines(&self) -> String {
        let mut lines: String = self.items.iter().map(|item| self.line(item)).collect();
        let subtotal = self.session.int("amount_subtotal");
        let total = self.session.int("amount_total");
        if let Some(discount) = &self.discount {
            let off = money(total - subtotal, self.currency());
            let about = coupons::about(&discount.coupon);
            lines += &row(&format!("{} ({})", escape(&discount.name), escape(&about)), &off, "");
        }
        lines += &row("Total due today", &money(total, self.currency()), "sum");
        format!("<ul class=\"lines\">{lines}</ul>")
    }

    fn line(&self, item: &Value) -> String {
        let empty = Value::Null;
        let item_price = item.get("price").unwrap_or(&empty);
        let quantity = item.int("quantity");
        let name = format!(
            "{}<br><span class=\"muted small\">{} × {}</span>",
            escape(item.text("description")),
            quantity,
            escape(&price(item_price))
        );
        let amount = money(order::full_amount(item), self.currency());
        row(&name, &amount, "") + &self.quantity(item)
    }

    fn quantity(&self, item: &Value) -> String {
        let Some(range) = item.get("adjustable_quantity").filter(|it| it.is_object()) else {
            return String::new();
        };
        let id = escape(item.text("id"));
        format!(
            "<li><form class=\"inline\" method=\"post\" action=\"/c/pay/{}/options\">\
             <input type=\"hidden\" name=\"item\" value=\"{id}\">\
             <div class=\"field\"><label for=\"quantity-{id}\">Quantity</label>\
             <input id=\"quantity-{id}\" name=\"quantity\" type=\"number\" inputmode=\"numeric\" min=\"{}\" max=\"{}\" value=\"{}\"></div>\
             <button class=\"plain\">Update</button></form></li>",
            self.session.text("id"),
            range.int("minimum").max(1),
            range.int("maximum"),
            item.int("quantity")
        )
    }

    fn promotion(&self) -> String {
        let error = alert(self.order_error.as_deref());
        if !self.session.flag("allow_promotion_codes") {
            return error;
        }
        let id = self.session.text("id");
        if let Some(Discount { name, .. }) = &self.discount {
            return format!(
                "<form method=\"post\" action=\"/c/pay/{id}/options\"><input type=\"hidden\" name=\"remove_promotion_code\" value=\"1\">\
                 <p><span class=\"badge good\">{}</span> <button class=\"plain small\">Remove promotion code</button></p></form>",
                escape(name)
            );
        }
        format!(
            "{error}<form class=\"inline\" method=\"post\" action=\"/c/pay/{id}/options\">\
             <div class=\"field\"><label for=\"promotion_code\">Promotion code</label>\
             <input id=\"promotion_code\" name=\"promotion_code\" autocomplete=\"off\" autocapitalize=\"characters\" required value=\"{}\"></div>\
             <button class=\"plain\">Apply</button></form>",
            escape(&self.promotion_code)
        )
    }

    fn form(&self) -> String {
        let id = self.session.text("id");
        let card = if needs_card(&self.session) {
            self.card_fields()
        } else {
            "<p>No payment method is needed.</p>".to_owned()
        };
        format!(
            "<h2 id=\"pay\">Contact and payment</h2>{}\
             <form method=\"post\" action=\"/c/pay/{id}\">{}{card}\
             <button class=\"wide\">{}</button></form>\
             <p class=\"small muted\">{}</p>{}",
            alert(self.pay_error.as_deref()),
            self.email_field(),
            self.button(),
            escape(&self.terms()),
            test_cards()
        )
        .replace("", "")
    }

    fn terms(&self) -> String {
        match (self.session.text("mode"), self.trial_end) {
            ("payment", _) if self.keeps_card => {
                "You pay once, and allow later payments with this card. This is a sandbox: no money moves.".to_owned()
            }
            ("payment", _) => "You pay once. This is a sandbox: no money moves.".to_owned(),
            (_, Some(end)) => format!(
                "After the trial you will be charged {} from {}, until you cancel. This is a sandbox: no money moves.",
                self.later(),
                calendar::date(end)
            ),
            _ => format!("You will be charged {} until you cancel. This is a sandbox: no money moves.", self.later()),
        }
    }

    fn email_field(&self) -> String {
        let known = self.session.maybe("customer").is_some() && self.email.is_some();
        let entered = Some(self.buyer.email.as_str()).filter(|email| !email.is_empty());
        let value = entered.or(self.email.as_deref()).unwrap_or_default();
        let fixed = if known { " readonly" } else { "" };
        field("email", "Email", "email", value, &format!("autocomplete=\"email\" required{fixed}"))
    }

    fn card_fields(&self) -> String {
        let or = |entered: &str, usual: &str| {
            if entered.is_empty() { usual.to_owned() } else { entered.to_owned() }
        };
        let buyer = &self.buyer;
        let year = calendar::year_month(self.session.int("created")).0 + 5;
        let number = or(&buyer.number, "4242 4242 4242 4242");
        let expiry = or(&buyer.expiry, &format!("12 / {:02}", year % 100));
        format!(
            "{}<div class=\"pair\">{}{}</div>{}",
            field(
                "number",
                "Card number",
                "text",
                &number,
                "inputmode=\"numeric\" autocomplete=\"off\" required aria-describedby=\"cards\""
            ),
            field("expiry", "Expiry", "text", &expiry, "autocomplete=\"off\" placeholder=\"MM / YY\" required"),
            field("cvc", "CVC", "text", &or(&buyer.cvc, "123"), "inputmode=\"numeric\" autocomplete=\"off\" required"),
            field("name", "Name on card", "text", &buyer.name, "autocomplete=\"cc-name\""),
        )
    }
}

/// A labelled text field.
pub(crate) fn field(name: &str, label: &str, kind: &str, value: &str, more: &str) -> String {
    format!(
        "<div class=\"field\"><label for=\"{name}\">{label}</label>\
         <input id=\"{name}\" name=\"{name}\" type=\"{kind}\" value=\"{}\" {more}></div>",
        escape(value)
    )
}

/// A message that screen readers announce.
pub(crate) fn alert(text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| format!("<p class=\"alert\" role=\"alert\">{}</p>", escape(text)))
}

fn row(name: &str, amount: &str, class: &str) -> String {
    format!("<li class=\"{class}\"><span>{name}</span><span class=\"num\">{}</span></li>", escape(amount))
}

/// The table of test cards.
pub(crate) fn test_cards() -> String {
    let rows: String = CARDS
        .iter()
        .map(|card| {
            let number = card.number.as_bytes().chunks(4).map(String::from_utf8_lossy);
            let spaced = number.collect::<Vec<_>>().join(" ");
            format!("<tr><th scope=\"row\"><code>{spaced}</code></th><td>{}</td></tr>", card.about)
        })
        .collect();
    format!(
        "<details id=\"cards\" open><summary>Test cards</summary><table class=\"cards\"><tbody>{rows}</tbody></table>\
         <p class=\"small muted\">Any future expiry and any three digits.</p></details>"
    )
}

/// The bank's question about a payment.
pub(super) fn challenge(id: &str) -> Response {
    let body = format!(
        "<main class=\"card\"><p><span class=\"test-mode\">3-D Secure test page</span></p>\
         <h1>Confirm your payment</h1><p>Your bank asks you to confirm this payment. In the sandbox you decide how it ends.</p>\
         <form class=\"stack\" method=\"post\" action=\"/c/pay/{}/challenge\">\
         <button class=\"wide\" name=\"answer\" value=\"complete\">Complete</button>\
         <button class=\"wide plain\" name=\"answer\" value=\"fail\">Fail</button></form></main>",
        escape(id)
    );
    render(StatusCode::OK, "3-D Secure", "centered", &body)
}
