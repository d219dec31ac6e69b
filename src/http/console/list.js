// A grid of many rows, of which only those in view are elements.

import { el, framed } from './dom.js';

const HEIGHT = 40;
const BEYOND = 8;

export class VirtualList {
  #rows = [];
  #slots = [];
  #active;

  /** `fill(cells, row)` writes a row into its cells; `open(row)` is called for Enter and a click. */
  constructor({ label, columns, fill, open }) {
    this.columns = columns;
    this.fill = fill;
    this.open = open;
    const header = el('div', { role: 'row', class: 'row head', 'aria-rowindex': 1 },
      ...columns.map(([name, title]) => el('span', { role: 'columnheader', class: name, text: title })));
    this.body = el('div', { role: 'rowgroup', class: 'body' });
    this.node = el('div', { role: 'grid', class: 'grid', 'aria-label': label, 'aria-colcount': columns.length, tabindex: 0 },
      el('div', { role: 'rowgroup', class: 'headgroup' }, header), this.body);
    this.node.addEventListener('scroll', () => this.#later(), { passive: true });
    this.node.addEventListener('keydown', (event) => this.#key(event));
    new ResizeObserver(() => this.#later()).observe(this.node);
  }

  /** Shows these rows; the array may be the same one with more in it. */
  show(rows) {
    this.#rows = rows;
    this.#later();
  }

  /** Takes the focus, with the chosen row in view. */
  focus() {
    this.node.focus({ preventScroll: true });
    this.#reveal();
  }

  #reveal() {
    const top = this.#rows.indexOf(this.#active) * HEIGHT;
    if (top < 0) return;
    const room = this.node.clientHeight - 2 * HEIGHT;
    if (top < this.node.scrollTop) this.node.scrollTop = top;
    else if (top > this.node.scrollTop + room) this.node.scrollTop = top - room;
    this.#later();
  }

  #later = framed(() => this.#draw());

  #draw() {
    const { scrollTop, clientHeight } = this.node;
    const rows = this.#rows;
    const height = `${rows.length * HEIGHT}px`;
    if (this.body.style.height !== height) {
      this.body.style.height = height;
      this.node.setAttribute('aria-rowcount', rows.length + 1);
    }
    const size = Math.min(rows.length, Math.ceil(clientHeight / HEIGHT) + 2 * BEYOND);
    while (this.#slots.length < size) this.#slots.push(this.#slot());
    while (this.#slots.length > size) this.#slots.pop().node.remove();
    const first = Math.max(0, Math.min(rows.length - size, Math.floor(scrollTop / HEIGHT) - BEYOND));
    for (let index = first; index < first + size; index += 1) this.#put(this.#slots[index % size], index);
    const shown = this.#active && this.#slots.find(({ row }) => row === this.#active);
    if (shown) this.node.setAttribute('aria-activedescendant', shown.node.id);
    else this.node.removeAttribute('aria-activedescendant');
  }

  #slot() {
    const cells = this.columns.map(([name]) => el('span', { role: 'gridcell', class: name }));
    const node = el('div', { role: 'row', class: 'row', id: `row-${++VirtualList.made}` }, ...cells);
    const slot = { node, cells, index: -1, row: undefined };
    node.addEventListener('click', () => {
      this.#active = slot.row;
      this.open(slot.row);
    });
    this.body.append(node);
    return slot;
  }

  #put(slot, index) {
    const row = this.#rows[index];
    if (slot.index !== index) {
      slot.index = index;
      slot.node.style.transform = `translateY(${index * HEIGHT}px)`;
      slot.node.setAttribute('aria-rowindex', index + 2);
    }
    slot.node.classList.toggle('active', row === this.#active);
    if (slot.row === row) return;
    slot.row = row;
    this.fill(slot.cells, row);
  }

  #key(event) {
    const page = Math.max(1, Math.floor(this.node.clientHeight / HEIGHT) - 2);
    const last = this.#rows.length - 1;
    const now = this.#rows.indexOf(this.#active);
    const next = { ArrowDown: now + 1, ArrowUp: now - 1, PageDown: now + page, PageUp: now - page, Home: 0, End: last }[event.key];
    if (event.key === 'Enter' && now >= 0) {
      event.preventDefault();
      if (!event.repeat) this.open(this.#active);
    } else if (next !== undefined && last >= 0) {
      event.preventDefault();
      this.#active = this.#rows[Math.max(0, Math.min(last, next))];
      this.#reveal();
    }
  }
}
VirtualList.made = 0;
