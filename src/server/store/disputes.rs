//! Disputes of payments: what takes a plan away from outside its subscription.

use domain::organization::OrganizationId;
use domain::subscription::Dispute;
use domain::time::Timestamp;
use sqlx::AnyConnection;

use super::accounts::lock;
use super::audit::{self, Action, Actor};
use super::sync::{Decide, settle, touch};
use super::{Decision, Error, Moment, Store, events};

/// How a dispute stands.
#[derive(Clone, Debug)]
pub struct DisputeRow {
    /// Stripe's id.
    pub id: String,
    /// The charge that is disputed.
    pub charge: String,
    /// The subscription that was paid with it, if one.
    pub subscription: Option<String>,
    /// Stripe's word for how it stands.
    pub status: String,
    /// When it was opened.
    pub opened: Timestamp,
}

/// Words after which a dispute is over: one that says otherwise came late.
const OVER: [&str; 4] = ["won", "lost", "warning_closed", "prevented"];

impl Store {
    /// Keeps how a dispute stands and decides the tier again; the event is settled in the same transaction.
    pub async fn dispute(
        &self,
        event: &str,
        organization: &OrganizationId,
        dispute: DisputeRow,
        moment: Moment,
        decide: impl Decide,
    ) -> Result<(), Error> {
        let (event, id) = (event.to_owned(), organization.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let Some(organization) = lock(connection, &id).await? else { return Ok(()) };
                let before: Option<String> =
                    sqlx::query_scalar("SELECT status FROM disputes WHERE id = $1 AND organization_id = $2")
                        .bind(&dispute.id)
                        .bind(&id.0)
                        .fetch_optional(&mut *connection)
                        .await?;
                let late = before.as_deref().is_some_and(|before| OVER.contains(&before));
                if late || before.as_deref() == Some(dispute.status.as_str()) {
                    let decision = Decision::ignored("nothing to do: what is stored is newer");
                    return events::finish(connection, &event, Some(&id), decision, moment.wall).await;
                }
                sqlx::query(
                    "INSERT INTO disputes (id, organization_id, charge_id, status, opened_at, subscription_id)
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET
                         status = excluded.status, subscription_id = excluded.subscription_id",
                )
                .bind(&dispute.id)
                .bind(&id.0)
                .bind(&dispute.charge)
                .bind(&dispute.status)
                .bind(dispute.opened.0)
                .bind(&dispute.subscription)
                .execute(&mut *connection)
                .await?;
                let actor = Actor::Event(event.clone());
                let action = Action::Dispute { dispute: dispute.id.clone(), before, after: dispute.status.clone() };
                audit::record(connection, &id, &actor, &action, moment.now).await?;
                let tier = settle(connection, &organization, &actor, moment.now, decide).await?;
                touch(connection, &id).await?;
                let decision = Decision::applied(format!("the dispute is {}; on {tier}", dispute.status));
                events::finish(connection, &event, Some(&id), decision, moment.wall).await
            })
        })
        .await
    }
}

/// Whether a payment of an organization's is disputed and the bank has not decided.
pub(super) async fn is_open(connection: &mut AnyConnection, organization: &OrganizationId) -> Result<bool, Error> {
    let statuses: Vec<String> = sqlx::query_scalar("SELECT status FROM disputes WHERE organization_id = $1")
        .bind(&organization.0)
        .fetch_all(connection)
        .await?;
    Ok(statuses.iter().any(|status| Dispute::parse(status) == Some(Dispute::Open)))
}
