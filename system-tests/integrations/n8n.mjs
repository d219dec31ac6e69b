// Replays a workflow of n8n without n8n: `node n8n.mjs` with {workflow, alert, env} as JSON on standard input.
//
// It knows the types of nodes that examples/n8n uses, and evaluates their expressions as JavaScript, which they are. It
// prints {response, waited, visited}: what the webhook's caller gets, the seconds of each wait, which are not waited for,
// and the names of the nodes.

import { readFileSync } from "node:fs";

const { workflow, alert, env } = JSON.parse(readFileSync(0, "utf8"));
const outputs = new Map();
const runs = new Map();
const waited = [];

/** Evaluates all expressions in a parameter. */
function evaluate(value, json, runIndex) {
  if (Array.isArray(value)) return value.map((it) => evaluate(it, json, runIndex));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, evaluate(it, json, runIndex)]));
  }
  if (typeof value !== "string" || !value.startsWith("=")) return value;
  const find = (name) => ({ first: () => ({ json: outputs.get(name) }) });
  const run = (code) => new Function("$json", "$env", "$runIndex", "$", `return (${code});`)(json, env, runIndex, find);
  const whole = /^=\{\{((?:(?!\}\}).|\n)*)\}\}$/.exec(value);
  // An expression alone keeps its type; between other text it becomes text.
  if (whole) return run(whole[1]);
  return value.slice(1).replace(/\{\{(.*?)\}\}/g, (_, code) => String(run(code)));
}

/** Sends the request of a node. */
async function request(parameters) {
  const url = new URL(parameters.url);
  for (const { name, value } of parameters.queryParameters.parameters) url.searchParams.append(name, value);
  const headers = Object.fromEntries(parameters.headerParameters.parameters.map(({ name, value }) => [name, value]));
  const redirect = parameters.options.redirect.redirect.followRedirects ? "follow" : "manual";
  try {
    const signal = AbortSignal.timeout(parameters.options.timeout);
    const answer = await fetch(url, { method: parameters.method, headers, redirect, signal });
    const text = await answer.text();
    let body;
    try {
      body = JSON.parse(text);
    } catch {
      body = {};
    }
    return { statusCode: answer.status, headers: Object.fromEntries(answer.headers), body };
  } catch (error) {
    // The output of a node that goes on after an error.
    return { error: { message: String(error) } };
  }
}

/** Tells whether the conditions of a node hold. */
function holds({ conditions: { conditions } }) {
  return conditions.every(({ leftValue, rightValue, operator }) => {
    if (operator.type === "boolean" && operator.operation === "true" && typeof leftValue === "boolean") return leftValue;
    if (operator.type === "string" && operator.operation === "equals" && typeof leftValue === "string") {
      return leftValue === rightValue;
    }
    throw new Error(`a condition that n8n would refuse: ${JSON.stringify(operator)} of ${JSON.stringify(leftValue)}`);
  });
}

/** Runs one node and returns its output, the number of the branch that goes on, and the webhook's answer. */
async function runNode({ name, type, parameters }, json) {
  const runIndex = runs.get(name) ?? 0;
  runs.set(name, runIndex + 1);
  const given = evaluate(parameters, json, runIndex);
  switch (type) {
    case "n8n-nodes-base.webhook":
      return { json: { body: alert }, branch: 0 };
    case "n8n-nodes-base.httpRequest":
      return { json: await request(given), branch: 0 };
    case "n8n-nodes-base.if":
      return { json, branch: holds(given) ? 0 : 1 };
    case "n8n-nodes-base.wait":
      waited.push(given.amount);
      return { json, branch: 0 };
    case "n8n-nodes-base.respondToWebhook":
      return { json, response: JSON.parse(given.responseBody) };
    default:
      throw new Error(`an unknown type of node: ${type}`);
  }
}

let node = workflow.nodes.find(({ type }) => type === "n8n-nodes-base.webhook");
let json = {};
let response;
const visited = [];
while (node !== undefined && visited.length < 50) {
  visited.push(node.name);
  const result = await runNode(node, json);
  ({ json, response } = result);
  outputs.set(node.name, json);
  const next = workflow.connections[node.name]?.main[result.branch ?? 0]?.[0]?.node;
  node = response === undefined ? workflow.nodes.find(({ name }) => name === next) : undefined;
}
console.log(JSON.stringify({ response, waited, visited }));
