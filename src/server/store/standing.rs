//! What is known of organizations, in memory: what entitlements are answered from on every request. An entry is
//! dropped as soon as something it was made from changes, so the next answer is made from what is stored.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use domain::access::Reason;
use domain::catalog::Catalog;
use domain::entitlement::Standing;
use domain::organization::{Kind, OrganizationId};
use domain::plan::{FeatureId, MeterId, PlanId};
use domain::time::Timestamp;
use domain::usage::{Counter, Credits};
use domain::window::{PaidPeriod, Zone};
use quick_cache::sync::Cache;
use serde::Deserialize;
use sqlx::{AnyConnection, AssertSqlSafe, FromRow};
use tokio::sync::OnceCell;

use super::seats::{self, Members, SeatedMember};
use super::top_ups::read_rules;
use super::{Error, Store};

/// How many organizations are kept; a few hundred bytes each.
const KEPT: usize = 50_000;
/// How long an entry may be used where other nodes write too: should a message be lost, so long.
const AT_MOST: Duration = Duration::from_secs(5);

/// The memory; cheap to clone.
#[derive(Clone)]
pub(super) struct Standings(Arc<Memory>);

struct Memory {
    entries: Cache<OrganizationId, Entry>,
    /// Whether nobody else writes to the database.
    alone: bool,
    /// Whether this process hears what others write.
    hears: AtomicBool,
}

#[derive(Clone)]
struct Entry {
    standing: Arc<RwLock<Arc<Standing>>>,
    /// Read when somebody first asks about one of them.
    members: Arc<OnceCell<Members>>,
    made: Instant,
}

impl Entry {
    fn new(standing: Arc<Standing>, made: Instant) -> Self {
        Self { standing: Arc::new(RwLock::new(standing)), members: Arc::default(), made }
    }

    fn standing(&self) -> Arc<Standing> {
        // What is behind the lock is replaced whole: whoever panicked has not left half of it.
        Arc::clone(&self.standing.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Standings {
    /// `alone`: no other process writes to the database.
    pub(super) fn new(alone: bool) -> Self {
        Self(Arc::new(Memory { entries: Cache::new(KEPT), alone, hears: AtomicBool::new(alone) }))
    }

    /// Something that an entry was made from has changed. One that is being made is not kept.
    pub(super) fn forget(&self, organization: &OrganizationId) {
        self.0.entries.remove(organization);
    }

    /// Puts the new counter and credits of a meter in. Whatever is being made meanwhile is not kept.
    pub(super) fn used(&self, organization: &OrganizationId, meter: &MeterId, counter: Counter, credits: &[Credits]) {
        let Some(entry) = self.0.entries.peek(organization) else { return self.forget(organization) };
        // In place: an entry that was dropped since, and made again from what is stored, is not overwritten.
        let mut held = entry.standing.write().unwrap_or_else(PoisonError::into_inner);
        let standing = Arc::make_mut(&mut held);
        standing.counters.insert(meter.clone(), counter);
        standing.credits.insert(meter.clone(), credits.to_vec());
    }

    /// Another process has written: everything is read again.
    pub(super) fn forget_all(&self) {
        self.0.entries.clear();
    }

    /// What others write is heard from now on.
    pub(super) fn hears(&self) {
        self.0.entries.clear();
        self.0.hears.store(true, Ordering::Release);
    }

    /// What others write is not heard: nothing in memory can be trusted.
    pub(super) fn deaf(&self) {
        self.0.hears.store(false, Ordering::Release);
        self.0.entries.clear();
    }

    fn is_fresh(&self, entry: &Entry) -> bool {
        self.0.alone || (self.0.hears.load(Ordering::Acquire) && entry.made.elapsed() < AT_MOST)
    }
}

/// The columns of a [`StandingRow`].
pub(super) const STANDING: &str =
    "id, kind, subscription_tier, tier_reason, tier_review_at, subscribed_plan, paid_from,
    paid_until, time_zone, top_ups";

#[derive(FromRow, Deserialize)]
pub(super) struct StandingRow {
    pub(super) id: String,
    kind: String,
    subscription_tier: String,
    tier_reason: String,
    tier_review_at: Option<i64>,
    subscribed_plan: Option<String>,
    paid_from: Option<i64>,
    paid_until: Option<i64>,
    time_zone: Option<String>,
    top_ups: Option<String>,
}

impl StandingRow {
    /// Without what was counted, and without seats.
    pub(super) fn read(self) -> Result<Standing, Error> {
        let unreadable = |value: &str| Error::Unreadable { table: "organizations", value: value.to_owned() };
        let plan = |id: &str| PlanId::parse(id).map_err(|_| unreadable(id));
        Ok(Standing {
            kind: Kind::parse(&self.kind).ok_or_else(|| unreadable(&self.kind))?,
            tier: plan(&self.subscription_tier)?,
            reason: Reason::parse(&self.tier_reason).ok_or_else(|| unreadable(&self.tier_reason))?,
            until: self.tier_review_at.map(Timestamp),
            subscribed: self.subscribed_plan.as_deref().map(plan).transpose()?,
            paid: self
                .paid_from
                .zip(self.paid_until)
                .map(|(start, end)| PaidPeriod { start: Timestamp(start), end: Timestamp(end) }),
            zone: self
                .time_zone
                .as_deref()
                .map_or_else(|| Ok(Zone::default()), |name| Zone::parse(name).map_err(|_| unreadable(name)))?,
            organization: OrganizationId(self.id),
            granted: Vec::new(),
            counters: BTreeMap::new(),
            credits: BTreeMap::new(),
            top_ups: read_rules(self.top_ups.as_deref())?,
            seats: Vec::new(),
        })
    }
}

/// The columns of a [`CounterRow`].
pub(super) const COUNTER: &str =
    "organization_id, meter, window_start, included, used, from_credits, reserved, carried, warned";

#[derive(FromRow, Deserialize)]
pub(super) struct CounterRow {
    pub(super) organization_id: String,
    pub(super) meter: String,
    window_start: i64,
    included: i64,
    used: i64,
    from_credits: i64,
    reserved: i64,
    carried: i64,
    warned: i64,
}

impl CounterRow {
    /// `None` for a row that was only made to be held.
    pub(super) fn read(&self) -> Result<Option<Counter>, Error> {
        if self.window_start < 0 {
            return Ok(None);
        }
        Ok(Some(Counter {
            window_start: self.window_start,
            included: number(self.included)?,
            used: number(self.used)?,
            from_credits: number(self.from_credits)?,
            reserved: number(self.reserved)?,
            carried: number(self.carried)?,
            warned: u32::try_from(self.warned).map_err(|_| negative(self.warned))?,
        }))
    }
}

/// The columns of a [`GrantRow`].
pub(super) const GRANT: &str = "id, organization_id, feature, meter, remaining, expires_at";

#[derive(FromRow, Deserialize)]
pub(super) struct GrantRow {
    pub(super) id: String,
    pub(super) organization_id: String,
    pub(super) feature: Option<String>,
    pub(super) meter: Option<String>,
    pub(super) remaining: i64,
    pub(super) expires_at: Option<i64>,
}

impl GrantRow {
    pub(super) fn credits(&self) -> Result<Credits, Error> {
        Ok(Credits { id: self.id.clone(), left: number(self.remaining)?, expires_at: self.expires_at.map(Timestamp) })
    }
}

pub(super) fn number(stored: i64) -> Result<u64, Error> {
    u64::try_from(stored).map_err(|_| negative(stored))
}

fn negative(stored: i64) -> Error {
    Error::Unreadable { table: "usage_counters", value: stored.to_string() }
}

impl Store {
    /// What is known of an organization, as it is now; `None` where there is no such organization.
    pub async fn standing(
        &self,
        organization: &OrganizationId,
        catalog: &Catalog,
    ) -> Result<Option<Arc<Standing>>, Error> {
        Ok(self.entry(organization, catalog).await?.map(|entry| entry.standing()))
    }

    /// A member of an organization, by our id or by the provider's name for them; `None` where there is no such member.
    pub async fn member(
        &self,
        organization: &OrganizationId,
        user: &str,
        issuer: &str,
        catalog: &Catalog,
    ) -> Result<Option<SeatedMember>, Error> {
        let Some(entry) = self.entry(organization, catalog).await? else { return Ok(None) };
        let read = async || {
            let mut connection = self.pool.acquire().await?;
            seats::members(&mut connection, organization, issuer).await
        };
        Ok(entry.members.get_or_try_init(read).await?.get(user).cloned())
    }

    async fn entry(&self, organization: &OrganizationId, catalog: &Catalog) -> Result<Option<Entry>, Error> {
        let standings = &self.changes.standings;
        if let Some(entry) = standings.0.entries.get(organization) {
            if standings.is_fresh(&entry) {
                return Ok(Some(entry));
            }
            standings.forget(organization);
        }
        match standings.0.entries.get_value_or_guard_async(organization).await {
            Ok(entry) => Ok(Some(entry)),
            Err(guard) => {
                let made = Instant::now();
                let mut connection = self.pool.acquire().await?;
                let Some(standing) = load(&mut connection, organization, catalog).await? else { return Ok(None) };
                let entry = Entry::new(Arc::new(standing), made);
                // Refused where something changed in the meantime: then nobody else gets this one.
                drop(guard.insert(entry.clone()));
                Ok(Some(entry))
            }
        }
    }
}

/// All of it, as it is stored now.
pub(super) async fn load(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    catalog: &Catalog,
) -> Result<Option<Standing>, Error> {
    let row: Option<StandingRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {STANDING} FROM organizations WHERE id = $1 AND deleted_at IS NULL"
    )))
    .bind(&organization.0)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let mut standing = row.read()?;
    standing.seats = seats::held(connection, catalog, organization, standing.kind).await?;
    let counters: Vec<CounterRow> =
        sqlx::query_as(AssertSqlSafe(format!("SELECT {COUNTER} FROM usage_counters WHERE organization_id = $1")))
            .bind(&organization.0)
            .fetch_all(&mut *connection)
            .await?;
    for row in counters {
        let meter = meter_id(&row.meter)?;
        if let Some(counter) = row.read()? {
            standing.counters.insert(meter, counter);
        }
    }
    let grants: Vec<GrantRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {GRANT} FROM grants WHERE organization_id = $1 AND (remaining > 0 OR feature IS NOT NULL)"
    )))
    .bind(&organization.0)
    .fetch_all(connection)
    .await?;
    for row in grants {
        if let Some(meter) = &row.meter {
            standing.credits.entry(meter_id(meter)?).or_default().push(row.credits()?);
        }
        if let Some(feature) = &row.feature {
            let feature =
                FeatureId::parse(feature).map_err(|_| Error::Unreadable { table: "grants", value: feature.clone() })?;
            standing.granted.push((feature, row.expires_at.map(Timestamp)));
        }
    }
    Ok(Some(standing))
}

pub(super) fn meter_id(name: &str) -> Result<MeterId, Error> {
    MeterId::parse(name).map_err(|_| Error::Unreadable { table: "usage_counters", value: name.to_owned() })
}
