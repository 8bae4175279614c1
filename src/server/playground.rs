//! The playground: a person asks what a service would ask, and gets the answer that it would get.

use axum::Json;
use axum::body::to_bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::catalog::Reset;
use serde_json::{Value, json};

use super::App;
use super::api::{CheckAnswer, Failure};
use super::entitlements::{amount_of, feature_of, meter_of};
use super::error::Error;
use super::store::{Operation, Outcome};
use crate::error::Code;
use crate::pages::playground::{PlaygroundView, Tried};
use crate::visitor::Account;

/// The longest answer that is shown, in bytes.
const LONGEST: usize = 64 * 1024;

impl App {
    /// What can be tried.
    pub async fn playground_view(&self, account: &Account) -> Result<PlaygroundView, Error> {
        let dashboard = self.dashboard_view(account).await?;
        let back = self.catalog.meters.iter().map(|meter| meter.reset == Reset::Never);
        Ok(PlaygroundView { meters: dashboard.meters.into_iter().zip(back).collect(), features: dashboard.features })
    }

    /// Uses so much of a meter, or gives it back.
    pub async fn try_use(&self, account: &Account, meter: &str, amount: i64, back: bool) -> Result<Tried, Error> {
        let meter = meter_of(&self.catalog, meter)?;
        let number = amount_of(Some(amount))?;
        if back && meter.reset != Reset::Never {
            return Err(Error::refused(Code::Invalid, "What was used of this meter cannot be given back."));
        }
        let id = meter.id.clone();
        let (operation, sent) = if back {
            (Operation::GiveBack { meter: id, amount: number }, -amount)
        } else {
            (Operation::Consume { meter: id, amount: number }, amount)
        };
        let body = json!({ "meter": meter.id, "amount": sent });
        let outcome = self
            .usage(account.organization.clone(), Some(account.user.clone()), operation, account.user.0.clone(), None)
            .await?;
        let (allowed, response) = match outcome {
            Outcome::Done(receipt) => (true, Json(*receipt).into_response()),
            Outcome::Refused(meter) => (false, Failure::Limit { meter, now: self.clock.now() }.into_response()),
            // These are about reservations and repeated requests, which are not made here.
            Outcome::NoMember => return Err(Error::refused(Code::NotFound, super::organizations::NOT_A_MEMBER)),
            Outcome::OtherRequest | Outcome::NoOrganization | Outcome::NoMeter | Outcome::NoReservation => {
                return Err(Error::refused(Code::NotFound, "There is no such meter any more."));
            }
            Outcome::ReservationOver(status) => {
                return Err(Error::refused(Code::Conflict, format!("This reservation is {status} already.")));
            }
        };
        tried("POST /api/v1/usage", &body, allowed, response).await
    }

    /// Asks about a feature.
    pub async fn try_check(&self, account: &Account, feature: &str) -> Result<Tried, Error> {
        let feature = feature_of(&self.catalog, feature)?;
        let (standing, now) = self.standing_of(account).await?;
        let answer = standing.feature(&self.catalog, feature, now);
        let allowed = answer.allowed;
        let answer = CheckAnswer {
            organization: account.organization.0.clone(),
            plan: standing.tier.clone(),
            allowed,
            feature: Some(answer),
            meter: None,
        };
        let body = json!({ "feature": feature.id });
        tried("POST /api/v1/check", &body, allowed, Json(answer).into_response()).await
    }
}

async fn tried(request: &str, body: &Value, allowed: bool, response: Response) -> Result<Tried, Error> {
    let headers = [header::CONTENT_TYPE, header::RETRY_AFTER]
        .into_iter()
        .filter_map(|name| Some(format!("{name}: {}", response.headers().get(&name)?.to_str().ok()?)))
        .collect();
    let status = response.status().to_string();
    let bytes = to_bytes(response.into_body(), LONGEST).await.map_err(|error| {
        tracing::error!(%error, "an answer could not be read back");
        Error::refused(Code::Internal, "The answer cannot be shown.")
    })?;
    Ok(Tried {
        allowed,
        request: request.to_owned(),
        body: indented(&body.to_string()),
        status,
        headers,
        answer: indented(&String::from_utf8_lossy(&bytes)),
    })
}

/// The same JSON with line breaks: nothing is put in another order.
fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if quoted {
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            text.push(letter);
            continue;
        }
        match letter {
            '{' | '[' => {
                text.push(letter);
                if !letters.peek().is_some_and(|next| matches!(next, '}' | ']')) {
                    depth += 1;
                    line(&mut text, depth);
                }
            }
            '}' | ']' => {
                if !text.ends_with(['{', '[']) {
                    depth = depth.saturating_sub(1);
                    line(&mut text, depth);
                }
                text.push(letter);
            }
            ',' => {
                text.push(letter);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            letter => {
                quoted = letter == '"';
                text.push(letter);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::indented;

    #[test]
    fn indenting_changes_white_space_only() {
        let json = r#"{"b":[],"a":{"text":"x, \"y\": {z}\\"},"n":[1,2]}"#;
        let text = indented(json);
        assert_eq!(
            text,
            "{\n  \"b\": [],\n  \"a\": {\n    \"text\": \"x, \\\"y\\\": {z}\\\\\"\n  },\n  \"n\": [\n    1,\n    2\n  ]\n}"
        );
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&text), read(json));
    }
}
