//! IP addresses in brief.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    assessed::{Assessed, Standing},
    report::Report,
};
use crate::{
    indicator::Kind,
    render::verdict::{Evidence, reserved},
};

/// The attributes that the brief of an IP address is made from.
pub(super) const ATTRIBUTES: &[&str] = &[
    "gti_assessment",
    "last_analysis_stats",
    "last_analysis_results",
    "last_analysis_date",
    "asn",
    "as_owner",
    "network",
    "country",
    "last_https_certificate",
    "reputation",
    "total_votes",
    "tags",
];

/// The facts that decide about an IP address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct IpBrief {
    /// The indicator, the verdict, the detections and the last analysis.
    #[serde(flatten)]
    pub assessed: Assessed,
    /// The autonomous system.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub autonomous_system: Option<AutonomousSystem>,
    /// The network, such as `192.0.2.0/24`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub network: Option<String>,
    /// The country, as two letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub country: Option<String>,
    /// The subject of the last certificate. A stranger chooses this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub certificate_subject: Option<String>,
    /// The reputation, the votes, the tags and the link.
    #[serde(flatten)]
    pub standing: Standing,
}

/// The autonomous system of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AutonomousSystem {
    /// The number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The owner, as registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub owner: Option<String>,
}

impl IpBrief {
    /// Returns the brief of an IP address.
    pub(super) fn of(report: &Report<'_, '_>) -> Self {
        let id = report.id();
        let address = id.as_deref().or(report.context.given);
        let evidence = Evidence {
            reserved: address
                .and_then(|address| address.parse().ok())
                .and_then(reserved),
            ..Evidence::default()
        };
        Self {
            assessed: report.assessed(Kind::Ip, id.as_deref(), &evidence),
            autonomous_system: autonomous_system(report),
            network: report.text("network"),
            country: report.text("country"),
            certificate_subject: report.certificate_name("subject", ["CN", "O"]),
            standing: report.standing("ip-address"),
        }
    }
}

fn autonomous_system(report: &Report<'_, '_>) -> Option<AutonomousSystem> {
    let owner = report.attributes.raw("as_owner");
    let system = AutonomousSystem {
        number: report.number("asn"),
        owner: owner.and_then(|owner| report.stranger(owner)),
    };
    if system.number.is_none() && system.owner.is_none() {
        return None;
    }
    Some(system)
}
