//! Upload forms in arbitrary pieces: the verdict equals that of a simple parser of the whole form.

#![no_main]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use libfuzzer_sys::fuzz_target;
use vt4ai::submit::form::{Form, FormError, boundary, content_type};

/// The number of bytes that a form may hold: the headers of one part, with spare capacity.
const MAX_HELD: isize = 64 * 1024;

/// An allocator that counts the bytes that each thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

fn count(change: isize) {
    // The variable is gone while a thread ends.
    let _ = HELD.try_with(|held| {
        let (now, most) = held.get();
        held.set((now + change, most.max(now + change)));
    });
}

// All allocations are forwarded to the system's allocator, where the sanitizer sees them.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Returns the verdict on a form that arrives in these pieces.
fn judge<'a>(name: &str, pieces: impl Iterator<Item = &'a [u8]>) -> Result<(), FormError> {
    let before = HELD.get().0;
    HELD.set((before, before));
    let mut form = Form::new(name);
    let mut verdict = Ok(());
    for piece in pieces {
        verdict = verdict.and_then(|()| form.push(piece));
    }
    verdict = verdict.and_then(|()| form.end());
    let most = HELD.get().1 - before;
    assert!(most <= MAX_HELD, "{most} bytes held");
    verdict
}

/// Cuts a form into pieces of these lengths, cyclically; some of them are empty.
fn cut<'a>(form: &'a [u8], lengths: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = form;
    let mut lengths = lengths.iter().cycle();
    std::iter::from_fn(move || {
        let length = lengths.next().map_or(rest.len(), |it| usize::from(*it));
        let (piece, after) = rest.split_at_checked(length).unwrap_or((rest, b""));
        let is_over = rest.is_empty();
        rest = after;
        (!is_over).then_some(piece)
    })
}

/// Returns whether a line-based parser finds one file, at most one password, and nothing ambiguous.
fn is_form(name: &str, form: &[u8]) -> bool {
    let mark = format!("--{name}").into_bytes();
    let lines = lines(form);
    let (mut files, mut passwords) = (Vec::new(), 0);
    let boundaries: Vec<_> = (0..lines.len())
        .filter(|at| lines[*at].starts_with(&mark))
        .collect();
    for (nth, at) in boundaries.iter().enumerate() {
        let padding = &lines[*at][mark.len()..];
        if padding.starts_with(b"--") {
            return files.len() == 1 && files[0] > 0 && passwords <= 1;
        }
        let end = boundaries.get(nth + 1).copied().unwrap_or_default();
        let part = lines.get(at + 1..end).unwrap_or_default();
        let empty = part.iter().position(|line| line.is_empty());
        let Some((headers, content)) = empty.map(|empty| part.split_at(empty)) else {
            return false;
        };
        // The line break before a boundary belongs to it, and so does the one before the content.
        let length = content.iter().map(|line| line.len() + 2).sum::<usize>();
        match field(headers).as_deref() {
            Some(b"file") => files.push(length.saturating_sub(4)),
            Some(b"password") => passwords += 1,
            _ => return false,
        }
        if padding.len() > 78 || !padding.iter().all(|byte| b" \t".contains(byte)) {
            return false;
        }
    }
    false
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        lines.push(&rest[..end]);
        rest = &rest[end + 2..];
    }
    lines.push(rest);
    lines
}

/// Returns the field that a part's headers name, if it is unambiguous.
fn field(headers: &[&[u8]]) -> Option<Vec<u8>> {
    let mut length = 4;
    let mut unfolded: Vec<Vec<u8>> = Vec::new();
    for line in headers {
        length += line.len() + 2;
        match (unfolded.last_mut(), line.first()) {
            (Some(before), Some(b' ' | b'\t')) => {
                before.extend_from_slice(b"  ");
                before.extend_from_slice(line);
            }
            _ => unfolded.push(line.to_vec()),
        }
    }
    let mut dispositions = Vec::new();
    for line in &unfolded {
        let colon = line.iter().position(|byte| *byte == b':')?;
        if line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return None;
        }
        if line[..colon]
            .trim_ascii()
            .eq_ignore_ascii_case(b"content-disposition")
        {
            dispositions.push(&line[colon + 1..]);
        }
    }
    match dispositions[..] {
        [disposition] if length <= 16 * 1024 => only_name(disposition),
        _ => None,
    }
}

/// Returns the only `name` of a form's field (RFC 6266's grammar).
///
/// Browsers don't escape a backslash at the end of a file's name, so that parameters behind a name
/// count as far as they can be parsed.
fn only_name(disposition: &[u8]) -> Option<Vec<u8>> {
    let text: String = disposition.iter().copied().map(char::from).collect();
    let (kind, mut rest) = text.split_once(';')?;
    let mut names = Vec::new();
    while let Some((key, value, after)) = parameter(rest) {
        if key.trim_ascii().eq_ignore_ascii_case("name") {
            names.push(value.bytes().collect());
        }
        rest = after;
    }
    let is_field = kind.trim_ascii().eq_ignore_ascii_case("form-data");
    names.pop().filter(|_| names.is_empty() && is_field)
}

/// Splits off the first parameter; returns its key, its value and the rest.
fn parameter(text: &str) -> Option<(&str, &str, &str)> {
    let end = text.find(['=', ';', '"'])?;
    let (key, rest) = text.split_at(end);
    if let Some(rest) = rest.strip_prefix(';') {
        return Some(("", "", rest));
    }
    let value = rest.strip_prefix('=')?;
    let Some(quoted) = value.strip_prefix('"') else {
        let (value, rest) = value.split_once(';').unwrap_or((value, ""));
        return (!value.contains('"')).then_some((key, value.trim_ascii_end(), rest));
    };
    let mut is_escaped = false;
    let end = quoted.find(|letter| {
        let is_end = letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        is_end
    })?;
    let rest = quoted[end + 1..].trim_ascii_start();
    let rest = rest.strip_prefix(';').or(rest.is_empty().then_some(""))?;
    Some((key, &quoted[..end], rest))
}

/// Lengthens a form by repeating the bytes between two NUL.
fn grown(form: &[u8], times: usize) -> Vec<u8> {
    let mut parts = form.splitn(3, |byte| *byte == 0);
    let [before, much, after] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let room = 20_000_usize.saturating_sub(form.len());
    let times = times.min(room / much.len().max(1));
    [before, &much.repeat(times), after].concat()
}

// The input is a content type up to a line break, the lengths of pieces, and the form.
fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let (head, rest) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let name = match boundary(head) {
        Ok(name) => {
            let said = content_type(name).unwrap();
            assert_eq!(boundary(said.as_bytes()), Ok(name));
            assert!((1..=70).contains(&name.len()) && !name.ends_with(' '));
            name
        }
        Err(_) => "b",
    };
    let Some(([times, cuts @ ..], form)) = rest.split_first_chunk::<4>() else {
        return;
    };
    let form = if *times == 0 {
        form.to_vec()
    } else {
        grown(form, usize::from(*times) * usize::from(*times))
    };
    let verdict = judge(name, std::iter::once(&form[..]));
    assert_eq!(judge(name, form.chunks(1)), verdict);
    if cuts.iter().any(|length| *length > 0) {
        assert_eq!(judge(name, cut(&form, cuts)), verdict);
    }
    assert_eq!(verdict.is_ok(), is_form(name, &form), "{verdict:?}");
});
