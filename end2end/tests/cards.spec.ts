// What can happen on the way to paying: refused cards, the bank's question, second thoughts, impatience.
import { expect, test } from '../fixtures/app.ts';
import { ADA, CARD, chooseUser, GRACE, goToStripe, pay, signIn, subscribe, tierByApi } from '../fixtures/person.ts';

test('a declined card is refused, and another one works', async ({ page }) => {
  await signIn(page, ADA, '/checkout/pro');
  await goToStripe(page);
  await pay(page, CARD.declined);
  await expect(page.getByRole('alert')).toHaveText('Your card was declined.');
  expect(await tierByApi(page)).toBe('free');
  await pay(page, CARD.works);
  await expect(page.getByRole('heading', { name: 'Welcome to Pro' })).toBeVisible();
  expect(await tierByApi(page)).toBe('pro');
});

test('a card asks for 3-D Secure: refused at the bank, then confirmed', async ({ page }) => {
  await signIn(page, ADA, '/checkout/pro');
  await goToStripe(page);
  await pay(page, CARD.asksBank);
  await expect(page.getByRole('heading', { name: 'Confirm your payment' })).toBeVisible();
  await page.getByRole('button', { name: 'Fail' }).click();
  await expect(page.getByRole('alert')).toContainText('unable to authenticate');
  expect(await tierByApi(page)).toBe('free');
  await pay(page, CARD.asksBank);
  await page.getByRole('button', { name: 'Complete' }).click();
  await expect(page.getByRole('heading', { name: 'Welcome to Pro' })).toBeVisible();
  expect(await tierByApi(page)).toBe('pro');
});

test('going back from Stripe leads to the same plan and period', async ({ page }) => {
  await signIn(page, ADA, '/checkout/scale?period=yearly');
  await goToStripe(page);
  await page.getByRole('link', { name: 'Back' }).click();
  await expect(page).toHaveURL(/\/billing\/cancel/);
  await expect(page.getByRole('heading', { name: 'Nothing was charged' })).toBeVisible();
  await page.getByRole('link', { name: 'Back to Scale' }).click();
  await expect(page.getByRole('heading', { name: 'Subscribe to Scale' })).toBeVisible();
  await expect(page.getByRole('radio', { name: /^Yearly/ })).toBeChecked();
  expect(await tierByApi(page)).toBe('free');
});

test('other terms close the first session: only one can be paid', async ({ page, app }) => {
  await signIn(page, ADA, '/checkout/pro');
  await goToStripe(page);
  const first = page.url();
  await page.goto('/checkout/scale?period=yearly');
  await goToStripe(page);
  const open = await app.stripe().checkout.sessions.list({ status: 'open' });
  expect(open.data.map((session) => session.url)).toEqual([page.url()]);
  await page.goto(first);
  await expect(page.getByRole('heading', { name: 'This checkout has expired' })).toBeVisible();
});

test('somebody else’s session id is refused', async ({ page, app, browser }) => {
  await subscribe(page, 'pro');
  const success = page.url();
  expect(success).toContain('session_id=cs_');
  const stranger = await browser.newPage({ baseURL: app.url });
  await signIn(stranger, GRACE);
  const answer = await stranger.goto(success);
  expect(answer?.status()).toBe(404);
  await expect(stranger.getByRole('heading', { name: 'Not found' })).toBeVisible();
  await expect(stranger.getByText('Request id:')).toBeVisible();
  await expect(stranger.getByText('Ada')).toHaveCount(0);
  expect(await tierByApi(stranger)).toBe('free');
  const api = await stranger.request.get(`/api/checkout/success${new URL(success).search}`);
  expect(api.status()).toBe(404);
  await stranger.close();
});

test('an invented session id is refused', async ({ page }) => {
  await signIn(page);
  const answer = await page.goto('/billing/success?session_id=cs_test_invented');
  expect(answer?.status()).toBe(404);
  expect(await tierByApi(page)).toBe('free');
});

test('loading the success page again changes nothing', async ({ page, app }) => {
  await subscribe(page, 'pro');
  for (let again = 0; again < 2; again += 1) {
    await page.reload();
    await expect(page.getByRole('heading', { name: 'Welcome to Pro' })).toBeVisible();
  }
  expect(await tierByApi(page)).toBe('pro');
  expect((await app.stripe().subscriptions.list({ status: 'all' })).data).toHaveLength(1);
  expect((await app.stripe().invoices.list()).data).toHaveLength(1);
});

test('an unpaid session activates nothing', async ({ page, app }) => {
  await signIn(page, ADA, '/checkout/pro');
  await goToStripe(page);
  const [session] = (await app.stripe().checkout.sessions.list()).data;
  await page.goto(`/billing/success?session_id=${session.id}`);
  await expect(page.getByRole('heading', { name: 'Activating…' })).toBeVisible();
  expect(await tierByApi(page)).toBe('free');
});

for (const javaScriptEnabled of [true, false]) {
  test.describe(`JavaScript ${javaScriptEnabled ? 'on' : 'off'}`, () => {
    test.use({ javaScriptEnabled });

    test('a second click while the first is under way makes one session', async ({ page, app }) => {
      await signIn(page, ADA, '/checkout/pro');
      const button = page.getByRole('button', { name: /^Continue to/ });
      await button.click({ trial: true });
      const { x, y } = (await button.boundingBox())!;
      let sent = 0;
      let answered = () => {};
      const firstIsDone = new Promise<void>((resolve) => {
        answered = resolve;
      });
      await page.route('**/api/checkout', async (route) => {
        sent += 1;
        if (sent > 1) {
          return route.continue();
        }
        // The server has answered, but the answer is still on its way.
        await route.fetch({ maxRedirects: 0 });
        answered();
      });
      // With the mouse, as a locator waits for the page that is on its way. A busy browser drops a click now and then:
      // the person clicks again.
      const clickUntilSent = async (count: number) => {
        while (sent < count) {
          await page.mouse.click(x + 20, y + 10);
          await expect
            .poll(() => sent, { timeout: 2_000 })
            .toBeGreaterThanOrEqual(count)
            .catch(() => {});
        }
      };
      await clickUntilSent(1);
      await firstIsDone;
      await clickUntilSent(2);
      await expect(page.getByRole('heading', { name: 'Contact and payment' })).toBeVisible();
      expect((await app.stripe().checkout.sessions.list()).data).toHaveLength(1);
      await pay(page);
      await expect(page.getByRole('heading', { name: 'Welcome to Pro' })).toBeVisible();
    });
  });
}

test('ten requests at once make one session', async ({ page, app }) => {
  await signIn(page);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () =>
      page.request.post('/api/checkout', { headers: { origin: app.url }, data: { plan: 'pro', period: 'monthly' } }),
    ),
  );
  expect(answers.map((answer) => answer.status())).toEqual(Array(10).fill(200));
  const addresses = new Set(await Promise.all(answers.map(async (answer) => (await answer.json()).url)));
  expect(addresses.size).toBe(1);
  expect((await app.stripe().checkout.sessions.list()).data).toHaveLength(1);
  expect((await app.stripe().customers.list()).data).toHaveLength(1);
});

test('whoever has a plan is not sold a second one', async ({ page }) => {
  await subscribe(page, 'pro');
  const answer = await page.goto('/checkout/scale');
  expect(answer?.status()).toBe(409);
  await expect(page.getByText('This organization has a subscription already.')).toBeVisible();
  await page.goto('/pricing');
  await expect(page.getByText('Current plan')).toBeVisible();
  await expect(page.getByRole('link', { name: 'Manage plan' })).toBeVisible();
});

test('signing in can be declined, and nothing has changed', async ({ page, app }) => {
  await page.goto('/checkout/pro');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page).toHaveURL(`${app.url}/?signin=declined`);
  await expect(page.getByText('You were not signed in.')).toBeVisible();
  await page.goto('/checkout/pro');
  await chooseUser(page, ADA);
  await expect(page.getByRole('heading', { name: 'Subscribe to Pro' })).toBeVisible();
});
