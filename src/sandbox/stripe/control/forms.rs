//! The forms of the control page.

use crate::calendar;
use crate::json::Json;
use crate::page::{escape, money, table};
use crate::store::Data;
use crate::stripe::mode::DeliveryMode;
use crate::stripe::{disputes, events};

use super::page::{SHOWN, badge};

fn option(value: &str, label: &str, chosen: &str) -> String {
    let selected = if value == chosen { " selected" } else { "" };
    format!("<option value=\"{}\"{selected}>{}</option>", escape(value), escape(label))
}

/// The date, and the forms that change what happens next.
pub(super) fn switches(data: &Data) -> String {
    format!(
        "<h2>Time</h2><p>It is <b>{}</b> here.</p>{}<h2>Webhooks</h2>{}\
         <p class=\"muted small\">{} deliveries are waiting.</p><h2>Payments</h2><div class=\"pair\">{}{}</div>",
        calendar::moment(data.now()),
        clock(),
        webhooks(data),
        data.count(events::OUTBOX),
        payments(data),
        dispute(data)
    )
}

fn clock() -> String {
    let steps: String = ["1 hour", "1 day", "3 days", "1 week", "1 month", "1 year"]
        .iter()
        .map(|step| format!("<option>{step}</option>"))
        .collect();
    format!(
        "<form class=\"inline\" method=\"post\" action=\"/sandbox/page/clock\"><div class=\"field\">\
         <label for=\"advance\">Move the clock</label><select id=\"advance\" name=\"advance\">\
         <option value=\"next\">to what is due next</option>{steps}</select></div><button class=\"plain\">Move</button></form>"
    )
}

fn webhooks(data: &Data) -> String {
    let mode = DeliveryMode::of(data);
    let options: String = [("deliver", "Deliver"), ("hold", "Hold back"), ("drop", "Drop")]
        .iter()
        .map(|(value, label)| option(value, label, &mode.mode))
        .collect();
    let check = |name: &str, label: &str, on: bool| {
        let checked = if on { " checked" } else { "" };
        format!("<label><input type=\"checkbox\" name=\"{name}\" value=\"true\"{checked}> {label}</label>")
    };
    format!(
        "<form class=\"inline\" method=\"post\" action=\"/sandbox/page/mode\"><div class=\"field\">\
         <label for=\"mode\">New events</label><select id=\"mode\" name=\"mode\">{options}</select></div>{}{}\
         <div class=\"field\"><label for=\"delay\">Late by seconds</label>\
         <input id=\"delay\" name=\"delay\" type=\"number\" min=\"0\" value=\"{}\" required></div><button class=\"plain\">Set</button></form>",
        check("duplicate", "each twice", mode.duplicate),
        check("reorder", "shuffled", mode.reorder),
        mode.delay
    )
}

fn customers(data: &Data, everybody: bool) -> String {
    let first = if everybody { option("", "anybody", "") } else { String::new() };
    let all = data.newest("customer").take(SHOWN).map(|customer| {
        let id = customer.text("id");
        option(id, customer.maybe("email").unwrap_or(id), "")
    });
    std::iter::once(first).chain(all).collect()
}

fn payments(data: &Data) -> String {
    format!(
        "<form class=\"inline\" method=\"post\" action=\"/sandbox/page/payments\"><input type=\"hidden\" name=\"fail_next\" value=\"1\">\
         <div class=\"field\"><label for=\"fail\">Fail the next payment of</label><select id=\"fail\" name=\"customer\">{}</select></div>\
         <button class=\"plain\">Fail it</button></form>",
        customers(data, true)
    )
}

fn dispute(data: &Data) -> String {
    format!(
        "<form class=\"inline\" method=\"post\" action=\"/sandbox/page/dispute\">\
         <div class=\"field\"><label for=\"dispute\">Dispute the last payment of</label><select id=\"dispute\" name=\"customer\">{}</select></div>\
         <button class=\"plain\">Dispute it</button></form>",
        customers(data, false)
    )
}

/// The disputes, and the buttons that decide them.
pub(super) fn disputes(data: &Data) -> String {
    let rows: String = data
        .newest("dispute")
        .take(SHOWN)
        .map(|dispute| {
            let id = escape(dispute.text("id"));
            let buttons = if disputes::is_closed(dispute) {
                String::new()
            } else {
                format!(
                    "<form class=\"row\" method=\"post\" action=\"/sandbox/page/dispute/close\">\
                     <input type=\"hidden\" name=\"id\" value=\"{id}\">\
                     <button class=\"plain small\" name=\"outcome\" value=\"won\">Won</button>\
                     <button class=\"plain small\" name=\"outcome\" value=\"lost\">Lost</button></form>"
                )
            };
            format!(
                "<tr><td><code>{id}</code></td><td class=\"num\">{}</td><td>{}</td><td>{buttons}</td></tr>",
                escape(&money(dispute.int("amount"), dispute.text("currency"))),
                badge(dispute.text("status"))
            )
        })
        .collect();
    if rows.is_empty() { rows } else { table("Disputes", "disputes", &["Id", "Amount", "Status", "Decide"], &rows) }
}
