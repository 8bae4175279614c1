//! Calls about a running subscription: reading it, ending it, changing it, and what a change would cost.

use std::collections::HashMap;

use domain::plan::Audience;
use domain::subscription::{Status, Subscription};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stripe_billing::invoice::{
    CreatePreviewInvoice, CreatePreviewInvoiceSubscriptionDetails, CreatePreviewInvoiceSubscriptionDetailsItems,
    CreatePreviewInvoiceSubscriptionDetailsProrationBehavior,
};
use stripe_billing::subscription::{
    CancelSubscription, RetrieveSubscription, UpdateSubscription, UpdateSubscriptionCancellationDetails,
    UpdateSubscriptionCancellationDetailsFeedback, UpdateSubscriptionItems, UpdateSubscriptionPaymentBehavior,
    UpdateSubscriptionProrationBehavior,
};
use stripe_billing::subscription_schedule::{
    CreateSubscriptionSchedule, ReleaseSubscriptionSchedule, UpdateSubscriptionSchedule,
    UpdateSubscriptionSchedulePhases, UpdateSubscriptionSchedulePhasesDiscounts,
    UpdateSubscriptionSchedulePhasesEndDate, UpdateSubscriptionSchedulePhasesItems,
    UpdateSubscriptionSchedulePhasesProrationBehavior, UpdateSubscriptionSchedulePhasesStartDate,
    UpdateSubscriptionSchedulePhasesTrialEnd,
};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_shared::SubscriptionScheduleEndBehavior;

use super::gateway::{Error, Gateway, subscription_type};
use super::invoice::{Preview, StripePreview};
use super::objects::{Reference, WithId, metadata};
use super::subscription::{self, EXPAND, Fetched};

/// What a subscription is to become.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The Stripe price.
    pub price: &'a str,
    /// How many of it.
    pub quantity: u32,
    /// Whom the plan is for.
    pub audience: Audience,
}

/// Why somebody leaves, in Stripe's words.
#[derive(Clone, Debug, Default)]
pub struct Leaving {
    /// One of Stripe's feedback words.
    pub feedback: Option<String>,
    /// In their own.
    pub comment: Option<String>,
}

/// Stripe's feedback words with what people read, in the order of the list.
pub const FEEDBACK: [(&str, &str); 8] = [
    ("too_expensive", "It is too expensive"),
    ("missing_features", "Something that I need is missing"),
    ("switched_service", "I use something else now"),
    ("unused", "I do not use it enough"),
    ("customer_service", "I was not helped well"),
    ("too_complex", "It is too complicated"),
    ("low_quality", "It does not work well"),
    ("other", "Something else"),
];

/// Takes back both of Stripe's ways to schedule an end. async-stripe cannot say that `cancel_at` is to be empty.
struct KeepGoing<'a> {
    subscription: &'a Subscription,
}

#[derive(Serialize)]
struct KeepGoingForm {
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_at_period_end: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_at: Option<&'static str>,
}

impl StripeRequest for KeepGoing<'_> {
    type Output = ();

    fn build(&self) -> RequestBuilder {
        // Stripe takes one of the two; the flag brings its own date along.
        let by_flag = self.subscription.cancel_at_period_end;
        let form =
            KeepGoingForm { cancel_at_period_end: by_flag.then_some(false), cancel_at: (!by_flag).then_some("") };
        RequestBuilder::new(StripeMethod::Post, format!("/subscriptions/{}", self.subscription.id)).form(&form)
    }
}

#[derive(Deserialize)]
struct NewSchedule {
    id: String,
    phases: Vec<Phase>,
}

#[derive(Deserialize)]
struct Phase {
    start_date: i64,
    end_date: i64,
    trial_end: Option<i64>,
    items: Vec<PhaseItem>,
}

#[derive(Deserialize)]
struct PhaseItem {
    price: Reference,
    quantity: Option<u64>,
}

#[derive(Deserialize)]
struct Discounted {
    discounts: Vec<Reference>,
}

impl Gateway {
    /// A subscription as it is now, with its latest invoice and what it is paid with.
    pub async fn subscription(&self, id: &str) -> Result<Fetched, Error> {
        let answer: Value = self.get(RetrieveSubscription::new(id).expand(EXPAND.map(str::to_owned))).await?;
        let mut fetched = subscription::read(answer).map_err(|error| Error::Unreadable(error.to_string()))?;
        let told = &fetched.subscription;
        if told.status == Status::Canceled && !fetched.invoices.iter().any(|invoice| invoice.bills_period_of(told)) {
            fetched.invoices = self.invoices_of_subscription(id).await?;
        }
        Ok(fetched)
    }

    /// Schedules the end at the end of what is paid.
    pub async fn end_at_period_end(&self, id: &str, leaving: Leaving) -> Result<(), Error> {
        let mut details = UpdateSubscriptionCancellationDetails::new();
        details.comment = leaving.comment;
        details.feedback = leaving.feedback.as_deref().and_then(feedback);
        let request = UpdateSubscription::new(id).cancel_at_period_end(true).cancellation_details(details);
        self.ask_once(request).await
    }

    /// Takes a scheduled end back, in whichever way it was scheduled.
    pub async fn keep_going(&self, subscription: &Subscription) -> Result<(), Error> {
        self.ask_once(KeepGoing { subscription }).await
    }

    /// Ends a subscription now. What was paid is not given back.
    pub async fn end_now(&self, id: &str) -> Result<(), Error> {
        self.ask_once(CancelSubscription::new(id)).await
    }

    /// The invoice that a change would make at this moment.
    pub async fn preview(
        &self,
        subscription: &Subscription,
        target: &Target<'_>,
        at: Timestamp,
    ) -> Result<Preview, Error> {
        let mut item = CreatePreviewInvoiceSubscriptionDetailsItems::new();
        item.id = Some(subscription.item.clone());
        item.price = Some(target.price.to_owned());
        item.quantity = Some(target.quantity.into());
        let mut details = CreatePreviewInvoiceSubscriptionDetails::new();
        details.items = Some(vec![item]);
        details.proration_behavior = Some(CreatePreviewInvoiceSubscriptionDetailsProrationBehavior::AlwaysInvoice);
        details.proration_date = Some(at.0);
        let request = CreatePreviewInvoice::new()
            .customer(&subscription.customer)
            .subscription(&subscription.id)
            .subscription_details(details);
        let preview: StripePreview = self.create(request, &uuid::Uuid::new_v4().to_string()).await?;
        preview.read().map_err(Error::Unreadable)
    }

    /// Changes a subscription at once and charges the difference as of `at`. Where the payment stays open, the change
    /// waits for it: nobody gets what was not paid. Stripe refuses that for bank debits.
    pub async fn change_now(
        &self,
        subscription: &Subscription,
        target: &Target<'_>,
        at: Timestamp,
        key: &str,
    ) -> Result<(), Error> {
        let mut item = UpdateSubscriptionItems::new();
        item.id = Some(subscription.item.clone());
        item.price = Some(target.price.to_owned());
        item.quantity = Some(target.quantity.into());
        let request = UpdateSubscription::new(subscription.id.as_str())
            .items(vec![item])
            .proration_behavior(UpdateSubscriptionProrationBehavior::AlwaysInvoice)
            .proration_date(at.0)
            .payment_behavior(UpdateSubscriptionPaymentBehavior::PendingIfIncomplete);
        let _: WithId = self.create(request, key).await?;
        Ok(())
    }

    /// Changes a subscription when its period ends. A phase has no discounts but those that it is given: the
    /// subscription's own are named again, so that one for some months goes on to its end.
    pub async fn change_at_period_end(&self, subscription: &Subscription, target: &Target<'_>) -> Result<(), Error> {
        let discounts = self.discounts_of(&subscription.id).await?;
        let request = CreateSubscriptionSchedule::new().from_subscription(&subscription.id);
        let schedule: NewSchedule = self.create(request, &uuid::Uuid::new_v4().to_string()).await?;
        let Some(present) = schedule.phases.into_iter().next() else {
            return Err(Error::Unreadable(format!("schedule {} has no phase", schedule.id)));
        };
        let mut item = UpdateSubscriptionSchedulePhasesItems::new();
        item.price = Some(target.price.to_owned());
        item.quantity = Some(target.quantity.into());
        let mut next = UpdateSubscriptionSchedulePhases::new(vec![item]);
        next.start_date = Some(UpdateSubscriptionSchedulePhasesStartDate::Timestamp(present.end_date));
        next.proration_behavior = Some(UpdateSubscriptionSchedulePhasesProrationBehavior::None);
        let request = UpdateSubscriptionSchedule::new(schedule.id.as_str())
            .end_behavior(SubscriptionScheduleEndBehavior::Release)
            .metadata(HashMap::from([(
                metadata::SUBSCRIPTION_TYPE.to_owned(),
                subscription_type(target.audience).to_owned(),
            )]))
            .phases([present.again(), next].map(|phase| with_discounts(phase, &discounts)));
        self.ask_once(request).await
    }

    async fn discounts_of(&self, subscription: &str) -> Result<Vec<String>, Error> {
        let discounted: Discounted = self.get(RetrieveSubscription::new(subscription)).await?;
        Ok(discounted.discounts.into_iter().map(Reference::into_id).collect())
    }

    /// Lets a subscription go on as it is, without its schedule.
    pub async fn release(&self, schedule: &str) -> Result<(), Error> {
        self.ask_once(ReleaseSubscriptionSchedule::new(schedule)).await
    }

    /// Sends something that may be done twice without harm.
    async fn ask_once(&self, request: impl StripeRequest) -> Result<(), Error> {
        let _: WithId = self.create(request, &uuid::Uuid::new_v4().to_string()).await?;
        Ok(())
    }
}

impl Phase {
    /// The same phase, as an update must repeat it.
    fn again(self) -> UpdateSubscriptionSchedulePhases {
        let items = self.items.into_iter().map(|item| {
            let mut same = UpdateSubscriptionSchedulePhasesItems::new();
            same.price = Some(item.price.into_id());
            same.quantity = item.quantity;
            same
        });
        let mut phase = UpdateSubscriptionSchedulePhases::new(items.collect::<Vec<_>>());
        phase.start_date = Some(UpdateSubscriptionSchedulePhasesStartDate::Timestamp(self.start_date));
        phase.end_date = Some(UpdateSubscriptionSchedulePhasesEndDate::Timestamp(self.end_date));
        phase.trial_end = self.trial_end.map(UpdateSubscriptionSchedulePhasesTrialEnd::Timestamp);
        phase
    }
}

fn with_discounts(
    mut phase: UpdateSubscriptionSchedulePhases,
    discounts: &[String],
) -> UpdateSubscriptionSchedulePhases {
    let named = discounts.iter().map(|id| {
        let mut discount = UpdateSubscriptionSchedulePhasesDiscounts::new();
        discount.discount = Some(id.clone());
        discount
    });
    phase.discounts = (!discounts.is_empty()).then(|| named.collect());
    phase
}

fn feedback(word: &str) -> Option<UpdateSubscriptionCancellationDetailsFeedback> {
    FEEDBACK.iter().any(|(known, _)| *known == word).then(|| word.parse().ok()).flatten()
}
