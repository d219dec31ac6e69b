//! Texts encoded within a text: base64 and hexadecimal.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// The least length of an encoded text that is decoded.
const LEAST: usize = 16;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Returns the texts encoded within a text, one a line. Nothing is decoded twice.
pub(super) fn decoded(text: &str) -> String {
    let mut out = String::new();
    // `/`, `+`, `-` and `_` are of base64, too, but rare in encoded ASCII, and there at the end of a
    // group of four: what follows is aligned again. In a path they are separators.
    for run in text.split(|letter: char| !letter.is_ascii_alphanumeric()) {
        decode(run, &mut out);
    }
    let is_base64 =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '-' | '_');
    for run in text.split(|letter| !is_base64(letter)) {
        if run.contains(['+', '/', '-', '_']) {
            decode(&run.replace('-', "+").replace('_', "/"), &mut out);
        }
    }
    out
}

fn decode(run: &str, out: &mut String) {
    if run.len() < LEAST {
        return;
    }
    let even = run.get(..run.len() / 2 * 2).unwrap_or(run);
    if let Ok(bytes) = hex::decode(even) {
        push_readable(bytes, out);
        return;
    }
    // One character more than whole groups holds no byte.
    let whole = if run.len() % 4 == 1 {
        run.len() - 1
    } else {
        run.len()
    };
    if let Ok(bytes) = BASE64.decode(run.get(..whole).unwrap_or(run)) {
        push_readable(bytes, out);
    }
}

/// Adds decoded bytes if they are a text, in UTF-8 or UTF-16.
fn push_readable(mut bytes: Vec<u8>, out: &mut String) {
    bytes.retain(|byte| *byte != 0);
    // A text that goes on behind the run is cut within a character.
    let readable = match str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            str::from_utf8(valid).unwrap_or_default()
        }
    };
    let has_control = readable.contains(|it: char| it.is_control() && !it.is_whitespace());
    if readable.len() + 3 >= bytes.len() && readable.len() >= LEAST / 2 && !has_control {
        out.push_str(readable);
        out.push('\n');
    }
}
