//! The rows in a body: a list, a text or CSV.

use super::batch::Batch;
use crate::{
    http::error::ApiError,
    indicator::{Indicator, Kind, TextItem, classify, text_items},
};

/// The rows that are read.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) batch: Batch,
    /// The only kinds that are looked up, if some are named.
    pub(super) only: Option<Vec<Kind>>,
}

impl Rows {
    /// Adds one row for each text.
    pub(super) fn add_list(&mut self, list: &[String]) -> Result<(), ApiError> {
        for (at, text) in list.iter().enumerate() {
            self.add(at + 1, text)?;
        }
        Ok(())
    }

    /// Adds one row for each line or, where lines consist of words, for each indicator in them.
    pub(super) fn add_text(&mut self, text: &str) -> Result<(), ApiError> {
        for item in text_items(text) {
            let number = self.batch.rows.len() + 1;
            match item {
                TextItem::Line(line, classified) => {
                    let asked = classified.map(|it| it.indicator);
                    self.add_indicator(number, line, asked.map_err(|error| error.to_string()))?;
                }
                TextItem::Found(found) => {
                    self.add_indicator(number, found.text, Ok(found.found.indicator))?;
                }
            }
        }
        Ok(())
    }

    /// Adds one row for each record that has a text in a column.
    pub(super) fn add_csv(&mut self, bytes: &[u8], column: Option<&str>) -> Result<(), ApiError> {
        let number = column.and_then(|column| column.parse::<usize>().ok());
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(bytes);
        let mut at = number.map(|number| number.saturating_sub(1));
        if number == Some(0) {
            return Err(ApiError::bad_request(
                "parameter `column`: columns count from 1",
            ));
        }
        let mut records = reader.byte_records();
        if at.is_none() {
            let first = records.next().transpose().map_err(|_| unreadable_csv())?;
            at = Some(column_of(first.as_ref(), column)?);
        }
        let at = at.unwrap_or_default();
        for (record, number) in records.zip(1..) {
            let record = record.map_err(|_| unreadable_csv())?;
            let text = String::from_utf8_lossy(record.get(at).unwrap_or_default());
            if !text.trim().is_empty() {
                self.add(number, &text)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, number: usize, given: &str) -> Result<(), ApiError> {
        let asked = match classify(given) {
            Ok(classified) => Ok(classified.indicator),
            Err(error) => Err(error.to_string()),
        };
        self.add_indicator(number, given, asked)
    }

    fn add_indicator(
        &mut self,
        number: usize,
        given: &str,
        asked: Result<Indicator, String>,
    ) -> Result<(), ApiError> {
        if let (Some(only), Ok(indicator)) = (&self.only, &asked)
            && !only.contains(&indicator.kind())
        {
            return Ok(());
        }
        self.batch.add(number, given, asked)
    }
}

/// Returns the place of the column with this name, or of the one that most likely holds indicators.
fn column_of(header: Option<&csv::ByteRecord>, name: Option<&str>) -> Result<usize, ApiError> {
    let Some(header) = header else {
        return Ok(0);
    };
    let names: Vec<_> = header
        .iter()
        .map(|name| {
            String::from_utf8_lossy(name)
                .trim_start_matches('\u{feff}')
                .to_lowercase()
        })
        .collect();
    let Some(name) = name else {
        let usual = [
            "indicator",
            "ioc",
            "value",
            "url",
            "domain",
            "ip",
            "hash",
            "sha256",
        ];
        for usual in usual {
            if let Some(at) = names.iter().position(|name| name == usual) {
                return Ok(at);
            }
        }
        return Err(ApiError::bad_request(
            "parameter `column`: name the column with the indicators, or give its number from 1",
        ));
    };
    let wanted = name.trim().to_lowercase();
    match names.iter().position(|name| *name == wanted) {
        Some(at) => Ok(at),
        None => Err(ApiError::bad_request(
            "parameter `column`: the first line has no column of this name",
        )),
    }
}

fn unreadable_csv() -> ApiError {
    ApiError::bad_request("the body can't be read: expected CSV (RFC 4180) in UTF-8")
}
