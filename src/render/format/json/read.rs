//! Lookup of values in JSON text, which is not copied. What is not looked up may be malformed.

use super::lexer::{Lexer, Quoted, Unreadable};

/// A member of an object, with the JSON text of its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawMember<'a> {
    pub(crate) key: Quoted<'a>,
    pub(crate) raw: &'a str,
}

impl<'a> RawMember<'a> {
    /// Consumes an object and returns its members in order. Fails if the value is not an object.
    pub(crate) fn read_all(lexer: &mut Lexer<'a>) -> Result<Vec<Self>, Unreadable> {
        if lexer.peek() != b'{' {
            return Err(Unreadable::Missing);
        }
        let mut members = Vec::new();
        let mut more = lexer.open(b'{', b'}')?;
        while more {
            let key = lexer.key()?;
            let raw = lexer.raw()?;
            members.push(Self { key, raw });
            more = lexer.more(b'}')?;
        }
        Ok(members)
    }
}

/// Returns the text of the value at `path`.
///
/// Other keys on the way are skipped. Of equal keys, the first one that leads to a value counts.
pub(crate) fn find<'a>(json: &'a str, path: &[&str]) -> Result<Option<&'a str>, Unreadable> {
    let mut lexer = Lexer::new(json);
    let found = descend(&mut lexer, path)?;
    lexer.finish()?;
    Ok(found)
}

fn descend<'a>(lexer: &mut Lexer<'a>, path: &[&str]) -> Result<Option<&'a str>, Unreadable> {
    let Some((step, below)) = path.split_first() else {
        return Ok(Some(lexer.raw()?));
    };
    if lexer.peek() != b'{' {
        lexer.skip()?;
        return Ok(None);
    }
    let mut found = None;
    let mut more = lexer.open(b'{', b'}')?;
    while more {
        let key = lexer.key()?;
        if found.is_none() && key.meant() == *step {
            found = descend(lexer, below)?;
        } else {
            lexer.skip()?;
        }
        more = lexer.more(b'}')?;
    }
    Ok(found)
}

/// Consumes an object and returns the texts of the values of these keys.
///
/// Other keys are skipped; of equal keys the first one counts. Fails if the value is not an object.
pub(crate) fn members<'a, const N: usize>(
    lexer: &mut Lexer<'a>,
    keys: [&str; N],
) -> Result<[Option<&'a str>; N], Unreadable> {
    if lexer.peek() != b'{' {
        return Err(Unreadable::Missing);
    }
    let mut found = [None; N];
    let mut more = lexer.open(b'{', b'}')?;
    while more {
        let key = lexer.key()?.meant();
        let value = lexer.raw()?;
        for (name, slot) in keys.iter().zip(&mut found) {
            if *name == key {
                // A later value of an equal key is ignored.
                slot.get_or_insert(value);
            }
        }
        more = lexer.more(b'}')?;
    }
    Ok(found)
}

/// Returns the decoded text of a value, if it is a string.
pub(crate) fn text(raw: &str) -> Option<std::borrow::Cow<'_, str>> {
    let text = Lexer::new(raw).string().ok()?;
    Some(text.meant())
}
