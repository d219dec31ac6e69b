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
    time::Duration,
};

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};
use toml::{
    Table, Value,
    value::{Array, Offset},
};

use super::{Allowance, Client, ClientRecord, Scope};
use crate::access::{ApiKey, TokenDigest, UnusableKey, key_in_file, key_in_variable};

/// The fields that a client's table may have.
const CLIENT_FIELDS: [&str; 9] = [
    "name",
    "token_sha256",
    "key_file",
    "key_env",
    "per_minute",
    "per_day",
    "scopes",
    "expires",
    "wait",
];

/// The longest time for which a client's requests under `/api/v3` may wait.
const MAX_WAIT: Duration = Duration::from_mins(5);

/// The highest limit on requests a minute.
const MAX_PER_MINUTE: u32 = 100_000;

/// The largest size of a file in bytes.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

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
pub(in crate::access) fn is_name(text: &str) -> bool {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(is_valid)
}

/// Reads the clients of a file, or returns all mistakes in it.
///
/// Returns `None` if the file does not mention clients.
pub(super) fn read(
    path: &Path,
    servers_key: Option<&ApiKey>,
) -> Result<Option<Vec<Client>>, Vec<Mistake>> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) => {
            let mistake = format!("it can't be read: {error}");
            return Err(vec![Mistake::of_file(path, mistake)]);
        }
    };
    let mut mistakes = match parse(&text, servers_key) {
        Ok(clients) => return Ok(clients),
        Err(mistakes) => mistakes,
    };
    for mistake in &mut mistakes {
        *mistake = Mistake::of_file(path, &*mistake);
    }
    Err(mistakes)
}

/// Reads a regular file of bounded size. Reading anything else could block or never end.
fn read_text(path: &Path) -> io::Result<String> {
    check_regular(path)?;
    let mut text = String::new();
    let read = File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if read as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other(format!(
            "it is larger than {MAX_FILE_BYTES} bytes"
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

fn parse(text: &str, servers_key: Option<&ApiKey>) -> Result<Option<Vec<Client>>, Vec<Mistake>> {
    let Some(tables) = tables(text).map_err(|mistake| vec![Mistake(mistake)])? else {
        return Ok(None);
    };
    let (mut clients, mut mistakes) = (Vec::new(), Vec::new());
    for (index, value) in tables.iter().enumerate() {
        // Reading goes on after a mistake, so that all are reported.
        let Some(table) = value.as_table() else {
            let mistake = format!("client {}: expected a table `[[client]]`", index + 1);
            mistakes.push(Mistake(mistake));
            continue;
        };
        let mut reader = TableReader::new(index, table, &mut mistakes);
        clients.extend(reader.client(servers_key));
    }
    find_twins(&clients, &mut mistakes);
    if mistakes.is_empty() {
        Ok(Some(clients.into_iter().map(Client::from).collect()))
    } else {
        Err(mistakes)
    }
}

/// Returns the values that should be clients' tables, `None` if the file does not mention clients,
/// or a mistake.
fn tables(text: &str) -> Result<Option<Array>, String> {
    let mut file: Table = match text.parse() {
        Ok(file) => file,
        Err(error) => return Err(not_toml(text, &error)),
    };
    let tables = file.remove("client");
    // A misspelt `client` must not count as a file without clients.
    if !file.is_empty() {
        return Err("only tables `[[client]]` are expected".to_owned());
    }
    match tables {
        None => Ok(None),
        Some(Value::Array(tables)) => Ok(Some(tables)),
        Some(_) => Err("expected tables `[[client]]`, or `client = []` for no clients".to_owned()),
    }
}

/// Describes a syntax error by its line only, because the library's message can repeat the text.
fn not_toml(text: &str, error: &toml::de::Error) -> String {
    let mut line = 1;
    if let Some(span) = error.span()
        && let Some(before) = text.get(..span.start)
    {
        line += before.matches('\n').count();
    }
    format!("line {line} is not TOML, or repeats a key")
}

fn find_twins(clients: &[ClientRecord], mistakes: &mut Vec<Mistake>) {
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
struct TableReader<'a> {
    /// The name of the client in messages.
    title: String,
    table: &'a Table,
    mistakes: &'a mut Vec<Mistake>,
}

impl<'a> TableReader<'a> {
    fn new(index: usize, table: &'a Table, mistakes: &'a mut Vec<Mistake>) -> Self {
        let title = match table.get("name").and_then(read_name) {
            Some(name) => format!("client `{name}`"),
            None => format!("client {}", index + 1),
        };
        Self {
            title,
            table,
            mistakes,
        }
    }

    /// Reads the client. Every field is read before any mistake ends it, so that all are reported.
    fn client(&mut self, servers_key: Option<&ApiKey>) -> Option<ClientRecord> {
        self.reject_unknown_fields();
        let expected = "1 to 64 letters, digits, `-`, `_`, `.` or `@`";
        let name = self.required("name", expected, read_name);
        let digest = self.required("token_sha256", "64 hex digits", read_digest);
        let names = Scope::ALL.map(|(_, name)| format!("`{name}`")).join(", ");
        let scopes = self.required("scopes", &format!("a list of some of {names}"), read_scopes);
        let expected = "a date, the last day in UTC, or a time with its offset, without quotes";
        let expires = self.optional("expires", expected, read_expiry);
        let expected = "a whole number, 1 to 100000";
        let per_minute = self.optional("per_minute", expected, read_per_minute);
        let per_day = self.optional("per_day", "a whole number, at least 1", read_number);
        let expected = "a duration such as `90s`, at most `5m`, or a number of seconds";
        let wait = self.optional("wait", expected, read_wait);
        let key = self.key(servers_key);
        Some(ClientRecord {
            name: name?.into(),
            key: key?,
            digest: digest?,
            allowance: Allowance {
                per_minute: per_minute?,
                per_day: per_day?,
            },
            wait: wait?,
            scopes: scopes?,
            expires: expires?,
        })
    }

    /// Rejects unknown fields. A misspelt name would otherwise be a limit that is not applied.
    fn reject_unknown_fields(&mut self) {
        let mut fields = self.table.keys();
        if fields.any(|field| !CLIENT_FIELDS.contains(&field.as_str())) {
            let known = CLIENT_FIELDS.map(|field| format!("`{field}`")).join(", ");
            self.mistake(&format!("it has a field other than {known}"));
        }
    }

    /// Returns the key that this client spends.
    fn key(&mut self, servers_key: Option<&ApiKey>) -> Option<ApiKey> {
        let file = self.optional("key_file", "a path", read_text_field)?;
        let variable = self.optional("key_env", "the name of a variable", read_text_field)?;
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
        match key {
            Ok(key) => Some(key),
            Err(error) => {
                self.mistake(&format!("what `{field}` names {error}"));
                None
            }
        }
    }

    fn required<T>(
        &mut self,
        field: &str,
        expected: &str,
        read: fn(&Value) -> Option<T>,
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
        read: fn(&Value) -> Option<T>,
    ) -> Option<Option<T>> {
        if !self.table.contains_key(field) {
            return Some(None);
        }
        let value = self.required(field, expected, read)?;
        Some(Some(value))
    }

    fn mistake(&mut self, description: &str) {
        let mistake = format!("{}: {description}", self.title);
        self.mistakes.push(Mistake(mistake));
    }
}

fn read_name(value: &Value) -> Option<String> {
    let name = value.as_str()?;
    is_name(name).then(|| name.to_owned())
}

fn read_digest(value: &Value) -> Option<TokenDigest> {
    TokenDigest::from_hex(value.as_str()?)
}

fn read_text_field(value: &Value) -> Option<String> {
    Some(value.as_str()?.to_owned())
}

fn read_number(value: &Value) -> Option<NonZeroU32> {
    let number = value.as_integer()?.try_into().ok()?;
    NonZeroU32::new(number)
}

/// Reads a number of requests a minute. It is bounded, since the time of each of them is stored.
fn read_per_minute(value: &Value) -> Option<NonZeroU32> {
    let number = read_number(value)?;
    (number.get() <= MAX_PER_MINUTE).then_some(number)
}

fn read_wait(value: &Value) -> Option<Duration> {
    let wait = match value {
        Value::Integer(seconds) => Duration::from_secs(u64::try_from(*seconds).ok()?),
        value => humantime::parse_duration(value.as_str()?).ok()?,
    };
    (wait <= MAX_WAIT).then_some(wait)
}

fn read_scopes(value: &Value) -> Option<Vec<Scope>> {
    let mut scopes = Vec::new();
    for name in value.as_array()? {
        scopes.push(Scope::named(name.as_str()?)?);
    }
    (!scopes.is_empty()).then_some(scopes)
}

/// Returns the time from which a token is no longer accepted.
fn read_expiry(value: &Value) -> Option<OffsetDateTime> {
    let expiry = value.as_datetime()?;
    let date = expiry.date?;
    let month = Month::try_from(date.month).ok()?;
    let date = Date::from_calendar_date(date.year.into(), month, date.day).ok()?;
    let (time, offset) = match (expiry.time, expiry.offset) {
        (Some(time), Some(offset)) => (time, offset),
        (None, None) => return Some(date.next_day()?.midnight().assume_utc()),
        // A time without an offset is ambiguous.
        _ => return None,
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
