// Drives the console in a headless Chromium: `node console.mjs BINARY TOOLS [FOLDER]`.
//
// TOOLS holds `node_modules` with playwright-core and axe-core. With FOLDER the screenshots of the documentation are
// written there. Every page may contact its gateway only, may not shift its layout, and must let no foreign script run.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { openPage, search, startGateway } from './gateway.mjs';
import { HOSTILE, startUpstream } from './upstream.mjs';

const [given, tools, folder] = process.argv.slice(2);
if (!given || !tools) {
  console.error('usage: node console.mjs BINARY TOOLS [FOLDER]');
  process.exit(64);
}
// Gateways run in folders of their own.
const binary = resolve(given);
const require = createRequire(resolve(tools, 'package.json'));
const { chromium } = require('playwright-core');
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const EICAR = '44d88612fea8a8f36de82e1278abb02f';
const TROJAN = 'de7c07af483769cd3e4e511c91fa416f57dd0f5336e3580bba33d22827ba1185';
const MAIL = 'Please check hxxps://login[.]bank-secure[.]example/verify?id=1&session=abc\nfrom 203.0.113.7, 10.0.0.1 and setup.exe,\n44d88612fea8a8f36de82e1278abb02f.';
const KEY = 'a'.repeat(64);
const keyed = { VT4AI_API_KEY: KEY };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const demo = await startGateway(binary, {}, ['--demo']);
const tests = [];
const test = (name, run) => tests.push({ name, run });

/** Runs with a page of the demo, and holds the page to what every page must not do. */
const onDemo = (run, options) => async () => {
  const opened = await openPage(browser, demo.url, options);
  try {
    await run(opened);
    assert.deepEqual(await opened.problems(), []);
  } finally {
    await opened.context.close();
  }
};

/** The same with a gateway of these settings before a stand-in of its own. */
const onUpstream = (settings, run, { upstream = {}, ...options } = {}) => async () => {
  const stand = await startUpstream(upstream);
  const gateway = await startGateway(binary, { ...keyed, VT4AI_UPSTREAM_URL: stand.url, VT4AI_RATE_LIMIT_PER_MINUTE: '0', VT4AI_RATE_LIMIT_PER_DAY: '0', VT4AI_RATE_LIMIT_PER_MONTH: '0', ...settings });
  try {
    const opened = await openPage(browser, gateway.url, options);
    await run({ ...opened, stand, gateway });
    assert.deepEqual(await opened.problems(), []);
    await opened.context.close();
  } finally {
    await gateway.stop();
    stand.close();
  }
};

const badge = (page) => page.locator('.card .verdict .badge');
const tab = (page, name) => page.getByRole('tab', { name }).click();
const shoot = async (page, name) => folder && page.screenshot({ path: join(folder, `${name}.png`) });

async function audit(page, state) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const text = serious.map(({ id, nodes }) => `${state}: ${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).slice(0, 3).join('; ')}`);
  assert.deepEqual(text, []);
}

test('first paint and an empty page', async () => {
  const times = [];
  for (let round = 0; round < 7; round += 1) {
    const { context, page, problems } = await openPage(browser, demo.url);
    times.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime));
    if (round === 0) {
      await shoot(page, 'start');
      const size = await page.evaluate(() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
        .filter(({ name }) => !name.includes('/api/')).reduce((all, { decodedBodySize }) => all + decodedBodySize, 0));
      console.log(`  page and files: ${size} bytes`);
      assert.ok(size > 50_000 && size < 60_000, `${size} bytes`);
    }
    assert.deepEqual(await problems(), []);
    await context.close();
  }
  times.sort((a, b) => a - b);
  console.log(`  first contentful paint: median ${times[3].toFixed(0)} ms of ${times.map((it) => it.toFixed(0)).join(', ')}`);
});

test('look up', onDemo(async ({ page }) => {
  await page.locator('#text').fill(EICAR);
  await page.keyboard.press('Enter');
  await badge(page).waitFor();
  assert.equal(await badge(page).textContent(), 'Malicious');
  assert.match(await page.locator('.reason').textContent(), /50 of 55 engines/);
  assert.match(await page.locator('.engines').textContent(), /50 malicious, 0 suspicious, 5 without objection, of 55 engines/);
  assert.match(await page.locator('.cost').textContent(), /Cost about 1 lookup|Cost nothing/);
  const facts = await page.locator('.facts').first().textContent();
  assert.match(facts, /First seen20 years ago \(2006-05-22\)/);
  assert.match(await page.locator('.strangers').textContent(), /eicar\.com/);
  assert.match(await page.locator('#status').textContent(), /^Malicious: 50 of 55/);
  await shoot(page, 'verdict');
  await tab(page, 'As a model reads it');
  const tokens = await page.locator('.tokens').textContent();
  const [few, many] = tokens.match(/\d[\d,]*/g).map((it) => Number(it.replace(',', '')));
  assert.ok(few > 100 && many > 5 * few, tokens);
  assert.match(await page.locator('pre.text').textContent(), /^indicator: file, 275a/);
  await tab(page, 'Raw');
  await page.locator('pre.text', { hasText: '"sha256"' }).waitFor();
  assert.match(await page.getByRole('tabpanel', { name: 'Raw' }).textContent(), /"probability": 100\.0/);
  await page.locator('#saved b', { hasText: /^[1-9]/ }).waitFor();
}));

test('defanged', onDemo(async ({ page }) => {
  for (const [given, kind, shown] of [
    ['hxxps://login[.]bank-secure[.]example/verify?id=1&session=abc', 'URL', 'https://login.bank-secure.example/verify?id=1&session=abc'],
    ['bank-secure[.]example', 'domain', 'bank-secure.example'],
    ['203[.]0[.]113[.]7', 'IP address', '203.0.113.7'],
  ]) {
    await search(page, given);
    const heading = page.locator('.card h2', { hasText: shown });
    await heading.waitFor();
    assert.match(await heading.textContent(), new RegExp(`^${kind} `));
  }
  await search(page, 'portal.example');
  await page.locator('.card .badge', { hasText: 'Likely benign' }).waitFor();
  await search(page, '0'.repeat(32));
  await page.locator('.card', { hasText: 'no sign that it is harmless' }).waitFor();
  await search(page, '10.0.0.1');
  await page.locator('.card', { hasText: 'never sent to VirusTotal' }).waitFor();
  await search(page, 'someone@bank-secure.example');
  await page.locator('.notice.error', { hasText: 'That can’t be looked up' }).waitFor();
}));

test('related objects', onDemo(async ({ page }) => {
  await search(page, TROJAN);
  await badge(page).waitFor();
  await tab(page, 'Related objects');
  const button = page.getByRole('button', { name: 'Contacted domains · at most 1 lookup' });
  await button.click();
  await page.locator('.objects li', { hasText: 'gate.bank-secure.example' }).waitFor();
  await page.getByRole('button', { name: '10 more · at most 1 lookup' }).click();
  await page.locator('.objects').nth(1).waitFor();
  await page.locator('.objects').first().getByRole('button', { name: 'gate.bank-secure.example' }).click();
  await page.locator('.card h2', { hasText: 'gate.bank-secure.example' }).waitFor();
  await page.getByRole('button', { name: '← Back' }).click();
  await page.locator('.card h2', { hasText: TROJAN }).waitFor();
}));

test('many, with dry run and CSV', onDemo(async ({ page }) => {
  await search(page, MAIL);
  await page.locator('.plan h2', { hasText: '4 indicators, 4 different' }).waitFor();
  assert.match(await page.locator('.plan').textContent(), /The others cost \d lookups?\./);
  await page.locator('#start-job').click();
  await page.locator('.state', { hasText: 'Finished: 4 of 4' }).waitFor();
  assert.match(await page.locator('.counts').textContent(), /3 malicious/);
  await shoot(page, 'many');
  const [download] = await Promise.all([page.waitForEvent('download'), page.locator('#save-csv').click()]);
  const csv = readFileSync(await download.path(), 'utf8').split('\r\n');
  assert.equal(csv.length, 6);
  assert.match(csv[0], /^row,given,type,id,level,reason/);
  assert.match(csv[1], /^1,hxxps:\/\/login\[\.\]bank-secure/);
  await page.locator('.body .row', { hasText: '203.0.113.7' }).click();
  await page.locator('.card h2', { hasText: '203.0.113.7' }).waitFor();
  await page.getByRole('button', { name: '← Back' }).click();
  await page.locator('.state', { hasText: 'Finished: 4 of 4' }).waitFor();
  await page.locator('.body .row', { hasText: 'login[.]bank-secure' }).click();
  await page.locator('.card h2', { hasText: 'login.bank-secure.example' }).waitFor();
  // A search keeps the table.
  await search(page, EICAR);
  await page.locator('.card h2', { hasText: '275a021b' }).waitFor();
  await page.getByRole('button', { name: '← Back' }).click();
  await page.locator('.state', { hasText: 'Finished: 4 of 4' }).waitFor();
  assert.equal(await page.getByRole('button', { name: '← Back' }).count(), 0);
}));

test('a limit that can’t be read starts nothing', onDemo(async ({ page }) => {
  await search(page, MAIL);
  await page.locator('#most').focus();
  for (const given of ['1-', '1.5']) {
    await page.keyboard.type(given);
    await page.locator('#start-job').click();
    assert.ok(await page.locator('#most').evaluate((input) => document.activeElement === input && !input.validity.valid), given);
    assert.equal(await page.locator('.job').count(), 0, given);
    await page.keyboard.press('Control+a');
  }
  await page.keyboard.type('9');
  await page.locator('#start-job').click();
  await page.locator('.state', { hasText: 'Finished: 4 of 4' }).waitFor();
}));

test('URLs that a comma joins', onDemo(async ({ page }) => {
  await search(page, 'https://login.bank-secure.example/,hxxps[:]//parcel-customs-fee[.]example/;hxxp[://]portal[.]example/');
  await page.locator('.plan h2', { hasText: '3 indicators, 3 different' }).waitFor();
  const one = 'https://portal.example/a,b?to=https://bank-secure.example/';
  await search(page, one);
  await page.locator('.card h2', { hasText: one }).waitFor();
}));

test('texts that can’t be seen, and CSV', onDemo(async ({ page }) => {
  const unseen = [0x00, 0x0d, 0x7f, 0xad, 0x34f, 0x115f, 0x1160, 0x17b4, 0x180b, 0x200b, 0x2028, 0x202e, 0x2800, 0x3164, 0xd800, 0xfe0f, 0xffa0, 0xfffb, 0x1bca0, 0x1d173, 0xe0041];
  const [shown, kept, csv] = await page.evaluate(async (codes) => {
    const base = document.querySelector('script[type=module]').src;
    const { visible } = await import(base.replace('app.js', 'dom.js'));
    const { csv } = await import(base.replace('app.js', 'job.js'));
    const rows = [{ row: 1, given: 'a;b', label: 'c\td', verdict: { level: 'unknown', reason: '=1' }, detections: { engines: 9 }, error: { code: 'E' } }];
    return [codes.map((code) => visible(`a${String.fromCodePoint(code)}b`)), visible('ä 漢\t\n😀'), csv(rows)];
  }, unseen);
  assert.deepEqual(shown, unseen.map((code) => `a⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩b`));
  assert.equal(kept, 'ä 漢\t\n😀');
  assert.equal(csv.split('\r\n')[1], `1,"a;b",,,unknown,'=1,,,,9,"c\td",,,,E`);
}));

test('keyboard alone', onDemo(async ({ page, addresses }) => {
  // The search has the focus from the start.
  await page.keyboard.insertText('portal.example');
  await page.keyboard.down('Enter');
  await page.keyboard.down('Enter');
  await page.keyboard.up('Enter');
  await badge(page).waitFor();
  assert.equal(addresses.filter((address) => address.includes('/lookup')).length, 1, 'Enter that is held down looks up once');
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText('portal.example\nbank-secure[.]example\n8.8.8.8');
  await page.keyboard.press('Control+Enter');
  await page.locator('#start-job').focus();
  await page.keyboard.press('Enter');
  await page.locator('.state', { hasText: 'Finished' }).waitFor();
  await page.getByLabel('Order').selectOption('row');
  await page.getByRole('grid').focus();
  await page.keyboard.press('Home');
  await page.locator('.row.active', { hasText: 'portal.example' }).waitFor();
  await page.getByLabel('Order').selectOption('level');
  await page.locator('.row[aria-rowindex="2"]', { hasText: 'bank-secure.example' }).waitFor();
  await page.locator('.row.active[aria-rowindex="4"]', { hasText: 'portal.example' }).waitFor();
  await page.getByRole('grid').focus();
  await page.keyboard.press('End');
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowDown');
  const active = page.locator('.row.active[aria-rowindex="3"]');
  await active.waitFor();
  assert.equal(await page.getByRole('grid').getAttribute('aria-activedescendant'), await active.getAttribute('id'));
  const id = await active.locator('.what').textContent();
  await page.keyboard.press('Enter');
  await page.locator('.card h2', { hasText: id }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H2');
  await page.getByRole('tab', { name: 'Facts' }).focus();
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'As a model reads it');
  await page.getByRole('button', { name: '← Back' }).focus();
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('role')), 'grid');
}));

test('hostile texts', onUpstream({}, async ({ page, stand }) => {
  for (const given of ['a'.repeat(64), 'https://page.evil-demo.com/', 'evil-demo.com', '198.51.100.7']) {
    await search(page, given);
    await page.locator('.card h2', { hasText: given }).waitFor();
    await tab(page, 'As a model reads it');
    await page.locator('.tokens').waitFor();
    await tab(page, 'Raw');
    await page.getByRole('tabpanel', { name: 'Raw' }).locator('pre.text').waitFor();
    await tab(page, 'Related objects');
    await page.getByRole('button', { name: /· at most 1 lookup/ }).first().click();
    await page.locator('.objects li').nth(1).waitFor();
    await tab(page, 'Facts');
  }
  await search(page, 'a'.repeat(64));
  await page.locator('.strangers', { hasText: '<img src=x' }).waitFor();
  if (folder) await page.locator('.strangers').scrollIntoViewIfNeeded();
  await shoot(page, 'strangers');
  await tab(page, 'Raw');
  const raw = page.getByRole('tabpanel', { name: 'Raw' }).locator('pre.text');
  await raw.waitFor();
  assert.match(await raw.textContent(), /⟨U\+202E⟩fdp\.exe⟨U\+2066⟩ ⟨U\+200B⟩/);
  // A double would lose its last digit.
  assert.match(await raw.textContent(), /-9007199254740993/);
  await search(page, 'absent.evil-demo.com');
  await page.locator('.card.unknown').waitFor();
  for (const given of HOSTILE) {
    await search(page, given);
    await page.locator('#result .plan, #result .card, #result .notice').first().waitFor();
  }
  await search(page, `${HOSTILE.join('\n')}\n${HOSTILE.map((text) => `https://x${text.length}.evil-demo.com/${text}`).join('\n')}`);
  await page.locator('#start-job').click();
  await page.locator('.state', { hasText: /^(Finished|Ended)/ }).waitFor();
  assert.ok(stand.state.calls > 5);
  assert.equal(await page.locator('#result img, #result iframe, #result script, #result svg, #result style, #result link').count(), 0);
}));

test('a slow answer shifts nothing', onUpstream({}, async ({ page }) => {
  await search(page, 'evil-demo.com');
  await page.locator('.busy').waitFor();
  await badge(page).waitFor();
}, { upstream: { delay: 1200 } }));

test('stop', onUpstream({}, async ({ page, stand }) => {
  const all = Array.from({ length: 60 }, (_, index) => `198.51.100.${index}`);
  await search(page, all.join('\n'));
  await page.locator('#start-job').click();
  await page.locator('.body .row').nth(2).waitFor();
  // The second click of a double click, or one in a hurry, starts nothing.
  await page.getByRole('button', { name: 'Stop' }).dblclick();
  await page.locator('.state', { hasText: /^Stopped: \d+ of 60, at least \d+ lookups? spent/ }).waitFor();
  assert.ok(await page.getByRole('button', { name: 'Stop' }).isDisabled());
  // Calls that had begun go on to their end; none begins after that.
  let calls = -1;
  for (let quiet = 0; quiet < 4; quiet = stand.state.calls === calls ? quiet + 1 : 0) {
    calls = stand.state.calls;
    await page.evaluate(() => new Promise((done) => { setTimeout(done, 250); }));
  }
  assert.ok(calls < 60, `${calls} calls`);
  console.log(`  stopped after ${calls} of 60 calls`);
  stand.state.delay = 0;
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.locator('.state', { hasText: 'Finished: 60 of 60' }).waitFor();
  assert.ok(stand.state.calls <= 62, `${stand.state.calls} calls in all`);
}, { upstream: { delay: 200 } }));

test('costs of a job', onUpstream({}, async ({ page, stand }) => {
  stand.state.failing.add('198.51.100.1');
  await search(page, '198.51.100.1\n198.51.100.2\n198.51.100.2');
  // What the button says is the limit, also where a call has to be repeated.
  await page.getByRole('button', { name: 'at most 2 lookups' }).waitFor();
  await page.locator('#most').fill('3');
  await page.getByRole('button', { name: 'at most 3 lookups' }).click();
  await page.locator('.state', { hasText: 'Finished: 3 of 3, 3 lookups spent' }).waitFor();
  await page.getByLabel('Order').selectOption('row');
  await page.locator('.body .row[aria-rowindex="2"]', { hasText: '198.51.100.1' }).waitFor();
  assert.deepEqual(await page.locator('.body .from').allTextContents(), ['2 lookups', '1 lookup', '0, shared']);
}));

test('a job goes on behind a search, not beside another', onUpstream({}, async ({ page, stand }) => {
  await search(page, 'evil-demo.com');
  await badge(page).waitFor();
  let open;
  stand.state.gate = new Promise((done) => { open = done; });
  await search(page, Array.from({ length: 20 }, (_, index) => `198.51.100.${index}`).join('\n'));
  await page.locator('#start-job').click();
  await page.locator('.state', { hasText: '0 of 20' }).waitFor();
  await search(page, 'evil-demo.com');
  await badge(page).waitFor();
  await page.getByRole('button', { name: '← Back' }).click();
  await page.locator('.state', { hasText: '0 of 20' }).waitFor();
  // Another one stops it, and its own start stops that.
  await search(page, '203.0.113.1\n203.0.113.2');
  await page.locator('#start-job').click();
  await page.locator('.state', { hasText: '0 of 2,' }).waitFor();
  await page.getByRole('button', { name: '← Back' }).click();
  await page.locator('.state', { hasText: 'Stopped: 0 of 20' }).waitFor();
  await Promise.all([page.waitForEvent('requestfailed'), page.getByRole('button', { name: 'Go on' }).click()]);
  open();
  await page.locator('.state', { hasText: 'Finished: 20 of 20' }).waitFor();
}));

test('a limit of lookups holds', onUpstream({}, async ({ page, stand }) => {
  for (let last = 0; last < 6; last += 1) stand.state.failing.add(`198.51.100.${last}`);
  await search(page, Array.from({ length: 6 }, (_, index) => `198.51.100.${index}`).join('\n'));
  await page.getByRole('button', { name: 'at most 6 lookups' }).click();
  await page.locator('.state', { hasText: 'Finished: 6 of 6, 6 lookups spent' }).waitFor();
  assert.equal(stand.state.calls, 6);
  const failed = await page.locator('.body .failed').count();
  assert.ok(failed > 0);
  // The sum goes on, and what was answered stays.
  await page.getByRole('button', { name: 'Go on · at most 6 lookups' }).click();
  await page.locator('.state', { hasText: `Finished: 6 of 6, ${6 + failed} lookups spent` }).waitFor();
  assert.equal(stand.state.calls, 6 + failed);
  assert.equal(await page.locator('.body .failed').count(), 0);
}));

test('a button held down is pressed once', onUpstream({ VT4AI_CACHE_MAX_BYTES: '0' }, async ({ page, stand }) => {
  await page.locator('#text').fill('198.51.100.1');
  await page.getByRole('button', { name: 'Look up' }).focus();
  for (let press = 0; press < 5; press += 1) await page.keyboard.down('Enter');
  await page.keyboard.up('Enter');
  await badge(page).waitFor();
  assert.equal(stand.state.calls, 1);
}));

test('a key that is forgotten ends what it pays for', onUpstream({}, async ({ page, stand }) => {
  await page.locator('#key').click();
  await page.locator('#key-input').fill('a-key-of-mine');
  await page.getByRole('button', { name: 'Use' }).click();
  await page.locator('#key-dialog').waitFor({ state: 'hidden' });
  await search(page, Array.from({ length: 100 }, (_, index) => `198.51.100.${index}`).join('\n'));
  await page.locator('#start-job').click();
  await page.locator('.body .row').nth(2).waitFor();
  await page.locator('#key').click();
  await page.getByRole('button', { name: 'Forget' }).click();
  await page.locator('.state', { hasText: /^Stopped: / }).waitFor();
  assert.ok(stand.state.calls < 100, `${stand.state.calls} calls`);
}, { upstream: { delay: 100 } }));

test('a lookup is stopped', onUpstream({ VT4AI_RATE_LIMIT_PER_MINUTE: '1' }, async ({ page }) => {
  await search(page, '198.51.100.1');
  await badge(page).waitFor();
  await search(page, '198.51.100.2');
  const wait = page.getByRole('button', { name: 'Wait for it' });
  const aborted = () => page.waitForEvent('requestfailed', (request) => request.url().includes('wait=5m'));
  await Promise.all([page.waitForRequest(/wait=5m/), wait.click()]);
  await Promise.all([aborted(), page.getByRole('button', { name: 'Stop' }).dblclick()]);
  await page.locator('.notice h2', { hasText: 'The quota is used up' }).waitFor();
  await Promise.all([page.waitForRequest(/wait=5m/), wait.click()]);
  await Promise.all([aborted(), search(page, '198.51.100.1')]);
  await page.locator('.card h2', { hasText: '198.51.100.1' }).waitFor();
}));

test('asking again in vain keeps the card', onDemo(async ({ page }) => {
  await search(page, EICAR);
  const card = page.locator('.card h2', { hasText: '275a021b' });
  await page.route('**/api/v1/lookup?*', (route) => route.abort(), { times: 2 });
  await page.getByRole('button', { name: 'Ask VirusTotal again' }).click();
  for (const button of ['Try again', 'Ask VirusTotal again']) {
    await page.locator('.notice.error h2', { hasText: 'The gateway does not answer' }).waitFor();
    assert.equal(await card.count(), 1);
    await page.getByRole('button', { name: button }).click();
  }
  await card.waitFor();
  await page.locator('.notice.error').waitFor({ state: 'detached' });
}));

test('each failure has its name', onDemo(async ({ page }) => {
  const [quota, many, queue, allowance] = ['The quota is used up', 'Too many requests', 'Too many wait for quota', 'The allowance of this client is used up'];
  for (const [status, code, detail, title, actions] of [
    [429, 'QuotaExceededError', 'VirusTotal’s quota for this key is used up', quota, ['Enter a key', 'Try again', 'Wait for it, up to 5 minutes']],
    [429, 'QuotaExceededError', 'the key’s 4 lookups a minute are spent, and all waiting places are taken', queue, ['Enter a key', 'Try again']],
    [429, 'QuotaExceededError', 'the client `alice` has used up its own allowance of 2 requests a day', allowance, ['Enter a key', 'Try again']],
    [429, 'TooManyRequestsError', 'too many requests from this key or address', many, ['Try again']],
    [403, 'ForbiddenError', 'the client `alice` has no scope `read`', 'This key may not do that', ['Enter a key', 'Try again']],
    [400, 'InvalidArgumentError', 'this is not an indicator', 'That can’t be looked up', []],
  ]) {
    await page.route('**/api/v1/lookup?*', (route) => route.fulfill({ status, json: { code, detail } }), { times: 1 });
    await search(page, EICAR);
    await page.locator('.notice.error p', { hasText: detail }).waitFor();
    assert.equal(await page.locator('.notice.error h2').textContent(), title);
    assert.deepEqual(await page.locator('.notice.error button').allTextContents(), actions, detail);
  }
}));

test('a key whose check was left is not used', onDemo(async ({ page }) => {
  let check;
  await page.route('**/api/v1/quota', (route) => {
    if (route.request().headers()['x-api-key'] === 'good-key-left') check();
    else route.continue();
  });
  const leave = async (way) => {
    const checked = new Promise((done) => { check = done; });
    await page.locator('#key').click();
    assert.equal(await page.locator('#key-input').inputValue(), '');
    await page.locator('#key-input').fill('good-key-left');
    await page.getByLabel('Keep it until this tab is closed').check();
    await page.getByRole('button', { name: 'Use' }).click();
    await checked;
    const close = way === 'Escape' ? page.keyboard.press(way) : page.getByRole('button', { name: way }).click();
    await Promise.all([page.waitForEvent('requestfailed'), close]);
    assert.equal(await page.evaluate(() => sessionStorage.getItem('vt4ai-key')), null, way);
  };
  await leave('Cancel');
  await leave('Escape');
  await page.locator('#key').click();
  await page.locator('#key-input').fill('good-key-of-mine');
  await page.keyboard.press('Enter');
  await page.locator('#key-state', { hasText: 'Your key' }).waitFor();
  await leave('Forget');
  await page.locator('#key-state', { hasText: 'Server’s key' }).waitFor();
  const sent = page.waitForRequest((request) => request.url().includes('/lookup'));
  await search(page, EICAR);
  assert.equal((await sent).headers()['x-api-key'], undefined);
  await badge(page).waitFor();
}));

test('wrong key, right key, key forgotten', onDemo(async ({ page, addresses }) => {
  await page.locator('#key').click();
  const use = async (key) => {
    await page.locator('#key-input').fill(key);
    await page.getByRole('button', { name: 'Use' }).click();
  };
  await use('bad-key-of-nobody');
  await page.locator('#key-error', { hasText: 'VirusTotal refused the API key' }).waitFor();
  await use('ключ');
  await page.locator('#key-error', { hasText: 'visible ASCII' }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await use('good-key-of-mine');
  await page.locator('#key-dialog').waitFor({ state: 'hidden' });
  assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length), 0);
  const sent = page.waitForRequest((request) => request.url().includes('/lookup'));
  await search(page, EICAR);
  assert.equal((await sent).headers()['x-api-key'], 'good-key-of-mine');
  await badge(page).waitFor();
  await page.locator('#key').click();
  await page.getByLabel('Keep it until this tab is closed').check();
  await use('good-key-of-mine');
  await page.locator('#key-dialog').waitFor({ state: 'hidden' });
  await page.reload();
  await page.locator('#key-state', { hasText: 'Your key' }).waitFor();
  await page.locator('#key').click();
  await page.getByRole('button', { name: 'Forget' }).click();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  for (const address of addresses) assert.ok(!/good-key|bad-key/.test(address), address);
  assert.ok(!(await page.content()).includes('good-key'));
}));

test('a client token is asked for', async () => {
  const client = (name, letter, rest) => {
    const token = `vt4ai_${letter.repeat(43)}`;
    const digest = createHash('sha256').update(token).digest('hex');
    return [token, `[[client]]\nname = "${name}"\ntoken_sha256 = "${digest}"\n${rest}\n`];
  };
  const [token, alice] = client('alice', 't', 'scopes = ["read"]\nper_day = 8');
  const [other, bob] = client('bob', 'u', 'scopes = ["submit"]');
  const place = mkdtempSync(join(tmpdir(), 'vt4ai-console-'));
  const file = join(place, 'clients.toml');
  writeFileSync(file, alice + bob);
  const gateway = await startGateway(binary, { ...keyed, VT4AI_CLIENTS_FILE: file }, ['--demo']);
  try {
    const { context, page, problems } = await openPage(browser, gateway.url);
    await page.locator('#key-state', { hasText: 'Enter a key' }).waitFor();
    await search(page, EICAR);
    await page.locator('.notice.error h2', { hasText: 'A key is needed' }).waitFor();
    await page.locator('.notice').getByRole('button', { name: 'Enter a key' }).click();
    await page.locator('#key-input').fill(other);
    await page.keyboard.press('Enter');
    await page.locator('#key-error', { hasText: 'has no scope `read`' }).waitFor();
    assert.equal(await page.locator('#key-input').inputValue(), other);
    await page.locator('#key-input').fill(token);
    await page.keyboard.press('Enter');
    await page.locator('#key-state', { hasText: 'Your key' }).waitFor();
    await page.getByRole('button', { name: 'Try again' }).click();
    await badge(page).waitFor();
    // Checks of the quota count, too.
    const over = page.locator('.notice.error h2', { hasText: 'The allowance of this client is used up' });
    for (let round = 0; round < 8 && !(await over.isVisible()); round += 1) {
      await search(page, EICAR);
      await badge(page).or(over).waitFor();
    }
    await over.waitFor();
    assert.deepEqual(await problems(), []);
    await context.close();
  } finally {
    await gateway.stop();
    rmSync(place, { recursive: true });
  }
});

test('quota exhausted', onUpstream({ VT4AI_RATE_LIMIT_PER_MINUTE: '2' }, async ({ page }) => {
  await search(page, '198.51.100.1');
  await badge(page).waitFor();
  await search(page, '198.51.100.2');
  await page.locator('.card h2', { hasText: '198.51.100.2' }).waitFor();
  await page.locator('#minute b', { hasText: '0 of 2 left' }).waitFor();
  await page.locator('#minute.spent').waitFor();
  await search(page, '198.51.100.3');
  await page.locator('.notice.error h2', { hasText: 'The quota is used up' }).waitFor();
  assert.match(await page.locator('.notice').textContent(), /It can be asked again in \d+ second/);
  await page.getByRole('button', { name: 'Wait for it' }).waitFor();
  await shoot(page, 'quota');
  await search(page, '198.51.100.1\n198.51.100.3\n198.51.100.4');
  await page.locator('.plan').waitFor();
  await page.locator('#start-job').click();
  await page.locator('.state', { hasText: 'since the quota is used up. 2 not looked up.' }).waitFor();
  await page.getByRole('button', { name: 'Go on' }).waitFor();
}));

test('gateway away', onUpstream({}, async ({ page, gateway }) => {
  await search(page, Array.from({ length: 60 }, (_, index) => `198.51.100.${index}`).join('\n'));
  await page.locator('#start-job').click();
  await page.locator('.body .row').nth(1).waitFor();
  await gateway.stop();
  await page.locator('.state', { hasText: /^Ended: \d+ of 60.*The (gateway does not answer|answer broke off)/ }).waitFor();
  await search(page, EICAR);
  await page.locator('.notice.error h2', { hasText: 'The gateway does not answer' }).waitFor();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('.notice.error h2', { hasText: 'The gateway does not answer' }).waitFor();
}, { upstream: { delay: 200 } }));

test('10,000 rows', onDemo(async ({ page }) => {
  const rows = Array.from({ length: 10_000 }, (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
  await page.locator('#text').evaluate((box, text) => { box.value = text; }, rows.join('\n'));
  await page.getByRole('button', { name: 'Look up', exact: true }).click();
  await page.locator('#start-job').click();
  await page.locator('.state', { hasText: 'Finished: 10,000 of 10,000' }).waitFor();
  const frames = await page.evaluate(async () => {
    const grid = document.querySelector('.grid');
    const times = [];
    let last = performance.now();
    for (let step = 0; step <= 180; step += 1) {
      grid.scrollTop = (grid.scrollHeight * step) / 180;
      const now = await new Promise(requestAnimationFrame);
      times.push(now - last);
      last = now;
    }
    return times.slice(2).sort((a, b) => a - b);
  });
  const at = (share) => frames[Math.floor((frames.length - 1) * share)].toFixed(1);
  console.log(`  frames while scrolling 10,000 rows: median ${at(0.5)} ms, 95 % ${at(0.95)} ms, longest ${at(1)} ms`);
  assert.ok(Number(at(0.5)) < 34 && Number(at(0.95)) < 100, 'scrolling is smooth');
  await page.locator('.body .row', { hasText: '10.0.39.15' }).waitFor();
  assert.ok((await page.locator('.body .row').count()) < 60, 'only rows in view are elements');
  assert.equal(await page.getByRole('grid').getAttribute('aria-rowcount'), '10001');
  // A row that was opened is in view again on the way back.
  await page.locator('.body .row', { hasText: '10.0.39.15' }).click();
  await page.locator('.card', { hasText: 'never sent to VirusTotal' }).waitFor();
  await page.getByRole('button', { name: '← Back' }).click();
  await page.locator('.row.active', { hasText: '10.0.39.15' }).waitFor();
}));

test('axe: no serious violation', async () => {
  for (const options of [{ colorScheme: 'light' }, { colorScheme: 'dark' }, { colorScheme: 'light', viewport: { width: 360, height: 740 } }]) {
    const { context, page } = await openPage(browser, demo.url, { ...options, bypassCSP: true });
    const state = JSON.stringify(options);
    await audit(page, `start ${state}`);
    for (const given of [EICAR, 'parcel-customs-fee.example', 'portal.example', '8.8.8.8', '0'.repeat(32), 'https://login.helpful-notes.test/reset?step=2']) {
      await search(page, given);
      await badge(page).waitFor();
      await audit(page, `${given} ${state}`);
    }
    await search(page, TROJAN);
    await page.locator('.card h2', { hasText: TROJAN }).waitFor();
    await tab(page, 'As a model reads it');
    await page.locator('.tokens').waitFor();
    await audit(page, `model ${state}`);
    await tab(page, 'Related objects');
    await page.getByRole('button', { name: /Contacted domains/ }).click();
    await page.locator('.objects li').first().waitFor();
    await audit(page, `related ${state}`);
    await search(page, MAIL);
    await page.locator('.plan').waitFor();
    await audit(page, `plan ${state}`);
    await page.locator('#start-job').click();
    await page.locator('.state', { hasText: 'Finished' }).waitFor();
    await audit(page, `table ${state}`);
    await search(page, 'someone@bank-secure.example');
    await page.locator('.notice.error').waitFor();
    await audit(page, `notice ${state}`);
    await page.locator('#key').click();
    await audit(page, `dialog ${state}`);
    await context.close();
  }
});

test('width of a phone, dark', onDemo(async ({ page }) => {
  const fits = async (state) => {
    const [inner, outer] = await page.evaluate(() => [document.scrollingElement.scrollWidth, window.innerWidth]);
    assert.ok(inner <= outer, `${state}: ${inner} > ${outer}`);
  };
  await fits('start');
  assert.ok(await page.locator('#key').evaluate(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth), 'the button shows its text');
  await search(page, TROJAN);
  await badge(page).waitFor();
  await fits('card');
  await shoot(page, 'phone');
  for (const name of ['As a model reads it', 'Related objects', 'Raw']) {
    await tab(page, name);
    await page.locator('.panel:not([hidden]) > *', { hasNotText: 'Loading' }).first().waitFor();
    await fits(name);
  }
  await search(page, MAIL);
  await page.locator('#start-job').click();
  await page.locator('.state', { hasText: 'Finished' }).waitFor();
  await fits('table');
}, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' }));

let failed = 0;
const only = process.env.ONLY;
try {
  for (const { name, run } of tests) {
    if (only && !name.includes(only)) continue;
    const started = Date.now();
    try {
      await run();
      console.log(`ok ${name} (${Date.now() - started} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${name}: ${error.stack.slice(0, 1500)}`);
    }
  }
} finally {
  await demo.stop();
  await browser.close();
}
console.log(failed ? `${failed} failed` : 'all passed');
process.exitCode = failed ? 1 : 0;
