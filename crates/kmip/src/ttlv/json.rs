//! The syntax of the JSON encoding: objects with tag, type and value to items, and trees to objects. A member that is
//! there twice is refused. Not here: what the words say (text).
//!
//! serde_json undoes escapes in memory of its own, which it does not wipe: a secret text with escapes leaves a copy there.
//! Bytes need none, and leave none.

use std::fmt;
use std::io;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::binary::{DEPTH_CEILING, Limits};
use super::text::{self, Form, Item, Plain, Scope};
use super::{ItemType, Node, Value};
use crate::error::{DecodeError, Fault};
use crate::secret::SecretBytes;

/// Parses one object.
///
/// # Errors
///
/// Anything that is not such an object within the limits.
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Item, DecodeError> {
    let depth_max = limits.depth_max.min(DEPTH_CEILING);
    let mut parser = Parser { depth_max, items_max: limits.items_max, items: 0, fault: None };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let item = ItemSeed { parser: &mut parser, depth: depth_max }.deserialize(&mut json);
    let item = item.and_then(|item| json.end().map(|()| item));
    item.map_err(|error| {
        // serde_json's own words may quote what was sent.
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
        let position = lines.map(<[u8]>::len).sum::<usize>() + error.column();
        let syntax = Fault::Syntax { what: "this is not the JSON of a message", position };
        parser.fault.unwrap_or(syntax).into()
    })
}

struct Parser {
    depth_max: usize,
    items_max: usize,
    items: usize,
    /// Why reading stopped, where that is known here.
    fault: Option<Fault>,
}

impl Parser {
    fn fail<E: de::Error>(&mut self, fault: Fault) -> E {
        self.fault = Some(fault);
        E::custom("see the fault")
    }
}

/// Reads an item; `depth` more levels of structures may open.
struct ItemSeed<'p> {
    parser: &'p mut Parser,
    depth: usize,
}

/// Reads the value of an item.
struct FormSeed<'p>(ItemSeed<'p>);

enum Member {
    Tag,
    Type,
    Value,
    Name,
    Other,
}

impl<'de> DeserializeSeed<'de> for ItemSeed<'_> {
    type Value = Item;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Item, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed<'_> {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
        let Self { parser, depth } = self;
        parser.items += 1;
        if parser.items > parser.items_max {
            return Err(parser.fail(Fault::TooManyItems(parser.items_max)));
        }
        let (mut tag, mut item_type, mut form, mut named) = (None, None, None, false);
        while let Some(member) = map.next_key()? {
            let repeated = match member {
                Member::Tag => {
                    let word: String = map.next_value()?;
                    tag.replace(text::tag(&word).map_err(|fault| parser.fail(fault))?).is_some()
                }
                Member::Type => {
                    let word: String = map.next_value()?;
                    item_type.replace(text::item_type(&word).map_err(|fault| parser.fail(fault))?).is_some()
                }
                Member::Value => {
                    let seed = FormSeed(ItemSeed { parser: &mut *parser, depth });
                    form.replace(map.next_value_seed(seed)?).is_some()
                }
                Member::Name => {
                    map.next_value::<String>()?;
                    std::mem::replace(&mut named, true)
                }
                Member::Other => {
                    return Err(
                        parser.fail(Fault::Value("an object has a member that is none of the standard's"))
                    );
                }
            };
            if repeated {
                return Err(parser.fail(Fault::Value("an object has a member twice")));
            }
        }
        let tag = tag.ok_or_else(|| parser.fail(Fault::Value("an object lacks its tag")))?;
        let item_type = item_type.unwrap_or(ItemType::Structure);
        Ok(Item { tag, item_type, form: form.unwrap_or(Form::Absent) })
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl Visitor<'_> for Names {
            type Value = Member;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Member, E> {
                Ok(match name {
                    "tag" => Member::Tag,
                    "type" => Member::Type,
                    "value" => Member::Value,
                    "name" => Member::Name,
                    _ => Member::Other,
                })
            }
        }
        deserializer.deserialize_str(Names)
    }
}

impl<'de> DeserializeSeed<'de> for FormSeed<'_> {
    type Value = Form;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Form, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FormSeed<'_> {
    type Value = Form;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Form, E> {
        Ok(Form::Boolean(truth))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Form, E> {
        Ok(Form::Number(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Form, E> {
        let number = i64::try_from(number);
        let fault = Fault::Value("a number is out of range: write it in hexadecimal");
        number.map(Form::Number).map_err(|_| self.0.parser.fail(fault))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Form, E> {
        Ok(Form::Word(text.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Form, A::Error> {
        let ItemSeed { parser, depth } = self.0;
        let Some(depth) = depth.checked_sub(1) else {
            return Err(parser.fail(Fault::TooDeep(parser.depth_max)));
        };
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(ItemSeed { parser: &mut *parser, depth })? {
            items.push(item);
        }
        Ok(Form::Items(items))
    }
}

/// Writes a tree as one object. Holds whatever secrets the tree holds.
pub(super) fn write(node: &Node) -> SecretBytes {
    let mut out = Out(SecretBytes::default());
    object(&mut out, node, &Scope::default());
    out.0
}

/// Text that is wiped wherever it leaves.
struct Out(SecretBytes);

impl io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn object(out: &mut Out, node: &Node, scope: &Scope) {
    out.0.append(b"{\"tag\":\"");
    match node.tag.name() {
        Some(name) => out.0.append(name.as_bytes()),
        None => out.0.append(format!("0x{:06x}", node.tag.0).as_bytes()),
    }
    if let Value::Structure(nodes) = &node.value {
        out.0.append(b"\",\"value\":[");
        let mut scope = Scope::default();
        for (index, node) in nodes.iter().enumerate() {
            if index > 0 {
                out.0.append(b",");
            }
            object(out, node, &scope);
            scope.pass(node);
        }
        out.0.append(b"]}");
        return;
    }
    out.0.append(b"\",\"type\":\"");
    out.0.append(node.value.item_type().name().as_bytes());
    out.0.append(b"\",\"value\":");
    match text::plain(&node.value, scope.meaning(node.tag), "|") {
        // As the published messages have them: not every reader of JSON takes a number exactly.
        Plain::Number(number) => quoted(out, "", |out| out.0.append(text::long(number).as_bytes())),
        Plain::Short(number) => quoted(out, "", |out| out.0.append(text::short(number).as_bytes())),
        Plain::Boolean(truth) => out.0.append(if truth { b"true" } else { b"false" }),
        Plain::Word(word) => quoted(out, "", |out| out.0.append(word.as_bytes())),
        Plain::Bytes(bytes) => quoted(out, "", |out| text::append_hex(&mut out.0, bytes)),
        Plain::BigInteger(bytes) => quoted(out, "0x", |out| text::append_hex(&mut out.0, bytes)),
        // INVARIANT: text is always JSON, and `Out` takes all.
        Plain::Text(text) => serde_json::to_writer(&mut *out, text).unwrap_or_default(),
    }
    out.0.append(b"}");
}

fn quoted(out: &mut Out, prefix: &str, content: impl FnOnce(&mut Out)) {
    out.0.append(b"\"");
    out.0.append(prefix.as_bytes());
    content(out);
    out.0.append(b"\"");
}
