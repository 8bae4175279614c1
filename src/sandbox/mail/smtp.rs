//! The SMTP server: connections, their limits, and lines off the wire. No TLS and no sign-in: it
//! listens where only this machine can reach it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::Mailbox;
use super::dialogue::{COMMAND_LIMIT, Dialogue, Envelope, Incoming, Line, Next, TEXT_LIMIT};

/// How many may talk at the same time.
pub(super) const CONNECTIONS: usize = 32;
/// How long a client may be silent.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a dialogue may take.
const AT_MOST: Duration = Duration::from_mins(10);

/// Takes mail on `listener` until the task is aborted.
pub(crate) fn serve(listener: TcpListener, mailbox: Arc<Mailbox>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut talks = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = talks.join_next() => continue,
            };
            match accepted {
                Ok((stream, _)) if talks.len() < CONNECTIONS => {
                    talks.spawn(talk(stream, Arc::clone(&mailbox)));
                }
                Ok((mut stream, _)) => {
                    let _ = timeout(Duration::from_secs(1), stream.write_all(b"421 Too many connections\r\n")).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "sandbox mail server could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    })
}

async fn talk(stream: TcpStream, mailbox: Arc<Mailbox>) {
    match timeout(AT_MOST, converse(stream, &mailbox, PATIENCE)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an SMTP dialogue broke off"),
        Err(_) => tracing::debug!("an SMTP dialogue took too long"),
    }
}

/// One dialogue, to its end.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    mailbox: &Mailbox,
    patience: Duration,
) -> io::Result<()> {
    let mut wire = Wire { stream: BufReader::new(stream), patience };
    let mut dialogue = Dialogue::default();
    wire.say("220 Billhook sandbox ESMTP").await?;
    loop {
        let Some(line) = wire.hear(COMMAND_LIMIT).await? else {
            return wire.say("421 You have been silent for too long").await;
        };
        match dialogue.hear(&line) {
            Next::Say(text) => wire.say(text).await?,
            Next::SayAll(lines) => wire.say(&lines.join("\r\n")).await?,
            Next::Hang(text) => return wire.say(text).await,
            Next::Mail(envelope) => {
                wire.say("354 Send it, and end with a dot").await?;
                let Some(mail) = wire.mail().await? else {
                    return wire.say("421 You have been silent for too long").await;
                };
                wire.say(verdict(mailbox, &envelope, mail)).await?;
            }
        }
    }
}

fn verdict(mailbox: &Mailbox, envelope: &Envelope, mail: Incoming) -> &'static str {
    match mail.finish() {
        Err(flaw) => flaw,
        Ok(text) => match mailbox.keep(envelope, &text) {
            Ok(()) => "250 Kept",
            Err(error) => {
                tracing::error!(%error, "a mail could not be kept");
                "451 The mail could not be kept"
            }
        },
    }
}

struct Wire<S> {
    stream: BufReader<S>,
    patience: Duration,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    async fn say(&mut self, text: &str) -> io::Result<()> {
        let text = format!("{text}\r\n");
        let send = async {
            self.stream.write_all(text.as_bytes()).await?;
            self.stream.flush().await
        };
        timeout(self.patience, send).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// The next line; nothing when none comes in time.
    async fn hear(&mut self, most: usize) -> io::Result<Option<Line>> {
        timeout(self.patience, line(&mut self.stream, most)).await.ok().transpose()
    }

    /// The mail up to its dot.
    async fn mail(&mut self) -> io::Result<Option<Incoming>> {
        let mut mail = Incoming::default();
        while let Some(line) = self.hear(TEXT_LIMIT).await? {
            if mail.take(&line) {
                return Ok(Some(mail));
            }
        }
        Ok(None)
    }
}

/// Reads one line, and keeps no more of it than `most` bytes.
async fn line(stream: &mut (impl AsyncBufRead + Unpin), most: usize) -> io::Result<Line> {
    let mut line = Vec::new();
    let mut fits = true;
    loop {
        let arrived = stream.fill_buf().await?;
        if arrived.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let end = arrived.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let taken = end.unwrap_or(arrived.len());
        fits = fits && line.len() + taken <= most;
        if fits {
            line.extend_from_slice(&arrived[..taken]);
        }
        stream.consume(taken);
        if end.is_some() {
            return Ok(match line.strip_suffix(b"\r\n") {
                _ if !fits => Line::TooLong,
                Some(text) if !text.contains(&b'\r') => Line::Whole(text.to_vec()),
                _ => Line::Torn,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::store::Store;

    fn mailbox() -> Mailbox {
        let store = Store::open(None, crate::stripe::due_at).expect("a store");
        Mailbox::new(Arc::new(store), String::new())
    }

    #[tokio::test]
    async fn a_silent_client_is_left() {
        let patience = Duration::from_millis(20);
        for begun in ["", "EHLO m", "EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nhalf a line"] {
            let (mut client, server) = tokio::io::duplex(4_096);
            let mailbox = mailbox();
            let server = async { converse(server, &mailbox, patience).await.expect("a dialogue") };
            let client = async {
                client.write_all(begun.as_bytes()).await.expect("sent");
                let mut heard = String::new();
                client.read_to_string(&mut heard).await.expect("text");
                heard
            };
            let ((), heard) = tokio::join!(server, client);
            assert!(heard.ends_with("421 You have been silent for too long\r\n"), "{heard}");
            assert!(mailbox.mails().is_empty());
        }
    }

    #[tokio::test]
    async fn a_client_that_does_not_listen_is_left() {
        let (mut client, server) = tokio::io::duplex(64);
        let mailbox = mailbox();
        let nagging = async {
            // Answers pile up unread until the server can say no more.
            while client.write_all(b"NOOP\r\n").await.is_ok() {}
        };
        let server = converse(server, &mailbox, Duration::from_millis(20));
        let (outcome, ()) = tokio::join!(server, nagging);
        assert_eq!(outcome.expect_err("an end").kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn lines_are_bounded_and_end_with_crlf() {
        let long = format!("{}\r\n", "x".repeat(20));
        let wire = format!("short\r\n{long}bare\nan\rother\r\n\r\nleft");
        let mut wire = BufReader::with_capacity(3, wire.as_bytes());
        let mut heard = Vec::new();
        while let Ok(line) = line(&mut wire, 10).await {
            heard.push(line);
        }
        let whole = |text: &str| Line::Whole(text.into());
        assert_eq!(heard, [whole("short"), Line::TooLong, Line::Torn, Line::Torn, whole("")]);
    }
}
