//! Who may accept an invitation.

use proptest::prelude::*;

use crate::invitation::{GOOD_FOR, Guest, Invitation, InvitationRefusal};
use crate::role::Role;
use crate::time::Timestamp;

fn invitation() -> Invitation {
    Invitation {
        email: "grace@example.com".to_owned(),
        role: Role::Member,
        sent_at: Timestamp(0),
        expires_at: Timestamp(0) + GOOD_FOR,
        accepted_at: None,
        revoked_at: None,
    }
}

const GRACE: Guest<'_> = Guest { email: "Grace@Example.com", verified: true, is_member: false };

#[test]
fn each_refusal_has_its_reason() {
    let accept = |invitation: &Invitation, guest| invitation.accept(guest, Timestamp(10));
    let open = invitation();
    assert_eq!(accept(&open, GRACE), Ok(()));
    let revoked = Invitation { revoked_at: Some(Timestamp(5)), ..invitation() };
    assert_eq!(accept(&revoked, GRACE), Err(InvitationRefusal::Revoked));
    let used = Invitation { accepted_at: Some(Timestamp(5)), ..invitation() };
    assert_eq!(accept(&used, GRACE), Err(InvitationRefusal::Used));
    assert_eq!(accept(&used, Guest { is_member: true, ..GRACE }), Err(InvitationRefusal::AlreadyMember));
    assert_eq!(accept(&open, Guest { email: "alan@example.com", ..GRACE }), Err(InvitationRefusal::WrongAddress));
    assert_eq!(accept(&open, Guest { verified: false, ..GRACE }), Err(InvitationRefusal::Unverified));
    let last = Timestamp(GOOD_FOR.0 - 1);
    assert_eq!(open.accept(GRACE, last), Ok(()));
    assert_eq!(open.accept(GRACE, Timestamp(GOOD_FOR.0)), Err(InvitationRefusal::Expired));
}

proptest! {
    #[test]
    fn only_the_invited_address_gets_in_and_only_in_time(
        email in prop::sample::select(vec!["grace@example.com", "GRACE@example.com", "alan@example.com", ""]),
        (verified, is_member) in any::<(bool, bool)>(),
        accepted_at in prop::option::of(0_i64..100),
        revoked_at in prop::option::of(0_i64..100),
        now in 0..2 * GOOD_FOR.0,
    ) {
        let invitation = Invitation {
            accepted_at: accepted_at.map(Timestamp), revoked_at: revoked_at.map(Timestamp), ..invitation()
        };
        let accepted = invitation.accept(Guest { email, verified, is_member }, Timestamp(now)).is_ok();
        let should = email.to_lowercase() == "grace@example.com" && verified && !is_member
            && accepted_at.is_none() && revoked_at.is_none() && now < GOOD_FOR.0;
        prop_assert_eq!(accepted, should);
    }
}
