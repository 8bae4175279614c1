//! Team organizations: three people, what each may do, and that nothing is done for another organization than the one
//! that the address names.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Browser, Waiting, World, location, text_of};
use crate::mail::mailbox;

/// The link in the newest mail to somebody, once there are so many with one.
pub async fn link_to(world: &World, email: &str, count: usize) -> String {
    let waiting = Waiting::begin();
    loop {
        let mails = mailbox(world).await;
        let links: Vec<String> = mails
            .iter()
            .filter(|mail| mail["to"] == json!([email]))
            .filter_map(|mail| mail["text"].as_str()?.split_once("/invitations/").map(|(_, rest)| rest.to_owned()))
            .map(|rest| format!("/invitations/{}", rest.split_whitespace().next().unwrap()))
            .collect();
        if links.len() >= count {
            return links[0].clone();
        }
        waiting.turn().await;
    }
}

/// A team organization of somebody's, by its id.
pub async fn team(owner: &Browser, name: &str) -> String {
    let made = owner.post_json("/api/organizations", &json!({ "name": name })).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    made.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

pub fn of(team: &str, path: &str) -> String {
    format!("{path}?organization={team}")
}

/// Invites somebody, who accepts.
pub async fn join(world: &World, owner: &Browser, team: &str, user: &str, role: &str) -> Browser {
    let email = format!("{user}@example.com");
    let invited = owner.post(&of(team, "/api/invitations"), &[("email", &email), ("role", role)]).await;
    assert_eq!(invited.status(), StatusCode::SEE_OTHER);
    let link = link_to(world, &email, 1).await;
    let guest = world.signed_in(user).await;
    let token = link.rsplit('/').next().unwrap();
    let joined = guest.post("/api/invitations/accept", &[("token", token)]).await;
    assert_eq!(location(&joined), of(team, "/dashboard"));
    guest
}

pub async fn user_id(world: &World, user: &str) -> String {
    let query = sqlx::query_scalar("SELECT id FROM users WHERE email = $1").bind(format!("{user}@example.com"));
    query.fetch_one(&world.database().await).await.unwrap()
}

async fn role_in(world: &World, team: &str, user: &str) -> Option<String> {
    let query = sqlx::query_scalar("SELECT role FROM memberships WHERE organization_id = $1 AND user_id = $2");
    query.bind(team.to_owned()).bind(user_id(world, user).await).fetch_optional(&world.database().await).await.unwrap()
}

#[tokio::test]
async fn a_member_joins_is_given_a_role_and_is_removed() {
    let world = World::start().await;
    let ada = world.signed_in("ada").await;
    let team = team(&ada, "Analytical Engines").await;
    let (status, page) = ada.read(&of(&team, "/settings/team")).await;
    assert!(status.is_success() && page.contains("Invite somebody"), "{page}");
    ada.post(&of(&team, "/api/invitations"), &[("email", " Grace@Example.com "), ("role", "member")]).await;
    let link = link_to(&world, "grace@example.com", 1).await;

    let stranger = world.browser();
    let shown = text_of(&stranger.read(&link).await.1);
    assert!(shown.contains("Ada Lovelace invites you to Analytical Engines") && shown.contains("Sign in to accept"));
    let grace = world.browser();
    assert_eq!(grace.sign_in("grace", &link).await, format!("{}{link}", world.url));
    assert!(text_of(&grace.read(&link).await.1).contains("Join Analytical Engines"));
    let token = link.rsplit('/').next().unwrap();
    assert_eq!(location(&grace.post("/api/invitations/accept", &[("token", token)]).await), of(&team, "/dashboard"));

    let page = text_of(&grace.read(&of(&team, "/settings/team")).await.1);
    assert!(page.contains("Ada Lovelace") && !page.contains("Invite somebody"), "{page}");
    assert_eq!(grace.get(&of(&team, "/settings/api-keys")).await.status(), StatusCode::FORBIDDEN);
    let id = user_id(&world, "grace").await;
    let changed = ada.post(&of(&team, "/api/members/role"), &[("user", &id), ("role", "admin")]).await;
    assert_eq!(location(&changed), format!("/settings/team?done=role&organization={team}"));
    assert!(text_of(&grace.read(&of(&team, "/settings/team")).await.1).contains("Invite somebody"), "at once");

    assert!(text_of(&ada.read(&of(&team, &format!("/settings/team/members/{id}"))).await.1).contains("Remove Grace"));
    ada.post(&of(&team, "/api/members/remove"), &[("user", &id)]).await;
    for path in ["/dashboard", "/settings/team", "/settings/billing"] {
        let (status, page) = grace.read(&of(&team, path)).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(page.contains("not a member of this organization") && !page.contains("Analytical"), "{page}");
    }
    assert_eq!(grace.get("/dashboard").await.status(), StatusCode::OK, "her own is hers");
    let again = grace.post("/api/invitations/accept", &[("token", token)]).await;
    assert_eq!(again.status(), StatusCode::CONFLICT, "the link counts once");

    let actions: Vec<String> =
        sqlx::query_scalar("SELECT action FROM audit_entries WHERE organization_id = $1 ORDER BY id")
            .bind(team)
            .fetch_all(&world.database().await)
            .await
            .unwrap();
    assert_eq!(actions, ["organization_made", "member_invited", "member_joined", "role_changed", "member_removed"]);
}

#[tokio::test]
async fn an_invitation_is_for_one_address_once_and_in_time() {
    let world = World::start().await;
    let ada = world.signed_in("ada").await;
    let team = team(&ada, "Engines").await;
    let invite = async |email: &str, role: &str| {
        let answer = ada.post(&of(&team, "/api/invitations"), &[("email", email), ("role", role)]).await;
        (answer.status(), text_of(&answer.text().await.unwrap()))
    };
    for (email, role, code, words) in [
        ("nonsense", "member", 400, "Write an address"),
        ("grace@example.com", "emperor", 400, "`role` is"),
        ("ada@example.com", "member", 409, "is a member already"),
    ] {
        let (status, page) = invite(email, role).await;
        assert!(status.as_u16() == code && page.contains(words), "{email} {role}: {status} {page}");
    }
    assert_eq!(invite("grace@example.com", "billing").await.0, StatusCode::SEE_OTHER);
    let (status, page) = invite("grace@example.com", "billing").await;
    assert!(status == StatusCode::CONFLICT && page.contains("has been invited"), "{page}");

    let first = link_to(&world, "grace@example.com", 1).await;
    let alan = world.signed_in("alan").await;
    let page = text_of(&alan.read(&first).await.1);
    assert!(page.contains("for another address") && page.contains("Sign out") && page.contains("alan@example.com"));
    let accept = async |browser: &Browser, link: &str| {
        let token = link.rsplit('/').next().unwrap().to_owned();
        let answer = browser.post("/api/invitations/accept", &[("token", &token)]).await;
        (answer.status(), text_of(&answer.text().await.unwrap()))
    };
    let (status, page) = accept(&alan, &first).await;
    assert!(status == StatusCode::CONFLICT && page.contains("for another address"), "{page}");
    let (status, _) = accept(&world.browser(), &first).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    // Sent again, the earlier link is worth nothing; and not twice in a moment.
    let id: String = sqlx::query_scalar("SELECT id FROM invitations WHERE organization_id = $1")
        .bind(team.clone())
        .fetch_one(&world.database().await)
        .await
        .unwrap();
    let resend = async || ada.post(&of(&team, "/api/invitations/resend"), &[("invitation", &id)]).await.status();
    assert_eq!(resend().await, StatusCode::TOO_MANY_REQUESTS);
    world.control("/sandbox/clock", json!({"days": 8})).await;
    let grace = world.signed_in("grace").await;
    let (status, page) = accept(&grace, &first).await;
    assert!(status == StatusCode::CONFLICT && page.contains("has expired"), "{page}");
    assert!(text_of(&ada.read(&of(&team, "/settings/team")).await.1).contains("Expired"));
    assert_eq!(resend().await, StatusCode::SEE_OTHER);
    let second = link_to(&world, "grace@example.com", 2).await;
    assert_ne!(first, second);
    assert_eq!(accept(&grace, &first).await.0, StatusCode::NOT_FOUND);
    assert_eq!(grace.get(&first).await.status(), StatusCode::NOT_FOUND);

    ada.post(&of(&team, "/api/invitations/revoke"), &[("invitation", &id)]).await;
    let (status, page) = accept(&grace, &second).await;
    assert!(status == StatusCode::CONFLICT && page.contains("taken back"), "{page}");
    invite("grace@example.com", "member").await;
    let third = link_to(&world, "grace@example.com", 3).await;
    // The provider has to vouch for the address.
    let vouch = async |verified: i64| {
        sqlx::query("UPDATE users SET email_verified = $1")
            .bind(verified)
            .execute(&world.database().await)
            .await
            .unwrap();
    };
    vouch(0).await;
    let (status, page) = accept(&grace, &third).await;
    assert!(status == StatusCode::CONFLICT && page.contains("has not verified"), "{page}");
    vouch(1).await;
    assert_eq!(accept(&grace, &third).await.0, StatusCode::SEE_OTHER);
    let (status, page) = accept(&grace, &third).await;
    assert!(status == StatusCode::CONFLICT && page.contains("member of this organization already"), "{page}");
    assert!(text_of(&grace.read(&third).await.1).contains("Go to Engines"));
    let hashes: Vec<String> =
        sqlx::query_scalar("SELECT token_hash FROM invitations").fetch_all(&world.database().await).await.unwrap();
    assert!(hashes.iter().all(|hash| !third.contains(hash.as_str())), "only the mail has the link");
}

#[tokio::test]
async fn two_tabs_in_two_organizations_do_not_mix() {
    let world = World::start().await;
    let ada = world.signed_in("ada").await;
    // Opened while there was one organization: its forms name none.
    let old = ada.read("/settings/usage").await.1;
    assert!(old.contains("action=\"/api/time-zone\""));
    let own = crate::api::id_of(&ada).await;
    let (first, second) = (team(&ada, "First").await, team(&ada, "Second").await);
    let zone = async |id: &str| -> Option<String> {
        let query = sqlx::query_scalar("SELECT time_zone FROM organizations WHERE id = $1").bind(id.to_owned());
        query.fetch_one(&world.database().await).await.unwrap()
    };
    for (id, name) in [(&first, "First"), (&second, "Second")] {
        let (_, page) = ada.read(&of(id, "/settings/usage")).await;
        assert!(page.contains(&format!("action=\"/api/time-zone?organization={id}\"")), "{page}");
        assert!(page.contains(&format!("href=\"/settings/billing?organization={id}\"")), "{page}");
        assert!(page.contains(&format!("class=\"user-menu-name\">{name}<")), "{page}");
    }
    // Both are open; the second was opened last.
    ada.post(&of(&first, "/api/time-zone"), &[("zone", "Europe/Paris")]).await;
    let saved = ada.post(&of(&second, "/api/time-zone"), &[("zone", "Asia/Tokyo")]).await;
    assert_eq!(location(&saved), of(&second, "/settings/usage"));
    ada.post("/api/time-zone", &[("zone", "Africa/Cairo")]).await;
    assert_eq!(zone(&first).await.as_deref(), Some("Europe/Paris"));
    assert_eq!(zone(&second).await.as_deref(), Some("Asia/Tokyo"));
    assert_eq!(zone(&own).await.as_deref(), Some("Africa/Cairo"), "the old tab is about the only one there was");
    // A page without a name is about the one that was opened last, and says so.
    assert!(ada.read("/dashboard").await.1.contains("user-menu-name\">Second<"));
    // The way to Stripe and back belongs to the tab.
    let page = location(&ada.post(&of(&first, "/api/checkout"), &[("plan", "pro")]).await);
    ada.get(&of(&second, "/dashboard")).await;
    let back = ada.pay(&page).await;
    assert!(back.contains(&first), "{back}");
    assert!(ada.get(&back).await.status().is_success());
    world.settled().await;
    let tiers: Vec<(String, String)> = ada.organizations().await;
    assert_eq!(tiers.iter().filter(|(_, tier)| tier == "pro").map(|(id, _)| id).collect::<Vec<_>>(), [&first]);
    // What is not hers is nobody's.
    let grace = world.signed_in("grace").await;
    for id in [first.as_str(), "org_nothing", ""] {
        let answers = [grace.get(&of(id, "/dashboard")).await, grace.post(&of(id, "/api/time-zone"), &[]).await];
        for answer in answers {
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{id}");
        }
    }
}

#[tokio::test]
async fn two_owners_who_demote_each_other_at_once_leave_one() {
    let world = World::start().await;
    let ada = world.signed_in("ada").await;
    let team = team(&ada, "Engines").await;
    let grace = join(&world, &ada, &team, "grace", "owner").await;
    let (hers, his) = (user_id(&world, "ada").await, user_id(&world, "grace").await);
    for _ in 0..5 {
        let path = of(&team, "/api/members/role");
        let (first, second) =
            ([("user", his.as_str()), ("role", "admin")], [("user", hers.as_str()), ("role", "admin")]);
        let (one, two) = tokio::join!(ada.post(&path, &first), grace.post(&path, &second));
        let mut statuses = [one.status().as_u16(), two.status().as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 403]);
        let roles = [role_in(&world, &team, "ada").await, role_in(&world, &team, "grace").await];
        assert_eq!(roles.iter().filter(|role| role.as_deref() == Some("owner")).count(), 1, "{roles:?}");
        // Whoever is left makes the other an owner again.
        let (owner, other) = if roles[0].as_deref() == Some("owner") { (&ada, &his) } else { (&grace, &hers) };
        owner.post(&path, &[("user", other), ("role", "owner")]).await;
    }
}

#[tokio::test]
async fn the_last_owner_stays_and_ownership_is_handed_over() {
    let world = World::start().await;
    let ada = world.signed_in("ada").await;
    let team = team(&ada, "Engines").await;
    let grace = join(&world, &ada, &team, "grace", "admin").await;
    let (hers, his) = (user_id(&world, "ada").await, user_id(&world, "grace").await);
    let post = async |browser: &Browser, path: &str, fields: &[(&str, &str)]| {
        let answer = browser.post(&of(&team, path), fields).await;
        (answer.status().as_u16(), text_of(&answer.text().await.unwrap()))
    };
    let (status, page) = post(&ada, "/api/members/remove", &[("user", &hers)]).await;
    assert!(status == 409 && page.contains("needs an owner"), "{page}");
    assert_eq!(post(&ada, "/api/members/role", &[("user", &hers), ("role", "member")]).await.0, 409);
    for (path, fields) in [
        ("/api/members/role", vec![("user", hers.as_str()), ("role", "member")]),
        ("/api/members/role", vec![("user", his.as_str()), ("role", "owner")]),
        ("/api/members/remove", vec![("user", hers.as_str())]),
        ("/api/members/transfer", vec![("user", his.as_str())]),
        ("/api/invitations", vec![("email", "alan@example.com"), ("role", "owner")]),
        ("/api/organizations/delete", vec![("confirm", "Engines")]),
    ] {
        assert_eq!(post(&grace, path, &fields).await.0, 403, "an admin, {path} {fields:?}");
    }
    assert_eq!(post(&ada, "/api/members/transfer", &[("user", &his)]).await.0, 303);
    assert_eq!(role_in(&world, &team, "ada").await.as_deref(), Some("admin"));
    assert_eq!(role_in(&world, &team, "grace").await.as_deref(), Some("owner"));
    assert_eq!(post(&ada, "/api/organizations/rename", &[("name", "Looms")]).await.0, 303);
    let left = ada.post(&of(&team, "/api/members/remove"), &[("user", &hers)]).await;
    assert_eq!(location(&left), "/dashboard");
    assert_eq!(role_in(&world, &team, "ada").await, None);
    // One's own organization stays as it is.
    let own = crate::api::id_of(&ada).await;
    for (path, fields) in [
        ("/api/members/remove", vec![("user", hers.as_str())]),
        ("/api/invitations", vec![("email", "alan@example.com"), ("role", "member")]),
        ("/api/organizations/rename", vec![("name", "Mine")]),
        ("/api/organizations/delete", vec![("confirm", "Ada Lovelace")]),
    ] {
        assert_eq!(ada.post(&of(&own, path), &fields).await.status(), StatusCode::CONFLICT, "{path}");
    }
}

#[tokio::test]
async fn an_organization_that_is_deleted_is_charged_no_more() {
    let world = World::start().await;
    let ada = world.signed_in("ada").await;
    let team = team(&ada, "Engines").await;
    let grace = join(&world, &ada, &team, "grace", "member").await;
    let page = location(&ada.post(&of(&team, "/api/checkout"), &[("plan", "pro")]).await);
    let back = ada.pay(&page).await;
    ada.get(&back).await;
    world.settled().await;
    let made = ada.post_json(&of(&team, "/api/keys"), &json!({"name": "worker", "access": "write"})).await;
    let key = made.json::<Value>().await.unwrap()["key"].as_str().unwrap().to_owned();
    let check = async || {
        let url = format!("{}/api/v1/check", world.url);
        let request = Client::new().post(url).bearer_auth(&key).json(&json!({"meter": "build-hours"}));
        request.send().await.unwrap().status()
    };
    assert_eq!(check().await, StatusCode::OK);
    let delete = async |typed: &str| ada.post(&of(&team, "/api/organizations/delete"), &[("confirm", typed)]).await;
    assert_eq!(delete("engines!").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(check().await, StatusCode::OK);
    assert_eq!(location(&delete("Engines").await), "/dashboard");
    let subscriptions = world.stripe("/v1/subscriptions?status=all").await;
    assert_eq!(subscriptions["data"][0]["status"], json!("canceled"));
    assert_eq!(check().await, StatusCode::UNAUTHORIZED);
    for browser in [&ada, &grace] {
        assert_eq!(browser.get(&of(&team, "/dashboard")).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(browser.get("/dashboard").await.status(), StatusCode::OK);
    }
    world.settled().await;
    let kept: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM audit_entries WHERE organization_id = $1 AND action IN ('ended_now', 'organization_deleted')",
    )
    .bind(team)
    .fetch_one(&world.database().await)
    .await
    .unwrap();
    assert_eq!(kept, 2);
}

/// What Stripe calls an organization.
async fn customer_name(world: &World, organization: &str) -> Value {
    let query = sqlx::query_scalar("SELECT stripe_customer_id FROM organizations WHERE id = $1").bind(organization);
    let customer: String = query.fetch_one(&world.database().await).await.unwrap();
    world.stripe(&format!("/v1/customers/{customer}")).await["name"].clone()
}

#[tokio::test]
async fn stripe_learns_of_another_name_at_once_or_later() {
    let world = World::start().await;
    let ada = world.signed_in("ada").await;
    let team = team(&ada, "Engines").await;
    let rename = async |name: &str| {
        let renamed = ada.post(&of(&team, "/api/organizations/rename"), &[("name", name)]).await;
        assert_eq!(renamed.status(), StatusCode::SEE_OTHER);
    };
    rename("Looms").await;
    ada.post(&of(&team, "/api/billing/portal"), &[]).await;
    assert_eq!(customer_name(&world, &team).await, json!("Looms"));
    rename("Mills").await;
    assert_eq!(customer_name(&world, &team).await, json!("Mills"));
    let away = json!({"path_prefix": "/v1/customers", "status": 500, "times": 1000});
    world.control("/sandbox/faults", json!({"next": [away]})).await;
    rename("Weavers").await;
    world.control("/sandbox/faults", json!({"next": []})).await;
    assert_eq!(customer_name(&world, &team).await, json!("Mills"));
    assert_eq!(world.reconcile(false).await.drifts, 1);
    assert_eq!(world.reconcile(true).await.repaired, 1);
    assert_eq!(customer_name(&world, &team).await, json!("Weavers"));
    assert_eq!(world.reconcile(true).await.drifts, 0);
}

/// The status of the session that a page of Stripe's is of.
async fn session_status(world: &World, page: &str) -> Value {
    let session = page.split('/').find(|part| part.starts_with("cs_")).unwrap().split(['?', '#']).next().unwrap();
    world.stripe(&format!("/v1/checkout/sessions/{session}")).await["status"].clone()
}

#[tokio::test]
async fn what_is_deleted_takes_its_open_checkouts_along() {
    let world = World::start().await;
    let ada = world.signed_in("ada").await;
    let team = team(&ada, "Engines").await;
    let plan = location(&ada.post(&of(&team, "/api/checkout"), &[("plan", "pro")]).await);
    let pack = location(&ada.post(&of(&team, "/api/packs/checkout"), &[("pack", "build-hours")]).await);
    let own = ada.check_out(&[("plan", "pro")]).await;
    ada.post(&of(&team, "/api/organizations/delete"), &[("confirm", "Engines")]).await;
    for (page, status) in [(&plan, "expired"), (&pack, "expired"), (&own, "open")] {
        assert_eq!(session_status(&world, page).await, json!(status), "{page}");
    }
    ada.post("/api/account/delete", &[("confirm", "ada@example.com")]).await;
    assert_eq!(session_status(&world, &own).await, json!("expired"));
}

#[tokio::test]
async fn what_is_paid_for_a_deleted_organization_ends_and_brings_nothing_back() {
    let world = World::start().await;
    let ada = world.signed_in("ada").await;
    let team = team(&ada, "Engines").await;
    let page = location(&ada.post(&of(&team, "/api/checkout"), &[("plan", "pro")]).await);
    // Somebody has it open, and it cannot be closed in time.
    sqlx::query("UPDATE checkouts SET session_id = NULL").execute(&world.database().await).await.unwrap();
    ada.post(&of(&team, "/api/organizations/delete"), &[("confirm", "Engines")]).await;
    ada.pay(&page).await;
    world.settled().await;
    let ended = async || world.stripe("/v1/subscriptions?status=all").await["data"][0]["status"].clone();
    assert_eq!(ended().await, json!("canceled"));
    let done = async || {
        let done: Vec<String> =
            sqlx::query_scalar("SELECT action FROM audit_entries WHERE organization_id = $1 ORDER BY id")
                .bind(&team)
                .fetch_all(&world.database().await)
                .await
                .unwrap();
        done
    };
    assert!(done().await.contains(&"ended_now".to_owned()), "{:?}", done().await);
    assert_eq!(ada.get(&of(&team, "/dashboard")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(ada.organizations().await.len(), 1);
    assert_eq!(world.reconcile(true).await.drifts, 0);
}

#[tokio::test]
async fn the_comparison_ends_what_runs_for_a_deleted_organization() {
    let world = World::start().await;
    let ada = world.signed_in("ada").await;
    let page = ada.check_out(&[("plan", "pro")]).await;
    ada.get(&ada.pay(&page).await).await;
    world.settled().await;
    sqlx::query("UPDATE organizations SET deleted_at = 1").execute(&world.database().await).await.unwrap();
    assert_eq!(world.reconcile(false).await.drifts, 1);
    assert_eq!(world.reconcile(true).await.repaired, 1);
    world.settled().await;
    assert_eq!(world.stripe("/v1/subscriptions?status=all").await["data"][0]["status"], json!("canceled"));
    assert_eq!(world.reconcile(true).await.drifts, 0);
}

#[tokio::test]
async fn the_form_that_makes_an_organization_makes_one() {
    let world = World::start().await;
    let ada = world.signed_in("ada").await;
    let fields = [("name", "Engines"), ("token", "of-the-form")];
    let (one, two) = tokio::join!(ada.post("/api/organizations", &fields), ada.post("/api/organizations", &fields));
    assert_eq!(location(&one), location(&two));
    assert_eq!(ada.organizations().await.len(), 2);
    for name in ["", "  ", "a\u{7}b", &"x".repeat(81)] {
        let refused = ada.post("/api/organizations", &[("name", name)]).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{name:?}");
        assert!(text_of(&refused.text().await.unwrap()).contains("1 to 80 characters"));
    }
}

#[tokio::test]
async fn a_session_is_ended_from_another_one() {
    let world = World::start().await;
    let (here, there, third) =
        (world.signed_in("ada").await, world.signed_in("ada").await, world.signed_in("ada").await);
    let grace = world.signed_in("grace").await;
    let page = here.read("/settings/account").await.1;
    assert_eq!(page.matches("data-testid=\"session\"").count(), 3);
    let name = page.split("name=\"session\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let foreign = grace.post("/api/sessions/end", &[("session", &name)]).await;
    assert_eq!(foreign.status(), StatusCode::NOT_FOUND, "a session is its person's");
    here.post("/api/sessions/end", &[("session", &name)]).await;
    let signed_in = async |browser: &Browser| browser.get("/settings/billing").await.status() == StatusCode::OK;
    assert_eq!([signed_in(&there).await, signed_in(&third).await].iter().filter(|it| **it).count(), 1);
    here.post("/api/sessions/end", &[]).await;
    assert!(signed_in(&here).await && !signed_in(&there).await && !signed_in(&third).await);
    assert!(signed_in(&grace).await);
}

#[tokio::test]
async fn an_account_is_taken_along_and_deleted() {
    let world = World::start().await;
    let ada = world.signed_in("ada").await;
    let team = team(&ada, "Engines").await;
    ada.post(&of(&team, "/playground"), &[("action", "use"), ("meter", "build-hours"), ("amount", "2")]).await;
    let grace = world.signed_in("grace").await;
    for (browser, name) in [(&ada, "Ada"), (&grace, "Grace")] {
        let asked = [("name", name), ("email", "x@y.example"), ("company", "C"), ("message", "More?")];
        browser.post("/api/contact-sales", &asked).await;
    }
    let export = ada.get("/settings/account/export.json").await.json::<Value>().await.unwrap();
    assert_eq!(export["person"]["email"], json!("ada@example.com"));
    assert_eq!(export["organizations"][1]["done"][0]["action"], json!("organization_made"));
    assert_eq!(export["organizations"][0]["used"], json!([]));
    let used = &export["organizations"][1]["used"];
    assert_eq!((&used[0]["meter"], &used[0]["amount"]), (&json!("build-hours"), &json!(2)), "{export}");
    assert_eq!(export["salesRequests"].as_array().unwrap().len(), 1, "{export}");
    assert_eq!(export["salesRequests"][0]["message"], json!("More?"));
    assert_eq!(export["salesRequests"][0]["name"], json!("Ada"));
    let page = ada.check_out(&[("plan", "pro")]).await;
    ada.get(&ada.pay(&page).await).await;
    world.settled().await;
    let delete = async |typed: &str| {
        let answer = ada.post("/api/account/delete", &[("confirm", typed)]).await;
        (answer.status().as_u16(), text_of(&answer.text().await.unwrap()))
    };
    assert_eq!(delete("yes").await.0, 400);
    let (status, page) = delete("ada@example.com").await;
    assert!(status == 409 && page.contains("subscription"), "{page}");
    ada.send_json("/api/subscription/downgrade-to-free", &json!({})).await;
    world.settled().await;
    let (status, page) = delete("ada@example.com").await;
    assert!(status == 409 && page.contains("only owner of Engines"), "{page}");
    let grace = join(&world, &ada, &team, "grace", "owner").await;
    assert_eq!(delete("ada@example.com").await.0, 303);
    assert_eq!(ada.get("/dashboard").await.status(), StatusCode::SEE_OTHER, "signed out");
    let known: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM users WHERE email = 'ada@example.com' OR name LIKE 'Ada%'")
            .fetch_one(&world.database().await)
            .await
            .unwrap();
    assert_eq!(known, 0);
    assert!(!grace.read(&of(&team, "/settings/team")).await.1.contains("Ada"));
    // Who signs in again is somebody new.
    let again = world.signed_in("ada").await;
    assert_eq!(again.organizations().await.len(), 1);
}
