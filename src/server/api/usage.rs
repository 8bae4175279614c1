//! Using a meter: at once, or held first and used later. Every write is one transaction and takes an idempotency key.

use axum::Json;
use axum::extract::State;
use domain::time::Seconds;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caller::{Writer, no_organization};
use super::check::read;
use super::idempotency::IdempotencyKey;
use super::problem::Failure;
use crate::error::Code;
use crate::server::App;
use crate::server::entitlements::{NO_MEMBER, amount_of, meter_of};
use crate::server::store::{Operation, Outcome, Receipt};

/// How long a reservation is held if nothing is said, and the longest it can be, in seconds.
const HELD: i64 = 15 * 60;
const LONGEST_HELD: i64 = 7 * 24 * 60 * 60;

type Body<T> = Result<Json<T>, axum::extract::rejection::JsonRejection>;

/// What is used.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UsageBody {
    /// Whose; may be left out where the key is for one organization.
    #[serde(alias = "customerId", alias = "customer_id")]
    organization: Option<String>,
    /// A meter of the catalogue.
    #[serde(alias = "resource")]
    meter: String,
    /// For which member, by our id or the identity provider's; without a seat they have what the free plan gives. Left
    /// out, it is for the organization as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// How much; 1 if nothing is said. Less than nothing gives back, where the meter counts what exists.
    amount: Option<i64>,
}

/// Uses so much of a meter, or nothing where there is not enough left.
pub async fn consume(
    State(app): State<App>,
    writer: Writer,
    key: IdempotencyKey,
    body: Body<UsageBody>,
) -> Result<Json<Receipt>, Failure> {
    let body = read(body)?;
    let meter = meter_of(&app.catalog, &body.meter)?;
    let amount = body.amount.unwrap_or(1);
    let operation = if amount < 0 {
        if meter.reset != domain::catalog::Reset::Never {
            let message = format!("`{}` counts what was used, which cannot be taken back: write 1 or more.", meter.id);
            return Err(Failure::refused(Code::Invalid, message));
        }
        Operation::GiveBack { meter: meter.id.clone(), amount: amount_of(amount.checked_neg())? }
    } else {
        Operation::Consume { meter: meter.id.clone(), amount: amount_of(Some(amount))? }
    };
    carry_out(&app, &writer, (body.organization.as_deref(), body.user.as_deref()), operation, key, "usage", &body).await
}

/// What is held.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReserveBody {
    /// Whose; may be left out where the key is for one organization.
    organization: Option<String>,
    /// A meter of the catalogue.
    meter: String,
    /// For which member, by our id or the identity provider's; without a seat they have what the free plan gives. Left
    /// out, it is for the organization as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// How much; 1 if nothing is said.
    amount: Option<i64>,
    /// For how many seconds; 900 if nothing is said, a week at most.
    expires_in: Option<i64>,
}

/// Holds so much of a meter for work whose cost is known later, or nothing where there is not enough left.
pub async fn reserve(
    State(app): State<App>,
    writer: Writer,
    key: IdempotencyKey,
    body: Body<ReserveBody>,
) -> Result<Json<Receipt>, Failure> {
    let body = read(body)?;
    let meter = meter_of(&app.catalog, &body.meter)?.id.clone();
    let seconds = body.expires_in.unwrap_or(HELD);
    if !(1..=LONGEST_HELD).contains(&seconds) {
        return Err(Failure::refused(Code::Invalid, format!("`expiresIn` is 1 to {LONGEST_HELD} seconds.")));
    }
    let amount = amount_of(Some(body.amount.unwrap_or(1)))?;
    let operation = Operation::Reserve { meter, amount, expires_at: app.clock.now() + Seconds(seconds) };
    carry_out(&app, &writer, (body.organization.as_deref(), body.user.as_deref()), operation, key, "reserve", &body)
        .await
}

/// Which reservation, and how much of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfirmBody {
    /// Whose; may be left out where the key is for one organization.
    organization: Option<String>,
    /// The reservation, `rsv_…`.
    reservation: String,
    /// How much was used; all that is held if nothing is said. The rest is let go. More is used where it is left.
    amount: Option<i64>,
}

/// Uses what is held.
pub async fn confirm(
    State(app): State<App>,
    writer: Writer,
    key: IdempotencyKey,
    body: Body<ConfirmBody>,
) -> Result<Json<Receipt>, Failure> {
    let body = read(body)?;
    let amount = body.amount.map(|amount| amount_of(Some(amount))).transpose()?;
    let operation = Operation::Confirm { reservation: body.reservation.clone(), amount };
    carry_out(&app, &writer, (body.organization.as_deref(), None), operation, key, "confirm", &body).await
}

/// Which reservation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseBody {
    /// Whose; may be left out where the key is for one organization.
    organization: Option<String>,
    /// The reservation, `rsv_…`.
    reservation: String,
}

/// Lets go what is held.
pub async fn release(
    State(app): State<App>,
    writer: Writer,
    key: IdempotencyKey,
    body: Body<ReleaseBody>,
) -> Result<Json<Receipt>, Failure> {
    let body = read(body)?;
    let operation = Operation::Release { reservation: body.reservation.clone(), expired: false };
    carry_out(&app, &writer, (body.organization.as_deref(), None), operation, key, "release", &body).await
}

async fn carry_out(
    app: &App,
    writer: &Writer,
    (organization, user): (Option<&str>, Option<&str>),
    operation: Operation,
    key: IdempotencyKey,
    name: &str,
    body: &impl Serialize,
) -> Result<Json<Receipt>, Failure> {
    let organization = writer.reader().organization(organization)?;
    let idempotency = key.of(&organization.0, name, body)?;
    let member = match user {
        Some(user) => Some(app.member(&organization, user).await?.user),
        None => None,
    };
    let refused = |code, message: &str| Err(Failure::refused(code, message));
    match app.usage(organization, member, operation, writer.reader().id().to_owned(), idempotency).await? {
        Outcome::Done(receipt) => Ok(Json(*receipt)),
        Outcome::Refused(meter) => Err(Failure::Limit { meter, now: app.clock.now() }),
        Outcome::OtherRequest => refused(
            Code::Conflict,
            "This Idempotency-Key was sent with another request. Take a new key for a new request.",
        ),
        Outcome::NoOrganization => Err(no_organization()),
        Outcome::NoMember => refused(Code::NotFound, NO_MEMBER),
        Outcome::NoMeter => refused(Code::NotFound, "The catalogue has no such meter any more."),
        Outcome::NoReservation => refused(Code::NotFound, "There is no such reservation."),
        Outcome::ReservationOver(status) => {
            Err(Failure::refused(Code::Conflict, format!("This reservation is {status} already.")))
        }
    }
}
