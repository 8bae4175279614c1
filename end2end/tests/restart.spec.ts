// The process is killed at every moment of the journey and started again. Nothing is lost.
import { expect, test } from '../fixtures/app.ts';
import { ADA, chooseUser, fact, goToStripe, pay, payAndLoseTheAnswer, signIn, tierByApi } from '../fixtures/person.ts';

test('on the provider’s page', async ({ page, app }) => {
  await page.goto('/checkout/pro?period=yearly');
  await expect(page.getByRole('heading', { name: 'Who are you today?' })).toBeVisible();
  await app.crashAndRestart();
  await chooseUser(page, ADA);
  await expect(page).toHaveURL(`${app.url}/checkout/pro?period=yearly`);
  await expect(page.getByRole('heading', { name: 'Subscribe to Pro' })).toBeVisible();
  await expect(page.getByRole('radio', { name: /^Yearly/ })).toBeChecked();
});

test('on the checkout page', async ({ page, app }) => {
  await signIn(page, ADA, '/checkout/pro?period=yearly');
  await app.crashAndRestart();
  await goToStripe(page);
  await expect(page.getByText('$597.60').first()).toBeVisible();
});

test('on Stripe’s page', async ({ page, app }) => {
  await signIn(page, ADA, '/checkout/pro');
  await goToStripe(page);
  await app.crashAndRestart();
  await pay(page);
  await expect(page.getByRole('heading', { name: 'Welcome to Pro' })).toBeVisible();
  expect(await tierByApi(page)).toBe('pro');
});

test('after paying, before the success page', async ({ page, app }) => {
  await signIn(page, ADA, '/checkout/pro');
  await goToStripe(page);
  await app.webhooks('hold');
  const success = await payAndLoseTheAnswer(page);
  await app.crashAndRestart();
  await page.goto(success);
  await expect(page.getByRole('heading', { name: 'Welcome to Pro' })).toBeVisible();
  expect(await tierByApi(page)).toBe('pro');
});

test('after paying, and nobody comes back: the event is still delivered', async ({ page, app }) => {
  await signIn(page, ADA, '/checkout/pro');
  await goToStripe(page);
  await app.webhooks('hold');
  await payAndLoseTheAnswer(page);
  await app.crashAndRestart();
  expect(await tierByApi(page)).toBe('free');
  await app.webhooks('deliver');
  await expect.poll(() => tierByApi(page)).toBe('pro');
});

test('after the success page', async ({ page, app }) => {
  await signIn(page, ADA, '/checkout/pro');
  await goToStripe(page);
  await pay(page);
  await expect(page.getByRole('heading', { name: 'Welcome to Pro' })).toBeVisible();
  await page.goto('/settings/billing');
  const renews = await fact(page, 'Renews on');
  await app.crashAndRestart();
  await page.reload();
  await expect(page.getByTestId('current-tier')).toHaveText('Pro');
  expect(await fact(page, 'Renews on')).toBe(renews);
  expect(await tierByApi(page)).toBe('pro');
});
