//! What an organization's time line can say: every action with what is kept of it.

use domain::access::Reason;
use domain::plan::{Period, PlanId};
use domain::role::Role;
use domain::subscription::{NextTerms, PendingChange, Status, Subscription};
use domain::time::Timestamp;
use domain::top_up::Pause;
use serde::Serialize;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// A subscription came into being or is not what it was.
    Subscription {
        /// Which.
        subscription: String,
        /// How it stood before, `None` for a new one.
        before: Option<Box<Standing>>,
        /// How it stands now.
        after: Box<Standing>,
    },
    /// The tier changed.
    Tier {
        /// The tier before.
        before: PlanId,
        /// The tier after.
        after: PlanId,
        /// Why.
        reason: Reason,
    },
    /// Somebody was sent to pay.
    CheckoutStarted {
        /// For what.
        plan: PlanId,
        /// How often it is charged.
        period: Period,
        /// How many seats.
        quantity: u32,
    },
    /// Somebody was sent to Stripe's customer portal.
    PortalOpened,
    /// Somebody asked for the end at the end of what is paid.
    CancelRequested {
        /// Why, in one of Stripe's words.
        feedback: Option<String>,
        /// Why, in their own.
        comment: Option<String>,
    },
    /// Somebody took a scheduled end back.
    Reactivated,
    /// Somebody confirmed a change.
    ChangeRequested {
        /// To which plan.
        plan: PlanId,
        /// How often it is charged.
        period: Period,
        /// How many seats.
        quantity: u32,
        /// `now` or `period_end`.
        timing: domain::change::Timing,
    },
    /// Somebody took a scheduled change back.
    ChangeUndone,
    /// Somebody ended the subscription at once.
    EndedNow,
    /// A payment was disputed, or the dispute is over.
    Dispute {
        /// Which.
        dispute: String,
        /// Stripe's word before.
        before: Option<String>,
        /// Stripe's word now.
        after: String,
    },
    /// A pack was paid back, and what was left of its credits went with it.
    TakenBack {
        /// Which grant.
        grant: String,
        /// The meter.
        meter: String,
        /// How much of it was taken.
        amount: i64,
        /// How much is left.
        left: i64,
        /// The payment.
        charge: String,
    },
    /// A refund of a pack failed, and what it had taken is there again.
    BroughtBack {
        /// Which grant.
        grant: String,
        /// The meter.
        meter: String,
        /// How much of it came back.
        amount: i64,
        /// How much is left.
        left: i64,
        /// The payment.
        charge: String,
    },
    /// Something was given on top of the plan.
    Granted {
        /// Which.
        grant: String,
        /// The feature.
        #[serde(skip_serializing_if = "Option::is_none")]
        feature: Option<String>,
        /// The meter.
        #[serde(skip_serializing_if = "Option::is_none")]
        meter: Option<String>,
        /// How much of it.
        amount: i64,
        /// Why.
        reason: String,
        /// When it ends.
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
    },
    /// An operator granted a plan.
    PlanGranted {
        /// Which.
        plan: PlanId,
        /// Why.
        reason: String,
        /// When it ends.
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
    },
    /// An operator took a granted plan back.
    PlanRevoked {
        /// Which.
        plan: PlanId,
        /// Why.
        reason: String,
    },
    /// Somebody was sent to pay for a pack.
    PackCheckoutStarted {
        /// Which.
        pack: String,
    },
    /// Stripe's customer was deleted.
    CustomerDeleted {
        /// Which.
        customer: String,
    },
    /// Somebody made a key for a service.
    KeyMade {
        /// Which.
        key: String,
        /// What it is called.
        name: String,
        /// `read` or `write`.
        access: &'static str,
    },
    /// Somebody revoked a key.
    KeyRevoked {
        /// Which.
        key: String,
    },
    /// Somebody made the organization.
    OrganizationMade {
        /// What it is called.
        name: String,
    },
    /// The organization has another name.
    Renamed {
        /// The name before.
        before: String,
        /// The name now.
        after: String,
    },
    /// Somebody deleted the organization.
    OrganizationDeleted {
        /// What it was called.
        name: String,
    },
    /// Somebody was invited.
    MemberInvited {
        /// Who.
        email: String,
        /// As what.
        role: Role,
    },
    /// An invitation was sent again.
    InvitationSentAgain {
        /// Whose.
        email: String,
    },
    /// An invitation was taken back.
    InvitationRevoked {
        /// Whose.
        email: String,
    },
    /// Somebody accepted an invitation.
    MemberJoined {
        /// As what.
        role: Role,
    },
    /// A member is something else now.
    RoleChanged {
        /// Who.
        member: String,
        /// What they were.
        before: Role,
        /// What they are.
        after: Role,
    },
    /// A member was removed.
    MemberRemoved {
        /// Who.
        member: String,
        /// What they were.
        role: Role,
    },
    /// A member left.
    MemberLeft,
    /// A member was given a seat.
    SeatAssigned {
        /// Who.
        member: String,
    },
    /// A member's seat was taken back.
    SeatTakenBack {
        /// Whose.
        member: String,
    },
    /// Another member is the owner.
    OwnershipTransferred {
        /// Who.
        to: String,
    },
    /// Days and months begin elsewhere.
    TimeZone {
        /// The zone before.
        before: String,
        /// The zone now.
        after: String,
    },
    /// Somebody turned an automatic top-up on, or changed its terms.
    TopUpOn {
        /// Of which meter.
        meter: String,
        /// What is bought.
        pack: String,
        /// When less than this is left.
        threshold: u64,
        /// The most in a calendar month, minor units.
        cap: i64,
        /// What that is in.
        currency: String,
    },
    /// Somebody turned an automatic top-up off.
    TopUpOff {
        /// Of which meter.
        meter: String,
    },
    /// An automatic top-up is being charged.
    TopUpStarted {
        /// What is bought.
        pack: String,
        /// For how much, minor units.
        amount: i64,
        /// What that is in.
        currency: String,
    },
    /// The monthly cap of an automatic top-up is reached.
    TopUpCapped {
        /// Of which meter.
        meter: String,
        /// The cap, minor units.
        cap: i64,
        /// What that is in.
        currency: String,
    },
    /// An automatic top-up could not be charged and is paused.
    TopUpPaused {
        /// Of which meter.
        meter: String,
        /// Why.
        reason: Pause,
    },
    /// Somebody lets a paused automatic top-up go on.
    TopUpResumed {
        /// Of which meter.
        meter: String,
    },
}

/// What of a subscription is worth a line when it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    status: Status,
    price: String,
    quantity: u32,
    period_end: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_end: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<NextTerms>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<PendingChange>,
}

impl Standing {
    /// Of a subscription.
    pub fn of(subscription: &Subscription) -> Self {
        Self {
            status: subscription.status,
            price: subscription.price.clone(),
            quantity: subscription.quantity,
            period_end: subscription.period_end,
            trial_end: subscription.trial_end,
            ends_at: subscription.scheduled_end(),
            next: subscription.next.clone(),
            pending: subscription.pending.clone(),
        }
    }
}
