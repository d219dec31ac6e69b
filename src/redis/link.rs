//! The connection to Redis: kept up, given up when it fails, and taken up again.

use std::{
    fs, io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, RedisError, TlsCertificates, Value,
    aio::MultiplexedConnection,
};
use thiserror::Error;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};
use tracing::{info, warn};

use super::{
    Order, Patience,
    news::{self, Change, News, Outbox},
};
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
    /// The changes that other replicas have still to be told of.
    outbox: Mutex<Outbox>,
    /// Held while that is told, so that it arrives in its order.
    delivery: tokio::sync::Mutex<()>,
    created: Instant,
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
            outbox: Mutex::default(),
            delivery: tokio::sync::Mutex::default(),
            created: Instant::now(),
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

    /// Puts a change into the line of what is told to all replicas.
    pub(super) fn queue(&self, change: Change) {
        self.outbox().push(change);
    }

    pub(super) fn is_telling(&self, names: &[String]) -> bool {
        self.outbox().mentions(names)
    }

    /// Tells what waits to be told, for as long as Redis takes it.
    pub(super) async fn deliver(&self, replica: &str) {
        let connection = self.lock().connection.clone();
        if let Some(mut connection) = connection
            && let Err(why) = self.deliver_over(&mut connection, replica).await
        {
            self.lose(&why);
        }
    }

    async fn deliver_over(
        &self,
        connection: &mut MultiplexedConnection,
        replica: &str,
    ) -> Result<(), String> {
        let _in_order = self.delivery.lock().await;
        loop {
            let Some(change) = self.outbox().first() else {
                return Ok(());
            };
            let order = change.order(replica);
            let told = timeout(self.patience, order.send::<Value>(connection)).await;
            match told {
                Ok(Ok(_)) => {}
                Ok(Err(error)) if is_own_fault(&error) => {
                    warn!("Redis refused to take a change: {}", what(&error));
                }
                Ok(Err(error)) => return Err(what(&error)),
                Err(_) => return Err("it is too slow".to_owned()),
            }
            // Only now: until then answers in Redis may be older than the change.
            self.outbox().told(&change);
        }
    }

    async fn within_patience<T>(
        &self,
        work: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, String> {
        match timeout(self.patience, work).await {
            Ok(Ok(said)) => Ok(said),
            Ok(Err(error)) => Err(what(&error)),
            Err(_) => Err("it is too slow".to_owned()),
        }
    }

    pub(super) async fn keep_up(&self, replica: &str, hear: impl Fn(News) + Send) {
        let mut heard = None;
        loop {
            match self.connect().await {
                Ok(mut connection) => {
                    while self
                        .is_well(&mut connection, &mut heard, replica, &hear)
                        .await
                    {
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

    /// Whether it takes what is written to it, and in time; tells it what waits to be told, and
    /// hears what others told lately.
    async fn is_well(
        &self,
        connection: &mut MultiplexedConnection,
        heard: &mut Option<i64>,
        replica: &str,
        hear: &(impl Fn(News) + Send),
    ) -> bool {
        let told = self.deliver_over(connection, replica).await;
        let well = match told {
            Ok(()) => self.read_news(connection, heard, replica, hear).await,
            Err(why) => Err(why),
        };
        if let Err(why) = &well {
            self.lose(why);
        }
        well.is_ok()
    }

    async fn read_news(
        &self,
        connection: &mut MultiplexedConnection,
        heard: &mut Option<i64>,
        replica: &str,
        hear: &(impl Fn(News) + Send),
    ) -> Result<(), String> {
        loop {
            // The first time, all that was told since there has been anything to keep.
            let lived = i64::try_from(self.created.elapsed().as_micros()).unwrap_or(i64::MAX);
            let order = news::read_since(heard.unwrap_or(-lived));
            let (until, has_more, lines): (String, bool, Vec<String>) =
                self.within_patience(order.send(connection)).await?;
            for news in lines.iter().filter_map(|line| News::read(line, replica)) {
                hear(news);
            }
            *heard = until.parse().ok().or(*heard);
            if !has_more {
                return Ok(());
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

    /// A panic elsewhere leaves changes behind that are still true.
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Whether an order failed by itself, say at a key of another type, so that it never works.
fn is_own_fault(error: &RedisError) -> bool {
    matches!(error.code(), Some("ERR" | "WRONGTYPE"))
}

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
