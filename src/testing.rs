//! Data for tests: arbitrary JSON, and usage.

use proptest::prelude::*;
use serde_json::{Map, Number, Value};
use time::Date;

use crate::access::{UsageCaller, UsageCounts, UsageRow};

/// Returns the caller that is the client with this name.
pub(crate) fn client(name: &str) -> UsageCaller {
    UsageCaller::Client(name.into())
}

/// Returns the usage of one request that has cost so many units.
pub(crate) fn usage_row(caller: UsageCaller, day: Date, units: i64) -> UsageRow {
    UsageRow {
        caller,
        day,
        counts: UsageCounts {
            requests: 1,
            units,
            ..UsageCounts::default()
        },
    }
}

/// Generates texts as attackers write them, and ordinary ones.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9 .,:;/()_-]{0,20}",
        Just("[x](http://evil.example)".to_owned()),
        Just("![x](y)".to_owned()),
        Just("<img src=x onerror=alert(1)>".to_owned()),
        Just("<!-- x".to_owned()),
        Just("www.evil.example".to_owned()),
        Just("a@b.example".to_owned()),
        Just("# h\n\nText\n===\n- x\n".to_owned()),
        Just("```\n~~~\n`` ` ".to_owned()),
        Just("    code\n\n[x]: http://evil.example\n\n[x]".to_owned()),
        Just("1. one\r\n2) two\r\n\r\n> q".to_owned()),
        Just("|a|b|\n|-|-|\n|[x](y)|b|".to_owned()),
        Just("\\`&lt;&#91;\t".to_owned()),
        Just("evil.example a.b.рф x(EVIL.com) //localhost ftp://e 192.0.2.1:80".to_owned()),
        Just("\u{661}. x".to_owned()),
        Just("\u{966}) :smile: a:b:c [^1] $x$ @x #1 ^s^ ==m==".to_owned()),
        Just("- [ ] task\n\nterm\n: definition\n***\n".to_owned()),
        "[0-9\u{660}-\u{669}]{1,3}[.)] ?[a-z]?",
        "[a-z]{1,3}[.:/]{1,2}[a-z0-9]{1,3}",
        Just("*a* _b_ **c** ~~d~~ ^e^".to_owned()),
        Just("\u{0}\u{7}\u{1b}\u{200b}\u{202e}\u{e0041}\u{fffe}\u{feff}]]>".to_owned()),
    ];
    prop::collection::vec(pieces, 1..3).prop_map(|pieces| pieces.concat())
}

/// Generates keys: few enough that patterns match them, and unusual ones.
pub(crate) fn key() -> impl Strategy<Value = String> {
    prop_oneof![6 => "[abc]", 1 => Just("Dr.Web".to_owned()), 1 => Just(String::new()), 2 => text()]
}

/// Generates any JSON value.
pub(crate) fn json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<f64>().prop_filter_map("JSON has no such number", Number::from_f64),
    ];
    let plain = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(Value::Number),
        text().prop_map(Value::String),
    ];
    plain.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            object_of(inner).prop_map(Value::Object),
        ]
    })
}

/// Generates any JSON object.
pub(crate) fn object() -> impl Strategy<Value = Map<String, Value>> {
    object_of(json())
}

fn object_of(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((key(), value), 0..6).prop_map(Map::from_iter)
}
