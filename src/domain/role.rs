//! Who may do what in an organization: one table, asked by the buttons and by the server alike.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::organization::Kind;

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything, and there is always at least one.
    Owner,
    /// Everything but ownership.
    Admin,
    /// Plans, payment and invoices.
    Billing,
    /// Uses the product.
    Member,
}

/// Something that not everybody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Permission {
    /// Buy, change and cancel subscriptions, and open the customer portal.
    ManageBilling,
    /// Read what was done.
    ReadAudit,
    /// Make and revoke keys for services.
    ManageKeys,
    /// Invite people, change their roles, and remove them.
    ManageMembers,
    /// Change the organization's name.
    Rename,
    /// Hand the organization to somebody else.
    TransferOwnership,
    /// Delete the organization.
    Delete,
}

impl Permission {
    /// All.
    pub const ALL: [Self; 7] = [
        Self::ManageBilling,
        Self::ReadAudit,
        Self::ManageKeys,
        Self::ManageMembers,
        Self::Rename,
        Self::TransferOwnership,
        Self::Delete,
    ];

    /// Why somebody without it is refused, and whom to ask.
    pub fn refusal(self) -> &'static str {
        match self {
            Self::ManageBilling => "Only owners, admins and billing members can do this. Ask one of them.",
            Self::ReadAudit => "Only owners, admins and billing members can see this.",
            Self::ManageKeys => "Only owners and admins can manage keys. Ask one of them.",
            Self::ManageMembers => "Only owners and admins can invite, change and remove members. Ask one of them.",
            Self::Rename => "Only owners and admins can rename the organization. Ask one of them.",
            Self::TransferOwnership => "Only owners can hand the organization over. Ask one of them.",
            Self::Delete => "Only owners can delete the organization. Ask one of them.",
        }
    }
}

impl Role {
    /// All, from the one who may most.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Billing, Self::Member];

    /// The word in the database and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Billing => "billing",
            Self::Member => "member",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// The word on pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Admin => "Admin",
            Self::Billing => "Billing",
            Self::Member => "Member",
        }
    }

    /// What it is for, in a sentence.
    pub fn description(self) -> &'static str {
        match self {
            Self::Owner => "Everything, also handing the organization over and deleting it.",
            Self::Admin => "Members, keys, plan and payment.",
            Self::Billing => "Plan, payment and invoices.",
            Self::Member => "Uses what the organization has.",
        }
    }

    /// The table.
    pub fn may(self, permission: Permission) -> bool {
        match (permission, self) {
            (Permission::ManageBilling | Permission::ReadAudit, Self::Owner | Self::Admin | Self::Billing)
            | (Permission::ManageKeys | Permission::ManageMembers | Permission::Rename, Self::Owner | Self::Admin)
            | (Permission::TransferOwnership | Permission::Delete, Self::Owner) => true,
            (Permission::ManageBilling | Permission::ReadAudit, Self::Member)
            | (Permission::ManageKeys | Permission::ManageMembers | Permission::Rename, Self::Billing | Self::Member)
            | (Permission::TransferOwnership | Permission::Delete, Self::Admin | Self::Billing | Self::Member) => false,
        }
    }

    /// Whether this role may do everything that the other may.
    pub fn covers(self, other: Self) -> bool {
        Permission::ALL.into_iter().all(|permission| self.may(permission) || !other.may(permission))
    }

    /// Whether this role may give the other to somebody, or take it from them: nobody gives more than they have.
    pub fn may_grant(self, other: Self) -> bool {
        self.may(Permission::ManageMembers) && self.covers(other)
    }
}

/// Why members cannot be changed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberRefusal {
    /// The organization is one person's own.
    Personal,
    /// The role does not allow it.
    NotAllowed,
    /// The member has a role, or is to have one, that is above the one who asks.
    AboveOwn,
    /// There would be no owner left.
    LastOwner,
}

impl fmt::Display for MemberRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Personal => "A personal organization has one member. Make a team organization to invite others.",
            Self::NotAllowed => Permission::ManageMembers.refusal(),
            Self::AboveOwn => "Only owners can make somebody an owner, or change what another owner may do.",
            Self::LastOwner => "An organization needs an owner. Make another member an owner first.",
        })
    }
}

/// A change of one membership: what it is now, and what it is to be; `None` after it for leaving and being removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberChange {
    /// The organization's kind.
    pub kind: Kind,
    /// What the one who asks is there.
    pub by: Role,
    /// Whether they ask for themselves.
    pub own: bool,
    /// What the member is.
    pub from: Role,
    /// What the member is to be.
    pub to: Option<Role>,
    /// How many owners there are.
    pub owners: usize,
}

impl MemberChange {
    /// Whether it may be made. The last owner stays, whoever asks.
    pub fn check(self) -> Result<(), MemberRefusal> {
        if self.kind == Kind::Personal {
            return Err(MemberRefusal::Personal);
        }
        let leaves = self.own && self.to.is_none();
        if !leaves {
            if !self.by.may(Permission::ManageMembers) {
                return Err(MemberRefusal::NotAllowed);
            }
            if !self.by.may_grant(self.from) || self.to.is_some_and(|to| !self.by.may_grant(to)) {
                return Err(MemberRefusal::AboveOwn);
            }
        }
        if self.from == Role::Owner && self.to != Some(Role::Owner) && self.owners <= 1 {
            return Err(MemberRefusal::LastOwner);
        }
        Ok(())
    }
}
