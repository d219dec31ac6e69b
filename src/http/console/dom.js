// Elements and texts. All text becomes a text node: no function of the console parses HTML.

/** Creates an element; `text` and `on` are set as such, all else as attributes. False children are left out. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (name === 'text') node.textContent = value;
    else if (name === 'on') for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter(Boolean));
  return node;
}

/** Creates a button that submits nothing. */
export const button = (props, ...children) => el('button', { type: 'button', ...props }, ...children);

export const byId = (id) => document.getElementById(id);

// Controls, invisible characters and those that turn the direction of text could show another name
// than the one that is there.
const UNSEEN = /(?![\t\n])[\p{DI}\p{Cc}\p{Cs}\u2028-\u202e\u2800\ufff9-\ufffb]/gu;

/** Returns a text in which what can't be seen is written out. */
export function visible(text) {
  return String(text).replace(UNSEEN, (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`);
}

/** Returns an element for text that others wrote. */
export function foreign(text) {
  return el('bdi', { class: 'foreign', text: visible(text) });
}

/** Returns an element for text that attackers can write, marked for eyes and screen readers. */
export function stranger(text) {
  return el('span', { class: 'stranger', title: 'Written by strangers, who may be attackers' },
    el('span', { class: 'hidden', text: 'text from strangers: ' }), foreign(text));
}

/** Returns a function that has this one run in the next frame, once however often it is called. */
export function framed(run) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      run();
    });
  };
}

const UNITS = [['year', 365.2425 * 86400], ['month', 30.436875 * 86400], ['day', 86400], ['hour', 3600], ['minute', 60]];
const AGES = new Intl.RelativeTimeFormat('en', { numeric: 'always' });

/** Returns a number of seconds as an age, such as "2 days ago". */
export function ago(seconds) {
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return AGES.format(-Math.trunc(seconds / length), unit);
  }
  return 'just now';
}

/** Returns a date (`YYYY-MM-DD`) with its age, or the text itself where it is none. */
export function dated(text, days) {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time)) return foreign(text);
  const age = days ?? Math.floor((Date.now() - time) / 86400000);
  return el('span', {}, el('time', { datetime: text, text: age === 0 ? 'today' : ago(age * 86400) }),
    el('span', { class: 'dim', text: ` (${text})` }));
}

export const number = (value) => (typeof value === 'number' ? value.toLocaleString('en') : String(value));

/** Returns a number with its noun: "1 lookup", "2 lookups". */
export const count = (value, one) => `${number(value)} ${one}${value === 1 ? '' : 's'}`;

/** Tells screen readers what happened. */
export function say(text) {
  byId('status').textContent = visible(text);
}

/** Creates tabs; the panel of one is filled when it is first opened. */
export function tabs(label, entries) {
  const id = `tabs-${++tabs.made}`;
  const list = el('div', { role: 'tablist', 'aria-label': label });
  const box = el('div', { class: 'tabs' }, list);
  const all = entries.map(([name, fill], index) => {
    const tab = button({ role: 'tab', id: `${id}-${index}`, 'aria-controls': `${id}-${index}-panel`, text: name });
    const panel = el('div', { role: 'tabpanel', id: `${id}-${index}-panel`, 'aria-labelledby': tab.id, tabindex: 0, class: 'panel' });
    tab.addEventListener('click', () => open(index));
    list.append(tab);
    box.append(panel);
    return { tab, panel, fill };
  });
  function open(chosen) {
    all.forEach(({ tab, panel }, index) => {
      tab.setAttribute('aria-selected', index === chosen);
      tab.tabIndex = index === chosen ? 0 : -1;
      panel.hidden = index !== chosen;
    });
    const entry = all[chosen];
    const fill = entry.fill;
    entry.fill = undefined;
    fill?.(entry.panel);
  }
  list.addEventListener('keydown', (event) => {
    const now = all.findIndex(({ tab }) => tab === document.activeElement);
    const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: all.length - 1 }[event.key];
    if (next === undefined || now < 0) return;
    event.preventDefault();
    const index = (next + all.length) % all.length;
    open(index);
    all[index].tab.focus();
  });
  open(0);
  return box;
}
tabs.made = 0;
