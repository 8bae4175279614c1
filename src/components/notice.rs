//! A banner that says how something stands.

use leptos::prelude::*;

use super::icons::Icon;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Tone {
    /// Good to know.
    Info,
    /// It went well.
    Success,
    /// Do something soon.
    Warning,
}

impl Tone {
    /// The word in class names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Success => "success",
            Self::Warning => "warning",
        }
    }

    fn icon(self) -> Icon {
        match self {
            Self::Info => Icon::Info,
            Self::Success => Icon::Check,
            Self::Warning => Icon::Warning,
        }
    }
}

/// A banner: drawing, colour and words say the same.
#[component]
pub fn Notice(
    /// How much it matters.
    tone: Tone,
    /// What it says.
    children: Children,
) -> impl IntoView {
    view! {
        <div class=format!("notice notice-{}", tone.as_str()) role="status">
            {tone.icon().view()}
            <div>{children()}</div>
        </div>
    }
}
