//! The catalogue's checks: each mistake is planted in a sound catalogue, and found there, alone, with its cure.

use serde_json::{Value, json};

use super::{catalog, catalog_json, read};

/// Sets a member, making it if its parent is there.
fn set(json: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = json.pointer_mut(parent).unwrap_or_else(|| panic!("no parent for {pointer}"));
    match parent {
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => other[key] = value,
    }
}

/// Takes members away.
fn remove(json: &mut Value, parent: &str, key: &str) {
    json.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
}

/// The paths of all problems after planting, and what they say.
fn problems(name: &str, planted: impl FnOnce(&mut Value)) -> (Vec<String>, String) {
    let mut json = catalog_json(name);
    planted(&mut json);
    let problems = read(json).problems();
    let said = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    (problems.into_iter().map(|problem| problem.path).collect(), said)
}

/// A catalogue, where to plant what, where that must be found, and words of the cure.
type Planting = (&'static str, &'static str, Value, &'static str, &'static str);

fn assert_found(plantings: impl IntoIterator<Item = Planting>) {
    for (name, pointer, value, path, cure) in plantings {
        let (paths, said) = problems(name, |json| set(json, pointer, value.clone()));
        assert_eq!(paths, [path], "{pointer} = {value} in {name} says:\n{said}");
        assert!(said.contains(cure), "`{cure}` is missing in: {said}");
    }
}

#[test]
fn names_that_occur_twice() {
    assert_found([
        ("builder", "/plans/2/id", json!("starter"), "/plans/2/id", "choose another id"),
        ("dcvaas", "/features/-", catalog_json("dcvaas")["features"][7].clone(), "/features/9/id", "choose another id"),
        ("builder", "/meters/-", catalog_json("builder")["meters"][1].clone(), "/meters/4/id", "choose another id"),
        ("builder", "/plans/1/prices/1/period", json!("monthly"), "/plans/1/prices/1/period", "keep one of the two"),
        ("builder", "/plans/3/recommended", json!(true), "/plans/3/recommended", "`pro` is recommended already"),
        ("builder", "/plans/2/features/-", json!("autoscale"), "/plans/2/features/5", "once is enough"),
    ]);
}

#[test]
fn names_that_nobody_declared() {
    assert_found([
        ("builder", "/plans/2/features/4", json!("autoscal"), "/plans/2/features/4", "did you mean `autoscale`?"),
        (
            "builder",
            "/plans/1/features/0",
            json!("basics"),
            "/plans/1/features/0",
            "use one of `basic-features`, `core",
        ),
        ("dcvaas", "/plans/1/limits/domain", json!(50), "/plans/1/limits/domain", "did you mean `domains`?"),
        ("builder", "/plans/2/features/4", json!("autosc"), "/plans/2/features/4", "did you mean `autoscale`?"),
        ("builder", "/plans/1/features/1", json!("gor-agents"), "/plans/1/features/1", "did you mean `core-agents`?"),
        ("builder", "/freePlan", json!("fre"), "/freePlan", "did you mean `free`?"),
        ("builder", "/freePlan", json!("basic-tier"), "/freePlan", "use one of `free`, `starter`, `pro`, `scale`"),
    ]);
    let (paths, said) = problems("chat", |json| {
        json["meters"] = json!([]);
        json["packs"] = json!([]);
        for plan in json["plans"].as_array_mut().unwrap() {
            plan["limits"] = json!({});
        }
        set(json, "/plans/0/limits/credits", json!(1));
    });
    assert_eq!(paths, ["/plans/0/limits/credits"], "{said}");
    assert!(said.contains("declare it in `meters`") && !said.contains("use one of"), "{said}");
}

#[test]
fn a_misspelt_name_is_reported_once_and_not_as_a_loss_too() {
    let (paths, said) = problems("builder", |json| {
        let limits = json.pointer_mut("/plans/3/limits").unwrap().as_object_mut().unwrap();
        let hours = limits.remove("build-hours").unwrap();
        limits.insert("build-hour".to_owned(), hours);
    });
    assert_eq!(paths, ["/plans/3/limits/build-hour"], "{said}");
}

#[test]
fn a_free_plan_that_cannot_be_it() {
    let price = json!([{ "period": "monthly", "amount": 0, "stripePrice": "price_1" }]);
    assert_found([
        ("builder", "/freePlan", json!("pro"), "/freePlan", "name a plan that has neither"),
        ("builder", "/plans/0/prices", price, "/freePlan", "`free` has prices"),
        ("builder", "/plans/0/contactSales", json!(true), "/freePlan", "`free` has `contactSales`"),
        ("builder", "/plans/0/audience", json!("team"), "/plans/0/audience", "write `individual`"),
        ("builder", "/plans/0/seats", json!({ "min": 1 }), "/plans/0/seats", "remove `seats`"),
    ]);
}

#[test]
fn plans_that_nobody_can_get_or_that_are_sold_in_two_ways() {
    let (paths, said) = problems("builder", |json| remove(json, "/plans/2", "prices"));
    assert_eq!(paths, ["/plans/2"]);
    assert!(said.contains("nobody can get `pro`"), "{said}");
    assert_found([("builder", "/plans/3/contactSales", json!(true), "/plans/3/prices", "remove its prices")]);
}

#[test]
fn seats_that_cannot_be_sold() {
    let starter = "/plans/3/seats";
    assert_found([
        ("protocol-guide", starter, json!({ "min": 20, "max": 5 }), "/plans/3/seats/max", "swap them"),
        ("protocol-guide", starter, json!({ "min": 0, "max": 5 }), "/plans/3/seats/min", "start at 1"),
        ("protocol-guide", starter, json!({ "min": 5, "max": 1_000_000 }), "/plans/3/seats/max", "999999"),
        ("protocol-guide", starter, json!({ "min": 999_999, "max": 1_000_000 }), "/plans/3/seats/max", "999999"),
        ("protocol-guide", starter, json!({ "min": 1_000_000 }), "/plans/3/seats/min", "999999"),
        ("protocol-guide", "/plans/1/seats", json!({ "min": 1 }), "/plans/1/seats", "\"audience\": \"team\""),
    ]);
    let (paths, said) = problems("protocol-guide", |json| remove(json, "/plans/4", "seats"));
    assert_eq!(paths, ["/plans/4/seats"]);
    assert!(said.contains("add `seats`"), "{said}");
}

#[test]
fn a_team_plan_sold_by_contact_needs_no_seats() {
    let (paths, said) = problems("protocol-guide", |json| remove(json, "/plans/5", "seats"));
    assert!(paths.is_empty(), "{said}");
}

#[test]
fn amounts_that_nobody_can_have_meant() {
    let (monthly, yearly) = ("/plans/3/prices/0/amount", "/plans/3/prices/1/amount");
    assert_found([
        ("builder", monthly, json!(0), monthly, "remove the price"),
        ("builder", yearly, json!(0), yearly, "remove the price"),
        ("builder", yearly, json!(144_001), yearly, "write at most 144000"),
        ("builder", "/plans/2/prices/1/amount", json!(144_001), "/plans/2/prices/1/amount", "write at most 72000"),
        ("builder", yearly, json!(12_000), yearly, "write what the whole year costs"),
        ("builder", yearly, json!(9_960), yearly, "write what the whole year costs"),
        ("chat", "/plans/2/prices/0/amount", json!(1_199), "/plans/2/prices/0/amount", "costs less than `plus`"),
        ("chat", "/plans/1/prices/0/amount", json!(49), "/plans/1/prices/0/amount", "amounts are minor units"),
        ("chat", "/plans/2/prices/0/amount", json!(100_000_000), "/plans/2/prices/0/amount", "$999,999.99"),
    ]);
}

#[test]
fn amounts_at_the_edge_are_sound() {
    let sound = [
        ("builder", "/plans/3/prices/1/amount", 144_000),
        ("chat", "/plans/2/prices/0/amount", 1_200),
        ("chat", "/plans/1/prices/0/amount", 50),
        ("chat", "/plans/2/prices/0/amount", 99_999_999),
    ];
    for (name, pointer, amount) in sound {
        let (paths, said) = problems(name, |json| set(json, pointer, json!(amount)));
        assert!(paths.is_empty(), "{pointer} = {amount}: {said}");
    }
    let (paths, said) = problems("protocol-guide", |json| {
        set(json, "/plans/3/prices/0/amount", json!(10));
        set(json, "/plans/3/prices/1/amount", json!(120));
    });
    assert!(paths.is_empty(), "five seats at 10 cents are the least that Stripe charges: {said}");
}

#[test]
fn stripe_has_a_smallest_charge_in_each_currency() {
    let smallest = [
        (30, "gbp"),
        (50, "usd eur aud brl cad chf inr jpy nzd sgd"),
        (100, "bgn"),
        (200, "aed myr pln ron"),
        (250, "dkk"),
        (300, "nok sek"),
        (400, "hkd"),
        (1_000, "mxn thb"),
        (1_500, "czk"),
        (17_500, "huf"),
        (1, "zar"),
    ];
    for (least, currencies) in smallest {
        for currency in currencies.split(' ') {
            let plus = |amount: u32| {
                let planted = |json: &mut Value| {
                    set(json, "/currency", json!(currency));
                    set(json, "/packs/0/amount", json!(100_000));
                    set(json, "/plans/1/prices/0/amount", json!(amount));
                    set(json, "/plans/2/prices/0/amount", json!(100_000));
                };
                problems("chat", planted).0
            };
            assert!(plus(least).is_empty(), "{least} {currency} can be charged");
            assert_eq!(plus(least - 1), ["/plans/1/prices/0/amount"], "{currency}");
        }
    }
}

#[test]
fn some_currencies_are_charged_in_steps() {
    let (paths, said) = problems("chat", |json| {
        set(json, "/currency", json!("kwd"));
        set(json, "/plans/1/prices/0/amount", json!(1_201));
    });
    assert_eq!(paths, ["/plans/1/prices/0/amount"]);
    assert!(said.contains("multiples of 10"), "{said}");
}

#[test]
fn variables_that_cannot_be_read() {
    let path = "/plans/1/prices/0/stripePrice";
    assert_found([
        ("chat", path, json!("price_1Abc"), path, "put it into an environment variable"),
        ("chat", path, json!("stripe_plus"), path, "capital letters"),
        ("chat", path, json!("STRIPE-PLUS"), path, "capital letters"),
        ("chat", path, json!(""), path, "capital letters"),
        ("chat", path, json!("1_PLUS"), path, "capital letters"),
        ("chat", path, json!("STRIPE_PRO_MONTHLY_PRICE_ID"), "/plans/2/prices/0/stripePrice", "a price of `plus`"),
    ]);
}

#[test]
fn plans_that_are_worth_less_than_the_one_before() {
    let (projects, hours) = ("/plans/3/limits/projects", "/plans/2/limits/build-hours");
    assert_found([
        ("builder", projects, json!(2), projects, "raise the limit"),
        ("dcvaas", "/plans/3/limits/domains", json!(1_000), "/plans/3/limits/domains", "raise the limit"),
        (
            "protocol-guide",
            "/plans/3/limits/daily-queries",
            json!(4),
            "/plans/3/limits/daily-queries",
            "`free` before it",
        ),
        (
            "chat",
            "/plans/2/features",
            json!(["chat-history", "file-uploads", "web-search"]),
            "/plans/2/features",
            "add it",
        ),
    ]);
    let (paths, said) = problems("builder", |json| remove(json, "/plans/3/limits", "storage"));
    assert_eq!(paths, ["/plans/3/limits"]);
    assert!(said.contains("`scale`, which follows it, does not"), "{said}");
    let (paths, said) = problems("builder", |json| set(json, hours, json!(40)));
    assert!(paths.is_empty(), "as much as before is enough: {said}");
}

#[test]
fn plans_for_different_audiences_are_not_compared() {
    let (paths, said) = problems("protocol-guide", |json| set(json, "/plans/3/limits/agencies", json!(2)));
    assert!(paths.is_empty(), "a department's limit may be below that of the plan for one person before it: {said}");
}

#[test]
fn numbers_out_of_range() {
    let too_many = json!(9_007_199_254_740_992_u64);
    assert_found([
        ("dcvaas", "/trial/days", json!(0), "/trial/days", "leave `trial` out"),
        ("dcvaas", "/trial/days", json!(731), "/trial/days", "730"),
        ("builder", "/pastDueGraceDays", json!(61), "/pastDueGraceDays", "at most 60"),
        ("builder", "/plans/3/limits/storage", too_many, "/plans/3/limits/storage", "\"unlimited\""),
    ]);
}

#[test]
fn numbers_at_the_edge_are_sound() {
    let sound = [
        ("dcvaas", "/trial/days", json!(1)),
        ("dcvaas", "/trial/days", json!(730)),
        ("builder", "/pastDueGraceDays", json!(0)),
        ("builder", "/pastDueGraceDays", json!(60)),
        ("builder", "/plans/3/limits/storage", json!(9_007_199_254_740_991_u64)),
        ("protocol-guide", "/plans/3/seats", json!({ "min": 1, "max": 1 })),
        ("protocol-guide", "/plans/3/seats", json!({ "min": 999_999, "max": 999_999 })),
    ];
    for (name, pointer, value) in sound {
        let (paths, said) = problems(name, |json| set(json, pointer, value.clone()));
        assert!(paths.is_empty(), "{pointer} = {value}: {said}");
    }
}

/// A sound pack for the builder catalogue.
fn pack() -> Value {
    json!({
        "id": "hours",
        "name": "20 build hours",
        "meter": "build-hours",
        "quantity": 20,
        "amount": 1_000,
        "stripePrice": "STRIPE_HOURS_PRICE_ID",
        "validDays": 90,
    })
}

/// The paths of all problems of builder with two packs, after planting something in the second.
fn pack_problems(key: &str, value: &Value) -> (Vec<String>, String) {
    problems("builder", |json| {
        let other = json!({ "id": "other", "name": "More", "meter": "build-hours", "quantity": 1, "amount": 50,
                            "stripePrice": "STRIPE_OTHER_PRICE_ID" });
        json["packs"] = json!([other, pack()]);
        json["packs"][1][key] = value.clone();
    })
}

#[test]
fn packs_that_cannot_be_sold() {
    let rows = [
        ("id", json!("other"), "there is already a pack `other`: choose another id"),
        ("name", json!(" "), "write a few words"),
        ("meter", json!("build-hour"), "did you mean `build-hours`?"),
        ("meter", json!("messages"), "use one of `projects`, `build-hours`, `storage`"),
        ("quantity", json!(0), "holds nothing"),
        ("quantity", json!(9_007_199_254_740_992_u64), "9007199254740991 is the largest"),
        ("amount", json!(0), "or remove the pack"),
        ("amount", json!(49), "less than $0.50, the least that Stripe charges"),
        ("amount", json!(100_000_000), "more than $999,999.99"),
        ("stripePrice", json!("price_1Abc"), "put it into an environment variable"),
        ("stripePrice", json!("stripe_hours"), "capital letters"),
        ("stripePrice", json!("STRIPE_OTHER_PRICE_ID"), "already names the price of the pack `other`"),
        ("stripePrice", json!("STRIPE_PRO_YEARLY_PRICE_ID"), "already names a price of `pro`"),
        ("validDays", json!(0), "leave `validDays` out"),
    ];
    for (key, value, cure) in rows {
        let (paths, said) = pack_problems(key, &value);
        assert_eq!(paths, [format!("/packs/1/{key}")], "{key} = {value}: {said}");
        assert!(said.contains(cure), "`{cure}` is missing in: {said}");
    }
}

#[test]
fn packs_at_the_edge_are_sound() {
    let rows = [
        ("quantity", json!(1)),
        ("quantity", json!(9_007_199_254_740_991_u64)),
        ("amount", json!(50)),
        ("amount", json!(99_999_999)),
        ("validDays", json!(1)),
        ("validDays", Value::Null),
    ];
    for (key, value) in rows {
        let (paths, said) = pack_problems(key, &value);
        assert!(paths.is_empty(), "{key} = {value}: {said}");
    }
}

#[test]
fn packs_that_nobody_needs() {
    let planted = |json: &mut Value, limits: [Value; 4]| {
        for (plan, limit) in json["plans"].as_array_mut().unwrap().iter_mut().zip(limits) {
            plan["limits"]["build-hours"] = limit;
        }
        json["packs"] = json!([pack()]);
    };
    let unlimited = || json!("unlimited");
    let (paths, said) = problems("builder", |json| planted(json, [unlimited(), unlimited(), unlimited(), unlimited()]));
    assert_eq!(paths, ["/packs/0/meter"], "{said}");
    assert!(said.contains("`build-hours` is unlimited in every plan"), "{said}");
    let (paths, said) = problems("builder", |json| planted(json, [json!(0), unlimited(), unlimited(), unlimited()]));
    assert!(paths.is_empty(), "one plan is enough: {said}");
}

#[test]
fn pages_behind_features_that_nobody_declared() {
    for gate in ["usageAnalytics", "audit", "apiKeys"] {
        let gates = json!({ gate: "api-acces" });
        let (paths, said) = problems("dcvaas", |json| json["gates"] = gates);
        assert_eq!(paths, [format!("/gates/{gate}")], "{said}");
        assert!(said.contains("did you mean `api-access`?"), "{said}");
    }
    let all = json!({ "usageAnalytics": "bulk-import", "audit": "audit-log", "apiKeys": "api-access" });
    let (paths, said) = problems("dcvaas", |json| json["gates"] = all);
    assert!(paths.is_empty(), "{said}");
}

#[test]
fn carrying_over_what_is_never_reset_or_nothing() {
    assert_found([
        ("builder", "/meters/0/carryOver", json!(1), "/meters/0/carryOver", "`projects` is never reset"),
        ("builder", "/meters/1/carryOver", json!(0), "/meters/1/carryOver", "write at least 1"),
        ("chat", "/meters/0/carryOver", json!(9_007_199_254_740_992_u64), "/meters/0/carryOver", "is the largest"),
    ]);
    let sound = [("builder", 1, 1), ("chat", 0, 9_007_199_254_740_991_u64), ("protocol-guide", 0, 5)];
    for (name, meter, carried) in sound {
        let (paths, said) = problems(name, |json| set(json, &format!("/meters/{meter}/carryOver"), json!(carried)));
        assert!(paths.is_empty(), "{name}: {said}");
    }
}

#[test]
fn texts_that_are_blank() {
    let places = [
        "/name",
        "/tagline",
        "/features/1/name",
        "/features/1/description",
        "/meters/1/name",
        "/meters/1/unit",
        "/meters/1/singular",
        "/plans/1/name",
        "/plans/1/summary",
        "/plans/1/highlights/0",
        "/questions/1/question",
        "/questions/1/answer",
    ];
    assert_found(places.map(|place| ("builder", place, json!(" \n"), place, "write a few words")));
}

#[test]
fn an_address_that_cannot_be_written_to() {
    for wrong in ["", "sales", "@example.com", "sales@", "sales @example.com", "a@b@example.com", "a@example.com\n"] {
        assert_found([("dcvaas", "/salesEmail", json!(wrong), "/salesEmail", "sales@example.com")]);
    }
    let (paths, said) = problems("dcvaas", |json| remove(json, "", "salesEmail"));
    assert_eq!(paths, ["/salesEmail"]);
    assert!(said.contains("`enterprise` is sold by contact"), "{said}");
    assert!(catalog("builder").sales_email.is_none(), "without such a plan no address is needed");
}

#[test]
fn every_mistake_is_told_at_once() {
    let (paths, said) = problems("builder", |json| {
        set(json, "/tagline", json!(""));
        set(json, "/plans/1/features/1", json!("core-agent"));
        set(json, "/plans/3/prices/1/amount", json!(59_759));
        set(json, "/plans/2/prices/0/amount", json!(0));
        set(json, "/questions/0/answer", json!(""));
    });
    let expected = [
        "/tagline",
        "/plans/1/features/1",
        "/plans/2/prices/0/amount",
        "/plans/3/prices/1/amount",
        "/questions/0/answer",
    ];
    assert_eq!(paths, expected, "{said}");
}

#[test]
fn a_catalogue_with_no_plans_says_only_that() {
    let (paths, said) = problems("builder", |json| set(json, "/plans", json!([])));
    assert_eq!(paths, ["/freePlan"]);
    assert!(said.contains("declare it in `plans`"), "{said}");
}

#[test]
fn a_problem_without_a_path_is_the_whole_files() {
    let problem = crate::catalog::Problem { path: String::new(), message: "wrong".to_owned() };
    assert_eq!(problem.to_string(), "/: wrong");
}

#[test]
fn shapes_that_the_parser_refuses_are_told_with_their_cure() {
    let refused = |pointer: &str, value: Value| {
        let mut json = catalog_json("builder");
        set(&mut json, pointer, value);
        serde_json::from_value::<crate::catalog::Catalog>(json).unwrap_err().to_string()
    };
    assert!(refused("/currency", json!("USD")).contains("three lower-case letters"));
    assert!(refused("/plans/0/id", json!("Free")).contains("start with a lower-case letter"));
    assert!(refused("/plans/0/limits/projects", json!("many")).contains("the word \"unlimited\""));
    assert!(refused("/plans/0/limit", json!({})).contains("unknown field `limit`"));
    assert!(refused("/gates", json!({ "billing": "autoscale" })).contains("unknown variant `billing`"));
    assert!(refused("/packs", json!([{ "id": "Hours" }])).contains("start with a lower-case letter"));
    assert_eq!(catalog("builder").problems(), Vec::new());
}
