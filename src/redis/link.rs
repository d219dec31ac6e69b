//! The connection to Redis: kept up, given up when it fails, and taken up again.

use std::{
    fs, io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, RedisError, Script, TlsCertificates,
    aio::MultiplexedConnection,
};
use thiserror::Error;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};
use tracing::{info, warn};

use super::{Order, PREFIX, Patience};
use crate::{config, tls};

/// How often it is looked after, and tried again where it is away.
const EVERY: Duration = Duration::from_secs(1);

/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(1);

/// How often the log says at most that it is away.
const WARN_EVERY: Duration = Duration::from_mins(1);

/// How many orders may wait to be written; more wait for these.
const BUFFER: usize = 1000;

/// The file of authorities for Redis is missing, unreadable or holds none.
#[derive(Debug, Error)]
#[error("VT4AI_REDIS_CA_FILE: {0}")]
pub struct UnusableAuthorities(#[from] io::Error);

/// Whether Redis helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Up,
    /// It does not; why, without an address or a password.
    Away(String),
}

/// A connection that is up or is being waited for.
#[derive(Debug)]
pub(super) struct Link {
    /// None where the URL is none that the client takes; the settings are checked before.
    client: Option<Client>,
    /// How long one request may wait for it in all, and a probe.
    patience: Duration,
    state: Mutex<State>,
    /// Woken when the connection has to be looked after at once.
    trouble: Notify,
    /// Whether the first try to connect is over.
    settled: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// Why there is none.
    why: String,
    warned: Option<Instant>,
}

impl Link {
    pub(super) fn new(config: &config::Redis) -> Result<Self, UnusableAuthorities> {
        let url = config.url.expose();
        let client = match &config.ca_file {
            None => Client::open(url),
            Some(file) => Client::build_with_tls(url, trust(file)?),
        };
        Ok(Self {
            client: client.ok(),
            patience: config.timeout,
            state: Mutex::new(State {
                connection: None,
                why: "not connected yet".to_owned(),
                warned: None,
            }),
            trouble: Notify::new(),
            settled: watch::Sender::new(false),
        })
    }

    pub(super) fn is_up(&self) -> bool {
        self.lock().connection.is_some()
    }

    pub(super) fn health(&self) -> Health {
        let state = self.lock();
        match state.connection {
            Some(_) => Health::Up,
            None => Health::Away(state.why.clone()),
        }
    }

    pub(super) async fn settled(&self) {
        // It can't end before `self` does.
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
    }

    /// What Redis says to this, if it says so in the time that is left.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        patience: &Patience,
        order: Order,
        overlapped: Duration,
    ) -> Option<T> {
        let mut connection = self.lock().connection.clone()?;
        let left = patience.left(self.patience);
        if left.is_zero() {
            return None;
        }
        let began = Instant::now();
        let said = timeout(left + overlapped, order.send(&mut connection)).await;
        patience.spend(began.elapsed().saturating_sub(overlapped));
        match said {
            Ok(Ok(said)) => return Some(said),
            Ok(Err(error)) => self.suspect(&error),
            // A request that had little time left, and ran out of it, says nothing of Redis.
            Err(_) if left >= self.patience / 2 => self.lose("it is too slow"),
            Err(_) => {}
        }
        None
    }

    pub(super) async fn keep_up(&self, changed: impl Fn(&str, u64) + Send) {
        let mut heard = 0;
        loop {
            match self.connect().await {
                Ok(mut connection) => {
                    while self.is_well(&mut connection, &mut heard, &changed).await {
                        self.use_it(&connection);
                        // Either way it is time to look.
                        let _ = timeout(EVERY, self.trouble.notified()).await;
                    }
                }
                Err(error) => self.lose(&what(&error)),
            }
            self.settled.send_replace(true);
            sleep(EVERY).await;
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let client = self.client.as_ref();
        let client = client.ok_or((ErrorKind::InvalidClientConfig, "its URL can't be used"))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            // Each order has a time limit of its own.
            .set_response_timeout(None)
            .set_pipeline_buffer_size(BUFFER);
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    /// Whether it takes what is written to it, and in time; and what others changed lately.
    async fn is_well(
        &self,
        connection: &mut MultiplexedConnection,
        heard: &mut u64,
        changed: &(impl Fn(&str, u64) + Send),
    ) -> bool {
        let script = Script::new(include_str!("news.lua"));
        let mut news = script.key(format!("{PREFIX}:alive"));
        news.key(format!("{PREFIX}:changed")).arg(*heard);
        let said = timeout(self.patience, news.invoke_async::<News>(connection)).await;
        let said = said.map_err(|_| "it is too slow".to_owned());
        match said.and_then(|said| said.map_err(|error| what(&error))) {
            Ok((now, news)) => {
                for (object, stamp) in news {
                    changed(&object, stamp);
                }
                *heard = now;
                true
            }
            Err(why) => {
                self.lose(&why);
                false
            }
        }
    }

    fn use_it(&self, connection: &MultiplexedConnection) {
        let mut state = self.lock();
        if state.connection.is_none() {
            if state.warned.is_some() {
                info!("Redis is back: replicas share answers and quota again");
            }
            state.connection = Some(connection.clone());
        }
        drop(state);
        self.settled.send_replace(true);
    }

    /// An order failed: over a broken connection, or because Redis would not have it.
    fn suspect(&self, error: &RedisError) {
        match error.kind() {
            // One key of a wrong type says nothing of the others; a probe tells the rest.
            ErrorKind::Server(_) | ErrorKind::UnexpectedReturnType => self.trouble.notify_one(),
            _ => self.lose(&what(error)),
        }
    }

    /// Does without it from now on, until it is well again.
    fn lose(&self, why: &str) {
        let mut state = self.lock();
        state.connection = None;
        why.clone_into(&mut state.why);
        if state.warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            state.warned = Some(Instant::now());
            warn!("Redis is away: {why}; each replica goes by what it knows itself");
        }
        drop(state);
        self.trouble.notify_one();
    }

    /// A panic elsewhere leaves a connection behind that is still true.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The authorities in this file, in the place of the usual ones.
fn trust(file: &Path) -> Result<TlsCertificates, UnusableAuthorities> {
    // The client reads them without saying what is wrong.
    tls::read_authorities(file)?;
    Ok(TlsCertificates {
        client_tls: None,
        root_cert: Some(fs::read(file)?),
    })
}

/// Redis's own time in milliseconds, and what was written to since the last time, and when.
type News = (u64, Vec<(String, u64)>);

/// What went wrong, without what an error could repeat of an address or a password.
fn what(error: &RedisError) -> String {
    let code = error.code().filter(|code| {
        let is_code = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        code.len() <= 32 && code.bytes().all(is_code)
    });
    let what = match code {
        Some(code) => code,
        None if error.is_connection_refusal() => "it takes no connections",
        None if error.is_timeout() => "it is too slow",
        None if error.is_io_error() => "the connection broke, or TLS failed",
        None => error.category(),
    };
    what.to_owned()
}
