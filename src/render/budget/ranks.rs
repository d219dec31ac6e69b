//! The ranks of the parts of each type of object: the order in which a budget leaves them out.
//!
//! The facts that decide stay longest: the verdict, its counts and the date of the analysis, then the
//! names of families, then other dates. Then come what the object is, the evidence of
//! sandboxes and rules, and the context. Results of single engines and dumps of a file's structure
//! go first: they are long, and the facts above sum them up.

/// The keys of each rank, the highest rank first. Their order is the same for all types of object,
/// since a key means the same in each.
const RANKS: [&[&str]; 8] = [
    // The verdict, its counts, and the dates, which tell how much it is worth.
    &[
        "verdict",
        "gti_assessment",
        "last_analysis_stats",
        "detections",
        "status",
        "stats",
        "last_analysis_date",
        "analysed",
        "date",
        "text",
        "value",
    ],
    // The names of families, and other dates.
    &[
        "label",
        "families",
        "threat_names",
        "popular_threat_classification",
        "first_submission_date",
        "first_seen",
        "last_submission_date",
        "last_seen",
        "creation_date",
        "created",
        "first_seen_itw_date",
        "times_submitted",
        "submissions",
    ],
    // The object itself.
    &[
        "indicator",
        "id",
        "type",
        "type_description",
        "type_tag",
        "size",
        "meaningful_name",
        "url",
        "last_final_url",
        "final_url",
        "title",
        "registrar",
        "as_owner",
        "as",
        "asn",
        "country",
        "network",
        "host_name",
        "ip_address",
        "sha256",
        "name",
        "description",
    ],
    // Opinions of others.
    &[
        "reputation",
        "total_votes",
        "votes",
        "tags",
        "categories",
        "popularity_ranks",
        "popularity",
        "known_distributors",
        "distributors",
        "signature_info",
        "signature",
        "last_http_response_code",
        "http_status",
    ],
    // Evidence of sandboxes and rules.
    &[
        "sandbox_verdicts",
        "sandboxes",
        "sigma_analysis_stats",
        "crowdsourced_ids_stats",
        "crowdsourced_yara_results",
        "rules",
        "sigma_analysis_summary",
        "verdicts",
        "signature_matches",
        "mitre_attack_techniques",
        "crowdsourced_context",
        "crowdsourced_ai_results",
        "malware_config",
    ],
    // Keys that are in no other rank: context, usually short.
    &[],
    // Lists that tend to be long.
    &[
        "names",
        "sigma_analysis_results",
        "crowdsourced_ids_results",
        "last_dns_records",
        "redirection_chain",
        "html_meta",
        "trid",
        "untrusted",
        "type_tags",
        "trackers",
        "link",
    ],
    // Dumps, and results that the counts sum up.
    &[
        "last_analysis_results",
        "results",
        "pe_info",
        "exiftool",
        "androguard",
        "elf_info",
        "macho_info",
        "dot_net_assembly",
        "dot_net_guids",
        "office_info",
        "openxml_info",
        "pdf_info",
        "bundle_info",
        "html_info",
        "javascript_info",
        "powershell_info",
        "vba_info",
        "last_https_certificate",
        "last_http_response_headers",
        "last_http_response_cookies",
        "last_http_response_content_sha256",
        "outgoing_links",
        "whois",
        "rdap",
        "favicon",
        "goresym",
        "detectiteasy",
        "packers",
        "tlsh",
        "ssdeep",
        "vhash",
        "authentihash",
        "jarm",
        "magic",
        "magika",
        "permhash",
        "symhash",
        "telfhash",
        "main_icon",
    ],
];

/// The rank of keys that are in no list.
const UNLISTED: usize = 5;

/// The number of lists whose parts decide; see [`Rank::list`].
pub(super) const DECIDING: usize = 2;

/// The rank of a part. The greatest is left out first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// The number of the list. If a part is left out, so are all parts of later lists.
    pub(super) list: usize,
    place: usize,
}

impl Rank {
    /// The rank of the parts that say which object it is.
    pub(super) const IDENTITY: Self = Self { list: 0, place: 0 };

    /// Returns the rank of the part with this key.
    pub(super) fn of(key: &str) -> Self {
        for (list, keys) in RANKS.iter().enumerate() {
            if let Some(place) = keys.iter().position(|known| *known == key) {
                return Self {
                    list: list + 1,
                    place,
                };
            }
        }
        Self {
            list: UNLISTED + 1,
            place: 0,
        }
    }
}
