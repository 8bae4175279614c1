//! The shape of every object: each field that client libraries require is there, with a type they
//! can read.

use serde_json::{Value, json};

use super::life::Subscriber;
use super::{World, text};

/// Required fields by type: `s`tring, `n`umber, `b`oolean, `o`bject, `a`rray, `0` null; a field may
/// have any of the types before its colon.
const SHAPES: &[(&str, &str)] = &[
    (
        "customer",
        "0o: shipping; 0os: default_source; 0s: description email; b: livemode; n: balance created; o: \
         invoice_settings metadata; s: id;",
    ),
    (
        "subscription",
        "0n: application_fee_percent cancel_at canceled_at days_until_due ended_at next_pending_invoice_item_invoice \
         trial_end trial_start; 0o: billing_cycle_anchor_config billing_thresholds cancellation_details \
         managed_payments pause_collection payment_settings pending_invoice_item_interval pending_update \
         transfer_data trial_settings; 0os: application default_payment_method default_source latest_invoice \
         on_behalf_of pending_setup_intent schedule test_clock; 0s: customer_account description; a: \
         billing_schedules discounts; b: cancel_at_period_end livemode; n: billing_cycle_anchor created start_date; \
         o: automatic_tax billing_mode invoice_settings items metadata; os: customer; s: id collection_method \
         currency status;",
    ),
    (
        "subscription_item",
        "0a: tax_rates; 0o: billing_thresholds current_trial; a: discounts; n: created current_period_end \
         current_period_start; o: metadata plan price; s: id subscription;",
    ),
    (
        "subscription_schedule",
        "0n: canceled_at completed_at released_at; 0o: current_phase metadata; 0os: application subscription \
         test_clock; 0s: customer_account released_subscription; a: phases; b: livemode; n: created; o: billing_mode \
         default_settings; os: customer; s: id end_behavior status;",
    ),
    (
        "invoice",
        "0a: account_tax_ids custom_fields total_discount_amounts total_pretax_credit_amounts total_taxes; 0n: \
         automatically_finalizes_at due_date effective_at ending_balance next_payment_attempt subtotal_excluding_tax \
         total_excluding_tax webhooks_delivered_at; 0o: customer_address customer_shipping from_invoice \
         last_finalization_error metadata parent rendering shipping_cost shipping_details; 0os: application customer \
         default_payment_method default_source latest_revision on_behalf_of test_clock; 0s: account_country \
         account_name billing_reason customer_account customer_email customer_name customer_phone customer_tax_exempt \
         description footer number receipt_number statement_descriptor status; a: default_tax_rates discounts; b: \
         attempted livemode; n: amount_due amount_overpaid amount_paid amount_remaining amount_shipping attempt_count \
         created period_end period_start post_payment_credit_notes_amount pre_payment_credit_notes_amount \
         starting_balance subtotal total; o: automatic_tax issuer lines payment_settings status_transitions; s: id \
         collection_method currency;",
    ),
    (
        "line_item",
        "0a: discount_amounts pretax_credit_amounts taxes; 0n: quantity; 0o: parent pricing; 0os: subscription; 0s: \
         description invoice quantity_decimal; a: discounts; b: discountable livemode; n: amount subtotal; o: \
         metadata period; s: id currency;",
    ),
    (
        "invoiceitem",
        "0a: discounts tax_rates; 0n: net_amount; 0o: metadata parent pricing proration_details; 0os: invoice \
         test_clock; 0s: customer_account description; b: discountable livemode proration; n: amount date quantity; o: \
         period; os: customer; s: id currency quantity_decimal;",
    ),
    (
        "invoice_payment",
        "0n: amount_paid; b: is_default livemode; n: amount_requested created; o: payment status_transitions; os: \
         invoice; s: id currency status;",
    ),
    (
        "price",
        "0n: unit_amount; 0o: custom_unit_amount recurring transform_quantity; 0s: lookup_key nickname tax_behavior \
         tiers_mode unit_amount_decimal; b: active livemode; n: created; o: metadata; os: product; s: id \
         billing_scheme currency type;",
    ),
    (
        "product",
        "0b: shippable; 0o: package_dimensions tax_details; 0s: description url; a: images marketing_features; b: \
         active livemode; n: created updated; o: metadata; s: id name type;",
    ),
    (
        "promotion_code",
        "0n: expires_at max_redemptions; 0o: metadata; 0os: customer; 0s: customer_account; b: active livemode; n: \
         created times_redeemed; o: promotion restrictions; s: id code;",
    ),
    (
        "coupon",
        "0n: amount_off duration_in_months max_redemptions percent_off redeem_by; 0o: metadata; 0s: currency name; b: \
         livemode valid; n: created times_redeemed; s: id duration;",
    ),
    (
        "discount",
        "0n: end; 0os: customer promotion_code; 0s: checkout_session customer_account invoice invoice_item \
         subscription subscription_item; n: start; o: source; s: id;",
    ),
    (
        "test_helpers.test_clock",
        "0s: name; b: livemode; n: created deletes_after frozen_time; o: status_details; s: id status;",
    ),
    ("event", "0o: request; 0s: api_version; b: livemode; n: created pending_webhooks; o: data; s: id type;"),
    (
        "webhook_endpoint",
        "0s: api_version application description; a: enabled_events; b: livemode; n: created; o: metadata; s: id \
         status url;",
    ),
    (
        "payment_method",
        "0o: metadata; 0os: customer; 0s: customer_account; b: livemode; n: created; o: billing_details; s: id type;",
    ),
    (
        "refund",
        "0o: metadata; 0os: balance_transaction charge customer payment_intent payment_method \
         source_transfer_reversal transfer_reversal; 0s: customer_account reason receipt_number status; n: amount \
         created; s: id currency;",
    ),
    (
        "billing_portal.session",
        "0o: flow; 0s: customer_account locale on_behalf_of return_url; b: livemode; n: created; os: configuration; \
         s: id customer url;",
    ),
    (
        "billing_portal.configuration",
        "0o: metadata; 0os: application; 0s: default_return_url name; b: active is_default livemode; n: created \
         updated; o: business_profile features login_page; s: id;",
    ),
    (
        "checkout.session",
        "0a: allowed_payment_method_types discounts; 0b: allow_promotion_codes; 0n: amount_subtotal amount_total; 0o: \
         adaptive_pricing after_expiration collected_information consent consent_collection currency_conversion \
         customer_details invoice_creation managed_payments metadata payment_method_configuration_details permissions \
         saved_payment_method_options shipping_address_collection shipping_cost total_details wallet_options; 0os: \
         customer invoice payment_intent payment_link setup_intent subscription; 0s: billing_address_collection \
         cancel_url client_reference_id client_secret currency customer_account customer_creation customer_email \
         integration_identifier locale origin_context payment_method_collection recovered_from status submit_type \
         success_url ui_mode url; a: custom_fields payment_method_types shipping_options; b: livemode; n: created \
         expires_at; o: automatic_tax custom_text payment_method_options; s: id mode payment_status;",
    ),
    (
        "dispute",
        "n: amount created; a: balance_transactions; s: id charge currency reason status; o: evidence \
         evidence_details metadata; b: is_charge_refundable livemode; 0s: payment_intent;",
    ),
    (
        "charge",
        "n: amount amount_captured amount_refunded created; b: captured disputed livemode paid refunded; s: id currency \
         status; o: billing_details metadata; 0s: customer payment_intent payment_method failure_code; 0o: outcome \
         payment_method_details;",
    ),
    (
        "payment_intent",
        "n: amount amount_capturable amount_received created; s: id capture_method confirmation_method currency status; \
         b: livemode; o: metadata; a: payment_method_types; 0s: client_secret customer latest_charge payment_method; \
         0o: last_payment_error next_action;",
    ),
];

fn type_of(value: &Value) -> char {
    match value {
        Value::Null => '0',
        Value::Bool(_) => 'b',
        Value::Number(_) => 'n',
        Value::String(_) => 's',
        Value::Array(_) => 'a',
        Value::Object(_) => 'o',
    }
}

fn faults(kind: &str, object: &Value) -> Vec<String> {
    let Some((_, shape)) = SHAPES.iter().find(|(name, _)| *name == kind) else {
        return vec![format!("no shape is written down for {kind}")];
    };
    let groups = shape.split(';').filter_map(|group| group.trim().split_once(':'));
    let fields = groups.flat_map(|(types, names)| names.split_whitespace().map(move |name| (types, name)));
    fields
        .filter_map(|(types, name)| match object.get(name) {
            None => Some(format!("{kind}.{name} is missing")),
            Some(value) if types.contains(type_of(value)) => None,
            Some(value) => Some(format!("{kind}.{name} is {value}, which is none of {types}")),
        })
        .collect()
}

/// Checks an object and all objects with a written shape inside it.
fn check(object: &Value, faulty: &mut Vec<String>, seen: &mut Vec<String>) {
    match object {
        Value::Array(all) => all.iter().for_each(|it| check(it, faulty, seen)),
        Value::Object(fields) => {
            if let Some(kind) = object["object"].as_str().filter(|kind| SHAPES.iter().any(|(name, _)| name == kind)) {
                faulty.extend(faults(kind, object));
                seen.push(kind.to_owned());
            }
            fields.values().for_each(|it| check(it, faulty, seen));
        }
        _ => {}
    }
}

#[tokio::test]
async fn every_kind_of_object_has_its_required_fields() {
    let world = World::new().await;
    world.post("/v1/coupons", &[("id", "tenth"), ("percent_off", "10"), ("duration", "forever")]).await;
    let code = [("promotion[type]", "coupon"), ("promotion[coupon]", "tenth"), ("code", "TEN")];
    let mut objects = vec![world.post("/v1/promotion_codes", &code).await];
    let endpoint = [("url", "http://127.0.0.1:9/hook"), ("enabled_events[]", "customer.source.expiring")];
    objects.push(world.post("/v1/webhook_endpoints", &endpoint).await);
    let session = world.session(&[]).await;
    world.pay(&session, "4242424242424242").await;
    objects.push(world.session(&[]).await);
    let it = Subscriber::new(&world, &[("discounts[0][coupon]", "tenth")]).await;
    objects.push(world.post("/v1/subscription_schedules", &[("from_subscription", it.id())]).await);
    objects.push(world.post("/v1/billing_portal/sessions", &[("customer", &it.customer)]).await);
    objects.push(world.post("/v1/test_helpers/test_clocks", &[("frozen_time", "1700000000")]).await);
    world.control("/sandbox/payments", json!({"fail_next": 1, "customer": it.customer})).await;
    world.control("/sandbox/clock", json!({"months": 1})).await;
    let change = [("items[0][price]", "price_scale_month"), ("proration_behavior", "always_invoice")];
    world.post(&it.path, &change).await;
    let charges = world.get(&format!("/v1/charges?customer={}", it.customer)).await;
    let paid = charges["data"].as_array().expect("charges").iter().find(|it| it["paid"] == true).expect("a payment");
    world.post("/v1/refunds", &[("charge", &text(&paid["id"])), ("amount", "100")]).await;
    world.control("/sandbox/disputes", json!({"customer": it.customer})).await;
    objects.push(world.post("/v1/invoices/create_preview", &[("subscription", it.id())]).await);
    let by_hand = world.post("/v1/invoices", &[("customer", &it.customer)]).await;
    let pack = [("customer", it.customer.as_str()), ("pricing[price]", "price_pack")];
    let on_it = [&pack[..], &[("invoice", by_hand["id"].as_str().expect("an id"))]].concat();
    objects.extend([world.post("/v1/invoiceitems", &pack).await, world.post("/v1/invoiceitems", &on_it).await]);
    objects.push(world.get(&format!("{}?expand[]=discounts", it.path)).await);
    let lists = "subscriptions?status=all&expand[]=data.latest_invoice.payments customers invoices events?limit=100 \
                 charges payment_intents disputes refunds products prices coupons promotion_codes subscription_schedules \
                 checkout/sessions billing_portal/configurations webhook_endpoints test_helpers/test_clocks";
    for path in lists.split_whitespace() {
        objects.push(world.get(&format!("/v1/{path}")).await);
    }
    objects.push(world.get(&format!("/v1/payment_methods?customer={}", it.customer)).await);
    let (mut faulty, mut seen) = (Vec::new(), Vec::new());
    check(&Value::Array(objects), &mut faulty, &mut seen);
    faulty.sort();
    faulty.dedup();
    assert!(faulty.is_empty(), "{faulty:#?}");
    for (kind, _) in SHAPES {
        assert!(seen.iter().any(|it| it == kind), "no {kind} was looked at");
    }
}
