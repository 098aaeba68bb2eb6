//! The syntax of the XML encoding: elements with attributes to items, and trees to elements. No entities but XML's own
//! five, no DOCTYPE. Not here: what the words say (text).

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::binary::{DEPTH_CEILING, Limits};
use super::text::{self, Form, Item, Plain, Scope};
use super::{ItemType, Node, Value};
use crate::error::{DecodeError, EncodeError, Fault};
use crate::secret::{SecretBytes, SecretText};
use crate::tags::Tag;

/// The element of a tag that has no name.
const UNNAMED: &str = "TTLV";

/// Attributes of one element: comparing them with one another takes quadratic time.
const ATTRIBUTES_MAX: usize = 16;

/// Parses a document of one element.
///
/// # Errors
///
/// Anything that is not such a document within the limits.
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Item, DecodeError> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::NotUtf8)?;
    let mut reader = Reader::from_str(text);
    let mut parser = Parser { depth_max: limits.depth_max.min(DEPTH_CEILING), ..Parser::default() };
    parser.items_max = limits.items_max;
    loop {
        let event = reader.read_event();
        let position = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let syntax = |what| DecodeError::from(Fault::Syntax { what, position });
        match event.map_err(|_| syntax("this is not well-formed XML"))? {
            Event::Start(element) => parser.open(item(&element, position)?)?,
            Event::Empty(element) => {
                parser.open(item(&element, position)?)?;
                parser.close(position)?;
            }
            Event::End(_) => parser.close(position)?,
            Event::Text(text) if text.iter().all(u8::is_ascii_whitespace) => {}
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                return Err(syntax("text stands between the elements: values are attributes"));
            }
            Event::DocType(_) => return Err(syntax("a DOCTYPE is not taken")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => return parser.whole.ok_or_else(|| syntax("the message ends too soon")),
        }
    }
}

#[derive(Default)]
struct Parser {
    depth_max: usize,
    items_max: usize,
    items: usize,
    /// Elements that are open, the outermost first.
    open: Vec<Item>,
    whole: Option<Item>,
}

impl Parser {
    fn open(&mut self, item: Item) -> Result<(), DecodeError> {
        self.items += 1;
        if self.items > self.items_max {
            return Err(Fault::TooManyItems(self.items_max).into());
        }
        // What is no structure stands one level deeper than the innermost that may.
        if self.open.len() >= self.depth_max + usize::from(item.item_type != ItemType::Structure) {
            return Err(Fault::TooDeep(self.depth_max).into());
        }
        self.open.push(item);
        Ok(())
    }

    fn close(&mut self, position: usize) -> Result<(), DecodeError> {
        let syntax = |what| DecodeError::from(Fault::Syntax { what, position });
        let closed = self.open.pop().ok_or_else(|| syntax("this is not well-formed XML"))?;
        match self.open.last_mut() {
            None if self.whole.is_none() => self.whole = Some(closed),
            None => return Err(syntax("a second message follows the first")),
            Some(Item { item_type: ItemType::Structure, form, .. }) => match form {
                Form::Items(items) => items.push(closed),
                _ => *form = Form::Items(vec![closed]),
            },
            Some(_) => return Err(syntax("elements stand in one that is no structure")),
        }
        Ok(())
    }
}

/// The item that an element says, but for the elements in it.
fn item(element: &BytesStart<'_>, position: usize) -> Result<Item, DecodeError> {
    let syntax = |what| Fault::Syntax { what, position };
    let (mut tag, mut item_type, mut form) = (None, ItemType::Structure, Form::Absent);
    let name = std::str::from_utf8(element.name().into_inner()).map_err(|_| Fault::NotUtf8)?;
    if name != UNNAMED {
        tag = Some(text::tag(name).map_err(|_| syntax("this element is no tag of the standard"))?);
    }
    for (count, attribute) in element.attributes().enumerate() {
        let attribute = attribute.map_err(|_| syntax("the attributes are not well-formed XML"))?;
        if count == ATTRIBUTES_MAX {
            return Err(syntax("the element has too many attributes").into());
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value =
            SecretText::from(value.map_err(|_| syntax("an attribute is not well-formed XML"))?.into_owned());
        let word = value.expose();
        if !word.chars().all(is_character) {
            return Err(syntax("an attribute holds a character that is none of XML's").into());
        }
        match attribute.key.into_inner() {
            b"tag" if name == UNNAMED => tag = Some(text::tag(word)?),
            b"type" => item_type = text::item_type(word)?,
            b"value" => form = Form::Word(value),
            b"name" | b"xmlns" => {}
            other if other.contains(&b':') => {}
            _ => return Err(syntax("the element has an attribute that is none of the standard's").into()),
        }
    }
    Ok(Item { tag: tag.ok_or_else(|| syntax("the element lacks a tag"))?, item_type, form })
}

/// Whether XML 1.0 has the character.
fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// Writes a tree as one element. Holds whatever secrets the tree holds.
///
/// # Errors
///
/// Where a text holds a character that XML has not.
pub(super) fn write(node: &Node) -> Result<SecretBytes, EncodeError> {
    let mut out = SecretBytes::default();
    element(&mut out, node, &Scope::default())?;
    Ok(out)
}

fn element(out: &mut SecretBytes, node: &Node, scope: &Scope) -> Result<(), EncodeError> {
    let name = node.tag.name().unwrap_or(UNNAMED);
    out.append(b"<");
    out.append(name.as_bytes());
    if name == UNNAMED {
        out.append(format!(" tag=\"0x{:06x}\"", node.tag.0).as_bytes());
    }
    match &node.value {
        Value::Structure(nodes) if nodes.is_empty() => {}
        Value::Structure(nodes) => {
            out.append(b">");
            let mut scope = Scope::default();
            for node in nodes {
                element(out, node, &scope)?;
                scope.pass(node);
            }
            out.append(b"</");
            out.append(name.as_bytes());
            out.append(b">");
            return Ok(());
        }
        value => {
            out.append(b" type=\"");
            out.append(value.item_type().name().as_bytes());
            out.append(b"\" value=\"");
            write_value(out, value, scope.meaning(node.tag))?;
            out.append(b"\"");
        }
    }
    out.append(b"/>");
    Ok(())
}

fn write_value(out: &mut SecretBytes, value: &Value, tag: Tag) -> Result<(), EncodeError> {
    match text::plain(value, tag, " ") {
        Plain::Number(number) | Plain::Short(number) => out.append(number.to_string().as_bytes()),
        Plain::Boolean(truth) => out.append(if truth { b"true" } else { b"false" }),
        Plain::Word(word) => out.append(word.as_bytes()),
        Plain::Bytes(bytes) | Plain::BigInteger(bytes) => text::append_hex(out, bytes),
        Plain::Text(text) => append_escaped(out, text)?,
    }
    Ok(())
}

fn append_escaped(out: &mut SecretBytes, text: &str) -> Result<(), EncodeError> {
    let mut begin = 0;
    for (at, c) in text.char_indices() {
        let escaped = match c {
            '<' => "&lt;",
            '>' => "&gt;",
            '&' => "&amp;",
            '"' => "&quot;",
            // As they are, a reader makes spaces of them.
            '\t' => "&#9;",
            '\n' => "&#10;",
            '\r' => "&#13;",
            c if is_character(c) => continue,
            _ => return Err(EncodeError::NotXml),
        };
        out.append(&text.as_bytes()[begin..at]);
        out.append(escaped.as_bytes());
        // What is escaped takes one byte.
        begin = at + 1;
    }
    out.append(&text.as_bytes()[begin..]);
    Ok(())
}
