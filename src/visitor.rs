//! Who is looking at a page: what the shell and every page may know about them. The server fills it in once a request.

use domain::organization::{Kind, OrganizationId, UserId};
use domain::plan::PlanId;
use domain::role::{Permission, Role};

/// The colours a person chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the device says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All, in the order of the switch.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The word in the cookie and on the root element.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads the word; anything else is the device's choice.
    pub fn parse(word: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.as_str() == word).unwrap_or_default()
    }
}

/// Who is looking.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// Names this request in the logs and on error pages.
    pub request_id: String,
    /// The colours they chose.
    pub theme: Theme,
    /// Present when signed in.
    pub account: Option<Account>,
}

/// A signed-in person, in the organization they act for.
#[derive(Clone, Debug)]
pub struct Account {
    /// The person.
    pub user: UserId,
    /// What they are called.
    pub name: String,
    /// Where receipts go.
    pub email: String,
    /// The organization they act for.
    pub organization: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// Personal or team.
    pub kind: Kind,
    /// What they may do there.
    pub role: Role,
    /// The organization's stored tier.
    pub tier: PlanId,
    /// The tier's name in the catalogue.
    pub tier_name: String,
    /// Whether a subscription is running, whatever it unlocks.
    pub subscribed: bool,
    /// Goes up with every change that a page of the organization could show.
    pub revision: i64,
    /// Whether the person or the organization has had its trial.
    pub trial_used: bool,
}

impl Account {
    /// Whether the person may do this in the organization.
    pub fn may(&self, permission: Permission) -> bool {
        self.role.may(permission)
    }
}
