// What other sites, forgers and eavesdroppers get: nothing.
import type { Page } from '@playwright/test';
import { type App, expect, test, WEBHOOK_SECRET } from '../fixtures/app.ts';
import {
  ADA, chooseUser, complaints, goToStripe, pay, payAndLoseTheAnswer, sessionCookie, signIn, signOut, statusWithCookie,
  tierByApi,
} from '../fixtures/person.ts';

const ACTIONS = [
  '/auth/logout',
  '/theme',
  '/api/checkout',
  '/api/create-checkout-session',
  '/billing/create-checkout-session',
  '/api/billing/portal',
  '/billing/create-portal-session',
  '/api/subscription/cancel',
  '/api/subscription/reactivate',
  '/api/subscription/preview',
  '/api/subscription/change',
  '/api/subscription/keep',
  '/api/subscription/downgrade-to-free',
  '/api/organizations',
  '/api/organizations/rename',
  '/api/organizations/delete',
  '/api/members/role',
  '/api/members/remove',
  '/api/members/seat',
  '/api/members/transfer',
  '/api/invitations',
  '/api/invitations/resend',
  '/api/invitations/revoke',
  '/api/invitations/accept',
  '/api/sessions/end',
  '/api/account/delete',
  '/api/keys',
  '/api/keys/revoke',
  '/api/contact-sales',
  '/api/time-zone',
  '/api/packs/checkout',
  '/api/top-ups',
  '/playground',
  '/pages/account',
  '/pages/invitation',
  '/pages/member',
  '/pages/team',
  '/pages/api-key',
  '/pages/api-keys',
  '/pages/audit',
  '/pages/billing',
  '/pages/cancel',
  '/pages/change',
  '/pages/checkout',
  '/pages/dashboard',
  '/pages/feature',
  '/pages/playground',
  '/pages/usage',
  '/pages/activate',
];

test('requests from another site are refused', async ({ page, app }) => {
  await signIn(page);
  const cookie = await sessionCookie(page);
  const body = new URLSearchParams({ plan: 'pro', theme: 'dark', session: 'cs_test_1' });
  const origins: Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: app.url, 'sec-fetch-site': 'cross-site' },
    { origin: app.url, 'sec-fetch-site': 'same-site' },
    {},
  ];
  for (const action of ACTIONS) {
    for (const headers of origins) {
      const answer = await fetch(app.url + action, {
        method: 'POST', body, headers: { cookie, ...headers }, redirect: 'manual',
      });
      expect(answer.status, `${action} with ${JSON.stringify(headers)}`).toBe(403);
    }
  }
  expect(await statusWithCookie(app, cookie), 'still signed in').toBe(200);
  expect((await app.stripe().checkout.sessions.list()).data).toEqual([]);
});

test('a form on another site cannot sign anybody out', async ({ page, app }) => {
  await signIn(page);
  await page.route('http://evil.example/', (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: `<form method="post" action="${app.url}/auth/logout"><button>Win</button></form>`,
    }),
  );
  await page.goto('http://evil.example/');
  const answered = page.waitForResponse(`${app.url}/auth/logout`);
  await page.getByRole('button', { name: 'Win' }).click();
  expect((await answered).status()).toBe(403);
  await expect(page.getByRole('heading', { name: 'Not allowed' })).toBeVisible();
  await page.goto('/dashboard');
  await expect(page.getByTestId('current-tier')).toBeVisible();
});

const TARGETS = ['//evil.example', '/\\evil.example', '\\evil.example', 'https://evil.example', '/\r\nX-Evil: 1'];
for (const target of TARGETS) {
  test(`sign-in with the return target ${JSON.stringify(target)} stays on this site`, async ({ page, app }) => {
    const address = `/auth/login?return_to=${encodeURIComponent(target)}`;
    await page.goto(address);
    await chooseUser(page, ADA);
    await expect(page).toHaveURL(`${app.url}/dashboard`);
    // The same for somebody who is signed in already.
    const answer = await page.request.get(address, { maxRedirects: 0 });
    expect(answer.headers().location).toBe('/dashboard');
  });
}

test('every page has a policy that lets nothing foreign in, and the journey keeps to it', async ({ page, app }) => {
  const complained = complaints(page);
  const policies: string[] = [];
  page.on('response', async (response) => {
    if (response.url().startsWith(app.url) && response.headers()['content-type']?.startsWith('text/html')) {
      policies.push(response.headers()['content-security-policy'] ?? `none at ${response.url()}`);
    }
  });
  await page.goto('/');
  await page.goto('/pricing');
  await signIn(page, ADA, '/checkout/pro');
  await goToStripe(page);
  await pay(page);
  await expect(page.getByRole('heading', { name: 'Welcome to Pro' })).toBeVisible();
  await page.getByRole('link', { name: 'Go to dashboard' }).click();
  await page.goto('/settings/billing');
  await page.getByRole('button', { name: 'Billing address and tax id' }).click();
  await expect(page.getByRole('heading', { name: 'Billing' })).toBeVisible();
  await page.getByRole('link', { name: /Return to/ }).click();
  await page.getByTestId('user-menu').click();
  await page.getByRole('banner').getByRole('button', { name: 'Dark' }).click();
  await expect(page.getByTestId('current-tier')).toHaveText('Pro');
  await signOut(page);
  await expect(page).toHaveURL(`${app.url}/`);
  expect(complained).toEqual([]);
  expect(policies.length).toBeGreaterThan(7);
  for (const policy of policies) {
    expect(policy).toMatch(/default-src 'none'/);
    expect(policy).toMatch(/script-src 'nonce-[^']{20,}' 'strict-dynamic' 'wasm-unsafe-eval'/);
    expect(policy).toMatch(/frame-ancestors 'none'/);
    expect(policy).not.toContain('unsafe-inline');
  }
  const nonces = policies.map((policy) => policy.match(/'nonce-([^']+)'/)?.[1]);
  expect(new Set(nonces).size, 'a nonce is used once').toBe(nonces.length);
});

test('an injected script does not run', async ({ page }) => {
  const complained = complaints(page);
  await page.goto('/pricing');
  await page.evaluate(() => {
    const script = document.createElement('div');
    script.innerHTML = '<img src="x:" onerror="document.title = \'owned\'">';
    document.body.append(script);
  });
  await expect.poll(() => complained.join()).toContain('Content Security Policy');
  expect(await page.title()).not.toBe('owned');
});

test('what a person sees is not kept by caches, and the session cookie is not for scripts', async ({ page }) => {
  await signIn(page);
  for (const path of ['/dashboard', '/settings/billing', '/checkout/pro', '/api/organizations']) {
    const answer = await page.request.get(path);
    expect(answer.headers()['cache-control'] ?? 'not said', path).toContain('no-store');
  }
  const [cookie] = (await page.context().cookies()).filter((it) => it.name === 'billhook');
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/' });
});

test('the session id of before the sign-in is worth nothing after it', async ({ page, app }) => {
  await page.goto('/dashboard');
  const planted = await sessionCookie(page);
  await chooseUser(page, ADA);
  await expect(page.getByTestId('current-tier')).toBeVisible();
  expect(await statusWithCookie(app, await sessionCookie(page))).toBe(200);
  expect(await statusWithCookie(app, planted)).toBe(401);
});

test.describe('webhook deliveries', () => {
  /** Pays with all deliveries dropped, and answers with the event that nobody delivered. */
  async function undelivered(page: Page, app: App): Promise<string> {
    await app.webhooks('drop');
    await signIn(page, ADA, '/checkout/pro');
    await goToStripe(page);
    await payAndLoseTheAnswer(page);
    const events = await app.stripe().events.list({ type: 'checkout.session.completed' });
    expect(events.data).toHaveLength(1);
    return JSON.stringify(events.data[0]);
  }

  test('unsigned, forged and stale ones are refused and leave nothing; the right one counts', async ({ page, app }) => {
    const payload = await undelivered(page, app);
    const sign = (options: { secret?: string; timestamp?: number } = {}) =>
      app.stripe().webhooks.generateTestHeaderString({ payload, secret: WEBHOOK_SECRET, ...options });
    const now = Math.floor(Date.now() / 1000);
    const bad: Record<string, { signature?: string; body?: string }> = {
      unsigned: {},
      empty: { signature: '' },
      nonsense: { signature: 't=now,v1=zz' },
      'of another secret': { signature: sign({ secret: 'whsec_guessed' }) },
      'of the old scheme only': { signature: sign().replace('v1=', 'v0=') },
      'with its moment changed': { signature: sign({ timestamp: now - 10 }).replace(/t=\d+/, `t=${now}`) },
      stale: { signature: sign({ timestamp: now - 301 }) },
      'from the future': { signature: sign({ timestamp: now + 330 }) },
      'with its body changed': { signature: sign(), body: payload.replace('"pro"', '"scale"') + ' ' },
    };
    for (const path of ['/api/webhooks/stripe', '/billing/webhook', '/api/stripe/webhook']) {
      for (const [what, { signature, body }] of Object.entries(bad)) {
        expect(await deliver(app, path, body ?? payload, signature), `${what}, to ${path}`).toBe(400);
      }
    }
    expect(await tierByApi(page)).toBe('free');
    await page.goto('/settings/billing');
    await expect(page.getByTestId('current-tier')).toHaveText('Free');

    // Had one of them been kept, this would be taken for a duplicate and never be applied.
    expect(await deliver(app, '/api/webhooks/stripe', payload, sign({ timestamp: now - 290 }))).toBe(200);
    await expect.poll(() => tierByApi(page)).toBe('pro');
    expect(await deliver(app, '/api/webhooks/stripe', payload, sign())).toBe(200);
    expect(await tierByApi(page)).toBe('pro');
  });

  async function deliver(app: App, path: string, body: string, signature?: string): Promise<number> {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (signature !== undefined) {
      headers['stripe-signature'] = signature;
    }
    return (await fetch(app.url + path, { method: 'POST', body, headers })).status;
  }
});

test('failures say nothing of the inside', async ({ page }) => {
  const answer = await page.goto('/nope');
  expect(answer?.status()).toBe(404);
  await expect(page.getByRole('heading', { name: 'Not found' })).toBeVisible();
  await expect(page.getByText('Request id:')).toBeVisible();
  const api = await page.request.get('/api/nope');
  expect(api.status()).toBe(404);
  expect(Object.keys(await api.json()).sort()).toEqual(['code', 'detail', 'requestId', 'status', 'title', 'type']);
});
