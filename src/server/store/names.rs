//! Names that Stripe has yet to be told: a rename is noted with the name itself, and the note goes when Stripe knows.

use domain::organization::OrganizationId;

use super::{Error, Store};

impl Store {
    /// The Stripe customer that is to be called otherwise, and how.
    pub async fn name_due(&self, organization: &OrganizationId) -> Result<Option<(String, String)>, Error> {
        Ok(sqlx::query_as(
            "SELECT stripe_customer_id, name FROM organizations
             WHERE id = $1 AND name_due = 1 AND stripe_customer_id IS NOT NULL AND deleted_at IS NULL",
        )
        .bind(&organization.0)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// Notes that Stripe knows this name; another one that was given meanwhile stays due.
    pub async fn name_told(&self, organization: &OrganizationId, name: String) -> Result<(), Error> {
        let id = organization.0.clone();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("UPDATE organizations SET name_due = 0 WHERE id = $1 AND name = $2")
                    .bind(id)
                    .bind(name)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}
