//! Detection of misspelt fields: the attributes that VirusTotal documents for each kind of object.
//!
//! VirusTotal adds attributes over time, so a template may name others: they are reported, never
//! refused.

use super::Template;
use crate::{indicator::Kind, render::spelling};

/// Paths of all four kinds. Below a path that ends here, any other may follow.
const COMMON: &str = "gti_assessment last_analysis_date last_modification_date reputation tags \
    threat_severity last_analysis_results.*.category last_analysis_results.*.engine_name \
    last_analysis_results.*.engine_update last_analysis_results.*.engine_version \
    last_analysis_results.*.method last_analysis_results.*.result \
    last_analysis_stats.confirmed-timeout last_analysis_stats.failure \
    last_analysis_stats.harmless last_analysis_stats.malicious last_analysis_stats.suspicious \
    last_analysis_stats.timeout last_analysis_stats.type-unsupported \
    last_analysis_stats.undetected total_votes.harmless total_votes.malicious";

const FILE: &str = "androguard asf_info authentihash available_tools bundle_info bytehero_info \
    capabilities_tags class_info creation_date crowdsourced_ai_results crowdsourced_ids_results \
    crowdsourced_ids_stats crowdsourced_yara_results deb_info detectiteasy dmg_info \
    dot_net_assembly dot_net_guids downloadable elf_info exiftool filecondis \
    first_seen_itw_date first_submission_date goresym html_info image_code_injections ipa_info \
    isoimage_info jar_info javascript_info known_distributors last_submission_date lnk_info \
    macho_info magic magika main_icon malware_config md5 meaningful_name monitor_info names \
    network_infrastructure nsrl_info office_info openxml_info packers password_info pdf_info \
    pe_info permhash popular_threat_classification powershell_info rombios_info rtf_info \
    sandbox_verdicts sha1 sha256 sigma_analysis_results sigma_analysis_stats \
    sigma_analysis_summary signature_info size snort ssdeep suricata swf_info symhash telfhash \
    threat_verdict times_submitted tlsh traffic_inspection trid trusted_verdict \
    type_description type_extension type_tag type_tags unique_sources vba_info vhash wireshark";

const URL: &str = "categories crowdsourced_context favicon.dhash favicon.raw_md5 \
    first_submission_date has_content html_meta last_final_url last_http_response_code \
    last_http_response_content_length last_http_response_content_sha256 \
    last_http_response_cookies last_http_response_headers last_submission_date outgoing_links \
    redirection_chain targeted_brand threat_names times_submitted title tld trackers url";

const DOMAIN: &str = "categories creation_date crowdsourced_context expiration_date \
    favicon.dhash favicon.raw_md5 first_seen_itw_date jarm last_dns_records.*.expire \
    last_dns_records.*.flag last_dns_records.*.minimum last_dns_records.*.priority \
    last_dns_records.*.refresh last_dns_records.*.retry last_dns_records.*.rname \
    last_dns_records.*.serial last_dns_records.*.tag last_dns_records.*.ttl \
    last_dns_records.*.type last_dns_records.*.value last_dns_records_date \
    last_https_certificate last_https_certificate_date last_update_date popularity_ranks rdap \
    registrar tld whois whois_date";

const IP: &str = "as_owner asn continent country crowdsourced_context first_seen_itw_date jarm \
    last_https_certificate last_https_certificate_date network rdap regional_internet_registry \
    whois whois_date";

/// The number of letters in which a part may differ from the one that was meant.
const MAX_LETTERS: usize = 3;

/// Returns a warning for each path of a template that no documented attribute has.
pub(super) fn warnings(template: &Template) -> Vec<String> {
    let mut warnings = Vec::new();
    let paths = template
        .include_fields
        .iter()
        .chain(&template.exclude_fields);
    for path in paths {
        let Some(warning) = warning(template.object, path) else {
            continue;
        };
        warnings.push(format!("template `{}`: {warning}", template.name));
    }
    warnings
}

/// Returns the warning for a path, or `None` if a documented attribute has it.
fn warning(kind: Kind, path: &str) -> Option<String> {
    let own = match kind {
        Kind::File => FILE,
        Kind::Url => URL,
        Kind::Domain => DOMAIN,
        Kind::Ip => IP,
    };
    let mut nearest: Option<Correction> = None;
    for documented in [COMMON, own]
        .iter()
        .flat_map(|list| list.split_whitespace())
    {
        let Some(found) = correct(path, documented) else {
            continue;
        };
        if found.distance == 0 {
            return None;
        }
        match &nearest {
            Some(nearest) if nearest.distance <= found.distance => {}
            _ => nearest = Some(found),
        }
    }
    let kind = kind.name();
    Some(match nearest {
        Some(Correction { path: meant, .. }) => {
            format!("VirusTotal documents no `{path}` for the object `{kind}`: is `{meant}` meant?")
        }
        None => format!("VirusTotal documents no `{path}` for the object `{kind}`"),
    })
}

/// A documented path near to the one that a template names.
struct Correction {
    path: String,
    /// The number of letters in which the two differ.
    distance: usize,
}

/// Compares a path with a documented one as far as both go. Returns `None` if they are too
/// different.
fn correct(path: &str, documented: &str) -> Option<Correction> {
    let mut distance = 0;
    let mut meant = Vec::new();
    let mut documented = documented.split('.');
    for part in path.split('.') {
        let known = documented.next().unwrap_or("*");
        if part == known || part == "*" || known == "*" {
            meant.push(part);
            continue;
        }
        let letters = spelling::distance(known, part)?;
        if letters > (known.len() / 3).clamp(1, MAX_LETTERS) {
            return None;
        }
        distance += letters;
        meant.push(known);
    }
    Some(Correction {
        path: meant.join("."),
        distance,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::render::template::Templates;

    #[rstest]
    #[case(Kind::File, "names")]
    #[case(Kind::File, "pe_info.sections.*.md5")]
    #[case(Kind::File, "*.category")]
    #[case(Kind::File, "last_analysis_results.Kaspersky")]
    #[case(Kind::Url, "last_analysis_results")]
    #[case(Kind::Domain, "last_dns_records.*.ttl")]
    #[case(Kind::Ip, "last_https_certificate.extensions")]
    fn documented_field_is_not_reported(#[case] kind: Kind, #[case] path: &str) {
        assert_eq!(warning(kind, path), None);
    }

    #[rstest]
    #[case(Kind::File, "nams", Some("names"))]
    #[case(
        Kind::Domain,
        "last_analysis_result.*.category",
        Some("last_analysis_results.*.category")
    )]
    #[case(
        Kind::Url,
        "last_analysis_results.*.catgory",
        Some("last_analysis_results.*.category")
    )]
    #[case(Kind::Ip, "as_ownr", Some("as_owner"))]
    #[case(Kind::Ip, "registrar", None)]
    #[case(Kind::File, "x", None)]
    #[case::dot_in_a_key(Kind::File, "last_analysis_results.Dr.Web", None)]
    fn misspelt_field_is_reported_with_the_nearest(
        #[case] kind: Kind,
        #[case] path: &str,
        #[case] meant: Option<&str>,
    ) {
        let warning = warning(kind, path).unwrap();
        assert!(warning.contains(&format!("`{path}`")), "{warning}");
        let suggestion = meant.map(|meant| format!("is `{meant}` meant?"));
        assert_eq!(
            suggestion.is_some(),
            warning.ends_with("meant?"),
            "{warning}"
        );
        assert!(
            suggestion.is_none_or(|it| warning.ends_with(&it)),
            "{warning}"
        );
    }

    #[test]
    fn shipped_templates_name_documented_fields() {
        let templates = Templates::load(None).unwrap();
        let mut found = Vec::new();
        for kind in Kind::ALL {
            found.extend(templates.of(kind).flat_map(warnings));
        }
        // Ported from the Python package: `links` is no attribute, but a member beside them.
        let links =
            "template `vt4ai_file_basics`: VirusTotal documents no `links` for the object `file`";
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(links), "{found:?}");
    }
}
