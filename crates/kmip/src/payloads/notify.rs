//! Notify: a server tells a client which attributes of an object have changed.

use crate::attributes::{Attribute, AttributeReference, Attributes};
use crate::error::DecodeError;
use crate::schema::{Field, Fields, Version, Wire, structure};
use crate::tags::Tag;
use crate::ttlv::Value;
use crate::ttlv::binary::Writer;
use crate::values::UniqueIdentifier;

/// The request of Notify, which only servers send.
///
/// In 1.x what was deleted stands among the attributes, without a value; in 2.x it has a place of its own.
///
/// # Standard
///
/// KMIP 2.1, section 6.2.2; KMIP 1.4, section 5.1.
pub struct NotifyRequest {
    /// The object.
    pub unique_identifier: UniqueIdentifier,
    /// The attributes that were changed, Last Change Date among them.
    pub attributes: Attributes,
    /// The attributes that were deleted.
    pub deleted: Vec<AttributeReference>,
}

impl Wire for NotifyRequest {
    fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
        let mut fields = Fields::of(value, version)?;
        let unique_identifier = Field::take(&mut fields, Tag::UNIQUE_IDENTIFIER)?;
        if version.has_tagged_attributes() {
            let attributes: Option<Attributes> = Field::take(&mut fields, Tag::ATTRIBUTE)?;
            let deleted = Field::take(&mut fields, Tag::ATTRIBUTE_REFERENCE)?;
            return Ok(Self { unique_identifier, attributes: attributes.unwrap_or_default(), deleted });
        }
        let (mut attributes, mut deleted) = (Attributes::default(), Vec::new());
        let named = fields.nodes().iter_mut().filter(|node| node.tag == Tag::ATTRIBUTE).enumerate();
        for (index, node) in named {
            let mut read = || {
                let mut attribute = Fields::of(&mut node.value, version)?;
                if attribute.single(Tag::ATTRIBUTE_VALUE)?.is_some() {
                    attributes.0.push(Attribute::read(&mut node.value, version)?);
                } else {
                    deleted.push(Field::take(&mut attribute, Tag::ATTRIBUTE_NAME)?);
                }
                Ok(())
            };
            read().map_err(|error: DecodeError| error.within_repeated(Tag::ATTRIBUTE, index))?;
        }
        Ok(Self { unique_identifier, attributes, deleted })
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        let version = writer.version();
        writer.structure(tag, |writer| {
            self.unique_identifier.put(writer, Tag::UNIQUE_IDENTIFIER);
            self.attributes.put(writer, Tag::ATTRIBUTE);
            if version.has_tagged_attributes() {
                return self.deleted.put(writer, Tag::ATTRIBUTE_REFERENCE);
            }
            for deleted in self.deleted.iter().filter(|deleted| deleted.name_in(version).is_some()) {
                writer.structure(Tag::ATTRIBUTE, |writer| deleted.put(writer, Tag::ATTRIBUTE_NAME));
            }
        });
    }
}

#[cfg(test)]
impl crate::schema::Sample for NotifyRequest {
    fn sample() -> Self {
        use crate::schema::Sample;
        Self { unique_identifier: Sample::sample(), attributes: Sample::sample(), deleted: Sample::sample() }
    }
}

structure! {
    /// The response of Notify.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.2.2; KMIP 1.4, section 5.1.
    #[derive(Default)]
    NotifyResponse {}
}
