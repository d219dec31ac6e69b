//! New client tokens, which are printed once and never stored.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use thiserror::Error;

use super::file::is_name;
use crate::access::{TOKEN_PREFIX, TokenDigest};

/// The number of random bytes in a token.
const RANDOM_BYTES: usize = 32;

/// A new token and its entry for the clients' file; `Display` shows both.
pub struct Issued {
    token: SecretString,
    name: String,
}

/// The reasons for which no token is issued.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The name is not valid for a client.
    #[error("--name: a client's name is 1 to 64 letters, digits, `-`, `_`, `.` or `@`")]
    Name,
    /// The operating system provides no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

impl Issued {
    /// Creates a token for a client of this name from the operating system's random bytes.
    pub fn new(name: &str) -> Result<Self, TokenError> {
        if !is_name(name) {
            return Err(TokenError::Name);
        }
        let mut random = Zeroizing::new([0; RANDOM_BYTES]);
        getrandom::fill(random.as_mut())?;
        let token = BASE64_URL_SAFE_NO_PAD.encode(random.as_ref());
        Ok(Self {
            token: format!("{TOKEN_PREFIX}{token}").into(),
            name: name.to_owned(),
        })
    }
}

/// Prints the token to the terminal, the only place where a token is shown.
impl fmt::Display for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, token) = (&self.name, self.token.expose_secret());
        let digest = TokenDigest::of(token.as_bytes()).hex();
        write!(
            f,
            "The token for {name}, shown this once:\n\
             \n\
             {token}\n\
             \n\
             Lines for the file that VT4AI_CLIENTS_FILE names:\n\
             \n\
             [[client]]\n\
             name = \"{name}\"\n\
             token_sha256 = \"{digest}\"\n\
             scopes = [\"read\", \"search\"]"
        )
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issued(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_token_is_a_prefix_and_32_bytes() {
        let issued = Issued::new("alice").unwrap();
        let token = issued.token.expose_secret().strip_prefix(TOKEN_PREFIX);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.unwrap()).unwrap();
        assert_eq!(bytes.len(), 32);
        let distinct: HashSet<_> = (0..100)
            .map(|_| {
                Issued::new("alice")
                    .unwrap()
                    .token
                    .expose_secret()
                    .to_owned()
            })
            .collect();
        assert_eq!(distinct.len(), 100);
        assert_eq!(format!("{issued:?}"), "Issued(…)");
    }

    #[test]
    fn an_invalid_name_is_rejected() {
        for bad in ["", "a b", "a\"b", "a\nb", "ä", &"x".repeat(65)] {
            assert!(matches!(Issued::new(bad), Err(TokenError::Name)), "{bad}");
        }
        assert!(Issued::new("al.ice-1_2@soc.example").is_ok());
    }
}
