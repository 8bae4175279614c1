//! The way between the pages of the settings.

use leptos::prelude::*;

use crate::visitor::Visitor;

/// A page of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settings {
    /// Plan and payment.
    Billing,
    /// What is used.
    Usage,
    /// Keys for services.
    ApiKeys,
}

impl Settings {
    const ALL: [Self; 3] = [Self::Billing, Self::Usage, Self::ApiKeys];

    fn name(self) -> &'static str {
        match self {
            Self::Billing => "Billing",
            Self::Usage => "Usage",
            Self::ApiKeys => "API keys",
        }
    }

    fn address(self) -> &'static str {
        match self {
            Self::Billing => "/settings/billing",
            Self::Usage => "/settings/usage",
            Self::ApiKeys => "/settings/api-keys",
        }
    }
}

/// Links to the settings that this person may open, the current one marked.
#[component]
pub fn SettingsNav(
    /// The page that this is.
    current: Settings,
) -> impl IntoView {
    let manages_keys = expect_context::<Visitor>().account.is_some_and(|account| account.role.manages_keys());
    let links = Settings::ALL
        .into_iter()
        .filter(|page| *page != Settings::ApiKeys || manages_keys)
        .map(|page| {
            let current = (page == current).then_some("page");
            view! { <a href=page.address() aria-current=current>{page.name()}</a> }
        })
        .collect_view();
    view! { <nav class="tabs" aria-label="Settings">{links}</nav> }
}
