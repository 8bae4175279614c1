// A department with seats and three people in three browsers: the owner buys and invites, a member joins and has a
// seat, who manages billing adds seats, and what a seat unlocked is refused on the next click without it.
import { type Page } from '@playwright/test';
import { expect, test } from '../fixtures/app.ts';
import { ADA, GRACE, goToStripe, pay } from '../fixtures/person.ts';
import { ALAN, invitation, invite, createOrganization, someone, visit } from '../fixtures/team.ts';

test.use({ catalog: 'protocol-guide' });

const TEAM = 'Station 4';

async function join(page: Page, link: string): Promise<void> {
  await visit(page, link);
  await page.getByRole('button', { name: `Join ${TEAM}` }).click();
  await expect(page.getByTestId('user-menu')).toContainText(TEAM);
}

/** From the dashboard to a feature of the plan. */
async function openFeature(page: Page): Promise<void> {
  await page.getByRole('link', { name: /Sonnet answers/ }).click();
}

for (const javaScriptEnabled of [true, false]) {
  test(`a seat is bought, taken and taken back, JavaScript ${javaScriptEnabled ? 'on' : 'off'}`, async ({ browser, app }) => {
    // Three browsers, one after the other.
    test.slow();
    const ada = await someone(browser, app, ADA, javaScriptEnabled);
    const grace = await someone(browser, app, GRACE, javaScriptEnabled);
    const alan = await someone(browser, app, ALAN, javaScriptEnabled);

    await createOrganization(ada, TEAM);
    await visit(ada, '/checkout/department-starter');
    await goToStripe(ada);
    await pay(ada);
    await expect(ada.getByRole('heading', { name: /^Welcome to/ })).toBeVisible();
    await visit(ada, '/settings/team');
    const seats = (page: Page) => page.getByTestId('seats-card');
    await expect(seats(ada)).toContainText('1 of 5 seats taken');
    await invite(ada, 'grace@example.com', 'Member');
    await invite(ada, 'alan@example.com', 'Billing');
    await join(grace, await invitation(app, 'grace@example.com'));
    await join(alan, await invitation(app, 'alan@example.com'));

    // Who joins has a seat, and what it unlocks.
    await visit(grace, '/settings/team');
    await expect(seats(grace)).toContainText('3 of 5 seats taken');
    await expect(grace.getByTestId('member').getByText('Seat', { exact: true })).toHaveCount(3);
    await expect(grace.getByRole('button', { name: /seat/i })).toHaveCount(0);
    await visit(grace, '/dashboard');
    await openFeature(grace);
    await expect(grace.getByText('Unlocked.')).toBeVisible();

    // Who manages billing adds one, for what the preview says.
    await visit(alan, '/settings/team');
    await expect(alan.getByRole('button', { name: /seat/i })).toHaveCount(0);
    await seats(alan).getByRole('link', { name: 'Add seats' }).click();
    await expect(alan.getByLabel('Seats')).toHaveValue('6');
    await alan.getByRole('button', { name: /^Confirm/ }).click();
    await visit(alan, '/settings/team');
    await expect(seats(alan)).toContainText('3 of 6 seats taken');

    // Without the seat, the page that she has open is refused on the next click.
    await visit(grace, '/dashboard');
    await visit(ada, '/settings/team');
    await ada.getByRole('button', { name: `Take seat back from ${GRACE}` }).click();
    await expect(ada.getByText('The seat is free again.')).toBeVisible();
    await expect(seats(ada)).toContainText('2 of 6 seats taken');
    await expect(async () => {
      // A page in sight is loaded again by itself.
      const link = grace.getByRole('link', { name: /Sonnet answers/ });
      if (await link.isVisible()) {
        await link.click();
      }
      await expect(grace.getByTestId('locked')).toContainText('for members with a seat', { timeout: 1000 });
    }).toPass();
    await visit(grace, '/settings/team');
    await expect(grace.getByTestId('member').getByText('No seat')).toHaveCount(1);

    await visit(ada, '/settings/team');
    await ada.getByRole('button', { name: `Assign seat to ${GRACE}` }).click();
    await expect(ada.getByText('The seat is given.')).toBeVisible();
    await visit(grace, '/dashboard');
    await openFeature(grace);
    await expect(grace.getByText('Unlocked.')).toBeVisible();

    // In her own organization it unlocks the same, and says from where.
    await visit(grace, '/dashboard');
    await grace.getByTestId('user-menu').click();
    await grace.getByTestId('organizations').getByRole('link', { name: GRACE }).click();
    await expect(grace.getByTestId('user-menu')).toContainText(GRACE);
    await expect(grace.getByText(`through your seat at ${TEAM}`).first()).toBeVisible();

    // Who is removed is out, seat and all.
    await ada.getByRole('link', { name: `Remove ${GRACE}` }).click();
    await ada.getByRole('button', { name: 'Remove' }).click();
    await expect(seats(ada)).toContainText('2 of 6 seats taken');
    await openFeature(grace);
    await expect(grace.getByTestId('locked')).toBeVisible();
  });
}
