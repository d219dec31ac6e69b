// The card of one answer: verdict, engines, facts, what a model reads, related objects, the raw report.

import { ago, button, count, dated, el, foreign, number, say, stranger, tabs, visible } from './dom.js';
import { ask, failureOf, lookup } from './api.js';

// The legend of the page has the words of each level.
const LEVELS = Object.fromEntries([...document.querySelectorAll('.legend div')].map(({ children: [name, means] }) => [name.firstChild.classList[1], [name.textContent, means.textContent]]));
const TYPES = { file: 'file', url: 'URL', domain: 'domain', ip: 'IP address' };

export const typeName = (type, many) => {
  const name = TYPES[type] ?? visible(type ?? '');
  return many ? `${name}${name.endsWith('s') ? 'es' : 's'}` : name;
};
export const levelName = (level) => LEVELS[level]?.[0] ?? 'Unknown';

/** Returns the badge of a level; its word says what its colour says. */
export function badge(level) {
  return el('span', { class: `badge ${level in LEVELS ? level : 'unknown'}`, text: levelName(level) });
}

/** Says what an answer cost, as far as the page can know, and how old it is. */
export function costOf({ cache, reason, age, cost }) {
  const asked = Number.isNaN(age) ? '' : `, VirusTotal was asked ${ago(age)}`;
  const why = { quota: ' since the quota is used up', upstream: ' since VirusTotal fails' }[reason] ?? '';
  if (cache === 'MISS') return `Cost about ${count(cost, 'lookup')}${asked}`;
  if (cache === 'HIT') return `Cost nothing: kept${asked}`;
  if (cache === 'STALE') return `Cost nothing: kept past its time${why}${asked}`;
  return 'Cost nothing';
}

/** Creates a bar of what the engines say, and the text of it. */
function engines(detections) {
  const { malicious = 0, suspicious = 0, engines: all = 0, top } = detections;
  const rest = Math.max(0, all - malicious - suspicious);
  const parts = [['malicious', malicious], ['suspicious', suspicious], ['rest', rest]];
  const bar = el('div', { class: 'bar', 'aria-hidden': 'true' });
  for (const [name, share] of parts) {
    const part = el('div', { class: name });
    part.style.flexGrow = share;
    if (share > 0) bar.append(part);
  }
  const box = el('div', { class: 'engines' }, bar,
    el('p', {}, el('b', { text: `${number(malicious)} malicious` }), `, ${number(suspicious)} suspicious, ${number(rest)} without objection, of ${count(all, 'engine')}`));
  const named = Object.entries(top ?? {});
  if (named.length) {
    const list = el('ul', { class: 'chips', 'aria-label': 'What engines call it' });
    for (const [engine, label] of named) list.append(el('li', {}, foreign(engine), ': ', foreign(label)));
    box.append(list);
  }
  return box;
}

const join = (nodes, between = ', ') => el('span', {}, ...nodes.flatMap((node, index) => (index ? [between, node] : [node])));

const each = (form, ...keys) => Object.fromEntries(keys.map((key) => [key, form]));

/** The forms of facts; the others are shown as they come. */
const FACTS = {
  __proto__: null,
  ...each(dated, 'created', 'first_seen', 'last_seen', 'date'),
  ...each(stranger, 'registrar', 'certificate_subject', 'certificate_issuer', 'final_url', 'host'),
  analysed: ({ date, age_days }) => dated(date, age_days),
  size: (size) => count(size, 'byte'),
  votes: ({ harmless = 0, malicious = 0 }) => `${number(harmless)} harmless, ${number(malicious)} malicious`,
  popularity: ({ rank, list }) => join([`rank ${number(rank)} in `, foreign(list)], ''),
  as: ({ number: id, owner }) => join([id && `AS${id} `, owner && stranger(owner)].filter(Boolean), ''),
  signature: ({ status, signer }) => join([status && foreign(status), signer && stranger(signer)].filter(Boolean), ', signer '),
  sandboxes: (all) => join(all.map(({ name, category, families }) => join([foreign(`${name}: ${category}`), families ? foreign(` (${families.join(', ')})`) : ''], ''))),
  rules: (all) => join(Object.entries(all).map(([kind, { number: n, names }]) => join([`${number(n)} ${kind}`, names?.length ? foreign(` (${names.join(', ')})`) : ''], ''))),
  name_servers: (all) => join([all].flat().map(stranger)),
  http_status: String,
};
const NAMES = {
  __proto__: null, as: 'Network operator', certificate_subject: 'Certificate for', certificate_issuer: 'Certificate from', final_url: 'Leads to', http_status: 'HTTP status',
};
const NO_FACT = new Set(['indicator', 'verdict', 'detections', 'link', 'untrusted']);
const words = (key) => visible(key).replaceAll('_', ' ').replace(/^./, (c) => c.toUpperCase());

function plain(value, make = foreign) {
  if (value === null || typeof value !== 'object') return make(typeof value === 'number' ? number(value) : value);
  if (Array.isArray(value)) return join(value.map((it) => plain(it, make)));
  return join(Object.entries(value).map(([key, it]) => join([`${words(key)} `, plain(it, make)], '')));
}

function fact(key, value) {
  let shown;
  try {
    shown = (FACTS[key] ?? plain)(value);
  } catch {
    // A shape that this page does not know.
    shown = plain(value);
  }
  return el('div', {}, el('dt', { text: NAMES[key] ?? words(key) }), el('dd', {}, shown));
}

function facts(data, meta) {
  const list = el('dl', { class: 'facts' });
  for (const [key, value] of Object.entries(data)) if (!NO_FACT.has(key)) list.append(fact(key, value));
  const box = el('div', {}, list);
  const link = data.link;
  if (typeof link === 'string' && link.startsWith('https://www.virustotal.com/')) {
    box.append(el('p', {}, el('a', { href: link, target: '_blank', rel: 'noopener noreferrer', text: 'The report on virustotal.com' })));
  }
  if (data.untrusted && typeof data.untrusted === 'object') box.append(strangers(data.untrusted, meta));
  return box;
}

/** Creates the part with the texts that strangers wrote. */
function strangers(untrusted, meta) {
  const list = el('dl', { class: 'facts' });
  for (const [key, value] of Object.entries(untrusted)) {
    list.append(el('div', {}, el('dt', { text: words(key) }), el('dd', {}, typeof value === 'number' ? number(value) : plain(value, stranger))));
  }
  const withheld = meta?.untrusted?.withheld;
  return el('section', { class: 'strangers', 'aria-label': 'Text from strangers' },
    el('h3', { text: 'Written by strangers, who may be attackers' }), list,
    withheld && el('p', { text: `${count(withheld, 'text')} withheld for reading like an instruction to a language model, a reason for suspicion.` }));
}

/** Fills a panel with what a call brings, or with an offer to try again. */
async function load(panel, run, spent) {
  panel.replaceChildren(el('p', { class: 'dim', text: 'Loading…' }));
  try {
    panel.replaceChildren(...(await run()));
  } catch (error) {
    panel.replaceChildren(el('div', { class: 'notice error', role: 'alert' }, el('p', {}, foreign(failureOf(error).message)),
      button({ text: 'Try again', on: { click: () => load(panel, run, spent) } })));
  }
  spent();
}

/** Returns the parts of what a model reads: the brief as Markdown, and its tokens beside the full view's. */
async function asModel(given) {
  const brief = await lookup(given, { view: 'brief', format: 'markdown' });
  const full = await lookup(given, { view: 'full', format: 'markdown', max_tokens: 100000 });
  const asked = full.origin.cost ? full : brief;
  const [few, many] = [brief, full].map((answer) => answer.body.meta?.tokens ?? 0);
  const share = el('div', { class: 'few' });
  share.style.width = `${Math.max(1, Math.min(100, (100 * few) / Math.max(1, many)))}%`;
  return [
    el('p', { class: 'tokens' }, el('b', { text: count(few, 'token') }), ` as a brief, ${full.body.meta?.complete === false ? 'more than ' : ''}${number(many)} as the full report`),
    el('div', { class: 'bar', 'aria-hidden': 'true' }, share),
    el('pre', { class: 'text', tabindex: 0, 'aria-label': 'Brief in Markdown', text: visible(brief.body.data) }),
    el('p', { class: 'dim', text: costOf({ ...asked.origin, cost: brief.origin.cost + full.origin.cost }) }),
  ];
}

const RAW_SHOWN = 200_000;

async function raw(given) {
  const { body, origin } = await lookup(given, { format: 'raw' }, { exact: true });
  const text = visible(JSON.stringify(body.data, null, 2));
  const shown = el('pre', { class: 'text', tabindex: 0, 'aria-label': 'Raw report', text: text.slice(0, RAW_SHOWN) });
  const parts = [el('p', { class: 'notice', text: 'As VirusTotal sent it, with what strangers wrote.' }), shown];
  if (text.length > RAW_SHOWN) {
    const more = button({ text: `Show all ${number(text.length)} characters`, on: { click() { shown.textContent = text; more.remove(); } } });
    parts.push(more);
  }
  return [...parts, el('p', { class: 'dim', text: costOf(origin) })];
}

/** Returns the parts of the tab of related objects: each relationship says what it costs before it is asked for. */
async function related(collection, id, tools) {
  const { body } = await ask(`/api/v1/${collection}/relationships/types`);
  const list = el('ul', { class: 'related' });
  const types = [...body.relationships].sort((a, b) => (b.tier === 'everyone') - (a.tier === 'everyone'));
  for (const { value, description, tier } of types) {
    const panel = el('div');
    const path = `/api/v1/${collection}/${encodeURIComponent(id)}/relationships/${encodeURIComponent(value)}`;
    const show = button({ on: { click: () => more(panel, path, undefined, tools) } },
      words(value), el('span', { class: 'dim', text: ' · at most 1 lookup' }));
    list.append(el('li', {}, show, el('span', { class: 'dim', text: ` ${visible(description)}` }),
      tier !== 'everyone' && el('span', { class: 'tier', text: visible(tier) }), panel));
  }
  return [el('p', { class: 'dim', text: 'Ten objects each. What is kept costs nothing.' }), list];
}

function more(panel, path, cursor, tools) {
  const place = el('div');
  panel.append(place);
  if (!cursor) panel.replaceChildren(place);
  load(place, async () => {
    const { body, origin } = await ask(path, { query: { view: 'brief', limit: 10, cursor } });
    const items = [body.data ?? []].flat();
    const list = el('ul', { class: 'objects' });
    for (const item of items) list.append(object(item, tools.look));
    const parts = [items.length ? list : el('p', { class: 'dim', text: 'None.' }), el('p', { class: 'dim', text: costOf(origin) })];
    const next = body.meta?.cursor;
    if (next) {
      const next10 = button({ text: '10 more · at most 1 lookup', on: { click() { next10.remove(); more(panel, path, next, tools); } } });
      parts.push(next10);
    }
    say(`${count(items.length, 'object')} shown`);
    return parts;
  }, tools.spent);
}

function object(item, look) {
  const value = item?.indicator?.value;
  if (typeof value !== 'string') return el('li', {}, plain(item, stranger));
  return el('li', {}, badge(item.verdict?.level),
    button({ class: 'link', title: 'At most 1 lookup', on: { click: () => look(value) } }, foreign(value)),
    el('span', { class: 'dim' }, foreign(item.verdict?.reason ?? '')));
}

const verdictLine = (level, reason) => el('div', { class: 'verdict' }, badge(level), el('p', { class: 'reason' }, foreign(reason)));
const costLine = (origin, again) => el('p', { class: 'cost' }, el('span', { text: costOf(origin) }),
  again && button({ text: 'Ask VirusTotal again · 1 lookup', on: { click: again } }));

/** Creates the card of a report. */
export function card({ body, origin }, given, tools) {
  const { data, meta } = body;
  const { level, reason = '', stale } = data.verdict ?? {};
  const type = data.indicator?.type;
  const value = data.indicator?.value ?? given;
  const id = type === 'url' ? meta?.indicator?.id : value;
  const heading = el('h2', { tabindex: -1, class: 'object' }, el('span', { class: 'kind', text: typeName(type) }), ' ', type === 'url' ? stranger(value) : foreign(value));
  const article = el('article', { class: `card ${level in LEVELS ? level : 'unknown'}` },
    verdictLine(level, reason), heading, el('p', { text: LEVELS[level]?.[1] ?? LEVELS.unknown[1] }),
    stale && el('p', { class: 'notice', text: `The last analysis is old${data.analysed ? `, ${count(data.analysed.age_days, 'day')}` : ''}. Have it analysed again before you rely on it.` }),
    data.detections && engines(data.detections),
    costLine(origin, () => tools.again(given)));
  article.append(tabs('Parts of the answer', [
    ['Facts', (panel) => panel.append(facts(data, meta))],
    ['As a model reads it', (panel) => load(panel, () => asModel(given), tools.spent)],
    ...(type && id ? [['Related objects', (panel) => load(panel, () => related(`${type}s`, id, tools), tools.spent)]] : []),
    ['Raw', (panel) => load(panel, () => raw(given), tools.spent)],
  ]));
  say(`${levelName(level)}: ${reason}. ${costOf(origin)}`);
  return { node: article, heading };
}

/** Creates the card of an object for which there is no report. */
export function absent(failure, given, tools) {
  const local = failure.code === 'PrivateIndicatorError';
  const heading = el('h2', { tabindex: -1, class: 'object' }, foreign(given));
  say(`Unknown. ${failure.message}`);
  const node = el('article', { class: 'card unknown' },
    verdictLine('unknown', local ? 'never sent to VirusTotal' : 'VirusTotal does not know it'), heading, el('p', {}, foreign(failure.message)),
    el('p', { text: local ? 'Private addresses and names mean something in a network only.' : 'That is no sign that it is harmless: it may be new.' }),
    costLine(failure.origin, !local && (() => tools.again(given))));
  return { node, heading };
}
