//! Plans that operators grant without a subscription: one at a time, until it expires or is revoked. The tier follows
//! in the same transaction, by the same decision as everywhere.

use domain::access::PlanGrant;
use domain::organization::OrganizationId;
use domain::plan::PlanId;
use domain::sales::PaymentLink;
use domain::time::Timestamp;
use sqlx::AnyConnection;

use super::accounts::lock;
use super::audit::{self, Action, Actor};
use super::sync::{Decide, settle, touch};
use super::{Error, Store, new_id};

/// A plan to be granted.
#[derive(Clone, Debug)]
pub struct NewPlanGrant {
    /// To whom.
    pub organization: OrganizationId,
    /// Which plan, and until when.
    pub grant: PlanGrant,
    /// Why, in words.
    pub reason: String,
    /// Where it is paid, if anything is to be paid.
    pub payment_link: Option<PaymentLink>,
}

impl Store {
    /// Grants a plan in place of the one that was granted before. `None` where there is no such organization,
    /// otherwise the tier that follows.
    pub async fn grant_plan(
        &self,
        new: NewPlanGrant,
        now: Timestamp,
        decide: impl Decide,
    ) -> Result<Option<PlanId>, Error> {
        self.write(move |connection| {
            Box::pin(async move {
                let NewPlanGrant { organization, grant, reason, payment_link } = new;
                let Some(organization) = lock(connection, &organization).await? else { return Ok(None) };
                end(connection, &organization.id, now).await?;
                sqlx::query(
                    "INSERT INTO grants (id, organization_id, plan, amount, remaining, source, reason, actor, created_at,
                         expires_at, payment_link)
                     VALUES ($1, $2, $3, 0, 0, 'operator', $4, $5, $6, $7, $8)",
                )
                .bind(new_id("grt"))
                .bind(&organization.id.0)
                .bind(grant.plan.as_str())
                .bind(&reason)
                .bind(Actor::Operator.to_text())
                .bind(now.0)
                .bind(grant.until.map(|until| until.0))
                .bind(payment_link.map(|link| link.as_str().to_owned()))
                .execute(&mut *connection)
                .await?;
                let action = Action::PlanGranted { plan: grant.plan, reason, expires_at: grant.until };
                audit::record(connection, &organization.id, &Actor::Operator, &action, now).await?;
                let tier = settle(connection, &organization, &Actor::Operator, now, decide).await?;
                touch(connection, &organization.id).await?;
                Ok(Some(tier))
            })
        })
        .await
    }

    /// Takes a granted plan back. `None` where none was granted, otherwise the tier that follows.
    pub async fn revoke_plan(
        &self,
        organization: &OrganizationId,
        reason: String,
        now: Timestamp,
        decide: impl Decide,
    ) -> Result<Option<PlanId>, Error> {
        let organization = organization.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let Some(organization) = lock(connection, &organization).await? else { return Ok(None) };
                let Some(grant) = current(connection, &organization.id).await? else { return Ok(None) };
                end(connection, &organization.id, now).await?;
                let action = Action::PlanRevoked { plan: grant.plan, reason };
                audit::record(connection, &organization.id, &Actor::Operator, &action, now).await?;
                let tier = settle(connection, &organization, &Actor::Operator, now, decide).await?;
                touch(connection, &organization.id).await?;
                Ok(Some(tier))
            })
        })
        .await
    }

    /// The plan that an organization was granted. Whether it still counts is the access policy's to say.
    pub async fn granted_plan(&self, organization: &OrganizationId) -> Result<Option<PlanGrant>, Error> {
        current(&mut *self.pool.acquire().await?, organization).await
    }

    /// Where the plan that an organization was granted is paid.
    pub async fn payment_link(&self, organization: &OrganizationId) -> Result<Option<String>, Error> {
        let link: Option<Option<String>> = sqlx::query_scalar(
            "SELECT payment_link FROM grants WHERE organization_id = $1 AND plan IS NOT NULL AND revoked_at IS NULL
             ORDER BY created_at DESC, id DESC LIMIT 1",
        )
        .bind(&organization.0)
        .fetch_optional(&self.pool)
        .await?;
        Ok(link.flatten())
    }
}

/// The latest one that was not revoked.
pub(super) async fn current(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
) -> Result<Option<PlanGrant>, Error> {
    let row: Option<(String, Option<i64>)> = sqlx::query_as(
        "SELECT plan, expires_at FROM grants WHERE organization_id = $1 AND plan IS NOT NULL AND revoked_at IS NULL
         ORDER BY created_at DESC, id DESC LIMIT 1",
    )
    .bind(&organization.0)
    .fetch_optional(connection)
    .await?;
    row.map(|(plan, until)| {
        let plan = PlanId::parse(&plan).map_err(|_| Error::Unreadable { table: "grants", value: plan })?;
        Ok(PlanGrant { plan, until: until.map(Timestamp) })
    })
    .transpose()
}

async fn end(connection: &mut AnyConnection, organization: &OrganizationId, now: Timestamp) -> Result<(), Error> {
    sqlx::query(
        "UPDATE grants SET revoked_at = $2 WHERE organization_id = $1 AND plan IS NOT NULL AND revoked_at IS NULL",
    )
    .bind(&organization.0)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}
