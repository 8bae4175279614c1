//! Which Stripe price stands for what in the catalogue.

use domain::plan::{PackId, Period, PlanId};

/// Which Stripe price stands for which plan and period, and for which pack.
#[derive(Clone, Debug, Default)]
pub struct PriceIds {
    pub(super) plans: Vec<(PlanId, Period, String)>,
    pub(super) packs: Vec<(PackId, String)>,
}

impl PriceIds {
    /// The Stripe price of a plan for a period.
    pub fn price(&self, plan: &PlanId, period: Period) -> Option<&str> {
        self.plans.iter().find(|(p, per, _)| p == plan && *per == period).map(|(_, _, id)| id.as_str())
    }

    /// The Stripe price of a pack.
    pub fn pack(&self, pack: &PackId) -> Option<&str> {
        self.packs.iter().find(|(id, _)| id == pack).map(|(_, price)| price.as_str())
    }

    /// The plan and period that a Stripe price stands for.
    pub fn plan(&self, price: &str) -> Option<(&PlanId, Period)> {
        self.plans.iter().find(|(_, _, id)| id == price).map(|(plan, period, _)| (plan, *period))
    }
}
