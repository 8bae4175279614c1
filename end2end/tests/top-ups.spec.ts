// Automatic top-ups: agreed to in a form, refused without a card, bought when little is left, and turned off again.
import { expect, test } from '../fixtures/app.ts';
import { complaints, meter, signIn, use } from '../fixtures/person.ts';

for (const javaScriptEnabled of [true, false]) {
  test.describe(`JavaScript ${javaScriptEnabled ? 'on' : 'off'}`, () => {
    test.use({ javaScriptEnabled });

    test('a pack is bought by itself once that was agreed to', async ({ page }) => {
      const complained = complaints(page);
      await signIn(page, undefined, '/settings/usage');
      const hours = page.getByRole('group', { name: 'Automatic top-up: Build hours' });
      await hours.getByText('Set up').click();
      await hours.getByLabel('When less than this is left').fill('2');
      await hours.getByLabel('At most, in a calendar month').fill('45');
      await hours.getByLabel(/^I agree that the saved card is charged/).check();
      await hours.getByRole('button', { name: 'Turn on automatic top-ups' }).click();

      await expect(page.getByRole('alert')).toContainText('There is no saved card that could be charged.');
      await expect(hours.getByLabel('At most, in a calendar month')).toHaveValue('45');
      await page.getByRole('button', { name: 'Add or change the card' }).click();
      await page.getByLabel('Card number').fill('4242 4242 4242 4242');
      await page.getByLabel('Expiry').fill('12 / 34');
      await page.getByLabel('CVC').fill('123');
      await page.getByRole('button', { name: /^(Save|Update|Add)/ }).click();

      await expect(page.getByRole('heading', { name: 'Automatic top-ups' })).toBeVisible();
      await hours.getByText('Set up').click();
      await hours.getByLabel('When less than this is left').fill('2');
      await hours.getByLabel('At most, in a calendar month').fill('10');
      await hours.getByLabel(/^I agree that the saved card is charged/).check();
      await hours.getByRole('button', { name: 'Turn on automatic top-ups' }).click();
      const cap = hours.getByLabel('At most, in a calendar month');
      await expect(cap).toHaveAttribute('aria-invalid', 'true');
      await expect(cap).toHaveAccessibleDescription(/^One pack costs \$15/);
      await cap.fill('45');
      await hours.getByRole('button', { name: 'Turn on automatic top-ups' }).click();

      await expect(hours).toContainText('When less than 2 build hours are left, buy 20 build hours for $15.');
      await expect(hours).toContainText('$0 of at most $45 spent in');
      await use(page, 'Build hours', 4);
      await expect(async () => {
        await page.goto('/settings/usage');
        await expect(meter(page, 'Build hours')).toContainText('20 left of credits', { timeout: 100 });
      }).toPass();
      await expect(hours).toContainText('$15 of at most $45 spent in');
      await hours.getByText('Change').click();
      await hours.getByRole('button', { name: 'Turn off' }).click();
      await expect(hours).toContainText('Off');
      // The browser itself remarks that a form was refused.
      expect(complained.filter((words) => !words.includes('400 (Bad Request)'))).toEqual([]);
    });
  });
}
