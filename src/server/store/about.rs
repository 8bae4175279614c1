//! The stored word of every action, and what it is about: a time line is read by that.

use super::audit::Action;

/// What an action is about, to choose among the lines of a time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The subscription, the tier, and paying for them.
    Plan,
    /// What is had on top of the plan.
    Credits,
    /// Who is in the organization.
    Members,
    /// Keys for services.
    Keys,
    /// The organization itself.
    Organization,
}

impl About {
    /// All.
    pub const ALL: [Self; 5] = [Self::Plan, Self::Credits, Self::Members, Self::Keys, Self::Organization];

    /// The word in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Credits => "credits",
            Self::Members => "members",
            Self::Keys => "keys",
            Self::Organization => "organization",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|about| about.as_str() == word)
    }

    /// The stored words of what is about it, each between commas.
    pub(super) fn words(self) -> String {
        let words = WORDS.iter().filter(|(_, about)| *about == self).map(|(word, _)| format!("{word},"));
        format!(",{}", words.collect::<String>())
    }
}

/// The stored word of every action, and what it is about. Both are made of one list, so that none is left out.
macro_rules! actions {
    ($($action:ident: $word:literal, $about:ident;)*) => {
        const WORDS: &[(&str, About)] = &[$(($word, About::$about)),*];

        impl Action {
            /// The stored word.
            pub(super) fn name(&self) -> &'static str {
                match self {
                    $(Self::$action { .. } => $word,)*
                }
            }
        }
    };
}

actions! {
    Subscription: "subscription", Plan;
    CancelRequested: "cancel_requested", Plan;
    Reactivated: "reactivated", Plan;
    ChangeRequested: "change_requested", Plan;
    ChangeUndone: "change_undone", Plan;
    EndedNow: "ended_now", Plan;
    Dispute: "dispute", Plan;
    CustomerDeleted: "customer_deleted", Plan;
    PlanGranted: "plan_granted", Plan;
    PlanRevoked: "plan_revoked", Plan;
    Tier: "tier", Plan;
    CheckoutStarted: "checkout_started", Plan;
    PortalOpened: "portal_opened", Plan;
    Granted: "granted", Credits;
    TakenBack: "taken_back", Credits;
    BroughtBack: "brought_back", Credits;
    PackCheckoutStarted: "pack_checkout_started", Credits;
    TopUpOn: "top_up_on", Credits;
    TopUpOff: "top_up_off", Credits;
    TopUpStarted: "top_up_started", Credits;
    TopUpCapped: "top_up_capped", Credits;
    TopUpPaused: "top_up_paused", Credits;
    TopUpResumed: "top_up_resumed", Credits;
    MemberInvited: "member_invited", Members;
    InvitationSentAgain: "invitation_sent_again", Members;
    InvitationRevoked: "invitation_revoked", Members;
    MemberJoined: "member_joined", Members;
    RoleChanged: "role_changed", Members;
    MemberRemoved: "member_removed", Members;
    MemberLeft: "member_left", Members;
    SeatAssigned: "seat_assigned", Members;
    SeatTakenBack: "seat_taken_back", Members;
    OwnershipTransferred: "ownership_transferred", Members;
    KeyMade: "key_made", Keys;
    KeyRevoked: "key_revoked", Keys;
    OrganizationMade: "organization_made", Organization;
    Renamed: "renamed", Organization;
    OrganizationDeleted: "organization_deleted", Organization;
    TimeZone: "time_zone", Organization;
}
