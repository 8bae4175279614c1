//! The mailbox: whatever is sent to the sandbox's SMTP server is kept here and goes nowhere else.
//!
//! `smtp` listens, `dialogue` is the protocol, `page` shows what arrived. It knows neither Stripe nor
//! `OpenID`; it shares their store, and the page its look.

mod dialogue;
mod page;
mod smtp;

use std::sync::Arc;

use mail_parser::{HeaderValue, Message, MessageParser, PartType};
use serde_json::{Value, json};

pub(crate) use page::router;
pub(crate) use smtp::serve;

use crate::json::Json;
use crate::store::{Data, Store};
use crate::{Error, ids};
use dialogue::Envelope;

/// Kind of the kept mails.
pub(crate) const KIND: &str = "_mail";
/// How many are kept; the oldest go first.
pub(crate) const KEPT: usize = 300;

/// Everything that was sent, and where it is to be sent to.
pub(crate) struct Mailbox {
    store: Arc<Store>,
    url: String,
}

impl Mailbox {
    /// The mailbox over `store` whose server is at `url`.
    pub(crate) fn new(store: Arc<Store>, url: String) -> Self {
        Self { store, url }
    }

    /// Where mail is sent to: `smtp://…`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Keeps a mail.
    fn keep(&self, envelope: &Envelope, raw: &[u8]) -> Result<(), Error> {
        let mail = read(envelope, raw, self.store.read(Data::now));
        self.store.write(|transaction| {
            transaction.put(KIND, mail.text("id"), mail.clone());
            let more = transaction.data().count(KIND).saturating_sub(KEPT);
            let oldest: Vec<String> = transaction.data().oldest(KIND).take(more).map(|(id, _)| id.to_owned()).collect();
            for id in oldest {
                transaction.remove(KIND, &id);
            }
        })
    }

    /// All mails, newest first.
    fn mails(&self) -> Vec<Value> {
        self.store.read(|data| data.newest(KIND).cloned().collect())
    }

    /// One mail.
    fn mail(&self, id: &str) -> Option<Value> {
        self.store.read(|data| data.get(KIND, id).cloned())
    }

    /// Throws everything away.
    fn empty(&self) -> Result<(), Error> {
        self.store.write(|transaction| {
            let all: Vec<String> = transaction.data().oldest(KIND).map(|(id, _)| id.to_owned()).collect();
            for id in all {
                transaction.remove(KIND, &id);
            }
        })
    }
}

/// A mail as it is kept. Who gets it is the envelope's word; the headers may tell less.
fn read(envelope: &Envelope, raw: &[u8], now: i64) -> Value {
    let mut mail = json!({
        "id": ids::new("mail_"),
        "from": envelope.from,
        "to": envelope.to,
        "subject": "",
        "text": null,
        "html": null,
        "at": now,
        "headers": [],
    });
    match MessageParser::default().parse(raw).filter(|message| !message.parts.is_empty()) {
        Some(message) => fill(&mut mail, &message),
        None => mail.set("text", unix(&String::from_utf8_lossy(raw))),
    }
    mail
}

fn fill(mail: &mut Value, message: &Message) {
    if let Some(sender) = message.from().and_then(|from| from.first()?.address()) {
        mail.set("from", sender);
    }
    mail.set("subject", message.subject().unwrap_or_default());
    let bodies = || message.text_bodies().chain(message.html_bodies()).map(|part| &part.body);
    let text = bodies().find_map(|body| if let PartType::Text(text) = body { Some(unix(text)) } else { None });
    let html = bodies().find_map(|body| if let PartType::Html(html) = body { Some(unix(html)) } else { None });
    mail.set("text", text);
    mail.set("html", html);
    mail.set("headers", headers(message));
}

fn unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// The headers in their order, decoded where they are meant for people.
fn headers(message: &Message) -> Vec<Value> {
    let read = |name: &str| ["From", "Sender", "Reply-To", "To", "Cc", "Subject"].contains(&name);
    let decoded = message.headers().iter().map(|it| in_words(it.value()).filter(|_| read(it.name())));
    message
        .headers_raw()
        .zip(decoded)
        .map(|((name, raw), decoded)| {
            let raw = raw.split_whitespace().collect::<Vec<_>>().join(" ");
            json!({ "name": name, "value": decoded.unwrap_or(raw) })
        })
        .collect()
}

/// What a header says, if it is of words.
fn in_words(value: &HeaderValue) -> Option<String> {
    match value {
        HeaderValue::Text(text) => Some(text.clone().into_owned()),
        HeaderValue::Address(addresses) => {
            let each = addresses.iter().map(|it| match (it.name(), it.address()) {
                (Some(name), Some(address)) => format!("{name} <{address}>"),
                (name, address) => name.or(address).unwrap_or_default().to_owned(),
            });
            Some(each.collect::<Vec<_>>().join(", "))
        }
        _ => None,
    }
}
