//! `get_report`: the facts about one indicator.

use serde_json::{Map, Value, json};

use super::{ToolRun, budget, max_tokens, row::shortened};
use crate::{
    access::clients::Scope,
    http::{error::ApiError, handlers::reports::parse_relationships},
    indicator::Indicator,
    lookup::{FetchError, Freshness, LookupError, ReportQuery},
    mcp::{
        arguments::Arguments,
        budget::{Budget, ResultDraft, StructuredMember},
        results::{ToolResult, json_of, schema},
        tools::{related, related_ids::SharedIds},
        views::{Limits, ModelView, TwoForms, read_fields},
    },
    render::{Detail, inert_cell},
};

const NAMES: [&str; 5] = ["indicator", "fields", "view", "relationships", "max_tokens"];

/// The limits of a brief. Other views share the whole budget.
const BRIEF: Limits = Limits {
    data: 450,
    text: 400,
    reserve: 40,
    cursor: 0,
};

/// The number of omitted attributes that structured content names.
const MOST_OMITTED: usize = 8;

/// The letters of a URL in an error.
const MOST_LETTERS: usize = 100;

/// The note beside a report without a field that was asked for.
const NO_SUCH_FIELDS: &str =
    "\n\nNo attribute matches `fields`; `view` \"full\" names those there are.";

/// The tokens of the members beside the report.
const ENVELOPE: usize = 25;

pub(super) fn definition() -> Value {
    json!({
        "title": "Get report",
        "description": "The facts about one hash, URL, domain or IP address: brief by default, \
            `standard` or `full` for more, or only the attributes in `fields`. `relationships` adds \
            up to 20 ids of each at no further lookup.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "indicator": {"type": "string", "examples": ["hxxp://evil[.]example/a"]},
                "view": {"enum": ["brief", "standard", "full"], "default": "brief"},
                "fields": {
                    "type": "array",
                    "items": {"type": "string"},
                    "maxItems": 100,
                    "examples": [["names", "pe_info.*"]],
                },
                "relationships": {
                    "type": "array",
                    "items": {"type": "string"},
                    "maxItems": 10,
                    "examples": [["contacted_ips"]],
                },
                "max_tokens": max_tokens(),
            },
            "required": ["indicator"],
            "additionalProperties": false,
        },
        "outputSchema": schema(
            &json!({
                "report": {"type": "object"},
                "complete": {"type": "boolean"},
                "relationships": {"type": "object"},
                "omitted": {"type": "array", "items": {"type": "string"}},
            }),
            &["report"],
        ),
    })
}

pub(super) async fn run(
    call: &ToolRun<'_>,
    arguments: &Map<String, Value>,
) -> Result<ToolResult, ApiError> {
    let arguments = Arguments::of(arguments, &NAMES)?;
    let budget = budget(&arguments)?;
    let fields = arguments.joined("fields")?;
    let fields = read_fields(fields.as_deref())?;
    let detail = detail(&arguments, fields.is_some())?;
    let given = arguments.required("indicator", "a hash, URL, domain or IP address")?;
    let indicator = call.indicator(given)?;
    let names = arguments.joined("relationships")?.unwrap_or_default();
    for name in names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        related::check_name(indicator.kind(), &name.to_ascii_lowercase(), budget)?;
    }
    let relationships = parse_relationships(&names)?;
    let query = ReportQuery {
        indicator,
        relationships,
    };
    let gateway = &call.visit.gateway;
    let templates = gateway.templates.current();
    let shown = ModelView {
        detail,
        fields: fields.as_ref(),
        ..ModelView::brief(gateway, &templates)
    };
    let names = &query.relationships;
    let limits = limits(detail, budget, names);
    let freshness = Freshness::default();
    let shape = shown
        .shape(budget, limits, async |views| {
            let lookup = &gateway.lookup;
            lookup
                .report_twice(&call.context, &query, views, &freshness)
                .await
        })
        .await
        .map_err(|error| explained(call, &query.indicator, error))?;
    let origin = shape.origin;
    let has_fields = fields.is_some();
    let draft = draft(shape, has_fields, names, budget);
    Ok(ToolResult::new(draft, budget).from(origin))
}

/// Returns the error of a report. VirusTotal names a URL by an id that the caller never saw.
fn explained(call: &ToolRun<'_>, indicator: &Indicator, error: LookupError) -> ApiError {
    let is_missing = matches!(error, LookupError::Fetch(FetchError::NotFound(..)));
    let error = ApiError::from(error);
    let Some(url) = indicator.web_url().filter(|_| is_missing) else {
        return error;
    };
    let url = inert_cell(&shortened(url.as_str(), MOST_LETTERS));
    let error = error.saying(format!("the URL {url} was not found; check the spelling"));
    if call.visit.access.may(Scope::Submit) {
        error.with_advice("or have it analysed with `submit`, if the user agrees")
    } else {
        error
    }
}

fn detail(arguments: &Arguments<'_>, has_fields: bool) -> Result<Detail, ApiError> {
    let given = match arguments.text("view")? {
        Some(text) => match text.trim().to_ascii_lowercase().parse() {
            Ok(detail) => Some(detail),
            Err(_) => {
                return Err(ApiError::bad_request(
                    "argument `view`: expected one of `brief`, `standard`, `full`",
                ));
            }
        },
        None => None,
    };
    match (given, has_fields) {
        (Some(Detail::Brief), true) => Err(ApiError::bad_request(
            "`view` \"brief\" and `fields` contradict each other: leave one of them out",
        )),
        // The fields are the view.
        (_, true) => Ok(Detail::Standard),
        (given, false) => Ok(given.unwrap_or(Detail::Brief)),
    }
}

fn limits(detail: Detail, budget: Budget, names: &[String]) -> Limits {
    let all = budget.planned();
    let mut limits = match detail {
        Detail::Brief => BRIEF.scaled(budget),
        Detail::Standard | Detail::Full => Limits {
            data: all,
            text: all,
            ..BRIEF
        },
    };
    if !names.is_empty() {
        let least = ENVELOPE + SharedIds::least(names);
        limits.reserve = least.min(all / 2).max(all / 3).max(limits.reserve);
    }
    limits
}

fn draft(shape: TwoForms, has_fields: bool, names: &[String], budget: Budget) -> ResultDraft {
    let mut complete = shape.is_complete();
    let TwoForms {
        data,
        meta,
        text,
        size,
        ..
    } = shape;
    let mut text = vec![text];
    if has_fields && complete && data == "{}" {
        text.push(NO_SUCH_FIELDS.to_owned());
    }
    let mut members = vec![StructuredMember::new("report", object(data))];
    let mut omitted = Vec::new();
    if let Some(related) = &meta.relationships {
        let room = budget.planned_beside(size).saturating_sub(ENVELOPE);
        let shared = SharedIds::of(related, names, room);
        complete &= shared.is_whole;
        text.extend(shared.left_out_line());
        omitted.extend(
            shared
                .left_out
                .iter()
                .map(|name| format!("relationships.{name}")),
        );
        members.push(StructuredMember::new("relationships", shared.json()));
        text.extend(shared.lines());
    }
    members.push(StructuredMember::complete(complete));
    let paths = meta.omitted.into_iter().take(MOST_OMITTED);
    omitted.extend(paths.map(|omitted| omitted.path));
    if !omitted.is_empty() {
        members.push(StructuredMember::optional("omitted", json_of(&omitted)));
    }
    ResultDraft {
        text,
        members,
        rendered: Some(size),
    }
}

/// Returns a report as an object. VirusTotal may give no attributes.
fn object(data: String) -> String {
    if data.starts_with('{') {
        data
    } else {
        "{}".to_owned()
    }
}
