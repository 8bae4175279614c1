//! What a transaction changes of an organization. Whoever changes something notes it where it is written; once the
//! transaction is over, before anybody is answered, what memory holds of the organization is dropped and open pages
//! are told. Other nodes hear of it from PostgreSQL.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use domain::organization::OrganizationId;
use sqlx::AnyConnection;
use sqlx::postgres::PgListener;
use tokio::task::JoinHandle;

use super::Error;
use super::standing::Standings;
use super::usage::{KnownAccounts, Used};
use crate::server::live::Live;

/// Where nodes tell each other.
const CHANNEL: &str = "billhook_changes";
/// PostgreSQL takes a little less than 8,000 bytes in one message.
const MESSAGE: usize = 100;
/// How long to wait before listening again where that failed.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

tokio::task_local! {
    static NOTED: Noted;
}

/// What the transaction under way has noted.
struct Noted {
    node: Arc<str>,
    changed: RefCell<Changed>,
}

/// What a transaction has changed, to be told when it is over.
#[derive(Debug, Default)]
pub(super) struct Changed {
    organizations: Vec<OrganizationId>,
    used: Vec<Used>,
}

/// Whom to tell; cheap to clone.
#[derive(Clone)]
pub(super) struct Changes {
    node: Arc<str>,
    pub(super) standings: Standings,
    pub(super) accounts: KnownAccounts,
    live: Live,
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Changes")
    }
}

impl Changes {
    pub(super) fn new(standings: Standings, accounts: KnownAccounts, live: Live) -> Self {
        Self { node: uuid::Uuid::new_v4().simple().to_string().into(), standings, accounts, live }
    }

    /// Runs a piece of writing and answers with what it noted. What the till kept of that is dropped at once: the next
    /// piece of the same transaction may be the till's.
    pub(super) async fn watch<T>(&self, work: impl Future<Output = T>) -> (T, Changed) {
        let noted = Noted { node: Arc::clone(&self.node), changed: RefCell::default() };
        NOTED
            .scope(noted, async {
                let value = work.await;
                let changed = NOTED.with(|noted| noted.changed.take());
                for organization in &changed.organizations {
                    self.accounts.forget(organization);
                }
                (value, changed)
            })
            .await
    }

    /// Another process has written: nothing that is in memory can be trusted.
    pub(super) fn forget_all(&self) {
        self.standings.forget_all();
        self.accounts.forget_all();
    }

    /// The transaction is over. The writer tells in the order of its pieces: what somebody has read since is not put
    /// back to what an earlier one left.
    pub(super) fn tell(&self, changed: &Changed, committed: bool) {
        self.changed(&changed.organizations);
        for used in changed.used.iter().filter(|_| committed) {
            self.standings.used(&used.organization, &used.meter, used.counter, &used.credits);
        }
    }

    fn changed(&self, organizations: &[OrganizationId]) {
        for organization in organizations {
            self.standings.forget(organization);
            self.live.changed(organization);
        }
    }

    /// Listens to other nodes until the task is aborted.
    pub(super) fn listen(&self, url: &str) -> JoinHandle<()> {
        let (changes, url) = (self.clone(), url.to_owned());
        tokio::spawn(async move {
            loop {
                if let Err(error) = changes.hear(&url).await {
                    tracing::warn!(%error, "other nodes cannot be heard; nothing is kept in memory meanwhile");
                }
                changes.standings.deaf();
                tokio::time::sleep(LISTEN_AGAIN).await;
            }
        })
    }

    async fn hear(&self, url: &str) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect(url).await?;
        // Connecting again in silence would hide what was said in between.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        self.standings.hears();
        while let Some(message) = listener.try_recv().await? {
            let Some((node, organizations)) = message.payload().split_once(' ') else { continue };
            if node != &*self.node {
                let organizations: Vec<_> = organizations.split(' ').map(|id| OrganizationId(id.to_owned())).collect();
                self.changed(&organizations);
            }
        }
        Ok(())
    }
}

/// Notes that the transaction under way changes what is known of an organization.
pub(super) async fn note(connection: &mut AnyConnection, organization: &OrganizationId) -> Result<(), Error> {
    // Outside of a write there is no change.
    NOTED.try_with(|noted| noted.changed.borrow_mut().organizations.push(organization.clone())).ok();
    tell_nodes(connection, &[organization]).await
}

/// Notes how meters stand after the transaction under way.
pub(super) async fn note_used(connection: &mut AnyConnection, used: Vec<Used>) -> Result<(), Error> {
    let organizations: BTreeSet<&OrganizationId> = used.iter().map(|used| &used.organization).collect();
    tell_nodes(connection, &organizations.into_iter().collect::<Vec<_>>()).await?;
    NOTED.try_with(|noted| noted.changed.borrow_mut().used.extend(used)).ok();
    Ok(())
}

/// Tells the other nodes, once the transaction is committed.
async fn tell_nodes(connection: &mut AnyConnection, organizations: &[&OrganizationId]) -> Result<(), Error> {
    if connection.backend_name() != "PostgreSQL" {
        return Ok(());
    }
    let node = NOTED.try_with(|noted| Arc::clone(&noted.node)).unwrap_or_else(|_| "".into());
    for some in organizations.chunks(MESSAGE) {
        let ids: Vec<&str> = some.iter().map(|id| id.0.as_str()).collect();
        sqlx::query("SELECT pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(format!("{node} {}", ids.join(" ")))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
