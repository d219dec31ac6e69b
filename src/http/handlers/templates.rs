//! The list of templates, and each template.

use axum::{
    Json, RequestPartsExt as _,
    extract::{FromRequestParts, State},
    http::request::Parts,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::{
        error::{ApiError, ErrorDocument},
        extract::path::Segments,
        openapi::errors::OpenErrors,
        state::AppState,
    },
    indicator::Kind,
    render::template::Template,
};

/// The path of a template.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct TemplatePath {
    /// The template's name
    #[param(example = "vt4ai_file_basics")]
    name: String,
}

impl FromRequestParts<AppState> for TemplatePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        let segments: Segments = parts.extract().await?;
        Ok(Self {
            name: segments.at(0).to_owned(),
        })
    }
}

/// A template in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedFilter)]
struct TemplateSummary {
    #[schema(example = "vt4ai_file_basics")]
    name: String,
    description: String,
    /// Whether it applies where a request names none.
    default: bool,
}

/// All templates, by the type of object they are for.
#[derive(Serialize, ToSchema)]
#[schema(as = FiltersByType)]
struct TemplateList {
    file: Vec<TemplateSummary>,
    url: Vec<TemplateSummary>,
    domain: Vec<TemplateSummary>,
    ip: Vec<TemplateSummary>,
}

/// Templates by type of object
///
/// The names that `template_name` takes.
#[utoipa::path(get, path = "/templates", tag = "Templates", security(()), responses(
    (status = 200, description = "For `file`, `url`, `domain` and `ip`, the templates there are",
     body = TemplateList),
    OpenErrors,
))]
pub async fn list_templates(State(gateway): State<AppState>) -> impl IntoResponse {
    let summary = |template: &Template| TemplateSummary {
        name: template.name.clone(),
        description: template.description.clone(),
        default: template.default,
    };
    let templates = gateway.templates.current();
    let of = |kind| templates.of(kind).map(summary).collect();
    Json(TemplateList {
        file: of(Kind::File),
        url: of(Kind::Url),
        domain: of(Kind::Domain),
        ip: of(Kind::Ip),
    })
}

/// One template
///
/// The attributes that a template leaves out, as dotted paths in which `*` is any one key or array
/// element.
#[utoipa::path(get, path = "/templates/{name}", tag = "Templates", security(()),
    params(TemplatePath),
    responses(
        (status = 200, description = "The template itself", body = Template),
        (status = 404, description = "No template has this name", body = ErrorDocument<'static>),
        OpenErrors,
    ),
)]
pub async fn get_template(
    State(gateway): State<AppState>,
    TemplatePath { name }: TemplatePath,
) -> Result<Response, ApiError> {
    match gateway.templates.current().named(&name) {
        Some(template) => Ok(Json(template).into_response()),
        None => Err(ApiError::not_found(
            "no such template; `/templates` lists those there are",
        )),
    }
}
