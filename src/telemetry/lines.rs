//! Log formatting: one flat line per event, as text or JSON.
//!
//! tracing-subscriber's own formatters nest related fields and spans, and cost as much as all other
//! work for a cached answer.

use std::{fmt, io};

use serde_json::to_writer;
use time::OffsetDateTime;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, format::Writer},
    registry::LookupSpan,
};

/// The field that contains an event's message.
const MESSAGE: &str = "message";

/// The format of a line.
///
/// As text: time, level, message, then `name=value` for each field, strings in quotes. As JSON: an
/// object with `timestamp`, `level`, `message` and the fields. The fields of the enclosing spans
/// follow the event's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    Text,
    Json,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        let now = timestamp(OffsetDateTime::now_utc());
        let now = str::from_utf8(&now).unwrap_or_default();
        match self {
            Self::Json => {
                writer.write_str("{\"timestamp\":\"")?;
                writer.write_str(now)?;
                writer.write_str("\",\"level\":\"")?;
                writer.write_str(level.as_str())?;
                writer.write_char('"')?;
            }
            Self::Text => {
                writer.write_str(now)?;
                writer.write_char(' ')?;
                write_level(&mut writer, level)?;
            }
        }
        self.format_fields(writer.by_ref(), event)?;
        // A span's fields were formatted when they were recorded, by the same formatter.
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                writer.write_str(&fields.fields)?;
            }
        }
        writer.write_str(match self {
            Self::Json => "}\n",
            Self::Text => "\n",
        })
    }
}

impl<'writer> FormatFields<'writer> for Lines {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = FieldWriter {
            lines: *self,
            writer,
            result: Ok(()),
        };
        fields.record(&mut visitor);
        visitor.result
    }
}

/// A writer of fields, each with its leading separator.
struct FieldWriter<'writer> {
    lines: Lines,
    writer: Writer<'writer>,
    result: fmt::Result,
}

impl FieldWriter<'_> {
    /// Writes a number or a boolean, which both formats write unquoted.
    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.result = self
            .result
            .and_then(|()| self.key(field))
            .and_then(|()| write!(self.writer, "{value}"));
    }

    /// Writes a string, quoted unless it is the message of a text line.
    fn text(&mut self, field: &Field, value: &str) {
        self.result = self
            .result
            .and_then(|()| self.key(field))
            .and_then(|()| match self.lines {
                Lines::Json => to_writer(Utf8(&mut self.writer), value).map_err(|_| fmt::Error),
                Lines::Text if field.name() == MESSAGE && is_harmless(value) => {
                    self.writer.write_str(value)
                }
                Lines::Text if is_plain(value) => {
                    self.writer.write_char('"')?;
                    self.writer.write_str(value)?;
                    self.writer.write_char('"')
                }
                // Escapes characters that could break the line or control a terminal.
                Lines::Text => write!(self.writer, "{value:?}"),
            });
    }

    /// Writes the separator and the field's name. A text line's message has no name.
    fn key(&mut self, field: &Field) -> fmt::Result {
        match self.lines {
            Lines::Json => {
                self.writer.write_str(",\"")?;
                self.writer.write_str(field.name())?;
                self.writer.write_str("\":")
            }
            Lines::Text => {
                self.writer.write_char(' ')?;
                if field.name() == MESSAGE {
                    return Ok(());
                }
                self.writer.write_str(field.name())?;
                self.writer.write_char('=')
            }
        }
    }
}

impl Visit for FieldWriter<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        match self.lines {
            // JSON has neither infinities nor NaN.
            Lines::Json if !value.is_finite() => self.plain(field, "null"),
            _ => self.plain(field, value),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }
}

/// An adapter of a formatter for `serde_json`, which writes only whole characters.
struct Utf8<'a, 'writer>(&'a mut Writer<'writer>);

impl io::Write for Utf8<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_str(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a level, padded to five characters, in color on a terminal.
fn write_level(writer: &mut Writer<'_>, level: Level) -> fmt::Result {
    let (name, color) = match level {
        Level::ERROR => ("ERROR", 31),
        Level::WARN => (" WARN", 33),
        Level::INFO => (" INFO", 32),
        Level::DEBUG => ("DEBUG", 34),
        Level::TRACE => ("TRACE", 35),
    };
    if writer.has_ansi_escapes() {
        write!(writer, "\u{1b}[{color}m{name}\u{1b}[0m")
    } else {
        writer.write_str(name)
    }
}

/// Returns whether a message needs no escaping: it is printable ASCII.
fn is_harmless(message: &str) -> bool {
    let is_shown = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    message.bytes().all(is_shown)
}

/// Returns whether a value needs no escaping between quotes.
fn is_plain(value: &str) -> bool {
    is_harmless(value) && memchr::memchr2(b'"', b'\\', value.as_bytes()).is_none()
}

/// Formats a UTC time as in RFC 3339, with microseconds: `2026-11-27T09:05:03.000042Z`.
pub(super) fn timestamp(now: OffsetDateTime) -> [u8; 27] {
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let (year, month, day) = now.to_calendar_date();
    let (hour, minute, second, microsecond) = now.to_hms_micro();
    let parts = [
        (0..4, year.unsigned_abs()),
        (5..7, u32::from(u8::from(month))),
        (8..10, u32::from(day)),
        (11..13, u32::from(hour)),
        (14..16, u32::from(minute)),
        (17..19, u32::from(second)),
        (20..26, microsecond),
    ];
    for (place, mut number) in parts {
        for digit in text[place].iter_mut().rev() {
            // The remainder is below ten, so the cast loses nothing.
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use serde_json::Value;
    use time::macros::datetime;
    use tracing::{info, info_span, subscriber::with_default, warn};
    use tracing_subscriber::{fmt, layer::SubscriberExt as _, registry};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the output of `work`.
    fn written(lines: Lines, work: impl FnOnce()) -> String {
        let log = Log::default();
        let writer = log.clone();
        let layer = fmt::layer()
            .event_format(lines)
            .fmt_fields(lines)
            .with_ansi(false)
            .with_writer(move || writer.clone());
        with_default(registry().with(layer), work);
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn work() {
        let span = info_span!("request", http.request.id = "the-id");
        info!(
            parent: &span,
            http.response.status_code = 200_u64,
            ratio = 0.5,
            ok = true,
            cause = "a \"b\"\n",
            cache = None::<&str>,
            key = "HIT",
            "request completed"
        );
    }

    #[test]
    fn text_is_one_flat_line() {
        let line = written(Lines::Text, work);
        let (_, rest) = line.split_once(' ').unwrap();
        assert_eq!(
            rest,
            " INFO request completed http.response.status_code=200 ratio=0.5 ok=true cause=\"a \\\"b\\\"\\n\" \
             key=\"HIT\" http.request.id=\"the-id\"\n"
        );
    }

    #[test]
    fn json_is_one_flat_object() {
        let line = written(Lines::Json, work);
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["level"], "INFO");
        assert_eq!(object["message"], "request completed");
        assert_eq!(object["http.response.status_code"], 200);
        assert_eq!(object["cause"], "a \"b\"\n");
        assert_eq!(object["http.request.id"], "the-id");
        assert!(object.get("cache").is_none());
        assert_eq!(object["timestamp"].as_str().map(str::len), Some(27));
    }

    #[test]
    fn times_are_utc_in_microseconds() {
        let time = timestamp(datetime!(2026-11-27 09:05:03.000_042 UTC));
        assert_eq!(&time, b"2026-11-27T09:05:03.000042Z");
    }

    proptest! {
        #[test]
        fn no_value_breaks_a_line(value in ".*", message in ".*") {
            let value = value + "\r\n\u{1b}[31m\u{202e}";
            let shown = || warn!(value = value.as_str(), error = %value, "{message}\n");
            let line = written(Lines::Text, shown);
            prop_assert_eq!(line.matches(char::is_control).count(), 1);
            let line = written(Lines::Json, shown);
            prop_assert_eq!(line.matches('\n').count(), 1);
            let object: Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(object["value"].as_str(), Some(value.as_str()));
        }
    }
}
