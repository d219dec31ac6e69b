//! Arguments of tools, read strictly as to names and bounds, and leniently as to types: models write
//! numbers as texts, and one text where a list is expected.

use std::{ops::RangeInclusive, time::Duration};

use serde_json::{Map, Value};

use crate::{
    http::{error::ApiError, extract::freshness::read_duration},
    render::spelling,
};

/// The arguments of a call.
#[derive(Debug)]
pub(super) struct Arguments<'a>(&'a Map<String, Value>);

impl<'a> Arguments<'a> {
    /// Takes the arguments of a tool that knows these names.
    pub(super) fn of(given: &'a Map<String, Value>, known: &[&str]) -> Result<Self, ApiError> {
        for name in given.keys() {
            if known.contains(&name.as_str()) {
                continue;
            }
            let shown: String = name.chars().take(32).collect();
            let names = known.join("`, `");
            return Err(ApiError::bad_request(
                match spelling::nearest(name, known.iter().copied()) {
                    Some(near) => format!("no argument {shown:?}: did you mean `{near}`?"),
                    None if known.is_empty() => format!("no argument {shown:?}: it takes none"),
                    None => format!("no argument {shown:?}: it takes `{names}`"),
                },
            ));
        }
        Ok(Self(given))
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Returns a text, if there is one.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(unusable(name, "expected a text")),
        }
    }

    /// Returns a text that must be there; `what` says what it is.
    pub(super) fn required(&self, name: &str, what: &str) -> Result<&'a str, ApiError> {
        match self.text(name)? {
            Some(text) => Ok(text),
            None => Err(ApiError::bad_request(format!(
                "argument `{name}`, {what}, is missing"
            ))),
        }
    }

    /// Returns a list of texts, if there is one. One text is a list of one.
    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        let list = match self.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) => return Ok(Some(vec![text.clone()])),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(unusable(name, "expected a list of texts")),
        };
        let mut texts = Vec::with_capacity(list.len());
        for value in list {
            match value {
                Value::String(text) => texts.push(text.clone()),
                _ => return Err(unusable(name, "expected a list of texts")),
            }
        }
        Ok(Some(texts))
    }

    /// Returns a list of texts that may also be one text with commas, joined by commas.
    pub(super) fn joined(&self, name: &str) -> Result<Option<String>, ApiError> {
        let list = self.list(name)?.unwrap_or_default();
        let joined = list.join(",");
        Ok((!joined.trim().is_empty()).then_some(joined))
    }

    /// Returns a whole number within bounds, if there is one.
    pub(super) fn number(
        &self,
        name: &str,
        bounds: RangeInclusive<usize>,
    ) -> Result<Option<usize>, ApiError> {
        let number = match self.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            // 10.0 is 10.
            Some(Value::Number(number)) => number.to_string().trim_end_matches(".0").parse().ok(),
            Some(_) => None,
        };
        if let Some(number) = number.filter(|number| bounds.contains(number)) {
            return Ok(Some(number));
        }
        let (least, most) = bounds.into_inner();
        let expected = format!("expected a whole number from {least} to {most}");
        Err(unusable(name, &expected))
    }

    /// Returns a duration in seconds, or such as `30s`.
    pub(super) fn duration(
        &self,
        name: &str,
        most: Duration,
    ) -> Result<Option<Duration>, ApiError> {
        let text = match self.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string().trim_end_matches(".0").to_owned(),
            Some(_) => String::new(),
        };
        if let Some(duration) = read_duration(&text, most) {
            return Ok(Some(duration));
        }
        let expected = format!("expected seconds, at most {}", most.as_secs());
        Err(unusable(name, &expected))
    }
}

fn unusable(name: &str, expected: &str) -> ApiError {
    ApiError::bad_request(format!("argument `{name}`: {expected}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mcp::methods::object;

    #[test]
    fn types_are_read_leniently_and_bounds_strictly() {
        let given = object(json!({
            "a": "7", "b": 7, "c": 7.0, "d": 7.5, "e": -1, "f": [7], "g": null, "h": "x", "i": 1e300
        }));
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let arguments = Arguments::of(&given, &names).unwrap();
        let number = |name| arguments.number(name, 1..=9).ok();
        for name in ["a", "b", "c"] {
            assert_eq!(number(name), Some(Some(7)), "{name}");
        }
        for name in ["d", "e", "f", "h", "i"] {
            assert_eq!(number(name), None, "{name}");
        }
        assert_eq!(number("g"), Some(None));
        assert_eq!(arguments.list("a").unwrap(), Some(vec!["7".to_owned()]));
    }

    #[test]
    fn an_unknown_argument_names_the_nearest() {
        let given = object(json!({"indicater": "x"}));
        let error = Arguments::of(&given, &["indicator", "view"]).unwrap_err();
        assert!(error.detail().contains("`indicator`"), "{}", error.detail());
    }
}
