//! The menu at the top right: who is signed in, for which organization and on which tier, colours, and the way out.
//!
//! It is a native popover: it opens, closes on Escape and outside clicks, and returns focus without a script.

use domain::role::Permission;
use leptos::prelude::*;

use super::icons::Icon;
use crate::visitor::{Account, Theme};

/// The menu.
#[component]
pub fn UserMenu(
    /// Who is signed in.
    account: Account,
    /// The colours now.
    theme: Theme,
) -> impl IntoView {
    let keys = account.may(Permission::ManageKeys);
    let initial = account.name.chars().next().unwrap_or('?').to_uppercase().to_string();
    view! {
        <div class="user-menu header-end">
            <button class="user-menu-button" type="button" popovertarget="user-menu" data-testid="user-menu">
                <span class="avatar" aria-hidden="true">{initial}</span>
                <span class="user-menu-name">{account.organization_name.clone()}</span>
                <span class="badge">{account.tier_name.clone()}</span>
                <span class="visually-hidden">"Account menu"</span>
                {Icon::ChevronDown.view()}
            </button>
            <div class="popover" id="user-menu" popover="auto">
                <div class="popover-head">
                    <strong>{account.name}</strong>
                    <span class="muted">{account.email}</span>
                </div>
                <dl class="facts">
                    <div><dt>"Organization"</dt><dd>{account.organization_name}</dd></div>
                    <div><dt>"Plan"</dt><dd>{account.tier_name}</dd></div>
                </dl>
                <a class="popover-item" href="/dashboard">"Dashboard"</a>
                <a class="popover-item" href="/settings/billing">"Billing settings"</a>
                <a class="popover-item" href="/settings/usage">"Usage"</a>
                {keys.then(|| view! { <a class="popover-item" href="/settings/api-keys">"API keys"</a> })}
                <a class="popover-item" href="/playground">"Playground"</a>
                <ThemeSwitch theme label="Colours" />
                <form method="post" action="/auth/logout">
                    <button class="popover-item" type="submit">"Sign Out"</button>
                </form>
            </div>
        </div>
    }
}

/// Three buttons for the colours.
#[component]
pub fn ThemeSwitch(
    /// The colours now.
    theme: Theme,
    /// What the group is called for screen readers: there may be two on a page.
    label: &'static str,
) -> impl IntoView {
    let name = |choice| match choice {
        Theme::System => "Auto",
        Theme::Light => "Light",
        Theme::Dark => "Dark",
    };
    view! {
        <form class="segments segments-small" method="post" action="/theme" role="group" aria-label=label>
            {Theme::ALL
                .into_iter()
                .map(|choice| view! {
                    <button class="segment" name="theme" value=choice.as_str() aria-pressed=(choice == theme).to_string()>
                        {name(choice)}
                    </button>
                })
                .collect_view()}
        </form>
    }
}
