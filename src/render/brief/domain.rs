//! Domains in brief.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    assessed::{Assessed, Standing},
    report::Report,
    values::{
        Bounds, MAX_TEXT, add_distinct, address, entries, field, fields, number, short, shorten,
        string,
    },
};
use crate::{
    indicator::{Kind, is_hex},
    render::verdict::{Evidence, Popularity},
};

/// The attributes that the brief of a domain is made from.
pub(super) const ATTRIBUTES: &[&str] = &[
    "gti_assessment",
    "last_analysis_stats",
    "last_analysis_results",
    "last_analysis_date",
    "creation_date",
    "registrar",
    "categories",
    "popularity_ranks",
    "last_dns_records",
    "last_https_certificate",
    "reputation",
    "total_votes",
    "tags",
    "whois",
];

/// The bounds of the categories.
const CATEGORIES: Bounds = Bounds {
    texts: 4,
    bytes: 40,
};

/// The bounds of the addresses. IPv6 addresses are long.
const ADDRESSES: Bounds = Bounds {
    texts: 3,
    bytes: 40,
};

/// The bounds of the name servers.
const NAME_SERVERS: Bounds = Bounds {
    texts: 2,
    bytes: 40,
};

/// The lines of a WHOIS record that name the owner of a domain, the most telling first.
const OWNERS: [&str; 2] = ["Registrant Organization:", "Registrant Name:"];

/// The facts that decide about a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DomainBrief {
    /// The indicator, the verdict, the detections and the last analysis.
    #[serde(flatten)]
    pub assessed: Assessed,
    /// The day of the registration, as `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub created: Option<String>,
    /// The registrar.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub registrar: Option<String>,
    /// Up to 4 categories that vendors give it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 4)]
    pub categories: Vec<String>,
    /// The best rank in a list of popular domains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub popularity: Option<Popularity>,
    /// Up to 3 addresses from the last DNS records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 3)]
    pub addresses: Vec<String>,
    /// Up to 2 name servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 2)]
    pub name_servers: Vec<String>,
    /// The issuer of the last certificate. A stranger chooses it where the certificate is
    /// self-signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub certificate_issuer: Option<String>,
    /// The reputation, the votes, the tags and the link.
    #[serde(flatten)]
    pub standing: Standing,
    /// Texts from strangers.
    #[serde(skip_serializing_if = "DomainTexts::is_empty")]
    pub untrusted: DomainTexts,
}

/// The texts from strangers in the brief of a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct DomainTexts {
    /// The owner of the domain by its WHOIS record.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub registrant: Option<String>,
}

/// The DNS records that a brief shows.
#[derive(Default)]
struct DnsRecords {
    addresses: Vec<String>,
    name_servers: Vec<String>,
}

impl DomainBrief {
    /// Returns the brief of a domain.
    pub(super) fn of(report: &Report<'_, '_>) -> Self {
        let popularity = report.popularity();
        let evidence = Evidence {
            rank: popularity.as_ref(),
            ..Evidence::default()
        };
        let records = DnsRecords::of(report);
        Self {
            assessed: report.assessed(Kind::Domain, report.id().as_deref(), &evidence),
            created: report.date("creation_date"),
            registrar: report
                .attributes
                .raw("registrar")
                .and_then(|registrar| report.stranger(registrar)),
            categories: report.categories(),
            addresses: records.addresses,
            name_servers: records.name_servers,
            certificate_issuer: report.certificate_name("issuer", ["O", "CN"]),
            standing: report.standing("domain"),
            untrusted: DomainTexts {
                registrant: registrant(report),
            },
            popularity,
        }
    }
}

impl DomainTexts {
    /// Returns whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.registrant.is_none()
    }
}

impl DnsRecords {
    fn of(report: &Report<'_, '_>) -> Self {
        let mut records = Self::default();
        for record in &report.attributes.elements("last_dns_records").first {
            let [kind, Some(value)] = fields(record, ["type", "value"]) else {
                continue;
            };
            match kind {
                Some("\"A\"" | "\"AAAA\"") => {
                    if let Some(address) = address(value) {
                        add_distinct(&mut records.addresses, address.to_string(), ADDRESSES);
                    }
                }
                Some("\"NS\"") if records.name_servers.len() < NAME_SERVERS.texts => {
                    let name = report.stranger(value).unwrap_or_default();
                    add_distinct(&mut records.name_servers, name, NAME_SERVERS);
                }
                _ => {}
            }
        }
        records
    }
}

/// Returns the best rank in lists of popular domains.
pub(super) fn best_rank(ranks: &str) -> Option<Popularity> {
    let mut best: Option<Popularity> = None;
    for entry in entries(ranks) {
        let Some(rank) = field(entry.raw, "rank").and_then(number) else {
            continue;
        };
        let list = shorten(&entry.key, super::values::MAX_TEXT);
        let is_better = match &best {
            Some(best) => rank < best.rank,
            None => true,
        };
        if rank > 0 && is_better && !list.is_empty() {
            best = Some(Popularity { rank, list });
        }
    }
    best
}

impl Report<'_, '_> {
    /// Returns the best rank in a list of popular domains.
    pub(super) fn popularity(&self) -> Option<Popularity> {
        best_rank(self.attributes.raw("popularity_ranks")?)
    }

    /// Returns the distinct categories that vendors give.
    pub(super) fn categories(&self) -> Vec<String> {
        let mut categories = Vec::new();
        let given = self.attributes.raw("categories");
        for entry in entries(given.unwrap_or_default()) {
            let category = short(entry.raw).unwrap_or_default();
            add_distinct(&mut categories, category, CATEGORIES);
        }
        categories
    }

    /// Returns the first of these parts of a name in the last certificate.
    pub(super) fn certificate_name(&self, name: &str, parts: [&str; 2]) -> Option<String> {
        let certificate = self.attributes.raw("last_https_certificate")?;
        let found = fields(field(certificate, name)?, parts);
        for part in found.into_iter().flatten() {
            if let Some(shown) = self.stranger(part) {
                return Some(shown);
            }
        }
        None
    }
}

/// Returns the owner of the domain by its WHOIS record.
///
/// Only the line of the owner is decoded: the whole record takes longer than the rest of a brief.
fn registrant(report: &Report<'_, '_>) -> Option<String> {
    let whois = report.attributes.raw("whois")?;
    for owner in OWNERS {
        let Some((_, after)) = whois.split_once(owner) else {
            continue;
        };
        // The next line begins behind an escaped line feed. The last line ends with the quote.
        let end = after.find("\\n").unwrap_or(after.len() - 1);
        let line = format!("\"{}\"", &after[..end]);
        let Some(name) = string(&line) else {
            continue;
        };
        if !is_hidden_owner(&name) {
            return report.treated(&name, MAX_TEXT);
        }
    }
    None
}

/// Returns whether the record hides the owner, or `VirusTotal` does, which then gives a digest.
fn is_hidden_owner(name: &str) -> bool {
    let name = name.trim();
    name.contains("REDACTED") || is_hex(name, 16)
}
