//! Messages of JSON-RPC 2.0, read strictly.

use serde::Serialize;
use serde_json::{Map, Value};

use super::rpc::RpcError;

/// The id of a request: a text or a whole number, returned as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct RequestId(Value);

/// A message from a client.
#[derive(Debug)]
pub(super) enum Message {
    /// A request, which is answered.
    Request(Request),
    /// A notification, which is not, with its method and parameters.
    Notification(String, Map<String, Value>),
    /// A response. No request is ever sent to a client, so it answers none.
    Response,
}

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: RequestId,
    pub(super) method: String,
    pub(super) params: Map<String, Value>,
}

/// A message that can't be read.
#[derive(Debug)]
pub(super) struct BadMessage {
    /// The id, where the message has one.
    pub(super) id: Option<RequestId>,
    pub(super) error: RpcError,
}

impl Message {
    /// Parses the body of a request.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Box<BadMessage>> {
        let Ok(value) = serde_json::from_slice(body) else {
            return Err(RpcError::not_json().into());
        };
        let mut message = match value {
            Value::Object(message) => message,
            Value::Array(_) => {
                let why = "batches are not taken: send each message in a request of its own";
                return Err(RpcError::invalid_request(why).into());
            }
            _ => {
                let why = "a message is a JSON object";
                return Err(RpcError::invalid_request(why).into());
            }
        };
        let id = match message.remove("id") {
            None => None,
            Some(id) => Some(RequestId::of(id)?),
        };
        Self::read(message, id.clone()).map_err(|error| BadMessage { id, error }.into())
    }

    fn read(mut message: Map<String, Value>, id: Option<RequestId>) -> Result<Self, RpcError> {
        if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            let why = "`jsonrpc` must be \"2.0\"";
            return Err(RpcError::invalid_request(why));
        }
        let method = match message.remove("method") {
            Some(Value::String(method)) => method,
            None if message.contains_key("result") || message.contains_key("error") => {
                return Ok(Self::Response);
            }
            _ => {
                let why = "a request has a `method`, which is a text";
                return Err(RpcError::invalid_request(why));
            }
        };
        let params = match message.remove("params") {
            None => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => {
                let why = "`params` must be an object";
                return Err(RpcError::malformed_params(why));
            }
        };
        Ok(match id {
            Some(id) => Self::Request(Request { id, method, params }),
            None => Self::Notification(method, params),
        })
    }
}

impl RequestId {
    fn of(id: Value) -> Result<Self, Box<BadMessage>> {
        let is_usable = id.is_string() || id.is_i64() || id.is_u64();
        if is_usable {
            return Ok(Self(id));
        }
        let why = "an `id` is a text or a whole number";
        Err(RpcError::invalid_request(why).into())
    }
}

impl From<RpcError> for Box<BadMessage> {
    fn from(error: RpcError) -> Self {
        Self::new(BadMessage { id: None, error })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", -32700)]
    #[case("{", -32700)]
    #[case("\u{feff}{}", -32700)]
    #[case("[]", -32600)]
    #[case(r#"[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]"#, -32600)]
    #[case("null", -32600)]
    #[case("\"ping\"", -32600)]
    #[case("{}", -32600)]
    #[case(r#"{"jsonrpc": 2.0, "id": 1, "method": "ping"}"#, -32600)]
    #[case(r#"{"jsonrpc": "1.0", "id": 1, "method": "ping"}"#, -32600)]
    #[case(r#"{"jsonrpc": "2.0", "id": null, "method": "ping"}"#, -32600)]
    #[case(r#"{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}"#, -32600)]
    #[case(r#"{"jsonrpc": "2.0", "id": {}, "method": "ping"}"#, -32600)]
    #[case(r#"{"jsonrpc": "2.0", "id": 1, "method": 1}"#, -32600)]
    #[case(r#"{"jsonrpc": "2.0", "id": 1}"#, -32600)]
    #[case(r#"{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}"#, -32602)]
    fn a_message_that_can_t_be_read_has_its_code(#[case] body: &str, #[case] code: i32) {
        let unreadable = Message::parse(body.as_bytes()).unwrap_err();
        let error = serde_json::to_value(&unreadable.error).unwrap();
        assert_eq!(error["code"], code, "{error}");
    }

    #[test]
    fn deep_nesting_is_no_json() {
        let deep = "[".repeat(100_000);
        assert!(Message::parse(deep.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::parse(&body);
        }
    }
}
