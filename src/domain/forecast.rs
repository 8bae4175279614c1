//! How long what is left of a meter lasts, if it goes on being used as it was so far.

use crate::plan::Limit;
use crate::time::Timestamp;
use crate::window::Window;

/// The first so many parts of a window say little: use is spread over at least one of them.
const PARTS: i64 = 30;

/// How long what is left lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forecast {
    /// Until the count starts again.
    Lasts,
    /// Until then: it is sooner.
    UsedUp(Timestamp),
    /// Nothing is left.
    Over,
}

impl Forecast {
    /// For a meter that is reset and has a limit; nothing can be said of others. `since`: the first use in the window.
    pub fn of(used: u64, left: Limit, since: Option<Timestamp>, window: Window, now: Timestamp) -> Option<Self> {
        let (Some(end), Limit::AtMost(left)) = (window.end, left) else { return None };
        if left == 0 {
            return (used > 0).then_some(Self::Over);
        }
        let Some(since) = since.filter(|_| used > 0) else { return Some(Self::Lasts) };
        let least = (end.0 - window.start.0) / PARTS;
        let passed = (now.0 - since.0.max(window.start.0)).max(least).max(1);
        let more = u128::from(left) * u128::from(passed.unsigned_abs()) / u128::from(used);
        let at = i64::try_from(more).ok().and_then(|more| now.0.checked_add(more)).map(Timestamp);
        Some(at.filter(|at| *at < end).map_or(Self::Lasts, Self::UsedUp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;
    const MONTH: Window =
        Window { previous: Timestamp(-30 * DAY), start: Timestamp(0), end: Some(Timestamp(30 * DAY)) };

    fn on_day(day: i64, used: u64, left: u64, since: i64) -> Option<Forecast> {
        Forecast::of(used, Limit::AtMost(left), Some(Timestamp(since * DAY)), MONTH, Timestamp(day * DAY))
    }

    #[test]
    fn the_pace_so_far_goes_on() {
        assert_eq!(on_day(10, 50, 50, 0), Some(Forecast::UsedUp(Timestamp(20 * DAY))));
        assert_eq!(on_day(10, 20, 80, 0), Some(Forecast::Lasts));
        // Ten days of use, not twenty of the month.
        assert_eq!(on_day(20, 50, 40, 10), Some(Forecast::UsedUp(Timestamp(28 * DAY))));
    }

    #[test]
    fn the_first_hour_is_not_taken_for_every_hour() {
        let hour = Timestamp(3600);
        let forecast = Forecast::of(2, Limit::AtMost(98), Some(Timestamp(3000)), MONTH, hour);
        assert_eq!(forecast, Some(Forecast::Lasts));
    }

    #[test]
    fn nothing_is_said_where_nothing_can_be() {
        let never = Window { previous: Timestamp(0), start: Timestamp(0), end: None };
        assert_eq!(Forecast::of(1, Limit::AtMost(1), Some(Timestamp(0)), never, Timestamp(9)), None);
        assert_eq!(Forecast::of(1, Limit::UNLIMITED, Some(Timestamp(0)), MONTH, Timestamp(9)), None);
        assert_eq!(Forecast::of(0, Limit::AtMost(0), None, MONTH, Timestamp(9)), None);
    }

    #[test]
    fn what_is_over_is_over_and_what_is_untouched_lasts() {
        assert_eq!(on_day(3, 100, 0, 0), Some(Forecast::Over));
        assert_eq!(Forecast::of(0, Limit::AtMost(9), None, MONTH, Timestamp(DAY)), Some(Forecast::Lasts));
        let most = Forecast::of(1, Limit::AtMost(u64::MAX), Some(Timestamp(0)), MONTH, Timestamp(DAY));
        assert_eq!(most, Some(Forecast::Lasts));
    }
}
