// Gateways on free ports, and pages that may contact nothing else.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Starts a gateway with these settings; the environment is otherwise empty. */
export async function startGateway(binary, settings = {}, flags = []) {
  const folder = mkdtempSync(join(tmpdir(), 'vt4ai-console-'));
  const child = spawn(binary, ['--port', '0', '--log-format', 'text', '--client-rate-per-minute', '0', ...flags], {
    cwd: folder, env: { PATH: process.env.PATH, NO_PROXY: '*', ...settings }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const url = await new Promise((resolve, reject) => {
    const read = (piece) => {
      log += piece;
      // The log names the stand-in, too.
      const found = log.match(/http:\/\/127\.0\.0\.1:\d+/g)?.find((address) => address !== settings.VT4AI_UPSTREAM_URL);
      if (found) resolve(found);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    setTimeout(() => reject(new Error(`the gateway does not start:\n${log}`)), 20_000).unref();
    gone.then(() => reject(new Error(`the gateway ended:\n${log}`)));
  });
  const stop = async () => {
    child.kill('SIGKILL');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, stop };
}

/** Opens a page in a context of its own; `problems()` lists what it must not do. */
export async function openPage(browser, url, options = {}) {
  const { expects = [], ...rest } = options;
  const context = await browser.newContext({ viewport: { width: 1100, height: 850 }, reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'UTC', ...rest });
  // Long for a machine under load; a page that is right takes far less.
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const found = [];
  const addresses = [];
  // A handler that passes a request on would hide those that the browser makes without it, so it only watches.
  context.on('request', (request) => {
    addresses.push(request.url());
    if (!request.url().startsWith(`${url}/`) && !request.url().startsWith('blob:')) found.push(`contacts ${request.url()}`);
  });
  page.on('pageerror', (error) => found.push(`throws ${error.message}`));
  page.on('dialog', (dialog) => {
    found.push(`opens a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  context.on('page', (other) => other !== page && found.push(`opens ${other.url()}`));
  page.on('framenavigated', (other) => other !== page.mainFrame() && found.push(`has a frame ${other.url()}`));
  page.on('console', (message) => {
    const text = message.text();
    // The browser itself notes each answer with an error status.
    if (message.type() === 'error' && !/^Failed to load resource/.test(text)) found.push(`logs ${text}`);
  });
  await page.addInitScript(() => {
    window.shifts = [];
    window.violations = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (!entry.hadRecentInput) window.shifts.push(`${entry.value.toFixed(4)} by ${entry.sources.map(({ node }) => node?.id || node?.className || node?.nodeName).join(', ')}`);
      }
    }).observe({ type: 'layout-shift', buffered: true });
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  // Starts the browser's process for this site, whose time is not the page's. Nothing of the page is cached by that.
  await page.goto(`${url}/livez`);
  await page.goto(`${url}/`);
  await page.locator('#minute b', { hasNotText: '…' }).waitFor();
  const problems = async () => {
    const inside = await page.evaluate(() => [...window.shifts.map((shift) => `shifts ${shift}`), ...window.violations.map((it) => `violates ${it}`), ...(window.harmed ? ['a foreign script ran'] : [])]);
    return [...found, ...inside].filter((problem) => !expects.some((pattern) => pattern.test(problem)));
  };
  return { context, page, addresses, problems };
}

/** Looks up a text as an analyst does. */
export async function search(page, text) {
  await page.locator('#text').fill(text);
  await page.getByRole('button', { name: 'Look up', exact: true }).click();
}
