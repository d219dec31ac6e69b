//! A strict reader of query parameters: each must be known, occur once and be readable.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use crate::{access::TOKEN_PREFIX, http::error::ApiError, render::spelling};

/// Parameters whose values are often pasted unencoded, so that a `&` cuts them short, each with the
/// words for such a value.
const PASTED: [(&str, &str); 3] = [
    ("url", "the URL"),
    ("cursor", "the cursor"),
    ("query", "the text to search for"),
];

/// Names under which clients of other services send their keys, without `-` and `_`.
const CREDENTIALS: [&str; 9] = [
    "accesstoken",
    "apikey",
    "apitoken",
    "authorization",
    "bearer",
    "key",
    "token",
    "xapikey",
    "xapitoken",
];

/// The longest name that is repeated whole in an error; a longer one could be a key.
const MOST_SHOWN: usize = 32;

/// The parameters of a query, or of a form in the same syntax.
#[derive(Debug)]
pub struct Parameters<'a> {
    pairs: Vec<QueryPair<'a>>,
}

#[derive(Debug)]
struct QueryPair<'a> {
    name: Decoded<'a>,
    value: Decoded<'a>,
    /// The value before decoding.
    raw: &'a str,
}

/// Percent-decoded text; `None` where it is not valid UTF-8.
type Decoded<'a> = Option<Cow<'a, str>>;

impl<'a> Parameters<'a> {
    /// Splits a query, or a form in the same syntax, into parameters.
    pub fn parse(text: &'a str) -> Self {
        let mut pairs = Vec::new();
        for pair in text.split('&') {
            if pair.is_empty() {
                continue;
            }
            let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push(QueryPair {
                name: decode(name),
                value: decode(raw),
                raw,
            });
        }
        Self { pairs }
    }

    /// Rejects a parameter that is not among `known`, is repeated or can't be decoded.
    pub fn check(&self, known: impl Iterator<Item = &'static str> + Clone) -> Result<(), ApiError> {
        for pair in &self.pairs {
            match pair.name.as_deref() {
                Some(name) if known.clone().any(|it| it == name) => self.one(name)?,
                name => return Err(self.unknown(name, &known.collect::<Vec<_>>())),
            };
        }
        Ok(())
    }

    /// Rejects a parameter that is most likely a key or a token.
    pub fn refuse_credentials(&self) -> Result<(), ApiError> {
        for pair in &self.pairs {
            if let Some(name) = pair.name.as_deref()
                && is_credential(name)
            {
                return Err(misplaced_credential(name));
            }
        }
        Ok(())
    }

    /// Returns the value of a parameter; a repeated or undecodable one is a 400.
    pub fn one(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let Some(pair) = self.single(name)? else {
            return Ok(None);
        };
        match pair.value.as_deref() {
            Some(value) => Ok(Some(value)),
            None => Err(not_utf8(name)),
        }
    }

    /// Returns the value of a parameter that is often pasted unencoded: a `+` that can't stand for a
    /// blank stays a `+`.
    ///
    /// A program that writes blanks as `+` also encodes the characters that are looked for here, and
    /// writes no `%20`.
    pub fn pasted(&self, name: &str) -> Result<Option<Cow<'_, str>>, ApiError> {
        let Some(pair) = self.single(name)? else {
            return Ok(None);
        };
        let is_bare =
            pair.raw.contains([':', '/', '?', '@', '$', ',', ';', '=']) || pair.raw.contains("%20");
        let value = if is_bare {
            percent_decode(pair.raw.as_bytes()).decode_utf8().ok()
        } else {
            pair.value.clone()
        };
        match value {
            Some(value) => Ok(Some(value)),
            None => Err(not_utf8(name)),
        }
    }

    /// Reads the value of a parameter; `expected` describes the values that can be read.
    pub fn read<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.one(name)? else {
            return Ok(None);
        };
        match read(value) {
            Some(value) => Ok(Some(value)),
            None => Err(unusable(name, expected)),
        }
    }

    /// Returns whether there is a parameter with none of these names.
    pub fn has_other_than(&self, names: &[&str]) -> bool {
        for pair in &self.pairs {
            match pair.name.as_deref() {
                Some(name) if names.contains(&name) => {}
                _ => return true,
            }
        }
        false
    }

    fn has(&self, name: &str) -> bool {
        let mut pairs = self.pairs.iter();
        pairs.any(|pair| pair.name.as_deref() == Some(name))
    }

    fn single(&self, name: &str) -> Result<Option<&QueryPair<'a>>, ApiError> {
        let mut found = None;
        for pair in &self.pairs {
            if pair.name.as_deref() != Some(name) {
                continue;
            }
            if found.is_some() {
                return Err(unusable(name, "it may be given only once"));
            }
            found = Some(pair);
        }
        Ok(found)
    }

    /// Returns the error of an unknown parameter, with the known ones and a hint where an unencoded
    /// value was most likely cut short.
    fn unknown(&self, name: Option<&str>, known: &[&str]) -> ApiError {
        let error = match name {
            Some(name) if is_credential(name) => misplaced_credential(name),
            Some(name) => unknown(name, known),
            None => {
                ApiError::bad_request("a parameter's name is not valid UTF-8 once percent-decoded")
            }
        };
        for (pasted, whole) in PASTED {
            if known.contains(&pasted) && (pasted == "url" || self.has(pasted)) {
                return error.with_advice(&format!(
                    "if it is part of {whole}, percent-encode {whole} (with curl: `-G \
                     --data-urlencode '{pasted}=…'`)"
                ));
            }
        }
        error
    }
}

fn unknown(name: &str, known: &[&str]) -> ApiError {
    let shown = shown(name);
    if known.is_empty() {
        return ApiError::bad_request(format!(
            "parameter `{shown}`: unknown; this path takes no parameters"
        ));
    }
    let known_names = known.join("`, `");
    ApiError::bad_request(match nearest(name, known) {
        Some(near) => format!(
            "parameter `{shown}`: unknown, did you mean `{near}`? This path takes `{known_names}`"
        ),
        None => format!("parameter `{shown}`: unknown; this path takes `{known_names}`"),
    })
}

/// Returns the known name that was most likely meant.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    // A longer name could be a key.
    if name.len() > MOST_SHOWN {
        return None;
    }
    let name = name.to_lowercase();
    let near = spelling::nearest(&name, known.iter().copied());
    if near.is_some() || name.len() <= 2 {
        return near;
    }
    let mut known = known.iter().copied();
    known.find(|known| known.contains(&name) || name.contains(known))
}

fn is_credential(name: &str) -> bool {
    let plain = name.to_lowercase().replace(['-', '_'], "");
    CREDENTIALS.contains(&plain.as_str()) || is_token(name)
}

fn is_token(text: &str) -> bool {
    text.to_lowercase().contains(TOKEN_PREFIX)
}

/// Returns the error of a key in the query. The error repeats neither the value nor a name that may
/// be a token itself.
fn misplaced_credential(name: &str) -> ApiError {
    let name = if is_token(name) { TOKEN_PREFIX } else { name };
    ApiError::bad_request(format!(
        "parameter `{name}`: a key or token belongs in the header `X-API-Key`, never in the query, \
         since addresses are logged"
    ))
}

/// Returns a name on one line, cut where it is too long to be one.
fn shown(name: &str) -> String {
    let is_long = name.chars().nth(MOST_SHOWN).is_some();
    let most = if is_long { 8 } else { MOST_SHOWN };
    let letters = name.chars().filter(|letter| *letter != '`').take(most);
    let mut shown: String = letters.flat_map(char::escape_debug).collect();
    if is_long {
        shown.push('…');
    }
    shown
}

fn not_utf8(name: &str) -> ApiError {
    unusable(name, "its value is not valid UTF-8 once percent-decoded")
}

fn unusable(name: &str, why: &str) -> ApiError {
    ApiError::bad_request(format!("parameter `{name}`: {why}"))
}

fn decode(text: &str) -> Decoded<'_> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        let decoded = percent_decode(spaced.as_bytes()).decode_utf8().ok()?;
        return Some(Cow::Owned(decoded.into_owned()));
    }
    percent_decode(text.as_bytes()).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const KNOWN: [&str; 5] = ["format", "template_name", "limit", "cursor", "wait"];

    #[rstest]
    #[case("fomat", Some("format"))]
    #[case("Format", Some("format"))]
    #[case("templatename", Some("template_name"))]
    #[case("template", Some("template_name"))]
    #[case("limits", Some("limit"))]
    #[case("waiting", Some("wait"))]
    #[case("curser", Some("cursor"))]
    #[case("x", None)]
    #[case("", None)]
    #[case("sort", None)]
    fn a_name_that_is_close_is_suggested(#[case] name: &str, #[case] near: Option<&str>) {
        assert_eq!(nearest(name, &KNOWN), near);
    }

    #[rstest]
    #[case::base64("a+b/c==", "a+b/c==")]
    #[case::url("http://a.b/c+d", "http://a.b/c+d")]
    #[case::half_encoded("a+%20%26", "a+ &")]
    #[case::form_encoded("http%3A%2F%2Fa.b%2Fc+d", "http://a.b/c d")]
    #[case::form_encoded_plus("a%2Bb+c%3D", "a+b c=")]
    #[case::nothing_to_tell("a+b", "a b")]
    fn a_pasted_plus_is_told_from_a_blank(#[case] raw: &str, #[case] value: &str) {
        let text = format!("cursor={raw}");
        let query = Parameters::parse(&text);
        assert_eq!(query.pasted("cursor").unwrap().as_deref(), Some(value));
    }
}
