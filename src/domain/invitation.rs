//! Invitations into an organization: what has become of one, and who may accept it.

use std::fmt;

use crate::role::Role;
use crate::time::{Seconds, Timestamp};

/// How long an invitation is good for.
pub const GOOD_FOR: Seconds = Seconds(7 * 86_400);
/// How long after a mail the next one may be sent.
pub const SEND_AGAIN: Seconds = Seconds(300);

/// An invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Who is invited: an address in small letters.
    pub email: String,
    /// What they are to be.
    pub role: Role,
    /// When the last mail was written.
    pub sent_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// Who would accept it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guest<'a> {
    /// Their address.
    pub email: &'a str,
    /// Whether the provider vouches for it.
    pub verified: bool,
    /// Whether they are in the organization.
    pub is_member: bool,
}

/// Why an invitation cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationRefusal {
    /// It was taken back.
    Revoked,
    /// It was accepted before.
    Used,
    /// It is too old.
    Expired,
    /// They are in the organization.
    AlreadyMember,
    /// It is for another address.
    WrongAddress,
    /// The provider does not vouch for the address.
    Unverified,
}

impl fmt::Display for InvitationRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Revoked => "This invitation was taken back. Ask whoever invited you for another one.",
            Self::Used => "This invitation was accepted before. Each one counts once.",
            Self::Expired => "This invitation has expired. Ask whoever invited you to send it again.",
            Self::AlreadyMember => "You are a member of this organization already.",
            Self::WrongAddress => "This invitation is for another address. Sign out, and sign in with that one.",
            Self::Unverified => {
                "Your sign-in provider has not verified your address. Verify it there, sign in again, and open the link \
                 once more."
            }
        })
    }
}

impl Invitation {
    /// Whether it can still be accepted by somebody.
    pub fn open(&self, now: Timestamp) -> Result<(), InvitationRefusal> {
        if self.accepted_at.is_some() {
            return Err(InvitationRefusal::Used);
        }
        if self.revoked_at.is_some() {
            return Err(InvitationRefusal::Revoked);
        }
        if self.expires_at <= now {
            return Err(InvitationRefusal::Expired);
        }
        Ok(())
    }

    /// Whether this person can accept it. Only whoever has the address can: a link is easily passed on.
    pub fn accept(&self, guest: Guest<'_>, now: Timestamp) -> Result<(), InvitationRefusal> {
        // Whoever accepted it and opens the link again is told where they are.
        if guest.is_member {
            return Err(InvitationRefusal::AlreadyMember);
        }
        self.open(now)?;
        if guest.email.to_lowercase() != self.email {
            return Err(InvitationRefusal::WrongAddress);
        }
        if !guest.verified {
            return Err(InvitationRefusal::Unverified);
        }
        Ok(())
    }

    /// When it may be sent again.
    pub fn sendable_at(&self) -> Timestamp {
        self.sent_at + SEND_AGAIN
    }
}
