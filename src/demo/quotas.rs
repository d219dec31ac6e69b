//! The quotas of keys. Calls are counted, but never refused.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use serde_json::{Map, Value, json};

use super::{
    answer::{Account, Answer, Caller, KeyHash, Refusal},
    item::Envelope,
    live::Live,
    stand_in::StandIn,
};

/// Counts a call with a valid key, regardless of its outcome.
pub(super) async fn count_call(
    State(site): State<Arc<StandIn>>,
    caller: Result<Caller, Refusal>,
    request: Request,
) -> Request {
    if let Ok(caller) = caller {
        site.live().count_call(caller.key);
    }
    request
}

/// Returns the quotas of the caller's key, which has to be the one in the path.
pub(super) async fn read_overall_quotas(
    caller: Caller,
    State(site): State<Arc<StandIn>>,
    Path(id): Path<String>,
) -> Result<Answer, Refusal> {
    if KeyHash::of(&id) != caller.key {
        return Err(Refusal::forbidden());
    }
    let used = site.live().calls(caller.key);
    let allowed = match caller.account {
        Account::Public => [240, 500, 15_500],
        Account::Premium => [60_000, 1_000_000, 30_000_000],
    };
    let names = [
        "api_requests_hourly",
        "api_requests_daily",
        "api_requests_monthly",
    ];
    let quotas = names.into_iter().zip(allowed).map(|(name, allowed)| {
        let mut quota = json!({ "user": { "allowed": allowed, "used": used } });
        if caller.account == Account::Premium {
            quota["group"] = quota["user"].clone();
        }
        (name.to_owned(), quota)
    });
    let quotas: Map<String, Value> = quotas.collect();
    Ok(Answer::ok(&Envelope::of(quotas)))
}

impl Live {
    fn count_call(&mut self, key: KeyHash) {
        match self.calls.find_mut(|(of, _)| *of == key) {
            Some((_, count)) => *count += 1,
            None => self.calls.add((key, 1)),
        }
    }

    fn calls(&self, key: KeyHash) -> u64 {
        let mut calls = self.calls.iter();
        calls
            .find(|(of, _)| *of == key)
            .map_or(0, |(_, count)| *count)
    }
}
