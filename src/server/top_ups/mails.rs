//! What those who manage the billing are told of automatic top-ups by mail.

use domain::money::Money;
use domain::time::Timestamp;
use domain::top_up::Pause;

use crate::server::App;
use crate::server::error::Error;
use crate::server::overview::day_in;
use crate::server::store::{NewMail, TopUp};

impl App {
    /// That an automatic top-up is paused, and why.
    pub(super) async fn paused_mails(
        &self,
        top_up: &TopUp,
        reason: Pause,
        said: Option<&str>,
    ) -> Result<Vec<NewMail>, Error> {
        // Of a card that is declined the bank knows more than we do.
        let why = said.filter(|_| reason == Pause::Declined).unwrap_or(reason.sentence());
        self.top_up_mails(top_up, "is paused", |name, meter| {
            format!(
                "The automatic top-up of {meter} for {name} is paused: a pack could not be paid.\n\
                 {why}\n\nNothing was charged, and nothing more is bought by itself until you let it go on. \
                 When what is left is used up, further use is refused.\n\n\
                 Check the card and let it go on: {}",
                self.address(&top_up.organization, "/settings/usage"),
            )
        })
        .await
    }

    /// That the cap of a month is reached.
    pub(super) async fn capped_mails(
        &self,
        top_up: &TopUp,
        cap: &Money,
        until: Timestamp,
    ) -> Result<Vec<NewMail>, Error> {
        let (standing, _) = self.standing(&top_up.organization).await?;
        let until = day_in(&standing.zone, until);
        self.top_up_mails(top_up, "has reached its monthly cap", |name, meter| {
            format!(
                "The automatic top-up of {meter} for {name} has reached the cap of {cap} that you set for a month. \
                 Another pack would pass it, so none was bought.\n\nIt goes on by itself on {until}. Until then use is \
                 refused once nothing is left, unless you raise the cap or buy a pack yourself.\n\n\
                 See what was bought: {}",
                self.address(&top_up.organization, "/settings/usage"),
            )
        })
        .await
    }

    /// The same to everybody. Without a mail server nothing is written: it would be sent when it is no news any more.
    async fn top_up_mails(
        &self,
        top_up: &TopUp,
        what: &str,
        tell: impl Fn(&str, &str) -> String,
    ) -> Result<Vec<NewMail>, Error> {
        if self.config.mailer.is_none() {
            return Ok(Vec::new());
        }
        let name = self.store.organization(&top_up.organization).await?.map(|it| it.name).unwrap_or_default();
        let meter =
            self.catalog.meter(&top_up.meter).map_or_else(|| top_up.meter.to_string(), |meter| meter.unit.clone());
        let subject = format!("{name}: the automatic top-up of {meter} {what}");
        let body = format!("Hello,\n\n{}\n\n{}\n", tell(&name, &meter), self.catalog.name);
        let to = self.store.billing_addresses(&top_up.organization).await?;
        Ok(to
            .into_iter()
            .map(|recipient| NewMail { recipient, subject: subject.clone(), body: body.clone() })
            .collect())
    }
}
