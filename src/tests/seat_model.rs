//! Whatever is done to the seats of a team, in any order: we never hand out more than are paid, and what is stored is
//! what Stripe says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{Browser, location};
use crate::seat_holders::Department;
use crate::team::{link_to, of, user_id};

const STEPS: usize = 24;
const AS_LONG_AS: Duration = Duration::from_secs(15);
const PEOPLE: [&str; 7] = ["grace", "alan", "m1", "m2", "m3", "m4", "m5"];

/// What can be done.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// More now, or fewer at the renewal.
    Change(u32),
    /// In Stripe's dashboard.
    AtStripe(u32),
    Join(usize),
    Remove(usize),
    Assign(usize),
    TakeBack(usize),
    /// Over a renewal.
    Month,
}

impl Step {
    fn any(random: &mut StdRng) -> Self {
        let somebody = random.random_range(0..PEOPLE.len());
        match random.random_range(0..20) {
            0..=3 => Self::Change(random.random_range(5..9)),
            4..=5 => Self::AtStripe(random.random_range(3..9)),
            6..=10 => Self::Join(somebody),
            11 => Self::Remove(somebody),
            12..=15 => Self::Assign(somebody),
            16..=17 => Self::TakeBack(somebody),
            _ => Self::Month,
        }
    }
}

struct Model {
    department: Department,
    people: BTreeMap<usize, (Browser, String, usize)>,
    /// Whether somebody has taken seats away at Stripe that are in use.
    taken_away: bool,
}

impl Model {
    async fn new() -> Self {
        let department = Department::with_seats("5").await;
        let mut people = BTreeMap::new();
        for (number, name) in PEOPLE.into_iter().enumerate() {
            let browser = department.world.signed_in(&format!("{name}@example.com")).await;
            people.insert(number, (browser, user_id(&department.world, name).await, 0));
        }
        Self { department, people, taken_away: false }
    }

    /// Does it, or is refused.
    async fn take(&mut self, step: Step) {
        let Department { world, ada, team, .. } = &self.department;
        match step {
            Step::Change(seats) => {
                let mut wanted = json!({"plan": "department-starter", "period": "monthly", "seats": seats});
                let preview = ada.post_json(&of(team, "/api/subscription/preview"), &wanted).await;
                if preview.status() == StatusCode::OK {
                    let preview: serde_json::Value = preview.json().await.unwrap();
                    wanted["prorationDate"] = preview["prorationDate"].clone();
                    let changed = ada.post_json(&of(team, "/api/subscription/change"), &wanted).await;
                    assert_eq!(changed.status(), StatusCode::OK, "{}", changed.text().await.unwrap());
                }
            }
            Step::AtStripe(seats) => self.department.at_stripe(&seats.to_string()).await,
            Step::Join(who) => {
                let (guest, _, invited) = self.people.get_mut(&who).unwrap();
                let email = format!("{}@example.com", PEOPLE[who]);
                let fields = [("email", email.as_str()), ("role", "member")];
                let answer = ada.post(&of(team, "/api/invitations"), &fields).await;
                if answer.status() == StatusCode::SEE_OTHER {
                    *invited += 1;
                    let link = link_to(world, &email, *invited).await;
                    let token = link.rsplit('/').next().unwrap();
                    let joined = guest.post("/api/invitations/accept", &[("token", token)]).await;
                    assert_eq!(location(&joined), of(team, "/dashboard"));
                }
            }
            Step::Remove(who) => {
                ada.post(&of(team, "/api/members/remove"), &[("user", &self.people[&who].1)]).await;
            }
            Step::Assign(who) => drop(self.department.seat(ada, &self.people[&who].1, "yes").await),
            Step::TakeBack(who) => drop(self.department.seat(ada, &self.people[&who].1, "no").await),
            Step::Month => drop(world.control("/sandbox/clock", json!({"days": 32})).await),
        }
        world.settled().await;
    }

    /// What holds after every step.
    async fn check(&mut self, step: Step, before: usize, said: &str) {
        let taken = self.department.seated().await.len();
        let paid = self.department.subscription().await["items"]["data"][0]["quantity"].as_u64().unwrap();
        let stored: i64 =
            sqlx::query_scalar("SELECT quantity FROM subscriptions WHERE organization_id = $1 AND status = 'active'")
                .bind(self.department.team.clone())
                .fetch_one(&self.department.world.database().await)
                .await
                .unwrap();
        assert_eq!(u64::try_from(stored).unwrap(), paid, "{said}: what is stored is what Stripe says");
        let over = u64::try_from(taken).unwrap() > paid;
        assert!(taken <= before || !over, "{said}: {taken} are handed out and {paid} are paid");
        if let Step::AtStripe(_) = step {
            self.taken_away |= over;
        }
        assert!(!over || self.taken_away, "{said}: {taken} have a seat and {paid} are paid");
        self.taken_away &= over;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn we_never_hand_out_more_than_are_paid() {
    let given = std::env::var("BILLHOOK_TEST_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    let began = Instant::now();
    while began.elapsed() < AS_LONG_AS {
        let seed = given.unwrap_or_else(rand::random);
        println!("BILLHOOK_TEST_SEED={seed} repeats these steps");
        let mut random = StdRng::seed_from_u64(seed);
        let mut model = Model::new().await;
        let mut done = Vec::new();
        for _ in 0..STEPS {
            let (step, before) = (Step::any(&mut random), model.department.seated().await.len());
            done.push(step);
            model.take(step).await;
            model.check(step, before, &format!("{done:?}")).await;
        }
        let (_, page) = model.department.ada.read(&of(&model.department.team, "/settings/team")).await;
        assert_eq!(page.contains("people have seats and the subscription has"), model.taken_away, "{done:?}: {page}");
        if given.is_some() {
            return;
        }
    }
}
