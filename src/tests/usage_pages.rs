//! What the pages about usage show and refuse: the dashboard, the usage settings, features, keys and the playground.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::comparable;
use crate::harness::{Browser, World, location, text_of};

/// Uses so much of a meter on the playground, and reads the page that comes back.
async fn play(browser: &Browser, meter: &str, amount: &str) -> String {
    let fields = [("action", "use"), ("meter", meter), ("amount", amount)];
    let response = browser.post("/playground", &fields).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    text_of(&response.text().await.unwrap())
}

async fn read(browser: &Browser, path: &str) -> String {
    let (status, html) = browser.read(path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {html}");
    text_of(&html)
}

async fn buy(browser: &Browser, plan: &str) {
    let page = browser.check_out(&[("plan", plan)]).await;
    browser.get(&browser.pay(&page).await).await;
}

async fn set_role(world: &World, role: &str) {
    let query = sqlx::query("UPDATE memberships SET role = $1").bind(role.to_owned());
    query.execute(&world.database().await).await.unwrap();
}

#[tokio::test]
async fn the_dashboard_says_what_is_had_and_why() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let page = read(&browser, "/dashboard").await;
    assert!(page.contains("Nothing has been bought.") && page.contains("0 of 5 build hours used"), "{page}");
    assert!(page.contains("Starter adds") && page.contains("href=\"/checkout/starter\""));
    assert!(page.contains("40 build hours") && page.contains("Core agents"));
    assert!(page.contains("href=\"/features/autoscale\"") && page.contains("in Pro"));

    play(&browser, "build-hours", "4").await;
    let page = read(&browser, "/dashboard").await;
    assert!(page.contains("4 of 5 build hours used") && page.contains("80% used"), "{page}");
    assert!(page.contains("Close to the limit.") && page.contains("Resets on "));
    play(&browser, "build-hours", "1").await;
    assert!(read(&browser, "/dashboard").await.contains("The limit is reached."));

    buy(&browser, "starter").await;
    let page = read(&browser, "/dashboard").await;
    assert!(page.contains("The plan is paid.") && page.contains("5 of 40 build hours used"), "{page}");
    assert!(page.contains("Pro adds") && page.contains("/settings/billing/change/pro?period=monthly"));
}

#[tokio::test]
async fn unlimited_is_said_plainly_and_without_a_bar() {
    let world = World::with_catalog("dcvaas").await;
    let browser = world.signed_in("ada").await;
    assert!(read(&browser, "/dashboard").await.contains("meter-bar"));
    buy(&browser, "agency").await;
    let page = read(&browser, "/dashboard").await;
    assert!(page.contains("Unlimited domains, 0 used") && !page.contains("meter-bar"), "{page}");
}

#[tokio::test]
async fn a_feature_says_whether_why_and_what_unlocks_it() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    assert!(read(&browser, "/features/basic-features").await.contains("Included in Free."));
    let (status, locked) = browser.read("/features/autoscale").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(locked.contains("Not included in Free. Pro unlocks it."), "{locked}");
    assert!(locked.contains("href=\"/checkout/pro\"") && locked.contains("Upgrade to Pro"));
    for unknown in ["/features/nonsense", "/features/-"] {
        assert_eq!(browser.get(unknown).await.status(), StatusCode::NOT_FOUND);
    }
    buy(&browser, "pro").await;
    assert!(read(&browser, "/features/autoscale").await.contains("Included in Pro."));
    let stranger = location(&world.browser().get("/features/autoscale").await);
    assert!(stranger.starts_with("/auth/login"), "{stranger}");
}

#[tokio::test]
async fn whoever_may_not_buy_is_told_whom_to_ask() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    set_role(&world, "member").await;
    let (_, locked) = browser.read("/features/autoscale").await;
    assert!(locked.contains("Owners, admins and billing members") && !locked.contains("/checkout/pro"), "{locked}");
}

#[tokio::test]
async fn the_usage_page_shows_the_forecast_the_days_and_the_ledger() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    play(&browser, "build-hours", "3").await;
    play(&browser, "projects", "1").await;
    let page = read(&browser, "/settings/usage?meter=build-hours").await;
    assert!(page.contains("3 of 5 build hours used") && page.contains("At this pace it "), "{page}");
    assert!(page.contains("3 build hours in the last 30 days, the most on"));
    assert_eq!(page.matches("class=\"chart-bar\"").count(), 1);
    assert_eq!(page.matches("data-testid=\"ledger-line\"").count(), 1);
    assert!(page.contains("Ada Lovelace") && page.contains("ledger.csv?meter=build-hours"));
    assert_eq!(page.matches("<tr><th scope=\"row\">").count(), 30, "a row of the table for each day");

    let all = read(&browser, "/settings/usage").await;
    assert_eq!(all.matches("data-testid=\"ledger-line\"").count(), 2);
    assert_eq!(browser.get("/settings/usage?meter=nonsense").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_ledger_has_pages() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    for _ in 0..27 {
        play(&browser, "ai-embeddings", "1").await;
    }
    let first = read(&browser, "/settings/usage").await;
    assert_eq!(first.matches("data-testid=\"ledger-line\"").count(), 25);
    let older = first.split('"').find(|part| part.starts_with("/settings/usage?before=")).unwrap();
    let second = read(&browser, older.split('#').next().unwrap()).await;
    assert_eq!(second.matches("data-testid=\"ledger-line\"").count(), 2);
    assert!(!second.contains("?before=") && second.contains(">Newest<"), "{second}");
}

#[tokio::test]
async fn the_csv_has_every_line_and_no_formula() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    play(&browser, "build-hours", "2").await;
    play(&browser, "projects", "1").await;
    browser.post("/playground", &[("action", "give-back"), ("meter", "projects"), ("amount", "1")]).await;
    let key = browser.send_json("/api/keys", &json!({ "name": "=cmd|'/c calc',x", "access": "write" })).await;
    let used = consume(&world, key["key"].as_str().unwrap(), "build-hours").await;
    assert_eq!(used.0, StatusCode::OK, "{}", used.1);

    let response = browser.get("/settings/usage/ledger.csv").await;
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    assert!(response.headers()["content-disposition"].to_str().unwrap().contains("usage-ledger.csv"));
    let csv = response.text().await.unwrap();
    let lines: Vec<&str> = csv.trim_end().split("\r\n").collect();
    assert_eq!(lines.len(), 5, "{csv}");
    assert_eq!(lines[0], "time,meter,amount,from_credits,used_by,actor,reservation,id");
    assert!(lines[1].contains(",build-hours,1,0,\"Key =cmd|'/c calc',x\",key_"), "{csv}");
    assert!(lines[2].contains(",projects,-1,0,Ada Lovelace,usr_"), "{csv}");
    let (_, filtered) = browser.read("/settings/usage/ledger.csv?meter=build-hours").await;
    assert_eq!(filtered.trim_end().split("\r\n").count(), 3, "{filtered}");
}

#[tokio::test]
async fn what_the_catalogue_gates_is_refused_until_the_plan_has_it() {
    let world = World::with_catalog("chat").await;
    let browser = world.signed_in("ada").await;
    play(&browser, "ai-credits", "7").await;
    let page = read(&browser, "/settings/usage").await;
    assert!(page.contains("7 of 10 AI credits used") && page.contains("Pro unlocks it."), "{page}");
    for hidden in ["ledger-line", "chart-bar", "Ada Lovelace</td>", "ledger.csv"] {
        assert!(!page.contains(hidden), "{hidden}");
    }
    let (status, refused) = browser.read("/settings/usage/ledger.csv").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(refused.contains("Usage export") && refused.contains("href=\"/checkout/pro\""), "{refused}");
    let program = browser.client.get(format!("{}/settings/usage/ledger.csv", world.url)).send().await.unwrap();
    assert_eq!(program.status(), StatusCode::FORBIDDEN);
    assert_eq!(program.json::<Value>().await.unwrap()["code"], "forbidden");

    let (status, keys) = browser.read("/settings/api-keys").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(keys.contains("API access") && !keys.contains("Create key"), "{keys}");
    let made = browser.post("/api/keys", &[("name", "x"), ("access", "read")]).await;
    assert_eq!(made.status(), StatusCode::FORBIDDEN);
    assert_eq!(world.count("api_keys").await, 0);

    buy(&browser, "pro").await;
    assert!(read(&browser, "/settings/usage").await.contains("ledger-line"));
    assert_eq!(browser.get("/settings/usage/ledger.csv").await.status(), StatusCode::OK);
    assert!(read(&browser, "/settings/api-keys").await.contains("Create key"));
}

#[tokio::test]
async fn the_time_zone_moves_the_day_and_gives_nothing_twice() {
    let world = World::with_catalog("protocol-guide").await;
    let browser = world.signed_in("ada").await;
    play(&browser, "daily-queries", "5").await;
    let refused = browser.post("/api/time-zone", &[("zone", "Mars/Olympus")]).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let said = text_of(&refused.text().await.unwrap());
    assert!(said.contains("There is no time zone `Mars/Olympus`: write a name such as"), "{said}");

    // Where a day has just begun, nothing is had anew, and neither is it on the way back.
    let hour = world.app.clock.now().0.rem_euclid(86_400) / 3600;
    let midnight = if hour > 12 { format!("Etc/GMT-{}", 24 - hour) } else { format!("Etc/GMT+{hour}") };
    for zone in [&midnight, "Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC", "Asia/Kathmandu"] {
        let moved = browser.post("/api/time-zone", &[("zone", zone)]).await;
        assert_eq!(location(&moved), "/settings/usage");
        let page = read(&browser, "/settings/usage").await;
        assert!(page.contains(&format!("Resets at midnight, {zone} time.")), "{page}");
        assert!(page.contains("5 of 5 daily queries used"), "{zone}: {page}");
        let refused = play(&browser, "daily-queries", "1").await;
        assert!(refused.contains("limit_reached"), "{zone}: {refused}");
    }
    let kept: String =
        sqlx::query_scalar("SELECT time_zone FROM organizations").fetch_one(&world.database().await).await.unwrap();
    assert_eq!(kept, "Asia/Kathmandu");

    // A use at half past eleven in the evening in UTC is the next morning's in Kathmandu.
    let today = world.app.clock.now().0;
    let evening = today - today % 86_400 - 2 * 86_400 + 84_600;
    sqlx::query("UPDATE usage_entries SET at = $1").bind(evening).execute(&world.database().await).await.unwrap();
    let day = |seconds: i64| jiff::Timestamp::from_second(seconds).unwrap().strftime("%-d %B").to_string();
    let page = read(&browser, "/settings/usage").await;
    assert!(page.contains(&format!("the most on {}: 5 daily", day(evening + 86_400))), "{page}");
    browser.post("/api/time-zone", &[("zone", "UTC")]).await;
    let page = read(&browser, "/settings/usage").await;
    assert!(page.contains(&format!("the most on {}: 5 daily", day(evening))), "{page}");
}

#[tokio::test]
async fn a_member_may_look_and_change_nothing() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    set_role(&world, "member").await;
    let page = read(&browser, "/settings/usage").await;
    assert!(page.contains("data-testid=\"time-zone\"") && !page.contains("name=\"zone\""), "{page}");
    assert!(!page.contains("/settings/api-keys"));
    for (path, fields) in [
        ("/api/time-zone", vec![("zone", "Europe/Berlin")]),
        ("/api/keys", vec![("name", "x"), ("access", "read")]),
        ("/api/keys/revoke", vec![("key", "key_1")]),
    ] {
        assert_eq!(browser.post(path, &fields).await.status(), StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(browser.get("/settings/api-keys").await.status(), StatusCode::FORBIDDEN);
    set_role(&world, "billing").await;
    assert_eq!(browser.get("/settings/api-keys").await.status(), StatusCode::FORBIDDEN);
    let moved = browser.post("/api/time-zone", &[("zone", "Europe/Berlin")]).await;
    assert_eq!(moved.status(), StatusCode::SEE_OTHER);
}

/// Uses one with a key.
async fn consume(world: &World, key: &str, meter: &str) -> (StatusCode, Value) {
    let url = format!("{}/api/v1/usage", world.url);
    let request = reqwest::Client::new().post(url).bearer_auth(key).json(&json!({ "meter": meter }));
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_key_is_shown_once_works_and_is_refused_after_revoking() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let made = browser.post("/api/keys", &[("name", "build-runner"), ("access", "write")]).await;
    assert_eq!(made.status(), StatusCode::OK);
    assert_eq!(made.headers()["cache-control"], "no-store");
    assert!(made.headers().get("location").is_none() && made.headers().get("set-cookie").is_none());
    let page = made.text().await.unwrap();
    let secret = page.split("value=\"").find_map(|part| part.starts_with("bhk_").then(|| part.split('"').next()));
    let secret = secret.flatten().unwrap().to_owned();
    assert!(!page.contains("data-component=\"Live"), "a page that answers a post is not loaded again by itself");

    assert_eq!(consume(&world, &secret, "build-hours").await.0, StatusCode::OK);
    let list = read(&browser, "/settings/api-keys").await;
    assert!(list.contains("build-runner") && list.contains(&secret[secret.len() - 4..]), "{list}");
    assert!(!list.contains(&secret) && list.contains("Last used ") && list.contains("data-component=\"Live"));
    assert!(read(&browser, "/settings/usage").await.contains("Key build-runner"));

    let address = list.split('"').find(|part| part.ends_with("/revoke")).unwrap().to_owned();
    let question = read(&browser, &address).await;
    assert!(question.contains("Revoke build-runner?"), "{question}");
    let id = address.split('/').nth(3).unwrap();
    // Nobody else's.
    let other = world.signed_in("grace").await;
    assert_eq!(other.post("/api/keys/revoke", &[("key", id)]).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(other.get(&address).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(consume(&world, &secret, "build-hours").await.0, StatusCode::OK);

    let revoked = browser.post("/api/keys/revoke", &[("key", id)]).await;
    assert_eq!(location(&revoked), "/settings/api-keys");
    assert_eq!(consume(&world, &secret, "build-hours").await.0, StatusCode::UNAUTHORIZED);
    assert!(read(&browser, "/settings/api-keys").await.contains("Revoked "));
    assert_eq!(browser.get(&address).await.status(), StatusCode::NOT_FOUND);
    for nameless in ["", " "] {
        let made = browser.post("/api/keys", &[("name", nameless), ("access", "read")]).await;
        assert_eq!(made.status(), StatusCode::BAD_REQUEST);
    }
}

/// What `value="…"` of the page begins so.
fn value<'p>(page: &'p str, before: &str) -> &'p str {
    page.split(before).nth(1).unwrap().split("value=\"").nth(1).unwrap().split('"').next().unwrap()
}

#[tokio::test]
async fn a_form_sent_twice_makes_one_key() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let form = read(&browser, "/settings/api-keys").await;
    let token = value(&form, "name=\"token\"");
    let fields = [("name", "worker"), ("access", "write"), ("token", token)];
    // A double click: the browser shows the second answer, and its key is good.
    let clicks = futures::future::join_all((0..5).map(|_| browser.post("/api/keys", &fields))).await;
    let mut secrets = Vec::new();
    for click in clicks {
        assert_eq!(click.status(), StatusCode::OK);
        secrets.push(value(&click.text().await.unwrap(), "data-testid=\"secret\"").to_owned());
    }
    secrets.dedup();
    assert_eq!((secrets.len(), world.count("api_keys").await), (1, 1));
    assert_eq!(consume(&world, &secrets[0], "build-hours").await.0, StatusCode::OK);
    let audit = read(&browser, "/settings/audit").await;
    assert_eq!(audit.matches("Made the API key worker.").count(), 1, "{audit}");

    // Loaded again later, where the secret is known no more: it is not shown again, and there is no other.
    let mut world = world;
    world.restart().await;
    let again = browser.post("/api/keys", &fields).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    let said = text_of(&again.text().await.unwrap());
    assert!(said.contains("worker was made before") && !said.contains(&secrets[0]), "{said}");
    assert_eq!(world.count("api_keys").await, 1);

    // Another name is another key, and so is the same name in a new form, or somebody else's with this token.
    let other = [("name", "reader"), ("access", "read"), ("token", token)];
    assert_eq!(browser.post("/api/keys", &other).await.status(), StatusCode::OK);
    let form = read(&browser, "/settings/api-keys").await;
    let fresh = [("name", "worker"), ("access", "write"), ("token", value(&form, "name=\"token\""))];
    assert_eq!(browser.post("/api/keys", &fresh).await.status(), StatusCode::OK);
    let grace = world.signed_in("grace").await;
    assert_eq!(grace.post("/api/keys", &fields).await.status(), StatusCode::OK);
    assert_eq!(world.count("api_keys").await, 4);
}

#[tokio::test]
async fn the_playground_answers_as_the_api_does() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let key = browser.send_json("/api/keys", &json!({ "name": "service", "access": "write" })).await;
    let key = key["key"].as_str().unwrap();

    let page = play(&browser, "build-hours", "4").await;
    assert!(page.contains("200 OK") && page.contains("\"used\": 4"), "{page}");
    assert!(page.contains("POST /api/v1/usage") && page.contains("4 of 5 build hours used"));
    // The last one through the API; then both are refused in the same words.
    assert_eq!(consume(&world, key, "build-hours").await.0, StatusCode::OK);
    let (status, problem) = consume(&world, key, "build-hours").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    let page = play(&browser, "build-hours", "1").await;
    let shown = page.split("data-testid=\"answer\">").nth(1).unwrap().split("</code>").next().unwrap();
    assert!(shown.contains("retry-after: ") && page.contains("429 Too Many Requests"), "{shown}");
    let shown: Value = serde_json::from_str(&shown[shown.find('{').unwrap()..]).unwrap();
    let status = StatusCode::TOO_MANY_REQUESTS;
    assert_eq!(comparable((status, shown)), comparable((status, problem)));

    let response = browser.post("/playground", &[("action", "check"), ("feature", "autoscale")]).await;
    let page = text_of(&response.text().await.unwrap());
    assert!(page.contains("POST /api/v1/check") && page.contains("\"reason\": \"notInPlan\""), "{page}");
    for fields in [
        vec![("action", "use"), ("meter", "build-hours"), ("amount", "-1")],
        vec![("action", "use"), ("meter", "build-hours"), ("amount", "x")],
        vec![("action", "give-back"), ("meter", "build-hours"), ("amount", "1")],
        vec![("action", "nonsense")],
    ] {
        assert_eq!(browser.post("/playground", &fields).await.status(), StatusCode::BAD_REQUEST, "{fields:?}");
    }
    let unknown = [("action", "use"), ("meter", "nonsense"), ("amount", "1")];
    assert_eq!(browser.post("/playground", &unknown).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_was_done_is_told_in_sentences() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    buy(&browser, "pro").await;
    browser.post("/api/subscription/cancel", &[("reason", "unused")]).await;
    let page = read(&browser, "/settings/audit").await;
    for said in [
        "Went to pay for Pro, monthly.",
        "The plan is Pro and was Free. The plan is paid.",
        "Pro, monthly, is active until",
        "Asked to cancel at the end of what is paid.",
        "; it ends on",
        "Ada Lovelace",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    set_role(&world, "member").await;
    assert_eq!(browser.get("/settings/audit").await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_gated_page_is_refused_on_the_server_and_opens_with_its_plan() {
    let world = World::with_catalog("dcvaas").await;
    let browser = world.signed_in("ada").await;
    let (status, page) = browser.read("/settings/audit").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(page.contains("Agency unlocks it") && !page.contains("audit-line"), "{page}");
    buy(&browser, "agency").await;
    assert!(read(&browser, "/settings/audit").await.contains("The plan is Agency and was Free."));
}
