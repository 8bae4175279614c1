//! A group of requests in one transaction: read and hold, work through, write.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalog::Catalog;
use domain::entitlement::Standing;
use domain::organization::{OrganizationId, UserId};
use domain::time::Timestamp;
use sqlx::AnyConnection;

use super::book::{Book, Key, Page, Reservation, set_account};
use super::known::KnownAccounts;
use super::{Idempotency, Operation, Outcome, Receipt, UsageRequest, statements};
use crate::server::store::{Error, changes};

/// Answers that idempotency keys have had: the fingerprint of the request, and what it was answered.
type Answers = BTreeMap<(String, String), (String, Receipt)>;

/// What is known of a group's idempotency keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// Nothing: nearly all are new, so they are taken for new. Where one is not, the group fails and changes nothing.
    TakenForNew,
    /// Not all are new: each is looked up.
    LookedUp,
}

/// Settles every request, in order.
pub(super) async fn settle(
    connection: &mut AnyConnection,
    known: &KnownAccounts,
    requests: &[UsageRequest],
    keys: Keys,
) -> Result<Vec<Outcome>, Error> {
    let Some(latest) = requests.iter().max_by_key(|request| request.now) else { return Ok(Vec::new()) };
    let mut answers = match keys {
        Keys::TakenForNew => Answers::new(),
        Keys::LookedUp => statements::answers(connection, &keys_of(requests)).await?,
    };
    let mut book = open(connection, known, requests, latest).await?;
    let Worked { outcomes, receipts, not_done } = work_through(&mut book, requests, &mut answers);
    // What cannot be done now may have been done before, also by another node while this one waited for the account; it
    // keeps no receipt that its key would stand in the way of.
    if !statements::answers(connection, &not_done).await?.is_empty() {
        return Err(Error::KeyTaken);
    }
    statements::write(connection, &book).await?;
    statements::keep_answers(connection, receipts).await?;
    changes::note_used(connection, book.used()).await?;
    for standing in book.close() {
        known.put(standing);
    }
    Ok(outcomes)
}

/// What came of a group.
#[derive(Default)]
struct Worked<'a> {
    outcomes: Vec<Outcome>,
    /// Of what was done for an idempotency key.
    receipts: Vec<(&'a Idempotency, Box<Receipt>, Timestamp)>,
    /// The keys of what was not done.
    not_done: BTreeSet<(String, String)>,
}

fn work_through<'a>(book: &mut Book<'_>, requests: &'a [UsageRequest], answers: &mut Answers) -> Worked<'a> {
    let mut worked = Worked::default();
    for request in requests {
        let key = request.idempotency.as_ref();
        let outcome = if !book.standings.contains_key(&request.organization) {
            Outcome::NoOrganization
        } else if !book.knows_member(request) {
            Outcome::NoMember
        } else if let Some(known) = key.and_then(|key| replay(answers, key)) {
            known
        } else {
            let outcome = book.settle(request);
            match (&outcome, key) {
                (Outcome::Done(receipt), Some(key)) => {
                    answers.insert(key_of(key), (key.fingerprint.clone(), Receipt::clone(receipt)));
                    worked.receipts.push((key, receipt.clone(), request.now));
                }
                (_, Some(key)) => {
                    worked.not_done.insert(key_of(key));
                }
                (_, None) => {}
            }
            outcome
        };
        worked.outcomes.push(outcome);
    }
    worked
}

fn keys_of(requests: &[UsageRequest]) -> BTreeSet<(String, String)> {
    requests.iter().filter_map(|request| request.idempotency.as_ref()).map(key_of).collect()
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

/// Opens every account that the requests are about.
async fn open<'a>(
    connection: &mut AnyConnection,
    known: &KnownAccounts,
    requests: &'a [UsageRequest],
    latest: &'a UsageRequest,
) -> Result<Book<'a>, Error> {
    let catalog = &latest.catalog;
    let mut standings = standings(connection, known, requests, catalog).await?;
    let held = reservations_of(requests);
    let about = statements::reservations(connection, &held).await?;
    let holding: BTreeSet<&Key> = about.values().map(|held| &held.key).collect();
    let used = requests.iter().filter_map(|request| Some((request.organization.clone(), request.meter()?.clone())));
    let mut keys: BTreeSet<Key> = used.chain(holding.iter().map(|key| (*key).clone())).collect();
    keys.retain(|(organization, meter)| standings.contains_key(organization) && catalog.meter(meter).is_some());
    // Credits that are used up are not known, and those that are held may come back.
    let is_known = |key: &&Key| {
        let standing = standings.get(&key.0);
        !holding.contains(key) && standing.is_some_and(|standing| standing.credits.contains_key(&key.1))
    };
    let unknown = keys.iter().filter(|key| !is_known(key)).cloned().collect();
    let reservations = hold(connection, &mut standings, unknown, &held).await?;

    let mut book = Book { standings, reservations, ..Book::default() };
    for key in keys {
        let (Some(standing), Some(meter)) = (book.standings.get(&key.0), catalog.meter(&key.1)) else { continue };
        let (account, window) = standing.account(catalog, meter, latest.now);
        let counter_before = standing.counters.get(&key.1).copied();
        book.pages.insert(key, Page::new(meter, counter_before, account, window));
    }
    book.members = statements::members(connection, &members_of(requests, &book)).await?;
    Ok(book)
}

/// What is known of the organizations, read where nothing is.
async fn standings(
    connection: &mut AnyConnection,
    known: &KnownAccounts,
    requests: &[UsageRequest],
    catalog: &Catalog,
) -> Result<BTreeMap<OrganizationId, Standing>, Error> {
    let organizations: BTreeSet<&OrganizationId> = requests.iter().map(|request| &request.organization).collect();
    let mut standings: BTreeMap<_, _> =
        organizations.iter().filter_map(|id| Some(((*id).clone(), known.take(id)?))).collect();
    let unknown = organizations.into_iter().filter(|id| !standings.contains_key(id)).collect();
    standings.append(&mut statements::standings(connection, &unknown, catalog).await?);
    Ok(standings)
}

/// Holds the rows of accounts, in one order, so that two groups never wait for each other in a ring; and reads them.
/// Answers with the reservations, whose state counts as it is now that their accounts are held.
async fn hold(
    connection: &mut AnyConnection,
    standings: &mut BTreeMap<OrganizationId, Standing>,
    accounts: BTreeSet<Key>,
    held: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Reservation>, Error> {
    let counters = statements::hold_counters(connection, &accounts).await?;
    let reservations = statements::reservations(connection, held).await?;
    let credits_held = reservations.values().flat_map(|held| held.taken.credits.iter().map(|(id, _)| id.as_str()));
    let mut credits = statements::credits(connection, &accounts, &credits_held.collect()).await?;
    for key in accounts {
        let Some(standing) = standings.get_mut(&key.0) else { continue };
        let credits = credits.remove(&key).unwrap_or_default();
        set_account(standing, key.1.clone(), counters.get(&key).copied().flatten(), credits);
    }
    Ok(reservations)
}

/// The reservations that the requests are about.
fn reservations_of(requests: &[UsageRequest]) -> BTreeSet<&str> {
    requests
        .iter()
        .filter_map(|request| match &request.operation {
            Operation::Confirm { reservation, .. } | Operation::Release { reservation, .. } => Some(&**reservation),
            Operation::Consume { .. } | Operation::GiveBack { .. } | Operation::Reserve { .. } => None,
        })
        .collect()
}
