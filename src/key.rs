//! A VirusTotal API key, and the hash by which everything else knows it.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// How every client token of the gateway begins; no VirusTotal key does (CONTRACT 6).
pub const TOKEN_PREFIX: &str = "vt4ai_";

/// A VirusTotal API key: 1 to 512 visible ASCII characters.
///
/// Its text is wiped from memory when dropped, and never printed.
#[derive(Clone)]
pub struct ApiKey {
    secret: SecretString,
    hash: KeyHash,
}

/// The first half of the SHA-256 of a key: it names the key in maps and counters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 16]);

/// Why a text is no VirusTotal key. The text itself is never repeated.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidKey {
    /// Empty, too long, or with characters that no key has.
    #[error("an API key is 1 to 512 visible ASCII characters")]
    Malformed,
    /// A token of the gateway's own where a VirusTotal key is meant.
    #[error(
        "a key that begins with `vt4ai_` is a client token, and this server has no clients set up"
    )]
    ClientToken,
}

impl ApiKey {
    /// Takes a key as it came from a header or a setting.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidKey> {
        let visible = text.iter().all(u8::is_ascii_graphic);
        let text = std::str::from_utf8(text)
            .ok()
            .filter(|text| visible && (1..=512).contains(&text.len()))
            .ok_or(InvalidKey::Malformed)?;
        if text.starts_with(TOKEN_PREFIX) {
            return Err(InvalidKey::ClientToken);
        }
        let digest = Sha256::digest(text);
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        Ok(Self {
            secret: SecretString::from(text),
            hash: KeyHash(hash),
        })
    }

    /// The key's text, for the one place that sends it to VirusTotal.
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// The hash that stands for this key.
    pub fn hash(&self) -> KeyHash {
        self.hash
    }
}

impl KeyHash {
    /// Its first 8 hexadecimal digits: tells the few keys of one operator apart.
    pub fn short(self) -> String {
        let mut hex = self.hex();
        hex.truncate(8);
        hex
    }

    /// In hexadecimal, for names in Redis.
    pub fn hex(self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// Not printed either: a hash of a weak key can be guessed back.
impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_visible_ascii_of_bounded_length() {
        assert!(ApiKey::parse(b"a").is_ok());
        assert!(ApiKey::parse(&[b'~'; 512]).is_ok());
        for bad in [
            &b""[..],
            &[b'a'; 513],
            b"a b",
            b"a\n",
            "schlüssel".as_bytes(),
            b"\xff",
        ] {
            assert_eq!(ApiKey::parse(bad).err(), Some(InvalidKey::Malformed));
        }
        assert_eq!(
            ApiKey::parse(b"vt4ai_x").err(),
            Some(InvalidKey::ClientToken)
        );
    }

    #[test]
    fn a_key_is_never_printed() {
        let key = ApiKey::parse(b"very-secret").unwrap();
        let printed = format!("{key:?} {:?} {}", key.hash(), InvalidKey::Malformed);
        assert!(!printed.contains("very-secret"), "{printed}");
        assert_eq!(key.hash(), ApiKey::parse(b"very-secret").unwrap().hash());
    }
}
