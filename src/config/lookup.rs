//! The arguments of `vt4ai lookup` and of its short forms.

use std::{env, path::PathBuf};

use clap::{ArgMatches, Args, ValueEnum};
use secrecy::SecretString;
use url::Url;

use super::{Config, given::Given, settings::is_local, value::http_url};
use crate::indicator::Kind;

/// The variable with the credential for `--gateway`.
pub(super) const TOKEN: &str = "VT4AI_TOKEN";

/// The variable with the gateway, in place of `--gateway`.
pub(super) const GATEWAY: &str = "VT4AI_GATEWAY";

/// The task of `vt4ai lookup`.
#[derive(Debug)]
pub struct LookupTask {
    /// The indicators, in the order given.
    pub sources: Vec<LookupSource>,
    /// The form of the output.
    pub format: LookupFormat,
    /// `view` of the request.
    pub view: Option<String>,
    /// `fields` of the request.
    pub fields: Option<String>,
    /// `template_name` of the request.
    pub template: Option<String>,
    /// Whether only ids are printed.
    pub ids_only: bool,
    /// The largest number of units of quota to spend.
    pub max_units: Option<u64>,
    /// Whether only the cost is asked for.
    pub dry_run: bool,
    /// The time to wait for quota, such as `30m`.
    pub wait: Option<String>,
    /// The relationship whose objects are listed.
    pub related: Option<RelatedTask>,
    /// The gateway to ask, and the credential for it. Without one the process looks up itself.
    pub gateway: Option<RemoteTask>,
}

/// A list of related objects to ask for.
#[derive(Debug)]
pub struct RelatedTask {
    /// The name of the relationship.
    pub relationship: String,
    /// The number of objects at most.
    pub limit: Option<u64>,
    /// The page.
    pub cursor: Option<String>,
}

/// A gateway elsewhere.
#[derive(Debug)]
pub struct RemoteTask {
    /// Its address, with the path that it is served under.
    pub url: Url,
    /// A client token, or a VirusTotal key that may go to this gateway.
    pub token: Option<SecretString>,
}

impl Config {
    /// Reads the settings for lookups in the process, which no one else can reach.
    pub(super) fn read_for_lookup(given: &mut Given) -> Result<Self, clap::Error> {
        let mut config = given.settings()?;
        config.read_key_file(given);
        if config.demo {
            config.relax_for_demo(given);
        }
        if !given.has("log-level") {
            "WARN".clone_into(&mut config.log.filter);
        }
        Ok(config)
    }
}

impl RemoteTask {
    /// Completes the gateway of the command line from the environment.
    ///
    /// Fails with what is wrong with a variable.
    pub(super) fn of(given: Option<String>) -> Result<Option<Self>, String> {
        let (source, url) = match given {
            Some(url) => ("--gateway", Some(url)),
            None => (GATEWAY, variable(GATEWAY)?),
        };
        let url = url.map(|url| http_url(&url)).transpose();
        let mut url = url.map_err(|expected| format!("{source}: {expected}"))?;
        // The address that clients of HTTP have for the entrance for models names the gateway as well.
        if let Some(url) = &mut url
            && let Some(path) = url.path().strip_suffix("/mcp").map(str::to_owned)
        {
            url.set_path(&path);
        }
        let token = variable(TOKEN)?;
        Ok(url.map(|url| Self {
            url,
            token: token.map(Into::into),
        }))
    }

    /// Returns whether it is on this machine and so never asked through a proxy.
    pub fn is_local(&self) -> bool {
        is_local(&self.url)
    }
}

/// A source of indicators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupSource {
    /// Any indicator.
    Any(String),
    /// An indicator of this type.
    Of(Kind, String),
    /// A file on this machine, by its SHA-256.
    File(PathBuf),
    /// Free text on standard input, of which indicators of this type are taken, or all.
    Stdin(Option<Kind>),
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LookupFormat {
    /// A line for each indicator, for people.
    Table,
    /// JSON: the report of one indicator, the rows of several.
    Json,
    /// CSV, a line for each indicator.
    Csv,
    /// Markdown: the report of one indicator, a table of several.
    Markdown,
    /// The report of each indicator as XML.
    Xml,
    /// The report of each indicator as VirusTotal sent it.
    Raw,
    /// A document of the Elastic Common Schema for each indicator, on a line.
    Ecs,
    /// A bundle of STIX 2.1 for each indicator, on a line.
    Stix,
    /// The objects of MISP for each indicator, on a line.
    Misp,
}

/// The arguments as clap reads them.
#[derive(Args, Debug)]
pub(super) struct LookupArgs {
    /// Hashes, URLs, domains and IP addresses, defanged or not; `-` reads free text from standard input
    #[arg(id = "indicator", value_name = "INDICATOR|-")]
    indicators: Vec<String>,
    /// A file on this machine, which is looked up by its SHA-256 and not sent; can be repeated
    #[arg(id = "look-up-file", long = "file", value_name = "PATH")]
    files: Vec<PathBuf>,
    /// A hash; can be repeated
    #[arg(id = "look-up-hash", long = "hash", value_name = "HASH")]
    hashes: Vec<String>,
    /// A URL; can be repeated
    #[arg(id = "look-up-url", long = "url", value_name = "URL")]
    urls: Vec<String>,
    /// A domain; can be repeated
    #[arg(id = "look-up-domain", long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,
    /// An IP address; can be repeated
    #[arg(id = "look-up-ip", long = "ip", value_name = "IP")]
    ips: Vec<String>,
    /// The form of the output; `table` is the default, or `json` where attributes are chosen
    #[arg(id = "output-format", long = "format", short = 'o', value_enum)]
    #[arg(value_name = "FORMAT", ignore_case = true)]
    format: Option<LookupFormat>,
    /// The amount of a report: `standard`, `full` or `brief`
    #[arg(id = "output-view", long = "view", value_name = "VIEW")]
    view: Option<String>,
    /// Only these attributes of reports: dotted paths, separated by commas
    #[arg(id = "output-fields", long = "fields", value_name = "FIELDS")]
    fields: Vec<String>,
    /// Only attributes that match, such as `last_analysis_stats`; can be repeated
    #[arg(id = "include", long, short, value_name = "GLOB")]
    include: Vec<String>,
    /// No attributes that match, such as `last_analysis_results`; can be repeated
    #[arg(id = "exclude", long, short = 'x', value_name = "GLOB")]
    exclude: Vec<String>,
    /// The template of reports, by its name
    #[arg(id = "template-name", long, value_name = "NAME")]
    template: Option<String>,
    /// Only the ids, one on each line
    #[arg(id = "identifiers-only", long, short = 'I')]
    ids_only: bool,
    /// The largest number of lookups that may be spent
    #[arg(id = "max-units", long, value_name = "N")]
    max_units: Option<u64>,
    /// Say what it would cost, and spend nothing
    #[arg(id = "dry-run", long)]
    dry_run: bool,
    /// The time to wait for quota, such as `30m`, at most `24h`
    #[arg(id = "wait", long, value_name = "DURATION")]
    wait: Option<String>,
    /// List the objects of this relationship of the one indicator
    #[arg(id = "relationship", long, value_name = "NAME", conflicts_with_all = ["dry-run", "max-units"])]
    relationship: Option<String>,
    /// The number of related objects
    #[arg(id = "limit", long, value_name = "N", requires = "relationship")]
    limit: Option<u64>,
    /// The page of related objects, from `meta.cursor` of the page before
    #[arg(id = "cursor", long, value_name = "CURSOR", requires = "relationship")]
    cursor: Option<String>,
    /// A gateway that looks up in place of this process, also by `VT4AI_GATEWAY`; `VT4AI_TOKEN` is the credential for it
    #[arg(id = "gateway", long, value_name = "URL")]
    gateway: Option<String>,
}

/// The arguments of `vt4ai mcp`.
#[derive(Args, Debug)]
pub(super) struct McpArgs {
    /// A gateway that answers in place of this process, also by `VT4AI_GATEWAY`; `VT4AI_TOKEN` is the credential for it
    #[arg(id = "gateway", long, value_name = "URL")]
    pub(super) gateway: Option<String>,
}

/// The long flags with which `lookup` may be left out.
pub(super) const WITHOUT_LOOKUP: [&str; 6] = [
    "--hash",
    "--url",
    "--domain",
    "--ip",
    "--file",
    "--relationship",
];

impl LookupTask {
    /// Completes the arguments from the environment; those of `vt4ai file` and the like are of that kind.
    ///
    /// Fails with what is wrong with a variable.
    pub(super) fn new(
        args: LookupArgs,
        matches: &ArgMatches,
        kind: Option<Kind>,
    ) -> Result<Self, String> {
        let sources = args.sources(matches, kind);
        let mut fields: Vec<_> = args.fields.into_iter().chain(args.include).collect();
        for pattern in &args.exclude {
            let patterns = pattern.split(',').map(|it| format!("!{}", it.trim()));
            fields.extend(patterns);
        }
        let chooses = args.view.is_some()
            || args.template.is_some()
            || args.relationship.is_some()
            || !fields.is_empty();
        let usual = if chooses {
            LookupFormat::Json
        } else {
            LookupFormat::Table
        };
        let gateway = RemoteTask::of(args.gateway)?;
        Ok(Self {
            sources,
            format: args.format.unwrap_or(usual),
            view: args.view,
            fields: (!fields.is_empty()).then(|| fields.join(",")),
            template: args.template,
            ids_only: args.ids_only,
            max_units: args.max_units,
            dry_run: args.dry_run,
            wait: args.wait,
            related: args.relationship.map(|relationship| RelatedTask {
                relationship,
                limit: args.limit,
                cursor: args.cursor,
            }),
            gateway,
        })
    }
}

/// Returns a variable, without white space around it. An empty one counts as not set.
fn variable(name: &str) -> Result<Option<String>, String> {
    let text = env::var_os(name).unwrap_or_default().into_string();
    let text = text.map_err(|_| format!("{name}: expected UTF-8"))?;
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

impl LookupArgs {
    /// Returns the sources in the order in which they stand on the command line.
    fn sources(&self, matches: &ArgMatches, kind: Option<Kind>) -> Vec<LookupSource> {
        let any = |text: &String| match kind {
            _ if text == "-" => LookupSource::Stdin(kind),
            Some(kind) => LookupSource::Of(kind, text.clone()),
            None => LookupSource::Any(text.clone()),
        };
        let of = |kind| move |text: &String| LookupSource::Of(kind, text.clone());
        let mut found: Vec<(usize, LookupSource)> = Vec::new();
        let mut add = |id: &str, sources: Vec<LookupSource>| {
            let places = matches.indices_of(id).into_iter().flatten();
            found.extend(places.zip(sources));
        };
        add("indicator", self.indicators.iter().map(any).collect());
        let files = self.files.iter().cloned().map(LookupSource::File);
        add("look-up-file", files.collect());
        let texts = [
            ("look-up-hash", &self.hashes, Kind::File),
            ("look-up-url", &self.urls, Kind::Url),
            ("look-up-domain", &self.domains, Kind::Domain),
            ("look-up-ip", &self.ips, Kind::Ip),
        ];
        for (id, texts, kind) in texts {
            add(id, texts.iter().map(of(kind)).collect());
        }
        found.sort_by_key(|(place, _)| *place);
        found.into_iter().map(|(_, source)| source).collect()
    }
}
