//! Money that went back: what a pack gave goes back with it, as far as it is left. Plans are not touched: what a
//! subscription gives, Stripe says of the subscription.

use super::App;
use super::error::Error;
use super::store::{Actor, PaidBack};
use super::stripe::Charge;

impl App {
    /// A payment was refunded, in full or in part: settles the event that told it. Says why there is nothing to do.
    pub(super) async fn refunded(&self, charge: &Charge, event: &str) -> Result<Option<&'static str>, Error> {
        let _turn = self.syncs.take(&charge.id).await;
        // The event may be old: a refund that it tells of may have failed since.
        let back = self.stripe.refunded_of(&charge.id).await?;
        self.paid_back(charge, back, (event, true)).await
    }

    /// A refund did not go through: what it took comes back. Says why there is nothing to do.
    pub(super) async fn refund_failed(&self, charge: &str, event: &str) -> Result<Option<&'static str>, Error> {
        let _turn = self.syncs.take(charge).await;
        let charge = self.stripe.charge(charge).await?;
        if let Some(customer) = &charge.customer
            && self.store.has_lost_dispute(customer, &charge.id).await?
        {
            return Ok(Some("a dispute of the payment was lost: an operator decides what comes back"));
        }
        let Some(purchase) = self.purchase_behind(&charge).await? else { return Ok(Some(NO_PACK)) };
        let back = self.stripe.refunded_of(&charge.id).await?;
        let paid_back = PaidBack { charge: charge.id, back, of: charge.amount };
        let found = self.store.bring_back(&purchase, paid_back, event, self.moment()).await?;
        Ok((!found).then_some(NOT_OURS))
    }

    /// A dispute was lost: the bank took this much of a payment back, beside what was refunded.
    pub(super) async fn lost(&self, charge: &Charge, amount: u64, event: &str) -> Result<(), Error> {
        self.paid_back(charge, charge.refunded.saturating_add(amount), (event, false)).await?;
        Ok(())
    }

    async fn paid_back(&self, charge: &Charge, back: u64, event: (&str, bool)) -> Result<Option<&'static str>, Error> {
        let Some(purchase) = self.purchase_behind(charge).await? else { return Ok(Some(NO_PACK)) };
        // What went back was paid, whether or not that has been told yet: what comes later credits nothing any more.
        let actor = Actor::Event(event.0.to_owned());
        self.store.purchase_paid(&purchase, None, actor, self.moment()).await?;
        let paid_back = PaidBack { charge: charge.id.clone(), back, of: charge.amount };
        let found = self.store.take_back(&purchase, paid_back, event, self.moment()).await?;
        Ok((!found).then_some(NOT_OURS))
    }

    /// The intent of the pack that a payment was for.
    async fn purchase_behind(&self, charge: &Charge) -> Result<Option<String>, Error> {
        match (&charge.purchase, &charge.payment) {
            (Some(purchase), _) => Ok(Some(purchase.clone())),
            (None, Some(payment)) => Ok(self.stripe.purchase_of(payment).await?),
            (None, None) => Ok(None),
        }
    }
}

const NO_PACK: &str = "no pack was paid with it";
const NOT_OURS: &str = "the purchase is not one of ours";
