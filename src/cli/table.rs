//! A table for people, a line for each row.

use anstyle::{AnsiColor, Style};
use console::{measure_text_width, pad_str, truncate_str};

use super::{row::CliRow, source::GivenIndicator, status::Status};
use crate::render::hidden::is_hidden;

/// The columns of a table, as wide as the terminal.
#[derive(Debug)]
pub(super) struct Table {
    /// The width of the column of indicators.
    given: usize,
    /// The width of all, if there is a terminal.
    width: Option<usize>,
    has_colours: bool,
}

/// The widths of the verdict, the detections and the type, each with two spaces.
const VERDICT: usize = 15;
const ENGINES: usize = 9;
const KIND: usize = 8;

/// The share of a terminal's width that indicators take at most: three in seven.
const SHARE: (usize, usize) = (3, 7);

/// The least width of the columns of indicators and reasons.
const LEAST: usize = 10;

/// The widest column of indicators where there is no terminal.
const WIDEST: usize = 100;

impl Table {
    /// Returns the table of these indicators.
    pub(super) fn new(asked: &[GivenIndicator], width: Option<usize>, has_colours: bool) -> Self {
        let widths = asked
            .iter()
            .map(|it| measure_text_width(&printable(&it.given)));
        let widest = widths.max().unwrap_or_default().max("INDICATOR".len());
        let most = width.map_or(WIDEST, |width| {
            let others = VERDICT + ENGINES + KIND + 2 + LEAST;
            let share = (width * SHARE.0 / SHARE.1).min(width.saturating_sub(others));
            share.max(LEAST)
        });
        Self {
            given: widest.min(most) + 2,
            width,
            has_colours,
        }
    }

    /// Returns the line above the rows.
    pub(super) fn head(&self) -> String {
        let bold = Style::new().bold();
        self.line(bold, ["VERDICT", "ENGINES", "TYPE", "INDICATOR", "REASON"])
    }

    /// Returns the line of a row.
    pub(super) fn row(&self, row: &CliRow) -> String {
        let text = row.text();
        let (level, reason) = text.outcome();
        let engines = match (text.malicious, text.engines) {
            (Some(malicious), Some(engines)) => format!("{malicious}/{engines}"),
            _ => String::new(),
        };
        let mut reason = reason.to_owned();
        if !reason.contains(text.label) {
            reason = format!("{} · {reason}", text.label);
        }
        if text.stale == Some(true) {
            reason.push_str(" (old analysis)");
        }
        let level = level.replace('_', " ");
        self.line(
            style(row.status()),
            [&level, &engines, text.kind, text.given, &reason],
        )
    }

    /// Returns a line with these cells, the first in a style.
    fn line(&self, first: Style, cells: [&str; 5]) -> String {
        let [verdict, engines, kind, given, reason] = cells.map(printable);
        let pad =
            |text: &str, width| pad_str(text, width, console::Alignment::Left, None).into_owned();
        let verdict = pad(&verdict, VERDICT);
        let verdict = if self.has_colours {
            format!("{first}{verdict}{first:#}")
        } else {
            verdict
        };
        let given = pad(&truncate_str(&given, self.given - 2, "…"), self.given);
        let before = VERDICT + ENGINES + KIND + self.given;
        let room = self
            .width
            .map_or(usize::MAX, |width| width.saturating_sub(before).max(LEAST));
        let line = format!(
            "{verdict}{}{}{given}{}",
            pad(&engines, ENGINES),
            pad(&kind, KIND),
            truncate_str(&reason, room, "…"),
        );
        format!("{}\n", line.trim_end())
    }
}

/// Returns the colour of an outcome.
fn style(status: Status) -> Style {
    let colour = match status {
        Status::Malicious => AnsiColor::Red,
        Status::Suspicious => AnsiColor::Yellow,
        Status::Fine => AnsiColor::Green,
        Status::Unknown => AnsiColor::Cyan,
        _ => AnsiColor::Magenta,
    };
    let style = Style::new().fg_color(Some(colour.into()));
    if status == Status::Malicious {
        style.bold()
    } else {
        style
    }
}

/// Returns a text of strangers that a terminal prints as it stands, on one line.
pub(super) fn printable(text: &str) -> String {
    let plain = |letter| {
        if is_hidden(letter) {
            '\u{fffd}'
        } else {
            letter
        }
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(given: &str, reason: &str) -> CliRow {
        let verdict = json!({"level": "malicious", "reason": reason, "stale": true});
        let row = json!({"type": "file", "id": "x", "verdict": verdict, "source": "cache",
            "detections": {"malicious": 5, "engines": 70}, "label": "trojan.\u{1b}[2J"});
        CliRow::read(row.as_object().unwrap().clone(), 1, given).unwrap()
    }

    fn table(given: &str, width: Option<usize>, has_colours: bool) -> Table {
        let asked = GivenIndicator {
            given: given.to_owned(),
            sent: given.to_owned(),
            is_named: true,
            withheld: None,
        };
        Table::new(&[asked], width, has_colours)
    }

    #[test]
    fn a_line_is_no_wider_than_the_terminal() {
        let given = "字".repeat(80);
        for width in [60, 80, 120, 300] {
            let table = table(&given, Some(width), false);
            for line in [table.head(), table.row(&row(&given, &"reason ".repeat(99)))] {
                assert!(
                    measure_text_width(line.trim_end()) <= width,
                    "{width}: {line}"
                );
                assert_eq!(line.matches('\n').count(), 1);
            }
        }
    }

    #[test]
    fn without_a_terminal_nothing_is_cut() {
        let reason = "reason ".repeat(99);
        let line = table("a.example", None, false).row(&row("a.example", &reason));
        assert!(line.contains(&reason) && line.contains("5/70"), "{line}");
    }

    #[test]
    fn only_the_verdict_is_coloured_and_strangers_colour_nothing() {
        let plain = table("a\u{1b}[31m", Some(100), false).row(&row("a\u{1b}[31m", "r\u{9b}x"));
        assert!(!plain.contains(['\u{1b}', '\u{9b}']), "{plain}");
        let coloured = table("a", Some(100), true).row(&row("a", "r"));
        assert!(coloured.starts_with("\u{1b}["), "{coloured}");
        let bare = anstream::adapter::strip_str(&coloured).to_string();
        assert_eq!(bare, table("a", Some(100), false).row(&row("a", "r")));
    }
}
