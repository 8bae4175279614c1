// After signing out, the browser's Back button brings nothing private, from no page and out of no cache.
import { expect, test } from '../fixtures/app.ts';
import { ADA, chooseUser, signIn, signOut } from '../fixtures/person.ts';

// Browsers keep whole pages for going back; Playwright turns that off unless told not to.
test.use({
  launchOptions: async ({ launchOptions }, use) =>
    use({ ...launchOptions, ignoreDefaultArgs: ['--disable-back-forward-cache'] }),
});

for (const address of ['/', '/pricing', '/contact-sales', '/dashboard', '/settings/billing', '/checkout/pro']) {
  test(`Back to ${address}`, async ({ page, app }) => {
    await signIn(page);
    await page.goto(address);
    await expect(page.getByTestId('user-menu')).toBeVisible();
    await signOut(page);
    await expect(page).toHaveURL(`${app.url}/`);
    await expect(page.getByRole('link', { name: 'Sign in' }).first()).toBeVisible();
    await page.goBack({ waitUntil: 'commit' });
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expect(page.getByTestId('user-menu')).toHaveCount(0);
  });
}

test('signing out ends the session at the provider too', async ({ page }) => {
  await signIn(page);
  await signOut(page);
  await page.goto('/dashboard');
  // Were Ada still signed in there, she would be back in without being asked.
  await expect(page.getByRole('heading', { name: 'Who are you today?' })).toBeVisible();
  await chooseUser(page, ADA);
  await expect(page.getByRole('heading', { name: 'Hello, Ada' })).toBeVisible();
});

test('signing out in one tab signs out all of them', async ({ page, context }) => {
  await signIn(page);
  const other = await context.newPage();
  await other.goto('/settings/billing');
  await expect(other.getByTestId('current-tier')).toBeVisible();
  await signOut(page);
  await expect(page.getByRole('link', { name: 'Sign in' }).first()).toBeVisible();
  await other.reload();
  await expect(other.getByRole('heading', { name: 'Who are you today?' })).toBeVisible();
});
