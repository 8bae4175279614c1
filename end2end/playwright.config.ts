// One browser, the real binary, a fresh sandbox for every test.
import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';

const chromium = process.env.CHROMIUM || '/usr/bin/chromium';
if (!existsSync(chromium)) {
  throw new Error(`there is no browser at ${chromium}: install Chromium, or set CHROMIUM`);
}

export default defineConfig({
  testDir: 'tests',
  fullyParallel: true,
  workers: 2,
  // A test that passes at the second try hides a defect.
  retries: 0,
  forbidOnly: true,
  // Limits say what hangs, not how fast anything is: a busy machine takes ten times as long as an idle one.
  timeout: 180_000,
  expect: { timeout: 30_000 },
  // Its last lines are the counts, which `./run test` adds up.
  reporter: 'list',
  // The provider that we test with has a lot to say at every start.
  quiet: true,
  use: {
    screenshot: 'only-on-failure',
    actionTimeout: 30_000,
    navigationTimeout: 45_000,
    timezoneId: 'UTC',
    launchOptions: {
      executablePath: chromium,
      // The sandbox needs rights that a container does not give; the rest keeps Chromium from calling home.
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--disable-dev-shm-usage',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
      ],
    },
  },
});
