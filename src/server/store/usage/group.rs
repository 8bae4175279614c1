//! A group of requests in one transaction: read and hold, work through, write.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalog::Catalog;
use domain::entitlement::Standing;
use domain::organization::{OrganizationId, UserId};
use sqlx::AnyConnection;

use super::book::{Book, Key, Page, Used};
use super::{Idempotency, Operation, Outcome, Receipt, UsageRequest, statements};
use crate::server::store::{Error, changes};

/// Answers that idempotency keys have had: the fingerprint of the request, and what it was answered.
type Answers = BTreeMap<(String, String), (String, Receipt)>;

/// Settles every request, in order.
pub(super) async fn settle(
    connection: &mut AnyConnection,
    requests: &[UsageRequest],
) -> Result<(Vec<Outcome>, Vec<Used>), Error> {
    let keys: BTreeSet<_> = requests.iter().filter_map(|request| request.idempotency.as_ref()).map(key_of).collect();
    let mut answers: Answers = statements::answers(connection, &keys).await?;
    let mut book = Book::default();
    let organizations: BTreeSet<&OrganizationId> = requests.iter().map(|request| &request.organization).collect();
    let Some(latest) = requests.iter().max_by_key(|request| request.now) else { return Ok(Default::default()) };
    let standings = statements::standings(connection, &organizations, &latest.catalog).await?;
    open(connection, &mut book, requests, &standings, latest).await?;
    book.members = statements::members(connection, &members_of(requests, &book)).await?;

    let mut outcomes = Vec::with_capacity(requests.len());
    let mut new = Vec::new();
    for request in requests {
        if !standings.contains_key(&request.organization) {
            outcomes.push(Outcome::NoOrganization);
            continue;
        }
        if !book.knows_member(request) {
            outcomes.push(Outcome::NoMember);
            continue;
        }
        if let Some(known) = request.idempotency.as_ref().and_then(|idempotency| replay(&answers, idempotency)) {
            outcomes.push(known);
            continue;
        }
        let outcome = book.settle(request);
        if let (Outcome::Done(receipt), Some(idempotency)) = (&outcome, &request.idempotency) {
            answers.insert(key_of(idempotency), (idempotency.fingerprint.clone(), Receipt::clone(receipt)));
            new.push((idempotency, receipt.clone(), request.now));
        }
        outcomes.push(outcome);
    }

    statements::write(connection, &book).await?;
    statements::keep_answers(connection, new).await?;
    let used = book.used();
    let told: BTreeSet<&OrganizationId> = used.iter().map(|used| &used.organization).collect();
    changes::tell_nodes(connection, &told.into_iter().collect::<Vec<_>>()).await?;
    Ok((outcomes, used))
}

fn key_of(idempotency: &Idempotency) -> (String, String) {
    (idempotency.scope.clone(), idempotency.key.clone())
}

/// The members whose seats count: of the requests, and of what they hold.
fn members_of<'a>(requests: &'a [UsageRequest], book: &'a Book) -> BTreeSet<(&'a OrganizationId, &'a UserId)> {
    let asking = requests.iter().filter_map(|request| Some((&request.organization, request.member.as_ref()?)));
    let holding = book.reservations.values().filter_map(|held| Some((&held.key.0, held.member.as_ref()?)));
    asking.chain(holding).collect()
}

/// The first answer again, or that the key belongs to another request.
fn replay(answers: &Answers, idempotency: &Idempotency) -> Option<Outcome> {
    let (fingerprint, receipt) = answers.get(&key_of(idempotency))?;
    if *fingerprint == idempotency.fingerprint {
        Some(Outcome::Done(Box::new(receipt.clone())))
    } else {
        Some(Outcome::OtherRequest)
    }
}

/// Opens every account that the requests are about, and holds its row: in one order, so that two groups never wait
/// for each other in a ring.
async fn open(
    connection: &mut AnyConnection,
    book: &mut Book,
    requests: &[UsageRequest],
    standings: &BTreeMap<OrganizationId, Standing>,
    latest: &UsageRequest,
) -> Result<(), Error> {
    let held: BTreeSet<&str> = requests
        .iter()
        .filter_map(|request| match &request.operation {
            Operation::Confirm { reservation, .. } | Operation::Release { reservation, .. } => Some(&**reservation),
            Operation::Consume { .. } | Operation::GiveBack { .. } | Operation::Reserve { .. } => None,
        })
        .collect();
    let about = statements::reservations(connection, &held).await?;
    let mut keys: BTreeSet<Key> = about.values().map(|held| held.key.clone()).collect();
    keys.extend(requests.iter().filter_map(|request| match &request.operation {
        Operation::Consume { meter, .. } | Operation::GiveBack { meter, .. } | Operation::Reserve { meter, .. } => {
            Some((request.organization.clone(), meter.clone()))
        }
        Operation::Confirm { .. } | Operation::Release { .. } => None,
    }));
    let catalog: &Catalog = &latest.catalog;
    keys.retain(|(organization, meter)| standings.contains_key(organization) && catalog.meter(meter).is_some());

    let counters = statements::hold_counters(connection, &keys).await?;
    // Their state counts as it is now that their accounts are held.
    book.reservations = if held.is_empty() { about } else { statements::reservations(connection, &held).await? };
    let credits_held = book.reservations.values().flat_map(|held| held.taken.credits.iter().map(|(id, _)| id.as_str()));
    let mut credits = statements::credits(connection, &keys, &credits_held.collect()).await?;
    for key in keys {
        let (Some(standing), Some(meter)) = (standings.get(&key.0), catalog.meter(&key.1)) else { continue };
        let mut standing = standing.clone();
        if let Some(Some(counter)) = counters.get(&key) {
            standing.counters.insert(key.1.clone(), *counter);
        }
        standing.credits.insert(key.1.clone(), credits.remove(&key).unwrap_or_default());
        let (account, window) = standing.account(catalog, meter, latest.now);
        let (credits_before, meter) = (account.credits.clone(), meter.clone());
        book.pages.insert(key, Page { standing, meter, account, window, credits_before, changed: false, top_up: None });
    }
    Ok(())
}
