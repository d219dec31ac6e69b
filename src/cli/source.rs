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
    config::LookupSource,
    indicator::{Indicator, Kind, TextItem, text_items},
};

/// The largest text on standard input, in bytes.
const MAX_TEXT: u64 = 256 * 1024 * 1024;

/// An indicator to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// The text as it was given.
    pub(super) given: String,
    /// The text that the gateway is asked about.
    pub(super) sent: String,
    /// Whether it was named by itself on the command line.
    pub(super) is_named: bool,
}

/// Reads all sources, in the order given.
pub(super) fn read(sources: &[LookupSource]) -> Result<Vec<Asked>, Failure> {
    let mut all = Vec::new();
    for source in sources {
        match source {
            LookupSource::Any(text) => all.push(Asked {
                given: text.clone(),
                sent: text.clone(),
                is_named: true,
            }),
            LookupSource::Of(kind, text) => all.push(of_kind(*kind, text)?),
            LookupSource::File(path) => all.push(Asked {
                given: path.display().to_string(),
                sent: hash(path).map_err(|error| {
                    Failure::usage(format!("{} can't be read: {error}", path.display()))
                })?,
                is_named: true,
            }),
            LookupSource::Stdin => read_text(&standard_input()?, &mut all),
        }
    }
    if all.is_empty() {
        return Err(Failure::usage(
            "nothing to look up: no hash, URL, domain or IP address was given",
        ));
    }
    Ok(all)
}

fn of_kind(kind: Kind, text: &str) -> Result<Asked, Failure> {
    match Indicator::parse(kind, text) {
        Ok(indicator) => Ok(Asked {
            given: text.to_owned(),
            sent: text_of(&indicator),
            is_named: true,
        }),
        Err(error) => Err(Failure::usage(error.to_string())),
    }
}

/// Returns a text that the gateway takes for this indicator in any case.
fn text_of(indicator: &Indicator) -> String {
    let id = indicator.id();
    match (indicator.kind(), id.rsplit_once('.')) {
        // A defanged name is no name of a file.
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

/// Adds the lines of a list, or each different indicator of a text once.
fn read_text(text: &str, all: &mut Vec<Asked>) {
    let mut known = HashSet::new();
    for item in text_items(text) {
        let (given, sent) = match item {
            TextItem::Line(line) => (line, line.to_owned()),
            TextItem::Found(found) => {
                let sent = text_of(&found.found.indicator);
                if !known.insert(found.found.indicator) {
                    continue;
                }
                (found.text, sent)
            }
        };
        all.push(Asked {
            given: given.to_owned(),
            sent,
            is_named: false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::classify;

    fn asked_of(text: &str) -> Vec<Asked> {
        let mut all = Vec::new();
        read_text(text, &mut all);
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
