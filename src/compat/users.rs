//! Requests about users.

use axum::{body::Body, http::Method, response::Response};

use super::{handle::Passing, own_user, respond};
use crate::{
    access::{
        RequestContext,
        clients::{Client, Scope},
    },
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
        body: Body,
    ) -> Result<Response, ApiError> {
        if let Some(client) = self.identified.client() {
            let id = id.filter(|id| client.holds(id.as_bytes()));
            return match id {
                Some(_) => self.answer_about_itself(&client, asks_for_quotas).await,
                None => Err(ApiError::forbidden(
                    "a client token may ask about its own user only, by the token in the path",
                )),
            };
        }
        let context = self.context(&[Scope::Read]).await?;
        self.refuse_credential()?;
        if !self.identified.has_own_key() {
            return Err(ApiError::forbidden(
                "only a key's own holder may ask about its user: send your VirusTotal key in \
                 `x-apikey`",
            ));
        }
        self.forward_about_user(&context, asks_for_quotas, body)
            .await
    }

    /// Passes a request about a user on. Asking for quotas costs none.
    async fn forward_about_user(
        &self,
        context: &RequestContext,
        asks_for_quotas: bool,
        mut body: Body,
    ) -> Result<Response, ApiError> {
        let endpoint = if asks_for_quotas {
            Endpoint::OverallQuotas
        } else {
            let method = self.parts.method.as_str();
            Endpoint::Other(OtherEndpoint::of(method, self.target.words()))
        };
        let is_read = matches!(self.parts.method, Method::GET | Method::HEAD);
        let passed = PassedRequest {
            request: self.request(ForwardTarget::Api(self.target.raw.to_owned()), endpoint),
            body: &mut body,
            write: (!is_read).then(PassedWrite::default),
            wait: (!asks_for_quotas).then_some(self.wait),
        };
        let submit = &self.entrance.gateway.submit;
        let response = submit.forward(context, passed).await?;
        self.respond(context, response).await
    }

    /// Answers a client about itself, whatever its scopes are. VirusTotal's answer would be about
    /// the holder of the key.
    async fn answer_about_itself(
        &self,
        client: &Client,
        asks_for_quotas: bool,
    ) -> Result<Response, ApiError> {
        let gateway = &self.entrance.gateway;
        let scopes = Scope::ALL.into_iter().map(|(scope, _)| scope);
        let scopes: Vec<_> = scopes.filter(|scope| client.may(*scope)).collect();
        let context = self.context(&scopes).await?;
        // What is known of the key will do if VirusTotal does not say more.
        let _ = gateway.quota.refresh(&context).await;
        let usage = gateway.clients.as_ref();
        let usage = usage.map(|clients| clients.usage(client, Now::read()));
        let report = gateway.quota.report(context.key.hash());
        let quotas = own_user::quotas(usage.unwrap_or_default(), &report);
        Ok(respond::made(&if asks_for_quotas {
            own_user::overall_quotas(&quotas)
        } else {
            own_user::user(client, &quotas, self.links.to())
        }))
    }
}
