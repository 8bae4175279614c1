//! Mails: composing them, and the worker behind the outbox. What is sent is plain text.

use std::time::Duration;

use domain::catalog::Reset;
use domain::organization::OrganizationId;
use domain::time::Seconds;
use domain::usage::Warning;
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::sync::watch;

use super::App;
use super::clock::Clock;
use super::error::Error;
use super::overview::day;
use super::store::{Mail, NewMail, NewWarning};
use crate::visitor::address_in;

/// How often the outbox is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a mail server may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Warnings from before that are not told any more: while no mail server was set, they were on the pages.
const STILL_NEWS: Seconds = Seconds::days(1);

/// The way to the mail server; cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// A mail server by its address, `smtp://…` or `smtps://user:password@…`, and the sender.
    pub fn new(url: &str, from: &str) -> Result<Self, String> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|_| "SMTP_URL is not an address such as smtps://user:password@mail.example.com".to_owned())?
            .timeout(Some(TIMEOUT))
            .build();
        let from = from
            .parse()
            .map_err(|_| format!("MAIL_FROM is `{from}`: write a sender such as Billing <billing@example.com>"))?;
        Ok(Self { transport, from })
    }

    async fn send(&self, mail: &Mail) -> Result<(), String> {
        let to: Mailbox = mail.recipient.parse().map_err(|error| format!("the address cannot be used: {error}"))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(mail.subject.clone())
            // One that is sent again after a crash can be recognized.
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            .body(mail.body.clone())
            .map_err(|error| error.to_string())?;
        self.transport.send(message).await.map(drop).map_err(|error| error.to_string())
    }
}

/// An address that requests to sales can be sent to.
pub fn address(text: &str) -> Result<String, String> {
    let good = text.parse::<Mailbox>().is_ok();
    let mistake = || format!("SALES_EMAIL is `{text}`: write an address such as Sales <sales@example.com>");
    good.then(|| text.to_owned()).ok_or_else(mistake)
}

/// Works until `stop` changes.
pub async fn work(app: App, mut stop: watch::Receiver<bool>) {
    let Some(mailer) = app.config.mailer.clone() else { return };
    loop {
        if let Err(error) = work_once(&app, &mailer).await {
            tracing::error!(%error, "the outbox could not be worked off; trying again");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.changed() => return,
        }
    }
}

async fn work_once(app: &App, mailer: &Mailer) -> Result<(), Error> {
    let since = app.clock.now().0 - STILL_NEWS.0;
    for warning in app.store.new_warnings(domain::time::Timestamp(since)).await? {
        let mails = app.compose(&warning).await?;
        app.store.warn(&warning, mails, Clock::wall()).await?;
    }
    while app.store.mails_due(Clock::wall()).await? {
        for mail in app.store.claim_mails(Clock::wall()).await? {
            let failed = mailer.send(&mail).await.err();
            if let Some(error) = &failed {
                tracing::warn!(mail = mail.id, attempts = mail.attempts, error, "a mail could not be sent");
            }
            app.store.mail_tried(&mail.id, failed, backoff(mail.attempts), Clock::wall()).await?;
        }
    }
    Ok(())
}

/// 1 min, 2 min, 4 min … at most six hours.
fn backoff(attempts: i64) -> Seconds {
    Seconds((60_i64 << attempts.clamp(0, 10)).min(6 * 3600))
}

impl App {
    /// The address of an organization's page, for a mail.
    pub(super) fn address(&self, organization: &OrganizationId, path: &str) -> String {
        format!("{}{}", self.config.public_url, address_in(organization, path))
    }

    /// The mails about a warning: to everybody who manages the organization's billing.
    async fn compose(&self, warning: &NewWarning) -> Result<Vec<NewMail>, Error> {
        let (standing, now) = self.standing(&warning.organization).await?;
        let Some(meter) = self.catalog.meter(&warning.meter) else { return Ok(Vec::new()) };
        let answer = standing.meter(&self.catalog, meter, 1, now);
        let name = self.store.organization(&warning.organization).await?.map(|it| it.name).unwrap_or_default();
        let when = match (meter.reset, answer.resets_at) {
            (Reset::Never, _) | (_, None) => "Remove what is no longer needed, or choose a larger plan.".to_owned(),
            (_, Some(at)) => format!("The count starts again on {}.", day(domain::time::Timestamp(at))),
        };
        let then = if warning.percent >= Warning::Almost.percent() {
            "When nothing is left, further use is refused until then, or until you choose a larger plan."
        } else {
            "Nothing has changed yet: this is to let you know in time."
        };
        let subject = format!("{name} has used {} % of {}", warning.percent, meter.name.to_lowercase());
        let body = format!(
            "Hello,\n\n{name} has used {used} of what {plan} and its credits include for now.\n{when}\n\n{then}\n\n\
             See what was used: {usage}\nCompare the plans: {pricing}\n\n{product}\n",
            used = meter.quantity(answer.used),
            plan = super::overview::tier_name(&self.catalog, &standing.tier),
            usage = self.address(&warning.organization, "/settings/usage"),
            pricing = self.address(&warning.organization, "/pricing"),
            product = self.catalog.name,
        );
        let to = self.store.billing_addresses(&warning.organization).await?;
        Ok(to
            .into_iter()
            .map(|recipient| NewMail { recipient, subject: subject.clone(), body: body.clone() })
            .collect())
    }
}
