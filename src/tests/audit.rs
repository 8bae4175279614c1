//! The time line on `/settings/audit`: chosen among, turned page by page, and as a file.

use reqwest::StatusCode;

use crate::harness::{Browser, World, text_of};
use crate::team::{join, of, team, user_id};

async fn read(browser: &Browser, path: &str) -> String {
    let (status, html) = browser.read(path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {html}");
    text_of(&html)
}

/// The addresses of the page's links that have this text.
fn link(page: &str, text: &str) -> Option<String> {
    let (before, _) = page.split_once(&format!(">{text}</a>"))?;
    let (_, address) = before.rsplit_once("href=\"")?;
    Some(address.split('"').next().unwrap().to_owned())
}

/// A team in which three people did something: it has more lines than a page shows.
async fn busy_team(world: &World) -> (Browser, String) {
    let ada = world.signed_in("ada").await;
    let team = team(&ada, "Night shift").await;
    let grace = join(world, &ada, &team, "grace", "admin").await;
    for number in 0..35 {
        let name = format!("Shift {number}");
        let renamed = grace.post(&of(&team, "/api/organizations/rename"), &[("name", &name)]).await;
        assert_eq!(renamed.status(), StatusCode::SEE_OTHER);
    }
    ada.post(&of(&team, "/api/keys"), &[("name", "=1+1"), ("access", "read")]).await;
    let page = ada.check_out_for(&team, &[("plan", "pro")]).await;
    ada.get(&ada.pay(&page).await).await;
    world.settled().await;
    (ada, team)
}

impl Browser {
    async fn check_out_for(&self, team: &str, fields: &[(&str, &str)]) -> String {
        let response = self.post(&of(team, "/api/checkout"), fields).await;
        crate::harness::location(&response)
    }
}

#[tokio::test]
async fn lines_are_chosen_by_what_they_are_about_and_by_whom() {
    let world = World::start().await;
    let (ada, team) = busy_team(&world).await;
    let grace = user_id(&world, "grace").await;
    let page = async |query: &str| read(&ada, &format!("{}&{query}", of(&team, "/settings/audit"))).await;

    let members = page("about=members").await;
    assert!(members.contains("Invited grace@example.com as admin.") && members.contains("Joined as admin."));
    assert!(!members.contains("Renamed the organization") && !members.contains("Went to pay for Pro"), "{members}");
    let keys = page("about=keys").await;
    assert!(keys.contains("Made the API key =1+1.") && !keys.contains("Joined as"), "{keys}");
    let plan = page("about=plan&by=nobody").await;
    assert!(!plan.contains("Went to pay for Pro"), "{plan}");
    assert!(page("about=plan").await.contains("Went to pay for Pro"));
    assert!(page("about=credits").await.contains("Nothing like that was done."));

    // The filter is kept by the form, by the next page and by the file.
    let hers = page(&format!("about=organization&by={grace}")).await;
    assert!(hers.contains("Renamed the organization from Shift 33 to Shift 34."), "{hers}");
    assert!(!hers.contains("Made the organization Night shift."), "{hers}");
    assert!(hers.contains(&format!("value=\"{grace}\" selected")) && hers.contains("value=\"organization\" selected"));
    let older = read(&ada, &link(&hers, "Older").unwrap()).await;
    assert!(older.contains("Renamed the organization from Night shift to Shift 0."), "{older}");
    assert!(!older.contains("Made the organization Night shift.") && link(&older, "Older").is_none(), "{older}");
    let newest = read(&ada, &link(&older, "Newest").unwrap()).await;
    assert!(newest.contains("from Shift 33 to Shift 34."), "{newest}");
    let file = read(&ada, &link(&hers, "Download CSV").unwrap()).await;
    assert_eq!(file.lines().count(), 1 + 35, "{file}");
    assert!(file.lines().skip(1).all(|line| line.contains("Grace Hopper") && line.contains(",renamed,")), "{file}");

    for refused in ["about=weather", "by=%22%3E"] {
        let (status, page) = ada.read(&format!("{}&{refused}", of(&team, "/settings/audit"))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{page}");
    }
}

#[tokio::test]
async fn the_file_has_every_line_and_no_formula() {
    let world = World::start().await;
    let (ada, team) = busy_team(&world).await;
    let response = ada.get(&of(&team, "/settings/audit/log.csv")).await;
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"audit-log.csv\"");
    let file = response.text().await.unwrap();
    assert!(file.starts_with("time,by,what,action,detail,actor,id\r\n"), "{file}");
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM audit_entries WHERE organization_id = $1").bind(&team);
    let stored: i64 = query.fetch_one(&world.database().await).await.unwrap();
    assert_eq!(i64::try_from(file.matches("\r\n").count()).unwrap(), stored + 1);
    // What people chose is no cell of its own that could begin a formula.
    ada.post(&of(&team, "/api/organizations/rename"), &[("name", "=HYPERLINK(\"x\")")]).await;
    sqlx::query("UPDATE users SET name = '=SUM(A1)' WHERE email = 'ada@example.com'")
        .execute(&world.database().await)
        .await
        .unwrap();
    let file = ada.read(&of(&team, "/settings/audit/log.csv")).await.1;
    assert!(file.contains(",'=SUM(A1),") && !file.contains(",=") && !file.contains(",\"="), "{file}");
}

#[tokio::test]
async fn the_file_is_for_those_who_may_read_the_page() {
    let world = World::with_catalog("dcvaas").await;
    let ada = world.signed_in("ada").await;
    assert_eq!(ada.get("/settings/audit/log.csv").await.status(), StatusCode::FORBIDDEN);
    let page = ada.check_out(&[("plan", "agency")]).await;
    ada.get(&ada.pay(&page).await).await;
    assert_eq!(ada.get("/settings/audit/log.csv").await.status(), StatusCode::OK);
    for (role, status) in [("billing", StatusCode::OK), ("member", StatusCode::FORBIDDEN), ("admin", StatusCode::OK)] {
        sqlx::query("UPDATE memberships SET role = $1").bind(role).execute(&world.database().await).await.unwrap();
        assert_eq!(ada.get("/settings/audit/log.csv").await.status(), status, "{role}");
    }
}
