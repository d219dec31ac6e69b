//! Bounds for marks, white space and characters outside ASCII.

use super::known::known_tokens;
use super::tables::PAIRED_BLOCKS;

/// Returns the tokens of marks with a space in front and line breaks behind.
#[inline]
pub(super) fn mark_tokens(bytes: &[u8], from: usize, to: usize) -> usize {
    if to - from == 1 {
        return 1;
    }
    match known_tokens(bytes, from, to) {
        0 => unknown_tokens(bytes, from, to),
        tokens => tokens,
    }
}

/// Returns a bound for marks: the number of known ones that they consist of.
#[cold]
fn unknown_tokens(bytes: &[u8], from: usize, to: usize) -> usize {
    let breaks = bytes[from..to]
        .iter()
        .position(|byte| matches!(byte, b'\n' | b'\r'));
    let (tail, to) = (to, breaks.map_or(to, |length| from + length));
    let (mut at, mut segments) = (from, 0);
    let mut tokens = space_tokens(&bytes[to..tail]);
    // Longer runs are lines or noise, which need no close bound.
    while at < to && at < from + 64 {
        let mut end = to.min(at + 4);
        while end > at + 1 && known_tokens(bytes, at, end) != 1 {
            end -= 1;
        }
        segments += 1;
        at = end;
    }
    tokens += segments;
    // Tokens that end in the middle of the next known one make one more.
    if at - from >= 4 && segments * 2 <= at - from {
        tokens += 1;
    }
    let run = &bytes[at..to];
    tokens + unknown_mark_tokens(run.strip_prefix(b" ").unwrap_or(run))
}

/// Returns a bound for white space: groups of one character are few tokens.
pub(super) fn space_tokens(run: &[u8]) -> usize {
    let (mut tokens, mut last, mut length) = (0, 0, 0);
    for &byte in run {
        if byte != last {
            // A carriage return is one token with the line feed behind it.
            if (last, byte) != (b'\r', b'\n') {
                tokens += 1;
            }
            length = 0;
        }
        length += 1;
        let limit = match byte {
            b' ' => 48,
            b'\n' | b'\t' => 14,
            b'\r' => 2,
            _ => 1,
        };
        if length > limit {
            tokens += 1;
            length = 1;
        }
        last = byte;
    }
    tokens
}

/// Returns a bound for any marks: one token for each, but fewer if more than two are alike.
fn unknown_mark_tokens(run: &[u8]) -> usize {
    let (mut tokens, mut last, mut length) = (0, 0, 0);
    for &byte in run {
        length = if byte == last { length + 1 } else { 0 };
        last = byte;
        let is_counted = match byte {
            b'=' | b'-' | b'*' | b'#' | b'_' if length >= 4 => length % 16 == 4,
            _ => length < 2 || length % 2 == 0,
        };
        tokens += usize::from(is_counted);
    }
    tokens
}

/// Returns a bound for one character outside ASCII; no token is shorter than a byte.
pub(super) fn wide_tokens(character: char) -> usize {
    let code = character as u32;
    match code {
        0xa0..=0xda
        | 0xdc..=0x109
        | 0x391..=0x3a1
        | 0x3b1..=0x3ce
        | 0x410..=0x44f
        | 0x451..=0x45c
        | 0x561..=0x587
        | 0x5d0..=0x5ea
        | 0x621..=0x63a
        | 0x640..=0x654
        | 0x913..=0x928
        | 0x92a..=0x933
        | 0x2009..=0x2011 => 1,
        0..0x800 => 2,
        0x800..0x1_0000 => {
            let block = (code - 0x800) / 64;
            let is_paired = PAIRED_BLOCKS[(block / 32) as usize] >> (block % 32) & 1;
            3 - is_paired as usize
        }
        0x1_f000..0x2_0000 => 3,
        _ => 4,
    }
}
