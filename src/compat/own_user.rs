//! The user that a client's token stands for: its allowances and what is left of them.

use serde_json::{Value, json};

use crate::{
    access::clients::{Client, Usage, UsedRequests},
    quota::accounts::{Report, Tally},
};

/// The minutes of an hour: VirusTotal reports the allowance of a minute by the hour.
const MINUTES: u64 = 60;

/// The number by which no limit is shown, since VirusTotal's clients expect a number.
const NO_LIMIT: u64 = 1_000_000_000;

/// Returns VirusTotal's answer about a user, for the client itself. `link` is the address of the
/// API.
pub(super) fn user(client: &Client, quotas: &Value, link: &str) -> Value {
    let name = &*client.name;
    json!({
        "data": {
            "id": name,
            "type": "user",
            "links": { "self": format!("{link}/users/{name}") },
            "attributes": { "first_name": name, "status": "active", "quotas": quotas },
        }
    })
}

/// Returns VirusTotal's answer about the quotas of a user.
pub(super) fn overall_quotas(quotas: &Value) -> Value {
    let mut data = quotas.clone();
    if let Some(windows) = data.as_object_mut() {
        for window in windows.values_mut() {
            *window = json!({ "user": window.take() });
        }
    }
    json!({ "data": data })
}

/// Returns the allowances of a client and what it has used, by window.
///
/// Of the client's own allowance and its key's, the one of which less is left counts.
pub(super) fn quotas(usage: Usage, report: &Report) -> Value {
    let minute = tighter(usage.minute, &report.minute);
    let by_hour = UsedRequests {
        allowed: minute.allowed.saturating_mul(MINUTES).min(NO_LIMIT),
        used: minute.used.saturating_mul(MINUTES),
    };
    json!({
        "api_requests_hourly": shown(by_hour),
        "api_requests_daily": shown(tighter(usage.day, &report.day)),
        "api_requests_monthly": shown(tighter(None, &report.month)),
    })
}

fn shown(window: UsedRequests) -> Value {
    json!({ "used": window.used, "allowed": window.allowed })
}

fn tighter(own: Option<UsedRequests>, key: &Tally) -> UsedRequests {
    let of_key = UsedRequests {
        allowed: key.allowed.unwrap_or(NO_LIMIT),
        used: key.used,
    };
    let left = |window: &UsedRequests| window.allowed.saturating_sub(window.used);
    match own {
        Some(own) if left(&own) <= left(&of_key) => own,
        _ => of_key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(allowed: Option<u64>, used: u64) -> Tally {
        Tally {
            allowed,
            used,
            remaining: None,
            reset: 0,
        }
    }

    #[test]
    fn what_is_left_least_of_is_shown() {
        let report = Report {
            minute: tally(Some(4), 1),
            day: tally(Some(500), 499),
            month: tally(None, 7),
            saved_today: 0,
        };
        let usage = Usage {
            minute: Some(UsedRequests {
                allowed: 2,
                used: 2,
            }),
            day: Some(UsedRequests {
                allowed: 100,
                used: 2,
            }),
        };
        let quotas = quotas(usage, &report);
        assert_eq!(
            quotas["api_requests_hourly"],
            json!({"used": 120, "allowed": 120})
        );
        assert_eq!(
            quotas["api_requests_daily"],
            json!({"used": 499, "allowed": 500})
        );
        let overall = overall_quotas(&quotas);
        assert_eq!(
            overall["data"]["api_requests_monthly"]["user"],
            json!({"used": 7, "allowed": NO_LIMIT})
        );
    }
}
