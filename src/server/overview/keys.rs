//! An organization's keys in words.

use domain::catalog::Gate;
use domain::role::Permission;
use domain::time::Timestamp;
use domain::window::Zone;

use super::{day_in, format_in};
use crate::error::AppError;
use crate::pages::api_keys::{KeyLine, KeysView};
use crate::server::App;
use crate::server::error::Error;
use crate::server::organizations::require;
use crate::server::store::ListedKey;
use crate::visitor::Account;

impl App {
    /// The keys of the organization, the good ones first.
    pub async fn keys_view(&self, account: &Account) -> Result<KeysView, Error> {
        require(account, Permission::ManageKeys)?;
        let (standing, now) = self.standing(&account.organization).await?;
        let locked = match self.closed(Gate::ApiKeys, &standing, now) {
            Some(answer) => Some(self.locked(account, &answer).await?),
            None => None,
        };
        let mut keys: Vec<_> = self.store.keys(Some(&account.organization)).await?;
        keys.sort_by_key(|key| key.revoked_at.is_some());
        let keys = keys.into_iter().map(|key| line(key, &standing.zone)).collect();
        Ok(KeysView { keys, locked, token: uuid::Uuid::new_v4().to_string() })
    }

    /// The key that somebody is about to revoke.
    pub async fn key_to_revoke(&self, account: &Account, id: &str) -> Result<KeyLine, Error> {
        require(account, Permission::ManageKeys)?;
        let (standing, _) = self.standing(&account.organization).await?;
        let keys = self.store.keys(Some(&account.organization)).await?;
        let key = keys.into_iter().find(|key| key.id == id && key.revoked_at.is_none());
        Ok(line(key.ok_or_else(AppError::not_found)?, &standing.zone))
    }
}

fn line(key: ListedKey, zone: &Zone) -> KeyLine {
    let minute = |at: i64| format_in(zone, "%-d %B %Y, %H:%M", Timestamp(at));
    KeyLine {
        id: key.id,
        name: key.name,
        hint: key.hint,
        access: if key.access == "read" { "Only ask" } else { "Ask and use" }.to_owned(),
        created: day_in(zone, Timestamp(key.created_at)),
        used: key.last_used_at.map_or_else(|| "Never used".to_owned(), |at| format!("Last used {}", minute(at))),
        revoked: key.revoked_at.map(|at| day_in(zone, Timestamp(at))),
    }
}
