// A team of three people in three browsers: the owner invites, they join, roles change, and who is removed is out.
import { expect, test } from '../fixtures/app.ts';
import { ADA, GRACE } from '../fixtures/person.ts';
import { ALAN, createOrganization, invitation, invite, someone, visit } from '../fixtures/team.ts';

for (const javaScriptEnabled of [true, false]) {
  test.describe(`JavaScript ${javaScriptEnabled ? 'on' : 'off'}`, () => {
    test('three people make a team', async ({ browser, app }) => {
      const ada = await someone(browser, app, ADA, javaScriptEnabled);
      const grace = await someone(browser, app, GRACE, javaScriptEnabled);
      const alan = await someone(browser, app, ALAN, javaScriptEnabled);

      await createOrganization(ada, 'Analytical Engines');
      await invite(ada, 'grace@example.com', 'Member');
      await invite(ada, 'alan@example.com', 'Billing');
      await expect(ada.getByTestId('invitation')).toHaveCount(2);

      const link = await invitation(app, 'grace@example.com');
      await visit(alan, link);
      await expect(alan.getByText('This invitation is for another address.')).toBeVisible();
      await visit(grace, link);
      await grace.getByRole('button', { name: 'Join Analytical Engines' }).click();
      await expect(grace.getByTestId('user-menu')).toContainText('Analytical Engines');
      await visit(alan, await invitation(app, 'alan@example.com'));
      await alan.getByRole('button', { name: 'Join Analytical Engines' }).click();
      await expect(alan.getByTestId('user-menu')).toContainText('Analytical Engines');

      // Who pays sees what was done; who uses does not.
      await visit(alan, '/settings/team');
      await expect(alan.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name: 'Audit' })).toBeVisible();
      await visit(grace, '/settings/team');
      await expect(grace.getByTestId('member')).toHaveCount(3);
      await expect(grace.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name: 'Audit' })).toBeHidden();
      await expect(grace.getByRole('button', { name: /^Save/ })).toHaveCount(0);

      await visit(ada, '/settings/team');
      await ada.getByLabel(`Role of ${GRACE}`).selectOption('Admin');
      await ada.getByRole('button', { name: `Save the role of ${GRACE}` }).click();
      await expect(ada.getByText('The role is changed.')).toBeVisible();
      await visit(grace, '/settings/team');
      await expect(grace.getByRole('heading', { name: 'Invite somebody' })).toBeVisible();

      // Two tabs of one person, each with its own organization.
      const other = await grace.context().newPage();
      await visit(other, '/dashboard');
      await other.getByTestId('user-menu').click();
      await other.getByTestId('organizations').getByRole('link', { name: GRACE }).click();
      await expect(other.getByTestId('user-menu')).toContainText(GRACE);
      await grace.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name: 'Usage' }).click();
      await expect(grace.getByTestId('user-menu')).toContainText('Analytical Engines');

      // The page that Grace has open is refused on the next click.
      await visit(ada, '/settings/team');
      await ada.getByRole('link', { name: `Remove ${GRACE}` }).click();
      await ada.getByRole('button', { name: 'Remove' }).click();
      await expect(ada.getByTestId('member')).toHaveCount(2);
      await expect(async () => {
        // A page in sight is loaded again by itself.
        const link = grace.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name: 'Team' });
        if (await link.isVisible()) {
          await link.click();
        }
        await expect(grace.getByRole('heading', { name: 'Not found' })).toBeVisible({ timeout: 1000 });
      }).toPass();
      await visit(grace, '/dashboard');
      await expect(grace.getByTestId('user-menu')).toContainText(GRACE);

      // The end: typed, and everybody is out.
      await ada.getByLabel(/^Type/).fill('Analytical Engines');
      await ada.getByRole('button', { name: 'Delete Analytical Engines' }).click();
      await expect(ada.getByTestId('user-menu')).toContainText(ADA);
      await visit(alan, '/dashboard');
      await expect(alan.getByTestId('user-menu')).toContainText(ALAN);
    });
  });
}
