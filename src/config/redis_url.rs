//! The URL of Redis, which can hold a password and so is never printed.

use std::str::FromStr;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// A URL `redis://[user][:password@]host[:port][/database]`, or `rediss://` over TLS.
#[derive(Clone, Debug)]
pub struct RedisUrl(SecretString);

impl RedisUrl {
    /// Returns the URL's text, for the one place that connects.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns whether Redis is reached over TLS.
    pub fn is_secure(&self) -> bool {
        let scheme = self.expose().split(':').next().unwrap_or_default();
        scheme.eq_ignore_ascii_case("rediss")
    }
}

impl FromStr for RedisUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected =
            "expected `redis://` or `rediss://`, a host and, optionally, port and database";
        let Ok(url) = Url::parse(text) else {
            return Err(expected);
        };
        let database = url.path().trim_start_matches('/');
        let is_usable = matches!(url.scheme(), "redis" | "rediss")
            && url.has_host()
            && (database.is_empty() || database.parse::<u16>().is_ok())
            && url.query().is_none()
            // `#insecure` would tell the client not to check certificates.
            && url.fragment().is_none();
        if !is_usable {
            return Err(expected);
        }
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_client_can_use_is_taken() {
        for good in [
            "redis://localhost",
            "redis://127.0.0.1:6379/0",
            "redis://[::1]:6379/",
            "rediss://user:pass@redis.example:6380/15",
        ] {
            assert_eq!(good.parse::<RedisUrl>().unwrap().expose(), good);
        }
        for bad in [
            "",
            "localhost:6379",
            "http://localhost",
            "redis://",
            "redis://localhost/x",
            "redis://localhost/?protocol=resp3",
            "rediss://localhost/#insecure",
        ] {
            assert!(bad.parse::<RedisUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let url: RedisUrl = "redis://:very-secret@localhost".parse().unwrap();
        assert!(!format!("{url:?}").contains("very-secret"));
    }
}
