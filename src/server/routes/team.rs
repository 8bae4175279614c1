//! Team organizations, their members, and invitations. A form comes back to the page that it is on, with what went
//! wrong, if something did.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use domain::organization::UserId;
use domain::plan::PlanId;
use domain::role::Role;
use serde::Deserialize;
use serde_json::json;

use super::body::{Body, Wanted};
use crate::app::Findings;
use crate::error::Code;
use crate::pages::checkout::order_address;
use crate::server::App;
use crate::server::error::Error;
use crate::server::pages::{render_at, signed_in};
use crate::visitor::{Visitor, address_in};

/// What an organization is to be called.
#[derive(Debug, Deserialize)]
pub struct NameBody {
    #[serde(default)]
    name: String,
    /// Of the form: sent twice, it makes one organization.
    token: Option<String>,
    /// What is bought for it next.
    plan: Option<String>,
    period: Option<String>,
    seats: Option<String>,
}

impl NameBody {
    /// Where that is bought.
    fn order(self, app: &App) -> Option<String> {
        let plan = self.plan.and_then(|plan| PlanId::parse(&plan).ok()).filter(|plan| app.catalog.plan(plan).is_some());
        let plan = plan?;
        let asked = [("plan", Some(plan.to_string())), ("period", self.period), ("seats", self.seats)];
        let asked: Vec<_> = asked.into_iter().filter_map(|(field, value)| Some((field, value?))).collect();
        Some(order_address(&asked))
    }
}

/// `POST /api/organizations`: makes a team organization.
pub async fn create(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<NameBody>,
) -> Result<Response, Error> {
    let made = app.create_team(signed_in(&visitor)?, &value.name, value.token.as_deref()).await;
    let order = value.order(&app);
    match (made, wanted) {
        (Ok(id), Wanted::Json) => Ok((StatusCode::CREATED, Json(json!({ "id": id }))).into_response()),
        (Ok(id), Wanted::Redirect) => {
            Ok(Redirect::to(&address_in(&id, order.as_deref().unwrap_or("/settings/team?done=made"))).into_response())
        }
        (Err(error), wanted) => {
            let page = order.as_deref().unwrap_or("/organizations/new");
            failed(app, &visitor, wanted, page, error).await
        }
    }
}

/// `POST /api/organizations/rename`.
pub async fn rename(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<NameBody>,
) -> Result<Response, Error> {
    let done = app.rename(signed_in(&visitor)?, &value.name).await;
    answer(app, &visitor, wanted, done, "/settings/team?done=renamed").await
}

/// What somebody typed to confirm that they mean it.
#[derive(Debug, Deserialize)]
pub struct ConfirmBody {
    #[serde(default)]
    pub(super) confirm: String,
}

/// `POST /api/organizations/delete`.
pub async fn delete(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<ConfirmBody>,
) -> Result<Response, Error> {
    match (app.delete_organization(signed_in(&visitor)?, &value.confirm).await, wanted) {
        (Ok(()), Wanted::Json) => Ok(Json(json!({})).into_response()),
        (Ok(()), Wanted::Redirect) => Ok(Redirect::to("/dashboard").into_response()),
        (Err(error), wanted) => failed(app, &visitor, wanted, "/settings/team", error).await,
    }
}

/// Which member, and what they are to be.
#[derive(Debug, Deserialize)]
pub struct MemberBody {
    #[serde(default)]
    user: String,
    #[serde(default)]
    role: String,
}

/// `POST /api/members/role`: from the member's next request on.
pub async fn change_role(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<MemberBody>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    let done = match role_named(&value.role) {
        Ok(role) => app.change_role(account, &UserId(value.user), role).await,
        Err(error) => Err(error),
    };
    answer(app, &visitor, wanted, done, "/settings/team?done=role").await
}

/// `POST /api/members/remove`: removes somebody else, or leaves.
pub async fn remove(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<MemberBody>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    let member = UserId(value.user);
    let done = app.remove_member(account, &member).await;
    if done.is_ok() && member == account.user && wanted == Wanted::Redirect {
        return Ok(Redirect::to("/dashboard").into_response());
    }
    answer(app, &visitor, wanted, done, "/settings/team?done=removed").await
}

/// Which member, and whether they are to have a seat.
#[derive(Debug, Deserialize)]
pub struct SeatBody {
    #[serde(default)]
    user: String,
    #[serde(default)]
    seat: String,
}

/// `POST /api/members/seat`: gives a member a seat or takes it back, from their next request on.
pub async fn seat(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<SeatBody>,
) -> Result<Response, Error> {
    let (account, member) = (signed_in(&visitor)?, UserId(value.user));
    let (done, then) = match &*value.seat {
        "yes" => (app.set_seat(account, &member, true).await, "/settings/team?done=seated"),
        "no" => (app.set_seat(account, &member, false).await, "/settings/team?done=unseated"),
        _ => (Err(Error::refused(Code::Invalid, "`seat` is `yes` or `no`.")), ""),
    };
    answer(app, &visitor, wanted, done, then).await
}

/// `POST /api/members/transfer`: makes somebody else the owner.
pub async fn transfer(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<MemberBody>,
) -> Result<Response, Error> {
    let done = app.transfer_ownership(signed_in(&visitor)?, &UserId(value.user)).await;
    answer(app, &visitor, wanted, done, "/settings/team?done=transferred").await
}

/// Whom to invite, as what.
#[derive(Debug, Deserialize)]
pub struct InviteBody {
    #[serde(default)]
    email: String,
    #[serde(default)]
    role: String,
}

/// `POST /api/invitations`: invites somebody by mail.
pub async fn invite(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<InviteBody>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    let done = match role_named(&value.role) {
        Ok(role) => app.invite(account, &value.email, role).await,
        Err(error) => Err(error),
    };
    answer(app, &visitor, wanted, done, "/settings/team?done=invited").await
}

/// Which invitation.
#[derive(Debug, Deserialize)]
pub struct InvitationBody {
    #[serde(default)]
    invitation: String,
}

/// `POST /api/invitations/resend`: another link, good for as long as a new one.
pub async fn resend(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<InvitationBody>,
) -> Result<Response, Error> {
    let done = app.invite_again(signed_in(&visitor)?, &value.invitation).await;
    answer(app, &visitor, wanted, done, "/settings/team?done=invited").await
}

/// `POST /api/invitations/revoke`: the link is worth nothing from now on.
pub async fn revoke(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<InvitationBody>,
) -> Result<Response, Error> {
    let done = app.uninvite(signed_in(&visitor)?, &value.invitation).await;
    answer(app, &visitor, wanted, done, "/settings/team?done=revoked").await
}

/// The link.
#[derive(Debug, Deserialize)]
pub struct TokenBody {
    #[serde(default)]
    token: String,
}

/// `POST /api/invitations/accept`: by whoever has the invited address.
pub async fn accept(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<TokenBody>,
) -> Result<Response, Error> {
    let organization = app.accept_invitation(signed_in(&visitor)?, &value.token).await?;
    Ok(match wanted {
        Wanted::Json => Json(json!({ "id": organization })).into_response(),
        Wanted::Redirect => Redirect::to(&address_in(&organization, "/dashboard")).into_response(),
    })
}

fn role_named(word: &str) -> Result<Role, Error> {
    let refused = || Error::refused(Code::Invalid, "`role` is `owner`, `admin`, `billing` or `member`.");
    Role::parse(word).ok_or_else(refused)
}

async fn answer(
    app: App,
    visitor: &Visitor,
    wanted: Wanted,
    done: Result<(), Error>,
    then: &'static str,
) -> Result<Response, Error> {
    match (done, wanted) {
        (Ok(()), Wanted::Json) => Ok(Json(json!({})).into_response()),
        (Ok(()), Wanted::Redirect) => Ok(Redirect::to(&signed_in(visitor)?.at(then)).into_response()),
        (Err(error), wanted) => failed(app, visitor, wanted, "/settings/team", error).await,
    }
}

/// Says what went wrong on the page that the form is on. What was typed is one step back.
pub(super) async fn failed(
    app: App,
    visitor: &Visitor,
    wanted: Wanted,
    page: &str,
    error: Error,
) -> Result<Response, Error> {
    // Whoever is not in the organization any more has no such page.
    let error = match (error, wanted) {
        (Error::App(error), Wanted::Redirect) if error.code != Code::NotFound => error,
        (error, _) => return Err(error),
    };
    let Ok(page) = page.parse() else { return Err(Error::App(error)) };
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let findings = Findings { problem: Some(error), ..Findings::default() };
    let mut response = render_at(app, visitor, page, findings).await;
    *response.status_mut() = status;
    Ok(response)
}
