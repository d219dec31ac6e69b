//! The answers that operations share, and their bodies.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{
        ArrayBuilder, Content, ContentBuilder, Header, HeaderBuilder, Object, ObjectBuilder, Ref,
        RefOr, Response, ResponseBuilder, Schema,
        schema::{AdditionalProperties, AnyOfBuilder, OneOfBuilder, Type},
    },
};

use crate::{
    http::extract::format::{ReportFormat, STIX},
    render::format::{Format, json::Meta},
};

/// A report on a file.
#[derive(ToSchema)]
#[schema(title = "A report on a file", example = json!({"data": {"type_description": "Text", "reputation": 3461, "last_analysis_stats": {"malicious": 66}}, "format": "json"}))]
#[expect(dead_code, reason = "describes a body that is written as a stream")]
pub(super) struct FileReportBody {
    /// The chosen attributes in `json`, all attributes in `raw`, the brief with `view=brief`, a
    /// document in `markdown` and `xml`, one of ECS, STIX or MISP in the format of that name.
    #[schema(schema_with = file_or_document)]
    data: (),
    format: ReportFormat,
    /// The size, the parts left out, and related objects, where there is something to say.
    meta: Option<Meta<'static>>,
}

/// A report on a URL.
#[derive(ToSchema)]
#[schema(title = "A report on a URL", example = json!({"data": {"title": "Sign in", "last_http_response_code": 200}, "format": "json"}))]
#[expect(dead_code, reason = "describes a body that is written as a stream")]
pub(super) struct UrlReportBody {
    /// The chosen attributes in `json`, all attributes in `raw`, the brief with `view=brief`, a
    /// document in `markdown` and `xml`, one of ECS, STIX or MISP in the format of that name.
    #[schema(schema_with = url_or_document)]
    data: (),
    format: ReportFormat,
    /// The size, the parts left out, and related objects, where there is something to say.
    meta: Option<Meta<'static>>,
}

/// A report on a domain.
#[derive(ToSchema)]
#[schema(title = "A report on a domain", example = json!({"data": {"registrar": "Example Registrar", "tld": "com"}, "format": "json"}))]
#[expect(dead_code, reason = "describes a body that is written as a stream")]
pub(super) struct DomainReportBody {
    /// The chosen attributes in `json`, all attributes in `raw`, the brief with `view=brief`, a
    /// document in `markdown` and `xml`, one of ECS, STIX or MISP in the format of that name.
    #[schema(schema_with = domain_or_document)]
    data: (),
    format: ReportFormat,
    /// The size, the parts left out, and related objects, where there is something to say.
    meta: Option<Meta<'static>>,
}

/// A report on an IP address.
#[derive(ToSchema)]
#[schema(title = "A report on an IP address", example = json!({"data": {"as_owner": "Example Networks", "country": "AT"}, "format": "json"}))]
#[expect(dead_code, reason = "describes a body that is written as a stream")]
pub(super) struct IpReportBody {
    /// The chosen attributes in `json`, all attributes in `raw`, the brief with `view=brief`, a
    /// document in `markdown` and `xml`, one of ECS, STIX or MISP in the format of that name.
    #[schema(schema_with = address_or_document)]
    data: (),
    format: ReportFormat,
    /// The size, the parts left out, and related objects, where there is something to say.
    meta: Option<Meta<'static>>,
}

/// An analysis.
#[derive(ToSchema)]
#[schema(title = "An analysis", example = json!({"data": {"status": "queued", "date": 1_760_000_000}, "format": "json"}))]
#[expect(dead_code, reason = "describes a body that is written as a stream")]
pub(super) struct AnalysisBody {
    /// The chosen attributes in `json`, all attributes in `raw`, the brief with `view=brief`, a
    /// document in `markdown` and `xml`.
    #[schema(schema_with = other_or_document)]
    data: (),
    format: Format,
    /// The size, the parts left out, and related objects, where there is something to say.
    meta: Option<Meta<'static>>,
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
    /// in `raw`, a document in `markdown` and `xml`, those of `ecs`, `stix` and `misp`. One object or `null` where the relationship
    /// leads to one.
    #[schema(schema_with = list_or_document)]
    data: (),
    format: ReportFormat,
    /// The cursor of the next page and the size of the list, which only lists have; the size, and
    /// the parts left out.
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
    /// `{id, type, attributes}` in `json`, the attributes in `raw`, the brief with `view=brief`, a
    /// document in `markdown` and `xml`. A value without attributes is given as it is.
    #[schema(schema_with = other_or_document)]
    data: (),
    format: ReportFormat,
    /// The size, and the parts left out, where there is something to say.
    meta: Option<Meta<'static>>,
}

fn file_or_document() -> RefOr<Schema> {
    data("FileBrief")
}

fn url_or_document() -> RefOr<Schema> {
    data("UrlBrief")
}

fn domain_or_document() -> RefOr<Schema> {
    data("DomainBrief")
}

fn address_or_document() -> RefOr<Schema> {
    data("IpBrief")
}

fn other_or_document() -> RefOr<Schema> {
    data("OtherBrief")
}

/// Returns the schema of `data`: a brief, attributes or a document.
fn data(brief: &str) -> RefOr<Schema> {
    let any_of = AnyOfBuilder::new()
        .item(Ref::from_schema_name(brief))
        .item(any_object())
        .item(Object::with_type(Type::String));
    Schema::AnyOf(any_of.build()).into()
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

/// The answers of a file's report.
pub struct FileReport;

/// The answers of a URL's report.
pub struct UrlReport;

/// The answers of a domain's report.
pub struct DomainReport;

/// The answers of an IP address's report.
pub struct IpReport;

/// The answers of an analysis.
pub struct AnalysisAnswer;

/// The answers of operations that start an analysis.
pub struct StartedAnswer;

/// The answers of operations on one object that is no report.
pub struct OneObject;

/// The answers of a list.
pub struct ListAnswer;

/// Responses by their status.
pub(super) type Responses = BTreeMap<String, RefOr<Response>>;

impl IntoResponses for FileReport {
    fn responses() -> Responses {
        report(
            "FileReportBody",
            &json!({
                "type_description": "Text",
                "reputation": 3461,
                "last_analysis_stats": {"malicious": 66, "undetected": 4},
            }),
        )
    }
}

impl IntoResponses for UrlReport {
    fn responses() -> Responses {
        report(
            "UrlReportBody",
            &json!({
                "url": "https://example.com/",
                "title": "Example Domain",
                "last_analysis_stats": {"harmless": 68, "undetected": 26},
            }),
        )
    }
}

impl IntoResponses for DomainReport {
    fn responses() -> Responses {
        report(
            "DomainReportBody",
            &json!({
                "registrar": "Example Registrar",
                "reputation": 12,
                "last_analysis_stats": {"harmless": 67, "undetected": 27},
            }),
        )
    }
}

impl IntoResponses for IpReport {
    fn responses() -> Responses {
        report(
            "IpReportBody",
            &json!({
                "country": "US",
                "asn": 15169,
                "as_owner": "GOOGLE",
                "last_analysis_stats": {"harmless": 62, "undetected": 32},
            }),
        )
    }
}

impl IntoResponses for AnyReport {
    fn responses() -> Responses {
        report(
            "ObjectBody",
            &json!({"last_analysis_stats": {"malicious": 12, "undetected": 60}}),
        )
    }
}

impl IntoResponses for ListAnswer {
    fn responses() -> Responses {
        let link = header(
            "The next page, as `<…>; rel=\"next\"`; left out on the last",
            Type::String,
        );
        let ok = cached(with_bundle(response("The page", "ListBody", None))).header("Link", link);
        BTreeMap::from([("200".to_owned(), ok.build().into())])
    }
}

impl IntoResponses for AnalysisAnswer {
    fn responses() -> Responses {
        let later = header(
            "Seconds after which to ask again; left out once it is completed",
            Type::Integer,
        );
        let example = json!({
            "status": "completed",
            "date": 1_760_000_000,
            "stats": {"malicious": 0, "harmless": 68, "undetected": 26},
        });
        let ok = cached(response(
            "The analysis",
            "AnalysisBody",
            Some(enveloped(&example)),
        ));
        let ok = ok.header("Retry-After", later).build();
        BTreeMap::from([("200".to_owned(), ok.into())])
    }
}

impl IntoResponses for StartedAnswer {
    fn responses() -> Responses {
        let location = header("`/api/v1/analyses/{analysis_id}`", Type::String);
        let ok = response("The descriptor of the analysis", "ObjectBody", None);
        let ok = ok.header("Location", location).build();
        BTreeMap::from([("202".to_owned(), ok.into())])
    }
}

impl IntoResponses for OneObject {
    fn responses() -> Responses {
        let ok = cached(response("The object", "ObjectBody", None));
        BTreeMap::from([("200".to_owned(), ok.build().into())])
    }
}

/// The report on an indicator of any type.
#[derive(Debug)]
pub struct AnyReport;

/// Returns the responses of a report with this body, and these attributes as the example.
fn report(body: &str, attributes: &Value) -> Responses {
    let ok = with_bundle(response("The report", body, Some(enveloped(attributes))));
    BTreeMap::from([("200".to_owned(), cached(ok).build().into())])
}

fn with_bundle(response: ResponseBuilder) -> ResponseBuilder {
    response.content(STIX, Content::new(Some(any_object())))
}

fn enveloped(data: &Value) -> Value {
    json!({"data": data, "format": "json"})
}

/// Documents the headers of responses that could come from the cache.
fn cached(response: ResponseBuilder) -> ResponseBuilder {
    response
        .header(
            "X-Cache",
            header(
                "`HIT` from the cache, `MISS` from VirusTotal, `STALE` from the cache past its time",
                Type::String,
            ),
        )
        .header(
            "X-Cache-Reason",
            header(
                "The reason for a stale answer: `quota` or `upstream`; left out where the request \
                 allowed it",
                Type::String,
            ),
        )
        .header(
            "Age",
            header("Seconds since VirusTotal was asked", Type::Integer),
        )
        .header(
            "ETag",
            header(
                "Names these bytes; with it in `If-None-Match` an unchanged answer is a 304",
                Type::String,
            ),
        )
}

/// Starts a response: its JSON envelope with an example, and the bare documents.
fn response(description: &str, envelope: &str, example: Option<Value>) -> ResponseBuilder {
    let text = || Content::new(Some(Object::with_type(Type::String)));
    let json = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(envelope)))
        .example(example);
    ResponseBuilder::new()
        .description(description)
        .content("application/json", json.build())
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

/// Returns a header of a response.
pub(super) fn header(description: &str, value: Type) -> Header {
    HeaderBuilder::new()
        .schema(Some(Object::with_type(value)))
        .description(Some(description))
        .build()
}
