//! Who may spend whose key: the checks of those settings (CONTRACT 8).

use std::{net::IpAddr, path::Path, str::FromStr};

use ipnet::IpNet;
use url::Url;

use super::{
    Access, Config, Keyless,
    check::{Check, given},
    cli::Settings,
    secret::key_in_file,
};
use crate::key::ApiKey;

impl Check {
    pub(super) fn access(&mut self, settings: &Settings, demo: bool) -> Access {
        let hosts = given(settings.allowed_hosts.as_deref()).unwrap_or("localhost,127.0.0.1,[::1]");
        let hosts = members(hosts).map(str::to_ascii_lowercase).collect();
        let mut flag = |name, text: &Option<String>| self.flag(name, text.as_deref());
        let allow_anonymous = flag("VT4AI_ALLOW_ANONYMOUS", &settings.allow_anonymous);
        let allow_submissions = flag("VT4AI_ALLOW_SUBMISSIONS", &settings.allow_submissions);
        let allow_own_keys = flag("VT4AI_ALLOW_OWN_KEYS", &settings.allow_own_keys);
        Access {
            key: self.servers_key(settings),
            allow_anonymous: allow_anonymous || demo,
            keyless: self
                .read_given("VT4AI_KEYLESS", settings.keyless.as_deref())
                .unwrap_or_default(),
            allow_submissions: allow_submissions || demo,
            allowed_hosts: hosts,
            allow_own_keys,
            origins: self.list(
                "VT4AI_CORS_ORIGINS",
                settings.cors_origins.as_deref(),
                read_origin,
                "origins such as `https://soc.example`: scheme, host and, unless it is the \
                 usual one, port",
            ),
            trusted_proxies: self.list(
                "VT4AI_TRUSTED_PROXIES",
                settings.trusted_proxies.as_deref(),
                read_network,
                "addresses or networks such as `10.0.0.0/8`",
            ),
        }
    }

    /// A server with a key that others can reach has to be told who may spend it.
    pub(super) fn mind_the_world(&mut self, config: &Config) {
        let (host, access) = (config.server.host, &config.access);
        let is_meant = access.allow_anonymous || config.clients.is_some();
        if access.key.is_some() && !is_meant && !host.is_loopback() {
            self.mistakes.push(format!(
                "VT4AI_HOST: a server that holds a key (VT4AI_API_KEY) and listens beyond this \
                 machine, on `{host}`, would let others spend it: give them client tokens \
                 (VT4AI_CLIENTS_FILE), or set VT4AI_ALLOW_ANONYMOUS=true if that is meant, else \
                 leave the key out and let callers send theirs"
            ));
        }
    }

    fn servers_key(&mut self, settings: &Settings) -> Option<ApiKey> {
        let text = given(settings.api_key.as_deref());
        let file = given(settings.api_key_file.as_deref());
        if text.is_some() && file.is_some() {
            let both = "VT4AI_API_KEY_FILE: VT4AI_API_KEY is set, too; set one of them";
            self.mistakes.push(both.to_owned());
        }
        let key = match (text, file) {
            (Some(text), _) => {
                ApiKey::parse(text.as_bytes()).map_err(|error| format!("VT4AI_API_KEY: {error}"))
            }
            (None, Some(file)) => key_in_file(Path::new(file))
                .map_err(|error| format!("VT4AI_API_KEY_FILE: `{file}` {error}")),
            (None, None) => return None,
        };
        key.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }

    /// A list with commas; one mistake for all members that can't be read.
    fn list<T>(
        &mut self,
        name: &str,
        text: Option<&str>,
        read: impl Fn(&str) -> Option<T>,
        expected: &str,
    ) -> Vec<T> {
        let read: Option<Vec<_>> = members(text.unwrap_or_default()).map(read).collect();
        read.unwrap_or_else(|| {
            self.expected(name, expected);
            Vec::new()
        })
    }
}

impl FromStr for Keyless {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "local" => Ok(Self::Local),
            "off" => Ok(Self::Off),
            _ => Err("expected `local` or `off`"),
        }
    }
}

fn members(list: &str) -> impl Iterator<Item = &str> {
    let members = list.split(',').map(str::trim);
    members.filter(|member| !member.is_empty())
}

/// An origin exactly as browsers write it, since that is what it is compared with.
fn read_origin(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let url = Url::parse(&text).ok()?;
    // A pattern would match nothing.
    let sound = matches!(url.scheme(), "http" | "https") && !text.contains('*');
    (sound && url.origin().ascii_serialization() == text).then_some(text)
}

fn read_network(text: &str) -> Option<IpNet> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.ok().or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for good in [
            "https://soc.example",
            "HTTP://localhost:3000",
            "http://[::1]:8080",
        ] {
            assert_eq!(read_origin(good), Some(good.to_ascii_lowercase()));
        }
        for bad in [
            "*",
            "null",
            "soc.example",
            "https://soc.example/",
            "https://soc.example:443",
            "https://soc.example/path",
            "https://*.example",
            "file:///etc",
        ] {
            assert_eq!(read_origin(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        for (good, network) in [
            ("192.0.2.1", "192.0.2.1/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("::1", "::1/128"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(read_network(good).unwrap().to_string(), network);
        }
        for bad in ["proxy.example", "10.0.0.0/33", "10.0.0", "*"] {
            assert_eq!(read_network(bad), None, "{bad}");
        }
    }
}
