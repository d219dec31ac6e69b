//! The rows of a list of lookups, as CSV and as a Markdown table (`docs/bulk.md`).

use super::{hidden::is_hidden, inert_cell};

/// The first line of CSV.
const CSV_HEADER: [&str; 14] = [
    "row",
    "given",
    "type",
    "id",
    "level",
    "reason",
    "stale",
    "malicious",
    "suspicious",
    "engines",
    "label",
    "source",
    "cost",
    "error",
];

/// The first two lines of a Markdown table.
pub const TABLE_HEAD: &str =
    "| row | given | type | verdict | reason | label |\n|---|---|---|---|---|---|\n";

/// A finished row. Texts are empty where the row has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct RowText<'a> {
    /// The number, from 1.
    pub number: usize,
    /// The text as it was given.
    pub given: &'a str,
    /// The name of the type.
    pub kind: &'a str,
    /// The id.
    pub id: &'a str,
    /// The level of the verdict.
    pub level: &'a str,
    /// The reason of the verdict.
    pub reason: &'a str,
    /// Whether the verdict rests on an old analysis.
    pub stale: Option<bool>,
    /// The engines that found it malicious.
    pub malicious: Option<u64>,
    /// The engines that found it suspicious.
    pub suspicious: Option<u64>,
    /// The engines that have looked at it.
    pub engines: Option<u64>,
    /// The label of the threat.
    pub label: &'a str,
    /// The source of the answer.
    pub source: &'a str,
    /// The units of quota that it cost.
    pub cost: u64,
    /// The code of the error.
    pub error: &'a str,
    /// The error in words.
    pub detail: &'a str,
}

impl RowText<'_> {
    /// Returns the row as a line of CSV (RFC 4180).
    pub fn to_csv(&self) -> Vec<u8> {
        let number = |count: Option<u64>| count.map(|count| count.to_string()).unwrap_or_default();
        let stale = self.stale.map(|stale| stale.to_string());
        csv_line(&[
            &self.number.to_string(),
            &plain_cell(self.given),
            self.kind,
            self.id,
            self.level,
            &plain_cell(self.reason),
            &stale.unwrap_or_default(),
            &number(self.malicious),
            &number(self.suspicious),
            &number(self.engines),
            &plain_cell(self.label),
            self.source,
            &self.cost.to_string(),
            self.error,
        ])
    }

    /// Returns the row as a line of a Markdown table, without anything that would be interpreted.
    pub fn to_markdown(&self) -> String {
        let (level, reason) = self.outcome();
        format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            self.number,
            inert_cell(self.given),
            self.kind,
            level,
            inert_cell(reason),
            inert_cell(self.label),
        )
    }

    /// Returns the level with its reason, or `error` with the error in words.
    pub fn outcome(&self) -> (&str, &str) {
        if self.error.is_empty() {
            (self.level, self.reason)
        } else {
            ("error", self.detail)
        }
    }
}

/// Returns the first line of CSV.
pub fn csv_header() -> Vec<u8> {
    csv_line(&CSV_HEADER)
}

fn csv_line(fields: &[&str]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(fields);
    writer.into_inner().unwrap_or_default()
}

/// Returns a text that no spreadsheet takes for a formula (OWASP, CSV injection).
fn plain_cell(text: &str) -> String {
    let shown = text.trim_start_matches(|letter: char| letter.is_whitespace() || is_hidden(letter));
    let begins_formula = shown.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if begins_formula || text.starts_with(['\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("=1+1")]
    #[case("  -1")]
    #[case("\u{200b}\u{feff}@SUM(A1)")]
    #[case("＝1+1")]
    #[case("\t1")]
    #[case("\u{0}+1")]
    fn no_text_begins_like_a_formula(#[case] text: &str) {
        assert_eq!(plain_cell(text), format!("'{text}"));
    }

    #[test]
    fn other_texts_stay() {
        for text in ["", " ", "8.8.8.8", "a=1", "\u{200b}a"] {
            assert_eq!(plain_cell(text), text);
        }
    }
}
