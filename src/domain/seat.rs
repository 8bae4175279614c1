//! Seats: what a team's plan unlocks for a member with one, in the team and in the person's own organization, and what
//! is left for a member without.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::Reason;
use crate::catalog::Catalog;
use crate::entitlement::Standing;
use crate::organization::{Kind, OrganizationId};
use crate::plan::{Limit, MeterId, Plan, PlanId};
use crate::time::Timestamp;

/// A seat that a person has in a team, as the person's own organization knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The team.
    pub organization: OrganizationId,
    /// What it is called.
    pub name: String,
    /// Its stored tier.
    pub tier: PlanId,
    /// Why it is that.
    pub reason: Reason,
    /// When time alone changes that tier.
    pub until: Option<Timestamp>,
}

/// Where something comes from that a person has through a seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The team.
    pub organization: String,
    /// What it is called.
    pub name: String,
    /// Its plan.
    pub plan: PlanId,
}

impl Seat {
    /// Where it is.
    pub fn source(&self) -> Source {
        Source { organization: self.organization.0.clone(), name: self.name.clone(), plan: self.tier.clone() }
    }

    /// What it unlocks: nothing once the team's plan has no seats any more.
    pub fn plan<'a>(&self, catalog: &'a Catalog) -> Option<&'a Plan> {
        catalog.plan(&self.tier).filter(|plan| plan.seats.is_some())
    }
}

impl Standing {
    /// The same for one member: as it is for whoever has a seat, and where there are none; without a seat the free
    /// plan counts. What was counted and what was given on top belong to all.
    pub fn of_member(&self, catalog: &Catalog, seated: bool) -> Cow<'_, Self> {
        let has_seats = catalog.plan(&self.tier).is_some_and(|plan| plan.seats.is_some());
        if seated || !has_seats || self.kind == Kind::Personal {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self {
            tier: catalog.free_plan.clone(),
            reason: Reason::NoSeat,
            until: None,
            subscribed: Some(self.tier.clone()),
            ..self.clone()
        })
    }

    /// How much of a meter there is: the most that the plan or a seat includes.
    pub fn limit(&self, catalog: &Catalog, meter: &MeterId) -> Limit {
        self.more_by_seat(catalog, meter).map_or_else(|| catalog.limit(&self.tier, meter), |(_, limit)| limit)
    }

    /// The seat that gives more of a meter than the plan and every other seat. What is equal comes from the plan.
    pub fn more_by_seat(&self, catalog: &Catalog, meter: &MeterId) -> Option<(&Seat, Limit)> {
        let mut most = catalog.limit(&self.tier, meter);
        let mut from = None;
        for seat in self.seats.iter().filter(|seat| seat.plan(catalog).is_some()) {
            let limit = catalog.limit(&seat.tier, meter);
            if !most.covers(limit) {
                (most, from) = (limit, Some((seat, limit)));
            }
        }
        from
    }
}
