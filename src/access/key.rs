//! API keys of VirusTotal and client tokens, and the hashes that identify them everywhere else.

use std::{borrow::Cow, fmt};

use percent_encoding::percent_decode;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

/// The prefix of every client token. No VirusTotal key has it (`docs/clients.md`).
pub const TOKEN_PREFIX: &str = "vt4ai_";

/// A VirusTotal API key: 1 to 512 visible ASCII characters, including a letter or digit.
///
/// Its text is wiped from memory on drop, and never printed.
#[derive(Clone)]
pub struct ApiKey {
    secret: SecretString,
    hash: KeyHash,
}

/// The first half of a key's SHA-256, which identifies the key in maps and counters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 16]);

/// The SHA-256 of a client token. The token itself is not stored.
///
/// Two digests can be compared only in constant time.
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; 32]);

/// The reason why a text is not a VirusTotal key. It never contains the text.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidKey {
    /// The text is empty, too long, or has invalid characters.
    #[error(
        "an API key is 1 to 512 visible ASCII characters, at least one of them a letter or digit"
    )]
    Malformed,
    /// The text is or contains a client token of the gateway.
    #[error(
        "a value that contains `vt4ai_` is a client token, not a VirusTotal key; \
         send a token by itself, without quotes or a prefix"
    )]
    ClientToken,
}

impl ApiKey {
    /// Parses a key from a header or a setting.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidKey> {
        if holds_token(text) {
            return Err(InvalidKey::ClientToken);
        }
        let is_visible = text.iter().all(u8::is_ascii_graphic);
        // A key becomes a path segment, where one of dots alone would resolve to another path.
        let has_substance = text.iter().any(u8::is_ascii_alphanumeric);
        let text = std::str::from_utf8(text).map_err(|_| InvalidKey::Malformed)?;
        if !is_visible || !has_substance || text.len() > 512 {
            return Err(InvalidKey::Malformed);
        }
        Ok(Self {
            secret: SecretString::from(text),
            hash: KeyHash::of(Sha256::digest(text).into()),
        })
    }

    /// Returns the key's text, for sending it to VirusTotal.
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// Returns the hash that identifies this key.
    pub fn hash(&self) -> KeyHash {
        self.hash
    }
}

/// Returns whether a text contains a client token, in any case, percent-encoded or not.
pub fn holds_token(text: &[u8]) -> bool {
    let prefix = TOKEN_PREFIX.as_bytes();
    // Fast path: most keys contain neither an underscore nor anything to decode.
    if memchr::memchr2(b'_', b'%', text).is_none() {
        return false;
    }
    let mut text = Cow::Borrowed(text);
    loop {
        let mut windows = text.windows(prefix.len());
        if windows.any(|it| it.eq_ignore_ascii_case(prefix)) {
            return true;
        }
        // Nested encodings are decoded one by one. Each round shortens the text, so the loop ends.
        let decoded: Cow<'_, [u8]> = percent_decode(&text).into();
        if decoded.len() == text.len() {
            return false;
        }
        text = Cow::Owned(decoded.into_owned());
    }
}

impl TokenDigest {
    /// Computes the digest of a token from a header.
    pub fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Parses 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).ok()?;
        Some(Self(digest))
    }

    /// Returns the digest in hexadecimal, as in the clients' file.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Returns whether both digests are of the same token, in constant time.
    ///
    /// Compares eight bytes at a time, since a token is compared with those of all clients.
    pub fn matches(&self, other: &Self) -> bool {
        let (own, others): (&[[u8; 8]], _) = (self.0.as_chunks().0, other.0.as_chunks().0);
        let mut differing = 0;
        // ORs the XOR of all words, so the time does not depend on the first difference.
        for (own, other) in own.iter().zip(others) {
            differing |= u64::from_ne_bytes(*own) ^ u64::from_ne_bytes(*other);
        }
        differing.ct_eq(&0).into()
    }

    /// Returns the hash that identifies the client.
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(self.0)
    }
}

impl KeyHash {
    /// Returns the first 8 hex digits, which tell an operator's few keys apart.
    pub fn short(self) -> String {
        let mut hex = self.hex();
        hex.truncate(8);
        hex
    }

    /// Returns the hash in hexadecimal, for Redis keys.
    pub fn hex(self) -> String {
        hex::encode(self.0)
    }

    /// Parses the output of [`hex`](Self::hex).
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut hash = [0; 16];
        hex::decode_to_slice(text, &mut hash).ok()?;
        Some(Self(hash))
    }

    fn of(sha256: [u8; 32]) -> Self {
        Self(std::array::from_fn(|at| sha256[at]))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

/// Omits the hash: the key could be recovered from the hash of a weak one by guessing.
impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_visible_ascii_of_bounded_length_with_a_letter_or_digit() {
        assert!(ApiKey::parse(b"a").is_ok());
        assert!(ApiKey::parse(&[b'z'; 512]).is_ok());
        assert!(ApiKey::parse(b"..1").is_ok());
        for bad in [
            &b""[..],
            &[b'a'; 513],
            b"a b",
            b"a\n",
            "schlüssel".as_bytes(),
            b"\xff",
            b".",
            b"..",
            b"-",
            b"%/?#~",
            &[b'~'; 512],
        ] {
            assert_eq!(ApiKey::parse(bad).err(), Some(InvalidKey::Malformed));
        }
    }

    #[test]
    fn text_with_a_token_is_no_key() {
        for token in [
            &b"vt4ai_x"[..],
            b"\"vt4ai_x\"",
            b"token=vt4ai_x",
            b"Vt4AI_x",
            b"Bearer vt4ai_x",
            b"vt4ai%5Fx",
            b"%76%74%34ai_x",
            b"vt4ai%255fx",
            b"x\xff vt4ai_",
        ] {
            assert_eq!(ApiKey::parse(token).err(), Some(InvalidKey::ClientToken));
        }
        for key in [&b"vt4ai"[..], b"vt4ai-x", b"100%", b"%zz", b"vt4ai%2525"] {
            assert!(ApiKey::parse(key).is_ok());
        }
    }

    #[test]
    fn key_is_never_printed() {
        let key = ApiKey::parse(b"very-secret").unwrap();
        let printed = format!("{key:?} {:?} {}", key.hash(), InvalidKey::Malformed);
        assert!(!printed.contains("very-secret"), "{printed}");
        assert_eq!(key.hash(), ApiKey::parse(b"very-secret").unwrap().hash());
    }

    #[test]
    fn digest_covers_the_whole_token_and_is_never_printed() {
        let digest = TokenDigest::of(b"vt4ai_token");
        let again = TokenDigest::from_hex(&digest.hex().to_ascii_uppercase()).unwrap();
        assert!(digest.matches(&again) && again.hash() == digest.hash());
        assert!(!digest.matches(&TokenDigest::of(b"vt4ai_tokeN")));
        assert!(!format!("{digest:?}").contains(&digest.hex()));
        for bad in ["", "ab", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
            assert!(TokenDigest::from_hex(bad).is_none(), "{bad}");
        }
        assert_eq!(
            TokenDigest::of(b"").hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
