// The way to the checkout without a mouse: every step can be reached, seen and taken.
import type { Locator, Page } from '@playwright/test';
import { expect, test } from '../fixtures/app.ts';
import { ADA, planButton, signIn } from '../fixtures/person.ts';

/** Presses Tab until something has the focus; fails where it cannot be reached. */
async function tabTo(page: Page, target: Locator, most = 60): Promise<void> {
  for (let pressed = 0; pressed < most; pressed += 1) {
    await page.keyboard.press('Tab');
    if (await target.evaluate((element) => element === document.activeElement)) {
      return;
    }
  }
  throw new Error(`${target} is not reached with ${most} times Tab`);
}

test('from the plans to Stripe with the keyboard alone', async ({ page }) => {
  await page.goto('/pricing');
  await tabTo(page, page.getByRole('radio', { name: /^Monthly/ }));
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('radio', { name: /^Yearly/ })).toBeChecked();
  await tabTo(page, planButton(page, 'Upgrade Now', 'Pro'));
  await page.keyboard.press('Enter');
  await tabTo(page, page.getByRole('button', { name: `Continue as ${ADA}` }));
  await page.keyboard.press('Space');
  await expect(page.getByRole('heading', { name: 'Subscribe to Pro' })).toBeVisible();
  await expect(page.getByRole('radio', { name: /^Yearly/ })).toBeChecked();
  await tabTo(page, page.getByRole('button', { name: /^Continue to/ }));
  await page.keyboard.press('Enter');
  await tabTo(page, page.getByRole('button', { name: 'Subscribe' }));
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Welcome to Pro' })).toBeVisible();
});

test('the user menu opens, closes with the focus back, and signs out', async ({ page, app }) => {
  await signIn(page);
  const menu = page.getByTestId('user-menu');
  const way = page.getByRole('button', { name: 'Sign Out' });
  await tabTo(page, menu);
  await page.keyboard.press('Enter');
  await expect(way).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(way).toBeHidden();
  await expect(menu).toBeFocused();
  await page.keyboard.press('Space');
  await tabTo(page, way);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(`${app.url}/`);
});

test('the first stop skips to the content', async ({ page }) => {
  await page.goto('/pricing');
  await page.keyboard.press('Tab');
  const skip = page.getByRole('link', { name: 'Skip to content' });
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('main')).toBeFocused();
  // The next stop is in the content, past the navigation.
  await page.keyboard.press('Tab');
  await expect(page.getByRole('main').locator(':focus')).toHaveCount(1);
});

const ADDRESSES = [['/pricing', false], ['/checkout/pro', true], ['/settings/billing', true]] as const;
for (const [address, signedIn] of ADDRESSES) {
  test(`the focus is visible at every stop of ${address}`, async ({ page }) => {
    if (signedIn) {
      await signIn(page);
    }
    await page.goto(address);
    const invisible: string[] = [];
    let stops = 0;
    for (; stops < 60; stops += 1) {
      await page.keyboard.press('Tab');
      const stop = page.locator(':focus');
      if ((await stop.count()) === 0 || (await stop.evaluate((element) => element.hasAttribute('data-seen')))) {
        break;
      }
      const name = await stop.evaluate((element) => {
        element.setAttribute('data-seen', '');
        return element.outerHTML.slice(0, 120);
      });
      if (!(await looksFocused(page, stop))) {
        invisible.push(name);
      }
    }
    expect(stops).toBeGreaterThan(5);
    expect(invisible).toEqual([]);
  });
}

/** Whether the surroundings of the focused element look different once the focus is gone. */
async function looksFocused(page: Page, stop: Locator): Promise<boolean> {
  const box = await stop.evaluate((element) => {
    // A control that is drawn by its label is as large as the label.
    const { x, y, width, height } = (element.closest('label') ?? element).getBoundingClientRect();
    return { x: x - 6, y: y - 6, width: width + 12, height: height + 12 };
  });
  const view = page.viewportSize()!;
  const x = Math.max(0, box.x);
  const y = Math.max(0, box.y);
  const clip = {
    x, y, width: Math.min(view.width, box.x + box.width) - x, height: Math.min(view.height, box.y + box.height) - y,
  };
  const options = { clip, animations: 'disabled', caret: 'hide' } as const;
  const focused = await page.screenshot(options);
  // The next Tab goes on from here all the same.
  const element = await stop.elementHandle();
  await element!.evaluate((it: HTMLElement) => it.blur());
  const plain = await page.screenshot(options);
  return !focused.equals(plain);
}
