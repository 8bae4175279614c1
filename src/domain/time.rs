//! A moment as UTC seconds. Domain code never asks a clock: whoever calls it passes `now`.

use std::ops::Add;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A length of time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub i64);

impl Seconds {
    /// That many days of 24 hours.
    pub const fn days(days: u32) -> Self {
        Self(days as i64 * 86_400)
    }
}

impl Timestamp {
    /// Whole days from `now` until this moment, counting a begun day as one; 0 once it has passed.
    pub fn days_left(self, now: Self) -> u32 {
        let seconds = self.0.saturating_sub(now.0).max(0).unsigned_abs();
        u32::try_from(seconds.div_ceil(86_400)).unwrap_or(u32::MAX)
    }
}

impl Add<Seconds> for Timestamp {
    type Output = Self;

    fn add(self, length: Seconds) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}
