//! Who is looking at a page: what the shell and every page may know about them. The server fills it in once a request.
//! Every address that a page makes goes through [`at`], so that it stays with the organization that the page is about.

use std::borrow::Cow;

use domain::organization::{Kind, OrganizationId, UserId};
use domain::plan::PlanId;
use domain::role::{Permission, Role};
use leptos::prelude::use_context;

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
    /// What the session is called among the person's sessions; its id stays in the cookie.
    pub session: String,
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
    /// Whether they have one of its seats.
    pub seated: bool,
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
    /// Every organization of the person, the personal one first.
    pub organizations: Vec<Place>,
}

/// An organization of a person, to switch to.
#[derive(Clone, Debug)]
pub struct Place {
    /// Which.
    pub id: OrganizationId,
    /// What it is called.
    pub name: String,
    /// What the person is there.
    pub role: Role,
    /// The tier's name in the catalogue.
    pub tier_name: String,
}

/// The query's word for the organization that a request is about.
pub const ORGANIZATION: &str = "organization";

/// An address about this organization, whatever was last chosen in another tab.
pub fn address_in(organization: &OrganizationId, address: &str) -> String {
    let (address, fragment) = address.split_once('#').map_or((address, None), |(address, it)| (address, Some(it)));
    let join = if address.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{address}{join}{ORGANIZATION}={organization}{fragment}")
}

/// Where a page's link or form leads, for whoever is looking.
pub fn at(address: impl Into<Cow<'static, str>>) -> String {
    let address = address.into();
    match use_context::<Visitor>().and_then(|visitor| visitor.account) {
        Some(account) => account.at(&address),
        None => address.into_owned(),
    }
}

impl Account {
    /// An address on this site, for the organization that this is about. It is named where there is a choice.
    pub fn at(&self, address: &str) -> String {
        if self.named().is_some() { address_in(&self.organization, address) } else { address.to_owned() }
    }

    /// The organization, where there is a choice.
    pub fn named(&self) -> Option<&OrganizationId> {
        (self.organizations.len() > 1).then_some(&self.organization)
    }

    /// Whether the person may do this in the organization.
    pub fn may(&self, permission: Permission) -> bool {
        self.role.may(permission)
    }
}

#[cfg(test)]
mod tests {
    use domain::organization::OrganizationId;

    use super::address_in;

    #[test]
    fn an_address_keeps_its_query_and_its_fragment() {
        let organization = OrganizationId("org_1".to_owned());
        for (address, named) in [
            ("/dashboard", "/dashboard?organization=org_1"),
            ("/pricing?period=yearly", "/pricing?period=yearly&organization=org_1"),
            ("/settings/usage?meter=a#chart", "/settings/usage?meter=a&organization=org_1#chart"),
            ("/playground#answer", "/playground?organization=org_1#answer"),
        ] {
            assert_eq!(address_in(&organization, address), named);
        }
    }
}
