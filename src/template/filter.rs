//! The streaming filter: JSON text in, any `Serializer` out, excluded paths skipped.
//!
//! No tree is built. A value is pulled from the upstream's bytes and pushed on as it
//! is read; a key that the trie excludes is skipped with its value (DESIGN, principle 3).
//! `serde_json` refuses nesting beyond 127 levels, so recursion here is bounded too.

use std::{borrow::Cow, cell::Cell, fmt};

use serde::{
    Serialize, Serializer,
    de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
    ser::{self, SerializeMap, SerializeSeq},
};

use super::pattern::{Filter, Node, Verdict};

/// JSON text on its way through a [`Filter`]; reading happens while it is serialized.
#[derive(Clone, Copy, Debug)]
pub struct Filtered<'a> {
    json: &'a str,
    path: &'a [&'a str],
    node: Option<&'a Node>,
}

impl<'a> Filtered<'a> {
    /// The value that stands under `path` in the JSON text, less what the filter excludes.
    ///
    /// Other keys on the way are skipped. Serializing it fails where the text is no JSON,
    /// is nested too deep, or has nothing there.
    pub fn at(path: &'a [&'a str], json: &'a str, filter: Option<&'a Filter>) -> Self {
        Self {
            json,
            path,
            node: filter.map(Filter::root),
        }
    }
}

impl Serialize for Filtered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut reader = serde_json::Deserializer::from_str(self.json);
        let seed = Walk {
            path: self.path,
            node: self.node,
            serializer,
        };
        let done = seed.deserialize(&mut reader).map_err(ser::Error::custom)?;
        reader.end().map_err(ser::Error::custom)?;
        done.ok_or_else(|| ser::Error::custom(format_args!("nothing at {:?}", self.path)))
    }
}

/// Goes down `path` in nested objects, then hands over to [`Transcode`].
struct Walk<'a, S> {
    path: &'a [&'a str],
    node: Option<&'a Node>,
    serializer: S,
}

impl<'de, S: Serializer> DeserializeSeed<'de> for Walk<'_, S> {
    type Value = Option<S::Ok>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        if self.path.is_empty() {
            let transcode = Transcode {
                node: self.node,
                serializer: self.serializer,
            };
            return reader.deserialize_any(transcode).map(Some);
        }
        reader.deserialize_map(self)
    }
}

impl<'de, S: Serializer> Visitor<'de> for Walk<'_, S> {
    type Value = Option<S::Ok>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some((step, path)) = self.path.split_first() else {
            return Ok(None);
        };
        let mut below = Some(Walk {
            path,
            node: self.node,
            serializer: self.serializer,
        });
        let mut done = None;
        while let Some(Key(key)) = map.next_key()? {
            match below.take_if(|_| key == **step) {
                Some(walk) => done = map.next_value_seed(walk)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(done)
    }
}

/// An object's key, borrowed where it holds no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> de::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }
            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        reader.deserialize_str(KeyVisitor)
    }
}

/// Writes the value that it reads, less what `node` excludes.
struct Transcode<'t, S> {
    node: Option<&'t Node>,
    serializer: S,
}

impl<'de, S: Serializer> Visitor<'de> for Transcode<'_, S> {
    type Value = S::Ok;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<S::Ok, E> {
        self.serializer.serialize_unit().map_err(E::custom)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<S::Ok, E> {
        self.serializer.serialize_bool(value).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<S::Ok, E> {
        self.serializer.serialize_i64(value).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<S::Ok, E> {
        self.serializer.serialize_u64(value).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<S::Ok, E> {
        self.serializer.serialize_f64(value).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<S::Ok, E> {
        self.serializer.serialize_str(value).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<S::Ok, A::Error> {
        let mut out = self
            .serializer
            .serialize_seq(None)
            .map_err(de::Error::custom)?;
        match Verdict::of(self.node.and_then(Node::at_element)) {
            Verdict::Exclude => while items.next_element::<IgnoredAny>()?.is_some() {},
            Verdict::Keep(node) => {
                while items.next_element_seed(Element(&mut out, node))?.is_some() {}
            }
        }
        out.end().map_err(de::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<S::Ok, A::Error> {
        let mut out = self
            .serializer
            .serialize_map(None)
            .map_err(de::Error::custom)?;
        while let Some(Key(key)) = map.next_key()? {
            match Verdict::of(self.node.and_then(|node| node.at_key(&key))) {
                Verdict::Exclude => drop(map.next_value::<IgnoredAny>()?),
                Verdict::Keep(node) => {
                    out.serialize_key(&*key).map_err(de::Error::custom)?;
                    map.next_value_seed(Member(&mut out, node))?;
                }
            }
        }
        out.end().map_err(de::Error::custom)
    }
}

/// The next element of an array, written into the array that is being written.
struct Element<'a, 't, O>(&'a mut O, Option<&'t Node>);

impl<'de, O: SerializeSeq> DeserializeSeed<'de> for Element<'_, '_, O> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        self.0
            .serialize_element(&Handover::new(reader, self.1))
            .map_err(de::Error::custom)
    }
}

/// The value of the key just written, written into the same object.
struct Member<'a, 't, O>(&'a mut O, Option<&'t Node>);

impl<'de, O: SerializeMap> DeserializeSeed<'de> for Member<'_, '_, O> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        self.0
            .serialize_value(&Handover::new(reader, self.1))
            .map_err(de::Error::custom)
    }
}

/// A reader dressed as a value: serializing it reads it. It can be read once.
struct Handover<'t, D> {
    reader: Cell<Option<D>>,
    node: Option<&'t Node>,
}

impl<'t, D> Handover<'t, D> {
    fn new(reader: D, node: Option<&'t Node>) -> Self {
        Self {
            reader: Cell::new(Some(reader)),
            node,
        }
    }
}

impl<'de, D: Deserializer<'de>> Serialize for Handover<'_, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reader = self
            .reader
            .take()
            .ok_or_else(|| ser::Error::custom("read twice"))?;
        reader
            .deserialize_any(Transcode {
                node: self.node,
                serializer,
            })
            .map_err(ser::Error::custom)
    }
}

#[cfg(test)]
mod tests;
