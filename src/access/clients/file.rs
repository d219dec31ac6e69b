//! The file of clients: TOML, which is validated completely before it is used.
//!
//! It is parsed by hand instead of by `serde`, so that all mistakes are found at once, and so that
//! no message repeats a value, which could be a misplaced key or token.

use std::{
    collections::HashSet,
    fmt,
    fs::File,
    io::{self, Read as _},
    num::NonZeroU32,
    path::Path,
    sync::Arc,
};

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};
use toml::{
    Table, Value,
    value::{Array, Datetime, Offset},
};

use super::{Allowance, Client, Scope};
use crate::access::{ApiKey, TokenDigest, UnusableKey, key_in_file, key_in_variable};

/// The fields that a client's table may have.
const FIELDS: [&str; 8] = [
    "name",
    "token_sha256",
    "key_file",
    "key_env",
    "per_minute",
    "per_day",
    "scopes",
    "expires",
];

/// The largest size of a file in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// A mistake in the file, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake(String);

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Mistake {
    /// Creates a mistake that concerns the whole file.
    pub(super) fn of_file(path: &Path, mistake: impl fmt::Display) -> Self {
        Self(format!("`{}`: {mistake}", path.display()))
    }
}

/// Whether a text is a valid name for a client, which appears in the log and in error details.
pub(super) fn is_name(text: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(sound)
}

/// The clients of a file, or `None` if the file does not mention clients.
type Listed = Option<Vec<Arc<Client>>>;

/// Reads a file, or returns all mistakes in it.
pub(super) fn read(path: &Path, servers_key: Option<&ApiKey>) -> Result<Listed, Vec<Mistake>> {
    let in_file = |mistake: &dyn fmt::Display| Mistake::of_file(path, mistake);
    let text = read_text(path)
        .map_err(|error| vec![in_file(&format_args!("it can't be read: {error}"))])?;
    parse(&text, servers_key).map_err(|mistakes| mistakes.iter().map(|it| in_file(it)).collect())
}

/// Reads a regular file of bounded size. Reading anything else could block or never end.
fn read_text(path: &Path) -> io::Result<String> {
    check_regular(path)?;
    let mut text = String::new();
    let read = File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_string(&mut text)?;
    if read as u64 > MAX_FILE {
        return Err(io::Error::other(format!(
            "it is larger than {MAX_FILE} bytes"
        )));
    }
    Ok(text)
}

fn check_regular(path: &Path) -> io::Result<()> {
    if path.metadata()?.is_file() {
        return Ok(());
    }
    Err(io::Error::other("it is no regular file"))
}

/// Reads the key of a client. A pipe is rejected, since the key is read again at each reload.
fn key_in_regular_file(path: &Path) -> Result<ApiKey, UnusableKey> {
    check_regular(path)?;
    key_in_file(path)
}

fn parse(text: &str, servers_key: Option<&ApiKey>) -> Result<Listed, Vec<Mistake>> {
    let one = |mistake: &str| Err(vec![Mistake(mistake.to_owned())]);
    let file: Table = match text.parse() {
        Ok(file) => file,
        Err(error) => return one(&not_toml(text, &error)),
    };
    // A misspelt `client` must not count as a file without clients.
    if file.keys().any(|field| field != "client") {
        return one("only tables `[[client]]` are expected");
    }
    let Some(tables) = file.get("client") else {
        return Ok(None);
    };
    let Some(tables) = tables.as_array() else {
        return one("expected tables `[[client]]`, or `client = []` for no clients");
    };
    let mut mistakes = Vec::new();
    let clients: Vec<_> = tables
        .iter()
        .enumerate()
        // Reading goes on after a mistake, so that all are reported.
        .filter_map(|(at, table)| {
            let mut reader = Reader::new(at, table, &mut mistakes)?;
            reader.client(servers_key)
        })
        .collect();
    find_twins(&clients, &mut mistakes);
    if mistakes.is_empty() {
        Ok(Some(clients.into_iter().map(Arc::new).collect()))
    } else {
        Err(mistakes)
    }
}

/// Describes a syntax error by its line only, because the library's message can repeat the text.
fn not_toml(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {line} is not TOML, or repeats a key")
}

fn find_twins(clients: &[Client], mistakes: &mut Vec<Mistake>) {
    let (mut names, mut tokens) = (HashSet::new(), HashSet::new());
    for client in clients {
        let name = &client.name;
        if !names.insert(name) {
            mistakes.push(Mistake(format!("two clients are called `{name}`")));
        }
        if !tokens.insert(client.digest.hex()) {
            let mistake = format!("client `{name}`: another one has the same `token_sha256`");
            mistakes.push(Mistake(mistake));
        }
    }
}

/// A reader of one client's table.
struct Reader<'a> {
    /// The name of the client in messages.
    title: String,
    table: &'a Table,
    mistakes: &'a mut Vec<Mistake>,
}

impl<'a> Reader<'a> {
    fn new(at: usize, table: &'a Value, mistakes: &'a mut Vec<Mistake>) -> Option<Self> {
        let Some(table) = table.as_table() else {
            let mistake = format!("client {}: expected a table `[[client]]`", at + 1);
            mistakes.push(Mistake(mistake));
            return None;
        };
        let name = table.get("name").and_then(Value::as_str);
        let title = match name.filter(|name| is_name(name)) {
            Some(name) => format!("client `{name}`"),
            None => format!("client {}", at + 1),
        };
        Some(Self {
            title,
            table,
            mistakes,
        })
    }

    fn client(&mut self, servers_key: Option<&ApiKey>) -> Option<Client> {
        self.known_fields();
        let name = self.required(
            "name",
            "1 to 64 letters, digits, `-`, `_`, `.` or `@`",
            |it| it.as_str().filter(|name| is_name(name)).map(Arc::from),
        );
        let digest = self.required("token_sha256", "64 hex digits", |it| {
            it.as_str().and_then(TokenDigest::from_hex)
        });
        let names = Scope::ALL.map(|(_, name)| format!("`{name}`")).join(", ");
        let scopes = self.required("scopes", &format!("a list of some of {names}"), |it| {
            it.as_array().and_then(read_scopes)
        });
        let expected = "a date, the last day in UTC, or a time with its offset, without quotes";
        let expires = self.optional("expires", expected, |it| {
            it.as_datetime().and_then(read_expiry)
        });
        let number = "a whole number, at least 1";
        let per_minute = self.optional("per_minute", "a whole number, 1 to 100000", |it| {
            // The time of each request in a minute is stored.
            read_number(it).filter(|number| number.get() <= 100_000)
        });
        let per_day = self.optional("per_day", number, read_number);
        let key = self.key(servers_key);
        Some(Client {
            name: name?,
            key: key?,
            digest: digest?,
            allowance: Allowance {
                per_minute: per_minute?,
                per_day: per_day?,
            },
            scopes: scopes?,
            expires: expires?,
        })
    }

    /// Rejects unknown fields. A misspelt name would otherwise be a limit that is not applied.
    fn known_fields(&mut self) {
        if self
            .table
            .keys()
            .any(|field| !FIELDS.contains(&field.as_str()))
        {
            let known = FIELDS.map(|field| format!("`{field}`")).join(", ");
            self.mistake(&format!("it has a field other than {known}"));
        }
    }

    /// Returns the key that this client spends.
    fn key(&mut self, servers_key: Option<&ApiKey>) -> Option<ApiKey> {
        let text = |it: &Value| it.as_str().map(str::to_owned);
        let file = self.optional("key_file", "a path", text)?;
        let variable = self.optional("key_env", "the name of a variable", text)?;
        let (field, key) = match (file, variable) {
            (None, None) => {
                if servers_key.is_none() {
                    self.mistake(
                        "it has neither `key_file` nor `key_env`, and the server has no key \
                         either (VT4AI_API_KEY)",
                    );
                }
                return servers_key.cloned();
            }
            (Some(_), Some(_)) => {
                self.mistake("it has both `key_file` and `key_env`");
                return None;
            }
            (Some(file), None) => ("key_file", key_in_regular_file(Path::new(&file))),
            (None, Some(variable)) => ("key_env", key_in_variable(&variable)),
        };
        key.map_err(|error| self.mistake(&format!("what `{field}` names {error}")))
            .ok()
    }

    fn required<T>(
        &mut self,
        field: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.table.get(field).and_then(read);
        if value.is_none() {
            self.mistake(&format!("`{field}`: expected {expected}"));
        }
        value
    }

    /// Reads a field that may be absent (`Some(None)`). The outer `None` is a mistake.
    #[expect(clippy::option_option, reason = "left out and misspelt are two things")]
    fn optional<T>(
        &mut self,
        field: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<Option<T>> {
        if self.table.contains_key(field) {
            self.required(field, expected, read).map(Some)
        } else {
            Some(None)
        }
    }

    fn mistake(&mut self, what: &str) {
        self.mistakes
            .push(Mistake(format!("{}: {what}", self.title)));
    }
}

fn read_number(value: &Value) -> Option<NonZeroU32> {
    let number = value.as_integer()?.try_into().ok()?;
    NonZeroU32::new(number)
}

fn read_scopes(names: &Array) -> Option<Vec<Scope>> {
    let scope = |name: &Value| {
        let name = name.as_str()?;
        let mut all = Scope::ALL.into_iter();
        all.find_map(|(scope, known)| (known == name).then_some(scope))
    };
    let scopes: Vec<_> = names.iter().map(scope).collect::<Option<_>>()?;
    Some(scopes).filter(|scopes| !scopes.is_empty())
}

/// Returns the time from which a token is no longer accepted.
fn read_expiry(expiry: &Datetime) -> Option<OffsetDateTime> {
    let date = expiry.date?;
    let month = Month::try_from(date.month).ok()?;
    let date = Date::from_calendar_date(date.year.into(), month, date.day).ok()?;
    let (Some(time), Some(offset)) = (expiry.time, expiry.offset) else {
        // A time without an offset is ambiguous.
        let is_date = expiry.time.is_none() && expiry.offset.is_none();
        let next = date.next_day().filter(|_| is_date)?;
        return Some(next.midnight().assume_utc());
    };
    let offset = match offset {
        Offset::Z => UtcOffset::UTC,
        Offset::Custom { minutes } => {
            UtcOffset::from_whole_seconds(i32::from(minutes) * 60).ok()?
        }
    };
    let time = Time::from_hms(time.hour, time.minute, time.second.unwrap_or(0)).ok()?;
    Some(date.with_time(time).assume_offset(offset))
}

#[cfg(test)]
mod tests;
