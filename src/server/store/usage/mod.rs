//! Using what a plan includes. Requests are settled in groups, each group in one transaction: the counter, the
//! credits, the ledger and the answer to an idempotency key are written together or not at all. What is decided from is
//! what the transaction itself sees: read under a lock, or on SQLite, where it is alone, known from the group before.

use std::sync::Arc;

use domain::catalog::Catalog;
use domain::entitlement::MeterAnswer;
use domain::organization::{OrganizationId, UserId};
use domain::plan::MeterId;
use domain::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes::Changes;
use super::gathering::Gathering;
use super::tasks::WritingTasks;
use super::writer::Writer;
use super::{Error, Store};

mod book;
mod group;
mod known;
mod ledger;
mod statements;

pub(super) use book::Used;
pub(super) use known::KnownAccounts;
pub use ledger::{LedgerEntry, LedgerLine};

use group::Keys;

/// How often a request is tried again where another node was in the way.
const ATTEMPTS: u32 = 4;

/// What is asked.
#[derive(Clone, Debug)]
pub struct UsageRequest {
    /// Whose meter.
    pub organization: OrganizationId,
    /// The member of a team for whom it is: without a seat they have what everybody has. `None` for the organization
    /// as a whole.
    pub member: Option<UserId>,
    /// What to do.
    pub operation: Operation,
    /// A person or an API key.
    pub actor: String,
    /// So that the same request is carried out once however often it comes.
    pub idempotency: Option<Idempotency>,
    /// The plans.
    pub catalog: Arc<Catalog>,
    /// The clock.
    pub now: Timestamp,
}

/// What to do with a meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Use so much, or nothing.
    Consume {
        /// Of what.
        meter: MeterId,
        /// How much.
        amount: u64,
    },
    /// Take back that something was used.
    GiveBack {
        /// Of what.
        meter: MeterId,
        /// How much.
        amount: u64,
    },
    /// Hold so much for a while, or nothing.
    Reserve {
        /// Of what.
        meter: MeterId,
        /// How much.
        amount: u64,
        /// Until when.
        expires_at: Timestamp,
    },
    /// Use what is held.
    Confirm {
        /// What is held.
        reservation: String,
        /// How much of it; all of it if nothing is said. More, where there is enough left.
        amount: Option<u64>,
    },
    /// Let go what is held.
    Release {
        /// What is held.
        reservation: String,
        /// `true`: because its time is over.
        expired: bool,
    },
}

/// A request's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Whose keys these are: two callers may choose the same.
    pub scope: String,
    /// The key as it was sent.
    pub key: String,
    /// Of the request.
    pub fingerprint: String,
}

impl UsageRequest {
    /// The meter that it names. What is about a reservation has that one's.
    fn meter(&self) -> Option<&MeterId> {
        match &self.operation {
            Operation::Consume { meter, .. } | Operation::GiveBack { meter, .. } | Operation::Reserve { meter, .. } => {
                Some(meter)
            }
            Operation::Confirm { .. } | Operation::Release { .. } => None,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was done, now or when the same request came first.
    Done(Box<Receipt>),
    /// There is not enough left; nothing was done.
    Refused(Box<MeterAnswer>),
    /// Another request had this idempotency key.
    OtherRequest,
    /// There is no such organization.
    NoOrganization,
    /// The organization has no such member.
    NoMember,
    /// The catalogue has no such meter.
    NoMeter,
    /// The organization has no such reservation.
    NoReservation,
    /// The reservation is over: `confirmed`, `released` or `expired`.
    ReservationOver(String),
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The line in the ledger; none where nothing was used.
    pub entry: Option<String>,
    /// The reservation, where it is about one.
    pub reservation: Option<String>,
    /// When that expires, UTC seconds.
    pub expires_at: Option<i64>,
    /// How much was used, held, let go or given back.
    pub amount: u64,
    /// How the meter stands afterwards.
    pub meter: MeterAnswer,
}

/// Where requests wait to be settled; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Till(Gathering<UsageRequest, Outcome>);

impl Till {
    pub(super) fn open(tasks: &WritingTasks, writer: Writer, changes: Changes) -> Self {
        Self(Gathering::open(tasks, move |requests| settle(writer.clone(), changes.clone(), requests)))
    }

    /// Settles what has come and closes.
    pub(super) async fn close(&self) {
        self.0.close().await;
    }
}

impl Store {
    /// Uses, holds or lets go. When this returns, what came of it is on the disk.
    pub async fn usage(&self, request: UsageRequest) -> Result<Outcome, Error> {
        self.till.0.put(request).await
    }

    /// Open reservations whose time is over.
    pub async fn reservations_due(&self, now: Timestamp) -> Result<Vec<(OrganizationId, String)>, Error> {
        let due: Vec<(String, String)> = sqlx::query_as(
            "SELECT organization_id, id FROM reservations WHERE status = 'open' AND expires_at <= $1
             ORDER BY expires_at LIMIT 100",
        )
        .bind(now.0)
        .fetch_all(&self.pool)
        .await?;
        Ok(due.into_iter().map(|(organization, id)| (OrganizationId(organization), id)).collect())
    }

    /// Forgets the answers to idempotency keys from before a moment.
    pub async fn forget_answers(&self, before: Timestamp) -> Result<(), Error> {
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM idempotent_answers WHERE at < $1").bind(before.0).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }
}

/// Settles a group together; where one of its keys was used before, with what each was answered; and each request by
/// itself where one of them cannot be written with the others.
async fn settle(writer: Writer, changes: Changes, requests: Vec<UsageRequest>) -> Vec<Result<Outcome, Error>> {
    let requests = Arc::new(requests);
    for keys in [Keys::TakenForNew, Keys::LookedUp] {
        match write(&writer, &changes, Arc::clone(&requests), keys).await {
            Ok(outcomes) => return outcomes.into_iter().map(Ok).collect(),
            Err(error) if !is_contention(&error) => {
                let error = error.to_string();
                return requests.iter().map(|_| Err(Error::Commit(error.clone()))).collect();
            }
            Err(_) => {}
        }
    }
    let mut outcomes = Vec::with_capacity(requests.len());
    for request in requests.iter() {
        outcomes.push(settle_alone(&writer, &changes, request).await);
    }
    outcomes
}

async fn settle_alone(writer: &Writer, changes: &Changes, request: &UsageRequest) -> Result<Outcome, Error> {
    let one = Arc::new(vec![request.clone()]);
    for _ in 1..ATTEMPTS {
        match write(writer, changes, Arc::clone(&one), Keys::LookedUp).await {
            Err(error) if is_contention(&error) => {}
            done => return done.and_then(only),
        }
    }
    write(writer, changes, one, Keys::LookedUp).await.and_then(only)
}

fn only(outcomes: Vec<Outcome>) -> Result<Outcome, Error> {
    outcomes.into_iter().next().ok_or(Error::Closed)
}

async fn write(
    writer: &Writer,
    changes: &Changes,
    requests: Arc<Vec<UsageRequest>>,
    keys: Keys,
) -> Result<Vec<Outcome>, Error> {
    let known = changes.accounts.clone();
    writer
        .write(move |connection| Box::pin(async move { group::settle(connection, &known, &requests, keys).await }))
        .await
}

/// Whether somebody else was in the way: the same idempotency key before or at the same time, or a ring of waiting.
fn is_contention(error: &Error) -> bool {
    match error {
        Error::KeyTaken => true,
        Error::Database(sqlx::Error::Database(error)) => {
            error.is_unique_violation()
                || error.is_foreign_key_violation()
                || error.code().is_some_and(|code| code == "40P01" || code == "40001")
        }
        _ => false,
    }
}
