//! The body and the answer of a job.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{ContentBuilder, Object, RefOr, Response, ResponseBuilder, schema::Type},
};

use crate::http::extract::format::STIX;

type Responses = BTreeMap<String, RefOr<Response>>;

/// The rows of a job.
#[derive(Debug)]
pub struct BulkAnswer;

/// Indicators to look up. Options of the query may stand beside them.
#[derive(ToSchema)]
#[schema(example = json!({"indicators": ["44d88612fea8a8f36de82e1278abb02f", "bank-secure[.]example", "203.0.113.7"]}))]
#[expect(dead_code, reason = "documents a body that is read by hand")]
pub struct BulkBody {
    /// The indicators, one in each text; not together with `text`.
    #[schema(max_items = 10_000)]
    indicators: Option<Vec<String>>,
    /// A text with indicators in it, such as a mail.
    text: Option<String>,
}

impl IntoResponses for BulkAnswer {
    fn responses() -> Responses {
        let row = json!({"row": 1, "given": "bank-secure[.]example", "type": "domain", "id": "bank-secure.example",
            "verdict": {"level": "malicious", "reason": "12 of 90 engines", "stale": false},
            "detections": {"malicious": 12, "suspicious": 1, "engines": 90}, "source": "upstream", "cost": 1});
        let lines = "{\"row\": 1, \"given\": \"bank-secure[.]example\", …}\n{\"summary\": {\"rows\": 1, …}}\n";
        let object = |example: Value| {
            ContentBuilder::new()
                .schema(Some(Object::with_type(Type::Object)))
                .example(Some(example))
                .build()
        };
        let text = |example: &str| {
            ContentBuilder::new()
                .schema(Some(Object::with_type(Type::String)))
                .example(Some(example.into()))
                .build()
        };
        let ok = ResponseBuilder::new()
            .description("The rows as they are finished, and a summary; with `dry_run` the summary alone; with `format` a document of ECS, STIX or MISP for each row")
            .content("application/x-ndjson", text(lines))
            .content("application/json", object(json!({"data": [row], "meta": {"summary": {"rows": 1, "unique": 1, "complete": true}}})))
            .content(STIX, object(json!({"type": "bundle", "id": "bundle--839c51cc-a348-54ff-941c-d6f1a10774e9", "objects": []})))
            .content("text/csv", text("row,given,type,id,level,reason,…\r\n"))
            .content("text/markdown", text("| row | given | type | verdict | reason | label |"))
            .build();
        BTreeMap::from([("200".to_owned(), ok.into())])
    }
}
