use axum::http::Uri;
use rstest::rstest;

use super::*;

fn route(method: &str, path: &str) -> Route {
    let uri: Uri = format!("/api/v3{path}").parse().unwrap();
    let target = Target::parse(&uri).unwrap();
    Route::of(&method.parse().unwrap(), &target).unwrap()
}

/// Returns the identity of a read whose answer is kept.
fn kept(path: &str) -> Option<String> {
    match route("GET", path).action {
        Action::Read(query) => Some(query.call.path().to_owned()),
        _ => None,
    }
}

#[rstest]
#[case("/domains/example.com", "/domains/example.com")]
#[case("/domains/%65xample.com", "/domains/example.com")]
#[case("/domains/EXAMPLE.com", "/domains/EXAMPLE.com")]
#[case("/domains/example.com.", "/domains/example.com.")]
#[case("/domains/example%5B.%5Dcom", "/domains/example%5B.%5Dcom")]
#[case(
    "/ip_addresses/2001:db8::1/comments?limit=4",
    "/ip_addresses/2001%3Adb8%3A%3A1/comments?limit=4"
)]
#[case("/ip_addresses/2001:db8:0::1", "/ip_addresses/2001:db8:0::1")]
#[case("/analyses/NDRkOA==", "/analyses/NDRkOA%3D%3D")]
#[case("/search?query=a+b'c&x", "/search?query=a%20b%27c&x")]
#[case("/search?query=%FF", "/search?query=%FF")]
#[case("/comments/d-example.com-1?x='", "/comments/d-example.com-1?x=%27")]
#[case(
    "/domains/example.com?relationships=a,b&&c",
    "/domains/example.com?relationships=a%2Cb&&c"
)]
fn a_kept_answer_is_known_by_what_rest_would_ask(#[case] path: &str, #[case] identity: &str) {
    assert_eq!(kept(path).as_deref(), Some(identity));
}

#[rstest]
#[case("/files/x")]
#[case("/domains/example.com/download")]
#[case("/domains/example.com/Upper")]
#[case("/domains/example.com/comments/")]
#[case("/domains/example.com%2Fcomments")]
#[case("/comments/a%2Fb")]
#[case("/urls/abc/behaviour_summary")]
#[case("/analyses/a%3Fb")]
#[case("/metadata/x")]
fn anything_else_is_not_kept(#[case] path: &str) {
    assert_eq!(kept(path), None);
}

#[test]
fn two_tools_and_no_tool_are_three_identities() {
    let uri: Uri = "/api/v3/domains/example.com".parse().unwrap();
    let target = Target::parse(&uri).unwrap();
    let of = |tool: Option<&str>| {
        let route = Route::of(&Method::GET, &target).unwrap();
        let Action::Read(query) = route.action else {
            panic!("{route:?}")
        };
        let call = match tool {
            Some(tool) => query.call.by_tool(tool.as_bytes()),
            None => query.call,
        };
        call.path().to_owned()
    };
    assert_eq!(of(None), "/domains/example.com");
    assert_eq!(of(Some("a b\n")), "/domains/example.com a%20b%0A");
    assert_ne!(of(Some("A")), of(Some("a")));
}

#[test]
fn endpoints_are_told_apart_without_ids() {
    let text = |method, path| match route(method, path).action {
        Action::Forward(forward) => forward.endpoint.to_string(),
        action => panic!("{action:?}"),
    };
    assert_eq!(
        text("GET", "/private/files/secret-id/x"),
        "GET /private/files/{}/{}"
    );
    assert_eq!(
        text("DELETE", "/comments/d-example.com-1"),
        "DELETE /comments/{}"
    );
    assert_eq!(
        text("POST", "/domains/example.com/votes"),
        "POST /domains/{}/votes"
    );
}
