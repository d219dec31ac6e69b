//! The ids of related objects that a report holds if they were asked for.

use std::collections::BTreeMap;

use super::raw_object::read_id;
use crate::render::format::json::{
    RelatedIds, Unreadable,
    lexer::Lexer,
    read::{RawMember, members},
};

/// The maximum number of ids of one relationship.
const MOST: usize = 20;

/// Reads the `relationships` member of a report. Relationships of an unexpected shape count as
/// empty, and one that VirusTotal could not read is left out.
pub(super) fn read(json: Option<&str>) -> Result<Option<BTreeMap<String, RelatedIds>>, Unreadable> {
    let mut lexer = Lexer::new(json.unwrap_or("{}"));
    if lexer.peek() != b'{' {
        return Ok(None);
    }
    let mut all = BTreeMap::new();
    for RawMember { key, raw } in RawMember::read_all(&mut lexer)? {
        if let Some(related) = relationship(raw)? {
            all.insert(key.meant().into_owned(), related);
        }
    }
    Ok(Some(all))
}

/// Reads one relationship, or returns `None` if VirusTotal reports an error in its place.
fn relationship(raw: &str) -> Result<Option<RelatedIds>, Unreadable> {
    let mut related = RelatedIds::default();
    let mut lexer = Lexer::new(raw);
    if lexer.peek() != b'{' {
        return Ok(Some(related));
    }
    let [data, meta, error] = members(&mut lexer, ["data", "meta", "error"])?;
    if data.is_none() && error.is_some() {
        return Ok(None);
    }
    let mut lexer = Lexer::new(data.unwrap_or("null"));
    match lexer.peek() {
        b'[' => {
            let mut more = lexer.open(b'[', b']')?;
            while more {
                related.add(lexer.raw()?)?;
                more = lexer.more(b']')?;
            }
        }
        b'{' => related.add(lexer.raw()?)?,
        _ => {}
    }
    if let Some(count) = count(meta)? {
        related.count = count.max(related.count);
    }
    Ok(Some(related))
}

impl RelatedIds {
    fn add(&mut self, object: &str) -> Result<(), Unreadable> {
        let mut lexer = Lexer::new(object);
        if lexer.peek() != b'{' {
            return Ok(());
        }
        let [id] = members(&mut lexer, ["id"])?;
        self.count += 1;
        if self.ids.len() < MOST
            && let Some(id) = id.and_then(read_id)
        {
            self.ids.push(id.into_owned());
        }
        Ok(())
    }
}

fn count(meta: Option<&str>) -> Result<Option<u64>, Unreadable> {
    let mut lexer = Lexer::new(meta.unwrap_or("null"));
    if lexer.peek() != b'{' {
        return Ok(None);
    }
    let [count] = members(&mut lexer, ["count"])?;
    Ok(count.and_then(|count| count.parse().ok()))
}
