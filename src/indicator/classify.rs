//! Classification of a pasted text: the kind of indicator that it is.

use std::{borrow::Cow, fmt, net::IpAddr};

use thiserror::Error;

use super::{
    Indicator, InvalidIndicator, Kind, WebUrl, host, invalid::shown, is_hex, refang, suffix,
    wrapping,
};

/// The ends of common file names that are not domains. Such a text is more likely a file's name than
/// a host that VirusTotal knows.
const FILE_TYPES: [&str; 46] = [
    "7z", "apk", "asp", "aspx", "bat", "bin", "bmp", "cfg", "class", "conf", "cpp", "css", "csv",
    "dat", "dll", "doc", "docm", "docx", "eml", "exe", "gif", "gz", "htm", "html", "img", "ini",
    "iso", "jar", "jpeg", "jpg", "js", "json", "lnk", "log", "msi", "pdf", "php", "png", "ppt",
    "ps1", "rar", "rtf", "txt", "vbs", "xls", "xlsx",
];

/// The number of hexadecimal digits from which a text is a damaged hash rather than a name.
const HASH_LIKE: usize = 24;

/// An indicator and the URL that it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classified {
    /// The indicator.
    pub indicator: Indicator,
    /// The URL, if the indicator is one and its text is known. `None` for any other kind, and for a
    /// base64 id whose bytes are not text.
    pub url: Option<WebUrl<'static>>,
}

/// The reason why a text is not classified, which says what could be asked instead.
#[derive(Clone, Error, PartialEq, Eq)]
pub enum Unclassified {
    /// Nothing is left of the text without white space and punctuation.
    #[error("the indicator is empty: expected {ACCEPTED}")]
    Empty,
    /// White space within the text.
    #[error(
        "this is more than one word: expected {ACCEPTED}; white space in a URL is written as `%20`"
    )]
    SeveralWords,
    /// An e-mail address.
    #[error("an e-mail address has no report: ask for its domain, `{}`", shown(.domain))]
    Email {
        /// The normalised domain or IP address behind the `@`.
        domain: String,
    },
    /// A network.
    #[error(
        "a CIDR block has no report: ask for one of its addresses, such as `{address}`; if this is \
         a URL, put `http://` before it"
    )]
    Cidr {
        /// The address before the slash.
        address: String,
    },
    /// The id of a vulnerability.
    #[error(
        "a CVE has no report here: ask for a file, URL, domain or IP address that was seen to \
         exploit it"
    )]
    Cve,
    /// A URL whose scheme is not HTTP.
    #[error("only URLs with `http://` or `https://` have reports: ask for the host, `{}`", shown(.host))]
    OtherScheme {
        /// The normalised domain or IP address in the URL.
        host: String,
    },
    /// The name of a file.
    #[error("this looks like the name of a file: ask for the file's MD5, SHA-1 or SHA-256")]
    FileName,
    /// Hexadecimal digits that are no hash.
    #[error("this has {0} hex digits: an MD5 has 32, a SHA-1 40, a SHA-256 64")]
    HashLength(usize),
    /// A text with `http://` or `https://` that is not a valid URL.
    #[error(transparent)]
    Invalid(#[from] InvalidIndicator),
    /// None of the accepted forms.
    #[error("this is not an indicator: expected {ACCEPTED}")]
    Unknown,
}

/// The forms that are accepted.
const ACCEPTED: &str = "a hash of a file (MD5, SHA-1 or SHA-256), a URL, a domain, an IP address, or \
                        the id of a URL, defanged or not";

/// Omits the text, because an indicator can be confidential.
impl fmt::Debug for Unclassified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Empty => "Empty",
            Self::SeveralWords => "SeveralWords",
            Self::Email { .. } => "Email",
            Self::Cidr { .. } => "Cidr",
            Self::Cve => "Cve",
            Self::OtherScheme { .. } => "OtherScheme",
            Self::FileName => "FileName",
            Self::HashLength(_) => "HashLength",
            Self::Invalid(_) => "Invalid",
            Self::Unknown => "Unknown",
        };
        f.write_str(name)
    }
}

impl From<Indicator> for Classified {
    /// Adds the URL that the indicator's id holds. The id of one without a scheme becomes that of the
    /// whole URL.
    fn from(indicator: Indicator) -> Self {
        match indicator.web_url() {
            Some(url) => url.into(),
            None => Self {
                indicator,
                url: None,
            },
        }
    }
}

impl From<WebUrl<'_>> for Classified {
    fn from(url: WebUrl<'_>) -> Self {
        Self {
            indicator: Indicator::from(&url),
            url: Some(url.into_owned()),
        }
    }
}

/// Classifies a pasted text, defanged or not, with white space, quotes, brackets and punctuation
/// around it.
///
/// 64 hexadecimal digits are a file. `host:port` is the host. A URL keeps its bytes, except that
/// `&amp;` in it is read as `&` and, where JSON escapes its slashes, `\/` as `/`. The base64 id of a
/// URL and a name of one label count where nothing else fits. Linear in the length of the text.
pub fn classify(text: &str) -> Result<Classified, Unclassified> {
    let bare = wrapping::strip(text);
    if bare.is_empty() {
        return Err(Unclassified::Empty);
    }
    if bare.contains(char::is_whitespace) {
        return Err(Unclassified::SeveralWords);
    }
    if let Ok(file) = Indicator::file(bare) {
        return Ok(file.into());
    }
    let unescaped = unescape(bare);
    let refanged = refang::url(&unescaped);
    if host::after_scheme(&refanged).is_some() {
        return Ok(WebUrl::parse(&unescaped)?.into());
    }
    refuse_others(&refanged)?;
    if let Some(host) = read_host(bare) {
        return refuse_file_name(bare, host);
    }
    if let Some(url) = bare_url(&unescaped) {
        return Ok(url.into());
    }
    if let Some(id) = url_id(bare) {
        return Ok(id.into());
    }
    single_label(bare)
}

/// Returns the text of a URL without the escapes of HTML and JSON.
fn unescape(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if text.contains(":\\/\\/") {
        text = Cow::Owned(text.replace("\\/", "/"));
    }
    if text.contains("&amp;") {
        text = Cow::Owned(text.replace("&amp;", "&"));
    }
    text
}

/// Refuses what is not an indicator, but names one.
fn refuse_others(refanged: &str) -> Result<(), Unclassified> {
    if let Some(host) = host_of_other_scheme(refanged) {
        return Err(Unclassified::OtherScheme { host });
    }
    if let Some(domain) = email_domain(refanged) {
        return Err(Unclassified::Email { domain });
    }
    if let Some(address) = network_address(refanged) {
        return Err(Unclassified::Cidr { address });
    }
    if is_cve(refanged) {
        return Err(Unclassified::Cve);
    }
    Ok(())
}

fn host_of_other_scheme(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_word = scheme.starts_with(|it: char| it.is_ascii_alphabetic());
    if !is_word || !scheme.bytes().all(is_scheme) {
        return None;
    }
    let (host, _) = host::host_and_port(rest)?;
    Some(name_or_address(host)?.id)
}

/// Returns the domain of an e-mail address.
fn email_domain(text: &str) -> Option<String> {
    let text = match text.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto:") => rest,
        _ => text,
    };
    let at = ["[@]", "(@)", "{@}", "[at]", "(at)", "{at}", "@"];
    let (local, domain) = at.iter().find_map(|at| text.split_once(at))?;
    if local.is_empty() || local.contains(['/', '?', '#', '\\']) {
        return None;
    }
    let domain = domain.split(['?', '>']).next().unwrap_or_default();
    Some(name_or_address(domain)?.id)
}

fn network_address(text: &str) -> Option<String> {
    let (address, prefix) = text.split_once('/')?;
    let address: IpAddr = refang::host(address).parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let is_digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
    let length: u8 = prefix.parse().ok().filter(|_| is_digits)?;
    (length <= longest).then(|| address.to_string())
}

fn is_cve(text: &str) -> bool {
    let mut parts = text.split('-');
    let (name, year, number) = (parts.next(), parts.next(), parts.next());
    let is_number = |text: Option<&str>| {
        text.is_some_and(|it| it.len() >= 4 && it.bytes().all(|byte| byte.is_ascii_digit()))
    };
    name.is_some_and(|it| it.eq_ignore_ascii_case("CVE"))
        && is_number(year)
        && is_number(number)
        && parts.next().is_none()
}

fn name_or_address(text: &str) -> Option<Indicator> {
    Indicator::ip(text)
        .or_else(|_| Indicator::domain(text))
        .ok()
}

/// Reads an address or a name of several labels, with or without a port.
fn read_host(text: &str) -> Option<Indicator> {
    let is_host = |found: &Indicator| found.kind == Kind::Ip || found.id.contains('.');
    if let Some(found) = name_or_address(text).filter(is_host) {
        return Some(found);
    }
    let refanged = refang::host(text);
    // The zone of a link-local address means something on one machine only.
    if let Some((address, zone)) = refanged.split_once('%')
        && zone.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && let Ok(found) = Indicator::ip(address)
    {
        return Some(found);
    }
    if host::authority(&refanged).len() < refanged.len() || refanged.contains('@') {
        return None;
    }
    let (host, port) = host::host_and_port(&refanged)?;
    if !host::is_port(port?) {
        return None;
    }
    name_or_address(host).filter(is_host)
}

/// Refuses a host that looks like the name of a file, unless it was defanged.
fn refuse_file_name(given: &str, host: Indicator) -> Result<Classified, Unclassified> {
    let last = host.id.rsplit('.').next().unwrap_or_default();
    let is_plain = matches!(refang::host(given), Cow::Borrowed(_));
    let is_name = host.kind == Kind::Domain && is_plain && FILE_TYPES.contains(&last);
    if is_name && suffix::find(&host.id).is_none() {
        return Err(Unclassified::FileName);
    }
    Ok(host.into())
}

/// Returns whether a name has the end of a common type of files that is not a suffix of domains.
pub(super) fn is_file_name(name: &str) -> bool {
    let name = name.trim_end_matches(['.', ':']);
    name.rsplit_once('.').is_some_and(|(stem, last)| {
        !stem.is_empty() && FILE_TYPES.iter().any(|it| last.eq_ignore_ascii_case(it))
    })
}

/// Reads a URL without a scheme. Its host has to be an address or to have several labels, so that
/// `and/or` is not a URL.
fn bare_url(text: &str) -> Option<WebUrl<'_>> {
    if !text.contains(['/', '?', '#', '\\']) {
        return None;
    }
    let url = WebUrl::parse(text).ok()?;
    url.host().contains(['.', '[', '。']).then_some(url)
}

/// Reads a base64 id of a URL that has a scheme or a host of several labels. Ordinary words decode
/// to bytes, too.
fn url_id(text: &str) -> Option<Indicator> {
    let id = Indicator::url_id(text).ok()?;
    let bytes = super::decode_base64(&id.id)?;
    let decoded = String::from_utf8_lossy(&bytes);
    let is_url = host::after_scheme(&decoded).is_some()
        || host::host_and_port(&decoded).is_some_and(|(host, _)| host.contains('.'));
    is_url.then_some(id)
}

fn single_label(text: &str) -> Result<Classified, Unclassified> {
    if text.len() >= HASH_LIKE && is_hex(text, text.len()) {
        return Err(Unclassified::HashLength(text.len()));
    }
    let without_port = text
        .rsplit_once(':')
        .filter(|(_, port)| host::is_port(port));
    let name = without_port.map_or(text, |(name, _)| name);
    match Indicator::domain(name) {
        Ok(found) if name.contains(char::is_alphanumeric) => Ok(found.into()),
        _ => Err(Unclassified::Unknown),
    }
}

#[cfg(test)]
mod tests;
