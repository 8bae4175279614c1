//! A person's account in words.

use domain::time::{Seconds, Timestamp};

use super::format;
use crate::pages::account::{AccountView, SessionLine};
use crate::server::App;
use crate::server::clock::Clock;
use crate::server::error::Error;
use crate::visitor::Account;

/// A session ends so long after it was last used.
const IDLE: Seconds = Seconds::days(1);

impl App {
    /// The person's sessions, and what there is to know. `current` is the session that asks.
    pub async fn account_view(&self, account: &Account, current: &str) -> Result<AccountView, Error> {
        let minute = |at: i64| format("%-d %B %Y, %H:%M UTC", Timestamp(at));
        let sessions = self.store.sessions_of(&account.user, Clock::wall()).await?;
        Ok(AccountView {
            name: account.name.clone(),
            email: account.email.clone(),
            provider: self.config.oidc.issuer.clone(),
            sessions: sessions
                .into_iter()
                .map(|session| SessionLine {
                    current: session.id_hash == current,
                    signed_in: minute(session.created_at),
                    seen: minute(session.expires_at - IDLE.0),
                    id: session.id_hash,
                })
                .collect(),
        })
    }
}
