//! Parameters in a query or form.

use url::form_urlencoded;

/// Returns the first value of this name, decoded.
pub(super) fn parameter(encoded: &[u8], name: &str) -> Option<String> {
    for (key, value) in form_urlencoded::parse(encoded) {
        if key == name {
            return Some(value.into_owned());
        }
    }
    None
}
