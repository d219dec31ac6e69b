//! Templates from arbitrary JSON, applied to arbitrary JSON: the input has a line of each.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use vt4ai::render::template::{
    Template,
    filter::{Filtered, Unreadable},
    pattern::{Filter, MalformedPattern, Rule},
};
use vt4ai_fuzz::{is_json, tree, tree_of};

/// Removes the fields that match a pattern from a tree: the specification of the filter.
fn remove(value: &mut Value, pattern: &[&str]) {
    let Some((part, rest)) = pattern.split_first() else {
        return;
    };
    let hits = |key: &str| *part == "*" || *part == key;
    match value {
        Value::Object(map) if rest.is_empty() => map.retain(|key, _| !hits(key)),
        Value::Object(map) => {
            let hit = map.iter_mut().filter(|(key, _)| hits(key));
            hit.for_each(|(_, value)| remove(value, rest));
        }
        Value::Array(items) if *part == "*" && rest.is_empty() => items.clear(),
        Value::Array(items) if *part == "*" => {
            items.iter_mut().for_each(|item| remove(item, rest));
        }
        _ => {}
    }
}

/// Asserts that a filter leaves the same as removing from a tree, and that it is idempotent.
fn apply(filter: &Filter, patterns: &[&str], json: &str) {
    for path in [&[][..], &["data", "attributes"]] {
        let mut left = Vec::new();
        let filtered = Filtered::at(path, json, Some(filter));
        if filtered.write(&mut left).is_err() {
            continue;
        }
        is_json(&left);
        let mut again = Vec::new();
        let text = str::from_utf8(&left).unwrap();
        let twice = Filtered::at(&[], text, Some(filter)).write(&mut again);
        assert!(twice.is_ok() && left == again, "{text}");
        let mut whole = Vec::new();
        Filtered::at(path, json, None).write(&mut whole).unwrap();
        if let Some(mut tree) = tree(&whole) {
            for pattern in patterns {
                remove(&mut tree, &pattern.split('.').collect::<Vec<_>>());
            }
            assert_eq!(tree_of(filtered), Ok(Some(tree)), "{patterns:?} of {json}");
        }
    }
}

/// Asserts that the filter finds exactly the value at `data`, `attributes`.
fn find(json: &str) {
    let is_alone = |key| json.matches(key).count() == 1;
    // Of two equal keys, a tree keeps the other one.
    if json.contains('\\') || !is_alone("data") || !is_alone("attributes") {
        return;
    }
    let Some(tree) = tree(json.as_bytes()) else {
        return;
    };
    let meant = tree.pointer("/data/attributes").cloned();
    match tree_of(Filtered::at(&["data", "attributes"], json, None)) {
        Err(Unreadable::TooDeep(_)) => {}
        read => assert_eq!(read, meant.map(Some).ok_or(Unreadable::Missing), "{json}"),
    }
}

fuzz_target!(|text: &str| {
    let (template, json) = text.split_once('\n').unwrap_or((text, text));
    find(json);
    if let Ok(template) = Template::parse(template) {
        let shown = serde_json::to_string(&template).unwrap();
        let again = Template::parse(&shown).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), shown);
        let patterns: Vec<_> = template.exclude_fields.iter().map(String::as_str).collect();
        // What is included is held by the property tests.
        if template.include_fields.is_empty() {
            apply(&template.filter, &patterns, json);
        }
    }
    let patterns: Vec<_> = template.split(' ').collect();
    let parts = || patterns.iter().flat_map(|pattern| pattern.split('.'));
    match Filter::compile(patterns.iter().map(|pattern| (Rule::Exclude, *pattern))) {
        Ok(filter) => apply(&filter, &patterns, json),
        Err(MalformedPattern::EmptyPart(_)) => assert!(parts().any(str::is_empty)),
        Err(MalformedPattern::PartialStar(_)) => {
            assert!(parts().any(|part| part.len() > 1 && part.contains('*')));
        }
        Err(MalformedPattern::TooLarge) => {}
    }
});
