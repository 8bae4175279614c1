// On a slow connection people choose before the scripts are there. What they chose holds.
import type { Page } from '@playwright/test';
import { expect, test } from '../fixtures/app.ts';
import { fact, signIn } from '../fixtures/person.ts';
import { createOrganization } from '../fixtures/team.ts';

/** Holds the scripts back until the answer is called. */
async function holdScripts(page: Page): Promise<() => void> {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/*.wasm', async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

test('the prices follow a switch that was made early', async ({ page }) => {
  const release = await holdScripts(page);
  await page.goto('/pricing', { waitUntil: 'commit' });
  await page.getByTestId('billing-toggle').click();
  release();
  await expect(page.getByRole('radio', { name: /^Yearly/ })).toBeChecked();
  await expect(page.getByTestId('price-pro')).toHaveText('$49.80');
  await expect(page.getByTestId('price-scale')).toHaveText('$99.60');
});

test.describe('at the checkout', () => {
  test.use({ catalog: 'protocol-guide' });

  test('the sum follows seats and a period that were chosen early', async ({ page }) => {
    await signIn(page);
    await createOrganization(page, 'Station 4');
    const release = await holdScripts(page);
    await page.goto('/checkout/department-starter', { waitUntil: 'commit' });
    await page.getByRole('radio', { name: /^Yearly/ }).check();
    await page.getByLabel('Seats').fill('7');
    release();
    await expect(async () => expect(await fact(page, 'Each year')).toBe('$671.16')).toPass({ timeout: 5_000 });
    await expect(page.getByLabel('Seats')).toHaveValue('7');
  });
});
