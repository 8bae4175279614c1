//! Money that went back: what a pack gave goes back with it, as far as it is left, and comes again where the money does.
//! Plans are not touched: what a subscription gives, Stripe says of the subscription.

use domain::organization::OrganizationId;

use super::App;
use super::error::Error;
use super::store::{Actor, Decision, PaidBack, Weighed};
use super::stripe::Charge;

/// How often what went back is asked for again where it has changed since.
const ASK_AGAIN: u32 = 5;

impl App {
    /// Leaves of a pack what is still paid for, by what Stripe says of its payment now; whatever an event said is older
    /// than that. Whose it is, and what became of it.
    ///
    /// Asked again after it is written: of two nodes that ask at different moments the one that asked first may be the
    /// one that writes last.
    pub(super) async fn weigh(
        &self,
        charge: &Charge,
        event: &str,
    ) -> Result<(Option<OrganizationId>, Decision), Error> {
        let _turn = self.syncs.take(&charge.id).await;
        let Some(purchase) = self.purchase_behind(charge).await? else {
            return Ok((None, Decision::ignored("no pack was paid with it")));
        };
        // What went back was paid, whether or not that has been told yet: what comes later credits nothing any more.
        let actor = Actor::Event(event.to_owned());
        self.store.purchase_paid(&purchase, None, actor.clone(), self.moment()).await?;
        let mut decision = Decision::applied("nothing to do: the pack has what is paid for");
        let mut back = self.stripe.went_back_of(&charge.id).await?;
        for _ in 0..ASK_AGAIN {
            let paid_back = PaidBack { charge: charge.id.clone(), back, of: charge.amount };
            let weighed = self.store.weigh(&purchase, paid_back, actor.clone(), self.clock.now()).await?;
            let Some((organization, weighed)) = weighed else {
                return Ok((None, Decision::ignored("the purchase is not one of ours")));
            };
            match weighed {
                Weighed::Nothing => {}
                Weighed::Taken => decision = Decision::applied("the pack was paid back"),
                Weighed::Given => decision = Decision::applied("the pack was not paid back after all"),
            }
            let now = self.stripe.went_back_of(&charge.id).await?;
            if now == back {
                return Ok((Some(organization), decision));
            }
            back = now;
        }
        Err(Error::Busy)
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
