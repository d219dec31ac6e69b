//! URLs as they are written, and VirusTotal's ids for them.

use std::{borrow::Cow, fmt};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{InvalidIndicator, decode_base64, host, invalid::Expected, refang};

/// A URL with its bytes unchanged, since VirusTotal canonicalises it.
///
/// Beyond the host the check is deliberately loose: URLs that attackers write are often invalid to
/// a browser's parser, but known to VirusTotal.
#[derive(Clone, PartialEq, Eq)]
pub struct WebUrl<'a>(Cow<'a, str>);

impl<'a> WebUrl<'a> {
    /// Parses a URL, refanging it if necessary. A URL without a scheme gets `http://`.
    pub fn parse(text: &'a str) -> Result<Self, InvalidIndicator> {
        let url = refang::url(text);
        if !is_clean(&url) {
            return Err(InvalidIndicator::new(Expected::Url, text, &url));
        }
        if host::after_scheme(&url).is_some_and(host::names_host) {
            return Ok(Self(url));
        }
        if host::is_bare_url(&url) {
            return Ok(Self(Cow::Owned(format!("http://{url}"))));
        }
        Err(InvalidIndicator::new(Expected::Url, text, &url))
    }

    /// Returns the same URL with a text of its own.
    pub fn into_owned(self) -> WebUrl<'static> {
        WebUrl(Cow::Owned(self.0.into_owned()))
    }

    /// Returns the text between the scheme and the path: the host, with userinfo and port.
    pub(super) fn authority(&self) -> &str {
        host::after_scheme(&self.0).map_or("", host::authority)
    }

    /// Returns the host without userinfo and port, as it is written.
    pub(super) fn host(&self) -> &str {
        host::host_and_port(self.authority()).map_or("", |(host, _)| host)
    }

    /// Returns the URL with its scheme.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Omits the URL, because an indicator can be confidential.
impl fmt::Debug for WebUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebUrl(…)")
    }
}

/// Returns VirusTotal's id of a URL: its unpadded, URL-safe base64.
pub(super) fn encode(url: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(url)
}

/// Returns the normalised form of a base64 id, if it decodes to a URL.
pub(super) fn normalise_id(text: &str) -> Result<String, InvalidIndicator> {
    let Some(bytes) = decode_base64(text) else {
        return Err(InvalidIndicator::of(Expected::UrlId));
    };
    // Only the host has to be text; some servers accept other bytes in a path.
    let url = String::from_utf8_lossy(&bytes);
    let refanged = refang::url(&url);
    let names_host = match host::after_scheme(&refanged) {
        Some(rest) => host::names_host(rest),
        None => host::is_bare_url(&refanged),
    };
    if !names_host || !is_clean(&refanged) {
        // Bytes that are not text would not help the client in the message.
        let is_text = matches!(url, Cow::Borrowed(_)) && host::after_scheme(&refanged).is_some();
        return Err(if is_text {
            InvalidIndicator::new(Expected::UrlId, text, &refanged)
        } else {
            InvalidIndicator::of(Expected::UrlId)
        });
    }
    let is_as_given = matches!(refanged, Cow::Borrowed(_));
    Ok(if is_as_given {
        encode(&bytes)
    } else {
        encode(refanged.as_bytes())
    })
}

/// Returns whether a URL has no control characters and no white space around it.
fn is_clean(url: &str) -> bool {
    !url.contains(char::is_control) && url.trim() == url
}
