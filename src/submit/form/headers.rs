//! The headers of a form's part, which say what field it is.

use super::{FormError, FormField};

/// Returns the field that the headers of a part describe.
///
/// Headers that another parser could read as a different field are rejected: bare carriage returns
/// or line feeds, and a header or parameter that appears twice.
pub(super) fn field(headers: &mut [u8]) -> Result<FormField, FormError> {
    unfold(headers);
    let Some(value) = disposition(headers)? else {
        return Err(FormError::Malformed);
    };
    let Some(mut disposition) = HeaderValueParts::parse(value) else {
        return Err(FormError::Malformed);
    };
    let Some(name) = disposition.next_value("name") else {
        return Err(FormError::Malformed);
    };
    let is_repeated = disposition.next_value("name").is_some();
    if is_repeated || !disposition.kind.eq_ignore_ascii_case(b"form-data") {
        return Err(FormError::Malformed);
    }
    match name {
        b"file" => Ok(FormField::File),
        b"password" => Ok(FormField::Password),
        // A misspelt `password` would otherwise upload a protected archive without its password.
        _ => Err(FormError::UnknownField),
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

/// Returns the value of `Content-Disposition`; fails if it is repeated or any line is malformed.
fn disposition(headers: &[u8]) -> Result<Option<&[u8]>, FormError> {
    let headers = headers.strip_suffix(b"\n").unwrap_or(headers);
    let mut disposition = None;
    for line in headers.split(|&byte| byte == b'\n') {
        let Some(line) = line.strip_suffix(b"\r") else {
            return Err(FormError::Malformed);
        };
        if line.is_empty() {
            continue;
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            return Err(FormError::Malformed);
        };
        // Bare carriage returns and NUL bytes end a line in some parsers.
        if memchr::memchr2(b'\r', 0, line).is_some() {
            return Err(FormError::Malformed);
        }
        let name = line[..colon].trim_ascii();
        if name.eq_ignore_ascii_case(b"content-disposition")
            && disposition.replace(&line[colon + 1..]).is_some()
        {
            return Err(FormError::Malformed);
        }
    }
    Ok(disposition)
}

/// A header's value, and a reader of its parameters.
pub(super) struct HeaderValueParts<'a> {
    /// The text before the parameters.
    kind: &'a [u8],
    /// The parameters that are not read yet.
    rest: &'a [u8],
}

/// A parameter of a header, without quotes.
struct HeaderParameter<'a> {
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> HeaderValueParts<'a> {
    /// Splits a header's value; `None` if it has no parameters.
    pub(super) fn parse(header: &'a [u8]) -> Option<Self> {
        let end = memchr::memchr(b';', header)?;
        Some(Self {
            kind: header[..end].trim_ascii(),
            rest: &header[end + 1..],
        })
    }

    /// Reads on to the next parameter of this name, and returns its value.
    ///
    /// The parameters end at the first one that is malformed.
    pub(super) fn next_value(&mut self, name: &str) -> Option<&'a [u8]> {
        while let Some(parameter) = self.next_parameter() {
            if parameter.name.eq_ignore_ascii_case(name.as_bytes()) {
                return Some(parameter.value);
            }
        }
        None
    }

    /// Reads the next parameter.
    ///
    /// Within quotes a backslash escapes the next byte, so a file's name can contain `; name="…"`.
    fn next_parameter(&mut self) -> Option<HeaderParameter<'a>> {
        let text = self.rest;
        let end = memchr::memchr3(b'=', b';', b'"', text)?;
        let name = text[..end].trim_ascii();
        let rest = &text[end + 1..];
        let (value, rest) = match (text[end], rest) {
            (b';', _) => {
                self.rest = rest;
                return Some(HeaderParameter { name, value: &[] });
            }
            (b'=', [b'"', quoted @ ..]) => {
                let end = closing_quote(quoted)?;
                (&quoted[..end], quoted[end + 1..].trim_ascii_start())
            }
            (b'=', _) => {
                let end = memchr::memchr2(b';', b'"', rest).unwrap_or(rest.len());
                (rest[..end].trim_ascii_end(), &rest[end..])
            }
            _ => return None,
        };
        self.rest = match rest {
            [] => rest,
            [b';', rest @ ..] => rest,
            _ => return None,
        };
        Some(HeaderParameter { name, value })
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
