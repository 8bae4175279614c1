//! What the till knows of accounts from one group to the next, so that a busy account is read once and then only
//! written. Only on SQLite, where a transaction is alone and sees whether anybody else has written, and only as a
//! transaction of the writer sees it: what is kept is dropped before the next piece of writing runs, as soon as another
//! piece has changed the organization, another process has written, or a commit has failed.

use std::fmt;
use std::sync::Arc;

use domain::entitlement::Standing;
use domain::organization::OrganizationId;
use quick_cache::sync::Cache;

/// How many organizations are kept; a few hundred bytes each.
const ORGANIZATIONS: usize = 50_000;

/// Standings by their organization, with the counters and credits of the meters that are known; cheap to clone.
#[derive(Clone)]
pub(in crate::server::store) struct KnownAccounts(Option<Arc<Cache<OrganizationId, Standing>>>);

impl fmt::Debug for KnownAccounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownAccounts")
    }
}

impl KnownAccounts {
    /// `alone`: a transaction sees whether anybody else has written. Otherwise nothing is kept.
    pub(in crate::server::store) fn new(alone: bool) -> Self {
        Self(alone.then(|| Arc::new(Cache::new(ORGANIZATIONS))))
    }

    /// Takes out what is known: a group that fails leaves nothing behind.
    pub(super) fn take(&self, organization: &OrganizationId) -> Option<Standing> {
        self.0.as_ref()?.remove(organization).map(|(_, standing)| standing)
    }

    /// Keeps it for the next group.
    pub(super) fn put(&self, standing: Standing) {
        if let Some(kept) = &self.0 {
            kept.insert(standing.organization.clone(), standing);
        }
    }

    /// Something else has been written about an organization.
    pub(in crate::server::store) fn forget(&self, organization: &OrganizationId) {
        if let Some(kept) = &self.0 {
            kept.remove(organization);
        }
    }

    /// Nothing that is known can be trusted.
    pub(in crate::server::store) fn forget_all(&self) {
        if let Some(kept) = &self.0 {
            kept.clear();
        }
    }
}
