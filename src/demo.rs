//! A stand-in for VirusTotal API v3: a router that answers in VirusTotal's form, from made-up data.
//!
//! `vt4ai --demo` asks it in place of VirusTotal, and tests ask it over TCP. It has no quota and no
//! faults. The key decides about the answers:
//!
//! - no `x-apikey`, `wrong-key`, or a key that begins with `bad` in any case: 401;
//! - `public-key`: a free account, for which premium relationships and searches are a 403;
//! - any other key, such as [`KEY`]: an account with every privilege.
//!
//! All objects come from one table, so an object in a relationship can also be asked for by itself.
//! A name in a relationship without an object in the table becomes an item with an `error`.
//!
//! The table never changes. Some of its objects have dates relative to the start of the process, so
//! that there is always a domain registered three days ago. Data sent at run time is kept in memory beside it, the latest 1,000 of
//! each kind:
//!
//! - files and URLs, which become objects if the table lacks them; of a file only the hash, size
//!   and name are kept;
//! - analyses, which are `queued` at the first reading, `in-progress` at the second, then
//!   `completed`;
//! - comments and votes, listed before those of the table; a key cannot repeat one;
//! - upload URLs for large files, each valid for one upload;
//! - the number of calls by each key, for `overall_quotas`; keys are kept as hashes.
//!
//! Each line of this table uses only those below it:
//!
//! | modules | |
//! |---|---|
//! | `related`, `search`, `behaviour`, `uploads`, `urls`, `analyses`, `community`, `quotas` | handlers; uploads and URLs start analyses |
//! | `included` | relationships within an object |
//! | `item` | objects and pages as answers show them |
//! | `stand_in` | the state of both |
//! | `world`, `live` | the table; the data sent at run time |
//! | `crowd`, `large_report`, `recent`, `unseen`, `query` | generated objects and dates, and conditions on objects |
//! | `page`, `object`, `caller`, `url_id` | requests, and the names of objects |
//! | `answer`, `parameters`, `digest` | what all of them use |

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::header,
    middleware::{map_request, map_request_with_state},
    routing::{get, post},
};
use tower_http::{CompressionLevel, compression::CompressionLayer};

use self::{answer::DemoError, stand_in::StandIn};

mod analyses;
mod answer;
mod behaviour;
mod caller;
mod community;
mod crowd;
mod digest;
mod included;
mod item;
mod large_report;
mod live;
mod object;
mod page;
mod parameters;
mod query;
mod quotas;
mod recent;
mod related;
mod search;
mod stand_in;
mod unseen;
mod uploads;
mod url_id;
mod urls;
mod world;

/// The key that the demo gateway uses.
pub const KEY: &str = "demo-key";

/// Builds the routes below `/api/v3` and the upload URLs, with data of their own.
pub fn router() -> Router {
    let site = StandIn::load();
    // No limit for bodies here: uploads are measured as they are read.
    let upload = post(uploads::upload_file).layer(DefaultBodyLimit::disable());
    let upload_large = post(uploads::upload_large_file).layer(DefaultBodyLimit::disable());
    let api = Router::new()
        .route("/files", upload)
        .route("/files/upload_url", get(uploads::create_upload_url))
        .route(
            "/files/{id}/behaviour_summary",
            get(behaviour::read_behaviour_summary),
        )
        .route(
            "/files/{id}/behaviour_mitre_trees",
            get(behaviour::read_mitre_trees),
        )
        .route("/urls", post(urls::submit_url))
        .route("/analyses/{id}", get(analyses::read_analysis))
        .route("/search", get(search::search))
        .route("/intelligence/search", get(search::search_intelligence))
        .route("/{collection}/{id}", get(related::read_object))
        .route(
            "/{collection}/{id}/analyse",
            post(analyses::request_analysis),
        )
        .route(
            "/{collection}/{id}/comments",
            get(related::list_comments).post(community::add_comment),
        )
        .route(
            "/{collection}/{id}/votes",
            get(related::list_votes).post(community::add_vote),
        )
        .route(
            "/{collection}/{id}/{relationship}",
            get(related::list_related),
        )
        .route(
            "/{collection}/{id}/relationships/{relationship}",
            get(related::list_descriptors),
        )
        .route_layer(map_request_with_state(site.clone(), quotas::count_call))
        // Added after the counting layer: asking for the quota is free.
        .route(
            "/users/{id}/overall_quotas",
            get(quotas::read_overall_quotas),
        );
    Router::new()
        .nest("/api/v3", api)
        .route("/_ah/upload/{token}", upload_large)
        .with_state(site)
        .fallback(async || DemoError::unknown_path())
        .method_not_allowed_fallback(async || DemoError::wrong_method())
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(map_request(decline_gzip))
}

/// Returns example requests to a demo gateway, as lines to paste into a terminal.
///
/// `base` is the gateway's scheme, host and port: `http://127.0.0.1:8000`.
pub fn examples(base: &str) -> String {
    EXAMPLES
        .replace("{base}", base)
        .replace("{trojan}", crowd::TROJAN)
}

/// Indicators that the demo knows, each with words for a button. The last one is a mail.
pub const INDICATORS: &[[&str; 2]] = &[
    ["EICAR test file", "44d88612fea8a8f36de82e1278abb02f"],
    ["A trojan", crowd::TROJAN],
    [
        "A phishing page, defanged",
        "hxxps://login[.]bank-secure[.]example/verify?id=1&session=abc",
    ],
    ["A suspicious domain", "parcel-customs-fee[.]example"],
    ["A popular domain", "portal.example"],
    ["An IP address", "8.8.8.8"],
    [
        "A domain with instructions for a model",
        "helpful-notes[.]test",
    ],
    [
        "A mail with several indicators",
        "From: security@portal.example\n\
         Subject: Your account\n\n\
         Please confirm at hxxps://login[.]bank-secure[.]example/verify?id=1&session=abc\n\
         or bank-secure[.]example. Sent from 203.0.113.7 by way of 10.0.0.1.\n\
         Attachment: setup.exe, 44d88612fea8a8f36de82e1278abb02f\n",
    ],
];

const EXAMPLES: &str = r#"Reports: the EICAR test file as JSON, a trojan as Markdown, with its basics only, and unfiltered:
  curl -s {base}/api/v1/files/44d88612fea8a8f36de82e1278abb02f
  curl -s -H 'Accept: text/markdown' {base}/api/v1/files/{trojan}
  curl -s '{base}/api/v1/files/{trojan}?template_name=vt4ai_file_basics&format=markdown'
  curl -s '{base}/api/v1/files/{trojan}?format=raw'

A phishing page and a harmless one by URL, and by id:
  curl -s '{base}/api/v1/urls/analyze?url=https%3A%2F%2Flogin.bank-secure.example%2Fverify%3Fid%3D1%26session%3Dabc'
  curl -s '{base}/api/v1/urls/analyze?url=https%3A%2F%2Fexample.com%2F&format=markdown'
  curl -s {base}/api/v1/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8

Domains and IP addresses, v4 and v6:
  curl -s '{base}/api/v1/domains/bank-secure.example?format=markdown'
  curl -s {base}/api/v1/domains/example.com
  curl -s '{base}/api/v1/ips/203.0.113.7?format=xml'
  curl -s {base}/api/v1/ips/8.8.8.8
  curl -s -H 'Accept: application/xml' {base}/api/v1/ips/2001:4860:4860::8888

In brief for a model, a verdict with its reason, within a number of tokens:
  curl -s -H 'Accept: text/markdown' '{base}/api/v1/domains/bank-secure.example?view=brief'
  curl -s '{base}/api/v1/files/{trojan}?view=brief&max_tokens=200'

Any indicator as it was pasted, and all those in a text:
  curl -s -G --data-urlencode 'indicator=bank-secure[.]example' -d view=brief {base}/api/v1/lookup
  curl -s -H 'Content-Type: text/plain' -d 'See hxxps://login[.]bank-secure[.]example/verify?id=1&session=abc and 203.0.113.7.' {base}/api/v1/lookup

Text from strangers that gives a model instructions: names of a file, a page's title, WHOIS:
  curl -s '{base}/api/v1/files/cae276ab12897283230cb8236a6f346c966d1f8179a4a48bd175c54548b6f784?format=markdown'
  curl -s '{base}/api/v1/urls/analyze?url=https%3A%2F%2Flogin.helpful-notes.test%2Freset%3Fstep%3D2&format=markdown'
  curl -s '{base}/api/v1/domains/helpful-notes.test?format=markdown'

A report of 300 KB, a domain registered three days ago, and a popular one with one detection:
  curl -s '{base}/api/v1/files/2eb46aaf315d17b234f150a1863341d4372935ef18fdb94e3a6d5016819e1364?format=markdown'
  curl -s '{base}/api/v1/domains/parcel-customs-fee.example?format=markdown'
  curl -s '{base}/api/v1/domains/portal.example?format=markdown'
  curl -s '{base}/api/v1/urls/analyze?url=https%3A%2F%2Fportal.example%2Fdownloads%2F&format=markdown'

Files of known distributors, with VirusTotal's own assessment, and scanned by seven engines only:
  curl -s '{base}/api/v1/files/4a46cfcb266ac524a90647741a5cc9c4af9ad5e7e8705c9890df2090db59e7eb?format=markdown'
  curl -s '{base}/api/v1/files/b9452114f9a8291b4134a0f3119880fd5d08bfae4743863c8eaafe3418ebc101?format=markdown'
  curl -s '{base}/api/v1/files/d8bd292d95b8c2604b977fa070d3fedadd508b2c3d6130d5cbc70552f556da6c?format=markdown'

Relationships: one page, more than one page of VirusTotal's, or ids only:
  curl -s '{base}/api/v1/files/{trojan}/relationships/contacted_domains?limit=5'
  curl -s '{base}/api/v1/files/{trojan}/relationships/dropped_files?limit=45&format=markdown'
  curl -s '{base}/api/v1/files/{trojan}/relationships/contacted_ips?descriptors_only=true'
  curl -s {base}/api/v1/domains/bank-secure.example/relationships/subdomains
  curl -s {base}/api/v1/files/relationships/types

Files and URLs to analyse, and a domain to analyse again:
  echo hello | curl -s -F 'file=@-;filename=hello.txt' {base}/api/v1/files
  curl -s -d url=https://example.com/ {base}/api/v1/urls
  curl -s -X POST {base}/api/v1/domains/example.com/analyse

Sandbox results of a file:
  curl -s '{base}/api/v1/files/{trojan}/behaviour_summary?format=markdown'
  curl -s {base}/api/v1/files/{trojan}/behaviour_mitre_trees

Comments and votes, read and written:
  curl -s '{base}/api/v1/files/{trojan}/comments?format=markdown'
  curl -s --json '{"text": "Looks fine to me #safe"}' {base}/api/v1/domains/example.com/comments
  curl -s --json '{"verdict": "harmless"}' {base}/api/v1/domains/example.com/votes

Search: for every key by words and tags, for premium keys by properties, too:
  curl -s '{base}/api/v1/search?query=%23phishing'
  curl -s '{base}/api/v1/search?query=rechnung&format=markdown'
  curl -s '{base}/api/v1/intelligence/search?query=type%3Aexe+p%3A40%2B&order=size-&limit=5&format=markdown'
  curl -s '{base}/api/v1/intelligence/search?query=entity%3Adomain+tag%3Adga&descriptors_only=true'

VirusTotal's own API, for its clients (`vt.Client("demo", host="{base}")`):
  curl -s -H 'x-apikey: demo' {base}/api/v3/files/44d88612fea8a8f36de82e1278abb02f
  curl -s -H 'x-apikey: demo' '{base}/api/v3/files/{trojan}/dropped_files?limit=2'

A file that VirusTotal doesn't know, and the templates:
  curl -s {base}/api/v1/files/0000000000000000000000000000000000000000
  curl -s {base}/templates

In a browser, the console and the documentation:
  {base}/
  {base}/docs
"#;

/// Disables gzip for clients whose `User-Agent` does not contain `gzip`.
///
/// This is an old rule of App Engine, on which VirusTotal runs.
async fn decline_gzip(mut request: Request) -> Request {
    let is_able = match request.headers().get(header::USER_AGENT) {
        Some(agent) => agent.to_str().is_ok_and(|agent| agent.contains("gzip")),
        None => false,
    };
    if !is_able {
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    request
}

#[cfg(test)]
mod tests;
