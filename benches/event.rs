//! Events as Stripe makes and signs them: a subscription comes into being, then its plan is changed.

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// The secret of `billhook dev`.
const SECRET: &[u8] = b"whsec_billhook_sandbox";

/// A signed event, as it is delivered.
pub struct Delivery {
    body: String,
    signature: String,
}

impl Delivery {
    /// The whole request, to this path.
    pub fn write(&self, path: &str, request: &mut Vec<u8>) {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json; charset=utf-8\r\n\
             user-agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\nstripe-signature: {}\r\n\
             content-length: {}\r\n\r\n",
            self.signature,
            self.body.len()
        );
        request.clear();
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(self.body.as_bytes());
    }

    /// The event, in bytes.
    pub fn size(&self) -> usize {
        self.body.len()
    }
}

/// `customer.subscription.created`, on the plan Pro.
pub fn created(organization: &str, now: i64) -> Delivery {
    let made = now - 10;
    let data = json!({ "object": subscription(organization, "pro", 2900, made) });
    signed(organization, "customer.subscription.created", made, data, now)
}

/// `customer.subscription.updated`, from the plan Pro to the plan Scale.
pub fn updated(organization: &str, now: i64) -> Delivery {
    let made = now - 10;
    let before = subscription(organization, "pro", 2900, made);
    let data = json!({
        "object": subscription(organization, "scale", 9900, made),
        "previous_attributes": { "items": before["items"], "plan": before["plan"] },
    });
    signed(organization, "customer.subscription.updated", now - 5, data, now)
}

fn signed(organization: &str, kind: &str, created: i64, data: Value, now: i64) -> Delivery {
    let step = if kind.ends_with("created") { 1 } else { 2 };
    let body = json!({
        "id": format!("evt_{step}{organization}"), "object": "event", "api_version": "2026-09-30.endive",
        "created": created, "data": data, "livemode": false, "pending_webhooks": 1,
        "request": { "id": format!("req_{step}{organization}"), "idempotency_key": null }, "type": kind,
    })
    .to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(format!("{now}.{body}").as_bytes());
    let signature = format!("t={now},v1={}", hex::encode(mac.finalize().into_bytes()));
    Delivery { body, signature }
}

fn subscription(organization: &str, plan: &str, amount: u32, made: i64) -> Value {
    let (id, end) = (format!("sub_{organization}"), made + 30 * 86_400);
    let (product, price) = (format!("prod_{plan}"), format!("price_{plan}_monthly"));
    let plan = json!({
        "id": price, "object": "plan", "active": true, "amount": amount, "amount_decimal": amount.to_string(),
        "billing_scheme": "per_unit", "created": made, "currency": "usd", "interval": "month", "interval_count": 1,
        "livemode": false, "metadata": {}, "meter": null, "nickname": null, "product": product, "tiers_mode": null,
        "transform_usage": null, "trial_period_days": null, "usage_type": "licensed",
    });
    let price = json!({
        "id": price, "object": "price", "active": true, "billing_scheme": "per_unit", "created": made,
        "currency": "usd", "custom_unit_amount": null, "livemode": false, "lookup_key": null, "metadata": {},
        "nickname": null, "product": product, "recurring": { "interval": "month", "interval_count": 1, "meter": null,
        "trial_period_days": null, "usage_type": "licensed" }, "tax_behavior": "unspecified", "tiers_mode": null,
        "transform_quantity": null, "type": "recurring", "unit_amount": amount,
        "unit_amount_decimal": amount.to_string(),
    });
    json!({
        "id": id, "object": "subscription", "application": null, "application_fee_percent": null,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
        "billing_cycle_anchor": made, "billing_cycle_anchor_config": null, "billing_mode": { "type": "flexible" },
        "billing_thresholds": null, "cancel_at": null, "cancel_at_period_end": false, "canceled_at": null,
        "cancellation_details": { "comment": null, "feedback": null, "reason": null },
        "collection_method": "charge_automatically", "created": made, "currency": "usd",
        "customer": format!("cus_{organization}"), "days_until_due": null, "default_payment_method": null,
        "default_source": null, "default_tax_rates": [], "description": null, "discounts": [], "ended_at": null,
        "invoice_settings": { "account_tax_ids": null, "issuer": { "type": "self" } },
        "items": { "object": "list", "data": [{
            "id": format!("si_{organization}"), "object": "subscription_item", "billing_thresholds": null,
            "created": made, "current_period_start": made, "current_period_end": end, "discounts": [],
            "metadata": {}, "plan": plan, "price": price, "quantity": 1, "subscription": id, "tax_rates": [],
        }], "has_more": false, "total_count": 1, "url": format!("/v1/subscription_items?subscription={id}") },
        "latest_invoice": format!("in_{organization}"), "livemode": false,
        "metadata": { "organization": organization }, "next_pending_invoice_item_invoice": null,
        "on_behalf_of": null, "pause_collection": null, "payment_settings": { "payment_method_options": null,
        "payment_method_types": null, "save_default_payment_method": "on_subscription" },
        "pending_invoice_item_interval": null, "pending_setup_intent": null, "pending_update": null, "plan": plan,
        "quantity": 1, "schedule": null, "start_date": made, "status": "active", "test_clock": null,
        "transfer_data": null, "trial_end": null, "trial_settings": { "end_behavior": {
        "missing_payment_method": "create_invoice" } }, "trial_start": null,
    })
}
