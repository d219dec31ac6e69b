//! Uploads, at one-time addresses of the gateway.

use std::time::Instant;

use axum::{body::Body, http::StatusCode, response::Response};

use super::{
    addresses::{AddressOwner, UploadDestination},
    handle::Passing,
    headers, respond,
    route::UPLOAD,
};
use crate::{
    access::{RequestContext, clients::Scope},
    http::error::ApiError,
    render::links::data_text,
    submit::forward::{PassedBody, PassedRequest, PassedWrite},
    virustotal::{Endpoint, UpstreamError, forward::ForwardTarget},
};

impl Passing<'_> {
    /// Has VirusTotal give an address for an upload, and gives one of the gateway in its place.
    pub(super) async fn give_address(
        &self,
        context: &RequestContext,
        endpoint: Endpoint,
        is_private: bool,
    ) -> Result<Response, ApiError> {
        if self.links.to().is_empty() {
            return Err(ApiError::bad_request(
                "the request names no host, which the address for the upload needs",
            ));
        }
        let passed = PassedRequest {
            request: self.request(ForwardTarget::Api(self.target.raw.to_owned()), endpoint),
            body: &mut Body::empty(),
            write: None,
            wait: Some(self.wait),
        };
        let gateway = &self.entrance.gateway;
        let response = gateway.submit.forward(context, passed).await?;
        let PassedBody::Stream(mut stream, _slot) = response.body else {
            return Err(UpstreamError::Misdirected.into());
        };
        stream.headers = response.headers.clone();
        let answer = stream.read(&context.cost).await?;
        let found = data_text(&answer);
        let found =
            found.and_then(|(at, text)| Some((at, gateway.virustotal.own_upload_url(&text)?)));
        let Some((at, url)) = found else {
            return Err(UpstreamError::Misdirected.into());
        };
        let destination = UploadDestination { url, is_private };
        let owner = self.owner(context);
        let token = self
            .entrance
            .addresses
            .hold(owner, destination, Instant::now());
        let address = format!("\"{}/{UPLOAD}/{token}\"", self.links.to());
        let mut body = answer.to_vec();
        body.splice(at, address.into_bytes());
        let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::OK);
        let headers = headers::of_response(&response.headers, &context.key);
        Ok(respond::whole(status, headers, body.into()))
    }

    fn owner(&self, context: &RequestContext) -> AddressOwner {
        AddressOwner {
            key: context.key.hash(),
            client: self.identified.client().map(|client| client.hash()),
        }
    }

    /// Passes a file on to the address that VirusTotal gave for it.
    pub(super) async fn upload(
        &self,
        context: &RequestContext,
        token: &str,
        mut body: Body,
    ) -> Result<Response, ApiError> {
        let owner = self.owner(context);
        let found = self.entrance.addresses.take(token, owner, Instant::now());
        let Some(UploadDestination { url, is_private }) = found else {
            return Err(ApiError::not_found(
                "this address for an upload is unknown, was used, is older than an hour, or was \
                 given to another caller; get a new one at `/files/upload_url`",
            ));
        };
        if is_private {
            // Only who may scan in private got such an address; the client may have changed since.
            self.context(&[Scope::Submit, Scope::All]).await?;
        }
        // What is scanned in private changes no public report.
        let write = (!is_private).then(|| PassedWrite {
            objects: vec![Vec::new()],
            has_answer: true,
        });
        let passed = PassedRequest {
            request: self.request(ForwardTarget::OneTime(url), Endpoint::Upload),
            body: &mut body,
            write,
            // The unit was spent when the address was given.
            wait: None,
        };
        let submit = &self.entrance.gateway.submit;
        let response = submit.forward(context, passed).await?;
        self.respond(context, response).await
    }
}
