//! Comparison of the filter with a naive one that works on a tree.

use proptest::prelude::*;
use rstest::rstest;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::*;
use crate::{
    render::template::{
        fields::Fields,
        pattern::{MalformedPattern, Rule},
    },
    testing,
};

fn written(filtered: Filtered<'_>) -> Result<String, Unreadable> {
    let mut out = Vec::new();
    filtered.write(&mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn filtered(json: &str, patterns: &[&str]) -> String {
    let filter = excluding(patterns).unwrap();
    written(Filtered::at(&[], json, Some(&filter))).unwrap()
}

fn excluding(patterns: &[&str]) -> Result<Filter, MalformedPattern> {
    Filter::compile(patterns.iter().map(|pattern| (Rule::Exclude, *pattern)))
}

/// Removes what a pattern matches, in the plainest way.
fn remove(value: &mut Value, pattern: &[String]) {
    let Some((part, rest)) = pattern.split_first() else {
        return;
    };
    let hits = |key: &str| part == "*" || part == key;
    match value {
        Value::Object(map) if rest.is_empty() => map.retain(|key, _| !hits(key)),
        Value::Object(map) => {
            map.iter_mut()
                .filter(|(key, _)| hits(key))
                .for_each(|(_, value)| remove(value, rest));
        }
        Value::Array(items) if part == "*" && rest.is_empty() => items.clear(),
        Value::Array(items) if part == "*" => items.iter_mut().for_each(|item| remove(item, rest)),
        _ => {}
    }
}

/// Keeps what the patterns match, in the plainest way. Returns `None` if that is nothing.
fn keep(value: &Value, patterns: &[&[String]]) -> Option<Value> {
    if patterns.iter().any(|pattern| pattern.is_empty()) {
        return Some(value.clone());
    }
    let below = |key: Option<&str>| -> Vec<&[String]> {
        let matching = patterns
            .iter()
            .filter(|pattern| pattern[0] == "*" || Some(&*pattern[0]) == key);
        matching.map(|pattern| &pattern[1..]).collect()
    };
    match value {
        Value::Object(map) => {
            let mut kept = serde_json::Map::new();
            for (key, value) in map {
                if let Some(value) = keep(value, &below(Some(key))) {
                    kept.insert(key.clone(), value);
                }
            }
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) => {
            let items = items.iter().filter_map(|item| keep(item, &below(None)));
            let kept: Vec<_> = items.collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        _ => None,
    }
}

fn pattern() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop_oneof![3 => "[abc]", 2 => Just("*".to_owned())], 1..5)
}

/// Generates JSON with a few characters changed, most of them significant in JSON.
fn nearly_json() -> impl Strategy<Value = String> {
    let letter = prop_oneof![
        prop::sample::select(
            "{}[]\",:\\u/ \n\t0123456789.-+eEnultrfase\u{0}\u{1f}dDcCé"
                .chars()
                .collect::<Vec<_>>()
        ),
        any::<char>(),
    ];
    let edit = (
        any::<prop::sample::Index>(),
        prop::option::of(letter),
        any::<bool>(),
    );
    let edits = prop::collection::vec(edit, 0..4);
    (testing::json(), any::<bool>(), edits).prop_map(|(json, pretty, edits)| {
        let text = if pretty {
            serde_json::to_string_pretty(&json)
        } else {
            serde_json::to_string(&json)
        };
        let mut letters: Vec<char> = text.unwrap().chars().collect();
        for (at, letter, replace) in edits {
            let at = at.index(letters.len() + 1);
            letters.splice(at..(at + usize::from(replace)).min(letters.len()), letter);
        }
        letters.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn it_removes_the_same_as_a_naive_filter(
        json in testing::json(),
        patterns in prop::collection::vec(pattern(), 0..6),
        pretty in any::<bool>(),
    ) {
        let text = if pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
        let joined: Vec<_> = patterns.iter().map(|pattern| pattern.join(".")).collect();
        let joined: Vec<_> = joined.iter().map(String::as_str).collect();
        let filter = excluding(&joined).unwrap();
        let left = written(Filtered::at(&[], &text.unwrap(), Some(&filter))).unwrap();
        let mut naive = json;
        for pattern in &patterns {
            remove(&mut naive, pattern);
        }
        prop_assert_eq!(left, serde_json::to_string(&naive).unwrap());
    }

    #[test]
    fn it_keeps_the_same_as_a_naive_filter(
        json in testing::json(),
        included in prop::collection::vec(pattern(), 1..5),
        chosen in prop::collection::vec(pattern(), 0..3),
        excluded in prop::collection::vec(pattern(), 0..3),
    ) {
        let joined = |patterns: &[Vec<String>]| -> Vec<String> {
            patterns.iter().map(|pattern| pattern.join(".")).collect()
        };
        let (include, exclude, fields) = (joined(&included), joined(&excluded), joined(&chosen));
        let includes = include.iter().map(|path| (Rule::Include, path.as_str()));
        let excludes = exclude.iter().map(|path| (Rule::Exclude, path.as_str()));
        let rules = Filter::compile(includes.chain(excludes)).unwrap();
        let chosen_filter = Filter::compile(fields.iter().map(|path| (Rule::Include, path.as_str()))).unwrap();
        let text = json.to_string();
        let shown = Filtered::at(&[], &text, Some(&rules)).choosing(Some(&chosen_filter));
        let mut naive = json.clone();
        for pattern in &excluded {
            remove(&mut naive, pattern);
        }
        let patterns = |of: &'_ [Vec<String>]| -> Vec<Vec<String>> { of.to_vec() };
        let mut kept = Some(naive);
        for list in [patterns(&included), patterns(&chosen)] {
            let list: Vec<&[String]> = list.iter().map(Vec::as_slice).collect();
            if !list.is_empty() {
                kept = kept.and_then(|value| keep(&value, &list));
            }
        }
        let nothing = match json {
            Value::Object(_) => json!({}),
            Value::Array(_) => json!([]),
            _ => Value::Null,
        };
        prop_assert_eq!(written(shown).unwrap(), kept.unwrap_or(nothing).to_string());
    }

    #[test]
    fn it_accepts_exactly_the_json_that_serde_json_accepts(text in nearly_json()) {
        let parsed = serde_json::from_str::<IgnoredAny>(&text);
        let copied = written(Filtered::at(&[], &text, None));
        prop_assert_eq!(copied.is_ok(), parsed.is_ok(), "{:?} of {:?}", copied, text);
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            prop_assert_eq!(serde_json::from_str::<Value>(&copied.unwrap()).unwrap(), value);
        }
    }

    #[test]
    fn it_never_panics(text in any::<String>(), muted in any::<bool>()) {
        let filter = excluding(&["*"]).unwrap();
        let _ = written(Filtered::at(&[], &text, Some(&filter).filter(|_| muted)));
        let _ = written(Filtered::at(&["data", "attributes"], &text, None));
    }
}

#[rstest]
#[case(&["md5"], json!({"a": 1}))]
#[case(&["a"], json!({"md5": "x"}))]
#[case(&["*"], json!({}))]
#[case(&["nothing.here", "a.deeper"], json!({"md5": "x", "a": 1}))]
fn a_pattern_excludes_a_key_with_everything_below_it(
    #[case] patterns: &[&str],
    #[case] left: Value,
) {
    assert_eq!(
        filtered(r#"{"md5": "x", "a": 1}"#, patterns),
        left.to_string()
    );
}

#[test]
fn a_star_is_one_key_even_with_dots_or_one_element() {
    let json = r#"{"r": {"Dr.Web": {"v": 1, "k": 2}, "": {"v": 3}}, "l": [{"v": 4, "k": 5}, 6]}"#;
    assert_eq!(
        filtered(json, &["r.*.v", "l.*.v"]),
        r#"{"r":{"Dr.Web":{"k":2},"":{}},"l":[{"k":5},6]}"#
    );
    assert_eq!(
        filtered(json, &["*.*.v", "l.*"]),
        r#"{"r":{"Dr.Web":{"k":2},"":{}},"l":[]}"#
    );
}

#[test]
fn numbers_keep_their_value() {
    let json = "[18446744073709551615,-9223372036854775808,0.1,1e300,100.0,5e-324,-0,123456789012345678901234567890.10]";
    assert_eq!(filtered(json, &[]), json);
}

#[test]
fn a_value_is_found_at_its_path_only() {
    let json = r#"{"links": {"attributes": 1}, "data": {"x": {"attributes": 2}, "attributes": {"a": [ ]}, "id": 3}}"#;
    let found = Filtered::at(&["data", "attributes"], json, None);
    assert_eq!(written(found).unwrap(), r#"{"a":[]}"#);
    for missing in [
        "{}",
        r#"{"data": {}}"#,
        r#"{"data": []}"#,
        r#"{"data": null}"#,
        "[]",
        "1",
        "",
    ] {
        assert!(written(Filtered::at(&["data", "attributes"], missing, None)).is_err());
    }
}

#[test]
fn texts_are_copied_except_unpaired_surrogates() {
    let json =
        r#"{"a\u0062": "\u00e9\ud83d\ude00\/ü", "\ud800k": "x\udc00\ud83dy\ud83d\ud83d\ude00"}"#;
    let kept =
        r#"{"a\u0062":"\u00e9\ud83d\ude00\/ü","\ufffdk":"x\ufffd\ufffdy\ufffd\ud83d\ude00"}"#;
    assert_eq!(filtered(json, &[]), kept);
    assert_eq!(filtered(json, &["ab", "\u{fffd}k"]), "{}");
}

#[test]
fn invalid_json_fails() {
    for bad in [
        "{",
        r#"{"a": 1"#,
        "[1,]",
        "{} x",
        r#""\x""#,
        "nul",
        r#"{"a" 1}"#,
    ] {
        assert!(written(Filtered::at(&[], bad, None)).is_err(), "{bad}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(filtered(&nested(110), &[]), nested(110));
    let deep = nested(100_000);
    assert!(written(Filtered::at(&[], &deep, None)).is_err());
}

#[rstest]
#[case("", MalformedPattern::EmptyPart(String::new()))]
#[case("a..b", MalformedPattern::EmptyPart("a..b".to_owned()))]
#[case(".a", MalformedPattern::EmptyPart(".a".to_owned()))]
#[case("a.", MalformedPattern::EmptyPart("a.".to_owned()))]
#[case("a.b*", MalformedPattern::PartialStar("a.b*".to_owned()))]
#[case("**", MalformedPattern::PartialStar("**".to_owned()))]
fn a_malformed_pattern_is_rejected(#[case] pattern: &str, #[case] error: MalformedPattern) {
    assert_eq!(excluding(&[pattern]).unwrap_err(), error);
}

#[test]
fn patterns_that_multiply_are_rejected() {
    let patterns: Vec<_> = (0..24)
        .map(|at| {
            (0..24).map(move |step| {
                if step == at {
                    format!("k{at}")
                } else {
                    "*".to_owned()
                }
            })
        })
        .map(|parts| parts.collect::<Vec<_>>().join("."))
        .collect();
    let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
    let compiled = excluding(&patterns);
    assert_eq!(compiled.unwrap_err(), MalformedPattern::TooLarge);
}

#[test]
fn names_that_many_branches_repeat_are_counted() {
    let mut fields = Vec::new();
    for at in 0..30 {
        fields.push(format!("a{at}.*.z"));
        fields.push(format!("*.b{at}.z"));
    }
    fields.extend((1..=40).map(|length| format!("*.*.{}", "n".repeat(length))));
    let error = Fields::parse(&fields.join(",")).unwrap_err();
    assert_eq!(error, MalformedPattern::TooLarge);
    let flat: Vec<_> = (0..100).map(|at| format!("a.b.c.d.e.f.g{at}")).collect();
    assert!(Fields::parse(&flat.join(",")).is_ok());
}
