//! The ends of names that are known to be names of hosts.

use std::borrow::Cow;

/// Suffixes that are not in the public suffix list: those of documentation and tests, of onion
/// services, and of private networks.
const SPECIAL: [&str; 7] = [
    "example",
    "internal",
    "invalid",
    "local",
    "localhost",
    "onion",
    "test",
];

/// A known suffix of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownSuffix {
    /// The number of its labels.
    pub(crate) labels: usize,
    /// Whether something stands before the suffix.
    pub(crate) has_name: bool,
    /// Whether it is missing in the public suffix list.
    pub(crate) is_special: bool,
}

/// Returns the known suffix of a normalised name.
///
/// The suffix of a registry, such as `co.uk`, has to have a name before it. That of a company, such
/// as `github.io`, is the name of a host as well.
pub(crate) fn find(name: &str) -> Option<KnownSuffix> {
    // The list has Unicode names. The last label decides whether there is something to convert.
    let name = if name.contains("xn--") {
        Cow::Owned(idna::domain_to_unicode(name).0)
    } else {
        Cow::Borrowed(name)
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    if SPECIAL.contains(&last) {
        let has_name = last.len() < name.len();
        return Some(KnownSuffix {
            labels: 1,
            has_name,
            is_special: true,
        });
    }
    let suffix = psl::suffix(name.as_bytes()).filter(psl::Suffix::is_known)?;
    let length = suffix.as_bytes().len();
    let is_company = suffix.typ() == Some(psl::Type::Private);
    Some(KnownSuffix {
        labels: suffix.as_bytes().split(|byte| *byte == b'.').count(),
        has_name: length < name.len() || is_company,
        is_special: false,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("example.com", Some((1, true)))]
    #[case("a.co.uk", Some((2, true)))]
    #[case("co.uk", Some((2, false)))]
    #[case("github.io", Some((2, true)))]
    #[case("evil.example", Some((1, true)))]
    #[case("xn--e1afmkfd.xn--p1ai", Some((1, true)))]
    #[case("invoice.pdf", None)]
    #[case("hello", None)]
    fn suffixes_are_of_the_public_list_or_special(
        #[case] name: &str,
        #[case] expected: Option<(usize, bool)>,
    ) {
        let found = find(name).map(|it| (it.labels, it.has_name));
        assert_eq!(found, expected);
    }
}
