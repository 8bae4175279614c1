// Every page for everybody: no findings by axe, in light and dark, and no sideways scrolling at 360 px.
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from '../fixtures/app.ts';
import { asCustomer, asStranger, type Look } from '../fixtures/pages.ts';
import { signIn } from '../fixtures/person.ts';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** Examines pages, and keeps what is wrong, so that one run tells everything. */
function examination(page: Page, look: (page: Page) => Promise<string[]>): { look: Look; findings: string[] } {
  const findings: string[] = [];
  return {
    findings,
    look: async (name) => {
      findings.push(...(await look(page)).map((finding) => `${name}: ${finding}`));
    },
  };
}

async function byAxe(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id} at ${node.target.join(' ')}: ${node.failureSummary?.replace(/\s+/g, ' ')}`),
  );
}

async function sideways(page: Page): Promise<string[]> {
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  return width > 360 ? [`is ${width} px wide`] : [];
}

test.use({ catalog: 'protocol-guide' });
// Some thirty pages one after the other.
test.setTimeout(120_000);

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    test('axe finds nothing, signed out', async ({ page, app }) => {
      const { look, findings } = examination(page, byAxe);
      await asStranger(page, app, look);
      expect(findings).toEqual([]);
    });

    test('axe finds nothing, signed in', async ({ page, app }) => {
      const { look, findings } = examination(page, byAxe);
      await asCustomer(page, app, look);
      expect(findings).toEqual([]);
    });
  });
}

test.describe('at 360 px', () => {
  test.use({ viewport: { width: 360, height: 740 } });

  test('nothing scrolls sideways, signed out', async ({ page, app }) => {
    const { look, findings } = examination(page, sideways);
    await asStranger(page, app, look);
    expect(findings).toEqual([]);
  });

  test('nothing scrolls sideways, signed in', async ({ page, app }) => {
    const { look, findings } = examination(page, sideways);
    await asCustomer(page, app, look);
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
  const { look, findings } = examination(page, byAxe);
  for (const address of ['/', '/pricing', '/settings/billing']) {
    await page.goto(address);
    await look(address);
  }
  expect(findings).toEqual([]);
});
