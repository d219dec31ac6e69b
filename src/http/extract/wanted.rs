//! The answer that a request wants: its query with the headers that go with it.

use std::marker::PhantomData;

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse as _, Response},
};

use super::{
    caller::note_subject,
    format::{ChoosesFormat, FormatQuery},
    freshness::{self, WaitQuery},
    list,
    query::{FromQuery, StrictQuery},
    view::{ViewQuery, WantedView},
};
use crate::{
    http::{error::ApiError, headers, state::AppState},
    lookup::{Freshness, Reply},
};

/// The answer that a read wants: view, freshness, and the parameters `Q` of its own. `F` is the
/// parameter that chooses the format.
#[derive(Debug)]
pub struct Wanted<Q, F = FormatQuery> {
    /// The parameters beside those of the view and `wait`.
    pub query: Q,
    /// The format and the view, from the query and `Accept`.
    pub view: WantedView,
    /// The freshness, from `Cache-Control` and `wait`.
    pub freshness: Freshness,
    /// The values of `If-None-Match`.
    etags: Vec<HeaderValue>,
    /// The request's own target, for the link to the next page.
    target: Uri,
    chosen_by: PhantomData<F>,
}

impl<Q: FromQuery, F: ChoosesFormat> FromRequestParts<AppState> for Wanted<Q, F> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gateway: &AppState) -> Result<Self, ApiError> {
        let StrictQuery(((format, view), query, WaitQuery { wait })) =
            StrictQuery::<((F, ViewQuery), Q, _)>::of(parts)?;
        if let Some((kind, text)) = query.subject() {
            note_subject(parts, gateway, kind, text);
        }
        let headers = &parts.headers;
        let format = format.choose(headers, gateway.views.format);
        Ok(Self {
            query,
            view: WantedView::of_now(format, view, gateway),
            freshness: Freshness {
                wait: wait.unwrap_or_default(),
                ..freshness::read_control(headers)
            },
            etags: headers
                .get_all(header::IF_NONE_MATCH)
                .iter()
                .cloned()
                .collect(),
            target: parts.uri.clone(),
            chosen_by: PhantomData,
        })
    }
}

impl<A, B, F> Wanted<(A, B), F> {
    /// Splits off the first group of parameters.
    pub fn split_first(self) -> (A, Wanted<B, F>) {
        let (first, query) = self.query;
        let rest = Wanted {
            query,
            view: self.view,
            freshness: self.freshness,
            etags: self.etags,
            target: self.target,
            chosen_by: PhantomData,
        };
        (first, rest)
    }
}

impl<Q, F> Wanted<Q, F> {
    /// Returns an answer with its age and, on a list, its next page; a 304 where the caller has it.
    pub fn respond(&self, reply: Reply) -> Response {
        let Reply { view, provenance } = reply;
        let mut response = if headers::is_known(&self.etags, &view.etag) {
            (StatusCode::NOT_MODIFIED, Body::empty()).into_response()
        } else {
            let mut response = self.view.format.respond(view.body);
            headers::note_tokens(&mut response, view.size.tokens);
            response
        };
        let headers = response.headers_mut();
        // Reserves once for all headers that will be there: twelve with those that are there already.
        headers.reserve(8);
        if let Ok(etag) = HeaderValue::from_str(&view.etag) {
            headers.insert(header::ETAG, etag);
        }
        let cursor = view.cursor.as_deref();
        if let Some(link) = cursor.and_then(|cursor| list::next_page(&self.target, cursor)) {
            headers.insert(header::LINK, link);
        }
        headers::say_provenance(&mut response, provenance);
        response
    }
}
