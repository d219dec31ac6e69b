//! Wiring: names every concrete part, connects the parts and runs them.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use thiserror::Error;
use tokio::{
    join,
    net::TcpListener,
    time::{interval, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use url::Url;

use self::background::Background;
use crate::{
    access::{ApiKey, InvalidKey, clients::file::Mistake},
    cache::PrivateFileError,
    compat,
    config::{Config, Server},
    demo,
    http::{self, Example, Gateway},
    mcp,
    redis::UnusableAuthorities,
    render::template::{ReloadableTemplates, TemplateError, Templates},
    server::{self, ClientPace, Connections, End},
    virustotal::ClientError,
};

mod announce;
mod background;
mod check;
pub mod commands;
mod descriptors;
mod health;
mod in_process;
mod parts;
mod ports;
mod reload;
pub mod runtime;

pub use self::in_process::InProcess;

/// The interval at which state about idle keys and callers is removed.
const FORGET_EVERY: Duration = Duration::from_mins(1);

/// A gateway that is bound to its ports, with its background tasks.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    router: Router,
    gateway: http::AppState,
    /// The admin port and its routes.
    admin: Option<(TcpListener, Router)>,
    background: Background,
    server: Server,
    pace: ClientPace,
    is_demo: bool,
}

/// The reasons for which a gateway did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Templates that cannot be used; all mistakes are listed.
    #[error("{} templates can't be used", .0.len())]
    Templates(Vec<TemplateError>),
    /// The clients' file cannot be used; all mistakes are listed.
    #[error("the clients' file has {} mistakes", .0.len())]
    Clients(Vec<Mistake>),
    /// The file of private indicators cannot be used.
    #[error("the file of private indicators can't be used: {0}")]
    Private(#[source] PrivateFileError),
    /// `SIGHUP`, which triggers a reload of the clients' file, cannot be received.
    #[error("can't listen for SIGHUP: {0}")]
    Signal(#[source] io::Error),
    /// The audit log cannot be opened.
    #[error("the audit log can't be opened: {0}")]
    Audit(#[source] io::Error),
    /// The HTTP client for VirusTotal could not be created.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The certificate authorities for Redis cannot be read.
    #[error(transparent)]
    Redis(#[from] UnusableAuthorities),
    /// The demo's API key is invalid.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// The OpenAPI document could not be serialized.
    #[error(transparent)]
    Openapi(#[from] serde_json::Error),
    /// The port could not be taken.
    #[error("can't listen on {address}: {error}{advice}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        error: io::Error,
        /// The settings that help, after a separator, or nothing.
        advice: &'static str,
    },
}

impl StartError {
    /// Returns the settings that cannot be used, each by its name, if they are the cause.
    pub fn mistakes(&self) -> Vec<String> {
        match self {
            Self::Templates(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
            Self::Clients(mistakes) => mistakes
                .iter()
                .map(|mistake| format!("VT4AI_CLIENTS_FILE: {mistake}"))
                .collect(),
            Self::Private(error) => vec![format!("VT4AI_PRIVATE_FILE: {error}")],
            Self::Audit(error) => vec![format!("VT4AI_AUDIT_LOG: {error}")],
            Self::Client(error @ ClientError::CaFile(_)) => vec![error.to_string()],
            Self::Redis(error) => vec![error.to_string()],
            _ => Vec::new(),
        }
    }
}

impl App {
    /// Builds the parts and binds the ports. Nothing is served yet.
    pub async fn build(config: Config) -> Result<Self, StartError> {
        announce::settings(&config);
        let background = Background::default();
        let (server, is_demo) = (config.server, config.demo);
        // Bound before anything slow is started, so that a taken port is reported at once.
        let (listener, admin) = ports::listen(&server)?;
        let gateway = Arc::new(Self::assemble(config, &background).await?);
        let router = http::router(&gateway, admin.is_none())
            .merge(mcp::router(&gateway))
            .merge(compat::router(&gateway));
        let admin = admin.map(|listener| (listener, http::admin_router(&gateway)));
        Ok(Self {
            listener,
            router,
            gateway,
            admin,
            background,
            server,
            pace: ClientPace::default(),
            is_demo,
        })
    }

    /// Builds all that handlers need, and starts the tasks beside them.
    async fn assemble(mut config: Config, background: &Background) -> Result<Gateway, StartError> {
        let templates =
            ReloadableTemplates::load(config.templates.take()).map_err(StartError::Templates)?;
        reload::warn_of_fields(&templates.current());
        config.access.key = servers_key(&config)?;
        let (file, key) = (config.clients.take(), config.access.key.as_ref());
        let clients = parts::load_clients(file, key, &templates, background).await?;
        let is_demo = config.demo;
        if is_demo {
            config.upstream.url = start_stand_in(background).await?;
        }
        let mut gateway = parts::put_together(config, templates, clients, background).await?;
        if is_demo {
            gateway.examples = demo::examples("");
            if let Some(console) = &mut gateway.console {
                let examples = demo::INDICATORS.iter();
                console.examples = examples
                    .map(|[label, text]| Example { label, text })
                    .collect();
            }
        }
        Ok(gateway)
    }

    /// Replaces the minimum pace of clients, so that tests need not wait 30 seconds.
    #[doc(hidden)]
    #[must_use]
    pub fn with_pace(self, pace: ClientPace) -> Self {
        Self { pace, ..self }
    }

    /// Returns the address that the gateway listens on, with the actual port where the settings say
    /// 0.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Returns the address of the admin port, if there is one.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        let (listener, _) = self.admin.as_ref()?;
        listener.local_addr().ok()
    }

    /// Returns the public routes, for callers without a socket.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Returns the token that ends [`serve`](Self::serve).
    ///
    /// `/readyz` fails at once. After `VT4AI_SHUTDOWN_DELAY` no more connections are accepted, and
    /// running requests get `VT4AI_SHUTDOWN_TIMEOUT` to finish.
    pub fn stop(&self) -> CancellationToken {
        self.gateway.stopping.clone()
    }

    /// Serves until the stop token is cancelled.
    pub async fn serve(self) {
        self.announce();
        let Self {
            listener,
            router,
            gateway,
            admin,
            background,
            server,
            pace,
            is_demo,
        } = self;
        let end = End {
            told: gateway.stopping.clone(),
            stop: background.stop.clone(),
        };
        let End { told, stop } = end.clone();
        background.tasks.spawn(async move {
            told.cancelled().await;
            info!("shutdown requested");
            // Load balancers see `/readyz` fail during the delay and stop sending requests.
            sleep(server.shutdown_delay).await;
            stop.cancel();
        });
        let metrics = Arc::clone(&gateway.metrics);
        let trusted = gateway.access.trusted_proxies.clone();
        background.run(forget_idle(gateway));
        let port = |router, most| server::PortParts {
            router,
            connections: Connections::new(most, trusted.clone()),
            metrics: Arc::clone(&metrics),
            pace,
            end: end.clone(),
        };
        let public = port(router, descriptors::bounds(&server, is_demo));
        let watched = async {
            if let Some((listener, router)) = admin {
                server::serve(listener, port(router, descriptors::admin_bounds())).await;
            }
        };
        let all = async {
            join!(server::serve(listener, public), watched);
            background.tasks.close();
            // Calls that continue after their connection has ended.
            background.tasks.wait().await;
        };
        let late = async {
            background.stop.cancelled().await;
            sleep(server.shutdown_timeout).await;
        };
        tokio::select! {
            () = all => {}
            () = late => warn!("shutdown timed out with requests still running"),
        }
        info!("gateway stopped");
    }

    fn announce(&self) {
        if self.gateway.access.key.is_none() && self.gateway.clients.is_none() {
            info!(
                "no VirusTotal key is set: callers without one are refused. Set VT4AI_API_KEY or \
                 VT4AI_API_KEY_FILE, let callers send theirs in `X-API-Key`, or try `--demo`"
            );
        }
        let Ok(address) = self.address() else { return };
        info!("listening on http://{address}, documentation at http://{address}/docs");
        if let Some(address) = self.admin_address() {
            info!("serving metrics on http://{address}/metrics");
        }
        if self.is_demo {
            use io::Write as _;
            // The gateway also serves if standard output is closed.
            let _ = writeln!(
                io::stdout(),
                "{}",
                demo::examples(&format!("http://{address}"))
            );
        }
    }
}

/// Returns the server's key. That of a demo has every privilege at the stand-in.
fn servers_key(config: &Config) -> Result<Option<ApiKey>, InvalidKey> {
    if config.demo {
        return ApiKey::parse(demo::KEY.as_bytes()).map(Some);
    }
    Ok(config.access.key.clone())
}

/// Returns the OpenAPI document as JSON.
fn openapi() -> Result<String, StartError> {
    let templates = Templates::load(None).map_err(StartError::Templates)?;
    Ok(http::document(&templates).to_pretty_json()?)
}

/// Starts the stand-in for VirusTotal on a loopback port.
async fn start_stand_in(background: &Background) -> Result<Url, StartError> {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let failed = |error| StartError::Listen {
        address,
        error,
        advice: "",
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    let url = Url::parse(&url).map_err(|error| failed(io::Error::other(error)))?;
    let stopped = background.stop.clone().cancelled_owned();
    background.tasks.spawn(async move {
        let _ = axum::serve(listener, demo::router())
            .with_graceful_shutdown(stopped)
            .await;
    });
    Ok(url)
}

async fn forget_idle(gateway: http::AppState) {
    let mut ticks = interval(FORGET_EVERY);
    loop {
        ticks.tick().await;
        gateway.quota.forget_idle();
        gateway.rate_limit.forget_idle();
    }
}
