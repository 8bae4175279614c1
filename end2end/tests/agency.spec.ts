// An agency is an organization: what it buys is its members' there, and their own organizations stay as they are.
import type { Page } from '@playwright/test';
import { expect, test } from '../fixtures/app.ts';
import { ADA, fact, GRACE, goToStripe, meter, pay, planButton, signIn } from '../fixtures/person.ts';
import {
  createOrganization, invitation, invite, organizations, someone, switchTo, visit,
} from '../fixtures/team.ts';

test.use({ catalog: 'dcvaas' });

const AGENCY = 'Lovelace Agency';

/** What the API says of the person's own organization and of the agency. */
async function bothByApi(page: Page): Promise<unknown[]> {
  const all = await organizations(page);
  return all.map(({ kind, subscriptionTier, limits }) => [kind, subscriptionTier, limits.domains]);
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(`JavaScript ${javaScriptEnabled ? 'on' : 'off'}`, () => {
    test.use({ javaScriptEnabled });

    test('an agency and a person stand side by side', async ({ page, browser, app }) => {
      await signIn(page);
      await createOrganization(page, AGENCY);
      await page.goto('/pricing');
      await planButton(page, 'Start Trial', 'Agency').click();
      await expect(page.getByRole('heading', { name: 'Subscribe to Agency' })).toBeVisible();
      await goToStripe(page);
      await pay(page);
      await expect(page.getByRole('heading', { name: 'Welcome to Agency' })).toBeVisible();
      await visit(page, '/settings/billing');
      await expect(page.getByTestId('current-tier')).toHaveText('Agency');
      expect(await fact(page, 'Price')).toBe('$99 / month');

      const truth = [['personal', 'free', 3], ['team', 'agency', 'unlimited']];
      expect(await bothByApi(page)).toEqual(truth);
      await visit(page, '/dashboard');
      await expect(meter(page, 'Domains')).toHaveText(/Unlimited/);
      await switchTo(page, ADA);
      await expect(page.getByTestId('current-tier')).toHaveText('Free');
      await expect(meter(page, 'Domains')).toHaveText(/0 of 3 domains used/);
      await switchTo(page, AGENCY);

      await visit(page, '/settings/team');
      await invite(page, 'grace@example.com', 'Member');
      const grace = await someone(browser, app, GRACE, javaScriptEnabled);
      await visit(grace, await invitation(app, 'grace@example.com'));
      await grace.getByRole('button', { name: `Join ${AGENCY}` }).click();
      await expect(grace.getByTestId('user-menu')).toContainText(AGENCY);
      await expect(grace.getByTestId('current-tier')).toHaveText('Agency');
      await expect(meter(grace, 'Domains')).toHaveText(/Unlimited/);
      expect(await bothByApi(grace)).toEqual(truth);
      await switchTo(grace, GRACE);
      await expect(meter(grace, 'Domains')).toHaveText(/0 of 3 domains used/);
    });
  });
}
