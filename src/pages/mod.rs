//! One file per page: the page, its server functions, its private parts. Pages are rendered on the server; what moves
//! in them is an island of `components`.

pub mod account;
pub mod api_docs;
pub mod api_keys;
pub mod audit;
pub mod billing;
pub mod cancel;
pub mod change;
pub mod checkout;
pub mod checkout_canceled;
pub mod checkout_success;
pub mod contact_sales;
pub mod dashboard;
pub mod failure;
pub mod feature;
pub mod home;
pub mod invitation;
pub mod member;
pub mod new_organization;
pub mod playground;
pub mod pricing;
pub mod team;
pub mod usage;

use std::sync::Arc;

use domain::catalog::Catalog;
use domain::plan::Period;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use self::failure::FailurePage;
use crate::app::Answer;
use crate::error::AppError;
use crate::visitor::Visitor;

/// The plans.
fn catalog() -> Arc<Catalog> {
    expect_context()
}

/// Who is looking.
fn visitor() -> Visitor {
    expect_context()
}

/// A value of the address's query.
fn query(name: &str) -> Option<String> {
    use_query_map().read_untracked().get(name)
}

/// The period in the address, monthly where it says nothing.
fn period_in_query() -> Period {
    query("period").as_deref().and_then(Period::parse).unwrap_or_default()
}

/// Shows a page once what it is about has been loaded, or the failure with its status.
fn when_loaded<T, V>(
    loading: Resource<Result<T, AppError>>,
    page: impl Fn(T) -> V + Clone + Send + Sync + 'static,
) -> impl IntoView
where
    T: Clone + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let answer = expect_context::<Answer>();
    view! {
        <Suspense>
            {move || {
                let (answer, page) = (answer.clone(), page.clone());
                Suspend::new(async move {
                    match loading.await {
                        Ok(loaded) => page(loaded).into_any(),
                        Err(error) => {
                            answer.set_status(error.code);
                            view! { <FailurePage error /> }.into_any()
                        }
                    }
                })
            }}
        </Suspense>
    }
}
