// The page: the search, the views and the way back through them, the quota and the key.

import { absent, card } from './card.js';
import { button, byId, count, el, foreign, number, say } from './dom.js';
import { failureOf, hasKey, isKey, lookup, quota, setKey } from './api.js';
import { Job, plan, planned } from './job.js';

const QUOTA = 'The quota is used up';
// The view, and those that Back leads to. A call under way does not change it.
let page = { view: { node: byId('start') }, below: [] };
let asking = new AbortController();

function put(node, below) {
  const back = below.length ? [button({ class: 'back', text: '← Back', on: { click: () => goBack(below) } })] : [];
  byId('result').replaceChildren(...back, node);
}

function show(view, below, focus) {
  page = { view, below };
  put(view.node, below);
  if (focus) view.heading?.focus({ preventScroll: true });
}

function goBack(below) {
  asking.abort();
  const view = below.at(-1);
  show(view, below.slice(0, -1), true);
  view.list?.focus();
}

/** Shows that a call is under way, which ends the one before, and returns its signal. */
function begin(text, below) {
  asking.abort();
  asking = new AbortController();
  const stop = () => {
    asking.abort();
    show(page.view, page.below, true);
  };
  put(el('div', { class: 'actions' }, button({ text: 'Stop', on: { click: stop } }), el('p', { class: 'busy', text })), below);
  return asking.signal;
}

/** Returns the views of jobs, which a search keeps. */
const jobs = () => [...page.below, page.view].filter((view) => view instanceof Job);

function titleOf({ status, code, message }) {
  if (code === 'QuotaExceededError') {
    if (message.includes('own allowance')) return 'The allowance of this client is used up';
    return message.includes('waiting places') ? 'Too many wait for quota' : QUOTA;
  }
  return {
    0: 'The gateway does not answer', 400: 'That can’t be looked up', 401: hasKey() ? 'The key was refused' : 'A key is needed',
    403: 'This key may not do that', 429: 'Too many requests',
  }[status] ?? 'That did not work';
}

/** Creates the notice of a failed call, with what can be done about it. */
function notice(failure, again) {
  const { status, code, message, retryAfter, request } = failure;
  const title = titleOf(failure);
  const heading = el('h2', { tabindex: -1, text: title });
  say(`${title}. ${message}`);
  const node = el('div', { class: 'notice error' }, heading, el('p', {}, foreign(message)),
    retryAfter > 0 && el('p', { text: `It can be asked again in ${count(retryAfter, 'second')}.` }),
    request && el('p', { class: 'dim', text: `Request ${request}` }),
    el('div', { class: 'actions' },
      (status === 401 || status === 403 || code === 'QuotaExceededError') && button({ class: status === 401 && 'main', text: 'Enter a key', on: { click: openKey } }),
      status !== 400 && button({ text: 'Try again', on: { click: () => again() } }),
      title === QUOTA && button({ text: 'Wait for it, up to 5 minutes', on: { click: () => again('5m') } })));
  return { node, heading };
}

/** Returns the view of a lookup that failed, with the card that it should have renewed. */
function failed(failure, given, before) {
  if (failure.code === 'NotFoundError' || failure.code === 'PrivateIndicatorError') return absent(failure, given, tools);
  const view = notice(failure, (wait) => look(given, { anew: Boolean(before), replace: true, wait }));
  if (!before) return view;
  const kept = before.kept ?? before.node;
  return { ...view, kept, node: el('div', {}, view.node, kept) };
}

/** Looks up one indicator and shows its card. */
async function look(given, { anew, replace, first, wait } = {}) {
  const before = page.view;
  const below = first ? jobs() : replace ? page.below : [...page.below, before];
  const signal = begin(wait ? 'Waiting for quota…' : 'Looking up…', below);
  let view;
  try {
    view = card(await lookup(given, { view: 'brief', wait }, { anew, signal }), given, tools);
  } catch (error) {
    if (!signal.aborted) view = failed(failureOf(error), given, anew && before);
  }
  if (!signal.aborted) show(view, below, !first);
  refreshQuota();
}

/** Counts the indicators of a text, and offers to look them up. */
async function lookMany(text) {
  const below = jobs();
  const signal = begin('Counting…', below);
  let view;
  try {
    const { body } = await plan(text, signal);
    view = planned(body.summary ?? {}, (options) => start(text, body.summary.rows, options));
  } catch (error) {
    if (!signal.aborted) view = notice(failureOf(error), () => lookMany(text));
  }
  if (!signal.aborted) show(view, below);
}

function start(text, total, options) {
  const job = new Job(text, total, tools);
  show(job, page.below, true);
  job.run(options);
}

const tools = { look, again: (given) => look(given, { anew: true, replace: true }), spent: refreshQuota };

/** Whether a text is one indicator: it has no blanks, and no commas outside a URL. */
const isOne = (text) => !/\s/.test(text) && (!/[,;]/.test(text) || /[:\]/]\/\//.test(text));

// The gateway would take URLs that only a comma separates as one.
const JOINED = /[,;|]+(?=h[tx]{2}ps?[[({]?:)/gi;

function search(event) {
  event?.preventDefault();
  const text = byId('text').value.replace(JOINED, '\n').trim();
  if (!text) return;
  if (isOne(text)) look(text, { first: true });
  else lookMany(text);
}

function bar(id, { allowed, used, remaining } = {}) {
  const box = byId(id);
  const limited = typeof allowed === 'number' && typeof remaining === 'number';
  box.querySelector('b').textContent = limited ? `${number(remaining)} of ${number(allowed)} left` : typeof used === 'number' ? `${number(used)} used` : '–';
  const share = limited && allowed > 0 ? Math.max(0, Math.min(1, 1 - remaining / allowed)) : 0;
  box.style.setProperty('--used', `${100 * share}%`);
  box.className = `meter ${share >= 1 ? 'spent' : share > 0.8 ? 'low' : ''}`;
}

let quotaTurn = 0;
async function refreshQuota() {
  const turn = (quotaTurn += 1);
  const data = await quota().then(({ body }) => body?.data, () => undefined);
  if (turn !== quotaTurn) return;
  for (const window of ['minute', 'day', 'month']) bar(window, data?.[window]);
  byId('saved').querySelector('b').textContent = typeof data?.saved_today === 'number' ? number(data.saved_today) : '–';
  if (!hasKey()) byId('key-state').textContent = data ? 'Server’s key' : 'Enter a key';
}

const dialog = byId('key-dialog');
let checking = new AbortController();

function openKey() {
  byId('key-error').textContent = '';
  byId('key-forget').hidden = !hasKey();
  dialog.showModal();
}

async function useKey(event) {
  event.preventDefault();
  const text = byId('key-input').value.trim();
  const error = byId('key-error');
  checking.abort();
  checking = new AbortController();
  const { signal } = checking;
  error.textContent = isKey(text) ? '' : 'A key has 1 to 512 visible ASCII characters.';
  if (error.textContent) return;
  try {
    await quota({ as: text, signal });
  } catch (failure) {
    if (signal.aborted) return;
    error.textContent = failureOf(failure).message;
    // Where the gateway fails, the key may be right.
    if (failure.status !== 429 && !(failure.status >= 500)) return;
  }
  if (signal.aborted || !dialog.open) return;
  setKey(text, byId('key-keep').checked);
  byId('key-state').textContent = 'Your key';
  dialog.close();
  refreshQuota();
}

const on = (id, event, run) => byId(id).addEventListener(event, run);
on('search', 'submit', search);
on('text', 'keydown', (event) => {
  if (event.key !== 'Enter' || event.isComposing || event.shiftKey) return;
  const text = event.target.value;
  if (!event.ctrlKey && !event.metaKey && text.trimEnd().includes('\n')) return;
  if (event.repeat) event.preventDefault();
  else search(event);
});
on('start', 'click', ({ target }) => {
  const chosen = target.closest('button[data-indicator]');
  if (!chosen) return;
  byId('text').value = chosen.dataset.indicator;
  search();
});
on('key', 'click', openKey);
on('key-form', 'submit', useKey);
on('key-dialog', 'close', () => {
  checking.abort();
  byId('key-input').value = '';
});
on('key-cancel', 'click', () => dialog.close());
on('key-forget', 'click', () => {
  // What is under way would go on with it.
  asking.abort();
  Job.stopAll();
  setKey('', false);
  dialog.close();
  refreshQuota();
});
// A double click is one click, and Enter held down one press: the next would hit what is there by then.
for (const kind of ['click', 'keydown']) {
  document.addEventListener(kind, (event) => {
    const isAgain = event.detail > 1 || (event.repeat && event.key === 'Enter');
    if (!isAgain || !event.target.closest('button')) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
}
if (hasKey()) byId('key-state').textContent = 'Your key';
refreshQuota();
