//! Indicators: a file, URL, domain or IP address that a client asks about.
//!
//! Text from a client is parsed into an [`Indicator`] here and nowhere else. An [`Indicator`] is
//! valid and normalised, so no other module checks it again. Defanged text such as
//! `hxxp://evil[.]com` is refanged first. [`classify()`] finds out which kind of indicator a text is,
//! [`extract()`] takes the indicators out of free text, and [`PrivateIndicators`] decides which ones
//! are never sent to VirusTotal.

use std::{borrow::Cow, fmt, net::IpAddr};

pub use self::{
    classify::{Classified, Unclassified, classify},
    encoding::{decode_base64, is_hex},
    extract::{Extracted, Extractor, TextItem, extract, text_items},
    invalid::InvalidIndicator,
    kind::Kind,
    private::{PrivateIndicators, PrivateListError, PrivateReason},
    web_url::WebUrl,
};

use self::invalid::Expected;

mod classify;
mod encoding;
mod extract;
mod host;
mod invalid;
mod kind;
mod private;
pub(crate) mod refang;
pub(crate) mod suffix;
mod web_url;
mod wrapping;

#[cfg(test)]
mod tests;

/// Refangs a defanged URL, domain or IP address; returns any other text unchanged.
pub fn refang(text: &str) -> Cow<'_, str> {
    let refanged = refang::url(text);
    // `Indicator::domain` and `Indicator::ip` refang again. A text that they would still change is
    // not an indicator.
    let is_plain = matches!(refang::host(&refanged), Cow::Borrowed(_));
    let is_url = || host::after_scheme(&refanged).is_some_and(host::names_host);
    let is_host = || Indicator::domain(&refanged).is_ok() || Indicator::ip(&refanged).is_ok();
    if is_url() || is_plain && is_host() {
        refanged
    } else {
        Cow::Borrowed(text)
    }
}

/// A valid, normalised indicator.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Indicator {
    kind: Kind,
    id: String,
}

/// Omits the id, because an indicator can be confidential.
impl fmt::Debug for Indicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indicator")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Indicator {
    /// Parses the form that each kind has in a path; for a URL that is its id.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, InvalidIndicator> {
        match kind {
            Kind::File => Self::file(text),
            Kind::Url => Self::url_id(text),
            Kind::Domain => Self::domain(text),
            Kind::Ip => Self::ip(text),
        }
    }

    /// Parses a file's MD5, SHA-1 or SHA-256 in any case.
    pub fn file(text: &str) -> Result<Self, InvalidIndicator> {
        let id = hex_digits(text, &[32, 40, 64]);
        let id = id.ok_or_else(|| InvalidIndicator::of(Expected::File))?;
        Ok(Self {
            kind: Kind::File,
            id,
        })
    }

    /// Parses the text of a URL. Its id is the base64 of its bytes.
    pub fn url(text: &str) -> Result<Self, InvalidIndicator> {
        Ok(Self::from(&WebUrl::parse(text)?))
    }

    /// Parses the id of a URL: VirusTotal's SHA-256 of it, or its base64.
    pub fn url_id(text: &str) -> Result<Self, InvalidIndicator> {
        let id = match hex_digits(text, &[64]) {
            Some(id) => id,
            None => web_url::normalise_id(text)?,
        };
        Ok(Self {
            kind: Kind::Url,
            id,
        })
    }

    /// Parses a domain name. An internationalised name is converted to ASCII.
    pub fn domain(text: &str) -> Result<Self, InvalidIndicator> {
        let refanged = refang::host(text);
        let invalid = |expected| InvalidIndicator::new(expected, text, &refanged);
        // ASCII names skip IDNA validation: attackers register `xn--` labels that IDNA rejects, and
        // VirusTotal knows them.
        let ascii = if refanged.is_ascii() {
            refanged.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(&refanged).map_err(|_| invalid(Expected::Domain))?
        };
        let name = ascii.strip_suffix('.').unwrap_or(&ascii);
        if read_ip(name).is_some() {
            return Err(invalid(Expected::DomainNotIp));
        }
        if !host::is_name(&ascii) || host::ends_in_number(name) {
            return Err(invalid(Expected::Domain));
        }
        Ok(Self {
            kind: Kind::Domain,
            id: name.to_owned(),
        })
    }

    /// Parses an IP address in any spelling that [`IpAddr`] accepts, with or without brackets.
    pub fn ip(text: &str) -> Result<Self, InvalidIndicator> {
        let refanged = refang::host(text);
        let address = read_ip(&refanged)
            .ok_or_else(|| InvalidIndicator::new(Expected::Ip, text, &refanged))?;
        Ok(Self {
            kind: Kind::Ip,
            id: address.to_string(),
        })
    }

    /// Returns the URL, if the indicator is one and its id is the base64 of a text.
    ///
    /// Nothing is known about a URL that was given by VirusTotal's SHA-256 of it.
    pub fn web_url(&self) -> Option<WebUrl<'static>> {
        if self.kind != Kind::Url || is_hex(&self.id, 64) {
            return None;
        }
        let text = String::from_utf8(decode_base64(&self.id)?).ok()?;
        Some(WebUrl::parse(&text).ok()?.into_owned())
    }

    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the normalised identifier, as it appears in VirusTotal's paths.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl From<&WebUrl<'_>> for Indicator {
    fn from(url: &WebUrl<'_>) -> Self {
        Self {
            kind: Kind::Url,
            id: web_url::encode(url.as_str().as_bytes()),
        }
    }
}

/// Returns the text in lower case, if it is hexadecimal and has one of these lengths.
fn hex_digits(text: &str, lengths: &[usize]) -> Option<String> {
    let is_one = lengths.iter().any(|length| is_hex(text, *length));
    is_one.then(|| text.to_ascii_lowercase())
}

fn read_ip(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse().ok()
}
