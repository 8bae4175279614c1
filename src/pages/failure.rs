//! What a person sees when something did not work: what happened, what to do, and the request's id.

use leptos::prelude::*;
use leptos_meta::Title;

use super::visitor;
use crate::app::Answer;
use crate::error::{AppError, Code};
use crate::visitor::at;

/// A failure as a page.
#[component]
pub fn FailurePage(
    /// What failed.
    error: AppError,
) -> impl IntoView {
    let request_id = visitor().request_id;
    let title = error.code.title();
    let action = match error.code {
        Code::NotSignedIn => ("/auth/login", "Sign in"),
        Code::Conflict | Code::PaymentRequired => ("/settings/billing", "Go to billing settings"),
        Code::LimitReached => ("/pricing", "See the plans"),
        Code::Invalid
        | Code::Forbidden
        | Code::NotFound
        | Code::RateLimited
        | Code::MethodNotAllowed
        | Code::Timeout
        | Code::TooLarge
        | Code::Unavailable
        | Code::Internal => ("/", "Go to the start page"),
    };
    view! {
        <Title text=title />
        <section class="narrow failure">
            <p class="failure-code">{error.code.status()}</p>
            <h1>{title}</h1>
            <p>{error.message}</p>
            <p><a class="button button-primary" href=at(action.0)>{action.1}</a></p>
            {(!request_id.is_empty()).then(|| view! { <p class="muted small">"Request id: "<code>{request_id}</code></p> })}
        </section>
    }
}

/// No page has this address.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    expect_context::<Answer>().set_status(Code::NotFound);
    view! { <FailurePage error=AppError::not_found() /> }
}
