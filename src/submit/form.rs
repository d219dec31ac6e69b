//! A multipart form with a file, checked while it passes through.
//!
//! The form is forwarded byte for byte. Its length stays known, and the file's name keeps its
//! encoding; decoding the form and building a new one would lose both. This parser only observes
//! the bytes and reports an error if the form is invalid.

use hyper::header::HeaderValue;
use memchr::memmem::Finder;
use thiserror::Error;

use self::{
    digests::Digests,
    headers::{HeaderValueParts, field},
};

use crate::cache::ObjectName;

mod digests;
mod headers;

/// The largest file that VirusTotal accepts: 650 MB.
const MAX_FILE: u64 = 650 * 1024 * 1024;

/// The largest form: the file plus room for headers and a password.
pub const MAX_FORM: u64 = MAX_FILE + 64 * 1024;

/// The longest headers of one field.
const MAX_HEADERS: usize = 16 * 1024;

/// The reasons for which a form is rejected; each message says what is expected instead.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FormError {
    /// The content type has no valid boundary.
    #[error("the content type names no boundary between the form's fields")]
    Boundary,
    /// The body is not a multipart form.
    #[error("the form can't be read: send one as `curl -F file=@path` does")]
    Malformed,
    /// The field `file` is missing.
    #[error("the form has no field `file`: send the file in it, as `curl -F file=@path` does")]
    NoFile,
    /// A field has a name that VirusTotal does not know.
    #[error("the form has a field that is neither `file` nor `password`")]
    UnknownField,
    /// A field appears twice.
    #[error("the form has the field `{0}` twice: one file is sent at a time")]
    Twice(&'static str),
    /// The file is empty.
    #[error("the file is empty")]
    EmptyFile,
    /// The file or the form is too large.
    #[error("the file is too large: VirusTotal takes 650 MB at most")]
    TooLarge,
    /// The form or its connection ends before the last boundary.
    #[error("the form breaks off before its end: send all of it")]
    BrokenOff,
    /// The sender stalled or was too slow.
    #[error("the upload came to a halt: nothing more of it arrived in time")]
    Halted,
}

/// An incremental parser for a form that arrives in pieces of any size.
#[derive(Debug)]
pub struct Form {
    /// A line break and the boundary, which together end a part.
    delimiter: Needle,
    state: FormState,
    /// The number of bytes parsed so far.
    seen: u64,
    /// The length of the file; 0 while it is arriving, `None` before.
    file: Option<u64>,
    digests: Digests,
    has_password: bool,
}

#[derive(Debug)]
enum FormState {
    /// Before the first boundary.
    Before,
    /// Directly after a boundary: two hyphens end the form, a line break begins a part.
    Boundary(Vec<u8>),
    /// Within the headers of a part.
    Headers(Vec<u8>),
    /// Within the content of a part, which began at this offset in the form.
    Content { field: FormField, since: u64 },
    /// After the last boundary.
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormField {
    File,
    Password,
}

/// A byte string to search for in a stream, where it may be split between pieces.
#[derive(Debug)]
struct Needle {
    finder: Finder<'static>,
    /// The last bytes of the stream, which may be the start of a match.
    tail: Vec<u8>,
}

impl Form {
    /// Creates a parser for a form with this boundary.
    pub fn new(boundary: &str) -> Self {
        let mut delimiter = Needle::new(format!("\r\n--{boundary}").as_bytes());
        // The first boundary needs no line break before it, so one is assumed.
        delimiter.tail.extend_from_slice(b"\r\n");
        Self {
            delimiter,
            state: FormState::Before,
            seen: 0,
            file: None,
            digests: Digests::default(),
            has_password: false,
        }
    }

    /// Parses the next piece.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), FormError> {
        while !piece.is_empty() {
            let taken = self.step(piece)?;
            self.seen += taken as u64;
            piece = &piece[taken..];
        }
        if self.seen > MAX_FORM {
            return Err(FormError::TooLarge);
        }
        Ok(())
    }

    /// Returns the names of the file at VirusTotal, which are its digests; empty until the form has
    /// ended.
    pub fn names(&self) -> Vec<ObjectName> {
        if self.end().is_err() {
            return Vec::new();
        }
        let digests = self.digests.hex();
        ObjectName::of_file(digests.iter().map(String::as_str))
    }

    /// Ends the form; fails if it is incomplete.
    pub fn end(&self) -> Result<(), FormError> {
        match &self.state {
            FormState::After => Ok(()),
            // Without a single boundary the body is not a form at all.
            FormState::Before => Err(FormError::Malformed),
            _ => Err(FormError::BrokenOff),
        }
    }

    /// Consumes as much of a piece as the current state can, at least one byte, and returns its
    /// length.
    fn step(&mut self, piece: &[u8]) -> Result<usize, FormError> {
        match &mut self.state {
            FormState::Before => {
                let Some(end) = self.delimiter.find(piece) else {
                    return Ok(piece.len());
                };
                self.state = FormState::Boundary(Vec::new());
                Ok(end)
            }
            FormState::Boundary(line) => {
                line.push(piece[0]);
                self.state = after_boundary(std::mem::take(line))?;
                if matches!(self.state, FormState::After) {
                    self.close()?;
                }
                Ok(1)
            }
            FormState::Headers(lines) => {
                let taken = take_headers(lines, piece)?;
                if lines.ends_with(b"\r\n\r\n") {
                    let lines = std::mem::take(lines);
                    self.begin_content(lines, taken)?;
                }
                Ok(taken)
            }
            FormState::Content { field, since } => {
                let (field, since) = (*field, *since);
                self.pass_content(piece, field, since)
            }
            FormState::After => Ok(piece.len()),
        }
    }

    /// Begins the content of the part with these headers, whose last bytes were just taken.
    fn begin_content(&mut self, mut headers: Vec<u8>, taken: usize) -> Result<(), FormError> {
        // Another parser could see a boundary within the headers.
        if self.delimiter.finder.find(&headers).is_some() {
            return Err(FormError::Malformed);
        }
        let field = field(&mut headers)?;
        self.open(field)?;
        // A boundary may directly follow the headers: their last line break counts.
        self.delimiter.tail.extend_from_slice(b"\r\n");
        let since = self.seen + taken as u64;
        self.state = FormState::Content { field, since };
        Ok(())
    }

    /// Passes over the content of a part up to its boundary, and returns the length.
    fn pass_content(
        &mut self,
        piece: &[u8],
        field: FormField,
        since: u64,
    ) -> Result<usize, FormError> {
        let boundary = self.delimiter.len();
        let end = self.delimiter.find(piece);
        if field == FormField::File {
            match end {
                // Until the boundary is found, the last bytes of a piece may be its start.
                None => self.digests.push(piece, boundary - 1),
                Some(end) => {
                    self.digests.finish(&piece[..end], boundary);
                    // The match includes the delimiter, which is not part of the content.
                    let length = self.seen + end as u64 - since;
                    self.end_file(length.saturating_sub(boundary as u64))?;
                }
            }
        }
        let Some(end) = end else {
            return Ok(piece.len());
        };
        self.state = FormState::Boundary(Vec::new());
        Ok(end)
    }

    fn end_file(&mut self, length: u64) -> Result<(), FormError> {
        if length > MAX_FILE {
            return Err(FormError::TooLarge);
        }
        self.file = Some(length);
        Ok(())
    }

    fn close(&self) -> Result<(), FormError> {
        match self.file {
            None => Err(FormError::NoFile),
            Some(0) => Err(FormError::EmptyFile),
            Some(_) => Ok(()),
        }
    }

    fn open(&mut self, field: FormField) -> Result<(), FormError> {
        let (name, is_there) = match field {
            FormField::File => ("file", self.file.replace(0).is_some()),
            FormField::Password => ("password", std::mem::replace(&mut self.has_password, true)),
        };
        if is_there {
            return Err(FormError::Twice(name));
        }
        Ok(())
    }
}

/// Parses the rest of a boundary's line, as far as it has arrived.
fn after_boundary(line: Vec<u8>) -> Result<FormState, FormError> {
    match line.as_slice() {
        b"--" => Ok(FormState::After),
        // A part may have no headers, so this line break can already be the first of the empty
        // line.
        [padding @ .., b'\r', b'\n'] if is_blank(padding) => {
            Ok(FormState::Headers(b"\r\n".to_vec()))
        }
        [padding @ .., b'\r' | b' ' | b'\t'] if is_blank(padding) && line.len() < 80 => {
            Ok(FormState::Boundary(line))
        }
        b"-" => Ok(FormState::Boundary(line)),
        _ => Err(FormError::Malformed),
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t'))
}

/// Takes the bytes of a piece that belong to the headers, and returns their number.
fn take_headers(lines: &mut Vec<u8>, piece: &[u8]) -> Result<usize, FormError> {
    let held = lines.len();
    let room = MAX_HEADERS.saturating_sub(held).min(piece.len());
    lines.extend_from_slice(&piece[..room]);
    // The end of the headers may be split between the bytes held and the piece.
    let from = held.saturating_sub(3);
    if let Some(at) = memchr::memmem::find(&lines[from..], b"\r\n\r\n") {
        lines.truncate(from + at + 4);
        return Ok(lines.len() - held);
    }
    if lines.len() >= MAX_HEADERS {
        return Err(FormError::Malformed);
    }
    Ok(room)
}

impl Needle {
    fn new(needle: &[u8]) -> Self {
        Self {
            finder: Finder::new(needle).into_owned(),
            tail: Vec::with_capacity(2 * needle.len()),
        }
    }

    fn len(&self) -> usize {
        self.finder.needle().len()
    }

    /// Returns the offset in this piece at which the needle ends, or `None` if it does not end
    /// there.
    fn find(&mut self, piece: &[u8]) -> Option<usize> {
        // A match that starts in `tail` uses at most this many bytes of the piece.
        let overlap = self.len() - 1;
        let held = self.tail.len();
        // A match may begin in an earlier piece and end in this one.
        self.tail
            .extend_from_slice(&piece[..overlap.min(piece.len())]);
        if let Some(at) = self.finder.find(&self.tail) {
            let end = at + self.len() - held;
            self.tail.clear();
            return Some(end);
        }
        if let Some(at) = self.finder.find(piece) {
            self.tail.clear();
            return Some(at + self.len());
        }
        // Keeps as many bytes as a match could start with.
        if piece.len() >= overlap {
            self.tail.clear();
            self.tail.extend_from_slice(&piece[piece.len() - overlap..]);
        } else {
            let surplus = self.tail.len().saturating_sub(overlap);
            self.tail.drain(..surplus);
        }
        None
    }
}

/// Returns the boundary of a form's content type: 1 to 70 characters (RFC 2046, section 5.1.1).
pub fn boundary(content_type: &[u8]) -> Result<&str, FormError> {
    let Some(mut header) = HeaderValueParts::parse(content_type) else {
        return Err(FormError::Boundary);
    };
    let Some(boundary) = header.next_value("boundary") else {
        return Err(FormError::Boundary);
    };
    match str::from_utf8(boundary) {
        Ok(text) if is_boundary(text) => Ok(text),
        _ => Err(FormError::Boundary),
    }
}

fn is_boundary(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    (1..=70).contains(&text.len()) && text.bytes().all(allowed) && !text.ends_with(' ')
}

/// Returns the content type of a form with this boundary.
///
/// The caller's header is not forwarded: it could contain two boundaries, and VirusTotal might use
/// the other one.
pub fn content_type(boundary: &str) -> Result<HeaderValue, FormError> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"'+_-.".contains(&byte);
    let quote = if boundary.bytes().all(is_token) {
        ""
    } else {
        "\""
    };
    let value = format!("multipart/form-data; boundary={quote}{boundary}{quote}");
    HeaderValue::try_from(value).map_err(|_| FormError::Boundary)
}

#[cfg(test)]
mod tests;
