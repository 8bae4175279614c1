//! `/docs/api`: the API for services, to be read by people. Made from the same description as `/api/openapi.json`.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_meta::Title;

/// The API as the page shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiDescription {
    /// What can be asked, in order.
    pub operations: Vec<Operation>,
    /// What is sent and answered.
    pub objects: Vec<Object>,
}

/// Something that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name, for links.
    pub id: String,
    /// What it belongs to.
    pub group: String,
    /// `GET` or `POST`.
    pub method: String,
    /// Its address.
    pub path: String,
    /// What it does.
    pub summary: String,
    /// Whether it needs a key.
    pub needs_key: bool,
    /// What is in the address and the headers.
    pub parameters: Vec<Field>,
    /// The name of the object that is sent.
    pub body: Option<String>,
    /// The name of the object that is answered.
    pub answer: Option<String>,
}

/// A JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// What is in it.
    pub fields: Vec<Field>,
}

/// A member of an object, or a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What can be in it.
    pub kind: String,
    /// The object that it is, or is a list of.
    pub object: Option<String>,
    /// Whether it must be there.
    pub required: bool,
    /// What it means.
    pub about: String,
}

/// The page.
#[component]
pub fn ApiDocsPage() -> impl IntoView {
    let description = expect_context::<Arc<ApiDescription>>();
    let groups = description.operations.chunk_by(|a, b| a.group == b.group).map(contents);
    view! {
        <Title text="API" />
        <div class="docs">
            <header class="page-head">
                <h1>"API"</h1>
                <p class="muted">
                    "What your services ask and use. Send " <code>"Authorization: Bearer bhk_…"</code>
                    " with every request; times are UTC seconds; a failure is a problem document with a code and a \
                     sentence. For programs: " <a href="/api/openapi.json">"openapi.json"</a> "."
                </p>
            </header>
            <nav class="docs-contents" aria-label="Contents">{groups.collect_view()}</nav>
            {description.operations.iter().map(|it| operation(it, &description.objects)).collect_view()}
            <h2 id="objects">"Objects"</h2>
            {description.objects.iter().map(object).collect_view()}
        </div>
    }
}

/// The links to a group's operations.
fn contents(group: &[Operation]) -> impl IntoView + use<> {
    let links = group.iter().map(|operation| {
        let (method, path) = (operation.method.clone(), operation.path.clone());
        view! { <li><span class="method">{method}</span><a href=format!("#{}", operation.id)><code>{path}</code></a></li> }
    });
    view! {
        <section>
            <h2>{group.first().map(|operation| operation.group.clone())}</h2>
            <ul>{links.collect_view()}</ul>
        </section>
    }
}

fn operation(operation: &Operation, objects: &[Object]) -> impl IntoView + use<> {
    let Operation { id, method, path, summary, needs_key, parameters, body, answer, .. } = operation.clone();
    let body = objects.iter().find(|object| Some(&object.name) == body.as_ref());
    let answer = answer.map(|name| {
        let href = format!("#object-{name}");
        view! { <p>"Answers with "<a href=href><code>{name}</code></a>"."</p> }
    });
    view! {
        <section class="card docs-operation" aria-labelledby=id.clone()>
            <h2 id=id.clone()><span class="method">{method}</span>" "<code>{path}</code></h2>
            <p>{summary}</p>
            {(!needs_key).then(|| view! { <p class="muted small">"Needs no key."</p> })}
            {(!parameters.is_empty()).then(|| view! { <h3>"Address and headers"</h3> {fields("Address and headers", &parameters)} })}
            {body.map(|body| view! { <h3>"Body"</h3> {fields("Body", &body.fields)} })}
            {answer}
        </section>
    }
}

fn object(object: &Object) -> impl IntoView + use<> {
    let id = format!("object-{}", object.name);
    view! {
        <section class="card docs-object" aria-labelledby=id.clone()>
            <h3 id=id.clone()><code>{object.name.clone()}</code></h3>
            {(!object.about.is_empty()).then(|| view! { <p>{object.about.clone()}</p> })}
            {fields("Members", &object.fields)}
        </section>
    }
}

fn fields(caption: &'static str, fields: &[Field]) -> impl IntoView + use<> {
    let rows = fields.iter().map(|field| {
        let kind = match &field.object {
            Some(object) => view! { <a href=format!("#object-{object}")>{field.kind.clone()}</a> }.into_any(),
            None => view! { {field.kind.clone()} }.into_any(),
        };
        view! {
            <div class="docs-field">
                <dt><code>{field.name.clone()}</code>" "<span class="muted small">{kind}{(!field.required).then_some(", may be left out")}</span></dt>
                <dd>{field.about.clone()}</dd>
            </div>
        }
    });
    view! { <dl class="docs-fields" aria-label=caption>{rows.collect_view()}</dl> }
}
