// Whoever closes the tab after paying has the plan all the same: the event alone brings it.
import { expect, test } from '../fixtures/app.ts';
import { ADA, goToStripe, pay, payAndLoseTheAnswer, signIn, tierByApi } from '../fixtures/person.ts';

test('the tab is closed before the success page', async ({ page, app, context }) => {
  await signIn(page, ADA, '/checkout/pro');
  await goToStripe(page);
  await app.webhooks('hold');
  await payAndLoseTheAnswer(page);
  await page.close();

  const later = await context.newPage();
  await later.goto('/settings/billing');
  await expect(later.getByTestId('current-tier')).toHaveText('Free');
  expect(await tierByApi(later)).toBe('free');

  await app.webhooks('deliver');
  await expect.poll(() => tierByApi(later)).toBe('pro');
  await later.reload();
  await expect(later.getByTestId('current-tier')).toHaveText('Pro');
  await expect(later.getByText('Active', { exact: true })).toBeVisible();
});

test('the success page brings it alone too, when no event arrives', async ({ page, app }) => {
  await app.webhooks('drop');
  await signIn(page, ADA, '/checkout/pro');
  await goToStripe(page);
  await pay(page);
  await expect(page.getByRole('heading', { name: 'Welcome to Pro' })).toBeVisible();
  expect(await tierByApi(page)).toBe('pro');
});

test('events that come late, after the success page, change nothing', async ({ page, app }) => {
  await app.webhooks('hold');
  await signIn(page, ADA, '/checkout/pro');
  await goToStripe(page);
  await pay(page);
  await expect(page.getByRole('heading', { name: 'Welcome to Pro' })).toBeVisible();
  await app.webhooks('deliver');
  await expect.poll(() => app.pendingDeliveries()).toBe(0);
  expect(await tierByApi(page)).toBe('pro');
});
