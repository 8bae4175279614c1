//! Tells pages that are open elsewhere that they are out of date.
//!
//! Every organization has a revision that goes up with each change a page could show. This process tells its own
//! listeners at once; what another node changed is seen by looking at the revision now and then.

use domain::organization::OrganizationId;
use tokio::sync::broadcast;

/// How many changes a slow listener may be behind before it is told to look for itself.
const BACKLOG: usize = 256;

/// Who waits for changes.
#[derive(Clone, Debug)]
pub struct Live(broadcast::Sender<OrganizationId>);

impl Default for Live {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Live {
    /// An organization's pages are out of date.
    pub fn changed(&self, organization: &OrganizationId) {
        // Nobody may be listening.
        drop(self.0.send(organization.clone()));
    }

    /// Begins to listen.
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

/// Waits for changes.
#[derive(Debug)]
pub struct Listener(broadcast::Receiver<OrganizationId>);

impl Listener {
    /// Returns when the organization may have changed.
    pub async fn changed(&mut self, organization: &OrganizationId) {
        loop {
            match self.0.recv().await {
                Ok(changed) if changed == *organization => return,
                Ok(_) => {}
                // Missed some: perhaps ours.
                Err(broadcast::error::RecvError::Lagged(_)) => return,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
