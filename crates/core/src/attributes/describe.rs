//! A client's list of attributes as the description of an object to be made.

use super::{
    fields::{Reader, spelled},
    rules::rule,
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{Algorithm, AttributeKind, AttributeName, Curve, KeySpec, ObjectType, UsageMask, Value},
    operations::{Activation, Template},
};

/// What a client's attributes say about an object to be made.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// Everything that becomes an attribute of the object.
    pub template: Template,
    /// Algorithm.
    pub algorithm: Option<Algorithm>,
    /// Cryptographic length in bits.
    pub length_bits: Option<u32>,
    /// Curve.
    pub curve: Option<Curve>,
    /// Kind of object, where the attributes name it.
    pub object_type: Option<ObjectType>,
}

/// Reads a client's attributes. Repeated single-valued attributes are refused.
///
/// # Errors
/// `ReadOnlyAttribute` for one that only the server sets, `InvalidField` for a value that does not fit.
pub fn describe(attributes: impl IntoIterator<Item = (AttributeName, Value)>) -> Result<Described> {
    let mut described = Described::default();
    let mut seen: Vec<AttributeName> = Vec::new();
    for (name, value) in attributes {
        let rule = rule(&name);
        if !rule.given_by_client {
            let public = format!("{} is set by the server and cannot be given", spelled(&name));
            return Err(Error::new(ErrorKind::ReadOnlyAttribute, public));
        }
        if !rule.multiple && seen.contains(&name) {
            let public = format!("{} is given more than once", spelled(&name));
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        described.take(&name, value)?;
        seen.push(name);
    }
    Ok(described)
}

impl Described {
    /// The kind of key that is meant. A curve tells its length, and is told by it where only the length is given.
    ///
    /// # Errors
    /// `InvalidField` where the algorithm is missing, or no length is given or follows.
    pub fn spec(&self) -> Result<KeySpec> {
        let missing = |what: &str| Error::new(ErrorKind::InvalidField, format!("{what} is missing"));
        let algorithm = self.algorithm.ok_or_else(|| missing("Cryptographic Algorithm"))?;
        let (curve, length_bits) = match algorithm {
            Algorithm::Ec => {
                let curve = self.curve.or_else(|| self.length_bits.and_then(curve_of_length));
                let curve =
                    curve.ok_or_else(|| missing("Recommended Curve (in Cryptographic Domain Parameters)"))?;
                (Some(curve), self.length_bits.or_else(|| length_of_curve(curve)))
            }
            other => (None, other.only_length_bits().or(self.length_bits)),
        };
        let length_bits = length_bits.ok_or_else(|| missing("Cryptographic Length"))?;
        Ok(KeySpec { algorithm, length_bits, curve })
    }

    fn take(&mut self, name: &AttributeName, value: Value) -> Result<()> {
        let reader = Reader(name);
        let template = &mut self.template;
        let AttributeName::Standard(kind) = name else {
            template.further.entry(name.clone()).or_default().push(value);
            return Ok(());
        };
        match kind {
            AttributeKind::Name => template.names.push(reader.name(&value)?),
            AttributeKind::ObjectGroup => template.groups.push(reader.text(&value)?),
            AttributeKind::Link => template.links.push(reader.link(&value)?),
            AttributeKind::CryptographicParameters => template.parameters.push(reader.parameters(&value)?),
            AttributeKind::CryptographicUsageMask => template.usage = Some(UsageMask(reader.bits(&value)?)),
            AttributeKind::ActivationDate => template.activation = Activation::At(reader.date(&value)?),
            AttributeKind::ProcessStartDate => template.process_start = Some(reader.date(&value)?),
            AttributeKind::ProtectStopDate => template.protect_stop = Some(reader.date(&value)?),
            AttributeKind::DeactivationDate => template.deactivation = Some(reader.date(&value)?),
            AttributeKind::OriginalCreationDate => template.original_creation = Some(reader.date(&value)?),
            AttributeKind::Sensitive => template.sensitive = Some(reader.truth(&value)?),
            AttributeKind::Extractable => template.extractable = Some(reader.truth(&value)?),
            AttributeKind::CertificateType | AttributeKind::OpaqueDataType => {
                template.subtype = Some(reader.code(&value)?);
            }
            AttributeKind::CryptographicAlgorithm => self.take_algorithm(name, &value)?,
            AttributeKind::CryptographicLength => self.length_bits = Some(reader.count(&value)?),
            AttributeKind::CryptographicDomainParameters => {
                let curve = super::part(&value, "RecommendedCurve");
                self.curve = curve.map(|curve| reader.code(curve)).transpose()?.map(Curve::from_code);
                template.further.insert(name.clone(), vec![value]);
            }
            AttributeKind::ObjectType => {
                let wrong = || Error::new(ErrorKind::InvalidField, "there is no object type of this code");
                self.object_type = Some(ObjectType::from_code(reader.code(&value)?).ok_or_else(wrong)?);
            }
            AttributeKind::UsageLimits => {
                template.further.insert(name.clone(), vec![reader.usage_limits(&value)?]);
            }
            AttributeKind::RotateAutomatic => {
                reader.truth(&value)?;
                template.further.insert(name.clone(), vec![value]);
            }
            // A new object is fresh whatever the client says, a length is counted, and where material is kept is the
            // server's choice, told truthfully.
            AttributeKind::Fresh
            | AttributeKind::CertificateLength
            | AttributeKind::ProtectionStorageMask => {}
            _ => template.further.entry(name.clone()).or_default().push(value),
        }
        Ok(())
    }

    /// KMIP has several codes for what is one algorithm here (EC, ECDSA, ECDH): the client's own is kept beside it.
    fn take_algorithm(&mut self, name: &AttributeName, value: &Value) -> Result<()> {
        const ECDSA: u32 = 0x06;
        const ECDH: u32 = 0x0E;
        let code = Reader(name).code(value)?;
        self.algorithm = Some(match code {
            ECDSA | ECDH => {
                self.template.further.insert(name.clone(), vec![value.clone()]);
                Algorithm::Ec
            }
            other => Algorithm::from_code(other),
        });
        Ok(())
    }
}

/// Where only a length is given, the first curve of that length is meant.
const CURVES: [(Curve, u32); 5] = [
    (Curve::P256, 256),
    (Curve::P384, 384),
    (Curve::P521, 521),
    (Curve::Secp256k1, 256),
    (Curve::Curve25519, 256),
];

fn curve_of_length(length_bits: u32) -> Option<Curve> {
    CURVES.iter().find(|(_, length)| *length == length_bits).map(|(curve, _)| *curve)
}

fn length_of_curve(curve: Curve) -> Option<u32> {
    CURVES.iter().find(|(known, _)| *known == curve).map(|(_, length)| *length)
}
