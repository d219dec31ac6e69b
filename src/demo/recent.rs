//! Dates relative to the start of the process, for objects that must not grow old.

use serde_json::{Value, json};

/// Adds the time of the start to the dates in `value`, at any depth.
///
/// `recent.json` writes them in seconds relative to the start: 0 or a negative number.
pub(super) fn set_dates(value: &mut Value, start: u64) {
    match value {
        Value::Array(items) => {
            for item in items {
                set_dates(item, start);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_i64() {
                    Some(offset) if is_date(name) => {
                        *value = json!(start.saturating_add_signed(offset));
                    }
                    _ => set_dates(value, start),
                }
            }
        }
        _ => {}
    }
}

fn is_date(name: &str) -> bool {
    name.ends_with("_date") || name == "timestamp"
}
