//! Settings: flags, environment variables and `.env`, checked before anything starts.
//!
//! All mistakes are reported at once, by the flag or variable and without the value.

use std::{
    env,
    ffi::OsString,
    num::NonZeroU32,
    path::{self, Path, PathBuf},
    time::Duration,
};

use clap::{ArgMatches, Args, FromArgMatches as _, error::ErrorKind};

use self::{
    cli::{Cli, Subcommand, TokenCommand},
    given::Given,
    lookup::{LookupArgs, McpArgs},
    value::{expect, rate, wait},
};
use crate::{
    access::{is_usual, key_in_file},
    indicator::Kind,
    render::{Detail, format::Format},
};

pub use self::{
    cli::command,
    declared::settings,
    lookup::{LookupFormat, LookupSource, LookupTask, RelatedTask, RemoteTask},
    redis_url::RedisUrl,
    settings::{
        Access, Cache, CacheDisk, Collector, Keyless, Log, QuotaLimit, QuotaLimits, Redis, Server,
        Upstream, Verdicts,
    },
};

mod cli;
mod declared;
mod given;
mod lookup;
mod redis_url;
mod settings;
pub mod tls;
mod unknown;
mod value;

/// The exit status for settings that can't be used (BSD's `EX_USAGE`).
pub const EXIT_USAGE: u8 = 64;

/// The exit status of `vt4ai check` for settings that can't be used.
pub const EXIT_CHECK_FAILED: u8 = 2;

/// The task of the process.
#[derive(Debug)]
pub enum Command {
    /// Serve until told to stop.
    Serve(Box<Config>),
    /// Check the files that these settings name, and report these mistakes with theirs.
    Check(Box<Config>, Vec<String>),
    /// Ask a gateway on this machine whether it is alive.
    Healthcheck(Server),
    /// Print the OpenAPI document.
    Openapi,
    /// Make a token for a new client of this name.
    NewToken(String),
    /// Look up indicators, with a gateway in the process that has these settings.
    Lookup(Box<LookupTask>, Box<Config>),
    /// Serve models on standard input and output, by a gateway elsewhere or one in the process that
    /// has these settings.
    Mcp(Option<RemoteTask>, Box<Config>),
    /// Print this script, which completes commands in a shell.
    Completions(Vec<u8>),
}

/// All settings, by area.
#[derive(Args, Debug)]
pub struct Config {
    /// The `.env` file that was read, if there was one.
    #[arg(skip)]
    pub env_file: Option<PathBuf>,
    /// Warnings about settings, to be logged at start. They hold no values.
    #[arg(skip)]
    pub warnings: Vec<String>,
    /// The rules for spending the server's key.
    #[command(flatten)]
    pub access: Access,
    /// A TOML file of clients, who send tokens of their own and never see a key.
    ///
    /// `vt4ai token new --name alice` makes a token. The file is read again when it changes, and
    /// on SIGHUP.
    #[arg(id = "clients-file", long, help_heading = "Access")]
    pub clients: Option<PathBuf>,
    /// A file of indicators that are never sent to VirusTotal, beside private addresses and names.
    ///
    /// A domain with all names below it, a CIDR block, an address or a hash on each line; `#` begins a comment. The file is
    /// read again when it changes.
    #[arg(id = "private-file", long, help_heading = "Access")]
    pub private: Option<PathBuf>,
    /// The ports, and the bounds of what they serve.
    #[command(flatten)]
    pub server: Server,
    /// The format where a request names none: `json`, `markdown`, `xml` or `raw`.
    #[arg(long, default_value = "json", help_heading = "Answers")]
    pub default_format: Format,
    /// The amount of an object that answers show where a request does not say: `standard`, `full` or `brief`.
    #[arg(long, default_value = "standard", help_heading = "Answers")]
    pub default_view: Detail,
    /// The thresholds of the verdict in `view=brief`.
    #[command(flatten)]
    pub verdicts: Verdicts,
    /// A folder with more templates, as `*.json` in it or below. It is read again on SIGHUP.
    #[arg(id = "templates-dir", long, help_heading = "Answers")]
    pub templates: Option<PathBuf>,
    /// Whether a stand-in inside the binary answers in VirusTotal's place.
    ///
    /// It needs no key and no network. Unless they are set, there are no limits.
    #[arg(long, help_heading = "Answers")]
    pub demo: bool,
    /// VirusTotal, and the way to it.
    #[command(flatten)]
    pub upstream: Upstream,
    /// The lookups that each VirusTotal key may spend.
    #[command(flatten)]
    pub limits: QuotaLimits,
    /// Requests that may wait for the quota of one key (`?wait=`); 0 lets none wait.
    ///
    /// One caller may hold a quarter of the places.
    #[arg(long, default_value = "100", value_parser = expect::<usize>("expected a whole number"))]
    #[arg(value_name = "N", help_heading = "Quota")]
    pub max_waiting: usize,
    /// The time for which a request under `/api/v3` waits for a unit of quota, at most `5m`.
    ///
    /// VirusTotal's own clients give up on a 429. A unit is back after 61 s. A client's `wait` in
    /// `VT4AI_CLIENTS_FILE` goes first; `0s` waits for none.
    #[arg(long, default_value = "65s", value_parser = wait, help_heading = "Quota")]
    pub compat_wait: Duration,
    /// Requests of any kind a minute by one caller; 0 is no limit.
    ///
    /// A caller is a client, a key that VirusTotal has accepted, or else an address (IPv6: its
    /// /64).
    #[arg(id = "client-rate-per-minute", long, default_value = "600")]
    #[arg(value_parser = rate, value_name = "N", help_heading = "Quota")]
    pub client_rate: Rate,
    /// The cache of VirusTotal's answers.
    #[command(flatten)]
    pub cache: Cache,
    /// The part of the cache that survives a restart.
    #[command(flatten)]
    pub disk: CacheDisk,
    /// The Redis through which replicas share answers and quota.
    #[command(flatten)]
    pub redis: Option<Redis>,
    /// The log on standard error.
    #[command(flatten)]
    pub log: Log,
    /// The collector of traces.
    #[command(flatten)]
    pub collector: Option<Collector>,
}

/// A rate that `0` turns off; clap would read an `Option` as a value that may be missing.
type Rate = Option<NonZeroU32>;

/// The reason why there is no [`Command`]: a mistake, or a request for help.
#[derive(Debug)]
pub enum Rejected {
    /// clap's own answer: help, the version, an unknown flag.
    Usage(clap::Error),
    /// Every setting that can't be used, with what is wrong with it.
    Mistakes(Vec<String>),
}

impl From<clap::Error> for Rejected {
    fn from(error: clap::Error) -> Self {
        Self::Usage(error)
    }
}

impl Command {
    /// Reads `.env`, the environment and the command line of this process.
    ///
    /// A command that looks up may run in any folder, where `.env` could be anyone's and lead elsewhere: it
    /// reads none.
    pub fn read() -> Result<Self, Rejected> {
        let looks_up = cli::looks_up(env::args_os().collect());
        let env_file = if looks_up { Ok(None) } else { read_env_file() };
        let (env_file, mistakes) = match env_file {
            Ok(file) => (file, Vec::new()),
            Err(mistake) => (None, vec![mistake]),
        };
        let mut command = Self::parse_with(env::args_os(), mistakes)?;
        if let Self::Serve(config) | Self::Check(config, _) = &mut command {
            let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
            let warnings = unknown::warnings(names, config.clients.as_deref());
            config.warnings.extend(warnings);
            config.env_file = env_file;
        }
        Ok(command)
    }

    /// Reads the given command line, and the environment for settings that it leaves out.
    pub fn parse(
        arguments: impl IntoIterator<Item: Into<OsString> + Clone>,
    ) -> Result<Self, Rejected> {
        Self::parse_with(arguments, Vec::new())
    }

    fn parse_with(
        arguments: impl IntoIterator<Item: Into<OsString> + Clone>,
        mistakes: Vec<String>,
    ) -> Result<Self, Rejected> {
        let matches = cli::read(arguments.into_iter().map(Into::into).collect())?;
        let mut given = Given::collect(&matches, mistakes);
        let lookup = |given, args, kind| Self::read_lookup(given, args, kind, &matches);
        let command = match Cli::from_arg_matches(&matches)?.command {
            Some(Subcommand::Lookup(args)) => return lookup(given, args, None),
            Some(Subcommand::File(args)) => return lookup(given, args, Some(Kind::File)),
            Some(Subcommand::Url(args)) => return lookup(given, args, Some(Kind::Url)),
            Some(Subcommand::Domain(args)) => return lookup(given, args, Some(Kind::Domain)),
            Some(Subcommand::Ip(args)) => return lookup(given, args, Some(Kind::Ip)),
            Some(Subcommand::Mcp(args)) => return Self::read_mcp(given, args),
            Some(Subcommand::Openapi) => return Ok(Self::Openapi),
            Some(Subcommand::Token {
                command: TokenCommand::New { name },
            }) => return Ok(Self::NewToken(name)),
            Some(Subcommand::Completions { shell }) => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut cli::command(), "vt4ai", &mut script);
                return Ok(Self::Completions(script));
            }
            Some(Subcommand::Check) => {
                let config = Config::read(&mut given)?;
                return Ok(Self::Check(Box::new(config), given.mistakes));
            }
            Some(Subcommand::Healthcheck) => Self::Healthcheck(given.settings()?.server),
            Some(Subcommand::Serve) | None => Self::Serve(Box::new(Config::read(&mut given)?)),
        };
        if !given.mistakes.is_empty() {
            return Err(Rejected::Mistakes(given.mistakes));
        }
        Ok(command)
    }

    fn read_mcp(mut given: Given, args: McpArgs) -> Result<Self, Rejected> {
        let config = Config::read_for_lookup(&mut given)?;
        let gateway = RemoteTask::of(args.gateway);
        let gateway = gateway.map_err(|mistake| given.mistakes.push(mistake));
        match gateway {
            Ok(gateway) if given.mistakes.is_empty() => Ok(Self::Mcp(gateway, Box::new(config))),
            _ => Err(Rejected::Mistakes(given.mistakes)),
        }
    }

    fn read_lookup(
        mut given: Given,
        args: LookupArgs,
        kind: Option<Kind>,
        matches: &ArgMatches,
    ) -> Result<Self, Rejected> {
        let config = Config::read_for_lookup(&mut given)?;
        let of_subcommand = matches.subcommand().map_or(matches, |(_, matches)| matches);
        let task = LookupTask::new(args, of_subcommand, kind);
        let task = task.map_err(|mistake| given.mistakes.push(mistake));
        match task {
            Ok(task) if given.mistakes.is_empty() => {
                Ok(Self::Lookup(Box::new(task), Box::new(config)))
            }
            _ => Err(Rejected::Mistakes(given.mistakes)),
        }
    }
}

/// Adds the variables in `.env` to the environment. Returns the file, if there is one.
fn read_env_file() -> Result<Option<PathBuf>, String> {
    let file = Path::new(".env");
    match dotenvy::from_path(file) {
        Ok(()) => Ok(Some(
            path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        )),
        Err(error) if error.not_found() => Ok(None),
        // The library's message repeats the line, which may hold the key.
        Err(_) => Err("`.env`: a line is not `NAME=value`, or the file is unreadable".to_owned()),
    }
}

impl Config {
    /// Reads the settings, with the server's key, and checks those that depend on one another.
    fn read(given: &mut Given) -> Result<Self, clap::Error> {
        let mut config = given.settings()?;
        config.read_key_file(given);
        if config.demo {
            config.relax_for_demo(given);
        }
        let server = config.server;
        if server.port != 0 && server.admin_port == Some(server.port) {
            let mistake = "expected another port than that of the server";
            given.mistake("admin-port", mistake);
        }
        config.reject_exposed_server_key(given);
        if let Some(redis) = &config.redis
            && redis.ca_file.is_some()
            && !redis.url.is_secure()
        {
            given.mistake("redis-ca-file", "expected a `rediss://` URL with it");
        }
        Ok(config)
    }

    /// Reads the server's key from its file, if it has one.
    fn read_key_file(&mut self, given: &mut Given) {
        if let Some(file) = &self.access.key_file {
            if given.has("api-key") {
                given.mistake("api-key-file", "VT4AI_API_KEY is set, too; set one of them");
            }
            match key_in_file(file) {
                Ok(key) => self.access.key = Some(key),
                Err(error) => {
                    given.mistake("api-key-file", &format!("`{}` {error}", file.display()));
                }
            }
        }
        if let Some(key) = &self.access.key
            && !is_usual(key)
        {
            let warning = "the server's key is not 64 hexadecimal digits, as VirusTotal's are: \
                           check VT4AI_API_KEY or VT4AI_API_KEY_FILE";
            self.warnings.push(warning.to_owned());
        }
    }

    /// Permits what no setting forbids: the stand-in has no quota to spend.
    fn relax_for_demo(&mut self, given: &Given) {
        let limits = &mut self.limits;
        for limit in [
            &mut limits.per_minute,
            &mut limits.per_day,
            &mut limits.per_month,
        ] {
            if *limit == QuotaLimit::Unset {
                *limit = QuotaLimit::Off;
            }
        }
        if !given.has("client-rate-per-minute") {
            self.client_rate = None;
        }
        // With a clients' file, tokens can be tried: callers without one are refused as usual.
        self.access.allow_anonymous |= self.clients.is_none();
        self.access.allow_submissions = true;
    }

    /// Rejects a server with a key that others can reach, unless it is settled who may spend it.
    fn reject_exposed_server_key(&self, given: &mut Given) {
        let host = self.server.host;
        let is_meant = self.access.allow_anonymous || self.clients.is_some();
        if self.access.key.is_none() || is_meant || host.is_loopback() {
            return;
        }
        let mistake = format!(
            "a server that holds a key (VT4AI_API_KEY) and listens beyond this machine, on \
             `{host}`, would let others spend it: give them client tokens (VT4AI_CLIENTS_FILE), \
             set VT4AI_ALLOW_ANONYMOUS=true if that is meant, leave the key out and let callers \
             send theirs, or listen on VT4AI_HOST=127.0.0.1"
        );
        given.mistake("host", &mistake);
    }
}

impl Rejected {
    /// Prints what is wrong, or what was asked for, and returns the exit status.
    pub fn report(&self) -> u8 {
        match self {
            Self::Usage(error) => {
                // A closed terminal is no reason to fail differently.
                let _ = error.print();
                if error.use_stderr() { EXIT_USAGE } else { 0 }
            }
            Self::Mistakes(mistakes) => {
                report_mistakes(mistakes);
                EXIT_USAGE
            }
        }
    }
}

/// Lists on standard error what is wrong with the settings.
pub fn report_mistakes(mistakes: &[String]) {
    let list = mistakes.join("\n  ");
    let message = format!("these settings can't be used:\n  {list}");
    let error = cli::command().error(ErrorKind::ValueValidation, message);
    let _ = error.print();
}
