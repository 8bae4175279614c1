//! Shared and dumb: they are given what they show, and know nothing of the server.

pub mod activating;
pub mod dialog;
pub mod icons;
pub mod layout;
pub mod live;
pub mod meter_bar;
pub mod notice;
pub mod order_summary;
pub mod organization_field;
pub mod packs;
pub mod period;
pub mod plan_card;
pub mod plan_table;
pub mod seats;
pub mod settings_nav;
pub mod top_ups;
pub mod unlock;
pub mod usage_chart;
pub mod user_menu;
