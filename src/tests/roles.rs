//! Who may do what in an organization, at every door: each route and server function that changes or shows something is
//! tried by each role and by a stranger. What must come of it is asked of the one table in `domain/role.rs`.

use std::collections::BTreeSet;

use domain::role::{Permission, Role};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Map, Value, json};

use crate::harness::{Browser, World, text_of};
use crate::tenants::{FUNCTIONS, ROUTES, Victim, request, with_calls};

/// What each takes. `None`: whoever is in the organization, or it is about the person and no organization.
const NEEDS: &[(&str, Option<Permission>)] = &[
    ("/auth/logout", None),
    ("/theme", None),
    ("/api/organizations", None),
    ("/api/organizations/rename", Some(Permission::Rename)),
    ("/api/organizations/delete", Some(Permission::Delete)),
    ("/api/members/role", Some(Permission::ManageMembers)),
    ("/api/members/remove", Some(Permission::ManageMembers)),
    ("/api/members/seat", Some(Permission::ManageMembers)),
    ("/api/members/transfer", Some(Permission::TransferOwnership)),
    ("/api/invitations", Some(Permission::ManageMembers)),
    ("/api/invitations/resend", Some(Permission::ManageMembers)),
    ("/api/invitations/revoke", Some(Permission::ManageMembers)),
    ("/api/invitations/accept", None),
    ("/api/sessions/end", None),
    ("/api/account/delete", None),
    ("/api/checkout", Some(Permission::ManageBilling)),
    ("/api/create-checkout-session", Some(Permission::ManageBilling)),
    ("/billing/create-checkout-session", Some(Permission::ManageBilling)),
    ("/api/packs/checkout", Some(Permission::ManageBilling)),
    ("/api/billing/portal", Some(Permission::ManageBilling)),
    ("/billing/create-portal-session", Some(Permission::ManageBilling)),
    ("/api/subscription/cancel", Some(Permission::ManageBilling)),
    ("/api/subscription/reactivate", Some(Permission::ManageBilling)),
    ("/api/subscription/preview", Some(Permission::ManageBilling)),
    ("/api/subscription/change", Some(Permission::ManageBilling)),
    ("/api/subscription/keep", Some(Permission::ManageBilling)),
    ("/api/subscription/downgrade-to-free", Some(Permission::ManageBilling)),
    ("/api/keys", Some(Permission::ManageKeys)),
    ("/api/keys/revoke", Some(Permission::ManageKeys)),
    ("/playground", None),
    ("/api/top-ups", Some(Permission::ManageBilling)),
    ("/api/contact-sales", None),
    ("/api/time-zone", Some(Permission::ManageBilling)),
    ("/pages/{*function}", None),
    ("/api/{*rest}", None),
    ("/pages/account", None),
    ("/pages/api-key", Some(Permission::ManageKeys)),
    ("/pages/api-keys", Some(Permission::ManageKeys)),
    ("/pages/audit", Some(Permission::ReadAudit)),
    ("/pages/billing", None),
    ("/pages/cancel", Some(Permission::ManageBilling)),
    ("/pages/change", Some(Permission::ManageBilling)),
    ("/pages/checkout", Some(Permission::ManageBilling)),
    ("/pages/dashboard", None),
    ("/pages/feature", None),
    // An invitation is shown to whoever has its link.
    ("/pages/invitation", None),
    ("/pages/member", Some(Permission::ManageMembers)),
    ("/pages/playground", None),
    ("/pages/team", None),
    ("/pages/usage", None),
];

/// What a route is asked to do, so that whoever may do it comes as far as the last check and changes little.
fn harmless(fields: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    let instead = |name: &str| match name {
        "confirm" => Some("not its name"),
        "user" => Some("usr_nobody"),
        _ => None,
    };
    fields.into_iter().map(|(name, value)| (name, instead(name).map_or(value, str::to_owned))).collect()
}

/// A form and JSON; a page's own function reads forms only.
fn asked(browser: &Browser, world: &World, address: &str, fields: &[(&'static str, String)]) -> Vec<RequestBuilder> {
    let body: Map<String, Value> = fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let form = request(browser, world, Method::POST, address).form(fields);
    if address.starts_with("/pages/") {
        return vec![form];
    }
    let json = request(browser, world, Method::POST, address).json(&body);
    vec![form.header("accept", "text/html"), json]
}

/// A team with somebody in every role, and who they are.
async fn roles(world: &World, victim: &Victim) -> Vec<(Role, &'static str)> {
    let people = [
        (Role::Owner, "ada@example.com"),
        (Role::Admin, "admin@example.com"),
        (Role::Billing, "billing@example.com"),
        (Role::Member, "member@example.com"),
    ];
    assert_eq!(people.map(|(role, _)| role), Role::ALL);
    let pool = world.database().await;
    let team = "UPDATE organizations SET kind = 'team' WHERE id = $1";
    sqlx::query(team).bind(&victim.organization).execute(&pool).await.unwrap();
    for (role, email) in people.into_iter().skip(1) {
        world.signed_in(email).await;
        sqlx::query(
            "INSERT INTO memberships (organization_id, user_id, role, created_at)
             SELECT $1, id, $2, 0 FROM users WHERE email = $3",
        )
        .bind(&victim.organization)
        .bind(role.as_str())
        .bind(email)
        .execute(&pool)
        .await
        .unwrap();
    }
    people.into()
}

/// The addresses of all, as the router and the server functions have them.
fn doors() -> BTreeSet<&'static str> {
    let posts = ROUTES.iter().filter(|(method, _, _)| *method == "POST").map(|(_, path, _)| *path);
    posts.chain(FUNCTIONS.iter().map(|(path, _)| *path)).collect()
}

#[test]
fn every_door_says_what_it_takes() {
    // `tenants.rs` compares its tables with the router and the server functions.
    assert_eq!(doors(), NEEDS.iter().map(|(path, _)| *path).collect(), "a line in NEEDS for each route and function");
    assert_eq!(doors().len(), NEEDS.len(), "once");
}

#[tokio::test]
async fn every_role_may_do_what_the_table_says_and_a_stranger_nothing() {
    let world = World::start().await;
    let victim = Victim::new(&world).await;
    let people = roles(&world, &victim).await;
    let stranger = world.signed_in("stranger@example.com").await;
    let mut browsers = Vec::new();
    for (role, email) in &people {
        browsers.push((*role, *email, world.signed_in(email).await));
    }
    let address = |path: &str| {
        let path = path.replace("{*function}", "none").replace("{*rest}", "none");
        format!("{path}?organization={}", victim.organization)
    };
    let before = victim.rows(&world).await;
    let refused = async |what: String, request: RequestBuilder, status: StatusCode, why: &str| {
        let (response, calls) = with_calls(&world, request).await;
        let (answered, text) = (response.status(), text_of(&response.text().await.unwrap()));
        assert_eq!(answered, status, "{what}: {text}");
        assert!(text.contains(why), "{what}: {text}");
        assert_eq!(calls, json!([]), "{what}: Stripe was asked");
        assert_eq!(victim.rows(&world).await, before, "{what} changed something");
    };
    for (path, needs) in NEEDS {
        for request in asked(&stranger, &world, &address(path), &victim.fields(path)) {
            refused(format!("{path} by a stranger"), request, StatusCode::NOT_FOUND, "You are not a member").await;
        }
        let Some(permission) = needs else { continue };
        for (role, _, browser) in browsers.iter().filter(|(role, _, _)| !role.may(*permission)) {
            for request in asked(browser, &world, &address(path), &victim.fields(path)) {
                let what = format!("{path} by {}", role.as_str());
                refused(what, request, StatusCode::FORBIDDEN, permission.refusal()).await;
            }
        }
    }
    // Nobody who may is refused.
    for (path, needs) in NEEDS {
        for (role, email, browser) in &browsers {
            if needs.is_some_and(|permission| !role.may(permission)) {
                continue;
            }
            let browser = if *path == "/auth/logout" { &world.signed_in(email).await } else { browser };
            for request in asked(browser, &world, &address(path), &harmless(victim.fields(path))) {
                let response = request.send().await.unwrap();
                let (status, text) = (response.status(), text_of(&response.text().await.unwrap()));
                let what = format!("{path} by {}: {status} {text}", role.as_str());
                assert!(!status.is_server_error() && status != StatusCode::FORBIDDEN, "{what}");
                assert!(!text.contains("You are not a member"), "{what}");
            }
        }
    }
}
