// Calls of the gateway's own API. The key is in a header of each call, in this module's memory and,
// if its owner asked for that, in the tab's storage.

const STORED = 'vt4ai-key';
let key = '';
try {
  key = sessionStorage.getItem(STORED) ?? '';
} catch {
  // The browser allows no storage.
}

export const hasKey = () => key !== '';

/** Returns whether a text can be a key: what a header takes. */
export const isKey = (text) => /^[\x21-\x7e]{1,512}$/.test(text);

/** Uses a key from now on; an empty one forgets it. */
export function setKey(text, keep) {
  key = text;
  try {
    if (key && keep) sessionStorage.setItem(STORED, key);
    else sessionStorage.removeItem(STORED);
  } catch {
    // It is in memory.
  }
}

/** A call that has no usable answer: `status` is 0 if the gateway was not reached. */
class Failure extends Error {
  constructor(status, body, headers) {
    super(typeof body?.detail === 'string' ? body.detail : status ? `The gateway answered with the status ${status}.` : 'The gateway does not answer.');
    this.status = status;
    this.code = typeof body?.code === 'string' ? body.code : '';
    this.retryAfter = Number.parseInt(headers?.get('retry-after') ?? '', 10);
    this.origin = originOf(headers);
    this.request = headers?.get('x-request-id') ?? '';
  }
}

/** Returns what went wrong as a `Failure`. */
export const failureOf = (error) => (error instanceof Failure ? error : new Failure(-1, { detail: 'The answer can’t be read.' }));

function originOf(headers) {
  const cache = headers?.get('x-cache') ?? '';
  const age = Number.parseInt(headers?.get('age') ?? '', 10);
  return { cache, reason: headers?.get('x-cache-reason') ?? '', age, cost: cache === 'MISS' ? 1 : 0 };
}

function lost(error) {
  throw error.name === 'AbortError' ? error : new Failure(0);
}

/** Returns the response to a call; rejects with a `Failure`, or an `AbortError` if it was stopped. */
export async function send(path, { query, body, accept = 'application/json', signal, anew = false, as = key } = {}) {
  const address = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query ?? {})) if (value) address.searchParams.set(name, value);
  const headers = new Headers({ Accept: accept });
  if (as) headers.set('X-API-Key', as);
  if (anew) headers.set('Cache-Control', 'no-cache');
  if (body) headers.set('Content-Type', 'application/json');
  const response = await fetch(address, {
    method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body), signal,
    mode: 'same-origin', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer',
  }).catch(lost);
  if (response.ok) return response;
  throw new Failure(response.status, await response.json().catch(() => undefined), response.headers);
}

// Keeps the text of numbers that a double can't hold or writes otherwise, where the browser can.
const exact = (_, value, context) => (typeof value === 'number' && JSON.rawJSON && context?.source !== undefined && String(value) !== context.source ? JSON.rawJSON(context.source) : value);

/** Returns the JSON of an answer, with its origin. */
export async function ask(path, options) {
  const response = await send(path, options);
  const text = await response.text().catch(lost);
  return { body: JSON.parse(text, options?.exact && exact), origin: originOf(response.headers) };
}

export const lookup = (indicator, query, options) => ask('/api/v1/lookup', { ...options, query: { indicator, ...query } });
export const quota = (options) => ask('/api/v1/quota', options);

/** Yields the lines of a job as objects. */
export async function* job(body, signal) {
  const response = await send('/api/v1/lookup', { body, signal, accept: 'application/x-ndjson' });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read().catch(lost);
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    for (const line of lines) if (line.trim()) yield JSON.parse(line);
  }
}
