//! Tests that queries are read strictly, so that a mistyped one is neither looked up nor paid for.

use rstest::rstest;
use serde_json::Value;

use crate::{
    errors::is_well_formed,
    harness::{EICAR, Gateway, KEY, Upstream, file, send},
};

async fn demo() -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--rate-limit-per-minute", "4"]).await;
    (upstream, gateway)
}

/// Method, path with the examples of the document, and the names of its query's parameters.
type Route = (String, String, Vec<String>);

/// Returns every route of the API, as documented.
async fn documented(gateway: &Gateway) -> Vec<Route> {
    let document = gateway.get("/openapi.json").await.json();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        if !path.starts_with("/api/v1/") {
            continue;
        }
        for (method, operation) in item.as_object().unwrap() {
            let (mut path, mut names) = (path.clone(), Vec::new());
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let text = |member: &str| parameter[member].as_str().unwrap().to_owned();
                if parameter["in"] == "path" {
                    path = path.replace(&format!("{{{}}}", text("name")), &text("example"));
                } else {
                    names.push(text("name"));
                }
            }
            routes.push((method.to_uppercase(), path, names));
        }
    }
    assert!(routes.len() > 25);
    routes
}

#[tokio::test]
async fn an_unknown_parameter_is_a_400_on_every_route() {
    let (upstream, gateway) = demo().await;
    for (method, path, names) in documented(&gateway).await {
        let reply = gateway.ask(&method, &format!("{path}?nonsense=1")).await;
        is_well_formed(&reply);
        assert_eq!(reply.status, 400, "{method} {path}: {}", reply.text());
        let detail = reply.detail();
        assert!(detail.contains("parameter `nonsense`: unknown"), "{detail}");
        for name in &names {
            assert!(detail.contains(&format!("`{name}`")), "{path}: {detail}");
        }
        if !path.ends_with("/types") {
            assert_eq!(reply.number("x-ratelimit-remaining"), Some(4), "{path}");
        }
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_documented_parameter_is_accepted_once() {
    let (upstream, gateway) = demo().await;
    for (method, path, names) in documented(&gateway).await {
        for name in names {
            let reply = gateway
                .ask(&method, &format!("{path}?{name}=&{name}="))
                .await;
            assert_eq!(reply.status, 400, "{path}: {}", reply.text());
            let detail = reply.detail();
            let says = format!("parameter `{name}`: it may be given only once");
            assert!(detail.contains(&says), "{path}: {detail}");
            let reply = gateway.ask(&method, &format!("{path}?{name}=%ff")).await;
            let says = format!("parameter `{name}`: ");
            assert!(reply.status == 400 && reply.detail().contains(&says));
        }
    }
    assert_eq!(upstream.count(), 0);
}

#[rstest]
#[case("fomat=raw", "`fomat`", "`format`")]
#[case("FORMAT=raw", "`FORMAT`", "`format`")]
#[case("template=x", "`template`", "`template_name`")]
#[case("format=raw&wiat=3", "`wiat`", "`wait`")]
#[case("limit=3", "`limit`", "`template_name`")]
#[case("=", "``", "`format`")]
#[case("x", "`x`", "`format`")]
#[case("%ff=%fe", "not valid UTF-8", "percent-decoded")]
#[tokio::test]
async fn an_unknown_parameter_names_the_nearest_known_one(
    #[case] query: &str,
    #[case] given: &str,
    #[case] near: &str,
) {
    let (upstream, gateway) = demo().await;
    let reply = gateway.get(&format!("{}?{query}", file(EICAR))).await;
    is_well_formed(&reply);
    let detail = reply.detail();
    assert_eq!((reply.status, upstream.count()), (400, 0), "{detail}");
    assert!(detail.contains(given) && detail.contains(near), "{detail}");
}

#[tokio::test]
async fn long_or_invisible_parameter_names_are_shortened_or_escaped() {
    let (_upstream, gateway) = demo().await;
    let name = format!("{}%E2%80%AE%60", "ab12".repeat(16));
    let detail = gateway
        .get(&format!("{}?{name}=1", file(EICAR)))
        .await
        .detail();
    assert!(detail.contains("`ab12ab12…`"), "{detail}");
    let detail = gateway
        .get(&format!("{}?a%E2%80%AE=1", file(EICAR)))
        .await
        .detail();
    assert!(detail.contains(r"`a\u{202e}`"), "{detail}");
}

/// The cases send the key with and without a key in the header, on every kind of route.
#[rstest]
#[case("apikey")]
#[case("api_key")]
#[case("x-apikey")]
#[case("X-API-Key")]
#[case("token")]
#[tokio::test]
async fn a_key_in_the_query_is_refused_with_the_right_header(#[case] name: &str) {
    let (upstream, gateway) = demo().await;
    let query = format!("{name}=secret-key-0123456789");
    for (path, headers) in [
        (file(EICAR), &[("x-api-key", KEY)][..]),
        (file(EICAR), &[]),
        ("/api/v1/search?query=x&format=json".to_owned(), &[]),
        ("/api/v1/quota".to_owned(), &[("x-api-key", KEY)]),
        ("/api/v1/ips/relationships/types".to_owned(), &[]),
    ] {
        let mark = if path.contains('?') { '&' } else { '?' };
        let reply = gateway
            .get_with(&format!("{path}{mark}{query}"), headers)
            .await;
        assert_eq!(reply.status, 400, "{path}: {}", reply.text());
        assert!(
            reply.detail().contains("header `X-API-Key`"),
            "{}",
            reply.detail()
        );
        assert!(!reply.text().contains("0123456789"));
    }
    let post = gateway.post_keyless(&format!("/api/v1/urls?{query}"));
    let reply = send(post.body("url=http://a.example/")).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_token_in_the_query_is_never_repeated() {
    let (_upstream, gateway) = demo().await;
    for query in [
        "Vt4ai_0123456789=1",
        "vt4ai_0123456789",
        "apikey=vt4ai_0123456789",
    ] {
        let reply = gateway
            .get_with(&format!("{}?{query}", file(EICAR)), &[])
            .await;
        assert_eq!(reply.status, 400);
        assert!(!reply.text().contains("0123456789"), "{}", reply.text());
    }
}

#[rstest]
#[case("urls/analyze?url=http://x.test/?a=1&b=2", "percent-encode the URL")]
#[case("urls/analyze?uri=http://x.test/", "did you mean `url`")]
#[case("urls/analyze?url=http://x.test/?a=1&apikey=2", "the URL")]
#[case("search?query=http://x.test/?a=1&b=2", "'query=…'")]
#[case("ips/8.8.8.8/votes?cursor=votes+1/%20&more=%2B==", "the cursor")]
#[tokio::test]
async fn a_value_cut_at_an_ampersand_must_be_encoded(#[case] target: &str, #[case] which: &str) {
    let (upstream, gateway) = demo().await;
    let reply = gateway.get(&format!("/api/v1/{target}")).await;
    let detail = reply.detail();
    assert_eq!((reply.status, upstream.count()), (400, 0), "{detail}");
    assert!(
        detail.contains("percent-encode") && detail.contains(which),
        "{detail}"
    );
}

/// The stand-in's cursors contain characters that only survive if they are encoded once.
#[rstest]
#[case::encoded(|it: &str| percent_encoding::utf8_percent_encode(it, percent_encoding::NON_ALPHANUMERIC).to_string())]
#[case::as_a_form(|it: &str| url::form_urlencoded::byte_serialize(it.as_bytes()).collect())]
#[case::all_but_the_plus(|it: &str| percent_encoding::utf8_percent_encode(it, percent_encoding::NON_ALPHANUMERIC).to_string().replacen("%2B", "+", 1))]
#[case::only_what_cuts_it(|it: &str| it.replace('%', "%25").replace('&', "%26").replace(' ', "%20"))]
#[tokio::test]
async fn a_cursor_works_in_every_encoding(#[case] encode: fn(&str) -> String) {
    let (_upstream, gateway) = demo().await;
    let path = format!(
        "{}/relationships/contacted_domains?limit=20",
        file(crate::harness::TROJAN)
    );
    let first = gateway.get(&path).await.json();
    let cursor = first["meta"]["cursor"].as_str().unwrap();
    let second = gateway
        .get(&format!("{path}&cursor={}", encode(cursor)))
        .await;
    let rest: Value = second.data();
    assert_eq!(rest.as_array().unwrap().len(), 9, "{cursor}");
}
