// The sandbox's Stripe satisfies Stripe's own client library.
import Stripe from 'stripe';
import { type App, expect, test, WEBHOOK_SECRET } from '../fixtures/app.ts';

/** A customer with a working card, and a subscription of theirs. */
async function subscriber(app: App): Promise<{ customer: Stripe.Customer; subscription: Stripe.Subscription }> {
  const stripe = app.stripe();
  const customer = await stripe.customers.create({
    email: 'ada@example.com',
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_pro_monthly' }],
  });
  return { customer, subscription };
}

/** What a call is refused with. */
async function refusal(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Stripe.errors.StripeError);
  return error as Stripe.errors.StripeError;
}

test('customers are made, read, changed, found and deleted', async ({ app }) => {
  const stripe = app.stripe();
  const made = await stripe.customers.create({ email: 'ada@example.com', name: 'Ada', metadata: { team: 'engines' } });
  expect(made).toMatchObject({ object: 'customer', email: 'ada@example.com', livemode: false });
  expect(made.lastResponse.requestId).toMatch(/^req_/);
  const changed = await stripe.customers.update(made.id, { name: 'Ada Lovelace', metadata: { team: '', floor: '2' } });
  expect(changed).toMatchObject({ name: 'Ada Lovelace', metadata: { floor: '2' } });
  expect(await stripe.customers.retrieve(made.id)).toMatchObject({ name: 'Ada Lovelace' });
  const found = await stripe.customers.list({ email: 'ada@example.com' });
  expect(found.data.map((customer) => customer.id)).toEqual([made.id]);
  expect(await stripe.customers.del(made.id)).toMatchObject({ id: made.id, deleted: true });
  expect(await stripe.customers.retrieve(made.id)).toMatchObject({ deleted: true });
});

test('prices are found by their lookup keys', async ({ app }) => {
  const prices = await app.stripe().prices.list({
    lookup_keys: ['pro_monthly', 'scale_yearly'],
    expand: ['data.product'],
  });
  const found = prices.data.map((price) => [price.id, price.unit_amount, price.recurring?.interval]);
  expect(found.sort()).toEqual([
    ['price_pro_monthly', 6000, 'month'],
    ['price_scale_yearly', 119520, 'year'],
  ]);
  expect((prices.data[0].product as Stripe.Product).object).toBe('product');
});

test('a checkout session is made, read with what it points to, and expired', async ({ app }) => {
  const stripe = app.stripe();
  const customer = await stripe.customers.create({ email: 'ada@example.com' });
  const made = await stripe.checkout.sessions.create({
    mode: 'subscription',
    customer: customer.id,
    line_items: [{ price: 'price_pro_yearly', quantity: 2 }],
    success_url: `${app.url}/billing/success?session_id={CHECKOUT_SESSION_ID}`,
    cancel_url: `${app.url}/billing/cancel`,
  });
  expect(made).toMatchObject({ object: 'checkout.session', status: 'open', payment_status: 'unpaid' });
  expect(made.id).toMatch(/^cs_test_/);
  expect((await fetch(made.url!)).status).toBe(200);
  const read = await stripe.checkout.sessions.retrieve(made.id, { expand: ['customer', 'line_items'] });
  expect(read.customer).toMatchObject({ id: customer.id, email: 'ada@example.com' });
  expect(read.line_items?.data).toHaveLength(1);
  expect(read.line_items?.data[0]).toMatchObject({ quantity: 2, amount_total: 2 * 59760 });
  expect(read.amount_total).toBe(2 * 59760);
  expect(await stripe.checkout.sessions.expire(made.id)).toMatchObject({ status: 'expired', url: null });
  const again = await refusal(stripe.checkout.sessions.expire(made.id));
  expect(again).toBeInstanceOf(Stripe.errors.StripeInvalidRequestError);
});

test('a subscription is listed, changed, scheduled to end, and ended', async ({ app }) => {
  const stripe = app.stripe();
  const { customer, subscription } = await subscriber(app);
  expect(subscription.status).toBe('active');
  const listed = await stripe.subscriptions.list({ customer: customer.id, expand: ['data.latest_invoice'] });
  expect(listed.data.map((it) => it.id)).toEqual([subscription.id]);
  expect((listed.data[0].latest_invoice as Stripe.Invoice).status).toBe('paid');

  const [item] = subscription.items.data;
  expect(item.current_period_end).toBeGreaterThan(item.current_period_start);
  const moved = await stripe.subscriptions.update(subscription.id, {
    items: [{ id: item.id, price: 'price_scale_monthly' }],
    proration_behavior: 'create_prorations',
  });
  expect(moved.items.data.map((it) => it.price.id)).toEqual(['price_scale_monthly']);

  const ending = await stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
  expect(ending.cancel_at_period_end).toBe(true);
  expect(ending.cancel_at).toBe(moved.items.data[0].current_period_end);
  const staying = await stripe.subscriptions.update(subscription.id, { cancel_at_period_end: false });
  expect(staying).toMatchObject({ cancel_at_period_end: false, cancel_at: null });

  expect(await stripe.subscriptions.cancel(subscription.id)).toMatchObject({ status: 'canceled' });
  expect((await stripe.subscriptions.list({ customer: customer.id })).data).toEqual([]);
  const ended = await stripe.subscriptions.list({ customer: customer.id, status: 'canceled' });
  expect(ended.data.map((it) => it.id)).toEqual([subscription.id]);
});

test('long lists are paged through, newest first', async ({ app }) => {
  const stripe = app.stripe();
  const made: string[] = [];
  for (let number = 0; number < 7; number += 1) {
    made.push((await stripe.customers.create({ name: `Customer ${number}` })).id);
  }
  const found: string[] = [];
  await stripe.customers.list({ limit: 3 }).autoPagingEach((customer) => {
    found.push(customer.id);
  });
  expect(found).toEqual(made.reverse());
  const page = await stripe.customers.list({ limit: 2, starting_after: made[1] });
  expect(page.data.map((customer) => customer.id)).toEqual(made.slice(2, 4));
  expect(page.has_more).toBe(true);
});

test('an idempotency key makes one object, and refuses another request', async ({ app }) => {
  const stripe = app.stripe();
  const options = { idempotencyKey: 'one-customer' };
  const first = await stripe.customers.create({ name: 'Ada' }, options);
  const second = await stripe.customers.create({ name: 'Ada' }, options);
  expect(second.id).toBe(first.id);
  expect(second.lastResponse.headers['idempotent-replayed']).toBe('true');
  expect((await stripe.customers.list()).data).toHaveLength(1);
  const other = await refusal(stripe.customers.create({ name: 'Grace' }, options));
  expect(other).toBeInstanceOf(Stripe.errors.StripeIdempotencyError);
  expect(other.statusCode).toBe(400);
});

test('refusals have Stripe’s classes, codes and parameters', async ({ app }) => {
  const stripe = app.stripe();
  const missing = await refusal(stripe.customers.retrieve('cus_nobody'));
  expect(missing).toBeInstanceOf(Stripe.errors.StripeInvalidRequestError);
  expect(missing).toMatchObject({ statusCode: 404, code: 'resource_missing', param: 'id' });
  const unknown = await refusal(stripe.customers.create({ nmae: 'Ada' } as Stripe.CustomerCreateParams));
  expect(unknown).toMatchObject({ statusCode: 400, code: 'parameter_unknown', param: 'nmae' });
  const { hostname: host, port } = new URL(app.stripeUrl);
  const strangers = new Stripe('sk_test_somebody_else', { host, port: Number(port), protocol: 'http' });
  expect(await refusal(strangers.customers.list())).toBeInstanceOf(Stripe.errors.StripeAuthenticationError);
  const customer = await stripe.customers.create({ email: 'ada@example.com' });
  const declined = await refusal(
    stripe.paymentMethods.attach('pm_card_chargeDeclined', { customer: customer.id }),
  );
  expect(declined).toBeInstanceOf(Stripe.errors.StripeCardError);
  expect(declined).toMatchObject({ statusCode: 402, code: 'card_declined', decline_code: 'generic_decline' });
});

test('a call that fails on the way is made again by the client, and happens once', async ({ app }) => {
  const fault = { path_prefix: '/v1/customers', method: 'POST', drop_after_commit: true };
  await fetch(`${app.stripeUrl}/sandbox/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ next: [fault] }),
  });
  const stripe = app.stripe({ maxNetworkRetries: 2 });
  const made = await stripe.customers.create({ name: 'Ada' });
  expect(made.name).toBe('Ada');
  expect((await stripe.customers.list()).data).toHaveLength(1);
});

test('a delivery’s signature is what the client expects', async ({ app }) => {
  const received = await receive(app, () => app.stripe().customers.create({ name: 'Ada' }));
  const event = app.stripe().webhooks.constructEvent(received.body, received.signature, received.secret);
  expect(event).toMatchObject({ object: 'event', type: 'customer.created', livemode: false });
  expect((event.data.object as Stripe.Customer).name).toBe('Ada');
  expect(() => app.stripe().webhooks.constructEvent(`${received.body} `, received.signature, received.secret)).toThrow(
    Stripe.errors.StripeSignatureVerificationError,
  );
  expect(() => app.stripe().webhooks.constructEvent(received.body, received.signature, WEBHOOK_SECRET)).toThrow(
    Stripe.errors.StripeSignatureVerificationError,
  );
});

/** Registers an endpoint of our own, does something, and answers with what is delivered. */
async function receive(app: App, act: () => Promise<unknown>) {
  const { createServer } = await import('node:http');
  let deliver = (_: { body: string; signature: string }) => {};
  const delivered = new Promise<{ body: string; signature: string }>((resolve) => (deliver = resolve));
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      response.end();
      deliver({ body: Buffer.concat(parts).toString(), signature: String(request.headers['stripe-signature']) });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const endpoint = await app.stripe().webhookEndpoints.create({
    url: `http://127.0.0.1:${port}/`,
    enabled_events: ['customer.created'],
  });
  await act();
  const received = await delivered;
  server.closeAllConnections();
  server.close();
  return { ...received, secret: endpoint.secret! };
}

/** Asks the sandbox's control API for something. */
async function control(app: App, path: string, body: unknown): Promise<void> {
  const response = await fetch(`${app.stripeUrl}/sandbox/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.ok).toBe(true);
}

test('a preview is the invoice that the change creates', async ({ app }) => {
  const stripe = app.stripe();
  const { subscription } = await subscriber(app);
  await control(app, 'clock', { days: 10 });
  const [item] = subscription.items.data;
  const change = {
    items: [{ id: item.id, price: 'price_scale_yearly', quantity: 2 }],
    proration_behavior: 'always_invoice' as const,
    proration_date: item.current_period_start + 10 * 86_400,
  };
  const preview = await stripe.invoices.createPreview({
    subscription: subscription.id,
    subscription_details: change,
  });
  const changed = await stripe.subscriptions.update(subscription.id, { ...change, expand: ['latest_invoice'] });
  const invoice = changed.latest_invoice as Stripe.Invoice;
  expect(invoice.amount_due).toBe(preview.amount_due);
  expect(invoice.lines.data.map((line) => line.amount)).toEqual(preview.lines.data.map((line) => line.amount));
});

test('a renewal that fails is retried, and paid in the end', async ({ app }) => {
  const stripe = app.stripe();
  const { customer, subscription } = await subscriber(app);
  await control(app, 'payments', { fail_next: 1, customer: customer.id });
  await control(app, 'clock', { months: 1 });
  expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('past_due');
  const [open] = (await stripe.invoices.list({ subscription: subscription.id, status: 'open' })).data;
  expect(open).toMatchObject({ billing_reason: 'subscription_cycle', attempt_count: 1 });
  expect(await stripe.invoices.pay(open.id)).toMatchObject({ status: 'paid' });
  expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('active');
});

test('a schedule changes the plan with the renewal, and lets go', async ({ app }) => {
  const stripe = app.stripe();
  const { subscription } = await subscriber(app);
  const made = await stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
  const [phase] = made.phases;
  await stripe.subscriptionSchedules.update(made.id, {
    end_behavior: 'release',
    phases: [
      { items: [{ price: 'price_pro_monthly' }], start_date: phase.start_date, end_date: phase.end_date },
      { items: [{ price: 'price_scale_monthly' }], duration: { interval: 'month', interval_count: 1 } },
    ],
  });
  const expanded = await stripe.subscriptions.retrieve(subscription.id, { expand: ['schedule'] });
  expect((expanded.schedule as Stripe.SubscriptionSchedule).phases).toHaveLength(2);
  await control(app, 'clock', { months: 1 });
  const renewed = await stripe.subscriptions.retrieve(subscription.id);
  expect(renewed.items.data.map((it) => it.price.id)).toEqual(['price_scale_monthly']);
  expect(await stripe.subscriptionSchedules.release(made.id)).toMatchObject({ status: 'released', subscription: null });
});

test('a test clock moves its customers and nobody else', async ({ app }) => {
  const stripe = app.stripe();
  const clock = await stripe.testHelpers.testClocks.create({ frozen_time: 1_700_000_000 });
  const customer = await stripe.customers.create({
    test_clock: clock.id,
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  const made = await stripe.subscriptions.create({ customer: customer.id, items: [{ price: 'price_pro_monthly' }] });
  expect(made.created).toBe(1_700_000_000);
  const end = made.items.data[0].current_period_end;
  await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: end + 60 });
  expect(await stripe.testHelpers.testClocks.retrieve(clock.id)).toMatchObject({ status: 'ready' });
  const invoices = await stripe.invoices.list({ customer: customer.id });
  expect(invoices.data.map((invoice) => invoice.created)).toEqual([end, 1_700_000_000]);
});

/** A customer, and a price that is paid once. */
async function pack(app: App): Promise<{ customer: Stripe.Customer; price: Stripe.Price }> {
  const stripe = app.stripe();
  const customer = await stripe.customers.create({ email: 'ada@example.com' });
  const price = await stripe.prices.create({ currency: 'usd', unit_amount: 2000, product_data: { name: 'A pack' } });
  return { customer, price };
}

test('a pack is bought once, on an invoice, and the card is kept', async ({ app }) => {
  const stripe = app.stripe();
  const { customer, price } = await pack(app);
  const made = await stripe.checkout.sessions.create({
    mode: 'payment',
    customer: customer.id,
    line_items: [{ price: price.id, quantity: 2 }],
    invoice_creation: { enabled: true, invoice_data: { metadata: { pack: 'two' } } },
    payment_intent_data: { setup_future_usage: 'off_session', metadata: { pack: 'two' } },
    success_url: `${app.url}/billing/success?session_id={CHECKOUT_SESSION_ID}`,
    cancel_url: `${app.url}/billing/cancel`,
  });
  const card = { email: 'ada@example.com', number: '4242424242424242', expiry: '12 / 40', cvc: '123' };
  const form = { method: 'POST', body: new URLSearchParams(card), redirect: 'manual' as const };
  expect((await fetch(made.url!, form)).headers.get('location')).toContain(made.id);
  const paid = await stripe.checkout.sessions.retrieve(made.id, { expand: ['invoice', 'payment_intent', 'customer'] });
  expect(paid).toMatchObject({ status: 'complete', payment_status: 'paid', amount_total: 4000 });
  const intent = paid.payment_intent as Stripe.PaymentIntent;
  expect(intent).toMatchObject({ status: 'succeeded', metadata: { pack: 'two' } });
  const invoice = paid.invoice as Stripe.Invoice;
  expect(invoice).toMatchObject({ status: 'paid', amount_paid: 4000, metadata: { pack: 'two' } });
  const [line] = (await stripe.invoices.listLineItems(invoice.id)).data;
  expect(line.pricing?.price_details).toMatchObject({ price: price.id, product: price.product });
  // The card is kept; choosing a default is left to the application.
  expect((paid.customer as Stripe.Customer).invoice_settings.default_payment_method).toBeNull();
  const kept = await stripe.customers.listPaymentMethods(customer.id);
  expect(kept.data.map((method) => method.id)).toEqual([intent.payment_method]);
});

test('a pack is charged by invoice while nobody is there', async ({ app }) => {
  const stripe = app.stripe();
  const { customer, price } = await pack(app);
  const card = await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer: customer.id });
  await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: card.id } });
  const draft = await stripe.invoices.create({ customer: customer.id, auto_advance: false, metadata: { why: 'low' } });
  const item = await stripe.invoiceItems.create({
    customer: customer.id,
    invoice: draft.id,
    pricing: { price: price.id },
    quantity: 2,
  });
  expect(await stripe.invoiceItems.retrieve(item.id)).toMatchObject({ amount: 4000, invoice: draft.id });
  const open = await stripe.invoices.finalizeInvoice(draft.id, { auto_advance: false });
  expect(open).toMatchObject({ status: 'open', amount_due: 4000, metadata: { why: 'low' } });
  const declined = await refusal(stripe.invoices.pay(open.id, { off_session: true }));
  expect(declined).toBeInstanceOf(Stripe.errors.StripeCardError);
  expect(declined).toMatchObject({ statusCode: 402, code: 'card_declined' });
  expect(await stripe.invoices.retrieve(open.id)).toMatchObject({ status: 'open', attempt_count: 1 });

  const better = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  const paid = await stripe.invoices.pay(open.id, { payment_method: better.id });
  expect(paid).toMatchObject({ status: 'paid', amount_paid: 4000 });
  const twice = await refusal(stripe.invoices.pay(open.id));
  expect(twice).toMatchObject({ statusCode: 400, code: 'invoice_already_paid' });

  const other = await stripe.invoices.create({ customer: customer.id, pending_invoice_items_behavior: 'exclude' });
  expect(await stripe.invoices.del(other.id)).toMatchObject({ id: other.id, deleted: true });
  const waiting = await stripe.invoiceItems.create({ customer: customer.id, amount: 500, currency: 'usd' });
  expect(await stripe.invoiceItems.del(waiting.id)).toMatchObject({ deleted: true });
});

test('a payment is refunded, and another one disputed', async ({ app }) => {
  const stripe = app.stripe();
  const { customer } = await subscriber(app);
  const [charge] = (await stripe.charges.list({ customer: customer.id })).data;
  expect(await stripe.refunds.create({ charge: charge.id, amount: 1000 })).toMatchObject({ status: 'succeeded' });
  await control(app, 'disputes', { customer: customer.id });
  const [dispute] = (await stripe.disputes.list({ charge: charge.id })).data;
  expect(dispute.status).toBe('needs_response');
  expect(await stripe.disputes.close(dispute.id)).toMatchObject({ status: 'lost' });
});
