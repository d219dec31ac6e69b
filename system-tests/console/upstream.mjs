// A stand-in for VirusTotal whose reports hold hostile text, and that can be slow.

import { createServer } from 'node:http';
import { once } from 'node:events';

/** Texts that do harm on a page that takes them for more than text. */
export const HOSTILE = [
  '<img src=x onerror="window.harmed=1">',
  '<script>window.harmed=1</script>',
  '"><svg onload=window.harmed=1>',
  '<iframe src="https://evil.example/frame"></iframe>',
  '<link rel=stylesheet href="https://evil.example/style.css">',
  '<style>@import "https://evil.example/style.css"; * { display: none }</style>',
  'javascript:window.harmed=1',
  '\u202efdp.exe\u2066 \u200b invisible',
  `${'Z\u0351\u0344\u036b\u0369\u0312'.repeat(40)}`,
  '{{constructor.constructor("window.harmed=1")()}}',
  `${'long'.repeat(2000)}`,
  '</textarea></script><img src="https://evil.example/pixel.png">',
];

const [image, script, svg, frame, link, style, address, turned, marks, template, long, pixel] = HOSTILE;

function results() {
  const all = {};
  for (let index = 0; index < 60; index += 1) {
    const engine = index === 0 ? image : `Engine ${index}`;
    all[engine] = { category: index < 20 ? 'malicious' : 'undetected', engine_name: engine, method: 'blacklist', result: index < 20 ? script : null };
  }
  return all;
}

const COMMON = {
  last_analysis_stats: { malicious: 20, suspicious: 0, undetected: 40, harmless: 0, timeout: 0 },
  last_analysis_date: 1_790_000_000,
  reputation: 0,
  total_votes: { harmless: 1, malicious: 2 },
  tags: [svg, template],
};

function attributes(collection) {
  const rest = { ...COMMON, last_analysis_results: results() };
  switch (collection) {
    case 'files':
      return {
        ...rest, names: HOSTILE, meaningful_name: image, type_description: style, size: 1234, sha256: 'a'.repeat(64), md5: 'b'.repeat(32),
        popular_threat_classification: { suggested_threat_label: script, popular_threat_name: [{ value: link, count: 3 }] },
        signature_info: { verified: frame, subject: pixel, 'signers': image },
        crowdsourced_yara_results: [{ rule_name: script, ruleset_name: image }],
        sandbox_verdicts: { [script]: { category: 'malicious', sandbox_name: script, malware_names: [image] } },
        [image]: { [script]: svg },
      };
    case 'urls':
      return { ...rest, url: 'https://page.evil-demo.com/', last_final_url: `https://evil-demo.com/${script}`, title: image, categories: { [image]: script }, threat_names: [svg, long] };
    case 'domains':
      return { ...rest, registrar: image, whois: `Registrant: ${script}`, categories: { [image]: script }, last_dns_records: [{ type: 'NS', value: script }, { type: 'A', value: turned }], last_https_certificate: { issuer: { O: link }, subject: { CN: pixel } }, creation_date: 1_700_000_000 };
    default:
      return { ...rest, as_owner: image, asn: 64500, network: '203.0.113.0/24', country: marks, last_https_certificate: { subject: { CN: script } } };
  }
}

const TYPES = { files: 'file', urls: 'url', domains: 'domain', ip_addresses: 'ip_address' };

/**
 * Starts the stand-in; `delay` is the time in milliseconds before each answer. With a promise in `state.gate` answers
 * wait for that, and the first calls for the ids in `state.failing` fail.
 */
export async function startUpstream({ delay = 0 } = {}) {
  const state = { delay, calls: 0, gate: undefined, failing: new Set() };
  const server = createServer((request, response) => {
    const [, , , collection, id, , relationship] = new URL(request.url, 'http://x').pathname.split('/');
    const answer = (status, body) => {
      response.writeHead(status, { 'Content-Type': 'application/json' });
      // A number that no double holds.
      response.end(JSON.stringify(body).replace('"reputation":0', '"reputation":-9007199254740993'));
    };
    if (!(collection in TYPES)) return answer(404, { error: { code: 'NotFoundError', message: image } });
    state.calls += 1;
    const object = { id: decodeURIComponent(id), type: TYPES[collection], attributes: attributes(collection) };
    const related = [{ id: 'x.evil-demo.com', type: 'domain', attributes: attributes('domains') }, { id: address, type: image, attributes: { [script]: svg, text: frame } }];
    setTimeout(async () => {
      await state.gate;
      if (state.failing.delete(object.id)) answer(503, { error: { code: 'TransientError', message: 'busy' } });
      else if (object.id === 'absent.evil-demo.com') answer(404, { error: { code: 'NotFoundError', message: `${image} not found` } });
      else answer(200, relationship || request.url.split('/').length > 5 ? { data: related, meta: { count: 2 }, links: {} } : { data: object });
    }, state.delay);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { state, url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
