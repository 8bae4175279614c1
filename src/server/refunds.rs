//! Money that went back: what a pack gave goes back with it, as far as it is left. Plans are not touched: what a
//! subscription gives, Stripe says of the subscription.

use super::App;
use super::error::Error;
use super::store::{Actor, PaidBack};
use super::stripe::Charge;

impl App {
    /// A payment was refunded, in full or in part: settles the event that told it. Says why there is nothing to do.
    pub(super) async fn refunded(&self, charge: &Charge, event: &str) -> Result<Option<&'static str>, Error> {
        self.paid_back(charge, charge.refunded, (event, true)).await
    }

    /// A dispute was lost: the bank took this much of a payment back, beside what was refunded.
    pub(super) async fn lost(&self, charge: &Charge, amount: u64, event: &str) -> Result<(), Error> {
        self.paid_back(charge, charge.refunded.saturating_add(amount), (event, false)).await?;
        Ok(())
    }

    async fn paid_back(&self, charge: &Charge, back: u64, event: (&str, bool)) -> Result<Option<&'static str>, Error> {
        let purchase = match (&charge.purchase, &charge.payment) {
            (Some(purchase), _) => Some(purchase.clone()),
            (None, Some(payment)) => self.stripe.purchase_of(payment).await?,
            (None, None) => None,
        };
        let Some(purchase) = purchase else { return Ok(Some("no pack was paid with it")) };
        // What went back was paid, whether or not that has been told yet: what comes later credits nothing any more.
        let actor = Actor::Event(event.0.to_owned());
        self.store.purchase_paid(&purchase, None, actor, self.moment()).await?;
        let paid_back = PaidBack { charge: charge.id.clone(), back, of: charge.amount };
        let found = self.store.take_back(&purchase, paid_back, event, self.moment()).await?;
        Ok((!found).then_some("the purchase is not one of ours"))
    }
}
