//! Lists and objects in JSON bodies that hold a bounded number of entries: an entry takes many times the bytes that it has
//! in a body. Not here: what they are for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::request::once_each;

/// How the refusal of too many entries begins.
pub(super) const TOO_MANY: &str = "too many entries";

/// A list of at most so many elements; reading it stops at the next. May hold secrets.
pub(super) struct List<T, const MAX: usize>(pub(super) Vec<T>);

/// An object of at most so many entries, each there once; reading it stops at the next.
pub(super) struct Map<V, const MAX: usize>(pub(super) BTreeMap<String, V>);

/// Tags of a new key, as many as it may have.
pub(super) type Tags = Map<String, 64>;

/// Words for what may be done; a server knows fewer.
pub(super) type Words = List<String, 64>;

impl<V, const MAX: usize> Default for Map<V, MAX> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Each<T, MAX> {
            type Value = List<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = list.next_element()? {
                    if elements.len() == MAX {
                        return Err(A::Error::custom(format_args!("{TOO_MANY}: at most {MAX}")));
                    }
                    elements.push(element);
                }
                Ok(List(elements))
            }
        }
        deserializer.deserialize_seq(Each(PhantomData))
    }
}

impl<'de, V: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Map<V, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each<V, const MAX: usize>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>, const MAX: usize> Visitor<'de> for Each<V, MAX> {
            type Value = Map<V, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                once_each(map, MAX).map(Map)
            }
        }
        deserializer.deserialize_map(Each(PhantomData))
    }
}

impl<T: JsonSchema, const MAX: usize> JsonSchema for List<T, MAX> {
    fn schema_name() -> Cow<'static, str> {
        Vec::<T>::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(schemas: &mut SchemaGenerator) -> Schema {
        let element = schemas.subschema_for::<T>();
        json_schema!({ "type": "array", "items": element, "maxItems": MAX })
    }
}

impl<V: JsonSchema, const MAX: usize> JsonSchema for Map<V, MAX> {
    fn schema_name() -> Cow<'static, str> {
        BTreeMap::<String, V>::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(schemas: &mut SchemaGenerator) -> Schema {
        let value = schemas.subschema_for::<V>();
        json_schema!({ "type": "object", "additionalProperties": value, "maxProperties": MAX })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static READ: Cell<usize> = const { Cell::new(0) };
    }

    struct Counted;

    impl<'de> Deserialize<'de> for Counted {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            READ.set(READ.get() + 1);
            u8::deserialize(deserializer).map(|_| Self)
        }
    }

    #[test]
    fn reading_stops_at_the_first_entry_that_is_too_many() {
        let list = format!("[{}]", ["1"; 1000].join(","));
        let error = serde_json::from_str::<List<Counted, 3>>(&list).err().unwrap().to_string();
        assert!(error.starts_with("too many entries: at most 3") && READ.take() == 4, "{error}");
        assert_eq!(serde_json::from_str::<List<u8, 3>>("[1,2,3]").ok().unwrap().0, [1, 2, 3]);

        let entries: Vec<String> = (0..1000).map(|number| format!("\"{number}\":1")).collect();
        let object = format!("{{{}}}", entries.join(","));
        let error = serde_json::from_str::<Map<Counted, 3>>(&object).err().unwrap().to_string();
        assert!(error.starts_with("too many entries: at most 3") && READ.take() == 4, "{error}");
        let twice = serde_json::from_str::<Map<u8, 3>>(r#"{"a":1,"a":2}"#).err().unwrap().to_string();
        assert!(twice.starts_with("duplicate field \"a\""), "{twice}");
        assert_eq!(serde_json::from_str::<Map<u8, 3>>(r#"{"a":1}"#).ok().unwrap().0["a"], 1);
    }
}
