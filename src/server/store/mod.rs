//! The only SQL. One text serves SQLite and PostgreSQL; nothing outside this folder knows which of them is running.
//!
//! Reads go to a pool. Writes go through [`Store::write`], which is a transaction on either engine and, on SQLite, a
//! place in the next group commit; only deliveries have a way of their own on PostgreSQL (`arrivals.rs`). Every query
//! about a customer's data takes the organization it is for. A transaction that writes an organization's rows locks the
//! organization first (and the customer before it, where it links or deletes one): in one order nobody waits for each
//! other in a ring.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use domain::time::Timestamp;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Executor};
use tokio::task::JoinHandle;
use uuid::ContextV7;

use self::api_keys::Keys;
use self::arrivals::Entrance;
use self::changes::Changes;
use self::checkpoints::Checkpoints;
use self::standing::Standings;
use self::tasks::WritingTasks;
use self::usage::{KnownAccounts, Till};
use self::writer::{Work, Writer};
use super::live::Live;

mod about;
mod accounts;
mod actions;
mod api_keys;
mod arrivals;
mod audit;
mod changes;
mod checkouts;
mod checkpoints;
mod customers;
mod disputes;
mod event_log;
mod events;
mod gathering;
mod grants;
mod invitations;
mod invoices;
mod mails;
mod members;
mod names;
mod own_connection;
mod people;
mod plan_changes;
mod plan_grants;
mod reconciliations;
mod refunds;
mod rows;
mod sales;
mod seats;
mod sessions;
mod settled;
mod standing;
mod subscriptions;
mod sync;
mod tasks;
mod time_zone;
mod told;
mod top_ups;
mod usage;
mod writer;

pub use accounts::{Identity, Membership};
pub use api_keys::{ApiKey, Kept, KeyAccess, ListedKey, NewKey};
pub use audit::{About, Action, Actor, AuditEntry, AuditFilter, By, TimelineEntry};
pub use checkouts::{Checkout, CheckoutTerms};
pub use disputes::DisputeRow;
pub use event_log::LoggedEvent;
pub use events::{Arrival, Decision, Fault, InboxEvent};
pub use grants::{Granted, NewGrant};
pub use invitations::{InviteRefusal, NewInvitation, StoredInvitation};
pub use invoices::{Consequence, ToldInvoice};
pub use mails::{Mail, NewMail, NewWarning};
pub use members::{Member, TeamRefusal, TeamResult};
pub use people::LeavingRefusal;
pub use plan_changes::PlanChange;
pub use plan_grants::NewPlanGrant;
pub use reconciliations::Task;
pub use refunds::{PaidBack, Weighed};
pub use sales::{NewSalesRequest, SalesRequest, Taken};
pub use seats::{SeatRefusal, SeatedMember};
pub use sessions::{SessionTable, session_name};
pub use settled::Settled;
pub use sync::{Decide, Moment};
pub use told::{Cause, Reading, Synced, Told, Version};
pub use top_ups::{Reserved, TopUp, TopUpSetting, TopUpTerms};
pub use usage::{Idempotency, LedgerEntry, LedgerLine, Operation, Outcome, Receipt, UsageRequest};

/// Why a read or a write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused or is away.
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The thread that writes could not be started.
    #[error("the thread that writes could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// A row holds something that this version cannot read.
    #[error("{table} holds `{value}`, which this version cannot read")]
    Unreadable {
        /// Where.
        table: &'static str,
        /// What.
        value: String,
    },
    /// An idempotency key was used before, which has to be looked up; nothing was kept.
    #[error("an idempotency key was used before")]
    KeyTaken,
    /// The group that this write was in could not be committed; nothing of it was kept.
    #[error("the commit failed: {0}")]
    Commit(String),
    /// The process is stopping.
    #[error("the store is closed")]
    Closed,
}

/// A handle on the database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    writer: Writer,
    entrance: Entrance,
    till: Till,
    changes: Changes,
    keys: Arc<Keys>,
    /// Hears other nodes, on PostgreSQL; on SQLite, brings the log into the file.
    background: Arc<Background>,
}

/// A task that ends with the store at the latest.
#[derive(Debug)]
struct Background(JoinHandle<()>);

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Store {
    /// Opens the database and brings its schema up to date. `url` is `sqlite://…` or `postgres://…`.
    /// `live` is told of every organization that is changed.
    pub async fn open(url: &str, live: Live) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let sqlite = url.starts_with("sqlite:");
        let options: AnyConnectOptions = url.parse()?;
        let pool = pool_options(sqlite).connect_with(options.clone()).await?;
        sqlx::migrate!("./migrations").run(&pool).await?;
        let changes = Changes::new(Standings::new(sqlite), KnownAccounts::new(sqlite), live);
        let checkpoints = Checkpoints::default();
        let tasks = if sqlite { WritingTasks::on_own_thread()? } else { WritingTasks::among_others() };
        let writer = if sqlite {
            let connection = writers_options(changes.clone()).connect_with(options).await?;
            Writer::grouped(&tasks, connection, changes.clone(), checkpoints.clone())
        } else {
            Writer::pooled(pool.clone(), changes.clone())
        };
        let background = if sqlite { checkpoints.run(pool.clone()) } else { changes.listen(url) };
        let entrance = Entrance::open(&tasks, writer.clone());
        let till = Till::open(&tasks, writer.clone(), changes.clone());
        Ok(Self {
            pool,
            writer,
            entrance,
            till,
            changes,
            keys: Arc::default(),
            background: Arc::new(Background(background)),
        })
    }

    /// Runs `work` in one transaction: all of it is kept, durably, or nothing.
    async fn write<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: Work<T>,
    {
        self.writer.write(work).await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Waits for writes under way and closes every connection.
    pub async fn close(&self) {
        self.background.0.abort();
        self.entrance.close().await;
        self.till.close().await;
        self.writer.close().await;
        self.pool.close().await;
    }
}

fn pool_options(sqlite: bool) -> AnyPoolOptions {
    let options = AnyPoolOptions::new().max_connections(16).acquire_timeout(Duration::from_secs(10));
    options.after_connect(move |connection, _| {
        Box::pin(async move {
            if sqlite {
                return prepare_sqlite(connection).await;
            }
            // As long as SQLite waits: whoever waits for a lock is answered while there is somebody to answer.
            connection.execute("SET lock_timeout = '10s'").await?;
            // Events are large, and storing them waits for their compression: the fast one, where the server has it.
            let compress = "SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_settings
                            WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)";
            connection.execute(compress).await.map(drop)
        })
    })
}

/// A connection of the writer's own: it never waits behind readers for a place in the pool. It stays open: only the
/// same connection can say whether others have written since it last looked. A new one knows of nothing.
fn writers_options(changes: Changes) -> AnyPoolOptions {
    let options = pool_options(true).max_connections(1).max_lifetime(None).idle_timeout(None);
    options.after_connect(move |connection, _| {
        changes.forget_all();
        Box::pin(prepare_sqlite(connection))
    })
}

/// WAL lets readers work beside the writer; FULL makes a commit survive a power cut, which is what 2xx promises.
async fn prepare_sqlite(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    for pragma in [
        "PRAGMA busy_timeout = 10000",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        // 64 MiB. Before that it is brought into the file beside the writing, as a rule; here whoever commits waits.
        "PRAGMA wal_autocheckpoint = 16000",
        // A savepoint keeps pages as they were: in memory, not in a file that is made and removed for every group.
        "PRAGMA temp_store = MEMORY",
        "PRAGMA foreign_keys = ON",
    ] {
        connection.execute(pragma).await?;
    }
    Ok(())
}

/// A new identifier that sorts by the time it was made: `org_0197…`.
fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::now_v7().simple())
}

/// An identifier in the order of the moment that it is about, which is not the machine's in the sandbox.
fn id_at(prefix: &str, at: Timestamp) -> String {
    let seconds = u64::try_from(at.0).unwrap_or_default();
    let moment = uuid::Timestamp::from_unix(&*IN_ORDER, seconds, 0);
    format!("{prefix}_{}", uuid::Uuid::new_v7(moment).simple())
}

/// Counts within a second, so that ids of the same second are in the order of their making.
static IN_ORDER: LazyLock<Mutex<ContextV7>> = LazyLock::new(Mutex::default);

/// No identifier of that moment, or of a later one, is less.
fn first_id_at(prefix: &str, at: Timestamp) -> String {
    let milliseconds = u64::try_from(at.0).unwrap_or_default() * 1000;
    format!("{prefix}_{milliseconds:012x}")
}
