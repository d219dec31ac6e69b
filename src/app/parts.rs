//! Construction of the concrete parts of a gateway.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{StartError, background::Background, reload};
use crate::{
    access::{AcceptedKeys, ApiKey, KeyHash, PeerOwners, RateLimit, clients::Clients},
    cache::{self, Cache, Certainty, DiskCache, DiskParts, DiskThreads, PrivateGuard},
    config::Config,
    http::{Console, Gateway, RequestLimits, ViewDefaults},
    lookup::{self, Lookup},
    metrics::Metrics,
    quota::{self, Quota},
    redis::{News, Redis},
    render::template::ReloadableTemplates,
    submit::{self, Submit},
    telemetry::AuditLog,
    usage::{self, UsageKeeper},
    virustotal::VirusTotal,
};

/// The time for which the start waits for Redis. Lookups before the first contact are not shared.
const FIRST_CONTACT: Duration = Duration::from_secs(1);

/// The time for which the start waits for the disk. Lookups before the file is open do not find
/// answers there.
const FIRST_READ: Duration = Duration::from_secs(1);

/// Builds everything that handlers need.
pub(super) async fn put_together(
    config: Config,
    templates: ReloadableTemplates,
    clients: Option<Clients>,
    background @ Background { tasks, stop }: &Background,
) -> Result<Gateway, StartError> {
    let Base {
        accepted,
        metrics,
        virustotal,
        redis,
        quota,
        usage,
    } = base(&config, clients.as_ref(), background)?;
    let cache = Cache::new(cache::Parts {
        rules: config.cache,
        private: load_private(config.private.clone(), background)?,
        virustotal: virustotal.clone(),
        quota: quota.clone(),
        accepted: accepted.clone(),
        redis: redis.clone(),
        disk: start_disk_cache(&config, background).await,
        tasks: tasks.clone(),
        metrics: Arc::clone(&metrics),
        stop: stop.clone(),
    });
    connect(&redis, &cache, &accepted, background).await;
    Ok(Gateway {
        lookup: Lookup::new(lookup::Parts {
            cache: cache.clone(),
            quota: quota.clone(),
            large: virustotal.large().clone(),
            tasks: tasks.clone(),
            metrics: Arc::clone(&metrics),
            stop: stop.clone(),
        }),
        submit: Submit::new(submit::Parts {
            virustotal: virustotal.clone(),
            quota: quota.clone(),
            cache,
            tasks: tasks.clone(),
            metrics: Arc::clone(&metrics),
        }),
        quota,
        virustotal,
        redis,
        rate_limit: RateLimit::new(config.client_rate, accepted.clone()),
        accepted,
        limits: RequestLimits::new(config.server.max_in_flight.get(), config.upstream.timeout),
        stopping: CancellationToken::new(),
        templates,
        is_exposed: !config.server.host.to_canonical().is_loopback(),
        owners: PeerOwners::new(tasks.clone()),
        access: config.access,
        clients,
        views: ViewDefaults::new(config.default_format, config.default_view, &config.verdicts),
        console: config.server.console.then(Console::default),
        examples: String::new(),
        compat_wait: config.compat_wait,
        audit: open_audit_log(config.log.audit, &metrics, background)?,
        usage,
        metrics,
        tasks: tasks.clone(),
    })
}

/// The parts below the cache.
struct Base {
    accepted: AcceptedKeys,
    metrics: Arc<Metrics>,
    virustotal: VirusTotal,
    redis: Redis,
    quota: Quota,
    usage: UsageKeeper,
}

/// Builds the parts below the cache.
fn base(
    config: &Config,
    clients: Option<&Clients>,
    Background { tasks, .. }: &Background,
) -> Result<Base, StartError> {
    let accepted = configured_keys(config, clients);
    let metrics = Arc::new(Metrics::new());
    let virustotal = VirusTotal::new(&config.upstream, Arc::clone(&metrics))?;
    let redis = Redis::new(config.redis.as_ref(), tasks.clone())?;
    let quota = Quota::new(quota::Parts {
        virustotal: virustotal.clone(),
        limits: config.limits,
        max_waiting: config.max_waiting,
        max_in_flight: config.server.max_in_flight.get(),
        accepted: accepted.clone(),
        redis: redis.clone(),
        tasks: tasks.clone(),
    });
    let usage = UsageKeeper::start(usage::Parts {
        servers_key: config.access.key.as_ref().map(ApiKey::hash),
        accepted: accepted.clone(),
        redis: redis.clone(),
        dir: config.disk.dir.clone(),
        tasks: tasks.clone(),
    });
    Ok(Base {
        accepted,
        metrics,
        virustotal,
        redis,
        quota,
        usage,
    })
}

/// Returns the keys that are accepted from the start. Their state is never evicted in favour of
/// others'.
fn configured_keys(config: &Config, clients: Option<&Clients>) -> AcceptedKeys {
    let accepted = AcceptedKeys::new();
    let clients_keys = clients.into_iter().flat_map(Clients::keys);
    let servers_key = config.access.key.as_ref().map(ApiKey::hash);
    clients_keys
        .chain(servers_key)
        .for_each(|key| accepted.configure(key));
    accepted
}

/// Reads the clients' file, if there is one, and starts to reload it and the templates.
pub(super) async fn load_clients(
    file: Option<PathBuf>,
    servers_key: Option<&ApiKey>,
    templates: &ReloadableTemplates,
    background: &Background,
) -> Result<Option<Clients>, StartError> {
    let hangups = reload::hangups().map_err(StartError::Signal)?;
    let Some(file) = file else {
        background.run(reload::keep_up_templates(templates.clone(), hangups));
        return Ok(None);
    };
    let clients = Clients::load(file, servers_key.cloned()).await;
    let clients = clients.map_err(StartError::Clients)?;
    let keep_up = reload::keep_up(clients.clone(), templates.clone(), hangups);
    background.run(keep_up);
    Ok(Some(clients))
}

/// Reads the file of private indicators, if there is one, and starts to reload it.
fn load_private(
    file: Option<PathBuf>,
    background: &Background,
) -> Result<PrivateGuard, StartError> {
    let guard = PrivateGuard::load(file).map_err(StartError::Private)?;
    if guard.has_file() {
        background.run(reload::keep_up_private(guard.clone()));
    }
    Ok(guard)
}

/// Opens the audit log, if there is one, and starts to write and reopen it.
fn open_audit_log(
    file: Option<PathBuf>,
    metrics: &Arc<Metrics>,
    background: &Background,
) -> Result<Option<AuditLog>, StartError> {
    let Some(file) = file else {
        return Ok(None);
    };
    let hangups = reload::hangups().map_err(StartError::Signal)?;
    let (log, written) = AuditLog::start(file, Arc::clone(metrics)).map_err(StartError::Audit)?;
    // Shutdown waits for the last records.
    background.tasks.spawn(async move {
        let _ = written.await;
    });
    background.run(log.clone().reopen_at(hangups));
    Ok(Some(log))
}

/// Starts the cache on disk, if there is one. A disk that can't be used is no reason not to start.
async fn start_disk_cache(config: &Config, background: &Background) -> Option<DiskCache> {
    let dir = config.disk.dir.clone()?;
    if config.cache.max_bytes == 0 {
        warn!("VT4AI_CACHE_DIR keeps no answers: VT4AI_CACHE_MAX_BYTES is 0");
        return None;
    }
    let started = DiskCache::start(DiskParts {
        dir,
        max_bytes: config.disk.max_bytes,
        longest: config.cache.longest(),
    });
    match started {
        Ok((disk, DiskThreads { opened, written })) => {
            // Shutdown waits for the last answers.
            background.tasks.spawn(async move {
                let _ = written.await;
            });
            let _ = timeout(FIRST_READ, opened).await;
            Some(disk)
        }
        Err(error) => {
            warn!(error.message = %error, "disk cache not started");
            None
        }
    }
}

/// Connects to Redis, if it is configured, and applies the changes that other replicas announce.
///
/// Called before the first request, so that the cache is shared from the start.
async fn connect(redis: &Redis, cache: &Cache, accepted: &AcceptedKeys, background: &Background) {
    let (cache, accepted) = (cache.clone(), accepted.clone());
    let hear = move |news: News| match news {
        News::Changed(names) => cache.hear_change(&names, Certainty::Certain),
        News::Doubted(names) => cache.hear_change(&names, Certainty::Possible),
        News::Names(names) => cache.hear_names(&names),
        News::Begun(names) => cache.hear_begun(&names),
        News::Refused(key) => {
            if let Some(key) = KeyHash::from_hex(&key) {
                accepted.revoke(key);
                cache.forget_key(key);
            }
        }
    };
    background.run(redis.clone().keep_up(hear));
    let _ = timeout(FIRST_CONTACT, redis.settled()).await;
}
