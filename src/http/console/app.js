// The page: the search, the stack of answers, the quota and the key.

import { absent, card } from './card.js';
import { button, byId, count, el, foreign, number, say } from './dom.js';
import { failureOf, hasKey, isKey, lookup, quota, setKey } from './api.js';
import { Job, plan, planned } from './job.js';

const result = byId('result');
const stack = [];
let current = { node: byId('start') };
let running;
let latest = 0;

/** Shows a view; `keep` puts the one before on the stack that the button leads back to. */
function show(view, { keep = false, focus = false } = {}) {
  if (keep) stack.push(current);
  current = view;
  const back = stack.length ? button({ class: 'back', text: '← Back', on: { click: goBack } }) : '';
  result.replaceChildren(...[back, view.node].filter(Boolean));
  if (focus) view.heading?.focus({ preventScroll: true });
}

function goBack() {
  latest += 1;
  const view = stack.pop();
  show(view, { focus: true });
  view.list?.focus();
}

const busy = (text) => ({ node: el('p', { class: 'busy', text }) });

/** Creates the notice of a failed call, with what can be done about it. */
function notice(failure, again, wait) {
  const actions = el('div', { class: 'actions' });
  let title = 'That did not work';
  if (failure.status === 0) title = 'The gateway does not answer';
  else if (failure.status === 401) title = hasKey() ? 'The key was refused' : 'A key is needed';
  else if (failure.status === 403) title = 'This key may not do that';
  else if (failure.status === 429) title = 'The quota is used up';
  else if (failure.status === 400) title = 'That can’t be looked up';
  if (failure.status === 401) actions.append(button({ class: 'main', text: 'Enter a key', on: { click: openKey } }));
  if (failure.status !== 400) actions.append(button({ text: 'Try again', on: { click: again } }));
  if (failure.status === 429 && wait) actions.append(button({ text: 'Wait for it, up to 5 minutes', on: { click: wait } }));
  const parts = [el('p', {}, foreign(failure.message))];
  if (failure.status === 0) parts.push(el('p', { text: 'It may be stopped, or the network fails.' }));
  if (failure.retryAfter > 0) parts.push(el('p', { text: `It can be asked again in ${count(failure.retryAfter, 'second')}.` }));
  if (failure.request) parts.push(el('p', { class: 'dim', text: `Request ${failure.request}` }));
  const heading = el('h2', { tabindex: -1, text: title });
  say(`${title}. ${failure.message}`);
  return { node: el('div', { class: 'notice error' }, heading, ...parts, actions), heading };
}

/** Looks up one indicator and shows its card. */
async function look(given, { anew = false, replace = false, first = false, wait } = {}) {
  const turn = (latest += 1);
  if (first) stack.length = 0;
  show(busy('Looking up…'), { keep: !first && !replace });
  let view;
  try {
    view = card(await lookup(given, { view: 'brief', ...(wait ? { wait } : {}) }, { anew }), given, tools);
  } catch (error) {
    const failure = failureOf(error);
    const again = (more) => look(given, { anew, replace: true, ...more });
    if (failure.code === 'NotFoundError' || failure.code === 'PrivateIndicatorError') view = absent(failure, given, tools);
    else view = notice(failure, () => again({}), () => again({ wait: '5m' }));
  }
  // Another search may have begun meanwhile.
  if (turn === latest) show(view, { focus: !first });
  refreshQuota();
}

/** Counts the indicators of a text, and offers to look them up. */
async function lookMany(text) {
  const turn = (latest += 1);
  stack.length = 0;
  show(busy('Counting…'));
  let view;
  try {
    const { body } = await plan(text);
    view = planned(body.summary ?? {}, (options) => start(text, body.summary.rows, options));
  } catch (error) {
    view = notice(failureOf(error), () => lookMany(text));
  }
  if (turn === latest) show(view);
}

function start(text, total, options) {
  running = new Job(text, total, tools);
  show({ node: running.node, heading: running.heading, list: running.list }, { focus: true });
  running.run(options);
}

const tools = { look, again: (given) => look(given, { anew: true, replace: true }), spent: refreshQuota };

/** Whether a text is one indicator: it has no blanks, and no commas outside a URL. */
function isOne(text) {
  return !/\s/.test(text) && (!/[,;]/.test(text) || /[:\]/]\/\//.test(text));
}

function search(event) {
  event?.preventDefault();
  const text = byId('text').value.trim();
  if (!text) return;
  // Its rows would be lost with its table.
  running?.stop();
  if (isOne(text)) look(text, { first: true });
  else lookMany(text);
}

function bar(id, { allowed, used, remaining } = {}) {
  const box = byId(id);
  const limited = typeof allowed === 'number' && typeof remaining === 'number';
  box.querySelector('b').textContent = limited ? `${number(remaining)} of ${number(allowed)} left` : typeof used === 'number' ? `${number(used)} used` : '–';
  const fill = box.querySelector('.track div');
  if (!fill) return;
  const share = limited && allowed > 0 ? Math.max(0, Math.min(1, 1 - remaining / allowed)) : 0;
  fill.style.width = `${100 * share}%`;
  fill.className = share >= 1 ? 'spent' : share > 0.8 ? 'low' : '';
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

byId('search').addEventListener('submit', search);
byId('text').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.isComposing || event.shiftKey) return;
  const text = event.target.value;
  if (!event.ctrlKey && !event.metaKey && text.trimEnd().includes('\n')) return;
  search(event);
});
byId('start').addEventListener('click', ({ target }) => {
  const chosen = target.closest('button[data-indicator]');
  if (!chosen) return;
  byId('text').value = chosen.dataset.indicator;
  search();
});
byId('key').addEventListener('click', openKey);
byId('key-form').addEventListener('submit', useKey);
dialog.addEventListener('close', () => {
  checking.abort();
  byId('key-input').value = '';
});
byId('key-cancel').addEventListener('click', () => dialog.close());
byId('key-forget').addEventListener('click', () => {
  setKey('', false);
  dialog.close();
  refreshQuota();
});
if (hasKey()) byId('key-state').textContent = 'Your key';
refreshQuota();
