//! The few drawings, inline so that they take the text's colour. They are decoration: the words beside them say it.

use leptos::prelude::*;

/// A drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// Included, done.
    Check,
    /// Not included.
    Minus,
    /// Opens something below.
    ChevronDown,
    /// Look here.
    Info,
    /// Mind this.
    Warning,
    /// Leads on.
    ArrowRight,
    /// Not unlocked.
    Lock,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Self::Check => "M3.5 8.5l3 3 6-7",
            Self::Minus => "M4 8h8",
            Self::ChevronDown => "M4 6.5l4 4 4-4",
            Self::Info => "M8 7.5v4M8 4.7v.1M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13z",
            Self::Warning => "M8 6v3.5M8 11.8v.1M8 1.8l6.6 12H1.4z",
            Self::ArrowRight => "M3 8h9.5M8.5 4l4 4-4 4",
            Self::Lock => "M3.5 7.5h9v6h-9zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
        }
    }

    /// The drawing.
    pub fn view(self) -> impl IntoView {
        view! {
            <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                <path d=self.path() />
            </svg>
        }
    }
}
