//! The frame of every page: skip link, header with navigation and user menu, footer.

use std::sync::Arc;

use domain::catalog::Catalog;
use leptos::prelude::*;

use super::live::Live;
use super::user_menu::{ThemeSwitch, UserMenu};
use crate::visitor::{Visitor, at};

/// The frame.
#[component]
pub fn Layout(
    /// Whether it is loaded again when what it shows has changed elsewhere.
    follows_news: bool,
    /// The page.
    children: Children,
) -> impl IntoView {
    let product = expect_context::<Arc<Catalog>>().name.clone();
    let visitor = expect_context::<Visitor>();
    let theme = visitor.theme;
    let shown = visitor.account.as_ref().filter(|_| follows_news);
    let updates = shown.map(|account| account.at(&format!("/api/updates?revision={}", account.revision)));
    view! {
        <a class="skip-link" href="#content">"Skip to content"</a>
        <header class="header">
            <div class="header-inner">
                <a class="brand" href=at("/")>
                    <span class="brand-mark" aria-hidden="true"></span>
                    {product.clone()}
                </a>
                <nav class="nav" aria-label="Main">
                    <a href=at("/pricing")>"Pricing"</a>
                    {visitor.account.is_some().then(|| view! {
                        <a href=at("/dashboard")>"Dashboard"</a>
                        <a href=at("/settings/usage")>"Usage"</a>
                        <a href=at("/settings/billing")>"Billing"</a>
                    })}
                </nav>
                {match visitor.account {
                    Some(account) => view! { <UserMenu account theme /> }.into_any(),
                    None => view! { <a class="button button-quiet header-end" href="/auth/login?return_to=%2Fdashboard">"Sign in"</a> }.into_any(),
                }}
            </div>
        </header>
        <main id="content" class="main" tabindex="-1">{children()}</main>
        <footer class="footer">
            <span>{product}" · billing by Billhook"</span>
            <ThemeSwitch theme label="Colours, in the footer" />
        </footer>
        {updates.map(|updates| view! { <Live updates /> })}
    }
}
