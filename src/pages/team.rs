//! `/settings/team`: who is in the organization and as what, who is invited, and what becomes of the organization.

use domain::role::{Permission, Role};
use leptos::prelude::*;
use leptos_meta::Title;

use super::{query, when_loaded};
use crate::app::Findings;
use crate::components::notice::{Notice, Tone};
use crate::components::seats::{MemberSeat, SeatBadge, SeatForm, Seats, SeatsState};
use crate::components::settings_nav::{Settings, SettingsNav};
use crate::error::AppError;
use crate::visitor::at;

/// A team, as one of its members sees it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct TeamView {
    /// What it is called.
    pub organization: String,
    /// Whether it is one person's own.
    pub personal: bool,
    /// Owners first.
    pub members: Vec<MemberLine>,
    /// The seats, where the plan has some.
    pub seats: Option<SeatsState>,
    /// Open and expired ones, for whoever may invite.
    pub invitations: Vec<InvitationLine>,
    /// What this person may invite others as; nothing for whoever may not invite.
    pub grants: Vec<Role>,
    /// What else this person may do here.
    pub permissions: Vec<Permission>,
    /// The plan that would end with it.
    pub subscribed: Option<String>,
    /// Whether there is a mail server.
    pub sends_mail: bool,
}

/// A member.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct MemberLine {
    /// Who, in forms.
    pub user: String,
    /// What they are called.
    pub name: String,
    /// Where they get mail.
    pub email: String,
    /// What they are.
    pub role: Role,
    /// Since when.
    pub since: String,
    /// The seat, where the plan has some.
    pub seat: Option<MemberSeat>,
    /// Whether it is the person who looks.
    pub own: bool,
    /// What that person may make of them; one where nothing can be changed.
    pub roles: Vec<Role>,
    /// Whether they can be removed, or leave.
    pub removable: bool,
    /// Why not, where that is worth saying.
    pub note: Option<String>,
}

/// An invitation that has not been accepted.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct InvitationLine {
    /// Which, in forms.
    pub id: String,
    /// Who is invited.
    pub email: String,
    /// As what.
    pub role: Role,
    /// By whom.
    pub by: String,
    /// Until when it is good, in words.
    pub when: String,
    /// Whether it is too old.
    pub expired: bool,
    /// Whether it can be sent again now.
    pub sendable: bool,
}

/// The team.
#[server(prefix = "/pages", endpoint = "team")]
async fn load_team() -> Result<TeamView, AppError> {
    let ctx = crate::server::pages::Ctx::signed_in()?;
    ctx.app.team_view(&ctx.account).await.map_err(crate::server::error::Error::into_app)
}

/// The page.
#[component]
pub fn TeamPage() -> impl IntoView {
    let team = Resource::new_blocking(|| (), |()| load_team());
    let problem = use_context::<Findings>().and_then(|findings| findings.problem);
    let done = query("done");
    view! {
        <Title text="Team" />
        {when_loaded(team, move |team| view! { <Team team problem=problem.clone() done=done.clone() /> })}
    }
}

/// What was done, by the word in the address.
fn said(word: &str) -> Option<&'static str> {
    Some(match word {
        "made" => "The organization is there. Invite your team.",
        "renamed" => "The organization has a new name.",
        "role" => "The role is changed. It counts from the member’s next click on.",
        "seated" => "The seat is given. It counts from the member’s next click on.",
        "unseated" => "The seat is free again.",
        "removed" => "The member is removed. Their next click is refused.",
        "transferred" => "The organization has another owner. You are an admin now.",
        "invited" => "The invitation is on its way.",
        "revoked" => "The invitation is revoked. Its link is worth nothing.",
        _ => return None,
    })
}

#[component]
fn Team(team: TeamView, problem: Option<AppError>, done: Option<String>) -> impl IntoView {
    let done = done.as_deref().and_then(said).filter(|_| problem.is_none());
    let lead = if team.personal {
        "This is your own organization, and you are in it alone.".to_owned()
    } else {
        format!("Who is in {}, and as what.", team.organization)
    };
    let may_invite = !team.grants.is_empty();
    let may = |permission| team.permissions.contains(&permission);
    let (rename, transfer, delete) =
        (may(Permission::Rename), may(Permission::TransferOwnership), may(Permission::Delete));
    view! {
        <header class="page-head">
            <SettingsNav current=Settings::Team />
            <h1>"Team"</h1>
            <p class="lead">{lead}</p>
        </header>
        <div class="stack">
            {problem.map(|problem| view! { <Notice tone=Tone::Warning><p>{problem.message}</p></Notice> })}
            {done.map(|done| view! { <Notice tone=Tone::Success><p>{done}</p></Notice> })}
            {if team.personal {
                view! { <Alone /> }.into_any()
            } else {
                view! {
                    {team.seats.clone().map(|seats| view! { <Seats seats /> })}
                    <Members members=team.members.clone() />
                    {may_invite.then(|| view! { <Invite grants=team.grants.clone() sends_mail=team.sends_mail /> })}
                    {may_invite.then(|| view! { <Invitations invitations=team.invitations.clone() /> })}
                    {rename.then(|| view! { <Rename name=team.organization.clone() /> })}
                    {transfer.then(|| view! { <Transfer members=team.members.clone() /> })}
                    {delete.then(|| view! { <Delete name=team.organization.clone() subscribed=team.subscribed.clone() /> })}
                }
                .into_any()
            }}
        </div>
    }
}

#[component]
fn Alone() -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="alone">
            <h2 id="alone">"Work with others"</h2>
            <p class="muted">"A team organization has members with roles, and a plan of its own. Yours stays as it is."</p>
            <div class="actions"><a class="button button-primary" href=at("/organizations/new")>"New organization"</a></div>
        </section>
    }
}

#[component]
fn Members(members: Vec<MemberLine>) -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="members">
            <h2 id="members">"Members"</h2>
            <ul class="people">{members.into_iter().map(member).collect_view()}</ul>
        </section>
    }
}

fn member(member: MemberLine) -> impl IntoView {
    let (name, field) = (member.name.clone(), format!("role-{}", member.user));
    let question = format!("/settings/team/members/{}", member.user);
    let label = format!("Role of {name}");
    let role = member.role;
    view! {
        <li class="person" data-testid="member">
            <div class="person-name">
                <strong>{member.name}</strong>
                {member.own.then(|| view! { <span class="badge badge-accent">"You"</span> })}
                {member.seat.clone().map(|seat| view! { <SeatBadge seat /> })}
            </div>
            <p class="muted small person-note">{format!("{} · since {}", member.email, member.since)}</p>
            <div class="person-end">
                {member.seat.map(|seat| view! { <SeatForm seat user=member.user.clone() name=name.clone() /> })}
                {if member.roles.len() > 1 {
                    view! {
                        <form class="field-row" method="post" action=at("/api/members/role")>
                            <input type="hidden" name="user" value=member.user />
                            <label class="visually-hidden" for=field.clone()>{label}</label>
                            <RoleSelect id=field roles=member.roles selected=role />
                            <button class="button" type="submit">"Save"<span class="visually-hidden">{format!(" the role of {name}")}</span></button>
                        </form>
                    }
                    .into_any()
                } else {
                    view! { <span class="badge">{role.name()}</span> }.into_any()
                }}
                {member.removable.then(|| {
                    let (words, whom) = if member.own { ("Leave", String::new()) } else { ("Remove", format!(" {}", name.clone())) };
                    view! { <a class="button button-quiet" href=at(question)>{words}<span class="visually-hidden">{whom}</span></a> }
                })}
            </div>
            {member.note.filter(|_| member.own).map(|note| view! { <p class="muted small person-wide">{note}</p> })}
        </li>
    }
}

#[component]
fn RoleSelect(id: String, roles: Vec<Role>, selected: Role) -> impl IntoView {
    let options = roles
        .into_iter()
        .map(|role| view! { <option value=role.as_str() selected=role == selected>{role.name()}</option> })
        .collect_view();
    view! { <select id=id name="role">{options}</select> }
}

#[component]
fn Invite(grants: Vec<Role>, sends_mail: bool) -> impl IntoView {
    let roles = grants
        .into_iter()
        .rev()
        .map(|role| {
            view! {
                <label class="choice">
                    <input type="radio" name="role" value=role.as_str() checked=role == Role::Member />
                    <span class="choice-name">{role.name()}</span>
                    <span class="muted small choice-note">{role.description()}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <section class="card" aria-labelledby="invite">
            <h2 id="invite">"Invite somebody"</h2>
            {(!sends_mail).then(|| view! {
                <Notice tone=Tone::Warning><p>"There is no mail server yet. Invitations wait until whoever runs this sets SMTP_URL."</p></Notice>
            })}
            <form class="stack" method="post" action=at("/api/invitations")>
                <div class="field">
                    <label for="email">"E-mail address"</label>
                    <input class="wide" id="email" name="email" type="email" required maxlength="254" autocomplete="off" aria-describedby="email-note" />
                    <p class="field-note" id="email-note">"They get a link that is good for seven days, and sign in with this address."</p>
                </div>
                <fieldset class="choices">
                    <legend>"As"</legend>
                    {roles}
                </fieldset>
                <div class="actions"><button class="button button-primary" type="submit">"Send invitation"</button></div>
            </form>
        </section>
    }
}

#[component]
fn Invitations(invitations: Vec<InvitationLine>) -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="invitations">
            <h2 id="invitations">"Invitations"</h2>
            {if invitations.is_empty() {
                view! { <p class="muted">"Nobody is invited right now."</p> }.into_any()
            } else {
                view! { <ul class="people">{invitations.into_iter().map(invitation).collect_view()}</ul> }.into_any()
            }}
        </section>
    }
}

fn invitation(line: InvitationLine) -> impl IntoView {
    let (to, whom) = (format!(" to {}", line.email), format!(" of {}", line.email));
    let badge = if line.expired { "badge badge-warning" } else { "badge" };
    view! {
        <li class="person" data-testid="invitation">
            <div class="person-name">
                <strong>{line.email}</strong>
                <span class=badge>{if line.expired { "Expired" } else { line.role.name() }}</span>
            </div>
            <p class="muted small person-note">{format!("{}. Invited by {}.", line.when, line.by)}</p>
            <div class="person-end">
                {if line.sendable {
                    view! {
                        <form method="post" action=at("/api/invitations/resend")>
                            <input type="hidden" name="invitation" value=line.id.clone() />
                            <button class="button" type="submit">"Send again"<span class="visually-hidden">{to}</span></button>
                        </form>
                    }
                    .into_any()
                } else {
                    view! { <span class="muted small">"Sent just now"</span> }.into_any()
                }}
                <form method="post" action=at("/api/invitations/revoke")>
                    <input type="hidden" name="invitation" value=line.id />
                    <button class="button button-quiet" type="submit">"Revoke"<span class="visually-hidden">{format!(" the invitation{whom}")}</span></button>
                </form>
            </div>
        </li>
    }
}

#[component]
fn Rename(name: String) -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="rename">
            <h2 id="rename">"Name"</h2>
            <form class="field" method="post" action=at("/api/organizations/rename")>
                <label for="name">"What the organization is called"</label>
                <div class="field-row">
                    <input class="wide" id="name" name="name" type="text" required maxlength="80" autocomplete="organization" value=name />
                    <button class="button" type="submit">"Rename"</button>
                </div>
            </form>
        </section>
    }
}

#[component]
fn Transfer(members: Vec<MemberLine>) -> impl IntoView {
    let others: Vec<_> = members.into_iter().filter(|member| !member.own).collect();
    let nobody = others.is_empty();
    let options = others
        .into_iter()
        .map(|member| view! { <option value=member.user>{format!("{} ({})", member.name, member.email)}</option> })
        .collect_view();
    view! {
        <section class="card" aria-labelledby="transfer">
            <h2 id="transfer">"Ownership"</h2>
            {if nobody {
                view! { <p class="muted">"Once there is another member, you can make them the owner."</p> }.into_any()
            } else {
                view! {
                    <form class="field" method="post" action=at("/api/members/transfer")>
                        <label for="owner">"The new owner"</label>
                        <div class="field-row">
                            <select id="owner" name="user" aria-describedby="owner-note">{options}</select>
                            <button class="button" type="submit">"Transfer ownership"</button>
                        </div>
                        <p class="field-note" id="owner-note">"You stay as an admin. Only the new owner can give it back."</p>
                    </form>
                }
                .into_any()
            }}
        </section>
    }
}

#[component]
fn Delete(name: String, subscribed: Option<String>) -> impl IntoView {
    let plan = subscribed.map(|plan| format!(" {plan} ends at once, and what is paid is not given back."));
    view! {
        <section class="card" aria-labelledby="delete">
            <h2 id="delete">"Delete the organization"</h2>
            <p>"Everybody loses it, and its API keys are refused."{plan}" This cannot be undone."</p>
            <form class="field" method="post" action=at("/api/organizations/delete")>
                <label for="confirm">"Type "<strong>{name.clone()}</strong>" to confirm"</label>
                <div class="field-row">
                    <input class="wide" id="confirm" name="confirm" type="text" required autocomplete="off" spellcheck="false" />
                    <button class="button button-danger" type="submit">"Delete"<span class="visually-hidden">{format!(" {name}")}</span></button>
                </div>
            </form>
        </section>
    }
}
