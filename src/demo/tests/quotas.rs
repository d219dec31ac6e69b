//! Quotas of keys and the calls that they have made.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_key_sees_its_allowances_and_calls() {
    let site = Site::new();
    let path = "/users/public-key/overall_quotas";
    for _ in 0..3 {
        let (_, quotas) = site.get_as("public-key", path).await;
        let quota = |allowed: u32| json!({ "user": { "allowed": allowed, "used": 0 } });
        let expected = json!({
            "api_requests_hourly": quota(240),
            "api_requests_daily": quota(500),
            "api_requests_monthly": quota(15_500),
        });
        assert_eq!(quotas, json!({ "data": expected }));
    }
    site.get_as("public-key", "/domains/example.com").await;
    site.get_as("public-key", "/domains/nowhere.test").await;
    site.post_as("public-key", "/domains/example.com/analyse", "")
        .await;
    site.get("/domains/example.com").await;
    let (_, quotas) = site.get_as("public-key", path).await;
    assert_eq!(quotas["data"]["api_requests_daily"]["user"]["used"], 3);
    let quotas = site.get(&format!("/users/{KEY}/overall_quotas")).await;
    let group = json!({ "allowed": 30_000_000, "used": 1 });
    assert_eq!(
        quotas["data"]["api_requests_monthly"],
        json!({ "user": group, "group": group })
    );
}

#[tokio::test]
async fn a_key_sees_its_own_quotas_only() {
    let path = format!("/users/{KEY}/overall_quotas");
    let (status, code, _) = refusal("public-key", &path).await;
    assert_eq!((status, &*code), (403, "ForbiddenError"));
    assert_eq!(
        refusal("wrong-key", "/users/wrong-key/overall_quotas")
            .await
            .0,
        401
    );
}
