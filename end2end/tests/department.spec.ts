// A department buys seats: the sums are right, and a number outside the plan's range is refused.
import { expect, test } from '../fixtures/app.ts';
import { ADA, chooseUser, fact, goToStripe, pay, planButton, signIn } from '../fixtures/person.ts';
import { createOrganization, organizations } from '../fixtures/team.ts';

test.use({ catalog: 'protocol-guide' });

for (const javaScriptEnabled of [true, false]) {
  test.describe(`JavaScript ${javaScriptEnabled ? 'on' : 'off'}`, () => {
    test.use({ javaScriptEnabled });

    test('seven seats cost seven times as much', async ({ page }) => {
      await page.goto('/pricing');
      await planButton(page, 'Start Trial', 'Department Starter').click();
      await chooseUser(page, ADA);
      await expect(page.getByRole('heading', { name: 'Department Starter is for teams' })).toBeVisible();
      await page.getByLabel('Name').fill('Station 4');
      await page.getByRole('button', { name: 'Create organization' }).click();
      await expect(page.getByRole('heading', { name: 'Subscribe to Department Starter' })).toBeVisible();
      await page.getByLabel('Seats').fill('7');
      if (javaScriptEnabled) {
        await expect(page.getByRole('definition').filter({ hasText: '$55.93' })).toBeVisible();
      }
      await goToStripe(page);
      await expect(page.getByText('7 × $7.99')).toBeVisible();
      await expect(page.getByText(/Then \$55\.93 per month/)).toBeVisible();
      await pay(page);
      await expect(page.getByRole('heading', { name: 'Welcome to Department Starter' })).toBeVisible();

      await page.goto('/settings/billing');
      await expect(page.getByTestId('current-tier')).toHaveText('Department Starter');
      expect(await fact(page, 'Seats')).toBe('7');
      expect(await fact(page, 'Price')).toBe('$55.93 / month');
      const [own, station] = await organizations(page);
      expect([own.subscriptionTier, station.subscriptionTier]).toEqual(['free', 'department-starter']);
    });

    test('three seats are refused by the page', async ({ page, app }) => {
      await signIn(page);
      await createOrganization(page, 'Station 4');
      await page.goto('/checkout/department-starter');
      await page.getByLabel('Seats').fill('3');
      await page.getByRole('button', { name: /^Continue to/ }).click();
      const shown = page.getByLabel('Seats');
      await expect(shown).toBeFocused();
      expect(await shown.evaluate((field: HTMLInputElement) => field.validity.rangeUnderflow)).toBe(true);
      if (javaScriptEnabled) {
        await expect(shown).toHaveAttribute('aria-invalid', 'true');
      }
      await expect(page).toHaveURL(/\/checkout\/department-starter/);
      expect((await app.stripe().checkout.sessions.list()).data).toEqual([]);
    });
  });
}

test('three seats and twenty-one are refused by the server', async ({ page, app }) => {
  await signIn(page);
  await createOrganization(page, 'Station 4');
  const [, station] = await organizations(page);
  for (const [seats, reason] of [[3, /starts at 5 seats/], [21, /at most 20 seats/]] as const) {
    const answer = await page.request.post(`/api/checkout?organization=${station.id}`, {
      headers: { origin: app.url },
      data: { plan: 'department-starter', period: 'monthly', seats },
    });
    expect(answer.status()).toBe(400);
    const problem = await answer.json();
    expect(problem.code).toBe('invalid');
    expect(problem.detail).toMatch(reason);
  }
  expect((await app.stripe().checkout.sessions.list()).data).toEqual([]);
});
