// A year of a customer, lived with the clock: never a wrong tier, a wrong date or a wrong amount on the page.
import type { Page } from '@playwright/test';
import { type App, expect, test } from '../fixtures/app.ts';
import { asText, daysLater, monthsLater } from '../fixtures/dates.ts';
import { ADA, CARD, complaints, fact, goToStripe, pay, planButton, signIn, tierByApi } from '../fixtures/person.ts';

test.use({ variables: { STRIPE_TRIAL_PERIOD_DAYS: '14' } });

/** The billing settings say this tier and this status, and the API says the same tier. */
async function stands(page: Page, tier: string, status: string): Promise<void> {
  await expect.poll(() => tierByApi(page)).toBe(tier.toLowerCase());
  // The page may be about to show it by itself, which comes in the way of going there.
  await expect(() => page.goto('/settings/billing')).toPass();
  await expect(page.getByTestId('current-tier')).toHaveText(tier);
  await expect(page.getByTestId('subscription-status')).toHaveText(status);
}

/** The subscription as Stripe has it. */
async function atStripe(app: App) {
  const { data } = await app.stripe().subscriptions.list({ status: 'all' });
  expect(data).toHaveLength(1);
  return data[0];
}

async function periodEnd(app: App): Promise<string> {
  const { items } = await atStripe(app);
  return asText(new Date(items.data[0].current_period_end * 1000));
}

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    test('a year of a customer', async ({ page, app }) => {
      const found = complaints(page);
      const began = await app.date();

      // The trial.
      await signIn(page, ADA, '/checkout/pro');
      await goToStripe(page);
      await pay(page, CARD.failsLater);
      await expect(page.getByRole('heading', { name: /^Welcome to/ })).toBeVisible();
      await stands(page, 'Pro', 'Trial');
      await expect(page.getByText('Your trial has 14 days left.')).toBeVisible();
      expect(await fact(page, 'Trial ends')).toBe(asText(daysLater(began, 14)));
      expect(await fact(page, 'Price')).toBe('$60 / month');

      // Its end: the card fails, the plan stays for the grace, then it is locked.
      await app.pass({ days: 14, advance_seconds: 120 });
      await stands(page, 'Pro', 'Past due');
      const failed = daysLater(began, 14);
      await expect(page.getByText(`The payment of $60 failed on ${asText(failed)}.`)).toBeVisible();
      await expect(page.getByText(`Everything stays unlocked until ${asText(daysLater(failed, 7))}.`)).toBeVisible();
      await app.pass({ days: 7, advance_seconds: 120 });
      await stands(page, 'Free', 'Past due');
      await expect(page.getByText('The plan is locked until it is paid.')).toBeVisible();

      // Another card, and the invoice is paid.
      await page.getByRole('button', { name: 'Update payment method' }).click();
      await page.getByLabel('Card number').fill(CARD.works);
      await page.getByLabel('Expiry').fill('12 / 34');
      await page.getByLabel('CVC').fill('123');
      await page.getByRole('button', { name: /^(Save|Update|Add)/ }).click();
      await expect(page).toHaveURL(`${app.url}/settings/billing`);
      expect(await fact(page, 'Visa ending in 4242')).toBe('Expires 12/2034');
      const open = page.getByRole('link', { name: /^Pay page of invoice/ });
      if (await open.count()) {
        await open.click();
        await page.getByRole('button', { name: /^Pay/ }).click();
      }
      await stands(page, 'Pro', 'Active');
      expect(await fact(page, 'Renews on')).toBe(await periodEnd(app));

      // A renewal.
      await app.pass({ months: 1 });
      await stands(page, 'Pro', 'Active');
      expect(await fact(page, 'Renews on')).toBe(await periodEnd(app));

      // An upgrade costs what the preview said.
      await app.pass({ days: 5 });
      await page.goto('/pricing');
      await planButton(page, 'Upgrade', 'Scale').click();
      const due = await page.getByTestId('due-today').innerText();
      await page.getByRole('button', { name: 'Confirm and pay' }).click();
      await expect(page).toHaveURL(`${app.url}/settings/billing`);
      await stands(page, 'Scale', 'Active');
      expect(await fact(page, 'Price')).toBe('$120 / month');
      await expect(page.getByTestId('invoice').first().getByRole('cell').nth(3)).toHaveText(due);

      // Canceled in Stripe's portal, and taken back here.
      await page.getByRole('button', { name: 'Billing address and tax id' }).click();
      await page.getByRole('link', { name: 'Cancel plan' }).click();
      await page.getByRole('button', { name: /^Cancel/ }).click();
      await page.getByRole('link', { name: /Return to|Back to|Go back/ }).first().click();
      await stands(page, 'Scale', 'Canceling');
      expect(await fact(page, 'Cancels on')).toBe(await periodEnd(app));
      await page.getByRole('button', { name: 'Reactivate' }).click();
      await stands(page, 'Scale', 'Active');
      expect((await atStripe(app)).cancel_at).toBeNull();

      // A smaller plan from the next period on.
      await page.goto('/pricing');
      await planButton(page, 'Downgrade', 'Starter').click();
      await expect(page.getByTestId('due-today')).toHaveText('Nothing');
      await page.getByRole('button', { name: 'Schedule the change' }).click();
      await expect(page.getByText(`Changes to Starter on ${await periodEnd(app)}.`)).toBeVisible();
      await stands(page, 'Scale', 'Active');
      await app.pass({ months: 1 });
      await stands(page, 'Starter', 'Active');

      // Canceled here, and the end.
      await page.getByRole('link', { name: 'Cancel subscription' }).click();
      await page.getByLabel('Why do you leave? (optional)').selectOption('unused');
      await page.getByRole('button', { name: 'Cancel subscription' }).click();
      await stands(page, 'Starter', 'Canceling');
      const end = await periodEnd(app);
      await expect(page.getByText(`Cancels on ${end}. You keep Starter until then.`)).toBeVisible();
      await app.pass({ months: 1, days: 1 });
      await stands(page, 'Free', 'Ended');
      expect(await fact(page, 'Ended on')).toBe(end);

      // The year is over; a plan can be had again, without a second trial.
      await app.pass({ days: Math.max(1, Math.ceil((monthsLater(began, 12).getTime() - (await app.date()).getTime()) / 86_400_000)) });
      await page.goto('/checkout/pro');
      await expect(page.getByRole('button', { name: 'Continue to payment' })).toBeVisible();
      expect(found).toEqual([]);
    });
  });
}

test('a page that is open elsewhere shows the change by itself', async ({ page, app, context }) => {
  await signIn(page, ADA, '/checkout/pro');
  await goToStripe(page);
  await pay(page);
  await expect(page.getByRole('heading', { name: /^Welcome to/ })).toBeVisible();
  const other = await context.newPage();
  await other.goto('/dashboard');
  await expect(other.getByTestId('user-menu')).toContainText('Pro');
  const { id } = await atStripe(app);
  await app.stripe().subscriptions.cancel(id);
  await expect(other.getByTestId('user-menu')).toContainText('Free');
});

test('the question in the dialog is answered with the keyboard, and Escape leaves everything as it was', async ({ page }) => {
  await signIn(page, ADA, '/checkout/pro');
  await goToStripe(page);
  await pay(page);
  const cancel = page.getByRole('link', { name: 'Cancel subscription' });
  const dialog = page.getByRole('dialog', { name: 'Cancel Pro?' });
  // Before the script is there, the link leads to the page with the same question.
  await expect(async () => {
    await page.goto('/settings/billing');
    await cancel.focus();
    await page.keyboard.press('Enter');
    // On a busy machine the dialog takes a while; trying again too early would load the script anew each time.
    await expect(dialog).toBeVisible({ timeout: 2_500 });
  }).toPass();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(cancel).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(dialog).toBeVisible();
  await dialog.getByRole('button', { name: 'Keep my plan' }).press('Enter');
  await expect(dialog).toBeHidden();
  await expect(page.getByTestId('subscription-status')).toHaveText('Trial');
});
