//! The name under which a request asks for the gateway: `Host`, `:authority` or absolute target.

use axum::{
    extract::Request,
    http::{HeaderMap, Uri, header, uri::Authority},
};

use crate::http::error::ApiError;

/// Rejects a request that names two hosts, or the same one in two headers.
///
/// A proxy, a browser and the gateway could each use another one of them.
pub fn check(request: &Request) -> Result<(), ApiError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let Some(host) = hosts.next() else {
        return Ok(());
    };
    if hosts.next().is_some() {
        return Err(ApiError::bad_request(
            "the header `Host` was sent twice; send it once",
        ));
    }
    let Some(target) = request.uri().authority() else {
        return Ok(());
    };
    let default_port = default_port(request.uri());
    let host = host.to_str().unwrap_or_default();
    if is_same(host, target.as_str(), default_port) {
        return Ok(());
    }
    Err(ApiError::bad_request(
        "the header `Host` differs from the host that the request's target (in HTTP/2 its \
         `:authority`) names; send the same in both",
    ))
}

/// Returns host and port as the client wrote them; in HTTP/2 they are in the URI.
///
/// If header and URI both name one they are equal: [`check`] has seen the request.
pub fn of<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    host.or_else(|| uri.authority().map(Authority::as_str))
}

/// Returns the host without its port.
pub fn without_port(authority: &str) -> &str {
    split(authority).0
}

fn is_same(one: &str, other: &str, default_port: &str) -> bool {
    let (host, port) = split(one);
    let (other_host, other_port) = split(other);
    host.eq_ignore_ascii_case(other_host)
        && port.unwrap_or(default_port) == other_port.unwrap_or(default_port)
}

/// Splits off the port, if there is one.
fn split(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, "")) => (host, None),
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, Some(port)),
        _ => (authority, None),
    }
}

fn default_port(uri: &Uri) -> &'static str {
    match uri.scheme_str() {
        Some("https") => "443",
        _ => "80",
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::StatusCode, response::IntoResponse as _};

    use super::*;

    fn status(target: &str, hosts: &[&str]) -> Option<StatusCode> {
        let request = Request::get(target);
        let request = hosts
            .iter()
            .fold(request, |it, host| it.header("host", *host));
        let error = check(&request.body(Body::empty()).unwrap()).err()?;
        Some(error.into_response().status())
    }

    #[test]
    fn one_host_is_named_once_or_the_same_in_both_places() {
        for (target, hosts) in [
            ("/livez", &[][..]),
            ("/livez", &["localhost"]),
            ("http://localhost/livez", &[]),
            ("http://localhost/livez", &["LocalHost"]),
            ("http://localhost/livez", &["localhost:80"]),
            ("https://localhost:443/livez", &["localhost"]),
            ("http://[::1]:8000/livez", &["[::1]:8000"]),
        ] {
            assert_eq!(status(target, hosts), None, "{target} {hosts:?}");
        }
        for (target, hosts) in [
            ("/livez", &["localhost", "localhost"][..]),
            ("/livez", &["localhost", "evil.test"]),
            ("http://localhost/livez", &["evil.test"]),
            ("http://localhost/livez", &[""]),
            ("http://localhost:8000/livez", &["localhost"]),
            ("http://localhost/livez", &["localhost."]),
            ("http://[::1]/livez", &["[::2]"]),
            ("http://user@localhost/livez", &["localhost"]),
        ] {
            let refused = Some(StatusCode::BAD_REQUEST);
            assert_eq!(status(target, hosts), refused, "{target} {hosts:?}");
        }
    }
}
