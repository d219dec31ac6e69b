//! The usage of callers, which all replicas add to.
//!
//! Each day has a hash with four fields for each caller. A batch of additions has a number, so that
//! one whose reply was lost can be sent again.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use ::redis::{Cmd, Script};
use time::Date;

use super::{PREFIX, Redis, RedisBudget, RedisCommand, millis};
use crate::access::{MAX_USAGE_CALLERS, USAGE_DAYS, UsageCaller, UsageCounts, UsageRow};

static ADD_USAGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("add_usage.lua")));
static READ_USAGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("read_usage.lua")));

/// The time to remember the counts of a day. The day itself and the others of the range are before.
const LIFE: Duration = Duration::from_hours(24 * (USAGE_DAYS as u64 + 2));

/// The fields of a caller.
const FIELDS: usize = 4;

/// Fields of a day with their counts, as they are in Redis.
type FieldCounts = Vec<(Vec<u8>, Vec<u8>)>;

/// About the number of fields that are read at once.
const SCANNED: usize = 500;

impl Redis {
    /// Adds rows to the usage of all replicas. `number` is that of the batch: it grows.
    ///
    /// Returns `None` if it is not known whether they were added. Sending the same batch again adds
    /// them once.
    pub async fn add_usage(&self, number: u64, rows: &[UsageRow]) -> Option<()> {
        let mut days = BTreeMap::new();
        for row in rows {
            let next = days.len() + 2;
            days.entry(row.day).or_insert(next);
        }
        let mut script = ADD_USAGE.key(format!("{PREFIX}usage_batch:{}", self.replica));
        // The map is in the order of the days, and the script's keys in that of their indices.
        let mut keys: Vec<_> = days.iter().collect();
        keys.sort_by_key(|(_, index)| **index);
        for (day, _) in keys {
            script.key(day_key(*day));
        }
        script.arg(number).arg(millis(LIFE));
        script.arg(MAX_USAGE_CALLERS * FIELDS);
        for row in rows {
            let counts = row.counts;
            script.arg(days.get(&row.day)).arg(row.caller.to_string());
            script.arg(counts.requests).arg(counts.units);
            script.arg(counts.saved_units).arg(counts.tokens);
        }
        let added: Option<i64> = self.ask_about_usage(RedisCommand::Script(script)).await;
        added.map(drop)
    }

    /// Returns the usage of a caller on these days. `None` if Redis is not available.
    pub async fn usage_of(&self, caller: &UsageCaller, days: &[Date]) -> Option<Vec<UsageRow>> {
        let mut script = READ_USAGE.prepare_invoke();
        for day in days {
            script.key(day_key(*day));
        }
        script.arg(caller.to_string());
        let counts: Vec<String> = self.ask_about_usage(RedisCommand::Script(script)).await?;
        let mut rows = Vec::new();
        for (day, of_day) in days.iter().zip(counts.as_chunks::<FIELDS>().0) {
            let [requests, units, saved_units, tokens] = of_day;
            let number = |text: &String| text.parse().unwrap_or_default();
            rows.push(UsageRow {
                caller: caller.clone(),
                day: *day,
                counts: UsageCounts {
                    requests: number(requests),
                    units: number(units),
                    saved_units: number(saved_units),
                    tokens: number(tokens),
                },
            });
        }
        Some(rows)
    }

    /// Returns the usage of all callers on a day. `None` if Redis is not available.
    ///
    /// It is read in parts, since a reply of many callers could take longer than Redis may.
    pub async fn usage_on(&self, day: Date) -> Option<Vec<UsageRow>> {
        let mut counts = BTreeMap::new();
        let mut cursor = 0_u64;
        loop {
            let mut cmd = Cmd::new();
            cmd.arg("HSCAN").arg(day_key(day)).arg(cursor);
            cmd.arg("COUNT").arg(SCANNED);
            let (next, fields): (u64, FieldCounts) =
                self.ask_about_usage(RedisCommand::Cmd(cmd)).await?;
            // A field may come twice.
            counts.extend(fields);
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        let mut rows = Vec::new();
        for (field, count) in counts {
            if let Some(row) = read_field(&field, &count, day) {
                rows.push(row);
            }
        }
        Some(rows)
    }

    async fn ask_about_usage<T: ::redis::FromRedisValue>(
        &self,
        command: RedisCommand,
    ) -> Option<T> {
        // No request waits for it but one about usage.
        let budget = RedisBudget::default();
        self.ask(&budget, command, Duration::ZERO).await
    }
}

/// Returns the count of a field as a row. A field that the gateway did not write is `None`.
fn read_field(field: &[u8], count: &[u8], day: Date) -> Option<UsageRow> {
    let (caller, name) = str::from_utf8(field).ok()?.rsplit_once(' ')?;
    let count = str::from_utf8(count).ok()?.parse().ok()?;
    let mut counts = UsageCounts::default();
    match name {
        "requests" => counts.requests = count,
        "units" => counts.units = count,
        "saved_units" => counts.saved_units = count,
        "tokens" => counts.tokens = count,
        _ => return None,
    }
    Some(UsageRow {
        caller: UsageCaller::parse(caller)?,
        day,
        counts,
    })
}

fn day_key(day: Date) -> String {
    format!("{PREFIX}usage:{day}")
}
