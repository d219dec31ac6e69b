//! The paths under which strangers write, for each type of object.
//!
//! A path is one of a template: `*` stands for a whole key or any element of an array, and a path
//! that ends marks everything below it, keys included. Verdicts and labels of engines, sandboxes and
//! rule authors are their own, not strangers'; so are digests, dates and counts.

/// The paths of each type of object.
///
/// Paths of behaviour summaries and of trees of techniques are relative to `data`, since they have no
/// attributes.
pub(super) const TABLE: &[(&str, &[&str])] = &[
    ("brief", BRIEF),
    ("file", FILE),
    ("url", URL),
    ("domain", DOMAIN),
    ("ip_address", IP),
    ("file_behaviour", BEHAVIOUR),
    ("behaviour_summary", BEHAVIOUR),
    ("behaviour_mitre_trees", MITRE_TREES),
    ("comment", COMMENT),
    ("whois", WHOIS),
    ("historical_whois", WHOIS),
    ("ssl_cert", CERTIFICATE),
    ("historical_ssl_certificate", CERTIFICATE),
    ("resolution", RESOLUTION),
    ("analysis", ANALYSIS),
    ("private_analysis", ANALYSIS),
    ("submission", SUBMISSION),
    ("collection", COLLECTION),
    ("graph", GRAPH),
    ("reference", REFERENCE),
    ("vote", VOTE),
    ("user", USER),
    ("group", GROUP),
];

/// Returns the paths of an object's attributes under which strangers write.
///
/// Returns `None` for a type that the table does not have: all of its text counts as written by
/// strangers.
pub fn of(object_type: &str) -> Option<&'static [&'static str]> {
    for (known, paths) in TABLE {
        if *known == object_type {
            return Some(paths);
        }
    }
    None
}

// The keys of briefs, in which the texts have been treated.
const BRIEF: &[&str] = &[
    "untrusted",
    "signature.signer",
    "certificate_subject",
    "final_url",
    "registrar",
    "name_servers",
    "as.owner",
    "host",
];

const FILE: &[&str] = &[
    // The names that submitters gave the file, and its place on the web.
    "names",
    "meaningful_name",
    "itw_urls",
    "known_distributors.filenames",
    "known_distributors.links",
    "known_distributors.products",
    "monitor_info.filenames",
    "nsrl_info.filenames",
    // What the file says about itself and its signer.
    "signature_info",
    "exiftool",
    "magic",
    // Formats of programs: every name, string, section and resource comes from the file.
    "pe_info",
    "elf_info",
    "macho_info",
    "dot_net_assembly",
    "dot_net_guids",
    "goresym",
    "androguard",
    "ipa_info",
    "class_info",
    "jar_info",
    "deb_info",
    "rombios_info",
    "vba_info",
    "packers",
    "detectiteasy",
    "main_icon",
    // Documents, links and scripts: titles, authors, macros, addresses.
    "office_info",
    "openxml_info",
    "pdf_info",
    "rtf_info",
    "html_info",
    "javascript_info",
    "powershell_info",
    "lnk_info",
    "swf_info",
    "asf_info",
    "email_info",
    // Containers: the names and comments of what they hold.
    "bundle_info",
    "dmg_info",
    "isoimage_info",
    "filecondis",
    "password_info",
    "image_code_injections",
    // Text that an attacker can write into the traffic and the logs that rules matched.
    "crowdsourced_ids_results.*.alert_context",
    "sigma_analysis_results.*.match_context",
    "snort",
    "suricata",
    "traffic_inspection",
    "wireshark",
    "network_infrastructure",
    // A family's configuration is extracted from the sample; a model's summary repeats its text.
    "malware_config",
    "crowdsourced_ai_results.*.analysis",
];

const URL: &[&str] = &[
    // The address, and those that it leads to.
    "url",
    "last_final_url",
    "redirection_chain",
    "outgoing_links",
    "context_attributes",
    // The page.
    "title",
    "html_meta",
    "trackers",
    "javascript_variables",
    "favicon.raw_url",
    "last_http_response_text",
    // The server.
    "last_http_response_headers",
    "last_http_response_cookies",
    "last_http_response_cookies_extended",
    "last_https_certificate",
    "http_response_headers",
    "http_response_cookies",
    // The submitter's browser.
    "user_agent",
];

const DOMAIN: &[&str] = &[
    // The owner writes these into the registry.
    "whois",
    "rdap",
    "registrant",
    // A reseller names itself.
    "registrar",
    // Zone files: `TXT` holds any text, and so do names.
    "last_dns_records.*.value",
    "last_dns_records.*.rname",
    "last_dns_records.*.tag",
    // A certificate that the server issued to itself says anything.
    "last_https_certificate",
];

const IP: &[&str] = &[
    // The holder of the network writes these into the registry.
    "whois",
    "rdap",
    "as_owner",
    "last_https_certificate",
];

const BEHAVIOUR: &[&str] = &[
    // Processes and their arguments.
    "command_executions",
    "processes_created",
    "processes_terminated",
    "processes_killed",
    "processes_injected",
    "processes_tree",
    "modules_loaded",
    "services_bound",
    "services_created",
    "services_deleted",
    "services_opened",
    "services_started",
    "services_stopped",
    "calls_highlighted",
    "invokes",
    "signals_observed",
    "signals_hooked",
    // Files and the registry.
    "files_attribute_changed",
    "files_copied",
    "files_deleted",
    "files_dropped",
    "files_opened",
    "files_written",
    "registry_keys_deleted",
    "registry_keys_opened",
    "registry_keys_set",
    "databases_deleted",
    "databases_opened",
    "shared_preferences_lookups",
    "shared_preferences_sets",
    "content_model_observers",
    "content_model_sets",
    "system_property_lookups",
    "system_property_sets",
    // The network.
    "dns_lookups",
    "http_conversations",
    "ip_traffic",
    "hosts_file",
    "ja3_digests",
    "smtp_conversations",
    "tls",
    "memory_pattern_domains",
    "memory_pattern_ips",
    "memory_pattern_urls",
    "memory_dumps",
    "sms_sent",
    // Names and texts that the sample chose.
    "mutexes_created",
    "mutexes_opened",
    "windows_hidden",
    "windows_searched",
    "ui_dialogs",
    "ui_dialogs_pressed",
    "text_decoded",
    "text_highlighted",
    "crypto_keys",
    "crypto_plain_text",
    "activities_started",
    "permissions_checked",
    "permissions_requested",
    "attack_techniques.*.*.description",
    "mitre_attack_techniques.*.signature_description",
    "mitre_attack_techniques.*.refs",
    "signature_matches.*.match_data",
    "signature_matches.*.description",
    "sigma_analysis_results.*.match_context",
    "ids_results.*.alert_context",
    "verdict_labels",
    "malware_config",
    "sandbox_output",
];

// Descriptions of signatures repeat the sample's paths and keys.
const MITRE_TREES: &[&str] = &[
    "*.tactics.*.techniques.*.signatures.*.description",
    "*.tactics.*.techniques.*.signatures.*.refs",
    "*.tactics.*.techniques.*.signatures.*.match_data",
];

// Everything that a member of the community typed.
const COMMENT: &[&str] = &["text", "html", "tags"];

// Every value is the registrant's, and so are the keys of records that registries pass on.
const WHOIS: &[&str] = &[
    "whois",
    "whois_map",
    "registrar_name",
    "registrant_name",
    "rdap",
];

// The holder of any key can write a certificate.
const CERTIFICATE: &[&str] = &[
    "subject",
    "issuer",
    "extensions",
    "serial_number",
    "signed_by",
];

// A zone names any host, with labels of any text.
const RESOLUTION: &[&str] = &["host_name"];

// The address that was submitted.
const ANALYSIS: &[&str] = &["url", "file_name", "context_attributes"];

const SUBMISSION: &[&str] = &["name", "interface", "referer", "user_agent"];

// Titles and texts of the member who made them.
const COLLECTION: &[&str] = &[
    "name",
    "description",
    "summary",
    "executive_summary",
    "analysis",
    "aliases",
    "alt_names",
    "alt_names_details",
    "tags",
    "tags_details",
    "link",
    "links",
    "origin_link",
    "author",
    "collection_links",
    "autogenerated_summary",
    "detection_names",
    "field_sources",
    "raw_iocs",
    "workarounds",
];

const GRAPH: &[&str] = &[
    "graph_data",
    "nodes",
    "links",
    "groups",
    "private_comments",
    "description",
    "comments",
];

const REFERENCE: &[&str] = &[
    "title",
    "description",
    "author",
    "url",
    "tags",
    "source",
    "summary",
    "content",
];

// A vote may repeat its reason.
const VOTE: &[&str] = &["text", "comment", "reason"];

const USER: &[&str] = &[
    "first_name",
    "last_name",
    "profile_phrase",
    "bio",
    "country",
    "website",
    "avatar",
    "email",
];

const GROUP: &[&str] = &["name", "description", "website"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::template::pattern::{Filter, Rule};

    #[test]
    fn names_are_from_strangers_and_engine_labels_are_not() {
        let file = of("file").unwrap_or_default();
        assert!(file.contains(&"names"));
        assert!(!file.iter().any(|path| path.starts_with("last_analysis")));
        assert_eq!(of("unheard_of"), None);
    }

    #[test]
    fn every_path_is_a_pattern() {
        for (object_type, paths) in TABLE {
            let rules = paths.iter().map(|path| (Rule::Untrusted, *path));
            assert!(Filter::compile(rules).is_ok(), "{object_type}");
        }
    }
}
