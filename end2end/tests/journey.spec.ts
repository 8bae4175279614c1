// The whole way: a stranger chooses a plan, signs in, pays, sees the tier everywhere, and signs out.
import type { Page } from '@playwright/test';
import { type CatalogName, expect, test } from '../fixtures/app.ts';
import { asText, daysLater, monthsLater } from '../fixtures/dates.ts';
import {
  ADA, chooseUser, complaints, fact, goToStripe, limitByApi, meter, pay, planButton, sessionCookie, signOut, statusWithCookie,
  tierByApi,
} from '../fixtures/person.ts';

interface Purchase {
  catalog: CatalogName;
  plan: string;
  name: string;
  period: 'monthly' | 'yearly';
  /** What the pricing page shows for a month of it, with monthly and with yearly billing. */
  perMonth: { monthly: string; yearly: string };
  /** What the billing settings show. */
  price: string;
  trialDays: number;
  /** A limit of the plan: by the API, and as the dashboard has it. */
  limit: { meter: string; name: string; amount: number | 'unlimited'; text: RegExp };
}

const PURCHASES: Purchase[] = [
  {
    catalog: 'builder', plan: 'pro', name: 'Pro', period: 'yearly',
    perMonth: { monthly: '$60', yearly: '$49.80' }, price: '$597.60 / year', trialDays: 0,
    limit: { meter: 'build-hours', name: 'Build hours', amount: 150, text: / of 150 build hours used/ },
  },
  {
    catalog: 'dcvaas', plan: 'agency', name: 'Agency', period: 'yearly',
    perMonth: { monthly: '$99', yearly: '$82.50' }, price: '$990 / year', trialDays: 14,
    limit: { meter: 'domains', name: 'Domains', amount: 'unlimited', text: /Unlimited/ },
  },
  {
    catalog: 'chat', plan: 'plus', name: 'Plus', period: 'monthly',
    perMonth: { monthly: '$12', yearly: '$12' }, price: '$12 / month', trialDays: 0,
    limit: { meter: 'ai-credits', name: 'AI credits', amount: 500, text: / of 500 AI credits used/ },
  },
  {
    catalog: 'protocol-guide', plan: 'pro', name: 'Pro', period: 'yearly',
    perMonth: { monthly: '$9.99', yearly: '$7.42' }, price: '$89 / year', trialDays: 7,
    limit: { meter: 'daily-queries', name: 'Daily queries', amount: 'unlimited', text: /Unlimited/ },
  },
];

for (const javaScriptEnabled of [true, false]) {
  for (const purchase of PURCHASES) {
    test.describe(`${purchase.catalog}, JavaScript ${javaScriptEnabled ? 'on' : 'off'}`, () => {
      test.use({ catalog: purchase.catalog, javaScriptEnabled });

      test('a stranger buys a plan and signs out', async ({ page, app }) => {
        const complained = complaints(page);
        await page.goto('/pricing');
        await choosePeriod(page, purchase, javaScriptEnabled);
        await planButton(page, purchase.trialDays > 0 ? 'Start Trial' : 'Upgrade Now', purchase.name).click();

        await expect(page.getByRole('heading', { name: 'Who are you today?' })).toBeVisible();
        await chooseUser(page, ADA);

        await expect(page).toHaveURL(new RegExp(`/checkout/${purchase.plan}\\?`));
        await expect(page.getByRole('heading', { name: `Subscribe to ${purchase.name}` })).toBeVisible();
        const period = page.getByRole('radio', { name: new RegExp(`^${purchase.period}`, 'i') });
        await expect(period).toBeChecked();
        expect(await tierByApi(page)).toBe('free');
        expect(await limitByApi(page, purchase.limit.meter)).not.toBe(purchase.limit.amount);

        const before = new Date();
        await goToStripe(page);
        await pay(page);
        await expect(page.getByRole('heading', { name: `Welcome to ${purchase.name}` })).toBeVisible();
        const after = new Date();

        await page.goto('/settings/billing');
        await expect(page.getByTestId('current-tier')).toHaveText(purchase.name);
        expect(await fact(page, 'Price')).toBe(purchase.price);
        // Midnight may pass while paying.
        const dates = [before, after].map((moment) => asText(due(purchase, moment)));
        expect(dates).toContain(await fact(page, purchase.trialDays > 0 ? 'Trial ends' : 'Renews on'));

        await page.goto('/dashboard');
        await expect(page.getByTestId('current-tier')).toHaveText(purchase.name);
        expect(await tierByApi(page)).toBe(purchase.plan);
        // The limits go with the tier, everywhere.
        await expect(meter(page, purchase.limit.name)).toHaveText(purchase.limit.text);
        expect(await limitByApi(page, purchase.limit.meter)).toBe(purchase.limit.amount);

        const cookie = await sessionCookie(page);
        expect(await statusWithCookie(app, cookie)).toBe(200);
        await signOut(page);
        await expect(page).toHaveURL(`${app.url}/`);
        await expect(page.getByRole('banner').getByRole('link', { name: 'Sign in' })).toBeVisible();
        expect(await statusWithCookie(app, cookie)).toBe(401);

        await page.goBack();
        await expect(page.getByRole('heading', { name: 'Who are you today?' })).toBeVisible();
        await expect(page.getByTestId('current-tier')).toHaveCount(0);
        expect(complained).toEqual([]);
      });
    });
  }
}

/** Chooses the period where there is a choice, and looks at the price before and after. */
async function choosePeriod(page: Page, purchase: Purchase, javaScriptEnabled: boolean): Promise<void> {
  const price = page.getByTestId(`price-${purchase.plan}`);
  await expect(price).toHaveText(purchase.perMonth.monthly);
  if (purchase.period === 'monthly') {
    await expect(page.getByTestId('billing-toggle')).toHaveCount(0);
    return;
  }
  await page.getByTestId('billing-toggle').click();
  if (!javaScriptEnabled) {
    await page.getByRole('button', { name: 'Show prices' }).click();
  }
  await expect(price).toHaveText(purchase.perMonth.yearly);
  await expect(page).toHaveURL(/period=yearly/);
}

/** When the first payment, or the next one, is due. */
function due(purchase: Purchase, from: Date): Date {
  if (purchase.trialDays > 0) {
    return daysLater(from, purchase.trialDays);
  }
  return monthsLater(from, purchase.period === 'yearly' ? 12 : 1);
}
