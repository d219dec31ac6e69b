//! A gateway in the process of a command, without ports.

use std::{sync::Arc, time::Duration};

use axum::Router;
use tokio::time::timeout;

use super::{App, StartError, background::Background};
use crate::{access::ApiKey, config::Config, http, mcp};

/// The time for which the end waits for what is to be kept on disk.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// A gateway that only this process can ask. Clones share it.
#[derive(Clone, Debug)]
pub struct InProcess {
    gateway: http::AppState,
    key: Option<ApiKey>,
    background: Background,
}

impl InProcess {
    /// Builds the gateway. Its one caller is the operator: files of clients, audit log and rate limit do
    /// not apply.
    ///
    /// # Errors
    ///
    /// Fails as the start of a gateway does, if settings or the files that they name can't be used.
    pub async fn start(mut config: Config) -> Result<Self, StartError> {
        config.clients = None;
        config.log.audit = None;
        config.client_rate = None;
        let background = Background::default();
        let gateway = App::assemble(config, &background).await?;
        Ok(Self {
            key: gateway.access.key.clone(),
            gateway: Arc::new(gateway),
            background,
        })
    }

    /// Returns the public routes.
    pub fn router(&self) -> Router {
        http::router(&self.gateway, false).merge(mcp::router(&self.gateway))
    }

    /// Returns the VirusTotal key of the settings.
    pub fn key(&self) -> Option<&ApiKey> {
        self.key.as_ref()
    }

    /// Ends the gateway, once the last answers are on disk.
    pub async fn stop(self) {
        let Self {
            gateway,
            background,
            ..
        } = self;
        gateway.stopping.cancel();
        background.stop.cancel();
        drop(gateway);
        background.tasks.close();
        // What is not kept costs a lookup later, and nothing else.
        let _ = timeout(LAST_WRITES, background.tasks.wait()).await;
    }
}
