// Answers the tool calls of a model by a VT4AI gateway, for Node 22.6 and later, without packages.
//
//     node --experimental-strip-types examples/agents/vt4ai_tools.ts NAME '{"argument": "value"}'
//
// The definitions for the model are in openai.json, openai-chat.json and anthropic.json, beside this file. VT4AI_URL is
// the gateway (http://localhost:8000 without it), VT4AI_KEY a client token or a VirusTotal key.

import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const COLLECTIONS = new Map([["file", "files"], ["domain", "domains"], ["ip", "ips"], ["url", "urls"]]);
// The gateway itself gives up on a report after 60 seconds.
const TIMEOUT_MILLISECONDS = 70_000;
// The time that a call waits for quota in all; beyond it the model gets to know when to try again.
const MAX_WAIT_SECONDS = 20;
const MAX_ATTEMPTS = 3;
const MAX_BYTES = 1_000_000;
// Text that strangers wrote is marked: its words are joined by `ˆ`. `withhold` is the stricter choice.
const UNTRUSTED = "mark";

/** The arguments that a model gives, of any type. */
type Arguments = Record<string, unknown>;

/** A request to the gateway, every value of it percent-encoded. */
export interface Call {
  path: string;
  query: Record<string, string>;
  body?: unknown;
  format: string;
}

/** An answer of the gateway, or of something in between. */
interface Answer {
  status: number;
  headers: Headers;
  body: string;
}

/** A sentence for the model in place of an answer. */
class ToolError extends Error {}

/** Each tool: the names of its arguments, and the function that builds its request. */
const TOOLS = new Map<string, { known: string[]; build: (given: Arguments) => Call }>([
  ["lookup", { known: ["indicators", "max_tokens"], build: lookup }],
  ["get_report", { known: ["fields", "indicator", "max_tokens"], build: getReport }],
  ["get_related", { known: ["indicator", "limit", "max_tokens", "relationship", "type"], build: getRelated }],
  ["get_quota", { known: [], build: () => ({ path: "quota", query: {}, format: "application/json" }) }],
]);

/** Returns the answer to a tool call: Markdown, JSON for `get_quota`, or one sentence about an error. */
export async function call(name: string, given: unknown): Promise<string> {
  try {
    return await send(build(name, given));
  } catch (error) {
    if (error instanceof ToolError) return error.message;
    throw error;
  }
}

/** Maps a tool call to a request, or throws a `ToolError`; models and attackers choose these values. */
export function build(name: string, given: unknown): Call {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new ToolError("Give the arguments as an object.");
  }
  const tool = TOOLS.get(name);
  if (tool === undefined) throw new ToolError(`There is no such tool; the tools are ${[...TOOLS.keys()].join(", ")}.`);
  const entries = Object.entries(given).filter(([, value]) => value !== null);
  if (!entries.every(([key]) => tool.known.includes(key))) {
    throw new ToolError(`The arguments of ${name} are: ${tool.known.join(", ") || "none"}.`);
  }
  return tool.build(Object.fromEntries(entries));
}

/** Builds the request for a table of verdicts. */
function lookup(given: Arguments): Call {
  const { indicators } = given;
  if (!Array.isArray(indicators) || indicators.length < 1 || indicators.length > 50) {
    throw new ToolError("Give 1 to 50 indicators as a list.");
  }
  const body = { indicators: indicators.map(text), max_tokens: number(given, "max_tokens", 1000, 50, 8000) };
  return { path: "lookup", query: {}, body, format: "text/markdown" };
}

/** Builds the request for a report. */
function getReport(given: Arguments): Call {
  const query: Record<string, string> = { indicator: text(given.indicator), ...bounds(given) };
  const fields = given.fields ?? [];
  if (!Array.isArray(fields)) throw new ToolError("Give the fields as a list of names.");
  // A view and fields exclude each other.
  if (fields.length > 0) query.fields = fields.map(text).join(",");
  else query.view = "brief";
  return { path: "lookup", query, format: "text/markdown" };
}

/** Builds the request for related objects. */
function getRelated(given: Arguments): Call {
  const { type, relationship } = given;
  const collection = typeof type === "string" ? COLLECTIONS.get(type) : undefined;
  if (collection === undefined) throw new ToolError("Give the type of the indicator: file, domain, ip or url.");
  if (typeof relationship !== "string" || !/^[a-z_]{1,60}$/.test(relationship)) {
    throw new ToolError("Give the name of a relationship, such as contacted_domains.");
  }
  let indicator = text(given.indicator);
  // VirusTotal's id of a URL; the other one is a digest.
  if (type === "url" && !/^[0-9a-fA-F]{64}$/.test(indicator)) {
    indicator = Buffer.from(refang(indicator), "utf8").toString("base64url");
  }
  const query = { view: "brief", limit: String(number(given, "limit", 10, 1, 40)), ...bounds(given) };
  const path = `${collection}/${percentEncode(indicator)}/relationships/${relationship}`;
  return { path, query, format: "text/markdown" };
}

/** Returns the parameters that hold an answer for a model within its bounds. */
function bounds(given: Arguments): Record<string, string> {
  return { max_tokens: String(number(given, "max_tokens", 1000, 50, 8000)), untrusted: UNTRUSTED };
}

/** Returns a text that can be part of a request; neither an empty one nor `..` may lead to another path. */
function text(value: unknown): string {
  const isSound = typeof value === "string" && [...value].length <= 4000 && !/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(value);
  if (!isSound || /^[ .]*$/.test(value)) {
    throw new ToolError("Give each indicator or field as a text of at most 4000 printable characters.");
  }
  return value.replace(/^ +| +$/g, "");
}

/** Returns a whole number within its bounds. */
function number(given: Arguments, name: string, usual: number, least: number, most: number): number {
  const value = given[name] ?? usual;
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw new ToolError(`Give ${name} as a whole number from ${least} to ${most}.`);
  }
  return Math.max(least, Math.min(most, value));
}

/** Writes the scheme and the dots of a defanged URL as they were; its path and query stay, a missing scheme is http. */
function refang(given: string): string {
  const url = given.replaceAll("[:]", ":").replaceAll("[://]", "://");
  const at = url.indexOf("://");
  const start = at < 0 ? 0 : at + 3;
  const length = url.slice(start).search(/[/?#]|$/);
  const host = url.slice(start, start + length).replace(/\[\.\]|\(\.\)|\{\.\}|\[dot\]/g, ".");
  const scheme = url.slice(0, start).replace(/^hxxp/i, "http") || "http://";
  return scheme + host + url.slice(start + length);
}

/** Percent-encodes all but letters, digits and `-._~`. */
function percentEncode(value: string): string {
  return encodeURIComponent(value).replace(/[!'()*]/g, (it) => `%${it.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Sends a request, again after a time that the gateway names, and returns its answer or throws a `ToolError`. */
async function send(request: Call): Promise<string> {
  let waited = 0;
  for (let attempt = 1; ; attempt++) {
    const answer = await exchange(request);
    if (answer.status === 200) return answer.body.trim() ? answer.body : "There is none.";
    const pause = retryAfter(answer.headers);
    const mayWait = [429, 503].includes(answer.status) && pause !== undefined && waited + pause <= MAX_WAIT_SECONDS;
    if (!mayWait || attempt === MAX_ATTEMPTS) throw new ToolError(explain(answer, pause));
    await sleep(pause * 1000);
    waited += pause;
  }
}

/** Sends a request once. */
async function exchange({ path, query, body, format }: Call): Promise<Answer> {
  const gateway = (process.env.VT4AI_URL ?? "http://localhost:8000").replace(/\/+$/, "");
  if (!/^https?:\/\//.test(gateway)) {
    throw new ToolError("VT4AI_URL is no http or https URL, so no lookup works until the user has corrected it.");
  }
  const headers: Record<string, string> = { Accept: format, "User-Agent": "vt4ai-tools" };
  if (process.env.VT4AI_KEY) headers["X-API-Key"] = process.env.VT4AI_KEY;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const parameters = Object.entries(query).map(([name, value]) => `${name}=${percentEncode(value)}`).join("&");
  try {
    // A redirect would take the token to another server. Certificates are verified, as fetch does.
    const response = await fetch(`${gateway}/api/v1/${path}${parameters && `?${parameters}`}`, {
      method: body === undefined ? "GET" : "POST",
      body: body === undefined ? undefined : JSON.stringify(body),
      headers,
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    });
    return { status: response.status, headers: response.headers, body: await read(response) };
  } catch (error) {
    if (error instanceof ToolError) throw error;
    throw new ToolError("The lookup failed because the gateway did not answer; the verdict stays unknown.");
  }
}

/** Reads an answer of a bounded size. */
async function read(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > MAX_BYTES) throw new ToolError("The answer was too long; ask for fewer fields.");
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** Returns the seconds of Retry-After; another form than whole seconds counts as none. */
function retryAfter(headers: Headers): number | undefined {
  const value = headers.get("Retry-After") ?? "";
  return /^[0-9]{1,9}$/.test(value) ? Number(value) : undefined;
}

/** Returns the sentence for an answer that is an error. */
function explain({ status, body }: Answer, pause: number | undefined): string {
  const { code, detail } = readError(body);
  if (status === 400 && detail) return `The call was refused, so correct it: ${detail}`;
  if (status === 401) return "The gateway refused the key, so no lookup works until the user has set a valid one.";
  if (status === 403) return "The key may not do this; tell the user.";
  if (status === 404 && code === "NotFoundError") {
    return "VirusTotal does not know this object, which does not mean that it is harmless.";
  }
  if (status === 429) {
    const when = pause === undefined ? "later" : `in ${pause} seconds`;
    return `The quota of lookups is used up, so try again ${when} or go on without.`;
  }
  return `The lookup failed with status ${status} (${code}); the verdict stays unknown.`;
}

/** Returns the code and detail of an error of the gateway; something in between may have answered. */
function readError(body: string): { code: string; detail: string } {
  try {
    const { code, detail } = JSON.parse(body);
    if (typeof code === "string" && typeof detail === "string") {
      return { code, detail: [...detail].slice(0, 500).join("") };
    }
  } catch {
    // Not JSON.
  }
  return { code: "no code", detail: "" };
}

/** Returns the value of a JSON text, or null. */
function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

/** Answers the tool call on the command line. */
async function main(): Promise<void> {
  const [name, given, ...rest] = process.argv.slice(2);
  if (name === undefined || given === undefined || rest.length > 0) {
    console.error("usage: vt4ai_tools.ts lookup|get_report|get_related|get_quota ARGUMENTS, which are a JSON object");
    process.exitCode = 1;
    return;
  }
  console.log(await call(name, parse(given)));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main();
}
