//! The mailbox, by real SMTP over TCP.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{World, text};
use crate::mail::KEPT;

/// An SMTP client that says what it is told to.
pub(super) struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects, and hears the server out.
    pub(super) async fn new(world: &World) -> Self {
        let mut client = Self::raw(world).await;
        assert_eq!(client.answer().await[..4], *"220 ");
        client
    }

    async fn raw(world: &World) -> Self {
        let address = world.sandbox.smtp_url().strip_prefix("smtp://").expect("an address");
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Self(BufReader::new(stream))
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).await.expect("sent");
    }

    /// The last line of an answer; empty when the server has hung up.
    pub(super) async fn answer(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await.expect("a line");
            if line.is_empty() || line.as_bytes()[3] == b' ' {
                return line;
            }
            assert_eq!(line.as_bytes()[3], b'-', "{line}");
        }
    }

    /// Says a line and gives the code of its answer.
    async fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n")).await;
        self.answer().await.chars().take(3).collect()
    }

    async fn says(&mut self, dialogue: &[(&str, &str)]) {
        for (line, code) in dialogue {
            assert_eq!(self.say(line).await, *code, "{line}");
        }
    }

    /// Sends a mail that is dot-stuffed already, and gives the code of the verdict.
    pub(super) async fn mail(&mut self, to: &[&str], mail: &str) -> String {
        self.says(&[("EHLO app.example", "250"), ("MAIL FROM:<bounce@app.example>", "250")]).await;
        for to in to {
            self.says(&[(&format!("RCPT TO:<{to}>"), "250")]).await;
        }
        self.says(&[("DATA", "354")]).await;
        self.send(mail.replace('\n', "\r\n")).await;
        self.say(".").await
    }
}

impl World {
    pub(super) async fn mails(&self) -> Vec<Value> {
        let response = self.client.get(self.url("/sandbox/mail")).send().await.expect("a response");
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.expect("mails")
    }

    async fn mailbox(&self, path: &str) -> (String, String) {
        let url = self.url(&format!("/sandbox/mailbox{path}"));
        let page = self.client.get(url).send().await.expect("a page");
        let policy = page.headers()["content-security-policy"].to_str().expect("text").to_owned();
        (page.text().await.expect("text"), policy)
    }
}

const INVOICE: &str = "From: =?utf-8?q?Billing_=E2=9C=93?= <billing@app.example>
To: Ada <ada@example.com>
Subject: =?utf-8?b?WW91ciByZWNlaXB0IOKCrDI5?=
Message-ID: <1@app.example>
List-Unsubscribe: <https://app.example/stop>,
 <mailto:stop@app.example>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=\"b\"

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Thank you, Ada €
..stuffed
Read it at https://app.example/i/1?a=1&b=2.
--b
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<p style=3D\"color: green\">Thank \"you\" =E2=82=AC</p><script>alert(1)</script>
--b--
";

#[tokio::test]
async fn a_mail_is_kept_and_shown() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    assert_eq!(client.mail(&["ada@example.com", "grace@example.com"], INVOICE).await, "250");
    client.says(&[("QUIT", "221")]).await;
    assert_eq!(client.answer().await, "", "it hangs up");

    let mails = world.mails().await;
    let [mail] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!(mail["from"], "billing@app.example");
    assert_eq!(mail["to"], json!(["ada@example.com", "grace@example.com"]));
    assert_eq!(mail["subject"], "Your receipt €29");
    assert_eq!(mail["text"], "Thank you, Ada €\n.stuffed\nRead it at https://app.example/i/1?a=1&b=2.");
    assert_eq!(mail["html"], "<p style=\"color: green\">Thank \"you\" €</p><script>alert(1)</script>");
    assert!((mail["at"].as_i64().expect("a time") - world.sandbox.now()).abs() < 60);
    let header = |name: &str| {
        let all = mail["headers"].as_array().expect("headers");
        all.iter().find(|it| it["name"] == name).map(|it| text(&it["value"]))
    };
    assert_eq!(header("From").as_deref(), Some("Billing ✓ <billing@app.example>"));
    assert_eq!(header("Message-ID").as_deref(), Some("<1@app.example>"));
    let unsubscribe = header("List-Unsubscribe");
    assert_eq!(unsubscribe.as_deref(), Some("<https://app.example/stop>, <mailto:stop@app.example>"));
    assert_eq!(header("Content-Type").as_deref(), Some("multipart/alternative; boundary=\"b\""));

    let (list, _) = world.mailbox("").await;
    for expected in ["Your receipt €29", "ada@example.com, grace@example.com", world.sandbox.smtp_url()] {
        assert!(list.contains(expected), "{expected} is not in the list");
    }
    let (page, policy) = world.mailbox(&format!("/{}", text(&mail["id"]))).await;
    for expected in [
        "<h1>Your receipt €29</h1>",
        "Thank you, Ada €\n.stuffed",
        "<a href=\"https://app.example/i/1?a=1&amp;b=2\" rel=\"noreferrer\">",
        "sandbox=\"allow-popups allow-popups-to-escape-sandbox\" srcdoc=\"&lt;base target=&quot;_blank&quot;&gt;&lt;p style=",
        "Billing ✓ &lt;billing@app.example&gt;",
    ] {
        assert!(page.contains(expected), "{expected} is not on the page");
    }
    assert!(!page.contains("<script") && policy.starts_with("default-src 'none'") && !policy.contains("script-src"));
    let control = world.client.get(world.url("/")).send().await.expect("a page").text().await.expect("text");
    assert!(control.contains("href=\"/sandbox/mailbox\">Mailbox (1)"));

    let emptied = world.client.delete(world.url("/sandbox/mail")).send().await.expect("a response");
    assert_eq!((emptied.status(), world.mails().await), (StatusCode::NO_CONTENT, Vec::new()));
    assert!(world.mailbox("").await.0.contains("None yet"));
    assert!(world.mailbox(&format!("/{}", text(&mail["id"]))).await.0.contains("no such mail"));
}

#[tokio::test]
async fn the_newest_come_first_and_the_oldest_go() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    for number in 0..KEPT + 3 {
        let mail = format!("Subject: {number}\n\nHello\n");
        assert_eq!(client.mail(&["ada@example.com"], &mail).await, "250");
    }
    let mails = world.mails().await;
    let subjects: Vec<String> = mails.iter().map(|mail| text(&mail["subject"])).collect();
    let expected: Vec<String> = (3..KEPT + 3).rev().map(|number| number.to_string()).collect();
    assert_eq!(subjects, expected);
    world.client.post(world.url("/sandbox/mailbox/empty")).send().await.expect("a page");
    assert_eq!(world.mails().await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_a_mail_lacks_is_told_as_missing() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let html = "From: a@app.example\nContent-Type: text/html\n\n<b>Hi</b>\n";
    for mail in [html, "Subject: <i>plain</i>\n\nHi\n", "", "no header at all"] {
        assert_eq!(client.mail(&["ada@example.com"], &format!("{mail}\n")).await, "250");
    }
    let mails = world.mails().await;
    let of = |index: usize, field: &str| mails[3 - index][field].clone();
    assert_eq!((of(0, "text"), of(0, "from")), (Value::Null, json!("a@app.example")));
    assert!(text(&of(0, "html")).starts_with("<b>Hi</b>"));
    assert_eq!((of(1, "html"), of(1, "from")), (Value::Null, json!("bounce@app.example")));
    assert_eq!((of(2, "subject"), of(2, "html")), (json!(""), Value::Null));
    assert_eq!(of(3, "to"), json!(["ada@example.com"]));
    let (list, _) = world.mailbox("").await;
    assert!(list.contains("(no subject)") && list.contains("&lt;i&gt;plain") && !list.contains("<i>"));
}

#[tokio::test]
async fn the_dialogue_goes_by_the_rules() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    client
        .says(&[
            ("MAIL FROM:<a@app.example>", "503"),
            ("HELO app.example", "250"),
            ("STARTTLS", "502"),
            ("AUTH PLAIN", "502"),
            ("RCPT TO:<ada@example.com>", "503"),
            ("DATA", "503"),
            ("MAIL FROM:<nobody>", "501"),
            ("MAIL FROM:<a@app.example> SIZE=1000000", "552"),
            ("MAIL FROM:<>", "250"),
            ("DATA", "503"),
            ("RCPT TO:<ada@example.com>", "250"),
            ("NOOP", "250"),
            ("RSET", "250"),
            ("DATA", "503"),
            ("WHO ARE YOU", "500"),
        ])
        .await;
    client.send("NOOP\n").await;
    assert_eq!(client.answer().await, "500 Lines end with CRLF\r\n");
    assert_eq!(client.say(&"x".repeat(100_000)).await, "500");
    client.says(&[("MAIL FROM:<>", "250"), ("RCPT TO:<ada@example.com>", "250"), ("DATA", "354")]).await;
    // Byte by byte, so that no answer depends on how it was cut.
    for byte in b"Subject: cut\r\n\r\n..\r\n.x\r\n.\r\n" {
        client.send([*byte]).await;
        client.0.get_mut().flush().await.expect("sent");
    }
    assert_eq!(client.answer().await, "250 Kept\r\n");
    let mail = world.mails().await.remove(0);
    assert_eq!((&mail["text"], &mail["from"]), (&json!(".\nx\n"), &json!("")));
    // All at once, so that none depends on waiting.
    client.send("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nSubject: fast\r\n\r\n.\r\nQUIT\r\n").await;
    let mut codes = Vec::new();
    for _ in 0..6 {
        codes.push(client.answer().await.chars().take(3).collect::<String>());
    }
    assert_eq!(codes, ["250", "250", "354", "250", "221", ""]);
    assert_eq!(world.mails().await[0]["subject"], "fast");
}

#[tokio::test]
async fn what_is_too_much_is_refused_and_the_next_mail_is_not() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let line = format!("{}\n", "x".repeat(900));
    let large = format!("Subject: large\n\n{}", line.repeat(600));
    assert_eq!(client.mail(&["ada@example.com"], &large).await, "552");
    let long = format!("Subject: long\n\n{}\n", "x".repeat(2_000));
    assert_eq!(client.mail(&["ada@example.com"], &long).await, "554");
    client.says(&[("EHLO a", "250"), ("MAIL FROM:<>", "250"), ("RCPT TO:<a@b>", "250"), ("DATA", "354")]).await;
    client.send("Subject: smuggled\r\n\r\nx\n.\nMAIL FROM:<>\r\n").await;
    assert_eq!(client.say(".").await, "554", "only CRLF ends a line");
    client.says(&[("MAIL FROM:<>", "250")]).await;
    for _ in 0..100 {
        client.says(&[("RCPT TO:<a@b>", "250")]).await;
    }
    client.says(&[("RCPT TO:<a@b>", "452"), ("RSET", "250")]).await;
    assert_eq!(client.mail(&["ada@example.com"], "Subject: small\n\nHello\n").await, "250");
    let mails = world.mails().await;
    assert_eq!(mails.iter().map(|mail| text(&mail["subject"])).collect::<Vec<_>>(), ["small"]);
    for _ in 0..20 {
        client.says(&[("WHAT", "500")]).await;
    }
    client.says(&[("WHAT", "421")]).await;
    assert_eq!(client.answer().await, "");
}

#[tokio::test]
async fn only_so_many_talk_at_once() {
    let world = World::new().await;
    let mut clients = Vec::new();
    for _ in 0..32 {
        clients.push(Client::new(&world).await);
    }
    let mut late = Client::raw(&world).await;
    assert_eq!(late.answer().await, "421 Too many connections\r\n");
    assert_eq!(late.answer().await, "");
    clients.pop().expect("a client").says(&[("QUIT", "221")]).await;
    loop {
        if Client::raw(&world).await.answer().await.starts_with("220") {
            break;
        }
    }
}
