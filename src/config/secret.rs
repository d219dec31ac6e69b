//! VirusTotal keys that are kept elsewhere: in a file or a variable.

use std::{
    env,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use thiserror::Error;

use crate::key::ApiKey;

/// The bytes of a key's file that are read: a key and white space around it.
const MAX_FILE: u64 = 4096;

/// Why there is no key where one should be; what is there is never repeated.
#[derive(Debug, Error)]
pub enum UnusableKey {
    /// No such file, or none that may be read.
    #[error("can't be read: {0}")]
    Unreadable(#[from] io::Error),
    /// No such variable, or an empty one.
    #[error("is not set")]
    Unset,
    /// It holds something else.
    #[error("does not hold a key: {0}")]
    Invalid(#[from] crate::key::InvalidKey),
}

/// The key that is a file's whole content, white space around it left out.
pub fn key_in_file(file: &Path) -> Result<ApiKey, UnusableKey> {
    let mut text = Vec::new();
    File::open(file)?.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(ApiKey::parse(text.trim_ascii())?)
}

/// The key that an environment variable holds.
pub fn key_in_variable(name: &str) -> Result<ApiKey, UnusableKey> {
    let text = env::var_os(name).ok_or(UnusableKey::Unset)?;
    let text = text.as_encoded_bytes().trim_ascii();
    if text.is_empty() {
        return Err(UnusableKey::Unset);
    }
    Ok(ApiKey::parse(text)?)
}
