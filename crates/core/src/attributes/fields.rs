//! Typed fields of the model as `Value` and back. Structure fields bear their KMIP names.

use crate::{
    error::{Error, ErrorKind, Result},
    model::{
        Algorithm, AttributeKind, AttributeName, BlockCipherMode, CryptoParameters, Digest, HashAlgorithm,
        KeyFormat, Link, LinkType, MaskGenerator, Name, PaddingMethod, Revocation, SignatureScheme, Time,
        UsageUnit, Value,
    },
};

const NAME_TYPE_TEXT: u32 = 1;
const NAME_TYPE_URI: u32 = 2;
const MASK_GENERATOR_MGF1: u32 = 1;

/// A field of a structure.
pub(crate) fn part<'v>(value: &'v Value, field: &str) -> Option<&'v Value> {
    match value {
        Value::Structure(fields) => fields.iter().find(|(name, _)| name == field).map(|(_, value)| value),
        _ => None,
    }
}

/// A structure of the fields that are there.
fn structure<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let present = fields.into_iter().filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)));
    Value::Structure(present.collect())
}

/// Reads values out of what a client gave for one attribute, and says so where they do not fit.
pub(super) struct Reader<'n>(pub(super) &'n AttributeName);

impl Reader<'_> {
    fn wrong(&self, what: &str) -> Error {
        Error::new(ErrorKind::InvalidField, format!("{}: {what}", spelled(self.0)))
    }

    pub(super) fn text(&self, value: &Value) -> Result<String> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            _ => Err(self.wrong("expected text")),
        }
    }

    pub(super) fn date(&self, value: &Value) -> Result<Time> {
        match value {
            Value::Date(date) => Ok(*date),
            _ => Err(self.wrong("expected a date")),
        }
    }

    pub(super) fn truth(&self, value: &Value) -> Result<bool> {
        match value {
            Value::Boolean(truth) => Ok(*truth),
            _ => Err(self.wrong("expected true or false")),
        }
    }

    pub(super) fn code(&self, value: &Value) -> Result<u32> {
        match value {
            Value::Enumeration(code) => Ok(*code),
            _ => Err(self.wrong("expected an enumeration")),
        }
    }

    pub(super) fn bits(&self, value: &Value) -> Result<u32> {
        match value {
            Value::Integer(bits) => Ok(*bits as u32),
            _ => Err(self.wrong("expected an integer")),
        }
    }

    fn long(&self, value: &Value) -> Result<i64> {
        match value {
            Value::LongInteger(number) => Ok(*number),
            _ => Err(self.wrong("expected a long integer")),
        }
    }

    fn bytes(&self, value: &Value) -> Result<Vec<u8>> {
        match value {
            Value::Bytes(bytes) => Ok(bytes.clone()),
            _ => Err(self.wrong("expected bytes")),
        }
    }

    /// A count, size or length that cannot be negative.
    pub(super) fn count(&self, value: &Value) -> Result<u32> {
        match value {
            Value::Integer(number) => u32::try_from(*number).map_err(|_| self.wrong("must not be negative")),
            _ => Err(self.wrong("expected an integer")),
        }
    }

    fn optional<T>(
        &self,
        of: &Value,
        field: &str,
        read: fn(&Self, &Value) -> Result<T>,
    ) -> Result<Option<T>> {
        part(of, field).map(|value| read(self, value)).transpose()
    }

    fn required<T>(&self, of: &Value, field: &str, read: fn(&Self, &Value) -> Result<T>) -> Result<T> {
        self.optional(of, field, read)?.ok_or_else(|| self.wrong(&format!("{field} is missing")))
    }

    pub(super) fn name(&self, value: &Value) -> Result<Name> {
        let kind = self.optional(value, "NameType", Self::code)?.unwrap_or(NAME_TYPE_TEXT);
        Ok(Name { value: self.required(value, "NameValue", Self::text)?, is_uri: kind == NAME_TYPE_URI })
    }

    pub(super) fn link(&self, value: &Value) -> Result<Link> {
        Ok(Link {
            kind: LinkType::from_code(self.required(value, "LinkType", Self::code)?),
            target: self.required(value, "LinkedObjectIdentifier", Self::text)?,
        })
    }

    /// Usage Limits in full. What is left is all of it: a client sets the total, and only the server counts.
    pub(super) fn usage_limits(&self, value: &Value) -> Result<Value> {
        let total = self.required(value, "UsageLimitsTotal", Self::long)?;
        let unit = self.required(value, "UsageLimitsUnit", Self::code)?;
        if total < 0 {
            return Err(self.wrong("the total must not be negative"));
        }
        Ok(usage_limits(total, total, unit))
    }

    pub(super) fn parameters(&self, value: &Value) -> Result<CryptoParameters> {
        let code = |field| self.optional(value, field, Self::code);
        let count = |field| self.optional(value, field, Self::count);
        let mask_hash = code("MaskGeneratorHashingAlgorithm")?.map(HashAlgorithm::from_code);
        let mask_generator = match code("MaskGenerator")? {
            Some(MASK_GENERATOR_MGF1) | None => mask_hash.map(MaskGenerator::Mgf1),
            Some(_) => return Err(self.wrong("the only mask generator is MGF1")),
        };
        Ok(CryptoParameters {
            mode: code("BlockCipherMode")?.map(BlockCipherMode::from_code),
            padding: code("PaddingMethod")?.map(PaddingMethod::from_code),
            hash: code("HashingAlgorithm")?.map(HashAlgorithm::from_code),
            signature: code("DigitalSignatureAlgorithm")?.map(SignatureScheme::from_code),
            algorithm: code("CryptographicAlgorithm")?.map(Algorithm::from_code),
            random_iv: self.optional(value, "RandomIV", Self::truth)?,
            iv_length: count("IVLength")?,
            tag_length: count("TagLength")?,
            fixed_field_length_bits: count("FixedFieldLength")?,
            invocation_field_length_bits: count("InvocationFieldLength")?,
            counter_length_bits: count("CounterLength")?,
            initial_counter_value: count("InitialCounterValue")?,
            salt_length: count("SaltLength")?,
            mask_generator,
            oaep_label: self.optional(value, "PSource", Self::bytes)?,
            trailer_field: count("TrailerField")?,
            key_role_type: code("KeyRoleType")?,
        })
    }
}

/// How an attribute is called in texts for people.
pub(crate) fn spelled(name: &AttributeName) -> String {
    match name {
        AttributeName::Standard(kind) => kind.word().to_owned(),
        AttributeName::Vendor { vendor, name } => format!("{vendor}-{name}"),
    }
}

pub(super) fn name(name: &Name) -> Value {
    let kind = if name.is_uri { NAME_TYPE_URI } else { NAME_TYPE_TEXT };
    structure([
        ("NameValue", Some(Value::Text(name.value.clone()))),
        ("NameType", Some(Value::Enumeration(kind))),
    ])
}

pub(super) fn link(link: &Link) -> Value {
    structure([
        ("LinkType", Some(Value::Enumeration(link.kind.code()))),
        ("LinkedObjectIdentifier", Some(Value::Text(link.target.clone()))),
    ])
}

pub(super) fn usage_limits(total: i64, count: i64, unit: u32) -> Value {
    structure([
        ("UsageLimitsTotal", Some(Value::LongInteger(total))),
        ("UsageLimitsCount", Some(Value::LongInteger(count))),
        ("UsageLimitsUnit", Some(Value::Enumeration(unit))),
    ])
}

/// `format`: what to tell instead of the digest's own.
pub(super) fn digest(digest: &Digest, format: Option<KeyFormat>) -> Value {
    structure([
        ("HashingAlgorithm", Some(Value::Enumeration(digest.hash.code()))),
        ("DigestValue", Some(Value::Bytes(digest.value.clone()))),
        ("KeyFormatType", Some(Value::Enumeration(format.unwrap_or(digest.format).code()))),
    ])
}

pub(super) fn revocation(revocation: &Revocation) -> Value {
    structure([
        ("RevocationReasonCode", Some(Value::Enumeration(revocation.reason.code()))),
        ("RevocationMessage", revocation.message.clone().map(Value::Text)),
    ])
}

pub(super) fn domain_parameters(curve: u32) -> Value {
    structure([("RecommendedCurve", Some(Value::Enumeration(curve)))])
}

pub(super) fn parameters(of: &CryptoParameters) -> Value {
    let code = |code: Option<u32>| code.map(Value::Enumeration);
    let count = |count: Option<u32>| count.map(|count| Value::Integer(count as i32));
    let mask_hash = of.mask_generator.map(|MaskGenerator::Mgf1(hash)| hash.code());
    structure([
        ("BlockCipherMode", code(of.mode.map(BlockCipherMode::code))),
        ("PaddingMethod", code(of.padding.map(PaddingMethod::code))),
        ("HashingAlgorithm", code(of.hash.map(HashAlgorithm::code))),
        ("KeyRoleType", code(of.key_role_type)),
        ("DigitalSignatureAlgorithm", code(of.signature.map(SignatureScheme::code))),
        ("CryptographicAlgorithm", code(of.algorithm.map(Algorithm::code))),
        ("RandomIV", of.random_iv.map(Value::Boolean)),
        ("IVLength", count(of.iv_length)),
        ("TagLength", count(of.tag_length)),
        ("FixedFieldLength", count(of.fixed_field_length_bits)),
        ("InvocationFieldLength", count(of.invocation_field_length_bits)),
        ("CounterLength", count(of.counter_length_bits)),
        ("InitialCounterValue", count(of.initial_counter_value)),
        ("SaltLength", count(of.salt_length)),
        ("MaskGenerator", code(mask_hash.map(|_| MASK_GENERATOR_MGF1))),
        ("MaskGeneratorHashingAlgorithm", code(mask_hash)),
        ("PSource", of.oaep_label.clone().map(Value::Bytes)),
        ("TrailerField", count(of.trailer_field)),
    ])
}

/// The attribute Usage Limits with nothing spent; `total` is cut at `i64::MAX`.
pub fn new_usage_limits(total: u64, unit: UsageUnit) -> (AttributeName, Value) {
    let total = i64::try_from(total).unwrap_or(i64::MAX);
    (AttributeName::Standard(AttributeKind::UsageLimits), usage_limits(total, total, unit.code()))
}

/// Usage Limits less what was used up of them since they were granted.
pub(super) fn spent(limits: &Value, units: u64) -> Value {
    match (
        part(limits, "UsageLimitsTotal"),
        part(limits, "UsageLimitsCount"),
        part(limits, "UsageLimitsUnit"),
    ) {
        (
            Some(Value::LongInteger(total)),
            Some(Value::LongInteger(count)),
            Some(Value::Enumeration(unit)),
        ) => {
            let units = i64::try_from(units).unwrap_or(i64::MAX);
            usage_limits(*total, count.saturating_sub(units).max(0), *unit)
        }
        _ => limits.clone(),
    }
}

/// True where a restore has taken something from these Usage Limits.
pub(super) fn is_spent(limits: &Value) -> bool {
    match (part(limits, "UsageLimitsTotal"), part(limits, "UsageLimitsCount")) {
        (Some(Value::LongInteger(total)), Some(Value::LongInteger(count))) => count < total,
        _ => false,
    }
}

/// Usage Limits as they were before the first use, for a new version of a key.
pub(crate) fn unspent(limits: &Value) -> Value {
    match (part(limits, "UsageLimitsTotal"), part(limits, "UsageLimitsUnit")) {
        (Some(Value::LongInteger(total)), Some(Value::Enumeration(unit))) => {
            usage_limits(*total, *total, *unit)
        }
        _ => limits.clone(),
    }
}
