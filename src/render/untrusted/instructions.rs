//! Detection of texts that read like an instruction to a model.
//!
//! A text is `folded`, and texts encoded within it are `decoded` once. Then the
//! `rules` look for `words` of one language near each other, such as "ignore",
//! "previous" and "instructions". They promise nothing: a text in other words passes.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

mod decode;
mod fold;
mod languages;
mod rules;
mod scrambled;
mod senses;
mod spaced;
mod table;
#[cfg(test)]
mod tests;
mod trie;
mod words;

/// Returns whether a text reads like an instruction to a model. Takes time linear in its length.
pub fn reads_like_instruction(text: &str) -> bool {
    /// The least length of an instruction in bytes: `</s>`.
    const SHORTEST: usize = 4;
    if text.len() < SHORTEST {
        return false;
    }
    let text = if text.contains('%') {
        percent_decode_str(text).decode_utf8_lossy()
    } else {
        Cow::Borrowed(text)
    };
    if rules::meets_rule(&fold::fold(&text)) {
        return true;
    }
    let decoded = decode::decoded(&text);
    !decoded.is_empty() && rules::meets_rule(&fold::fold(&decoded))
}
