//! The indicators of a command line: arguments, files and free text.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use super::failure::Failure;
use crate::{
    cache::PrivateGuard,
    config::LookupSource,
    indicator::{Classified, Indicator, Kind, TextItem, classify, text_items},
};

/// The largest text on standard input, in bytes.
const MAX_TEXT: u64 = 256 * 1024 * 1024;

/// The longest text that is sent, in bytes.
const MAX_INDICATOR: usize = 64 * 1024;

/// An indicator to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GivenIndicator {
    /// The text as it was given.
    pub(super) given: String,
    /// The text that the gateway is asked about.
    pub(super) sent: String,
    /// Whether it was named by itself on the command line.
    pub(super) is_named: bool,
    /// The reason why no gateway is asked about it.
    pub(super) withheld: Option<Withheld>,
}

/// A reason not to ask a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Withheld {
    /// The text is longer than any indicator.
    TooLong,
    /// The indicator is private.
    Private(String),
}

impl GivenIndicator {
    fn new(given: &str, sent: String, is_named: bool) -> Self {
        let withheld = (sent.len() > MAX_INDICATOR).then_some(Withheld::TooLong);
        Self {
            given: given.to_owned(),
            sent,
            is_named,
            withheld,
        }
    }
}

/// Reads all sources, in the order given.
pub(super) fn read(sources: &[LookupSource]) -> Result<Vec<GivenIndicator>, Failure> {
    let mut all = Vec::new();
    for source in sources {
        match source {
            LookupSource::Any(text) => all.push(GivenIndicator::new(text, text.clone(), true)),
            LookupSource::Of(kind, text) => all.push(of_kind(*kind, text)?),
            LookupSource::File(path) => {
                let name = path.display().to_string();
                let hash = hash(path);
                let hash =
                    hash.map_err(|error| Failure::usage(format!("{name} can't be read: {error}")))?;
                all.push(GivenIndicator::new(&name, hash, true));
            }
            LookupSource::Stdin(kind) => read_text(&standard_input()?, *kind, &mut all),
        }
    }
    if all.is_empty() {
        return Err(Failure::usage(
            "nothing to look up: no hash, URL, domain or IP address was given",
        ));
    }
    Ok(all)
}

/// Keeps private indicators from a gateway elsewhere, whose own list may lack them.
pub(super) fn withhold_private(all: &mut [GivenIndicator], guard: &PrivateGuard) {
    for given in all {
        if let Ok(classified) = classify(&given.sent)
            && let Some(reason) = guard.reason(&classified.indicator)
        {
            given.withheld = Some(Withheld::Private(reason.to_string()));
        }
    }
}

fn of_kind(kind: Kind, text: &str) -> Result<GivenIndicator, Failure> {
    let parsed = match kind {
        Kind::Url => Indicator::url(text),
        _ => Indicator::parse(kind, text),
    };
    match parsed {
        Ok(indicator) => Ok(GivenIndicator::new(text, text_of(&indicator), true)),
        Err(_) if kind == Kind::File && Path::new(text).is_file() => Err(Failure::usage(format!(
            "`{text}` is no hash: `--file {text}` looks the file up by its own"
        ))),
        Err(error) => Err(Failure::usage(match classify(text) {
            Ok(Classified { indicator, .. }) if indicator.kind() != kind => {
                let (is, not) = (indicator.kind().name(), kind.name());
                format!("`{text}` is of the type `{is}`, not `{not}`: `vt4ai {is}` looks it up")
            }
            _ => error.to_string(),
        })),
    }
}

/// Returns a text that the gateway takes for this indicator: a URL's base64 id, a defanged domain,
/// which is no name of a file.
fn text_of(indicator: &Indicator) -> String {
    let id = indicator.id();
    match (indicator.kind(), id.rsplit_once('.')) {
        (Kind::Domain, Some((start, end))) => format!("{start}[.]{end}"),
        _ => id.to_owned(),
    }
}

/// Returns the SHA-256 of a file.
fn hash(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex::encode(hasher.finalize())),
            Ok(length) => hasher.update(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn standard_input() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = io::stdin().take(MAX_TEXT + 1).read_to_end(&mut bytes);
    if let Err(error) = read {
        let message = format!("standard input can't be read: {error}");
        return Err(Failure::usage(message));
    }
    if bytes.len() as u64 > MAX_TEXT {
        return Err(Failure::usage(format!(
            "standard input is larger than {} MiB: split it",
            MAX_TEXT / 1024 / 1024
        )));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Adds the lines of a list, or each different indicator of a text once; of one kind only, if that is
/// given.
fn read_text(text: &str, kind: Option<Kind>, all: &mut Vec<GivenIndicator>) {
    let is_other = |indicator: &Indicator| kind.is_some_and(|kind| kind != indicator.kind());
    let mut known = HashSet::new();
    for item in text_items(text) {
        let (given, sent) = match item {
            TextItem::Line(_, Ok(found)) if is_other(&found.indicator) => continue,
            TextItem::Line(line, _) => (line, line.to_owned()),
            TextItem::Found(found) => {
                let indicator = found.found.indicator;
                let sent = text_of(&indicator);
                if is_other(&indicator) || !known.insert(indicator) {
                    continue;
                }
                (found.text, sent)
            }
        };
        all.push(GivenIndicator::new(given, sent, false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_of(text: &str) -> Vec<GivenIndicator> {
        let mut all = Vec::new();
        read_text(text, None, &mut all);
        all
    }

    #[test]
    fn a_text_gives_each_indicator_once_as_it_stands_there() {
        let text = "See hxxp://Evil[.]example/a), evil[.]zip and 203.0.113.7, again 203[.]0.113.7.";
        let all = asked_of(text);
        let given: Vec<_> = all.iter().map(|asked| asked.given.as_str()).collect();
        assert_eq!(
            given,
            ["hxxp://Evil[.]example/a", "evil[.]zip", "203.0.113.7"]
        );
    }

    #[test]
    fn the_gateway_takes_what_is_sent_for_the_same() {
        let text =
            "a evil[.]zip b http://a.example/(x) c 2001:db8::1 d 44d88612fea8a8f36de82e1278abb02f";
        for item in text_items(text) {
            let TextItem::Found(found) = item else {
                panic!("{item:?}");
            };
            let sent = text_of(&found.found.indicator);
            assert_eq!(classify(&sent).unwrap().indicator, found.found.indicator);
        }
    }

    #[test]
    fn an_indicator_of_a_kind_is_read_as_that_kind() {
        let read = |kind, text: &str| of_kind(kind, text).map(|it| it.sent);
        let url = read(Kind::Url, "hxxp://8.8.8[.]8/a)").unwrap();
        let classified = classify(&url).unwrap().indicator;
        assert_eq!(classified, Indicator::url("http://8.8.8.8/a)").unwrap());
        let why = |kind, text: &str| of_kind(kind, text).unwrap_err().message;
        assert!(why(Kind::Domain, "8.8.8.8").contains("of the type `ip`, not `domain`"));
        assert!(why(Kind::Url, &"5f".repeat(32)).contains("`file`"));
        assert!(why(Kind::File, "Cargo.toml").contains("--file"));
    }

    #[test]
    fn a_text_gives_those_of_one_kind() {
        let mut all = Vec::new();
        read_text("a.example and 8.8.8.8", Some(Kind::Ip), &mut all);
        read_text("b.example\n1.1.1.1", Some(Kind::Ip), &mut all);
        let given: Vec<_> = all.iter().map(|asked| asked.given.as_str()).collect();
        assert_eq!(given, ["8.8.8.8", "1.1.1.1"]);
    }

    #[test]
    fn a_list_keeps_its_lines() {
        let all = asked_of("a.example\n\n a.example \nnonsense!\n");
        let given: Vec<_> = all.iter().map(|asked| asked.given.as_str()).collect();
        assert_eq!(given, ["a.example", "a.example", "nonsense!"]);
    }

    #[test]
    fn a_file_is_asked_about_by_its_hash() {
        let path = std::env::temp_dir().join(format!("vt4ai-cli-{:032x}", fastrand::u128(..)));
        std::fs::write(&path, b"abc").unwrap();
        let asked = read(&[LookupSource::File(path.clone())]).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            asked[0].sent,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(read(&[LookupSource::File(path)]).is_err());
    }
}
