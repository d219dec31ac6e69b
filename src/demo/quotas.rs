//! The quotas of keys. Calls are counted, but never refused.

use axum::extract::{Path, Request, State};
use serde_json::{Value, json};

use super::{
    answer::{DemoError, JsonAnswer},
    caller::{AccountTier, KeyDigest, KeyHolder},
    item::DataEnvelope,
    stand_in::StandIn,
};

/// Counts a call with a valid key, regardless of its outcome.
pub(super) async fn count_call(
    State(site): State<StandIn>,
    caller: Result<KeyHolder, DemoError>,
    request: Request,
) -> Request {
    if let Ok(caller) = caller {
        site.live().count_call(caller.key);
    }
    request
}

/// Returns the quotas of the caller's key, which has to be the one in the path.
pub(super) async fn read_overall_quotas(
    caller: KeyHolder,
    State(site): State<StandIn>,
    Path(id): Path<String>,
) -> Result<JsonAnswer, DemoError> {
    if KeyDigest::of(&id) != caller.key {
        return Err(DemoError::forbidden());
    }
    let used = site.live().calls(caller.key);
    let [hourly, daily, monthly] = match caller.tier {
        AccountTier::Public => [240, 500, 15_500],
        AccountTier::Premium => [60_000, 1_000_000, 30_000_000],
    };
    Ok(JsonAnswer::ok(&DataEnvelope::of(json!({
        "api_requests_hourly": quota(caller.tier, hourly, used),
        "api_requests_daily": quota(caller.tier, daily, used),
        "api_requests_monthly": quota(caller.tier, monthly, used),
    }))))
}

/// Returns one quota, which a premium account shares with its group.
fn quota(tier: AccountTier, allowed: u64, used: u64) -> Value {
    let of_user = json!({ "allowed": allowed, "used": used });
    match tier {
        AccountTier::Public => json!({ "user": of_user }),
        AccountTier::Premium => json!({ "user": of_user, "group": of_user }),
    }
}
