// Many indicators: what they would cost, a table that fills as rows finish, stop, CSV.

import { badge, levelName, typeName } from './card.js';
import { button, count, el, foreign, framed, number, say, visible } from './dom.js';
import { ask, failureOf, job } from './api.js';
import { VirtualList } from './list.js';

const COLUMNS = [['n', '#'], ['what', 'Indicator'], ['type', 'Type'], ['level', 'Verdict'], ['why', 'Reason'], ['old', 'Analysed'], ['from', 'Cost']];
const SOURCES = { cache: '0, kept', stale: '0, kept past its time', local: '0, not asked', upstream: '0, shared' };
const ENDS = {
  quota: 'the quota is used up', max_units: 'the limit of lookups is reached',
  allowance: 'the allowance of this client is used up', stopping: 'the gateway is being stopped',
};
const ORDER = ['malicious', 'suspicious', 'unknown', 'no_detections', 'likely_benign'];

/** Counts what a text holds, at no cost. */
export const plan = (text, signal) => ask('/api/v1/lookup', { body: { text, dry_run: true }, signal });

const kinds = (types) => Object.entries(types ?? {}).map(([type, n]) => `${number(n)} ${typeName(type, n !== 1)}`).join(', ');

/** Creates the page that says what a job would cost, with the button that starts it. */
export function planned(summary, start) {
  const { rows = 0, unique = 0, units = 0, kept = 0, local = 0, seconds = 0 } = summary;
  const title = rows === 0 ? 'No indicator in this text' : `${count(rows, 'indicator')}, ${number(unique)} different`;
  const heading = el('h2', { tabindex: -1, text: title });
  if (rows === 0) {
    say(title);
    return { heading, node: el('div', { class: 'plan' }, heading, el('p', { text: 'Hashes, URLs, domains and IP addresses are found, defanged or not; names of files, versions and dates are not.' })) };
  }
  const most = el('input', { type: 'number', id: 'most', min: 0, max: 1000000, inputmode: 'numeric', placeholder: number(units) });
  const wait = el('select', { id: 'wait' }, ...[['', 'End there'], ['5m', 'Wait up to 5 minutes'], ['1h', 'Wait up to 1 hour'], ['24h', 'Wait up to a day']].map(([value, text]) => el('option', { value, text })));
  // A call may be repeated, and what is kept may expire: only a limit holds.
  const limit = () => (most.value ? Number(most.value) : units);
  const go = button({ class: 'main', id: 'start-job', on: { click: () => most.reportValidity() && start({ max_units: limit(), wait: wait.value || undefined }) } });
  const name = () => (go.textContent = `Look up ${number(unique)} · at most ${count(limit(), 'lookup')}`);
  most.addEventListener('input', name);
  name();
  const long = seconds > 90 ? ` With the quota left that takes about ${count(Math.ceil(seconds / 60), 'minute')}.` : '';
  say(`${title}. Cost: ${count(units, 'lookup')}`);
  const node = el('div', { class: 'plan' }, heading,
    el('p', { text: `${kinds(summary.by_type)}.` }),
    el('p', { text: `${number(kept)} kept, ${number(local)} not to be asked. The others cost ` }, el('b', { text: count(units, 'lookup') }), `.${long}`),
    el('div', { class: 'fields' },
      el('p', {}, el('label', { for: 'most', text: 'Lookups at most' }), most),
      el('p', {}, el('label', { for: 'wait', text: 'When the quota is used up' }), wait)),
    el('div', { class: 'actions' }, go));
  return { node, heading };
}

function fill(cells, row) {
  const [n, what, type, level, why, old, from] = cells;
  n.textContent = row.row;
  // The id of a URL is not readable.
  what.replaceChildren(foreign((row.type === 'url' ? row.given : row.id) ?? row.given ?? ''));
  what.title = visible(row.given ?? '');
  type.textContent = row.type ? typeName(row.type) : '';
  level.replaceChildren(row.error ? el('span', { class: 'badge failed', text: 'Failed' }) : badge(row.verdict?.level));
  why.replaceChildren(foreign(row.error ? row.error.detail ?? row.error.code : row.verdict?.reason ?? ''));
  const days = row.analysed?.age_days;
  old.textContent = days === undefined ? '' : days === 0 ? 'today' : `${count(days, 'day')} ago`;
  from.textContent = row.cost ? count(row.cost, 'lookup') : (!row.error && SOURCES[row.source]) || '0';
}

const CSV = ['row', 'given', 'type', 'id', 'level', 'reason', 'stale', 'malicious', 'suspicious', 'engines', 'label', 'analysed', 'source', 'cost', 'error'];

/** Returns rows as CSV, in which no text begins like a formula. */
export function csv(rows) {
  const field = (value) => {
    let text = String(value ?? '');
    if (typeof value === 'string' && /^[\s\p{C}]*[=+\-@\t\r＝＋－＠]/u.test(text)) text = `'${text}`;
    return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) => {
    const all = { ...row, ...row.verdict, ...row.detections, analysed: row.analysed?.date, error: row.error?.code };
    return CSV.map((name) => field(all[name])).join(',');
  });
  return `${[CSV, ...lines].join('\r\n')}\r\n`;
}

function save(rows) {
  const address = URL.createObjectURL(new Blob([csv(rows)], { type: 'text/csv' }));
  el('a', { href: address, download: 'vt4ai.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** A job and its table. One runs at a time. */
export class Job {
  static #running;
  // By number, as they came.
  #rows = new Map();
  // The lookups spent, by this run and those that it goes on from.
  #units = 0;
  #isWhole = true;
  #stop;

  constructor(text, total, { look, spent }) {
    this.text = text;
    this.total = total;
    this.spent = spent;
    this.list = new VirtualList({ label: 'Indicators', columns: COLUMNS, fill, open: (row) => row.id && look(row.type === 'url' ? row.given : row.id) });
    this.bar = el('progress', { max: total, value: 0, 'aria-label': 'Indicators looked up' });
    this.state = el('p', { class: 'state' });
    this.counts = el('p', { class: 'counts' });
    this.stopper = button({ id: 'stop-job', text: 'Stop', on: { click: () => this.stop() } });
    this.again = button({ text: 'Go on', on: { click: () => this.run(this.options) } });
    this.sort = el('select', { 'aria-label': 'Order', on: { change: () => this.#show() } },
      ...[['done', 'As they finish'], ['row', 'As given'], ['level', 'By verdict']].map(([value, name]) => el('option', { value, text: name })));
    this.heading = el('h2', { tabindex: -1, text: count(total, 'indicator') });
    this.node = el('div', { class: 'job' }, this.heading, this.bar, this.state, this.counts,
      // The button whose text changes comes last, to move no other.
      el('div', { class: 'actions' }, this.sort,
        button({ id: 'save-csv', text: 'Save as CSV', on: { click: () => save(this.#sorted('row')) } }), this.stopper, this.again),
      this.list.node);
  }

  stop() {
    this.#stop?.abort();
    this.#disable(this.stopper);
  }

  #disable(pressed) {
    // A disabled button would lose the focus.
    if (document.activeElement === pressed) this.heading.focus({ preventScroll: true });
    pressed.disabled = true;
  }

  static stopAll() {
    Job.#running?.stop();
  }

  /** The limit of the next run: what is left of it, or all of it again. */
  get #limit() {
    const most = this.options.max_units;
    return this.#isWhole || this.#units >= most ? most : most - this.#units;
  }

  /** Sends the whole text. After a run that ended early, the rows that were answered stay. */
  async run(options) {
    if (Job.#running !== this) Job.stopAll();
    Job.#running = this;
    this.options = options;
    const max_units = this.#limit;
    if (this.#isWhole) {
      this.#rows.clear();
      this.#units = 0;
    }
    const before = this.#units;
    this.#stop = new AbortController();
    this.#disable(this.again);
    this.stopper.disabled = false;
    this.#show();
    let summary;
    let failure;
    try {
      for await (const line of job({ text: this.text, ...options, max_units }, this.#stop.signal)) {
        if (line.row) this.#add(line);
        summary = line.summary;
        // The sum has what unfinished rows have cost, too.
        const { units } = summary ?? line.progress ?? {};
        if (units !== undefined) this.#units = before + units;
      }
    } catch (error) {
      failure = error;
    }
    // What came may be unreadable while more comes.
    this.#stop.abort();
    this.#stop = undefined;
    this.spent();
    this.#end(summary, failure);
  }

  #add(row) {
    this.#units += row.cost ?? 0;
    const known = this.#rows.get(row.row);
    if (!known || known.error) this.#rows.set(row.row, row);
    this.#later();
  }

  // Rows may come faster than frames.
  #later = framed(() => this.#show());

  #sorted(order) {
    if (order === 'done') return [...this.#rows.values()];
    const rank = (row) => (row.error ? ORDER.length : (ORDER.indexOf(row.verdict?.level) + 1 || 3) - 1);
    return [...this.#rows.values()].sort((a, b) => (order === 'level' ? rank(a) - rank(b) : 0) || a.row - b.row);
  }

  #show() {
    this.bar.value = this.#rows.size;
    if (this.#stop) this.state.textContent = this.#done('');
    const levels = {};
    for (const { error, verdict } of this.#rows.values()) {
      const level = error ? 'failed' : levelName(verdict?.level).toLowerCase();
      levels[level] = (levels[level] ?? 0) + 1;
    }
    this.counts.textContent = Object.entries(levels).map(([level, n]) => `${number(n)} ${level}`).join(' · ');
    this.list.show(this.#sorted(this.sort.value));
  }

  #done(least) {
    return `${number(this.#rows.size)} of ${number(this.total)}, ${least}${count(this.#units, 'lookup')} spent`;
  }

  #end(summary, failure) {
    // Without a summary, what was under way is not counted.
    const done = this.#done(summary ? '' : 'at least ');
    let text = `Finished: ${done}`;
    const whole = summary?.complete === true;
    this.#isWhole = whole && !summary.failed;
    if (failure?.name === 'AbortError') text = `Stopped: ${done}. Nothing more is begun.`;
    else if (failure) text = `Ended: ${done}. ${visible(failureOf(failure).message)}`;
    else if (!summary) text = `Ended: ${done}. The answer broke off.`;
    else if (!whole) text = `Ended: ${done}, since ${ENDS[summary.ended] ?? 'something failed'}. ${number(summary.remaining?.length ?? 0)} not looked up.`;
    this.#show();
    this.state.textContent = text;
    this.#disable(this.stopper);
    this.again.disabled = false;
    this.again.textContent = `${this.#isWhole ? 'Run again' : 'Go on'} · at most ${count(this.#limit, 'lookup')}`;
    say(text);
  }
}
