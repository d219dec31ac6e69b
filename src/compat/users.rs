//! Requests about users.

use axum::{body::Body, http::Method, response::Response};

use super::{handle::Passing, own_user, respond};
use crate::{
    access::clients::Scope,
    clock::Now,
    http::error::ApiError,
    submit::forward::{PassedRequest, PassedWrite},
    virustotal::{Endpoint, OtherEndpoint, forward::ForwardTarget},
};

impl Passing<'_> {
    /// Answers a request about a user: of the client itself, or with the caller's own key.
    pub(super) async fn answer_about_user(
        &self,
        id: Option<&str>,
        asks_for_quotas: bool,
        mut body: Body,
    ) -> Result<Response, ApiError> {
        let gateway = &self.entrance.gateway;
        let context = self.context(&[Scope::Read]).await;
        if self.identified.has_own_key() {
            let context = context?;
            let words = self.target.words();
            let method = self.parts.method.as_str();
            let endpoint = if asks_for_quotas {
                Endpoint::OverallQuotas
            } else {
                Endpoint::Other(OtherEndpoint::of(method, words))
            };
            let is_read = matches!(self.parts.method, Method::GET | Method::HEAD);
            let passed = PassedRequest {
                request: self.request(ForwardTarget::Api(self.target.raw.to_owned()), endpoint),
                body: &mut body,
                write: (!is_read).then(PassedWrite::default),
                wait: (!asks_for_quotas).then_some(self.wait),
            };
            let response = gateway.submit.forward(&context, passed).await?;
            return self.respond(&context, response).await;
        }
        let Some(client) = self.identified.client() else {
            context?;
            return Err(ApiError::forbidden(
                "only a key's own holder may ask about its user: send your VirusTotal key in \
                 `x-apikey`",
            ));
        };
        if !id.is_some_and(|id| client.holds(id.as_bytes())) {
            return Err(ApiError::forbidden(
                "a client token may ask about its own user only, by the token in the path",
            ));
        }
        let context = context?;
        let usage = gateway.clients.as_ref();
        let usage = usage.map(|clients| clients.usage(&client, Now::read()));
        let report = gateway.quota.report(context.key.hash());
        let quotas = own_user::quotas(usage.unwrap_or_default(), &report);
        Ok(respond::made(&if asks_for_quotas {
            own_user::overall_quotas(&quotas)
        } else {
            own_user::user(&client, &quotas, self.links.to())
        }))
    }
}
