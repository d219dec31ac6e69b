//! The connection to Redis: monitored, dropped on failure, and re-established.

use std::{fs, io, path::Path, time::Duration};

use ::redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, RedisError, TlsCertificates, Value,
    aio::MultiplexedConnection,
};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};
use tracing::{info, warn};

use super::{
    RedisBudget, RedisCommand,
    news::{self, News, Outbox, SharedChange},
};
use crate::{
    config::{self, tls},
    telemetry::Repeated,
};

/// The interval of health checks and connection attempts.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The number of commands that are buffered for writing. Further senders wait.
const MAX_BUFFERED_COMMANDS: usize = 1000;

/// The CA file for Redis is missing, unreadable or empty.
#[derive(Debug, Error)]
#[error("VT4AI_REDIS_CA_FILE: {0}")]
pub struct UnusableAuthorities(#[from] io::Error);

/// The state of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Redis is available.
    Up,
    /// Redis is not available, with the reason. The reason contains no address or password.
    Away(String),
}

/// A connection that is open or being opened.
#[derive(Debug)]
pub(super) struct Link {
    /// The client, or `None` if it rejected the URL, which the configuration has checked before.
    client: Option<Client>,
    /// The time limit for all Redis commands of one request, and for a health check.
    time_limit: Duration,
    state: Mutex<LinkState>,
    /// The signal for an immediate health check.
    check_now: Notify,
    /// Whether the first connection attempt has ended.
    settled: watch::Sender<bool>,
    /// The changes that are still to be announced.
    outbox: Mutex<Outbox>,
    /// The lock held during announcements, which keeps changes in order.
    delivery: tokio::sync::Mutex<()>,
    created: Instant,
}

#[derive(Debug)]
struct LinkState {
    connection: Option<MultiplexedConnection>,
    /// The reason why there is no connection.
    why: String,
    /// Whether the connection was lost, or could not be made, since the last one was established.
    was_lost: bool,
    losses: Repeated,
}

impl Link {
    pub(super) fn new(config: &config::Redis) -> Result<Self, UnusableAuthorities> {
        let url = config.url.expose();
        let client = match &config.ca_file {
            None => Client::open(url),
            Some(file) => Client::build_with_tls(url, read_ca_file(file)?),
        };
        Ok(Self {
            client: client.ok(),
            time_limit: config.timeout,
            state: Mutex::new(LinkState {
                connection: None,
                why: "not connected yet".to_owned(),
                was_lost: false,
                losses: Repeated::default(),
            }),
            check_now: Notify::new(),
            settled: watch::Sender::new(false),
            outbox: Mutex::default(),
            delivery: tokio::sync::Mutex::default(),
            created: Instant::now(),
        })
    }

    pub(super) fn is_up(&self) -> bool {
        self.state.lock().connection.is_some()
    }

    /// Returns whether Redis is available, with the reason if it is not.
    pub(super) fn health(&self) -> Availability {
        let state = self.state.lock();
        match state.connection {
            Some(_) => Availability::Up,
            None => Availability::Away(state.why.clone()),
        }
    }

    /// Waits until the first connection attempt has ended.
    pub(super) async fn settled(&self) {
        // Can't fail: `self` owns the sender.
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
    }

    /// Sends a command and returns the reply, if that arrives within the remaining budget.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        budget: &RedisBudget,
        command: RedisCommand,
        overlapped: Duration,
    ) -> Option<T> {
        // A multiplexed connection: clones share one socket.
        let mut connection = self.state.lock().connection.clone()?;
        let left = budget.left(self.time_limit);
        if left.is_zero() {
            return None;
        }
        let began = Instant::now();
        let said = timeout(left + overlapped, command.send(&mut connection)).await;
        budget.spend(began.elapsed().saturating_sub(overlapped));
        match said {
            Ok(Ok(said)) => return Some(said),
            Ok(Err(error)) => self.note_failure(&error),
            // A timeout of a request with little budget left is no sign that Redis is slow.
            Err(_) if left >= self.time_limit / 2 => self.disconnect("no reply in time"),
            Err(_) => {}
        }
        None
    }

    /// Queues a change for announcement.
    pub(super) fn queue(&self, change: SharedChange) {
        self.outbox.lock().push(change);
    }

    /// Returns whether a change to an object with one of these names is still to be announced.
    pub(super) fn has_unannounced(&self, names: &[String]) -> bool {
        self.outbox.lock().mentions(names)
    }

    /// Announces queued changes until the queue is empty or Redis fails.
    pub(super) async fn deliver(&self, replica: &str) {
        let Some(mut connection) = self.state.lock().connection.clone() else {
            return;
        };
        if let Err(why) = self.deliver_over(&mut connection, replica).await {
            self.disconnect(&why);
        }
    }

    /// Announces queued changes over a connection.
    async fn deliver_over(
        &self,
        connection: &mut MultiplexedConnection,
        replica: &str,
    ) -> Result<(), String> {
        let _in_order = self.delivery.lock().await;
        loop {
            let Some(change) = self.outbox.lock().first() else {
                return Ok(());
            };
            let command = change.command(replica);
            let sent = timeout(self.time_limit, command.send::<Value>(connection)).await;
            match sent {
                Ok(Ok(_)) => {}
                Ok(Err(error)) if is_permanent(&error) => {
                    warn!(error.message = describe(&error), "Redis rejected a change");
                }
                Ok(Err(error)) => return Err(describe(&error)),
                Err(_) => return Err("no reply in time".to_owned()),
            }
            // Removed only now: until Redis has the change, its answers may be older than the
            // change.
            self.outbox.lock().remove_announced(&change);
        }
    }

    async fn within_time_limit<T>(
        &self,
        work: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, String> {
        match timeout(self.time_limit, work).await {
            Ok(Ok(said)) => Ok(said),
            Ok(Err(error)) => Err(describe(&error)),
            Err(_) => Err("no reply in time".to_owned()),
        }
    }

    /// Connects, checks the connection regularly, and reconnects after failures. Never returns.
    pub(super) async fn keep_up(&self, replica: &str, hear: impl Fn(News) + Send) {
        let mut heard = None;
        loop {
            match self.connect().await {
                Ok(mut connection) => {
                    while self
                        .check_health(&mut connection, &mut heard, replica, &hear)
                        .await
                    {
                        self.set_available(&connection);
                        // Check again when the interval has passed or a command failed.
                        let _ = timeout(CHECK_INTERVAL, self.check_now.notified()).await;
                    }
                }
                Err(error) => self.disconnect(&describe(&error)),
            }
            self.settled.send_replace(true);
            sleep(CHECK_INTERVAL).await;
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let Some(client) = &self.client else {
            let unusable = (ErrorKind::InvalidClientConfig, "the URL can't be used");
            return Err(unusable.into());
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            // Each command has a time limit of its own.
            .set_response_timeout(None)
            .set_pipeline_buffer_size(MAX_BUFFERED_COMMANDS);
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    /// Checks that Redis accepts writes in time. Announces queued changes, and reads those of other
    /// replicas.
    async fn check_health(
        &self,
        connection: &mut MultiplexedConnection,
        heard: &mut Option<i64>,
        replica: &str,
        hear: &(impl Fn(News) + Send),
    ) -> bool {
        let mut exchanged = self.deliver_over(connection, replica).await;
        if exchanged.is_ok() {
            exchanged = self.read_news(connection, heard, replica, hear).await;
        }
        if let Err(why) = &exchanged {
            self.disconnect(why);
        }
        exchanged.is_ok()
    }

    /// Passes the messages since the last read to `hear`.
    async fn read_news(
        &self,
        connection: &mut MultiplexedConnection,
        heard: &mut Option<i64>,
        replica: &str,
        hear: &(impl Fn(News) + Send),
    ) -> Result<(), String> {
        loop {
            // The first read covers the time since this process started.
            let lived = i64::try_from(self.created.elapsed().as_micros()).unwrap_or(i64::MAX);
            let command = news::read_since(heard.unwrap_or(-lived));
            let (until, has_more, lines): (String, bool, Vec<String>) =
                self.within_time_limit(command.send(connection)).await?;
            for line in &lines {
                if let Some(news) = News::read(line, replica) {
                    hear(news);
                }
            }
            // An unreadable time leaves the old one, so that messages are read again rather than
            // lost.
            if let Ok(until) = until.parse() {
                *heard = Some(until);
            }
            if !has_more {
                return Ok(());
            }
        }
    }

    /// Makes the connection available to requests.
    fn set_available(&self, connection: &MultiplexedConnection) {
        let mut state = self.state.lock();
        if state.connection.is_none() {
            if state.was_lost {
                info!("Redis connection established again");
            }
            state.was_lost = false;
            state.connection = Some(connection.clone());
        }
        drop(state);
        self.settled.send_replace(true);
    }

    /// Handles a failed command: drops the connection if it is broken, else requests a health
    /// check.
    fn note_failure(&self, error: &RedisError) {
        match error.kind() {
            // An error for one key proves nothing about others. A health check decides.
            ErrorKind::Server(_) | ErrorKind::UnexpectedReturnType => self.check_now.notify_one(),
            _ => self.disconnect(&describe(error)),
        }
    }

    /// Drops the connection until a health check succeeds.
    fn disconnect(&self, why: &str) {
        let mut state = self.state.lock();
        state.connection = None;
        why.clone_into(&mut state.why);
        state.was_lost = true;
        if let Some(count) = state.losses.note() {
            warn!(
                error.message = why,
                failures = count,
                "Redis unavailable, continuing with local state"
            );
        }
        drop(state);
        self.check_now.notify_one();
    }
}

/// Reads the authorities to trust in place of the built-in ones.
fn read_ca_file(file: &Path) -> Result<TlsCertificates, UnusableAuthorities> {
    // Checked first, because the client does not report errors in the file.
    tls::read_authorities(file)?;
    Ok(TlsCertificates {
        client_tls: None,
        root_cert: Some(fs::read(file)?),
    })
}

/// Returns whether a command can never succeed, such as one for a key of the wrong type.
fn is_permanent(error: &RedisError) -> bool {
    matches!(error.code(), Some("ERR" | "WRONGTYPE"))
}

/// Describes an error without text that could repeat an address or a password.
fn describe(error: &RedisError) -> String {
    let text = match error.code() {
        Some(code) if is_code(code) => code,
        _ if error.is_connection_refusal() => "connection refused",
        _ if error.is_timeout() => "no reply in time",
        _ if error.is_io_error() => "connection lost, or TLS failed",
        _ => error.category(),
    };
    text.to_owned()
}

/// Returns whether a text has the form of Redis's error codes, such as `WRONGTYPE`.
fn is_code(text: &str) -> bool {
    text.len() <= 32
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}
