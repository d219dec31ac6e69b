//! The methods of the protocol.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    era::{Era, MODERN, WITH_HANDSHAKE},
    instructions::INSTRUCTIONS,
    message::{Request, RequestId},
    prompts, resources,
    rpc::RpcError,
    tools::{self, Tool},
    visit::Visit,
};
use crate::http::outcome::{Operation, Outcome};

/// The time in milliseconds for which a client may keep what every caller gets.
const PUBLIC_TTL: u64 = 60 * 60 * 1000;

/// The time for which it may keep what depends on the caller or on settings that can be reloaded.
const PRIVATE_TTL: u64 = 5 * 60 * 1000;

/// The key under which a result names the server.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// The method that calls a tool.
pub(super) const CALL: &str = "tools/call";

/// The result of a method, and what the request log says of it.
#[derive(Debug)]
pub(super) struct MethodResult {
    /// The members of the result, without braces.
    members: String,
    outcome: Outcome,
}

/// A finished answer.
#[derive(Debug)]
pub(super) struct Finished {
    status: StatusCode,
    body: String,
    outcome: Outcome,
}

/// The scope of a result that a client keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CacheScope {
    /// Every caller gets the same.
    Public,
    /// The result depends on the caller.
    Private,
}

impl MethodResult {
    /// Creates a result from its members.
    pub(super) fn new(members: &Map<String, Value>) -> Self {
        let json = serde_json::to_string(members).unwrap_or_default();
        let inner = json
            .strip_prefix('{')
            .and_then(|json| json.strip_suffix('}'));
        Self::of_members(inner.unwrap_or_default().to_owned(), Outcome::default())
    }

    /// Creates a result from the text of its members.
    pub(super) fn of_members(members: String, outcome: Outcome) -> Self {
        Self { members, outcome }
    }

    /// Creates a result that a client may keep, where the revision knows that.
    pub(super) fn kept(mut members: Map<String, Value>, scope: CacheScope, era: Era) -> Self {
        if era == Era::Modern {
            let (name, ttl) = match scope {
                CacheScope::Public => ("public", PUBLIC_TTL),
                CacheScope::Private => ("private", PRIVATE_TTL),
            };
            members.insert("ttlMs".to_owned(), ttl.into());
            members.insert("cacheScope".to_owned(), name.into());
        }
        Self::new(&members)
    }
}

impl Finished {
    /// Creates the answer to a request that succeeds.
    pub(super) fn result(id: &RequestId, result: MethodResult) -> Self {
        let id = serde_json::to_string(id).unwrap_or_default();
        let MethodResult { members, outcome } = result;
        Self {
            status: StatusCode::OK,
            body: format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{{members}}}}}"#),
            outcome,
        }
    }

    /// Creates the answer to a request that fails.
    pub(super) fn error(id: Option<RequestId>, error: &RpcError, era: Era) -> Self {
        let status = error.status(era);
        let mut body = json!({"jsonrpc": "2.0"});
        if let Some(id) = id {
            body["id"] = json!(id);
        }
        body["error"] = json!(error);
        Self {
            status,
            body: body.to_string(),
            outcome: Outcome::default(),
        }
    }

    /// Returns the message.
    pub(super) fn body(&self) -> &str {
        &self.body
    }

    /// Returns the facts for the request log, once the message was sent.
    pub(super) fn into_outcome(self) -> Outcome {
        self.outcome
    }
}

impl IntoResponse for Finished {
    fn into_response(self) -> Response {
        let media = HeaderValue::from_static("application/json");
        let headers = [(header::CONTENT_TYPE, media)];
        let mut response = (self.status, headers, self.body).into_response();
        *Outcome::of(&mut response) = self.outcome;
        response
    }
}

/// Returns the members that each result of the modern revision has beside its own.
pub(super) fn envelope(era: Era, mut meta: Map<String, Value>) -> String {
    if era == Era::Modern {
        meta.insert(SERVER_INFO.to_owned(), server_info());
    }
    let kind = match era {
        Era::Modern => "\"resultType\":\"complete\",",
        Era::Initialize => "",
    };
    let meta = serde_json::to_string(&meta).unwrap_or_default();
    format!("{kind}\"_meta\":{meta}")
}

/// Answers a request.
pub(super) async fn answer(visit: Visit, request: Request) -> Finished {
    let Request { id, method, params } = request;
    let era = visit.era;
    let result = match Method::named(&method, era) {
        None => Err(RpcError::unknown_method(&method, era)),
        Some(method) => {
            let tool = method.tool(&params);
            visit.record.set_operation(Operation {
                method: method.name(),
                tool: tool.map(Tool::name),
            });
            method.run(&visit, &params).await
        }
    };
    match result {
        Ok(result) => Finished::result(&id, result),
        Err(error) => Finished::error(Some(id), &error, era),
    }
}

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Initialize,
    Ping,
    Discover,
    ListTools,
    CallTool,
    ListResources,
    ListTemplates,
    ReadResource,
    ListPrompts,
    GetPrompt,
}

impl Method {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Initialize, "initialize"),
        (Self::Ping, "ping"),
        (Self::Discover, "server/discover"),
        (Self::ListTools, "tools/list"),
        (Self::CallTool, CALL),
        (Self::ListResources, "resources/list"),
        (Self::ListTemplates, "resources/templates/list"),
        (Self::ReadResource, "resources/read"),
        (Self::ListPrompts, "prompts/list"),
        (Self::GetPrompt, "prompts/get"),
    ];

    /// Returns the method of this name, if the revision has it.
    fn named(wanted: &str, era: Era) -> Option<Self> {
        let (method, _) = Self::ALL.into_iter().find(|(_, name)| *name == wanted)?;
        let is_of_era = match method {
            Self::Initialize | Self::Ping => era == Era::Initialize,
            Self::Discover => era == Era::Modern,
            _ => true,
        };
        is_of_era.then_some(method)
    }

    fn name(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(method, _)| *method == self);
        found.map_or("", |(_, name)| name)
    }

    /// Returns the tool that the request names.
    fn tool(self, params: &Map<String, Value>) -> Option<Tool> {
        match self {
            Self::CallTool => Tool::named(params.get("name")?.as_str()?),
            _ => None,
        }
    }

    async fn run(
        self,
        visit: &Visit,
        params: &Map<String, Value>,
    ) -> Result<MethodResult, RpcError> {
        let era = visit.era;
        let result = match self {
            Self::Initialize => Ok(initialize(params)),
            Self::Ping => Ok(MethodResult::of_members(String::new(), Outcome::default())),
            Self::Discover => Ok(discover()),
            Self::ListTools => Ok(tools::list(visit)),
            // Its result has members of its own beside the others.
            Self::CallTool => return tools::call(visit, params).await,
            Self::ListResources => Ok(resources::list(era)),
            Self::ListTemplates => Ok(resources::list_templates(era)),
            Self::ReadResource => resources::read(visit, params).await,
            Self::ListPrompts => Ok(prompts::list(era)),
            Self::GetPrompt => prompts::get(params),
        };
        result.map(|result| complete(result, era))
    }
}

/// Adds what each result of the modern revision has.
fn complete(mut result: MethodResult, era: Era) -> MethodResult {
    if era == Era::Modern {
        if !result.members.is_empty() {
            result.members.push(',');
        }
        result.members.push_str(&envelope(era, Map::new()));
    }
    result
}

fn server_info() -> Value {
    json!({"name": "vt4ai", "title": "VT4AI", "version": env!("CARGO_PKG_VERSION")})
}

fn capabilities() -> Value {
    json!({"tools": {}, "resources": {}, "prompts": {}})
}

/// Agrees on the client's version if it is one with a handshake, else proposes the latest of them.
fn initialize(params: &Map<String, Value>) -> MethodResult {
    let wanted = params.get("protocolVersion").and_then(Value::as_str);
    let version = WITH_HANDSHAKE
        .into_iter()
        .find(|version| Some(*version) == wanted);
    MethodResult::new(&object(json!({
        "protocolVersion": version.unwrap_or(WITH_HANDSHAKE[0]),
        "capabilities": capabilities(),
        "serverInfo": server_info(),
        "instructions": INSTRUCTIONS,
    })))
}

fn discover() -> MethodResult {
    let members = object(json!({
        "supportedVersions": [MODERN],
        "capabilities": capabilities(),
        "instructions": INSTRUCTIONS,
    }));
    MethodResult::kept(members, CacheScope::Public, Era::Modern)
}

/// Returns the members of an object.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
