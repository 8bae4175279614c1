//! Who may do what, and what never happens to an organization's members.

use proptest::prelude::*;

use crate::organization::Kind;
use crate::role::{MemberChange, MemberRefusal, Permission, Role};

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(Role::ALL.to_vec())
}

#[test]
fn the_table() {
    let may = |role: Role| Permission::ALL.map(|permission| role.may(permission));
    assert_eq!(may(Role::Owner), [true; 7]);
    assert_eq!(may(Role::Admin), [true, true, true, true, true, false, false]);
    assert_eq!(may(Role::Billing), [true, true, false, false, false, false, false]);
    assert_eq!(may(Role::Member), [false; 7]);
}

#[test]
fn each_role_covers_those_below_it_and_none_above() {
    for (at, role) in Role::ALL.into_iter().enumerate() {
        for (below, other) in Role::ALL.into_iter().enumerate() {
            assert_eq!(role.covers(other), at <= below, "{role:?} {other:?}");
        }
        assert_eq!(Role::parse(role.as_str()), Some(role));
    }
    assert_eq!(Role::parse("root"), None);
}

#[test]
fn only_owners_make_owners() {
    for role in Role::ALL {
        assert_eq!(role.may_grant(Role::Owner), role == Role::Owner, "{role:?}");
        assert_eq!(role.may_grant(Role::Member), role.may(Permission::ManageMembers), "{role:?}");
    }
}

proptest! {
    #[test]
    fn nobody_gives_or_takes_more_than_they_have(
        by in role(), from in role(), to in prop::option::of(role()), own in any::<bool>(), owners in 1_usize..4,
    ) {
        let change = MemberChange { kind: Kind::Team, by, own, from: if own { by } else { from }, to, owners };
        if change.check().is_ok() && !(own && to.is_none()) {
            prop_assert!(by.may(Permission::ManageMembers));
            prop_assert!(by.covers(change.from));
            prop_assert!(to.is_none_or(|to| by.covers(to)));
        }
    }

    #[test]
    fn there_is_an_owner_after_any_changes(
        mut members in prop::collection::vec(role(), 1..6),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::option::of(role())), 0..40),
    ) {
        members[0] = Role::Owner;
        for (by, whom, to) in changes {
            let (by, whom) = (by.index(members.len()), whom.index(members.len()));
            let owners = members.iter().filter(|role| **role == Role::Owner).count();
            let change =
                MemberChange { kind: Kind::Team, by: members[by], own: by == whom, from: members[whom], to, owners };
            if change.check().is_ok() {
                match to {
                    Some(to) => members[whom] = to,
                    None => drop(members.remove(whom)),
                }
            }
            prop_assert!(members.contains(&Role::Owner));
        }
    }

    #[test]
    fn a_personal_organization_stays_as_it_is(
        by in role(), from in role(), to in prop::option::of(role()), own in any::<bool>(), owners in 1_usize..4,
    ) {
        let change = MemberChange { kind: Kind::Personal, by, own, from, to, owners };
        prop_assert_eq!(change.check(), Err(MemberRefusal::Personal));
    }

    #[test]
    fn whoever_is_not_the_last_owner_may_leave(by in role(), owners in 1_usize..4) {
        let change = MemberChange { kind: Kind::Team, by, own: true, from: by, to: None, owners };
        let last = by == Role::Owner && owners == 1;
        prop_assert_eq!(change.check(), if last { Err(MemberRefusal::LastOwner) } else { Ok(()) });
    }
}
