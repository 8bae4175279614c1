//! The one clock. Everything else is passed `now`.

use std::fmt;
use std::sync::Arc;

use domain::time::Timestamp;

/// Tells the time: the machine's, or in `dev` the sandbox's, which a person can move.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's.
    pub fn system() -> Self {
        Self::from_fn(|| Self::wall().0)
    }

    /// The machine's time, for sessions and protocols: they do not move with the sandbox's clock.
    pub fn wall() -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_second())
    }

    /// One that says what `seconds` says.
    pub fn from_fn(seconds: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(move || Timestamp(seconds())))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now().0)
    }
}
