//! Writes about an indicator that VirusTotal knows: comments, votes, another analysis.

use axum::{RequestPartsExt as _, extract::FromRequestParts, http::request::Parts};

use super::{AnswerFormat, InCollection, MaySubmit};
use crate::{
    access::RequestContext,
    http::{error::ApiError, state::AppState},
    indicator::Indicator,
};

/// A write about the indicator in the path, by a caller that may submit.
#[derive(Debug)]
pub struct WriteAbout {
    /// The key that it spends, and its caller.
    pub context: RequestContext,
    /// The format of the answer.
    pub format: AnswerFormat,
    /// The indicator.
    pub indicator: Indicator,
}

impl FromRequestParts<AppState> for WriteAbout {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &AppState) -> Result<Self, ApiError> {
        let MaySubmit(context) = parts.extract_with_state(gateway).await?;
        let format = parts.extract_with_state(gateway).await?;
        let InCollection(indicator) = parts.extract_with_state(gateway).await?;
        Ok(Self {
            context,
            format,
            indicator,
        })
    }
}
