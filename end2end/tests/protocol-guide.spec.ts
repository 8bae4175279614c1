// Both ways to buy: a medic for themselves, and a department for its people, each from the first page to the renewal.
import { expect, test } from '../fixtures/app.ts';
import { ADA, fact, goToStripe, meter, pay, planButton, signIn, tierByApi, use } from '../fixtures/person.ts';
import { createOrganization, organizations, visit } from '../fixtures/team.ts';

test.use({ catalog: 'protocol-guide' });

for (const javaScriptEnabled of [true, false]) {
  test.describe(`JavaScript ${javaScriptEnabled ? 'on' : 'off'}`, () => {
    test.use({ javaScriptEnabled });

    test('a medic reaches the limit of five a day, takes the trial, and has no limit any more', async ({ page, app }) => {
      await signIn(page, ADA, '/playground');
      const status = page.getByTestId('answer-status');
      for (let asked = 1; asked <= 5; asked++) {
        await use(page, 'Daily queries');
        await expect(status).toHaveText(/^200/);
      }
      await expect(meter(page, 'Daily queries')).toHaveText(/5 of 5 daily queries used/);
      await use(page, 'Daily queries');
      await expect(status).toHaveText(/^429/);
      await expect(page.getByTestId('answer')).toContainText('limit_reached');

      await page.goto('/pricing');
      await planButton(page, 'Start Trial', 'Pro').click();
      await goToStripe(page);
      await expect(page.getByText(/7 days free/i).first()).toBeVisible();
      await pay(page);
      await expect(page.getByRole('heading', { name: 'Welcome to Pro' })).toBeVisible();
      await visit(page, '/settings/billing');
      await expect(page.getByTestId('subscription-status')).toHaveText('Trial');
      expect(await tierByApi(page)).toBe('pro');
      await use(page, 'Daily queries', 100);
      await expect(status).toHaveText(/^200/);
      await expect(meter(page, 'Daily queries')).toHaveText(/Unlimited/);

      // The trial ends and is paid.
      await app.pass({ days: 8 });
      await visit(page, '/settings/billing');
      await expect(page.getByTestId('subscription-status')).toHaveText('Active');
      expect(await fact(page, 'Price')).toBe('$9.99 / month');
    });

    test.describe('a department', () => {
      test.use({ variables: { STRIPE_TRIAL_PERIOD_DAYS: '0' } });

      test('buys six seats, adds two at once, and gives three back at the renewal', async ({ page, app }) => {
        const seats = page.getByTestId('seats');
        const change = async (number: number) => {
          await visit(page, '/settings/billing');
          await page.getByRole('link', { name: 'Change seats' }).click();
          await page.getByLabel('Seats').fill(String(number));
          await page.getByRole('button', { name: 'Show what it costs' }).click();
        };
        await signIn(page);
        await createOrganization(page, 'Station 9');
        await page.goto('/pricing');
        await planButton(page, 'Upgrade Now', 'Department Starter').click();
        await expect(page.getByRole('heading', { name: 'Subscribe to Department Starter' })).toBeVisible();
        await page.getByLabel('Seats').fill('6');
        await goToStripe(page);
        await expect(page.getByText('6 × $7.99')).toBeVisible();
        await pay(page);
        await expect(page.getByRole('heading', { name: 'Welcome to Department Starter' })).toBeVisible();
        await visit(page, '/settings/billing');
        await expect(page.getByTestId('current-tier')).toHaveText('Department Starter');
        await expect(seats).toHaveText('6');
        expect(await fact(page, 'Price')).toBe('$47.94 / month');

        // Two more are paid for the rest of the period, as the preview says.
        await change(8);
        await expect(page.getByText('From Department Starter, monthly, 6 seats to Department Starter, monthly, 8 seats.')).toBeVisible();
        const due = page.getByTestId('due-today');
        const dueToday = await due.innerText();
        expect(dueToday).toMatch(/^\$1[56]\.\d\d$/);
        await expect(page.getByTestId('next-invoice')).toContainText('$63.92');
        await page.getByRole('button', { name: 'Confirm and pay' }).click();
        await expect(seats).toHaveText('8');
        const [invoice] = (await app.stripe().invoices.list()).data;
        expect(`$${(invoice.amount_paid / 100).toFixed(2)}`).toBe(dueToday);

        // Three fewer wait for the renewal, and fewer than the plan begins with are refused.
        await change(5);
        await expect(due).toHaveText('Nothing');
        await page.getByRole('button', { name: 'Schedule the change' }).click();
        await expect(page.getByText(/^Changes from 8 to 5 seats on /)).toBeVisible();
        await expect(seats).toHaveText('8');
        await app.pass({ months: 1, advance_seconds: 7200 });
        await expect.poll(async () => {
          await visit(page, '/settings/billing');
          return seats.innerText();
        }).toBe('5');
        expect(await fact(page, 'Price')).toBe('$39.95 / month');
        const renewed = (await app.stripe().invoices.list()).data[0];
        expect(renewed.amount_paid).toBe(5 * 799);

        // It was the department's all along.
        const [own, station] = await organizations(page);
        expect([own.subscriptionTier, station.subscriptionTier]).toEqual(['free', 'department-starter']);
      });
    });
  });
}
