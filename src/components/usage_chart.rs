//! Use per day as a drawing from the server, with the same as a table.

use leptos::prelude::*;

/// A meter's use per day.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Chart {
    /// What was used in all, and the most on a day, in a sentence.
    pub summary: String,
    /// The days, oldest first.
    pub days: Vec<Day>,
}

/// A day.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Day {
    /// For machines.
    pub iso: String,
    /// For people.
    pub text: String,
    /// How much; less than nothing where more was given back than used.
    pub used: i64,
    /// How much, with its unit.
    pub amount: String,
}

/// The drawing's height, and the width of a day in it.
const HEIGHT: i64 = 160;
const STEP: i64 = 20;

/// The drawing and the table.
#[component]
pub fn UsageChart(
    /// What it shows.
    chart: Chart,
) -> impl IntoView {
    let used = chart.days.iter().any(|day| day.used != 0);
    let ends = chart.days.first().zip(chart.days.last()).map(|(first, last)| (first.text.clone(), last.text.clone()));
    view! {
        <p class="muted">{chart.summary.clone()}</p>
        {used.then(|| view! {
            <div class="chart">
                {drawing(&chart)}
                {ends.map(|(first, last)| view! {
                    <p class="chart-axis" aria-hidden="true"><span>{first}</span><span>{last}</span></p>
                })}
            </div>
            <details>
                <summary>"The same as a table"</summary>
                <div class="chart-table">{table(chart.days)}</div>
            </details>
        })}
    }
}

fn drawing(chart: &Chart) -> impl IntoView + use<> {
    let up = chart.days.iter().map(|day| day.used).max().unwrap_or_default().max(0);
    let down = chart.days.iter().map(|day| day.used).min().unwrap_or_default().min(0);
    let span = (up - down).max(1);
    let zero = up * HEIGHT / span;
    let width = STEP * i64::try_from(chart.days.len()).unwrap_or(1);
    let bars = chart
        .days
        .iter()
        .zip(0_i64..)
        .filter(|(day, _)| day.used != 0)
        .map(|(day, place)| {
            // A little is still seen.
            let tall = (day.used.abs() * HEIGHT / span).max(2);
            let top = if day.used > 0 { (zero - tall).max(0) } else { zero };
            view! {
                <rect class="chart-bar" x=(place * STEP + 3).to_string() y=top.to_string() width="14" height=tall.to_string()>
                    <title>{format!("{}: {}", day.text, day.amount)}</title>
                </rect>
            }
        })
        .collect_view();
    view! {
        <svg class="chart-drawing" viewBox=format!("0 0 {width} {HEIGHT}") preserveAspectRatio="none" role="img" aria-label=chart.summary.clone()>
            <rect class="chart-line" x="0" y=zero.min(HEIGHT - 1).to_string() width=width.to_string() height="1" />
            {bars}
        </svg>
    }
}

fn table(days: Vec<Day>) -> impl IntoView {
    let rows = days
        .into_iter()
        .rev()
        .map(|day| view! {
            <tr><th scope="row"><time datetime=day.iso>{day.text}</time></th><td class="number">{day.amount}</td></tr>
        })
        .collect_view();
    view! {
        <table class="pairs">
            <thead><tr><th scope="col">"Day"</th><th scope="col" class="number">"Used"</th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
}
