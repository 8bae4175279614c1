//! On SQLite the till keeps what it knows of an account from one use to the next. Whatever changes what somebody has
//! counts for their very next use all the same: what that one is answered is what a process knows that has just been
//! started.

use billhook::server::store::Granted;
use domain::access::PlanGrant;
use domain::organization::OrganizationId;
use domain::plan::{MeterId, PlanId};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::{Service, id_of};
use crate::harness::{World, location};
use crate::seat_holders::Department;
use crate::team::{join, of, user_id};

/// An account that is in use.
struct Account {
    world: World,
    service: Service,
    organization: String,
    meter: &'static str,
    /// After what the till still knew something else.
    missed: Vec<String>,
}

impl Account {
    /// Uses one: how the meter stands afterwards.
    async fn uses_one(&self) -> Value {
        let body = json!({"organization": self.organization, "meter": self.meter});
        let (_, answer) = self.service.post("/api/v1/usage", body).await;
        answer["meter"].clone()
    }

    /// Has the till know the account, does something to it, and compares.
    async fn after<T>(&mut self, what: &str, act: impl AsyncFnOnce(&World) -> T) -> T {
        self.uses_one().await;
        let before = self.uses_one().await;
        let done = act(&self.world).await;
        let told = self.uses_one().await;
        self.world.restart().await;
        let body = json!({"organization": self.organization, "meter": self.meter});
        let known = self.service.done("/api/v1/check", body).await["meter"].clone();
        assert_ne!(without_used(&before), without_used(&known), "{what} changes nothing: it proves nothing");
        if told != known {
            self.missed.push(format!("{what}: the till said {told}, stored is {known}"));
        }
        done
    }
}

/// What does not change with each use.
fn without_used(meter: &Value) -> Value {
    let mut meter = meter.clone();
    for field in ["used", "remaining", "percent"] {
        meter[field].take();
    }
    meter
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_bought_granted_or_taken_back_counts_for_the_very_next_use() {
    let world = World::with_catalog("chat").await;
    let ada = world.signed_in("ada").await;
    let (service, organization) = (Service::new(&world).await, id_of(&ada).await);
    let id = OrganizationId(organization.clone());
    let mut account = Account { world, service, organization, meter: "ai-credits", missed: Vec::new() };
    let credits = |amount| Granted::Credits(MeterId::parse("ai-credits").unwrap(), amount);
    account
        .after("a grant", async |world| world.app.grant(id.clone(), credits(100), "a test", None).await.unwrap())
        .await;
    account
        .after("a command's grant", async |world| {
            let grant = ["grant", &id.0, "--reason", "a test", "--meter", "ai-credits", "--amount", "50"];
            world.command(&grant).unwrap()
        })
        .await;
    account
        .after("a pack", async |world| {
            let page = location(&ada.post("/api/packs/checkout", &[("pack", "credits")]).await);
            ada.get(&ada.pay(&page).await).await;
            world.settled().await;
        })
        .await;
    account
        .after("a refund", async |world| {
            let charge = world.stripe("/v1/charges?limit=1").await["data"][0]["id"].as_str().unwrap().to_owned();
            world.stripe_post("/v1/refunds", &[("charge", &charge)]).await;
            world.settled().await;
        })
        .await;
    account
        .after("a plan", async |world| {
            ada.get(&ada.pay(&ada.check_out(&[("plan", "plus")]).await).await).await;
            world.settled().await;
        })
        .await;
    account
        .after("a renewal", async |world| {
            world.control("/sandbox/clock", json!({"months": 1})).await;
            world.settled().await;
        })
        .await;
    account
        .after("an end at Stripe and of what was paid", async |world| {
            let subscription = world.stripe("/v1/subscriptions").await["data"][0]["id"].as_str().unwrap().to_owned();
            world.stripe_delete(&format!("/v1/subscriptions/{subscription}")).await;
            world.control("/sandbox/clock", json!({"months": 1})).await;
            world.settled().await;
        })
        .await;
    let plan = PlanGrant { plan: PlanId::parse("plus").unwrap(), until: None };
    account
        .after("a granted plan", async |world| {
            world.app.grant_plan(id.clone(), plan, "a test", None).await.unwrap();
        })
        .await;
    account
        .after("a granted plan that is taken back", async |world| {
            world.app.revoke_plan(&id, "a test").await.unwrap();
        })
        .await;
    account
        .after("another time zone", async |_| {
            let moved = ada.post("/api/time-zone", &[("zone", "Asia/Kathmandu")]).await;
            assert_eq!(moved.status(), StatusCode::SEE_OTHER);
        })
        .await;
    assert_eq!(account.missed, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_a_seat_counts_for_the_very_next_use_of_whoever_has_it() {
    let Department { world, ada, team, service } = Department::with_seats("5").await;
    let grace = join(&world, &ada, &team, "grace", "member").await;
    let (organization, hers) = (id_of(&grace).await, user_id(&world, "grace").await);
    let seat = async |seat: &str| {
        let answer = ada.post_json(&of(&team, "/api/members/seat"), &json!({"user": hers, "seat": seat})).await;
        assert_eq!(answer.status(), StatusCode::OK);
    };
    let mut account = Account { world, service, organization, meter: "daily-queries", missed: Vec::new() };
    account.after("a seat that is taken back", async |_| seat("no").await).await;
    account.after("a seat", async |_| seat("yes").await).await;
    account
        .after("another name of the team", async |_| {
            ada.post(&of(&team, "/api/organizations/rename"), &[("name", "Station 5")]).await;
        })
        .await;
    account
        .after("a plan of her own", async |world| {
            let own = id_of(&grace).await;
            let fields = [("plan", "pro"), ("period", "monthly")];
            let page = location(&grace.post(&of(&own, "/api/checkout"), &fields).await);
            grace.get(&grace.pay(&page).await).await;
            world.settled().await;
        })
        .await;
    account
        .after("the end of the team's plan, and of her own", async |world| {
            for subscription in world.stripe("/v1/subscriptions").await["data"].as_array().unwrap() {
                world.stripe_delete(&format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap())).await;
            }
            world.control("/sandbox/clock", json!({"days": 32})).await;
            world.settled().await;
        })
        .await;
    assert_eq!(account.missed, [""; 0]);
}
