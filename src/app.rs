//! The document around every page, and the table of pages.

use std::sync::Arc;

use domain::catalog::Catalog;
use leptos::config::LeptosOptions;
use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::components::{Route, Router, Routes};
use leptos_router::path;

use crate::components::layout::Layout;
use crate::components::top_ups::TopUpForm;
use crate::error::{AppError, Code};
use crate::pages::account::AccountPage;
use crate::pages::api_docs::ApiDocsPage;
use crate::pages::api_keys::{ApiKeysPage, MadeKey, RevokeKeyPage};
use crate::pages::audit::AuditPage;
use crate::pages::billing::BillingPage;
use crate::pages::cancel::CancelPage;
use crate::pages::change::ChangePage;
use crate::pages::checkout::CheckoutPage;
use crate::pages::checkout_canceled::CheckoutCanceledPage;
use crate::pages::checkout_success::{Activation, CheckoutSuccessPage};
use crate::pages::contact_sales::{ContactSalesPage, Inquiry};
use crate::pages::dashboard::DashboardPage;
use crate::pages::failure::{FailurePage, NotFoundPage};
use crate::pages::feature::FeaturePage;
use crate::pages::home::HomePage;
use crate::pages::invitation::InvitationPage;
use crate::pages::member::RemoveMemberPage;
use crate::pages::new_organization::NewOrganizationPage;
use crate::pages::playground::{PlaygroundPage, Tried};
use crate::pages::pricing::PricingPage;
use crate::pages::team::TeamPage;
use crate::pages::usage::UsagePage;
use crate::visitor::Visitor;

/// The answer that a page is rendered into. The server provides it.
#[derive(Clone)]
pub struct Answer(pub Arc<dyn Fn(Code) + Send + Sync>);

impl Answer {
    /// Sets the status, before the first byte is sent.
    pub fn set_status(&self, code: Code) {
        (self.0)(code);
    }
}

/// What the server found out before the page is rendered.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// What failed, if something did: it is shown instead of the page.
    pub failure: Option<AppError>,
    /// How the activation went, after a checkout.
    pub activation: Option<Activation>,
    /// The key that was made by the post which this page answers.
    pub made_key: Option<MadeKey>,
    /// Why the post which this page answers did nothing.
    pub problem: Option<AppError>,
    /// What was tried by the post which this page answers.
    pub tried: Option<Tried>,
    /// The form of an automatic top-up that was posted and is not right, and the meter that it is for.
    pub top_up: Option<(String, TopUpForm)>,
    /// The request to sales that was posted and is not taken.
    pub inquiry: Option<Inquiry>,
}

impl Findings {
    /// Whether this page answers a post: to load it again would be to do it again.
    fn answers_a_post(&self) -> bool {
        self.made_key.is_some()
            || self.tried.is_some()
            || self.problem.is_some()
            || self.top_up.is_some()
            || self.inquiry.is_some()
    }
}

/// The document: head, theme and body.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let theme = expect_context::<Visitor>().theme;
    let styles = format!("/pkg/{}.css", options.output_name);
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme.as_str()>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link rel="stylesheet" href=styles />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <HydrationScripts options islands=true />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// Every page by its address.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let product = expect_context::<Arc<Catalog>>().name.clone();
    let findings = use_context::<Findings>().unwrap_or_default();
    let follows_news = !findings.answers_a_post();
    view! {
        <Title formatter=move |title: String| {
            if title.is_empty() { product.clone() } else { format!("{title} · {product}") }
        } />
        <Layout follows_news>
            {match findings.failure {
                Some(error) => view! { <FailurePage error /> }.into_any(),
                None => view! { <Pages /> }.into_any(),
            }}
        </Layout>
    }
}

#[component]
fn Pages() -> impl IntoView {
    view! {
        <Router>
            <Routes fallback=NotFoundPage>
                <Route path=path!("/") view=HomePage />
                <Route path=path!("/pricing") view=PricingPage />
                <Route path=path!("/checkout/:plan") view=CheckoutPage />
                <Route path=path!("/billing/success") view=CheckoutSuccessPage />
                <Route path=path!("/billing/cancel") view=CheckoutCanceledPage />
                <Route path=path!("/contact-sales") view=ContactSalesPage />
                <Route path=path!("/docs/api") view=ApiDocsPage />
                <Route path=path!("/dashboard") view=DashboardPage />
                <Route path=path!("/features/:feature") view=FeaturePage />
                <Route path=path!("/playground") view=PlaygroundPage />
                <Route path=path!("/organizations/new") view=NewOrganizationPage />
                <Route path=path!("/invitations/:token") view=InvitationPage />
                <Route path=path!("/settings/account") view=AccountPage />
                <Route path=path!("/settings/audit") view=AuditPage />
                <Route path=path!("/settings/billing") view=BillingPage />
                <Route path=path!("/settings/billing/cancel") view=CancelPage />
                <Route path=path!("/settings/billing/change/:plan") view=ChangePage />
                <Route path=path!("/settings/team") view=TeamPage />
                <Route path=path!("/settings/team/members/:user") view=RemoveMemberPage />
                <Route path=path!("/settings/usage") view=UsagePage />
                <Route path=path!("/settings/api-keys") view=ApiKeysPage />
                <Route path=path!("/settings/api-keys/:key/revoke") view=RevokeKeyPage />
            </Routes>
        </Router>
    }
}
