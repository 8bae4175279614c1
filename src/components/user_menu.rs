//! The menu at the top right: who is signed in, for which organization and on which tier, colours, and the way out.
//!
//! It is a native popover: it opens, closes on Escape and outside clicks, and returns focus without a script.

use domain::organization::OrganizationId;
use domain::role::Permission;
use leptos::prelude::*;

use super::icons::Icon;
use crate::visitor::{Account, Place, Theme, address_in, at};

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
                <Switcher organizations=account.organizations current=account.organization />
                <a class="popover-item" href=at("/dashboard")>"Dashboard"</a>
                <a class="popover-item" href=at("/settings/billing")>"Billing settings"</a>
                <a class="popover-item" href=at("/settings/usage")>"Usage"</a>
                <a class="popover-item" href=at("/settings/team")>"Team"</a>
                {keys.then(|| view! { <a class="popover-item" href=at("/settings/api-keys")>"API keys"</a> })}
                <a class="popover-item" href=at("/playground")>"Playground"</a>
                <a class="popover-item" href=at("/settings/account")>"Account"</a>
                <ThemeSwitch theme label="Colours" />
                <form method="post" action="/auth/logout">
                    <button class="popover-item" type="submit">"Sign Out"</button>
                </form>
            </div>
        </div>
    }
}

/// Every organization of the person, each with its plan: links, so that they open in another tab as well.
#[component]
fn Switcher(organizations: Vec<Place>, current: OrganizationId) -> impl IntoView {
    let places = organizations
        .into_iter()
        .map(|place| {
            let is_current = (place.id == current).then_some("true");
            view! {
                <li>
                    <a class="popover-item switch" href=address_in(&place.id, "/dashboard") aria-current=is_current>
                        <span class="switch-name">{place.name}</span>
                        <span class="badge">{place.tier_name}</span>
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <nav class="switcher" aria-label="Organizations">
            <p class="popover-title" aria-hidden="true">"Organizations"</p>
            <ul data-testid="organizations">{places}</ul>
            <a class="popover-item" href=at("/organizations/new")>"New organization"</a>
        </nav>
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
