//! The comparison of all plans for an audience, feature by feature.

use domain::catalog::Catalog;
use domain::plan::{Limit, Plan};
use leptos::prelude::*;

use super::icons::Icon;

/// A table with the plans as columns. On a narrow screen it scrolls inside its own frame, its first column fixed.
pub fn plan_table(catalog: &Catalog, plans: &[&Plan], caption: &'static str) -> impl IntoView + use<> {
    let head = plans.iter().map(|plan| view! { <th scope="col">{plan.name.clone()}</th> }).collect_view();
    let meters = catalog
        .meters
        .iter()
        .filter(|meter| plans.iter().any(|plan| plan.limits.contains_key(&meter.id)))
        .map(|meter| {
            let cells = plans
                .iter()
                .map(|plan| match plan.limits.get(&meter.id) {
                    None | Some(Limit::AtMost(0)) => absent(),
                    Some(limit) => view! { <td>{meter.allowance(*limit)}</td> }.into_any(),
                })
                .collect_view();
            view! { <tr><th scope="row">{meter.name.clone()}</th>{cells}</tr> }
        })
        .collect_view();
    let features = catalog
        .features
        .iter()
        .filter(|feature| plans.iter().any(|plan| plan.features.contains(&feature.id)))
        .map(|feature| {
            let cells = plans
                .iter()
                .map(|plan| if plan.features.contains(&feature.id) { present() } else { absent() })
                .collect_view();
            view! {
                <tr>
                    <th scope="row">
                        {feature.name.clone()} <span class="row-note">{feature.description.clone()}</span>
                    </th>
                    {cells}
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=caption>
            <table class="compare">
                <caption class="visually-hidden">{caption}</caption>
                <thead><tr><td></td>{head}</tr></thead>
                <tbody>{meters}{features}</tbody>
            </table>
        </div>
    }
}

fn present() -> AnyView {
    view! { <td>{Icon::Check.view()}<span class="visually-hidden">"Included"</span></td> }.into_any()
}

fn absent() -> AnyView {
    view! { <td class="muted">{Icon::Minus.view()}<span class="visually-hidden">"Not included"</span></td> }.into_any()
}
