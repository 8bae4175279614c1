//! Between Axum and the pages: who is looking, what a page may ask of the server, and how a failure is shown.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::CookieJar;
use domain::entitlement::FeatureAnswer;
use domain::organization::UserId;
use leptos::nonce::use_nonce;
use leptos::prelude::{expect_context, provide_context, use_context};
use leptos_axum::ResponseOptions;
use tower_sessions::Session;

use super::error::Error;
use super::store::session_name;
use super::{App, auth, guard, request_id};
use crate::app::{Answer, Findings, shell};
use crate::error::{AppError, Code};
use crate::visitor::{Account, ORGANIZATION, Theme, Visitor};

/// Finds out who is looking, once a request.
pub async fn visitor(
    State(app): State<App>,
    session: Session,
    jar: CookieJar,
    mut request: Request,
    next: Next,
) -> Result<Response, Error> {
    let (account, refused) = match auth::signed_in(&session).await? {
        Some(signed_in) => {
            let opens_page = request.method() == Method::GET && reads_html(request.headers());
            acting(&app, &session, &signed_in.user, organization_named(request.uri()), opens_page).await?
        }
        None => (None, None),
    };
    let visitor = Visitor {
        request_id: request_id::current().unwrap_or_default(),
        theme: jar.get("theme").map(|cookie| Theme::parse(cookie.value())).unwrap_or_default(),
        session: session.id().map(|id| session_name(&id)).unwrap_or_default(),
        account,
    };
    if let Some(refused) = refused {
        let mut response = refused.into_response();
        response.extensions_mut().insert(visitor);
        return Ok(response);
    }
    request.extensions_mut().insert(visitor.clone());
    let mut response = next.run(request).await;
    // A failure's page is made further out, for the same visitor.
    response.extensions_mut().insert(visitor);
    Ok(response)
}

/// The account in the organization that a request is about; and why not, where it names one that the person is not
/// in: then it is the account in another one, for the frame around that answer.
///
/// What was chosen last counts for pages only. A form says whose it is where there is a choice; one that says nothing
/// is from a time when there was none, and is for the person's own organization whatever another tab has chosen since.
async fn acting(
    app: &App,
    session: &Session,
    user: &UserId,
    named: Option<String>,
    opens_page: bool,
) -> Result<(Option<Account>, Option<AppError>), Error> {
    let last = if opens_page { auth::last_organization(session).await? } else { None };
    match app.account(user, named.as_deref(), last.as_deref()).await {
        Ok(account) => {
            if let Some(named) = named.filter(|named| opens_page && last.as_ref() != Some(named)) {
                auth::choose_organization(session, &named).await?;
            }
            Ok((account, None))
        }
        Err(Error::App(refused)) => Ok((app.account(user, None, last.as_deref()).await?, Some(refused))),
        Err(error) => Err(error),
    }
}

fn organization_named(address: &Uri) -> Option<String> {
    let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(address).ok()?;
    query.into_iter().find_map(|(name, value)| (name == ORGANIZATION).then_some(value))
}

/// The signed-in person, or the refusal.
pub fn signed_in(visitor: &Visitor) -> Result<&Account, Error> {
    visitor.account.as_ref().ok_or_else(|| Error::refused(Code::NotSignedIn, "Sign in to do this."))
}

/// What a server function works with: the app, and who asks.
pub struct Ctx {
    /// The app.
    pub app: App,
    /// Who asks.
    pub account: Account,
    /// What their session is called.
    pub session: String,
}

impl Ctx {
    /// From the request that is being answered.
    pub fn signed_in() -> Result<Self, AppError> {
        let visitor = use_context::<Visitor>().unwrap_or_default();
        let account = signed_in(&visitor).map_err(Error::into_app)?.clone();
        Ok(Self { app: expect_context(), account, session: visitor.session })
    }
}

/// Renders the page at the request's address.
pub async fn render(State(app): State<App>, request: Request) -> Response {
    render_with(app, request, Findings::default()).await
}

/// Answers a server function.
pub async fn server_function(State(app): State<App>, request: Request) -> Response {
    let visitor = visitor_of(&request);
    let context = move || {
        provide_context(app.clone());
        provide_context(visitor.clone());
    };
    let response = leptos_axum::handle_server_fns_with_context(context, request).await;
    request_id::into_failure(response.into_response()).await
}

/// Shows a page instead of a problem document where a person is looking.
pub async fn failures_as_pages(State(app): State<App>, request: Request, next: Next) -> Response {
    let reads_html = reads_html(request.headers());
    let unknown = Visitor { request_id: request_id::current().unwrap_or_default(), ..Visitor::default() };
    let response = next.run(request).await;
    let Some(error) = response.extensions().get::<AppError>().filter(|_| reads_html).cloned() else {
        return response;
    };
    let status = response.status();
    let visitor = response.extensions().get::<Visitor>().cloned().unwrap_or(unknown);
    let findings = Findings { failure: Some(error), ..Findings::default() };
    let mut page = render_at(app, &visitor, Uri::default(), findings).await;
    *page.status_mut() = status;
    page
}

fn reads_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Answers with the page of another address.
pub async fn render_at(app: App, visitor: &Visitor, address: Uri, findings: Findings) -> Response {
    let mut blank = Request::new(Body::empty());
    *blank.uri_mut() = address;
    blank.extensions_mut().insert(visitor.clone());
    render_with(app, blank, findings).await
}

/// Refuses for want of a feature: people are shown what would unlock it, programs are told.
pub async fn refuse(
    app: App,
    visitor: &Visitor,
    headers: &HeaderMap,
    answer: &FeatureAnswer,
) -> Result<Response, Error> {
    if reads_html(headers)
        && let Ok(address) = format!("/features/{}", answer.feature).parse()
    {
        return Ok(render_at(app, visitor, address, Findings::default()).await);
    }
    Err(Error::refused(Code::Forbidden, app.locked(signed_in(visitor)?, answer).await?.reason))
}

/// A file that is not there is a failure like any other.
pub async fn missing() -> AppError {
    AppError::not_found()
}

fn visitor_of(request: &Request) -> Visitor {
    request.extensions().get::<Visitor>().cloned().unwrap_or_default()
}

/// Renders the page at the request's address with what was found out before.
pub async fn render_with(app: App, request: Request, findings: Findings) -> Response {
    let visitor = visitor_of(&request);
    let options = app.leptos.clone();
    let context = move || {
        set_policy(&app);
        provide_context(app.clone());
        provide_context(app.catalog.clone());
        provide_context(app.api.clone());
        provide_context(visitor.clone());
        provide_context(findings.clone());
        provide_context(answer());
    };
    // Whole, never as a stream: the head and the status would be sent before the page that they are of is rendered.
    leptos_axum::render_app_async_with_context(context, move || shell(options.clone()))(request).await
}

fn set_policy(app: &App) {
    let (Some(nonce), Some(options)) = (use_nonce(), use_context::<ResponseOptions>()) else { return };
    if let Ok(policy) = HeaderValue::from_str(&guard::page_policy(app, &nonce)) {
        options.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
    options.insert_header(HeaderName::from_static("vary"), HeaderValue::from_static("cookie"));
}

/// Lets a page set the status of the answer that it is rendered into.
fn answer() -> Answer {
    let options = use_context::<ResponseOptions>();
    Answer(Arc::new(move |code: Code| {
        if let (Some(options), Ok(status)) = (&options, StatusCode::from_u16(code.status())) {
            options.set_status(status);
        }
    }))
}
