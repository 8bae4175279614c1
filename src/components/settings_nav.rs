//! The way between the pages of the settings.

use domain::role::Permission;
use leptos::prelude::*;

use crate::visitor::{Visitor, at};

/// A page of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settings {
    /// Plan and payment.
    Billing,
    /// What is used.
    Usage,
    /// Who is in the organization.
    Team,
    /// Keys for services.
    ApiKeys,
    /// What was done.
    Audit,
    /// The person, whatever the organization.
    Account,
}

impl Settings {
    const ALL: [Self; 6] = [Self::Billing, Self::Usage, Self::Team, Self::ApiKeys, Self::Audit, Self::Account];

    fn name(self) -> &'static str {
        match self {
            Self::Billing => "Billing",
            Self::Usage => "Usage",
            Self::Team => "Team",
            Self::ApiKeys => "API keys",
            Self::Audit => "Audit",
            Self::Account => "Account",
        }
    }

    fn address(self) -> &'static str {
        match self {
            Self::Billing => "/settings/billing",
            Self::Usage => "/settings/usage",
            Self::Team => "/settings/team",
            Self::ApiKeys => "/settings/api-keys",
            Self::Audit => "/settings/audit",
            Self::Account => "/settings/account",
        }
    }
}

/// Links to the settings that this person may open, the current one marked.
#[component]
pub fn SettingsNav(
    /// The page that this is.
    current: Settings,
) -> impl IntoView {
    let role = expect_context::<Visitor>().account.map(|account| account.role);
    let may_open = move |page: &Settings| match page {
        Settings::Billing | Settings::Usage | Settings::Team | Settings::Account => true,
        Settings::ApiKeys => role.is_some_and(|role| role.may(Permission::ManageKeys)),
        Settings::Audit => role.is_some_and(|role| role.may(Permission::ReadAudit)),
    };
    let links = Settings::ALL
        .into_iter()
        .filter(may_open)
        .map(|page| {
            let current = (page == current).then_some("page");
            view! { <a href=at(page.address()) aria-current=current>{page.name()}</a> }
        })
        .collect_view();
    view! { <nav class="tabs" aria-label="Settings">{links}</nav> }
}
