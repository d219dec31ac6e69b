//! VirusTotal keys that are kept elsewhere: in a file or a variable.

use std::{env, fs, io, path::Path};

use thiserror::Error;

use crate::key::ApiKey;

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
    let text = fs::read(file)?;
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
