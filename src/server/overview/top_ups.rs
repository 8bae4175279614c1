//! Automatic top-ups in words: what was agreed to, what was spent this month, and what stands in the way.

use domain::catalog::{Meter, Pack};
use domain::entitlement::Standing;
use domain::money::{Money, group_thousands};
use domain::plan::MeterId;
use domain::time::Timestamp;
use domain::top_up::{Pause, month, proposed_threshold};
use domain::window::Zone;

use super::{day_in, format_in};
use crate::components::top_ups::{TopUpForm, TopUpState, TopUpView, Wrong};
use crate::server::App;
use crate::server::error::Error;
use crate::server::store::TopUpSetting;

/// How many packs the cap is proposed for.
const PROPOSED_PACKS: u64 = 4;

impl App {
    /// The automatic top-ups of every meter that has packs for sale.
    pub(super) async fn top_up_views(&self, standing: &Standing, now: Timestamp) -> Result<Vec<TopUpView>, Error> {
        let organization = &standing.organization;
        let settings = self.store.top_up_settings(organization).await?;
        let under_way = self.store.top_ups_under_way(organization).await?;
        let owing = self.store.owing(organization).await?;
        let mut views = Vec::new();
        for meter in &self.catalog.meters {
            let packs: Vec<&Pack> = self.packs_for_sale(meter).collect();
            if packs.is_empty() {
                continue;
            }
            let setting = settings.iter().find(|setting| setting.terms.meter == meter.id);
            let state = state(setting, &under_way, owing, &meter.id, now);
            let spent = self.store.top_ups_spent(organization, &meter.id, month(&standing.zone, now).start).await?;
            views.push(TopUpView {
                meter: meter.id.to_string(),
                name: meter.name.clone(),
                unit: meter.unit.clone(),
                currency: self.catalog.currency.code().to_uppercase(),
                state,
                lines: self.lines(meter, setting, state, spent, &standing.zone, now),
                form: self.form(standing, meter, &packs, setting),
                packs: packs.into_iter().map(|pack| (pack.id.to_string(), self.priced(pack))).collect(),
            });
        }
        Ok(views)
    }

    fn money(&self, amount: i64) -> Money {
        Money::new(amount, self.catalog.currency.clone())
    }

    fn priced(&self, pack: &Pack) -> String {
        format!("{} for {}", pack.name, self.money(i64::from(pack.amount)))
    }

    fn lines(
        &self,
        meter: &Meter,
        setting: Option<&TopUpSetting>,
        state: TopUpState,
        spent: i64,
        zone: &Zone,
        now: Timestamp,
    ) -> Vec<String> {
        let month = month(zone, now);
        let name = format_in(zone, "%B", now);
        let Some(setting) = setting.filter(|setting| setting.enabled) else {
            let spent =
                (spent > 0).then(|| format!("{} was spent in {name} before it was turned off.", self.money(spent)));
            return spent.into_iter().collect();
        };
        if let Some((reason, said)) = &setting.paused {
            // Of a card that is declined the bank knows more than we do.
            let why = said.as_deref().filter(|_| *reason == Pause::Declined).unwrap_or(reason.sentence());
            return vec![
                format!("A pack could not be bought. {why}"),
                "Nothing was charged. Nothing more is bought until you let it go on.".to_owned(),
            ];
        }
        let terms = &setting.terms;
        let pack = self.catalog.pack(&terms.pack).map_or_else(|| terms.pack.to_string(), |pack| self.priced(pack));
        let mut lines = vec![
            format!("When less than {} {} are left, buy {pack}.", group_thousands(terms.threshold), meter.unit),
            format!("{} of at most {} spent in {name}.", self.money(spent), terms.cap),
        ];
        let next = month.end.map(|end| day_in(zone, end)).unwrap_or_default();
        match state {
            TopUpState::Capped => lines.push(format!(
                "The next pack would pass the cap. It goes on by itself on {next}; raise the cap to go on sooner."
            )),
            TopUpState::Waiting => lines.push(
                "A payment is overdue or disputed: nothing is bought until that is settled in the billing settings."
                    .to_owned(),
            ),
            TopUpState::Buying => lines.push("A pack is being bought and will be here in a moment.".to_owned()),
            TopUpState::Off | TopUpState::On | TopUpState::Paused => {}
        }
        let day = day_in(zone, setting.agreed_at);
        lines.push(format!("Agreed to by {} on {day}.", setting.agreed_by));
        lines
    }

    fn form(&self, standing: &Standing, meter: &Meter, packs: &[&Pack], setting: Option<&TopUpSetting>) -> TopUpForm {
        if let Some(TopUpSetting { terms, enabled, .. }) = setting {
            return TopUpForm {
                pack: terms.pack.to_string(),
                threshold: terms.threshold.to_string(),
                cap: terms.cap.plain(),
                agreed: *enabled,
                wrong: Wrong::default(),
            };
        }
        let Some(first) = packs.first() else { return TopUpForm::default() };
        let included = standing.limit(&self.catalog, &meter.id);
        let cap = self.money(i64::from(first.amount)).times(PROPOSED_PACKS);
        TopUpForm {
            pack: first.id.to_string(),
            threshold: proposed_threshold(included, first.quantity).to_string(),
            cap: cap.map(|cap| cap.plain()).unwrap_or_default(),
            agreed: false,
            wrong: Wrong::default(),
        }
    }
}

fn state(
    setting: Option<&TopUpSetting>,
    under_way: &[MeterId],
    owing: bool,
    meter: &MeterId,
    now: Timestamp,
) -> TopUpState {
    match setting {
        Some(setting) if setting.enabled && setting.paused.is_some() => TopUpState::Paused,
        Some(setting) if setting.enabled && owing => TopUpState::Waiting,
        _ if under_way.contains(meter) => TopUpState::Buying,
        Some(setting) if setting.enabled && setting.not_before.is_some_and(|moment| moment > now) => TopUpState::Capped,
        Some(setting) if setting.enabled => TopUpState::On,
        _ => TopUpState::Off,
    }
}
