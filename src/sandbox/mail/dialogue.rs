//! The SMTP dialogue (RFC 5321) without its wire: what each line is answered, and what a mail is once
//! its dots are unstuffed. Strict, because a mail that it refuses would be refused elsewhere.

/// What a mail may weigh.
pub(super) const MAIL_LIMIT: usize = 512 * 1024;
/// What a command line may weigh, with its end.
pub(super) const COMMAND_LIMIT: usize = 512;
/// What a line of a mail may weigh, with its end.
pub(super) const TEXT_LIMIT: usize = 1_000;
/// To how many a mail may go.
const RECIPIENTS: usize = 100;
/// How many mistakes a client may make.
const MISTAKES: usize = 20;

/// One line as it came.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Line {
    /// Without its CRLF.
    Whole(Vec<u8>),
    /// Ended by something other than CRLF.
    Torn,
    /// Longer than is taken; its text is gone.
    TooLong,
}

/// From whom and to whom.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Envelope {
    /// The sender, empty for a mail that must not be answered.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
}

/// What follows a line.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// The answer; the dialogue goes on.
    Say(&'static str),
    /// The same, in as many lines as there are.
    SayAll(&'static [&'static str]),
    /// The mail follows.
    Mail(Envelope),
    /// The answer is the last one.
    Hang(&'static str),
}

/// Where a dialogue stands.
#[derive(Default)]
pub(super) struct Dialogue {
    greeted: bool,
    envelope: Option<Envelope>,
    mistakes: usize,
}

impl Dialogue {
    /// Hears one command line.
    pub(super) fn hear(&mut self, line: &Line) -> Next {
        let next = match line {
            Line::Whole(line) => match str::from_utf8(line) {
                Ok(line) => self.command(line),
                Err(_) => Next::Say("500 Commands are text"),
            },
            Line::Torn => Next::Say("500 Lines end with CRLF"),
            Line::TooLong => Next::Say("500 Line too long"),
        };
        if matches!(next, Next::Say(text) if text.starts_with('5')) {
            self.mistakes += 1;
            if self.mistakes > MISTAKES {
                return Next::Hang("421 Too many mistakes");
            }
        }
        next
    }

    fn command(&mut self, line: &str) -> Next {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (verb.to_ascii_uppercase().as_str(), rest) {
            ("HELO" | "EHLO", name) if name.trim().is_empty() => Next::Say("501 Say who you are"),
            ("HELO", _) => {
                self.begin();
                Next::Say("250 The sandbox keeps what you send")
            }
            ("EHLO", _) => {
                self.begin();
                Next::SayAll(&[
                    "250-The sandbox keeps what you send",
                    "250-8BITMIME",
                    "250-SMTPUTF8",
                    "250 SIZE 524288",
                ])
            }
            ("MAIL", rest) => self.sender(rest),
            ("RCPT", rest) => self.recipient(rest),
            ("DATA", "") => self.mail(),
            ("RSET", "") => {
                self.envelope = None;
                Next::Say("250 Forgotten")
            }
            ("NOOP", _) => Next::Say("250 Still here"),
            ("QUIT", "") => Next::Hang("221 Goodbye"),
            ("DATA" | "RSET" | "QUIT", _) => Next::Say("501 This takes no parameters"),
            ("AUTH" | "STARTTLS" | "VRFY" | "EXPN" | "HELP", _) => Next::Say("502 Not offered here"),
            _ => Next::Say("500 Not understood"),
        }
    }

    fn begin(&mut self) {
        self.greeted = true;
        self.envelope = None;
    }

    fn sender(&mut self, rest: &str) -> Next {
        if !self.greeted {
            return Next::Say("503 Say EHLO first");
        }
        if self.envelope.is_some() {
            return Next::Say("503 One sender is enough");
        }
        let Some((from, parameters)) = path(rest, "FROM:").filter(|(from, _)| from.is_empty() || is_address(from))
        else {
            return Next::Say("501 Say MAIL FROM:<address>");
        };
        for parameter in parameters.split_whitespace() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (name.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
                ("BODY", "7BIT" | "8BITMIME") | ("SMTPUTF8", "") => {}
                ("SIZE", size) => match size.parse::<usize>() {
                    Ok(size) if size <= MAIL_LIMIT => {}
                    Ok(_) => return Next::Say("552 The mail is too large"),
                    Err(_) => return Next::Say("501 SIZE is a number"),
                },
                _ => return Next::Say("555 Parameter not offered"),
            }
        }
        self.envelope = Some(Envelope { from: from.to_owned(), to: Vec::new() });
        Next::Say("250 Sender noted")
    }

    fn recipient(&mut self, rest: &str) -> Next {
        let Some(envelope) = &mut self.envelope else {
            return Next::Say("503 Say MAIL first");
        };
        let Some((to, parameters)) = path(rest, "TO:").filter(|(to, _)| is_address(to)) else {
            return Next::Say("501 Say RCPT TO:<address>");
        };
        if !parameters.trim().is_empty() {
            return Next::Say("555 Parameter not offered");
        }
        if envelope.to.len() == RECIPIENTS {
            return Next::Say("452 Too many recipients");
        }
        envelope.to.push(to.to_owned());
        Next::Say("250 Recipient noted")
    }

    fn mail(&mut self) -> Next {
        match self.envelope.take_if(|envelope| !envelope.to.is_empty()) {
            Some(envelope) => Next::Mail(envelope),
            None => Next::Say("503 Say MAIL and RCPT first"),
        }
    }
}

/// `FROM:<address> PARAMETERS` taken apart.
fn path<'t>(rest: &'t str, word: &str) -> Option<(&'t str, &'t str)> {
    let given = rest.get(..word.len()).filter(|given| given.eq_ignore_ascii_case(word))?;
    let (address, parameters) = rest[given.len()..].strip_prefix('<')?.split_once('>')?;
    (parameters.is_empty() || parameters.starts_with(' ')).then_some((address, parameters))
}

fn is_address(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>,;:\"()[]\\".contains(c);
    text.len() <= 254
        && !text.contains(odd)
        && text
            .split_once('@')
            .is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty() && !domain.contains('@'))
}

/// A mail while it arrives.
#[derive(Default)]
pub(super) struct Incoming {
    text: Vec<u8>,
    flaw: Option<&'static str>,
}

impl Incoming {
    /// Takes one line; says whether it was the last. After a flaw the rest is only listened to.
    pub(super) fn take(&mut self, line: &Line) -> bool {
        match line {
            Line::Whole(line) if line == b"." => return true,
            Line::Whole(line) => self.add(line.strip_prefix(b".").unwrap_or(line)),
            Line::Torn => self.refuse("554 Lines end with CRLF"),
            Line::TooLong => self.refuse("554 Line too long"),
        }
        false
    }

    /// The mail, or why it is not taken.
    pub(super) fn finish(self) -> Result<Vec<u8>, &'static str> {
        self.flaw.map_or(Ok(self.text), Err)
    }

    fn add(&mut self, line: &[u8]) {
        if self.flaw.is_none() {
            if self.text.len() + line.len() + 2 > MAIL_LIMIT {
                return self.refuse("552 The mail is too large");
            }
            self.text.extend_from_slice(line);
            self.text.extend_from_slice(b"\r\n");
        }
    }

    fn refuse(&mut self, flaw: &'static str) {
        self.flaw.get_or_insert(flaw);
        self.text = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(dialogue: &mut Dialogue, line: &str) -> String {
        match dialogue.hear(&Line::Whole(line.into())) {
            Next::Say(text) | Next::Hang(text) => text[..3].to_owned(),
            Next::SayAll(lines) => lines.last().expect("a line")[..3].to_owned(),
            Next::Mail(_) => "354".to_owned(),
        }
    }

    #[test]
    fn each_command_has_its_place() {
        let cases = [
            ("MAIL FROM:<a@b>", "503"),
            ("EHLO", "501"),
            ("ehlo me", "250"),
            ("RCPT TO:<a@b>", "503"),
            ("DATA", "503"),
            ("mail from:<>", "250"),
            ("MAIL FROM:<a@b>", "503"),
            ("DATA", "503"),
            ("RCPT TO:<>", "501"),
            ("RCPT TO: <a@b>", "501"),
            ("NOOP anything", "250"),
            ("RSET", "250"),
            ("DATA", "503"),
            ("MAIL FROM:<a@b> SIZE=10 BODY=8BITMIME SMTPUTF8", "250"),
            ("RCPT TO:<jürgen@b> NOTIFY=NEVER", "555"),
            ("RCPT TO:<jürgen@b>", "250"),
            ("DATA now", "501"),
            ("DATA", "354"),
            ("DATA", "503"),
            ("AUTH PLAIN AHg=", "502"),
            ("QUIT", "221"),
        ];
        let mut dialogue = Dialogue::default();
        for (line, code) in cases {
            assert_eq!(said(&mut dialogue, line), code, "{line}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let mut dialogue = Dialogue::default();
        said(&mut dialogue, "HELO me");
        let odd = [
            "MAIL",
            "MAIL FROM:a@b",
            "MAIL FROM:<a@b",
            "MAIL FROM:<a b@c>",
            "MAIL FROM:<a@b@c>",
            "MAIL FROM:<@b>",
            "MAIL FROM:<a@>",
            "MAIL FROM:<a>",
            "MAIL FROM:<a@b>SIZE=1",
            "MAIL FRÖM:<a@b>",
            "MAIL FROM:<a@b> SIZE=x",
        ];
        for line in odd {
            assert_eq!(said(&mut dialogue, line), "501", "{line}");
        }
        assert_eq!(said(&mut dialogue, "MAIL FROM:<a@b> SIZE=99999999"), "552");
        assert_eq!(said(&mut dialogue, "MAIL FROM:<a@b> RET=FULL"), "555");
    }

    #[test]
    fn the_size_that_is_told_is_the_size_that_counts() {
        let told = Dialogue::default().hear(&Line::Whole(b"EHLO me".into()));
        let Next::SayAll(lines) = told else { panic!("{told:?}") };
        assert!(lines.contains(&format!("250 SIZE {MAIL_LIMIT}").as_str()));
    }

    #[test]
    fn patience_with_mistakes_ends() {
        let mut dialogue = Dialogue::default();
        for _ in 0..MISTAKES {
            assert_eq!(said(&mut dialogue, "WHAT"), "500");
        }
        assert_eq!(dialogue.hear(&Line::TooLong), Next::Hang("421 Too many mistakes"));
    }

    #[test]
    fn dots_are_unstuffed_and_a_flawed_mail_is_heard_to_its_end() {
        let mut mail = Incoming::default();
        for line in ["..", "..dot", ".x", "", "a.b"] {
            assert!(!mail.take(&Line::Whole(line.into())));
        }
        assert!(mail.take(&Line::Whole(b".".into())));
        assert_eq!(mail.finish(), Ok(b".\r\n.dot\r\nx\r\n\r\na.b\r\n".to_vec()));
        for (flaw, code) in [(Line::Torn, "554 Lines end with CRLF"), (Line::TooLong, "554 Line too long")] {
            let mut mail = Incoming::default();
            assert!(!mail.take(&flaw) && !mail.take(&Line::Whole(b"more".into())));
            assert!(mail.take(&Line::Whole(b".".into())));
            assert_eq!(mail.finish(), Err(code));
        }
    }
}
