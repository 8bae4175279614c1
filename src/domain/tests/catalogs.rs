//! The four catalogues: sound, and sold, counted and gated as their documents say. What their plans include is in
//! `documents`.

use std::fs;

use super::{CATALOGS, catalog, catalogs_folder, plan_id};
use crate::catalog::{Catalog, Gate, Pack, Reset};
use crate::organization::Kind;
use crate::plan::{Audience, FeatureId, MeterId, Period, Seats};

fn amounts(catalog: &Catalog, plan: &str) -> [Option<u32>; 2] {
    let plan = catalog.plan(&plan_id(plan)).unwrap();
    Period::ALL.map(|period| plan.price(period).map(|price| price.amount))
}

fn tiers(catalog: &Catalog) -> Vec<&str> {
    catalog.plans.iter().map(|plan| plan.id.as_str()).collect()
}

fn reset(catalog: &Catalog, meter: &str) -> Reset {
    catalog.meter(&MeterId::parse(meter).unwrap()).unwrap().reset
}

#[test]
fn every_catalogue_file_is_sound() {
    let mut names = Vec::new();
    for entry in fs::read_dir(catalogs_folder()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        if let Some(name) = file.strip_suffix(".json").filter(|name| *name != "catalog.schema") {
            let problems: Vec<_> = catalog(name).problems().iter().map(ToString::to_string).collect();
            assert!(problems.is_empty(), "{file}:\n{}", problems.join("\n"));
            names.push(name.to_owned());
        }
    }
    names.sort();
    assert_eq!(names, CATALOGS);
}

#[test]
fn a_catalogue_survives_being_written_and_read() {
    for name in CATALOGS {
        let before = catalog(name);
        let text = serde_json::to_string(&before).unwrap();
        assert_eq!(serde_json::from_str::<Catalog>(&text).unwrap(), before, "{name}");
    }
}

#[test]
fn builder_is_priced_as_its_document_says() {
    let builder = catalog("builder");
    assert_eq!(tiers(&builder), ["free", "starter", "pro", "scale"]);
    let rows = [
        ("free", [None, None]),
        ("starter", [Some(3_000), Some(29_880)]),
        ("pro", [Some(6_000), Some(59_760)]),
        ("scale", [Some(12_000), Some(119_520)]),
    ];
    for (plan, prices) in rows {
        assert_eq!(amounts(&builder, plan), prices, "{plan}");
    }
}

#[test]
fn meters_start_again_when_the_documents_say() {
    let rows = [
        ("builder", "projects", Reset::Never),
        // On a yearly plan, too.
        ("builder", "build-hours", Reset::Month),
        ("builder", "storage", Reset::Never),
        ("builder", "ai-embeddings", Reset::Month),
        ("chat", "ai-credits", Reset::BillingPeriod),
        ("dcvaas", "domains", Reset::Never),
        ("protocol-guide", "daily-queries", Reset::Day),
        ("protocol-guide", "states", Reset::Never),
    ];
    for (name, meter, expected) in rows {
        assert_eq!(reset(&catalog(name), meter), expected, "{meter}");
    }
}

#[test]
fn dcvaas_is_sold_as_its_buttons_say() {
    let dcvaas = catalog("dcvaas");
    let sold: Vec<_> = dcvaas.plans.iter().filter(|plan| plan.is_sold()).map(|plan| plan.id.as_str()).collect();
    assert_eq!(sold, ["pro", "agency"]);
    assert_eq!(dcvaas.free_plan, plan_id("free"));
    assert!(dcvaas.trial.is_some(), "its button says Start Trial");
    assert!(dcvaas.plans.iter().any(|plan| plan.contact_sales), "its other button says Contact Sales");
}

#[test]
fn chat_is_sold_by_the_month() {
    let chat = catalog("chat");
    assert_eq!(tiers(&chat), ["free", "plus", "pro"]);
    assert_eq!(chat.trial, None, "its button says Upgrade Now");
    assert!(chat.sells(Period::Monthly) && !chat.sells(Period::Yearly));
}

#[test]
fn protocol_guide_is_priced_as_its_document_says() {
    let guide = catalog("protocol-guide");
    assert_eq!(guide.trial.map(|trial| trial.days), Some(7));
    let rows = [
        ("free", [None, None], None),
        ("pro", [Some(999), Some(8_900)], None),
        ("enterprise", [None, None], None),
        ("department-starter", [Some(799), Some(9_588)], Some(Seats { min: 5, max: Some(20) })),
        ("department-professional", [Some(599), Some(7_188)], Some(Seats { min: 20, max: Some(100) })),
        ("department-enterprise", [None, None], Some(Seats { min: 100, max: None })),
    ];
    assert_eq!(tiers(&guide), rows.map(|(plan, ..)| plan));
    for (name, prices, seats) in rows {
        let plan = guide.plan(&plan_id(name)).unwrap();
        assert_eq!(amounts(&guide, name), prices, "{name}");
        assert_eq!(plan.seats, seats, "{name}");
        assert_eq!(plan.contact_sales, name.ends_with("enterprise"), "{name}");
        assert_eq!(plan.audience == Audience::Team, name.starts_with("department"), "{name}");
    }
}

#[test]
fn packs_are_sold_where_the_documents_sell_more() {
    let packs = |name: &str| -> Vec<_> {
        let of = |pack: Pack| (pack.meter.to_string(), pack.quantity, pack.amount, pack.stripe_price, pack.valid_days);
        catalog(name).packs.into_iter().map(of).collect()
    };
    let pack = |meter: &str, quantity, amount, variable: &str| {
        (meter.to_owned(), quantity, amount, variable.to_owned(), Some(365))
    };
    assert_eq!(
        packs("builder"),
        [
            pack("build-hours", 20, 1_500, "STRIPE_BUILD_HOURS_PACK_PRICE_ID"),
            pack("ai-embeddings", 10_000, 500, "STRIPE_EMBEDDINGS_PACK_PRICE_ID"),
        ]
    );
    assert_eq!(packs("chat"), [pack("ai-credits", 250, 750, "STRIPE_CREDITS_PACK_PRICE_ID")]);
    assert_eq!((packs("dcvaas"), packs("protocol-guide")), (Vec::new(), Vec::new()));
}

#[test]
fn a_pack_is_named_after_what_it_holds() {
    for name in CATALOGS {
        let catalog = catalog(name);
        for pack in &catalog.packs {
            let meter = catalog.meter(&pack.meter).unwrap();
            assert_eq!(pack.name, meter.quantity(pack.quantity));
            assert_eq!(catalog.pack(&pack.id), Some(pack));
        }
    }
}

#[test]
fn pages_are_gated_by_the_feature_that_describes_them() {
    let rows: [(&str, &[(Gate, &str)]); 4] = [
        ("builder", &[]),
        ("chat", &[(Gate::UsageAnalytics, "usage-export"), (Gate::ApiKeys, "api-access")]),
        ("dcvaas", &[(Gate::Audit, "audit-log"), (Gate::ApiKeys, "api-access")]),
        ("protocol-guide", &[(Gate::ApiKeys, "api-access")]),
    ];
    assert_eq!(rows.map(|(name, _)| name), CATALOGS);
    for (name, gates) in rows {
        let expected: Vec<_> = gates.iter().map(|(gate, id)| (*gate, FeatureId::parse(id).unwrap())).collect();
        assert_eq!(catalog(name).gates.into_iter().collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn variables_keep_the_documents_names() {
    let variables = |name: &str| -> Vec<String> {
        catalog(name).price_variables().map(|(_, price)| price.stripe_price.clone()).collect()
    };
    assert_eq!(
        variables("builder"),
        [
            "STRIPE_STARTER_MONTHLY_PRICE_ID",
            "STRIPE_STARTER_YEARLY_PRICE_ID",
            "STRIPE_PRO_MONTHLY_PRICE_ID",
            "STRIPE_PRO_YEARLY_PRICE_ID",
            "STRIPE_SCALE_MONTHLY_PRICE_ID",
            "STRIPE_SCALE_YEARLY_PRICE_ID",
        ]
    );
    assert_eq!(
        variables("protocol-guide"),
        [
            "STRIPE_PRO_MONTHLY_PRICE_ID",
            "STRIPE_PRO_ANNUAL_PRICE_ID",
            "STRIPE_DEPT_STARTER_MONTHLY_PRICE_ID",
            "STRIPE_DEPT_STARTER_ANNUAL_PRICE_ID",
            "STRIPE_DEPT_PROFESSIONAL_MONTHLY_PRICE_ID",
            "STRIPE_DEPT_PROFESSIONAL_ANNUAL_PRICE_ID",
        ]
    );
}

#[test]
fn teams_choose_among_their_own_plans_where_there_are_any() {
    for (name, teams) in [("protocol-guide", Audience::Team), ("dcvaas", Audience::Individual)] {
        let catalog = catalog(name);
        assert_eq!(catalog.audience_of(Kind::Team), teams, "{name}");
        assert_eq!(catalog.audience_of(Kind::Personal), Audience::Individual, "{name}");
    }
}
