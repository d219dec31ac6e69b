//! Resources: reports, the relationships of each kind of indicator, and the templates.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{
    era::Era,
    errors::sentence,
    methods::{CacheScope, MethodResult, object},
    rpc::RpcError,
    visit::Visit,
};
use crate::{
    access::clients::Scope,
    http::error::ApiError,
    indicator::{Indicator, Kind},
    lookup::{FetchError, Freshness, LookupError, ReportQuery},
    mcp::views::ModelView,
    render::{Detail, View, format::Format},
    virustotal::relationships,
};

/// The scheme of the addresses.
const SCHEME: &str = "vt4ai://";

/// The largest number of tokens of a report.
const MOST: usize = 2000;

const JSON: &str = "application/json";
const MARKDOWN: &str = "text/markdown";

/// A resource, as its address names it.
enum Address {
    Report(Indicator),
    Relationships(Kind),
    Templates,
}

/// Lists the resources with fixed addresses.
pub(super) fn list(era: Era) -> MethodResult {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        all.push(json!({
            "uri": format!("{SCHEME}relationships/{}", kind.name()),
            "name": format!("relationships-{}", kind.name()),
            "title": format!("Relationships of {}", kind.with_article()),
            "description": "Names for `get_related`, with what each leads to and whose key may read it",
            "mimeType": JSON,
        }));
    }
    all.push(json!({
        "uri": format!("{SCHEME}templates"),
        "name": "templates",
        "title": "Templates",
        "description": "The attributes that the standard view of each kind of object shows or leaves out",
        "mimeType": JSON,
    }));
    MethodResult::kept(object(json!({"resources": all})), CacheScope::Public, era)
}

/// Lists the patterns of addresses.
pub(super) fn list_templates(era: Era) -> MethodResult {
    let templates = json!({"resourceTemplates": [{
        "uriTemplate": format!("{SCHEME}report/{{type}}/{{id}}"),
        "name": "report",
        "title": "Report",
        "description": "VirusTotal's report on a `file`, `url`, `domain` or `ip`, as Markdown within \
            2,000 tokens. The id of a URL is the URL, percent-encoded, or VirusTotal's id of it. \
            Costs one lookup if it is not cached",
        "mimeType": MARKDOWN,
    }]});
    MethodResult::kept(object(templates), CacheScope::Public, era)
}

/// Reads a resource.
pub(super) async fn read(
    visit: &Visit,
    params: &Map<String, Value>,
) -> Result<MethodResult, RpcError> {
    let Some(uri) = params.get("uri").and_then(Value::as_str) else {
        let why = "`params.uri` must be the address of a resource";
        return Err(RpcError::malformed_params(why));
    };
    let unknown = |why: String| RpcError::unknown_resource(why, uri, visit.era);
    let (media, text, scope) = match Address::parse(uri).map_err(unknown)? {
        Address::Relationships(kind) => {
            let names = json!({"relationships": relationships::of(kind)});
            (JSON, names.to_string(), CacheScope::Public)
        }
        Address::Templates => (JSON, templates(visit), CacheScope::Private),
        Address::Report(indicator) => match report(visit, indicator).await {
            Ok(text) => (MARKDOWN, text, CacheScope::Private),
            Err(LookupFailure::Missing(why)) => return Err(unknown(why)),
            Err(LookupFailure::Refused(why)) => return Err(RpcError::refused(why)),
            Err(LookupFailure::Failed(why)) => return Err(RpcError::internal(why)),
        },
    };
    let contents = json!({"contents": [{"uri": uri, "mimeType": media, "text": text}]});
    Ok(MethodResult::kept(object(contents), scope, visit.era))
}

impl Address {
    fn parse(uri: &str) -> Result<Self, String> {
        let path = uri.strip_prefix(SCHEME).unwrap_or_default();
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        match (first, rest) {
            ("templates", "") => Ok(Self::Templates),
            ("relationships", name) => match kind(name) {
                Some(kind) => Ok(Self::Relationships(kind)),
                None => Err(unknown_kind()),
            },
            ("report", rest) => {
                let (name, id) = rest.split_once('/').unwrap_or((rest, ""));
                let kind = kind(name).ok_or_else(unknown_kind)?;
                let id = percent_decode_str(id).decode_utf8_lossy();
                let parsed = match kind {
                    Kind::Url if id.contains("://") => Indicator::url(&id),
                    _ => Indicator::parse(kind, &id),
                };
                parsed.map(Self::Report).map_err(|error| error.to_string())
            }
            _ => Err(format!(
                "Unknown resource; there are {SCHEME}report/{{type}}/{{id}}, \
                 {SCHEME}relationships/{{type}} and {SCHEME}templates"
            )),
        }
    }
}

fn kind(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == name)
}

fn unknown_kind() -> String {
    "Unknown resource: the type is one of file, url, domain, ip".to_owned()
}

fn templates(visit: &Visit) -> String {
    let templates = visit.gateway.templates.current();
    let mut all = Map::new();
    for kind in Kind::ALL {
        let of_kind: Vec<_> = templates.of(kind).collect();
        all.insert(kind.name().to_owned(), json!(of_kind));
    }
    Value::Object(all).to_string()
}

/// The reason why there is no report.
enum LookupFailure {
    /// There is no such object.
    Missing(String),
    /// The caller may not look it up, or not now.
    Refused(String),
    /// VirusTotal or the gateway failed.
    Failed(String),
}

impl From<ApiError> for LookupFailure {
    fn from(error: ApiError) -> Self {
        let why = sentence(&error);
        if error.status().is_client_error() {
            Self::Refused(why)
        } else {
            Self::Failed(why)
        }
    }
}

async fn report(visit: &Visit, indicator: Indicator) -> Result<String, LookupFailure> {
    let gateway = &visit.gateway;
    let context = visit.access.context(Scope::Read)?;
    visit.count_for_client()?;
    let kind = indicator.kind().name();
    visit.access.note_subject(gateway, kind, indicator.id());
    let templates = gateway.templates.current();
    let shown = ModelView {
        detail: Detail::Standard,
        ..ModelView::brief(gateway, &templates)
    };
    let view: View<'_> = shown.view(Format::Markdown, MOST);
    let query = ReportQuery {
        indicator,
        relationships: Vec::new(),
    };
    let freshness = Freshness::default();
    let reply = gateway.lookup.report(&context, &query, &view, &freshness);
    match reply.await {
        Ok(reply) => {
            let size = reply.view.size;
            context.cost.meter().count_tokens(size.tokens);
            Ok(String::from_utf8_lossy(&reply.view.body).into_owned())
        }
        Err(error @ LookupError::Fetch(FetchError::NotFound(..) | FetchError::Private(_))) => {
            Err(LookupFailure::Missing(sentence(&error.into())))
        }
        Err(error) => Err(ApiError::from(error).into()),
    }
}
