//! Names in free text: those of hosts, and those of files and code that look alike.

use super::{context, span::Span, word::Word};
use crate::indicator::{Indicator, refang, suffix};

/// The longest text of a name: 253 characters of up to four bytes.
const LONGEST: usize = 4 * 253;

/// Suffixes that end the names of files more often than those of hosts.
const FILE_TYPES: [&str; 17] = [
    "app",
    "cab",
    "dot",
    "inc",
    "java",
    "md",
    "mov",
    "properties",
    "ps",
    "pub",
    "py",
    "rs",
    "sas",
    "sh",
    "so",
    "srt",
    "zip",
];

/// Those among them that many hosts with three labels or more have.
const HOST_TYPES: [&str; 4] = ["app", "ps", "sh", "so"];

/// Suffixes that end the names of hosts more often than those of files.
const RARE_FILE_TYPES: [&str; 12] = [
    "ai", "am", "cc", "in", "la", "map", "mk", "ml", "ms", "pl", "pm", "tf",
];

/// Names of files before such a suffix.
const FILE_STEMS: [&str; 51] = [
    "app",
    "backup",
    "build",
    "check",
    "cleanup",
    "client",
    "common",
    "config",
    "configure",
    "convert",
    "css",
    "data",
    "deploy",
    "download",
    "exploit",
    "file",
    "helper",
    "helpers",
    "index",
    "init",
    "install",
    "js",
    "lib",
    "logo",
    "main",
    "makefile",
    "misc",
    "module",
    "outputs",
    "parse",
    "parser",
    "poc",
    "provider",
    "providers",
    "run",
    "scan",
    "scanner",
    "script",
    "server",
    "setup",
    "start",
    "stop",
    "test",
    "tests",
    "tool",
    "tools",
    "update",
    "upload",
    "util",
    "utils",
    "variables",
];

/// The first labels of names that are hosts, whatever their suffix.
const HOST_LABELS: [&str; 23] = [
    "api",
    "autodiscover",
    "cdn",
    "ftp",
    "imap",
    "login",
    "mail",
    "mx",
    "mx1",
    "mx2",
    "ns1",
    "ns2",
    "owa",
    "pop",
    "portal",
    "remote",
    "secure",
    "smtp",
    "static",
    "vpn",
    "webmail",
    "www",
    "www2",
];

/// The first labels of packages in reverse order: `com.example.app.net`.
const PACKAGES: [&str; 5] = ["com", "edu", "gov", "net", "org"];

/// The first labels of packages that begin with the name of a runtime.
const RUNTIMES: [&str; 8] = [
    "androidx", "java", "javax", "jdk", "kotlin", "scala", "self", "this",
];

/// Names of variables and modules before a dot.
const VARIABLES: [&str; 31] = [
    "args",
    "asp",
    "cfg",
    "cls",
    "config",
    "console",
    "ctx",
    "document",
    "elem",
    "event",
    "evt",
    "item",
    "log",
    "logger",
    "logging",
    "microsoft",
    "node",
    "obj",
    "opts",
    "os",
    "params",
    "props",
    "req",
    "request",
    "res",
    "response",
    "socket",
    "sun",
    "sys",
    "system",
    "window",
];

/// Names of objects that have fields such as `id` and `name`.
const OBJECTS: [&str; 32] = [
    "account",
    "agent",
    "app",
    "client",
    "cloud",
    "container",
    "customer",
    "data",
    "destination",
    "device",
    "dns",
    "file",
    "form",
    "group",
    "host",
    "image",
    "input",
    "organization",
    "page",
    "process",
    "product",
    "project",
    "rule",
    "server",
    "service",
    "session",
    "source",
    "task",
    "team",
    "url",
    "user",
    "users",
];

/// Suffixes that are the names of fields: `user.name`, `event.id`.
const FIELDS: [&str; 13] = [
    "data", "date", "email", "global", "group", "host", "id", "info", "link", "name", "network",
    "page", "map",
];

/// Suffixes that are not the names of fields or functions.
const PLAIN: [&str; 4] = ["com", "edu", "net", "org"];

/// Suffixes behind a single letter. Others are those of fields and of people: `e.id`, `m.weber`.
const AFTER_LETTER: [&str; 9] = ["cc", "co", "com", "ly", "me", "net", "org", "ru", "to"];

/// Suffixes that are words. Behind one or two letters they begin a sentence without a blank.
const WORDS: [&str; 13] = [
    "as", "at", "be", "by", "do", "in", "is", "it", "my", "no", "so", "to", "us",
];

/// The surroundings of a name.
pub(super) struct Site<'a> {
    /// The text before it.
    pub(super) before: &'a str,
    /// The text behind it.
    pub(super) after: &'a str,
    /// Whether it is defanged.
    pub(super) is_defanged: bool,
}

/// Returns the part of a word that could be a name of several labels.
pub(super) fn trim(word: &Word<'_>) -> Option<Span> {
    let text = word.text.trim_start_matches(['.', '-']);
    // Markdown emphasises with underscores; the names of services begin with one.
    let is_emphasised = text.ends_with('_');
    let name = if is_emphasised {
        text.trim_start_matches('_')
    } else {
        text
    };
    let start = word.end - name.len();
    let name = name.trim_end_matches(['.', '-', '_']);
    let (rest, last) = match name.rfind(['.', ']', ')', '}']) {
        Some(at) => name.split_at(at + 1),
        None => return None,
    };
    // A text in another script may follow without a space.
    let is_latin = last.starts_with(|it: char| it.is_ascii_alphanumeric());
    let length = match last.find(|it: char| !it.is_ascii()) {
        Some(cut) if is_latin => rest.len() + cut,
        _ => name.len(),
    };
    (length <= LONGEST).then_some(Span {
        start,
        end: start + length,
    })
}

/// Returns whether a name of several labels is that of a host.
///
/// A defanged name and the domain of an e-mail address need a known suffix only.
pub(super) fn is_host(given: &str, site: &Site<'_>) -> bool {
    let Ok(domain) = Indicator::domain(given) else {
        return false;
    };
    let name = domain.id();
    let Some(known) = suffix::find(name).filter(|known| known.has_name) else {
        return false;
    };
    if !name.contains('.') || name.ends_with(".in-addr.arpa") || name.ends_with(".ip6.arpa") {
        return false;
    }
    if site.is_defanged || context::is_behind_at_sign(site.before) {
        return true;
    }
    if context::is_in_path(site.before) || !is_written_like_host(given) {
        return false;
    }
    let parts = Labels::of(name);
    if site.before.ends_with("://") || parts.number > 2 && HOST_LABELS.contains(&parts.first) {
        return true;
    }
    !(parts.are_version()
        || known.labels == 1 && parts.are_file(site)
        || !known.is_special && parts.are_short()
        || parts.are_package()
        || parts.are_code(site))
}

/// Returns whether the case and the underscores are those of a host.
fn is_written_like_host(given: &str) -> bool {
    let refanged = refang::host(given);
    let Some((rest, last)) = refanged.rsplit_once('.') else {
        return false;
    };
    let is_lower = !last.contains(char::is_uppercase);
    let is_upper = !refanged.contains(char::is_lowercase);
    let name = rest.rsplit('.').next().unwrap_or(rest);
    // The names of services have labels such as `_tcp`.
    if !(is_lower || is_upper) || name.trim_start_matches('_').contains('_') {
        return false;
    }
    // Names of malware and classes look like this: `Trojan.Win32.Agent.ai`. Those of Windows hosts
    // have labels in capital letters: `PC-17.corp.example`.
    let is_mixed =
        |label: &str| label.contains(char::is_uppercase) && label.contains(char::is_lowercase);
    !rest.contains('.') || PLAIN.contains(&last) || !rest.split('.').any(is_mixed)
}

/// The labels of a normalised name.
struct Labels<'a> {
    first: &'a str,
    /// The labels before the last one.
    stem: &'a str,
    last: &'a str,
    number: usize,
}

impl<'a> Labels<'a> {
    fn of(name: &'a str) -> Self {
        let (stem, last) = name.rsplit_once('.').unwrap_or((name, ""));
        Self {
            first: name.split('.').next().unwrap_or(name),
            stem,
            last,
            number: name.split('.').count(),
        }
    }

    /// Returns whether numbers stand before the last label, as in `1.0.dev` and `10.am`.
    fn are_version(&self) -> bool {
        let digits = self.stem.bytes().filter(u8::is_ascii_digit).count();
        let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
        let are_numbers = self.stem.split('.').all(is_number);
        let is_v = self
            .first
            .strip_prefix('v')
            .is_some_and(|rest| !rest.is_empty() && is_number(rest));
        are_numbers && (self.number > 2 || digits < 3) && !PLAIN.contains(&self.last)
            || is_v && self.number > 2 && self.stem.split('.').skip(1).all(is_number)
    }

    /// Returns whether the name is more likely that of a file.
    fn are_file(&self, site: &Site<'_>) -> bool {
        let before = self.stem.rsplit('.').next().unwrap_or(self.stem);
        if RARE_FILE_TYPES.contains(&self.last) {
            let is_listed = self.number == 2 && context::files_around(site.before, site.after) > 0;
            return FILE_STEMS.contains(&before) || self.stem.contains('_') || is_listed;
        }
        if self.number > 2 && HOST_TYPES.contains(&self.last) {
            return FILE_STEMS.contains(&before);
        }
        let is_listed = self.number == 2 && !PLAIN.contains(&self.last);
        if is_listed && context::files_around(site.before, site.after) == 2 {
            return true;
        }
        // A path belongs to a host. A line of a file looks like a port.
        FILE_TYPES.contains(&self.last) && !site.after.starts_with('/')
    }

    /// Returns whether a short name is a field, a person, or the end and the beginning of sentences.
    fn are_short(&self) -> bool {
        match self.stem.len() {
            1 => !AFTER_LETTER.contains(&self.last),
            2 => WORDS.contains(&self.last),
            _ => false,
        }
    }

    /// Returns whether the name is a package or a property of a programming language.
    fn are_package(&self) -> bool {
        if self.number > 2 {
            let is_runtime = RUNTIMES.contains(&self.first) && !PLAIN.contains(&self.last);
            return is_runtime || PACKAGES.contains(&self.first);
        }
        let is_property = OBJECTS.contains(&self.first) && FIELDS.contains(&self.last);
        let is_variable = RUNTIMES.contains(&self.first) || VARIABLES.contains(&self.first);
        is_property || is_variable && !matches!(self.last, "com" | "org")
    }

    /// Returns whether the name is a field or a function.
    fn are_code(&self, site: &Site<'_>) -> bool {
        let after = site.after;
        if PLAIN.contains(&self.last) {
            return false;
        }
        let is_call = after
            .strip_prefix('(')
            .is_some_and(|rest| !rest.starts_with(|it: char| it.is_ascii_digit()));
        let is_assigned = after.starts_with('=');
        let behind = after.trim_start_matches(['"', '\'', '`']);
        let is_key = behind.len() < after.len() && behind.trim_start_matches(' ').starts_with(':');
        is_call || is_assigned || is_key && FIELDS.contains(&self.last)
    }
}
