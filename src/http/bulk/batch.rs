//! The rows of a job, and which of them are equal.

use std::collections::{BTreeMap, HashMap};

use crate::{http::error::ApiError, indicator::Indicator};

/// A row as the caller gave it.
#[derive(Debug)]
pub(super) struct GivenRow {
    /// The number, from 1.
    pub(super) number: usize,
    pub(super) given: String,
}

/// An object that rows ask for.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) asked: Asked,
    /// The places of the rows that ask for it.
    pub(super) rows: Vec<usize>,
}

/// The way to answer a row.
#[derive(Debug)]
pub(super) enum Asked {
    /// By a lookup.
    Lookup(Indicator),
    /// Without one: the text is no indicator, and this is the error.
    Invalid(String),
}

/// The rows of a job.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<GivenRow>,
    pub(super) subjects: Vec<Subject>,
    known: HashMap<Indicator, usize>,
}

/// The largest number of rows.
pub const MOST_ROWS: usize = 10_000;

impl Batch {
    /// Returns the texts of the rows, in their order.
    pub(super) fn texts(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.given.clone()).collect()
    }

    /// Adds a row. A job has at most 10,000.
    pub(super) fn add(
        &mut self,
        number: usize,
        given: &str,
        asked: Result<Indicator, String>,
    ) -> Result<(), ApiError> {
        if self.rows.len() == MOST_ROWS {
            return Err(ApiError::bad_request(format!(
                "more than {MOST_ROWS} rows: split them into several requests"
            )));
        }
        let at = match asked {
            Ok(indicator) => {
                let known = self.known.get(&indicator).copied();
                known.unwrap_or_else(|| self.push_new(indicator))
            }
            Err(why) => self.push(Asked::Invalid(why)),
        };
        self.subjects[at].rows.push(self.rows.len());
        self.rows.push(GivenRow {
            number,
            given: given.to_owned(),
        });
        Ok(())
    }

    fn push_new(&mut self, indicator: Indicator) -> usize {
        let at = self.push(Asked::Lookup(indicator.clone()));
        self.known.insert(indicator, at);
        at
    }

    fn push(&mut self, asked: Asked) -> usize {
        let rows = Vec::new();
        self.subjects.push(Subject { asked, rows });
        self.subjects.len() - 1
    }

    /// Returns the text of the first row of each subject.
    pub(super) fn different(&self) -> Vec<String> {
        let mut texts = Vec::with_capacity(self.subjects.len());
        for subject in &self.subjects {
            if let Some(row) = subject.rows.first() {
                texts.push(self.rows[*row].given.clone());
            }
        }
        texts
    }

    /// Returns the number of subjects of each kind.
    pub(super) fn by_type(&self) -> BTreeMap<&'static str, usize> {
        let mut numbers = BTreeMap::new();
        for subject in &self.subjects {
            if let Asked::Lookup(indicator) = &subject.asked {
                *numbers.entry(indicator.kind().name()).or_default() += 1;
            }
        }
        numbers
    }
}
