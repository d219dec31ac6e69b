//! The answers and errors that operations share, and the bodies they have.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, ToSchema,
    openapi::{
        ArrayBuilder, Content, Header, HeaderBuilder, Object, ObjectBuilder, Ref, RefOr, Response,
        ResponseBuilder, Schema,
        schema::{AdditionalProperties, OneOfBuilder, Type},
    },
};

use crate::format::{Format, json::Meta};

/// A report.
#[derive(ToSchema)]
#[schema(title = "Report", example = json!({
    "data": {"type_description": "Text", "reputation": 3461, "last_analysis_stats": {"malicious": 66}},
    "format": "json",
}))]
#[expect(dead_code, reason = "describes a body that is written as a stream")]
pub(super) struct ReportBody {
    /// The filtered attributes in `json`, all attributes in `raw`, a document in `markdown` and `xml`.
    #[schema(schema_with = object_or_document)]
    data: (),
    format: Format,
}

/// A list of objects.
#[derive(ToSchema)]
#[schema(title = "List", example = json!({
    "data": [{"id": "example.com", "type": "domain", "attributes": {"registrar": "Example Registrar"}}],
    "format": "json",
    "meta": {"cursor": "MTA=", "count": 25},
}))]
#[expect(dead_code, reason = "describes a body that is written as a stream")]
pub(super) struct ListBody {
    /// Objects as `{id, type, attributes?, context_attributes?, error?}` in `json`, VirusTotal's own
    /// in `raw`, a document in `markdown` and `xml`. One object or `null` where the relationship
    /// leads to one.
    #[schema(schema_with = list_or_document)]
    data: (),
    format: Format,
    /// The cursor of the next page and the size of the list; only lists have it.
    meta: Option<Meta<'static>>,
}

/// One object that is no report.
#[derive(ToSchema)]
#[schema(title = "Object", example = json!({
    "data": {"type": "analysis", "id": "u-1db0ad7dbcec0676710ea0eaacd35d5e471d3e11944d53bcbd31f0cbd11bce31-1760000000"},
    "format": "json",
}))]
#[expect(dead_code, reason = "describes a body that is written as a stream")]
pub(super) struct ObjectBody {
    /// `{id, type, attributes}` in `json`, the attributes in `raw`, a document in `markdown` and
    /// `xml`. What has no attributes is given as it is.
    #[schema(schema_with = object_or_document)]
    data: (),
    format: Format,
}

fn object_or_document() -> RefOr<Schema> {
    let one_of = OneOfBuilder::new()
        .item(any_object())
        .item(Object::with_type(Type::String));
    Schema::OneOf(one_of.build()).into()
}

fn list_or_document() -> RefOr<Schema> {
    let one_of = OneOfBuilder::new()
        .item(ArrayBuilder::new().items(any_object()))
        .item(any_object())
        .item(Object::with_type(Type::Null))
        .item(Object::with_type(Type::String));
    Schema::OneOf(one_of.build()).into()
}

fn any_object() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
}

/// The answers of a report.
pub struct Report;

/// The answers of an analysis.
pub struct Analysis;

/// The answers of operations that start an analysis.
pub struct Started;

/// The answers of operations on one object that is no report.
pub struct OneObject;

/// The answers of a list.
pub struct List;

/// The errors of operations that read from VirusTotal.
pub struct ReadErrors;

/// The errors of operations that write to VirusTotal.
pub struct WriteErrors;

/// The errors of operations without a key.
pub struct OpenErrors;

type Responses = BTreeMap<String, RefOr<Response>>;

impl IntoResponses for Report {
    fn responses() -> Responses {
        let ok = answer("The report", Ref::from_schema_name("ReportBody"));
        BTreeMap::from([("200".to_owned(), ok.build().into())])
    }
}

impl IntoResponses for List {
    fn responses() -> Responses {
        let link = header(
            "The next page, as `<…>; rel=\"next\"`; left out on the last",
            Type::String,
        );
        let ok = answer("The page", Ref::from_schema_name("ListBody")).header("Link", link);
        BTreeMap::from([("200".to_owned(), ok.build().into())])
    }
}

impl IntoResponses for Analysis {
    fn responses() -> Responses {
        let later = header(
            "Seconds after which to ask again; left out once it is completed",
            Type::Integer,
        );
        let ok = answer("The analysis", Ref::from_schema_name("ReportBody"));
        let ok = ok.header("Retry-After", later).build();
        BTreeMap::from([("200".to_owned(), ok.into())])
    }
}

impl IntoResponses for Started {
    fn responses() -> Responses {
        let location = header("`/api/v1/analyses/{analysis_id}`", Type::String);
        let ok = answer(
            "The descriptor of the analysis",
            Ref::from_schema_name("ObjectBody"),
        );
        let ok = ok.header("Location", location).build();
        BTreeMap::from([("202".to_owned(), ok.into())])
    }
}

impl IntoResponses for OneObject {
    fn responses() -> Responses {
        let ok = answer("The object", Ref::from_schema_name("ObjectBody"));
        BTreeMap::from([("200".to_owned(), ok.build().into())])
    }
}

impl IntoResponses for ReadErrors {
    fn responses() -> Responses {
        errors(&[
            (
                400,
                "An identifier or a parameter can't be used; nothing was spent",
            ),
            (
                401,
                "No API key or client token, or one that was refused, here or by VirusTotal",
            ),
            (
                403,
                "VirusTotal: the key may not do this; or the client has not the scope for it",
            ),
            (404, "VirusTotal does not know the object"),
            (
                429,
                "Too many requests: the gateway's own limit, or VirusTotal's",
            ),
            (500, "A fault in the gateway"),
            (
                502,
                "VirusTotal can't be reached, or its answer is not what it should be",
            ),
            (503, "VirusTotal is overloaded"),
            (504, "VirusTotal did not answer in time"),
        ])
    }
}

impl IntoResponses for WriteErrors {
    fn responses() -> Responses {
        let mut all = ReadErrors::responses();
        all.extend(errors(&[
            (
                400,
                "An identifier, a parameter or the body can't be used; nothing was written",
            ),
            (
                403,
                "The server's key is for reading only, the client has not the scope `submit`, or VirusTotal: the key may not do this",
            ),
            (409, "VirusTotal has this already"),
            (413, "The body is too large"),
            (415, "The body has another content type"),
            (424, "Something that this depends on failed at VirusTotal"),
        ]));
        all
    }
}

impl IntoResponses for OpenErrors {
    fn responses() -> Responses {
        errors(&[
            (400, "The request names two hosts"),
            (429, "Too many requests"),
            (500, "A fault in the gateway"),
        ])
    }
}

fn answer(description: &str, envelope: Ref) -> ResponseBuilder {
    let text = || Content::new(Some(Object::with_type(Type::String)));
    ResponseBuilder::new()
        .description(description)
        .content("application/json", Content::new(Some(envelope)))
        .content("text/markdown", text())
        .content("application/xml", text())
        .content("text/xml", text())
        .header(
            "X-RateLimit-Limit",
            header(
                "Lookups a minute for this key; left out where there is no limit",
                Type::Integer,
            ),
        )
        .header(
            "X-RateLimit-Remaining",
            header("Lookups left now", Type::Integer),
        )
        .header(
            "X-RateLimit-Reset",
            header("Unix second at which all of them are back", Type::Integer),
        )
        .header(
            "X-Request-Id",
            header("Names this request in the gateway's log", Type::String),
        )
}

fn errors(rows: &[(u16, &str)]) -> Responses {
    let error = |&(status, description): &(u16, &str)| {
        let body = Content::new(Some(Ref::from_schema_name("ErrorBody")));
        let mut response = ResponseBuilder::new()
            .description(description)
            .content("application/json", body);
        if matches!(status, 429 | 503) {
            response = response.header(
                "Retry-After",
                header("Whole seconds to wait", Type::Integer),
            );
        }
        if status == 401 {
            response = response.header("WWW-Authenticate", header("`ApiKey`", Type::String));
        }
        (status.to_string(), response.build().into())
    };
    rows.iter().map(error).collect()
}

fn header(description: &str, value: Type) -> Header {
    HeaderBuilder::new()
        .schema(Some(Object::with_type(value)))
        .description(Some(description))
        .build()
}
