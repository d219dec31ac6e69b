//! The headers of a form's part, which say what field it is.

use super::{Field, FormError};

/// A parameter's name and value.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// Returns the field that the headers of a part describe.
///
/// Headers that another parser could read as a different field are rejected: bare carriage returns
/// or line feeds, and a header or parameter that appears twice.
pub(super) fn field(headers: &mut [u8]) -> Result<Field, FormError> {
    unfold(headers);
    let headers = headers.strip_suffix(b"\n").unwrap_or(headers);
    let mut disposition = None;
    for line in headers.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").ok_or(FormError::Malformed)?;
        if line.is_empty() {
            continue;
        }
        let colon = line.iter().position(|&byte| byte == b':');
        // Bare carriage returns and NUL bytes end a line in some parsers.
        let colon = colon.filter(|_| !line.iter().any(|byte| matches!(byte, b'\r' | 0)));
        let (name, value) = line.split_at(colon.ok_or(FormError::Malformed)?);
        if name
            .trim_ascii()
            .eq_ignore_ascii_case(b"content-disposition")
            && disposition.replace(&value[1..]).is_some()
        {
            return Err(FormError::Malformed);
        }
    }
    let (kind, parameters) = disposition
        .and_then(parameters)
        .ok_or(FormError::Malformed)?;
    let mut names = parameters.filter(|(name, _)| name.eq_ignore_ascii_case(b"name"));
    match (names.next(), names.next()) {
        (Some((_, name)), None) if kind.eq_ignore_ascii_case(b"form-data") => match name {
            b"file" => Ok(Field::File),
            b"password" => Ok(Field::Password),
            // A misspelt `password` would otherwise upload a protected archive without its
            // password.
            _ => Err(FormError::UnknownField),
        },
        _ => Err(FormError::Malformed),
    }
}

/// Joins header lines that are folded over several lines.
fn unfold(headers: &mut [u8]) {
    for at in 2..headers.len() {
        if matches!(headers[at - 2..=at], [b'\r', b'\n', b' ' | b'\t']) {
            headers[at - 2..at].fill(b' ');
        }
    }
}

/// Returns the text before a header's parameters, and the parameters without quotes.
///
/// The parameters end at the first one that is malformed.
pub(super) fn parameters(header: &[u8]) -> Option<(&[u8], impl Iterator<Item = Pair<'_>>)> {
    let end = header.iter().position(|&byte| byte == b';')?;
    let mut rest = &header[end + 1..];
    let parameters = std::iter::from_fn(move || {
        let (name, value, after) = parameter(rest)?;
        rest = after;
        Some((name, value))
    });
    Some((header[..end].trim_ascii(), parameters))
}

/// Returns the first parameter's name and value, and the rest of the text.
///
/// Within quotes a backslash escapes the next byte, so a file's name can contain `; name="…"`.
fn parameter(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let end = text.iter().position(|byte| b"=;\"".contains(byte))?;
    let (name, rest) = (text[..end].trim_ascii(), &text[end + 1..]);
    let (value, rest) = match (text[end], rest) {
        (b';', _) => return Some((name, &[], rest)),
        (b'=', [b'"', quoted @ ..]) => {
            let end = closing_quote(quoted)?;
            (&quoted[..end], quoted[end + 1..].trim_ascii_start())
        }
        (b'=', _) => {
            let end = rest.iter().position(|byte| b";\"".contains(byte));
            let (value, rest) = rest.split_at(end.unwrap_or(rest.len()));
            (value.trim_ascii_end(), rest)
        }
        _ => return None,
    };
    match rest {
        [] => Some((name, value, rest)),
        [b';', rest @ ..] => Some((name, value, rest)),
        _ => None,
    }
}

fn closing_quote(quoted: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match quoted.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
