// `billhook serve`, as in production, with an OpenID provider that is not ours.
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, expect, SECRET_KEY, test as base, WEBHOOK_SECRET } from '../fixtures/app.ts';
import { CLIENT, startOpenIdProvider } from '../fixtures/openid.ts';
import { complaints, fact, goToStripe, pay, sessionCookie, signOut, tierByApi } from '../fixtures/person.ts';
import { freeAddresses, Program } from '../fixtures/program.ts';

interface Served {
  url: string;
  issuer: string;
}

const test = base.extend<{ served: Served }>({
  // The Stripe that it charges at is the sandbox of another process.
  served: async ({ app }, use, info) => {
    const data = await mkdtemp(join(tmpdir(), 'billhook-'));
    const [address, issuer] = await freeAddresses(2);
    const url = `http://${address}`;
    const provider: Server = await startOpenIdProvider(issuer, url);
    const variables = {
      BILLHOOK_ADDR: address,
      BILLHOOK_DATA: data,
      OIDC_ISSUER: `http://${issuer}`,
      OIDC_CLIENT_ID: CLIENT.id,
      OIDC_CLIENT_SECRET: CLIENT.secret,
      ...stripeVariables(app),
    };
    const program = new Program(['serve'], variables, `${url}/readyz`);
    await program.start();
    await use({ url, issuer: `http://${issuer}` });
    if (info.status !== info.expectedStatus) {
      await info.attach('serve.log', { body: program.log(), contentType: 'text/plain' });
    }
    await program.kill();
    provider.closeAllConnections();
    provider.close();
    await rm(data, { recursive: true, force: true });
  },
  baseURL: async ({ served }, use) => use(served.url),
});

function stripeVariables(app: App): Record<string, string> {
  const prices = ['starter', 'pro', 'scale'].flatMap((plan) =>
    ['monthly', 'yearly'].map((period) => [
      `STRIPE_${plan.toUpperCase()}_${period.toUpperCase()}_PRICE_ID`,
      `price_${plan}_${period}`,
    ]),
  );
  return {
    STRIPE_API_BASE: app.stripeUrl,
    STRIPE_SECRET_KEY: SECRET_KEY,
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    STRIPE_BUILD_HOURS_PACK_PRICE_ID: 'price_pack_build-hours',
    STRIPE_EMBEDDINGS_PACK_PRICE_ID: 'price_pack_embeddings',
    ...Object.fromEntries(prices),
  };
}

test('signs in, buys, and signs out at both places', async ({ page, served }) => {
  const complained = complaints(page);
  await page.goto('/checkout/pro?period=yearly');
  expect(page.url()).toContain(served.issuer);
  await page.getByPlaceholder('Enter any login').fill('mary');
  await page.getByPlaceholder('and password').fill('anything');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();

  await expect(page).toHaveURL(`${served.url}/checkout/pro?period=yearly`);
  expect(await fact(page, 'Receipts go to')).toBe('mary@example.com');
  await expect(page.getByTestId('user-menu')).toContainText('Mary Somerville');
  await goToStripe(page);
  await pay(page);
  await expect(page.getByRole('heading', { name: 'Welcome to Pro' })).toBeVisible();
  expect(await tierByApi(page)).toBe('pro');

  const cookie = await sessionCookie(page);
  await signOut(page);
  await page.getByRole('button', { name: 'Yes, sign me out' }).click();
  await expect(page).toHaveURL(`${served.url}/`);
  expect((await fetch(`${served.url}/api/organizations`, { headers: { cookie } })).status).toBe(401);
  await page.goto('/dashboard');
  await expect(page.getByPlaceholder('Enter any login')).toBeVisible();
  expect(complained.filter((complaint) => complaint.startsWith(served.url))).toEqual([]);
});

test('the same person comes back to the same organization', async ({ page, served, browser }) => {
  const organizations: string[] = [];
  for (let visit = 0; visit < 2; visit += 1) {
    const there = visit === 0 ? page : await browser.newPage({ baseURL: served.url });
    await there.goto('/dashboard');
    await there.getByPlaceholder('Enter any login').fill('mary');
    await there.getByPlaceholder('and password').fill('anything');
    await there.getByRole('button', { name: 'Sign-in' }).click();
    await there.getByRole('button', { name: 'Continue' }).click();
    await expect(there.getByRole('heading', { name: 'Hello, Mary' })).toBeVisible();
    const answer = await there.request.get('/api/organizations');
    organizations.push((await answer.json()).organizations[0].id);
    await there.close();
  }
  expect(new Set(organizations).size).toBe(1);
});

test('declining at the provider leads back home', async ({ page, served }) => {
  await page.goto('/dashboard');
  await page.getByRole('link', { name: 'Cancel' }).click();
  await expect(page).toHaveURL(`${served.url}/?signin=declined`);
  await expect(page.getByText('You were not signed in.')).toBeVisible();
});

base('serve without its configuration names everything that is missing', async () => {
  const [address] = await freeAddresses(1);
  const program = new Program(['serve'], { BILLHOOK_ADDR: address }, `http://${address}/readyz`);
  await expect(program.start()).rejects.toThrow('it ended with 1');
  for (const name of [
    'STRIPE_SECRET_KEY', 'STRIPE_WEBHOOK_SECRET', 'OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET',
    'STRIPE_PRO_MONTHLY_PRICE_ID', 'STRIPE_SCALE_YEARLY_PRICE_ID',
  ]) {
    expect(program.log()).toContain(`${name} is not set`);
  }
});
