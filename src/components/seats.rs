//! The seats of a team: how many are taken, how to have more, and the forms that give one or take it back.

use leptos::prelude::*;

use super::meter_bar::{MeterBar, MeterState};
use super::notice::{Notice, Tone};
use crate::visitor::at;

/// How a team's seats stand.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct SeatsState {
    /// How many are taken.
    pub meter: MeterState,
    /// That more are taken than there are.
    pub broken: Option<String>,
    /// Where more are bought, for whoever may.
    pub more: Option<MoreSeats>,
}

/// How to have more.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct MoreSeats {
    /// Where one more is looked at before it is bought.
    pub href: String,
    /// What one more costs now, where none is free.
    pub cost: Option<String>,
}

/// What a member's line says of seats.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct MemberSeat {
    /// Whether they have one.
    pub seated: bool,
    /// Whether the person who looks may give one, or take it back.
    pub changeable: bool,
}

/// How many seats are taken.
#[component]
pub fn Seats(
    /// How they stand.
    seats: SeatsState,
) -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="seats" data-testid="seats-card">
            <div class="card-head">
                <h2 id="seats">"Seats"</h2>
                {seats.more.as_ref().map(|more| view! { <a href=at(more.href.clone())>"Add seats"</a> })}
            </div>
            {seats.broken.map(|broken| view! { <Notice tone=Tone::Warning><p>{broken}</p></Notice> })}
            <div class="meters"><MeterBar meter=seats.meter /></div>
            {seats.more.and_then(|more| more.cost).map(|cost| view! { <p class="muted small">{cost}</p> })}
        </section>
    }
}

/// Whether a member has a seat, beside the name.
#[component]
pub fn SeatBadge(
    /// The line's.
    seat: MemberSeat,
) -> impl IntoView {
    if seat.seated {
        view! { <span class="badge">"Seat"</span> }.into_any()
    } else {
        view! { <span class="badge badge-warning">"No seat"</span> }.into_any()
    }
}

/// Gives a member a seat, or takes it back.
#[component]
pub fn SeatForm(
    /// The line's.
    seat: MemberSeat,
    /// Whose, in forms.
    user: String,
    /// Whose, for people.
    name: String,
) -> impl IntoView {
    seat.changeable.then(|| {
        let (value, words, whose) = if seat.seated {
            ("no", "Take seat back", format!(" from {name}"))
        } else {
            ("yes", "Assign seat", format!(" to {name}"))
        };
        view! {
            <form method="post" action=at("/api/members/seat")>
                <input type="hidden" name="user" value=user />
                <input type="hidden" name="seat" value=value />
                <button class="button" type="submit">{words}<span class="visually-hidden">{whose}</span></button>
            </form>
        }
    })
}
