//! VirusTotal keys that are read from a file or a variable.

use std::{
    env,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use thiserror::Error;

use super::{ApiKey, InvalidKey};

/// The number of bytes read from a key's file: enough for a key and white space around it.
const MAX_KEY_FILE_BYTES: u64 = 4096;

/// The minimum length of a key. A shorter text is a placeholder or a slip.
const MIN_KEY_BYTES: usize = 8;

/// The reason why a source has no usable key. It never repeats the content.
#[derive(Debug, Error)]
pub enum UnusableKey {
    /// The file is missing or unreadable.
    #[error("can't be read: {0}")]
    Unreadable(#[from] io::Error),
    /// The variable is missing or empty.
    #[error("is not set")]
    Unset,
    /// The content is not a key.
    #[error("does not hold a key: {0}")]
    Invalid(#[from] InvalidKey),
    /// The content is too short to be a key.
    #[error("does not hold a key: VirusTotal's have 64 hexadecimal digits, this is much shorter")]
    TooShort,
}

/// Reads the key that is a file's whole content, apart from white space around it.
pub fn key_in_file(file: &Path) -> Result<ApiKey, UnusableKey> {
    let mut text = Vec::new();
    File::open(file)?
        .take(MAX_KEY_FILE_BYTES)
        .read_to_end(&mut text)?;
    parse_operator_key(text.trim_ascii())
}

/// Reads the key that an environment variable holds.
pub fn key_in_variable(name: &str) -> Result<ApiKey, UnusableKey> {
    let text = env::var_os(name).ok_or(UnusableKey::Unset)?;
    let text = text.as_encoded_bytes().trim_ascii();
    if text.is_empty() {
        return Err(UnusableKey::Unset);
    }
    parse_operator_key(text)
}

/// Parses a key that an operator set. Unlike a caller's key, it may not be short.
pub fn parse_operator_key(text: &[u8]) -> Result<ApiKey, UnusableKey> {
    let key = ApiKey::parse(text)?;
    if text.len() < MIN_KEY_BYTES {
        return Err(UnusableKey::TooShort);
    }
    Ok(key)
}

/// Returns whether a key has the form of VirusTotal's own keys: 64 hexadecimal digits.
pub fn is_usual(key: &ApiKey) -> bool {
    let text = key.expose();
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_eight_characters_at_least() {
        assert!(parse_operator_key(b"12345678").is_ok());
        for bad in ["12345", "1234567"] {
            let error = parse_operator_key(bad.as_bytes()).unwrap_err();
            assert!(!error.to_string().contains(bad), "{error}");
        }
    }

    #[test]
    fn a_usual_key_is_64_hexadecimal_digits() {
        assert!(is_usual(&parse_operator_key(&[b'a'; 64]).unwrap()));
        assert!(!is_usual(&parse_operator_key(&[b'a'; 63]).unwrap()));
        assert!(!is_usual(&parse_operator_key(&[b'g'; 64]).unwrap()));
    }
}
