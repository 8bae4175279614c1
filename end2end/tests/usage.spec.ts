// Using what a plan includes: limits bite, the pages tell the same as the API, and keys work until they are revoked.
import { expect, test } from '../fixtures/app.ts';
import { complaints, goToStripe, makeKey, meter, pay, signIn, use } from '../fixtures/person.ts';

for (const javaScriptEnabled of [true, false]) {
  test.describe(`JavaScript ${javaScriptEnabled ? 'on' : 'off'}`, () => {
    test.use({ javaScriptEnabled });

    test('a limit bites, and a larger plan lifts it', async ({ page }) => {
      const complained = complaints(page);
      await signIn(page);
      await use(page, 'Build hours', 4);
      await expect(page.getByTestId('answer-status')).toHaveText('200 OK');
      await expect(meter(page, 'Build hours')).toContainText('Close to the limit.');
      await use(page, 'Build hours', 2);
      await expect(page.getByTestId('answer-status')).toHaveText('429 Too Many Requests');
      await expect(page.getByTestId('answer')).toContainText('"code": "limit_reached"');
      await expect(meter(page, 'Build hours')).toContainText('4 of 5 build hours used');
      await page.goto('/dashboard');
      await expect(meter(page, 'Build hours')).toContainText('80% used');
      await page.getByRole('link', { name: 'Upgrade to Starter' }).click();
      await goToStripe(page);
      await pay(page);
      await expect(page.getByRole('heading', { name: 'Welcome to Starter' })).toBeVisible();
      await use(page, 'Build hours', 2);
      await expect(meter(page, 'Build hours')).toContainText('6 of 40 build hours used');
      expect(complained).toEqual([]);
    });

    test('what was used is told by day and by line, and as a file', async ({ page }) => {
      await signIn(page);
      await use(page, 'AI embeddings', 300);
      await use(page, 'Projects', 1);
      await page.goto('/settings/usage');
      await expect(page.getByTestId('ledger-line')).toHaveCount(2);
      await page.getByRole('link', { name: 'AI embeddings' }).click();
      await expect(page.getByRole('heading', { name: 'AI embeddings per day' })).toBeVisible();
      await expect(page.getByRole('img', { name: /^300 AI embeddings in the last 30 days/ })).toBeVisible();
      await expect(page.getByTestId('ledger-line')).toHaveText(/Ada Lovelace.*300 AI embeddings/s);
      const download = page.waitForEvent('download');
      await page.getByRole('link', { name: 'Download CSV' }).click();
      expect((await download).suggestedFilename()).toBe('usage-ledger.csv');
      await page.getByLabel('Days begin in').selectOption('Europe/Berlin');
      await page.getByRole('button', { name: 'Save' }).click();
      await expect(page.getByLabel('Days begin in')).toHaveValue('Europe/Berlin');
    });

    test('a key is shown once, works, and is refused once it is revoked', async ({ page, app }) => {
      await signIn(page);
      const secret = await makeKey(page, 'build-runner');
      expect(page.url()).not.toContain(secret);
      const consume = async () => {
        const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
        const body = JSON.stringify({ meter: 'build-hours' });
        return (await fetch(`${app.url}/api/v1/usage`, { method: 'POST', headers, body })).status;
      };
      expect(await consume()).toBe(200);
      await page.getByRole('link', { name: 'I have copied it' }).click();
      await expect(page.getByTestId('key')).toHaveText(/build-runner.*Last used/s);
      expect(await page.content()).not.toContain(secret);
      await page.goto('/settings/usage');
      await expect(page.getByTestId('ledger-line')).toContainText('Key build-runner');
      await page.goto('/settings/api-keys');
      await page.getByRole('link', { name: 'Revoke build-runner' }).click();
      await page.getByRole('button', { name: 'Revoke key' }).click();
      await expect(page.getByTestId('key')).toContainText('Revoked');
      expect(await consume()).toBe(401);
      expect(app.log()).not.toContain(secret);
    });
  });
}
