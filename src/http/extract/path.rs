//! Identifiers in paths, each checked and normalised by its extractor.

use axum::{
    Extension, RequestPartsExt as _,
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterIn},
};

use super::caller::note_subject;
use crate::{
    http::{
        error::ApiError,
        openapi::parameters::path_parameter,
        state::{AppState, Gateway},
    },
    indicator::{Indicator, Kind},
};

/// The percent-decoded parameters of a route, in their order.
#[derive(Debug)]
pub struct Segments(RawPathParams);

impl Segments {
    /// Returns the parameter at this place, or an empty text where the route has fewer.
    pub fn at(&self, place: usize) -> &str {
        let mut values = self.0.iter().map(|(_, value)| value);
        values.nth(place).unwrap_or_default()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Segments {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match RawPathParams::from_request_parts(parts, state).await {
            Ok(segments) => Ok(Self(segments)),
            Err(_) => Err(ApiError::bad_request(
                "the path is not valid UTF-8 once percent-decoded",
            )),
        }
    }
}

/// The indicator in the path of a route that every collection has.
#[derive(Debug)]
pub struct InCollection(pub Indicator);

impl FromRequestParts<AppState> for InCollection {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &AppState) -> Result<Self, ApiError> {
        let kind = collection(parts).await?;
        indicator(parts, gateway, kind).await.map(Self)
    }
}

/// Returns the collection that a request's route belongs to.
pub async fn collection(parts: &mut Parts) -> Result<Kind, ApiError> {
    match parts.extract::<Extension<Kind>>().await {
        Ok(Extension(kind)) => Ok(kind),
        Err(error) => Err(ApiError::internal(error.to_string())),
    }
}

/// Parses the first parameter of a route as an indicator of this kind, and notes it.
pub async fn indicator(
    parts: &mut Parts,
    gateway: &Gateway,
    kind: Kind,
) -> Result<Indicator, ApiError> {
    let segments: Segments = parts.extract().await?;
    let indicator = Indicator::parse(kind, segments.at(0))?;
    note_subject(parts, gateway, kind.name(), indicator.id());
    Ok(indicator)
}

macro_rules! path_parameters {
    ($($(#[$doc:meta])* $name:ident: $kind:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(pub Indicator);

        impl FromRequestParts<AppState> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(
                parts: &mut Parts,
                gateway: &AppState,
            ) -> Result<Self, ApiError> {
                indicator(parts, gateway, $kind).await.map(Self)
            }
        }

        impl IntoParams for $name {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                vec![path_parameter($kind)]
            }
        }
    )*};
}

path_parameters! {
    /// A file in a path, by its hash.
    FileHash: Kind::File;
    /// A URL in a path, by its id.
    UrlId: Kind::Url;
    /// A domain in a path.
    DomainName: Kind::Domain;
    /// An IP address in a path.
    IpAddress: Kind::Ip;
}
