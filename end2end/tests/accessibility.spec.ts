// Every page for everybody: axe finds nothing, in light and in dark, and at 360 px nothing scrolls sideways.
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from '../fixtures/app.ts';
import { asBuyer, asCustomer, asOwner, asStranger, asTeam, asUser, type Look } from '../fixtures/pages.ts';
import { signIn } from '../fixtures/person.ts';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 360, height: 740 };

/** Looks at pages in every way, and keeps what is wrong, so that one run tells everything. */
function examination(page: Page): { look: Look; findings: string[] } {
  const findings: string[] = [];
  const note = (name: string, found: string[]) => findings.push(...found.map((finding) => `${name}: ${finding}`));
  const look = async (name: string) => {
    note(`${name}, light`, await axe(page, (builder) => builder.withTags(RULES)));
    await page.emulateMedia({ colorScheme: 'dark' });
    note(`${name}, dark`, await axe(page, (builder) => builder.withRules(['color-contrast'])));
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize(NARROW);
    note(`${name}, narrow`, await sideways(page));
    await page.setViewportSize(WIDE);
  };
  return { look, findings };
}

async function axe(page: Page, choose: (builder: AxeBuilder) => AxeBuilder): Promise<string[]> {
  // A page is parsed, and what it says is visible, before its styles are there.
  await page.waitForLoadState();
  // Colours may be on their way from one scheme to the other.
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
  const { violations } = await choose(new AxeBuilder({ page })).analyze();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id} at ${node.target.join(' ')}: ${node.failureSummary?.replace(/\s+/g, ' ')}`),
  );
}

async function sideways(page: Page): Promise<string[]> {
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  return width > NARROW.width ? [`it is ${width} px wide`] : [];
}

test.use({ catalog: 'protocol-guide', colorScheme: 'light', viewport: WIDE });
// Some thirty pages one after the other, in several ways each.
test.setTimeout(600_000);

test('every page that a stranger sees', async ({ page, app }) => {
  const { look, findings } = examination(page);
  await asStranger(page, app, look);
  expect(findings).toEqual([]);
});

test('every page on the way to paying', async ({ page, app }) => {
  const { look, findings } = examination(page);
  await asBuyer(page, app, look);
  expect(findings).toEqual([]);
});

test('every page of a team with seats', async ({ page }) => {
  const { look, findings } = examination(page);
  await asOwner(page, look);
  expect(findings).toEqual([]);
});

test('every page of somebody who pays', async ({ page, app }) => {
  const { look, findings } = examination(page);
  await asCustomer(page, app, look);
  expect(findings).toEqual([]);
});

test('every page of a team', async ({ page, app }) => {
  const { look, findings } = examination(page);
  await asTeam(page, app, look);
  expect(findings).toEqual([]);
});

test.describe('with a catalogue that locks nothing', () => {
  test.use({ catalog: 'builder' });

  test('every page of somebody who uses the product', async ({ page }) => {
    const { look, findings } = examination(page);
    await asUser(page, look);
    expect(findings).toEqual([]);
  });
});

test('the colours that somebody chose win over the device’s, from the first byte', async ({ page }) => {
  await signIn(page);
  await page.getByTestId('user-menu').click();
  await page.getByRole('banner').getByRole('button', { name: 'Dark' }).click();
  await expect(page).toHaveURL(/\/dashboard$/);
  const document = await (await page.request.get('/dashboard')).text();
  expect(document).toContain('data-theme="dark"');
  await page.goto('/pricing');
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const chosen = await background();
  expect(chosen).not.toBe('rgb(255, 255, 255)');
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await background(), 'dark is dark on every device').toBe(chosen);
  expect(await axe(page, (builder) => builder.withTags(RULES))).toEqual([]);
  await page.getByTestId('user-menu').click();
  await page.getByRole('banner').getByRole('button', { name: 'Light' }).click();
  await expect.poll(background).not.toBe(chosen);
});
