//! A person's own account: sessions, what is known of them, and leaving for good.

use domain::time::Timestamp;
use serde_json::{Value, json};

use super::App;
use super::clock::Clock;
use super::error::Error;
use super::store::LeavingRefusal;
use crate::error::{AppError, Code};
use crate::visitor::Account;

impl App {
    /// Ends a session of the person's.
    pub async fn end_session(&self, account: &Account, session: &str) -> Result<(), Error> {
        if self.store.end_session(&account.user, session).await? {
            return Ok(());
        }
        Err(Error::refused(Code::NotFound, "There is no such session any more."))
    }

    /// Everything that is known of a person, for themselves.
    pub async fn export(&self, account: &Account) -> Result<Value, Error> {
        let person = self.store.person(&account.user).await?.ok_or_else(AppError::not_found)?;
        let mut organizations = Vec::new();
        for place in &account.organizations {
            let deeds = self.store.deeds(&place.id, &account.user).await?;
            let uses = self.store.uses_of(&place.id, &account.user).await?;
            organizations.push(json!({
                "id": place.id,
                "name": place.name,
                "role": place.role,
                "plan": place.tier_name,
                "done": deeds.into_iter().map(|deed| json!({
                    "at": deed.at,
                    "action": deed.action,
                    "detail": serde_json::from_str::<Value>(&deed.detail).unwrap_or_default(),
                })).collect::<Vec<_>>(),
                "used": uses,
            }));
        }
        let sessions = self.store.sessions_of(&account.user, Clock::wall()).await?;
        let sessions: Vec<_> = sessions
            .into_iter()
            .map(|session| json!({ "signedInAt": session.created_at, "endsAt": session.expires_at }))
            .collect();
        let asked = self.store.asked_by(&account.user).await?;
        Ok(json!({ "person": person, "organizations": organizations, "sessions": sessions, "salesRequests": asked }))
    }

    /// Deletes the account, for good.
    pub async fn delete_account(&self, account: &Account, typed: &str) -> Result<(), Error> {
        if !typed.trim().eq_ignore_ascii_case(&account.email) {
            let refused = format!("To delete your account, type your address: {}.", account.email);
            return Err(Error::refused(Code::Invalid, refused));
        }
        let (now, wall): (Timestamp, Timestamp) = (self.clock.now(), Clock::wall());
        let left = self.store.forget(&account.user, now, wall).await?.map_err(|refusal| {
            let words = match refusal {
                LeavingRefusal::OnlyOwner(name) => format!(
                    "You are the only owner of {name}. Make another member the owner there, or delete it, and try again."
                ),
                LeavingRefusal::Subscribed(name) => format!(
                    "A subscription of {name} is running. End it in the billing settings, and try again once it is over."
                ),
            };
            Error::refused(Code::Conflict, words)
        });
        drop(self.close_sessions(left?).await);
        Ok(())
    }
}
