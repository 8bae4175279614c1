//! How events are delivered: at once, held back or dropped; and, on top of that, twice, shuffled,
//! late.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::account::Account;
use super::error::ApiError;
use crate::store::Data;

const MODE: &str = "_delivery_mode";
const DEFAULT_DELAY: i64 = 60;

/// The delivery mode.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DeliveryMode {
    /// `deliver`, `hold` or `drop`.
    pub mode: String,
    /// Each event is delivered twice.
    pub duplicate: bool,
    /// What is waiting goes out in an order that the seed decides.
    pub reorder: bool,
    /// The seed of that order.
    pub seed: u64,
    /// Seconds between an event and its delivery.
    pub delay: i64,
}

impl DeliveryMode {
    /// The present mode.
    pub(crate) fn of(data: &Data) -> Self {
        let kept = data.get(MODE, MODE).and_then(|mode| serde_json::from_value(mode.clone()).ok());
        kept.unwrap_or_else(|| Self { mode: "deliver".to_owned(), ..Self::default() })
    }

    /// Whether nothing goes out.
    pub(crate) fn holds(&self) -> bool {
        self.mode == "hold"
    }

    /// Whether new events are never delivered.
    pub(crate) fn drops(&self) -> bool {
        self.mode == "drop"
    }

    /// Takes effect from now on.
    pub(crate) fn set(mut self, account: &mut Account) -> Result<Self, ApiError> {
        // One word is enough for one disturbance.
        match self.mode.as_str() {
            "duplicate" => self.duplicate = true,
            "reorder" => self.reorder = true,
            "delay" if self.delay == 0 => self.delay = DEFAULT_DELAY,
            "" | "deliver" | "hold" | "drop" | "delay" => {}
            _ => {
                return Err(ApiError::invalid(
                    "Invalid mode: must be one of deliver, hold, drop, duplicate, reorder, or delay",
                )
                .param("mode"));
            }
        }
        if !["hold", "drop"].contains(&self.mode.as_str()) {
            "deliver".clone_into(&mut self.mode);
        }
        if self.delay < 0 {
            return Err(ApiError::invalid("Invalid non-negative integer").param("delay"));
        }
        account.note(MODE, MODE, json!(self));
        Ok(self)
    }

    /// Where the `number`th event stands in the shuffled order (the mix of `SplitMix64`).
    pub(crate) fn rank(&self, number: u64) -> u64 {
        let mut z = self.seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
