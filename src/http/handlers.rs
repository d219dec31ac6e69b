//! Handlers, one module for each resource.

pub mod analyses;
pub mod behaviours;
pub mod community;
pub mod fallback;
pub mod health;
pub mod lookup;
pub mod prometheus;
pub mod quota;
pub mod relationships;
pub mod reports;
pub mod root;
pub mod search;
pub mod submissions;
pub mod templates;
pub mod usage;

#[cfg(test)]
mod tests {
    use utoipa::IntoParams;

    use super::{
        relationships::RelationshipQuery,
        reports::{ReportQuery, UrlQuery},
        search::{EverythingQuery, IntelligenceQuery, SearchOptions},
        usage::UsageRange,
    };
    use crate::http::extract::{
        format::{FormatQuery, ReportFormatQuery},
        freshness::WaitQuery,
        list::ListQuery,
        query::FromQuery,
        view::ViewQuery,
    };

    fn is_documented<T: FromQuery + IntoParams>() {
        let documented = T::into_params(|| None).into_iter().map(|it| it.name);
        assert!(T::names().eq(documented));
    }

    #[test]
    fn parameters_that_are_read_are_those_that_are_documented() {
        is_documented::<FormatQuery>();
        is_documented::<ReportFormatQuery>();
        is_documented::<ViewQuery>();
        is_documented::<ReportQuery>();
        is_documented::<WaitQuery>();
        is_documented::<ListQuery>();
        is_documented::<RelationshipQuery>();
        is_documented::<UrlQuery>();
        is_documented::<EverythingQuery>();
        is_documented::<IntelligenceQuery>();
        is_documented::<SearchOptions>();
        is_documented::<UsageRange>();
    }
}
