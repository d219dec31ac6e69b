//! The way to a gateway: one in this process, or one elsewhere.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, Bytes},
};
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Limited};
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use tower::ServiceExt as _;
use url::Url;

use super::failure::Failure;
use crate::{
    access::ApiKey,
    app::InProcess,
    config::{Config, RemoteTask, tls},
    http::extract::locality::OwnRequest,
};

/// The header of the credential.
const KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The time within which a gateway elsewhere has to be reached.
const CONNECT: Duration = Duration::from_secs(10);

/// The largest answer that is read as a whole, in bytes.
const MAX_ANSWER: usize = 128 * 1024 * 1024;

/// The length from which a token is told from ordinary text.
const LEAST_TOKEN: usize = 8;

/// The way to a gateway. Clones share it.
#[derive(Clone, Debug)]
pub(super) enum Door {
    /// A gateway in this process.
    Here { gateway: InProcess, router: Router },
    /// A gateway elsewhere.
    There {
        client: reqwest::Client,
        url: Url,
        token: Option<SecretString>,
    },
}

impl Door {
    /// Starts a gateway, or prepares the way to one elsewhere, which is given up after such a silence.
    pub(super) async fn open(
        gateway: Option<&RemoteTask>,
        config: Config,
        silence: Duration,
    ) -> Result<Self, Failure> {
        let Some(remote) = gateway else {
            let gateway = match InProcess::start(config).await {
                Ok(gateway) => gateway,
                Err(error) => {
                    let mistakes = error.mistakes();
                    if mistakes.is_empty() {
                        return Err(Failure::unavailable(error.to_string()));
                    }
                    return Err(Failure::usage(mistakes.join("\n  ")));
                }
            };
            let router = gateway.router();
            return Ok(Self::Here { gateway, router });
        };
        let failed = |error: &dyn std::error::Error| {
            Failure::unavailable(format!("no connection can be set up: {error}"))
        };
        let authorities = config
            .upstream
            .ca_file
            .as_deref()
            .map(tls::read_authorities);
        let authorities = authorities.transpose().map_err(|error| failed(&error))?;
        let tls = tls::client(&authorities.unwrap_or_default()).map_err(|error| failed(&error))?;
        let mut client = reqwest::Client::builder();
        if remote.is_local() {
            client = client.no_proxy();
        }
        let client = client
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT)
            .read_timeout(silence)
            .user_agent(concat!("vt4ai/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self::There {
            client,
            url: remote.url.clone(),
            token: remote.token.clone(),
        })
    }

    /// Ends the gateway in this process.
    pub(super) async fn close(self) {
        if let Self::Here { gateway, router } = self {
            drop(router);
            gateway.stop().await;
        }
    }

    /// Returns the settings that give a caller a credential.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Here { .. } => {
                "set VT4AI_API_KEY or VT4AI_API_KEY_FILE to a VirusTotal key, or try `--demo`"
            }
            Self::There { .. } => "set VT4AI_TOKEN to a client token of the gateway",
        }
    }

    /// Returns a text of a gateway elsewhere without the token, which it could repeat: what is written
    /// out ends in a model's context or in a log.
    pub(super) fn without_token(&self, text: String) -> String {
        match self {
            Self::There {
                token: Some(token), ..
            } if token.expose_secret().len() >= LEAST_TOKEN => {
                text.replace(token.expose_secret(), "…")
            }
            _ => text,
        }
    }

    /// Whether requests carry a credential.
    pub(super) fn has_credential(&self) -> bool {
        match self {
            Self::Here { gateway, .. } => gateway.key().is_some(),
            Self::There { token, .. } => token.is_some(),
        }
    }

    /// Sends a request, whose address is a path with a query, with the credential.
    pub(super) async fn send(
        &self,
        mut request: Request<Bytes>,
    ) -> Result<Response<Body>, Failure> {
        let secret = match self {
            Self::Here { gateway, .. } => gateway.key().map(ApiKey::expose),
            Self::There { token, .. } => token.as_ref().map(ExposeSecret::expose_secret),
        };
        if let Some(secret) = secret {
            let mut credential = HeaderValue::from_str(secret)
                .map_err(|_| Failure::usage("VT4AI_TOKEN has characters that no token has"))?;
            credential.set_sensitive(true);
            request.headers_mut().insert(KEY, credential);
        }
        self.pass_on(request).await
    }

    /// Sends a request as one of the process itself, which may spend the key of the settings without
    /// a credential. One that goes elsewhere has the credential.
    pub(super) async fn send_own(
        &self,
        mut request: Request<Bytes>,
    ) -> Result<Response<Body>, Failure> {
        match self {
            Self::Here { .. } => {
                request.extensions_mut().insert(OwnRequest);
                self.pass_on(request).await
            }
            Self::There { .. } => self.send(request).await,
        }
    }

    async fn pass_on(&self, mut request: Request<Bytes>) -> Result<Response<Body>, Failure> {
        match self {
            Self::Here { router, .. } => {
                let host = HeaderValue::from_static("localhost");
                request.headers_mut().insert(header::HOST, host);
                let request = request.map(Body::from);
                match router.clone().oneshot(request).await {
                    Ok(response) => Ok(response),
                    Err(never) => match never {},
                }
            }
            Self::There { client, url, .. } => send_there(client, url, request).await,
        }
    }

    /// Sends a request and reads the whole answer. One that is no success is a failure.
    pub(super) async fn fetch(&self, request: Request<Bytes>) -> Result<Bytes, Failure> {
        let (parts, body) = self.send(request).await?.into_parts();
        let body = read(body).await?;
        if !parts.status.is_success() {
            return Err(Failure::of_answer(parts.status, &body));
        }
        Ok(body)
    }
}

/// Reads a whole body.
pub(super) async fn read(body: Body) -> Result<Bytes, Failure> {
    match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(_) => Err(Failure::unavailable("the gateway's answer ended early")),
    }
}

async fn send_there(
    client: &reqwest::Client,
    base: &Url,
    request: Request<Bytes>,
) -> Result<Response<Body>, Failure> {
    let (parts, body) = request.into_parts();
    let mut url = base.clone();
    url.set_path(&format!(
        "{}{}",
        base.path().trim_end_matches('/'),
        parts.uri.path()
    ));
    url.set_query(parts.uri.query());
    let sent = client
        .request(parts.method, url)
        .headers(parts.headers)
        .body(body)
        .send()
        .await;
    match sent {
        Ok(response) => Ok(Response::from(response).map(Body::new)),
        Err(error) => {
            let why = if error.is_connect() {
                "can't be reached"
            } else {
                "does not answer"
            };
            Err(Failure::unavailable(format!(
                "the gateway {why}: {}",
                cause(&error)
            )))
        }
    }
}

/// Returns the innermost cause of an error, which names no URL.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
