//! Who can sign in: the ready users, and anybody with an e-mail address.

use sha2::{Digest, Sha256};

use super::Provider;
use crate::config::SeedUser;

impl Provider {
    /// The ready user with this subject.
    pub(super) fn ready_user(&self, sub: &str) -> Option<SeedUser> {
        self.users.iter().find(|user| user.sub == sub).cloned()
    }

    /// The user with this address: a ready one, or one who comes to be by it. The same address is
    /// always the same subject.
    pub(super) fn user_by_email(&self, email: &str) -> Option<SeedUser> {
        let email = email.trim().to_lowercase();
        if let Some(user) = self.users.iter().find(|user| user.email == email) {
            return Some(user.clone());
        }
        let (local, domain) = email.split_once('@')?;
        if local.is_empty() || domain.is_empty() || email.contains(char::is_whitespace) {
            return None;
        }
        Some(SeedUser {
            sub: format!("user_{}", hex::encode(&Sha256::digest(&email)[..10])),
            name: name_from(local),
            email,
        })
    }
}

/// `mary.jane` as `Mary Jane`.
fn name_from(local: &str) -> String {
    local
        .split(['.', '_', '-', '+'])
        .filter(|part| !part.is_empty())
        .map(|part| {
            let mut letters = part.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::name_from;

    #[test]
    fn names_are_read_from_addresses() {
        assert_eq!(name_from("mary.jane_watson"), "Mary Jane Watson");
        assert_eq!(name_from("x"), "X");
    }
}
