//! The handler of this entrance.

use std::time::{Duration, Instant};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts, uri::Authority},
    response::Response,
};
use tokio::time::{sleep, timeout};

use super::{
    Entrance,
    addresses::{AddressOwner, UploadDestination},
    headers, own_user,
    respond::{self, PassingBody},
    route::{Action, Forward, Route, UPLOAD},
    scan,
    target::{API, Target},
};
use crate::{
    access::{KeyFilter, RequestContext, clients::Scope, holds_token, without_key},
    cache::ObjectName,
    clock::Now,
    http::{
        AppState,
        error::ApiError,
        extract::{
            authority,
            caller::{Identified, context_with, identified, note_subject},
            forwarded, freshness, peer,
        },
    },
    indicator::Indicator,
    lookup::{FetchError, Freshness, LookupError, PassedQuery},
    render::links::{LinkRules, data_text},
    submit::forward::{PassedBody, PassedRequest, PassedResponse, PassedWrite},
    virustotal::{
        Endpoint, UpstreamError, Verbatim,
        forward::{ForwardRequest, ForwardTarget},
    },
};

/// VirusTotal's own address of its API, which links lead to whatever the upstream's address is.
const VIRUSTOTAL: &str = "https://www.virustotal.com/api/v3";

/// The pause before a request asks again for a place in the queue for quota.
const PLACE_PAUSE: Duration = Duration::from_millis(250);

/// A request with everything that is known of it before it is answered.
struct Passing<'a> {
    entrance: &'a Entrance,
    parts: &'a Parts,
    target: Target<'a>,
    identified: &'a Identified,
    links: LinkRules,
    /// The time for which it waits for a unit.
    wait: Duration,
}

/// Answers a request of one of VirusTotal's own clients.
pub async fn pass_on(
    State(entrance): State<Entrance>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let gateway = &entrance.gateway;
    let identified = identified(&parts)?;
    let client = identified.client();
    let own_wait = client.and_then(|client| client.wait);
    let passing = Passing {
        target: Target::parse(&parts.uri)?,
        identified,
        links: links(gateway, &parts),
        wait: own_wait.unwrap_or(gateway.compat_wait),
        entrance: &entrance,
        parts: &parts,
    };
    let route = Route::of(&parts.method, &passing.target)?;
    // Boxed: the future is large, and the layers around wrap it several times.
    let answer = Box::pin(passing.answer(route, body));
    if matches!(parts.method, Method::POST | Method::PUT | Method::PATCH) {
        // What arrives slowly is ended by its pace.
        return answer.await;
    }
    let time = gateway.limits.longest() + passing.wait;
    timeout(time, answer)
        .await
        .unwrap_or_else(|_| Err(ApiError::too_slow(time)))
}

impl Passing<'_> {
    async fn answer(&self, route: Route, body: Body) -> Result<Response, ApiError> {
        let Route {
            scopes,
            indicators,
            action,
        } = route;
        let context = match &action {
            Action::User(id, asks_for_quotas) => {
                let id = id.as_deref();
                return self.answer_about_user(id, *asks_for_quotas, body).await;
            }
            _ => self.context(scopes).await?,
        };
        self.refuse_credential()?;
        self.refuse_private(&indicators)?;
        if let Some(indicator) = indicators.first() {
            let kind = indicator.kind().name();
            note_subject(self.parts, &self.entrance.gateway, kind, indicator.id());
        }
        match action {
            Action::Read(query) => self.read(&context, query).await,
            Action::Forward(forward) => self.forward(&context, forward, body).await,
            Action::GiveAddress {
                endpoint,
                is_private,
            } => self.give_address(&context, endpoint, is_private).await,
            Action::Upload(token) => self.upload(&context, &token, body).await,
            Action::User(..) => Err(ApiError::not_found("no such user")),
        }
    }

    async fn context(&self, scopes: &[Scope]) -> Result<RequestContext, ApiError> {
        context_with(self.parts, &self.entrance.gateway, scopes).await
    }

    /// Rejects a target that holds a client token, which must not leave.
    fn refuse_credential(&self) -> Result<(), ApiError> {
        if holds_token(self.target.raw.as_bytes()) {
            return Err(ApiError::bad_request(
                "a client token stands in the path or the query: send it in the header `x-apikey`",
            ));
        }
        Ok(())
    }

    fn refuse_private(&self, indicators: &[Indicator]) -> Result<(), ApiError> {
        let submit = &self.entrance.gateway.submit;
        for indicator in indicators {
            if let Some(reason) = submit.private_reason(indicator) {
                return Err(ApiError::private(self.private_status(), reason));
            }
        }
        for name in ["query", "filter"] {
            for value in self.target.values(name) {
                if let Some(reason) = submit.private_reason_in_query(&value) {
                    return Err(ApiError::private(self.private_status(), reason));
                }
            }
        }
        Ok(())
    }

    /// Returns the status for something private: "not found" for a read, else "forbidden".
    fn private_status(&self) -> StatusCode {
        match self.parts.method {
            Method::GET | Method::HEAD => StatusCode::NOT_FOUND,
            _ => StatusCode::FORBIDDEN,
        }
    }

    /// Answers a read whose answer is kept.
    async fn read(
        &self,
        context: &RequestContext,
        mut query: PassedQuery,
    ) -> Result<Response, ApiError> {
        let kept = headers::of_kept(&self.parts.headers);
        if let Some(tool) = headers::tool_of(&kept) {
            query.call = query.call.by_tool(&tool);
        }
        query.call = query.call.as_sent(Verbatim {
            target: self.target.raw.to_owned(),
            headers: kept,
        });
        let lookup = &self.entrance.gateway.lookup;
        let control = freshness::read_control(&self.parts.headers);
        let end = Instant::now() + self.wait;
        loop {
            let freshness = Freshness {
                wait: end.saturating_duration_since(Instant::now()),
                ..control
            };
            match lookup.pass(context, &query, &self.links, &freshness).await {
                Ok(reply) => return Ok(respond::kept(reply)),
                // The caller has its share of the places in the queue, so it waits for one.
                Err(error) if is_for_lack_of_place(&error) && freshness.wait > PLACE_PAUSE => {
                    context.cost.waiting(sleep(PLACE_PAUSE)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Passes a request on whose answer is not kept.
    async fn forward(
        &self,
        context: &RequestContext,
        mut forward: Forward,
        mut body: Body,
    ) -> Result<Response, ApiError> {
        if forward.has_url {
            let scanned = scan::read(&self.parts.headers, body).await?;
            let urls: Vec<_> = scanned.urls.iter().map(Indicator::from).collect();
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

    fn request(&self, to: ForwardTarget, endpoint: Endpoint) -> ForwardRequest {
        ForwardRequest {
            method: self.parts.method.clone(),
            to,
            endpoint,
            headers: headers::of_forwarded(&self.parts.headers),
            body: None,
        }
    }

    /// Returns VirusTotal's response, with its links rewritten.
    async fn respond(
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
                let links = is_json.then_some(&self.links);
                let body = PassingBody::new(response.into_body(), slot, links, key);
                return Ok(body.respond(status, passed));
            }
            PassedBody::Stream(mut response, _slot) => {
                response.headers = headers;
                response.read(&context.cost).await?
            }
        };
        let whole = without_key(&whole, &context.key);
        Ok(respond::whole(
            status,
            passed,
            self.links.apply(&whole).into(),
        ))
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

    /// Has VirusTotal give an address for an upload, and gives one of the gateway in its place.
    async fn give_address(
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
    async fn upload(
        &self,
        context: &RequestContext,
        token: &str,
        mut body: Body,
    ) -> Result<Response, ApiError> {
        let owner = self.owner(context);
        let taken = self.entrance.addresses.take(token, owner, Instant::now());
        let Some(UploadDestination { url, is_private }) = taken else {
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

    /// Answers a request about a user: of the client itself, or with the caller's own key.
    async fn answer_about_user(
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
                Endpoint::Other(crate::virustotal::OtherEndpoint::of(method, words))
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

/// Whether a lookup failed because its caller has its share of the places in a queue.
fn is_for_lack_of_place(error: &LookupError) -> bool {
    matches!(
        error,
        LookupError::Fetch(FetchError::Exhausted(exhausted)) if exhausted.full.is_some()
    )
}

/// Returns the rules by which links lead to the gateway, as the request names it.
fn links(gateway: &AppState, parts: &Parts) -> LinkRules {
    let host = authority::of(&parts.headers, &parts.uri).filter(|host| is_host(host));
    let Some(host) = host else {
        // Nothing is rewritten for a request that names no host.
        return LinkRules::new([], String::new());
    };
    let peer = peer::address(&parts.extensions);
    let trusted = &gateway.access.trusted_proxies;
    let scheme = if forwarded::is_secure(peer, &parts.headers, trusted) {
        "https"
    } else {
        "http"
    };
    let upstream = gateway.virustotal.api_address().to_owned();
    let from = [upstream, VIRUSTOTAL.to_owned()];
    LinkRules::new(from, format!("{scheme}://{host}{API}"))
}

/// Whether a text is a host that can stand in an address and in JSON as it is.
fn is_host(text: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    (1..=255).contains(&text.len()) && text.bytes().all(is_fit) && text.parse::<Authority>().is_ok()
}
