//! Requests that are passed on, and whose answers are not kept.

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
    response::Response,
};

use super::{
    handle::Passing,
    headers,
    respond::{self, PassingBody},
    route::{BodyKind, Forward},
    scan,
};
use crate::{
    access::{KeyFilter, RequestContext, without_key},
    cache::ObjectName,
    http::{error::ApiError, headers::note_tokens},
    indicator::{Indicator, Kind},
    render::rough_tokens,
    submit::forward::{PassedBody, PassedRequest, PassedResponse},
    virustotal::{
        Endpoint,
        forward::{ForwardRequest, ForwardTarget},
    },
};

impl Passing<'_> {
    /// Passes a request on whose answer is not kept.
    pub(super) async fn forward(
        &self,
        context: &RequestContext,
        mut forward: Forward,
        mut body: Body,
    ) -> Result<Response, ApiError> {
        if forward.body == BodyKind::Unknown {
            let read = scan::read_unknown(&self.parts.headers, body).await?;
            self.refuse_private(&read.indicators)?;
            self.refuse_private_texts(&read.texts)?;
            body = read.body;
        }
        if forward.body == BodyKind::ScanForm {
            let scanned = scan::read(&self.parts.headers, body).await?;
            let urls: Vec<_> = scanned.urls.iter().map(Indicator::from).collect();
            if let Some(url) = scanned.urls.first() {
                self.note(Kind::Url.name(), url.as_str());
            }
            self.refuse_private(&urls)?;
            if let Some(write) = &mut forward.write
                && write.has_answer
            {
                write.objects = urls.iter().map(ObjectName::of).collect();
            }
            body = scanned.bytes.into();
        }
        let passed = PassedRequest {
            request: self.request(
                ForwardTarget::Api(self.target.raw.to_owned()),
                forward.endpoint,
            ),
            body: &mut body,
            write: forward.write,
            wait: Some(self.wait),
        };
        let submit = &self.entrance.gateway.submit;
        let response = submit.forward(context, passed).await?;
        self.respond(context, response).await
    }

    pub(super) fn request(&self, to: ForwardTarget, endpoint: Endpoint) -> ForwardRequest {
        ForwardRequest {
            method: self.parts.method.clone(),
            to,
            endpoint,
            headers: headers::of_forwarded(&self.parts.headers),
            body: None,
        }
    }

    /// Returns VirusTotal's response, with its links rewritten.
    pub(super) async fn respond(
        &self,
        context: &RequestContext,
        response: PassedResponse,
    ) -> Result<Response, ApiError> {
        let PassedResponse {
            status,
            headers,
            body,
        } = response;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        let mut passed = headers::of_response(&headers, &context.key);
        self.rewrite_location(&mut passed);
        let is_json = respond::is_json(&headers);
        let is_packed = headers.contains_key(header::CONTENT_ENCODING);
        let whole = match body {
            PassedBody::Whole(whole) => whole,
            PassedBody::Stream(mut response, slot) if !(is_json && is_packed) => {
                response.headers = headers;
                let key = (!self.identified.has_own_key()).then(|| KeyFilter::new(&context.key));
                // A part of an answer keeps its place in the whole.
                let is_part = status == StatusCode::PARTIAL_CONTENT;
                let links = (is_json && !is_part).then_some(&self.links);
                let mut body = PassingBody::new(response.into_body(), slot, links, key);
                if is_json && status.is_success() {
                    body = body.metered(context.cost.meter().clone());
                }
                return Ok(body.respond(status, passed));
            }
            PassedBody::Stream(mut response, _slot) => {
                response.headers = headers;
                response.read(&context.cost).await?
            }
        };
        let whole = without_key(&whole, &context.key);
        let body = self.links.apply(&whole);
        let tokens = rough_tokens(body.len());
        let mut response = respond::whole(status, passed, body.into());
        if is_json && status.is_success() {
            note_tokens(&mut response, tokens);
        }
        Ok(response)
    }

    /// Lets a redirect within VirusTotal's API lead to the gateway.
    fn rewrite_location(&self, headers: &mut HeaderMap) {
        let location = headers.get(header::LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        if let Some(to) = location.and_then(|location| self.links.address(location))
            && let Ok(to) = to.try_into()
        {
            headers.insert(header::LOCATION, to);
        }
    }
}
