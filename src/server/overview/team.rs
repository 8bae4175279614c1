//! A team in words: what may be done with each member is asked of the rule that would refuse it.

use domain::organization::Kind;
use domain::role::{MemberChange, Permission, Role};
use domain::time::Timestamp;
use domain::window::Zone;

use super::day_in;
use super::seats::Seating;
use crate::components::seats::MemberSeat;
use crate::error::AppError;
use crate::pages::invitation::{InvitationView, Standing};
use crate::pages::team::{InvitationLine, MemberLine, TeamView};
use crate::server::App;
use crate::server::error::Error;
use crate::server::store::{Member, StoredInvitation, TeamRefusal};
use crate::server::team::refused;
use crate::visitor::Account;

impl App {
    /// The organization's members and invitations.
    pub async fn team_view(&self, account: &Account) -> Result<TeamView, Error> {
        let (standing, now) = self.standing(&account.organization).await?;
        let members = self.store.member_list(&account.organization).await?;
        let owners = members.iter().filter(|member| member.role == Role::Owner).count();
        let taken = members.iter().filter(|member| member.seated).count();
        let seating = self.seating(account, u32::try_from(taken).unwrap_or(u32::MAX)).await?;
        let may = |permission| account.kind == Kind::Team && account.may(permission);
        let invitations = if may(Permission::ManageMembers) {
            self.store.open_invitations(&account.organization).await?
        } else {
            Vec::new()
        };
        Ok(TeamView {
            organization: account.organization_name.clone(),
            personal: account.kind == Kind::Personal,
            members: members
                .into_iter()
                .map(|member| {
                    let seat = seating.as_ref().map(|seating| member_seat(account, &member, seating));
                    MemberLine { seat, ..line(account, owners, member, &standing.zone) }
                })
                .collect(),
            seats: seating.map(|seating| seating.state),
            invitations: invitations.into_iter().map(|it| invitation_line(it, &standing.zone, now)).collect(),
            grants: if may(Permission::ManageMembers) {
                Role::ALL.into_iter().filter(|role| account.role.may_grant(*role)).collect()
            } else {
                Vec::new()
            },
            permissions: Permission::ALL.into_iter().filter(|permission| may(*permission)).collect(),
            subscribed: account.subscribed.then(|| account.tier_name.clone()),
            sends_mail: self.config.mailer.is_some(),
        })
    }

    /// A member who is about to be removed, or to leave.
    pub async fn member_to_remove(&self, account: &Account, user: &str) -> Result<MemberLine, Error> {
        let (standing, _) = self.standing(&account.organization).await?;
        let members = self.store.member_list(&account.organization).await?;
        let owners = members.iter().filter(|member| member.role == Role::Owner).count();
        let member = members.into_iter().find(|member| member.user.0 == user).ok_or_else(AppError::not_found)?;
        refused(change(account, owners, &member, None).check().map_err(TeamRefusal::Member))?;
        Ok(line(account, owners, member, &standing.zone))
    }

    /// The invitation that a link is of, for whoever has opened it.
    pub async fn invitation_view(&self, token: &str, account: Option<&Account>) -> Result<InvitationView, Error> {
        let user = account.map(|account| &account.user);
        let (stored, guest) = self.invitation(token, user).await?;
        let now = self.clock.now();
        let member = guest.as_ref().is_some_and(|(_, _, is_member)| *is_member);
        let refusal = stored.refusal(guest.as_ref(), now);
        let open = stored.invitation.open(now).is_ok();
        Ok(InvitationView {
            standing: match refusal {
                _ if member => Standing::Member(stored.organization.0.clone()),
                None if account.is_none() => Standing::SignIn,
                None => Standing::Open,
                Some(why) if open => Standing::OtherPerson(why),
                Some(why) => Standing::Over(why),
            },
            organization: stored.organization_name,
            by: stored.invited_by,
            email: stored.invitation.email,
            role: stored.invitation.role,
            until: super::day(stored.invitation.expires_at),
            token: token.to_owned(),
        })
    }
}

fn change(account: &Account, owners: usize, member: &Member, to: Option<Role>) -> MemberChange {
    let own = member.user == account.user;
    MemberChange { kind: account.kind, by: account.role, own, from: member.role, to, owners }
}

/// One can be given while there are any, and taken back always.
fn member_seat(account: &Account, member: &Member, seating: &Seating) -> MemberSeat {
    let possible = member.seated || seating.free.is_none_or(|free| free > 0);
    MemberSeat { seated: member.seated, changeable: possible && account.may(Permission::ManageMembers) }
}

fn line(account: &Account, owners: usize, member: Member, zone: &Zone) -> MemberLine {
    let allowed = |to| change(account, owners, &member, to).check();
    let roles: Vec<Role> =
        Role::ALL.into_iter().filter(|role| *role == member.role || allowed(Some(*role)).is_ok()).collect();
    let removal = allowed(None);
    MemberLine {
        own: member.user == account.user,
        roles,
        removable: removal.is_ok(),
        note: removal
            .err()
            .filter(|refusal| *refusal == domain::role::MemberRefusal::LastOwner)
            .map(|it| it.to_string()),
        user: member.user.0,
        name: member.name,
        email: member.email,
        role: member.role,
        seat: None,
        since: day_in(zone, member.since),
    }
}

fn invitation_line(stored: StoredInvitation, zone: &Zone, now: Timestamp) -> InvitationLine {
    let invitation = stored.invitation;
    let expired = invitation.expires_at <= now;
    InvitationLine {
        id: stored.id,
        sendable: invitation.sendable_at() <= now,
        email: invitation.email,
        role: invitation.role,
        by: stored.invited_by,
        expired,
        when: if expired {
            format!("Expired on {}", day_in(zone, invitation.expires_at))
        } else {
            format!("Good until {}", day_in(zone, invitation.expires_at))
        },
    }
}
