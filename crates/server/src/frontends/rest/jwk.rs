//! JSON Web Keys: from and to the encodings that keys are kept in. Not here: whether the numbers are those of a key, which
//! the crypto port checks.
//!
//! # Standard
//! RFC 7517, RFC 7518 section 6, RFC 8037; RFC 8812 for secp256k1.

use crate::reason::{is_name, reason};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyreeve_core::model::{KeyFormat, KeyMaterial, KeySpec, ObjectType};
use keyreeve_core::operations::import::Decoded;
use keyreeve_core::{Error, ErrorKind, Result, SecretBytes};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef, UintRef};
use pkcs8::der::asn1::{AnyRef, BitStringRef, OctetStringRef};
use pkcs8::der::{Decode, Encode};
use pkcs8::{AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef};
use sec1::{EcParameters, EcPrivateKey};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// RFC 5480 section 2.1.1.
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// Curves by their JWK name, identifier, and bytes of a coordinate.
const CURVES: &[(&str, ObjectIdentifier, usize)] = &[
    ("P-256", ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), 32),
    ("P-384", ObjectIdentifier::new_unwrap("1.3.132.0.34"), 48),
    ("P-521", ObjectIdentifier::new_unwrap("1.3.132.0.35"), 66),
    ("secp256k1", ObjectIdentifier::new_unwrap("1.3.132.0.10"), 32),
];

/// Octet key pairs by their JWK name and identifier (RFC 8410).
const OCTET_PAIRS: &[(&str, ObjectIdentifier)] = &[
    ("Ed25519", ObjectIdentifier::new_unwrap("1.3.101.112")),
    ("X25519", ObjectIdentifier::new_unwrap("1.3.101.110")),
];

/// A JSON Web Key; what it says about itself besides (`kid`, `use`, `key_ops`) is passed over. May hold secrets.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    alg: Option<String>,
    crv: Option<String>,
    k: Option<Number>,
    n: Option<Number>,
    e: Option<Number>,
    d: Option<Number>,
    p: Option<Number>,
    q: Option<Number>,
    dp: Option<Number>,
    dq: Option<Number>,
    qi: Option<Number>,
    x: Option<Number>,
    y: Option<Number>,
}

/// Bytes in base64url.
struct Number(Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let number = URL_SAFE_NO_PAD.decode(&*text).map(Zeroizing::new).map(Self);
        number.map_err(|_| de::Error::custom("a number is not in base64url"))
    }
}

/// Reads a JWK.
///
/// # Errors
/// `InvalidField` for one that is malformed or incomplete, `Unsupported` for kinds and curves that are not offered.
pub(super) fn decode(text: &[u8]) -> Result<Decoded> {
    let jwk: Jwk = serde_json::from_slice(text).map_err(|error| {
        invalid(format!("this is no JSON Web Key: {}", reason(&error.to_string(), is_name)))
    })?;
    match jwk.kty.as_str() {
        "oct" => jwk.secret(),
        "RSA" => jwk.rsa(),
        "EC" => jwk.ec(),
        "OKP" => jwk.octet_pair(),
        other => Err(unsupported(format!(
            "a JSON Web Key of kty {other:?} is not offered; oct, RSA, EC and OKP are"
        ))),
    }
}

/// The public key of a SubjectPublicKeyInfo.
///
/// # Errors
/// `Unsupported` for algorithms that JWK has no name for.
pub(super) fn encode_public(spki: &[u8]) -> Result<Map<String, Value>> {
    let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(Error::internal)?;
    let key = info.subject_public_key.raw_bytes();
    if info.algorithm.oid == pkcs1::ALGORITHM_OID {
        let key = RsaPublicKeyRef::from_der(key).map_err(Error::internal)?;
        return Ok(fields("RSA", &[("n", key.modulus.as_bytes()), ("e", key.public_exponent.as_bytes())]));
    }
    if let Some((name, _)) = OCTET_PAIRS.iter().find(|(_, oid)| *oid == info.algorithm.oid) {
        let mut jwk = fields("OKP", &[("x", key)]);
        jwk.insert("crv".to_owned(), (*name).into());
        return Ok(jwk);
    }
    let curve = info.algorithm.parameters_oid().ok().filter(|_| info.algorithm.oid == EC);
    let (name, _, length) =
        CURVES.iter().find(|(_, oid, _)| Some(*oid) == curve).ok_or_else(|| unnamed(&info.algorithm.oid))?;
    let (x, y) = coordinates(key, *length)?;
    let mut jwk = fields("EC", &[("x", x), ("y", y)]);
    jwk.insert("crv".to_owned(), (*name).into());
    Ok(jwk)
}

/// A key of the server's with its secret parts; `spki`: its public half, where it has one. Holds secrets.
///
/// # Errors
/// `Unsupported` for algorithms that JWK has no name for.
pub(crate) fn encode(material: &KeyMaterial, spki: Option<&[u8]>) -> Result<Map<String, Value>> {
    let bytes = material.bytes.expose();
    let Some(spki) = spki else { return Ok(fields("oct", &[("k", bytes)])) };
    let mut jwk = encode_public(spki)?;
    let inner = match material.format {
        KeyFormat::Pkcs8 => {
            PrivateKeyInfoRef::from_der(bytes).map_err(Error::internal)?.private_key.as_bytes()
        }
        _ => bytes,
    };
    let secret: Vec<(&str, &[u8])> = match jwk["kty"].as_str() {
        Some("RSA") => {
            let key = RsaPrivateKeyRef::from_der(inner).map_err(Error::internal)?;
            let numbers = [
                ("d", key.private_exponent),
                ("p", key.prime1),
                ("q", key.prime2),
                ("dp", key.exponent1),
                ("dq", key.exponent2),
                ("qi", key.coefficient),
            ];
            numbers.iter().map(|(name, number)| (*name, number.as_bytes())).collect()
        }
        Some("EC") => vec![("d", EcPrivateKey::from_der(inner).map_err(Error::internal)?.private_key)],
        _ => vec![("d", <&OctetStringRef>::from_der(inner).map_err(Error::internal)?.as_bytes())],
    };
    jwk.extend(secret.into_iter().map(|(name, value)| (name.to_owned(), base64(value))));
    Ok(jwk)
}

impl Jwk {
    fn secret(self) -> Result<Decoded> {
        let bytes = SecretBytes::copy_from(number(&self.k, "k")?);
        let spec = self.alg.as_deref().and_then(|alg| match (alg, bytes.len() * 8) {
            ("HS256", 256) => KeySpec::from_name("hmac-sha256"),
            ("HS384", 384) => KeySpec::from_name("hmac-sha384"),
            ("HS512", 512) => KeySpec::from_name("hmac-sha512"),
            (alg, bits) if alg.starts_with(&format!("A{bits}")) => KeySpec::from_name(&format!("aes-{bits}")),
            _ => None,
        });
        Ok(decoded(ObjectType::SymmetricKey, spec, KeyFormat::Raw, bytes))
    }

    fn rsa(self) -> Result<Decoded> {
        let uint = |field: &'static str, value| {
            UintRef::new(value).map_err(|_| invalid(format!("{field} is no number")))
        };
        let (modulus, public_exponent) =
            (uint("n", number(&self.n, "n")?)?, uint("e", number(&self.e, "e")?)?);
        if self.d.is_none() {
            let der = encoded(&RsaPublicKeyRef { modulus, public_exponent })?;
            return Ok(decoded(ObjectType::PublicKey, None, KeyFormat::Pkcs1, der));
        }
        let key = RsaPrivateKeyRef {
            modulus,
            public_exponent,
            private_exponent: uint("d", number(&self.d, "d")?)?,
            prime1: uint("p", number(&self.p, "p")?)?,
            prime2: uint("q", number(&self.q, "q")?)?,
            exponent1: uint("dp", number(&self.dp, "dp")?)?,
            exponent2: uint("dq", number(&self.dq, "dq")?)?,
            coefficient: uint("qi", number(&self.qi, "qi")?)?,
            other_prime_infos: None,
        };
        Ok(decoded(ObjectType::PrivateKey, None, KeyFormat::Pkcs1, encoded(&key)?))
    }

    fn ec(self) -> Result<Decoded> {
        let name = self.crv.as_deref().unwrap_or_default();
        let (_, oid, length) = CURVES
            .iter()
            .find(|(known, ..)| *known == name)
            .ok_or_else(|| unsupported(format!("a JSON Web Key of crv {name:?} is not offered")))?;
        let (x, y) = (number(&self.x, "x")?, number(&self.y, "y")?);
        if x.len() != *length || y.len() != *length {
            return Err(invalid(format!("x and y have {length} bytes on {name}")));
        }
        let point = [&[4], x, y].concat();
        if self.d.is_some() {
            let private_key = number(&self.d, "d")?;
            let key = EcPrivateKey {
                private_key,
                parameters: Some(EcParameters::NamedCurve(*oid)),
                public_key: Some(&point),
            };
            return Ok(decoded(ObjectType::PrivateKey, None, KeyFormat::EcPrivateKey, encoded(&key)?));
        }
        let algorithm = AlgorithmIdentifierRef { oid: EC, parameters: Some(AnyRef::from(oid)) };
        public(algorithm, &point)
    }

    fn octet_pair(self) -> Result<Decoded> {
        let name = self.crv.as_deref().unwrap_or_default();
        let (_, oid) = OCTET_PAIRS
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| unsupported(format!("a JSON Web Key of crv {name:?} is not offered")))?;
        let algorithm = AlgorithmIdentifierRef { oid: *oid, parameters: None };
        let x = number(&self.x, "x")?;
        if self.d.is_none() {
            return public(algorithm, x);
        }
        let inner = OctetStringRef::new(number(&self.d, "d")?).map_err(Error::internal)?;
        let inner = encoded(&inner)?;
        let private_key = OctetStringRef::new(inner.expose()).map_err(Error::internal)?;
        let key = PrivateKeyInfoRef::new(algorithm, private_key);
        Ok(decoded(ObjectType::PrivateKey, None, KeyFormat::Pkcs8, encoded(&key)?))
    }
}

fn public(algorithm: AlgorithmIdentifierRef<'_>, key: &[u8]) -> Result<Decoded> {
    let subject_public_key = BitStringRef::from_bytes(key).map_err(Error::internal)?;
    let der = encoded(&SubjectPublicKeyInfoRef { algorithm, subject_public_key })?;
    Ok(decoded(ObjectType::PublicKey, None, KeyFormat::Spki, der))
}

fn decoded(object_type: ObjectType, spec: Option<KeySpec>, format: KeyFormat, bytes: SecretBytes) -> Decoded {
    Decoded { object_type, spec, material: KeyMaterial { format, bytes } }
}

fn encoded(value: &impl Encode) -> Result<SecretBytes> {
    value.to_der().map(SecretBytes::new).map_err(Error::internal)
}

fn number<'a>(number: &'a Option<Number>, field: &str) -> Result<&'a [u8]> {
    match number {
        Some(Number(bytes)) => Ok(bytes),
        None => Err(invalid(format!("the JSON Web Key has no {field:?}"))),
    }
}

fn coordinates(point: &[u8], length: usize) -> Result<(&[u8], &[u8])> {
    match point.split_first() {
        Some((4, rest)) if rest.len() == 2 * length => Ok(rest.split_at(length)),
        _ => Err(Error::internal("a public point that is not written out")),
    }
}

fn fields(kind: &str, numbers: &[(&str, &[u8])]) -> Map<String, Value> {
    let kind = ("kty".to_owned(), Value::from(kind));
    let numbers = numbers.iter().map(|(name, value)| ((*name).to_owned(), base64(value)));
    std::iter::once(kind).chain(numbers).collect()
}

fn base64(bytes: &[u8]) -> Value {
    URL_SAFE_NO_PAD.encode(bytes).into()
}

fn invalid(public: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidField, public)
}

fn unsupported(public: String) -> Error {
    Error::new(ErrorKind::Unsupported, public)
}

fn unnamed(algorithm: &ObjectIdentifier) -> Error {
    unsupported(format!("JSON Web Keys have no name for keys of {algorithm}; take them as pem"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7517 appendix A.1 and A.2, RFC 8037 appendix A.
    const EC_KEY: &str = r#"{"kty":"EC","crv":"P-256",
        "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","use":"enc","kid":"1"}"#;
    const ED25519_KEY: &str = r#"{"kty":"OKP","crv":"Ed25519",
        "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn spki(decoded: &Decoded) -> Vec<u8> {
        use keyreeve_core::ports::crypto::Crypto as _;
        let crypto = keyreeve_crypto::SoftwareCrypto::new();
        crypto.parse(decoded.object_type, None, &decoded.material).unwrap().public_key().unwrap()
    }

    #[test]
    fn published_private_keys_come_back_as_they_were() {
        for text in [EC_KEY, ED25519_KEY] {
            let decoded = decode(text.as_bytes()).unwrap();
            assert!(decoded.object_type == ObjectType::PrivateKey);
            let again = encode(&decoded.material, Some(&spki(&decoded))).unwrap();
            let mut given: Map<String, Value> = serde_json::from_str(text).unwrap();
            given.retain(|name, _| name != "use" && name != "kid");
            assert_eq!(again, given);
        }
    }

    #[test]
    fn public_halves_come_back_as_they_were() {
        for text in [EC_KEY, ED25519_KEY] {
            let mut given: Map<String, Value> = serde_json::from_str(text).unwrap();
            given.retain(|name, _| !["use", "kid", "d"].contains(&name.as_str()));
            let decoded = decode(Value::from(given.clone()).to_string().as_bytes()).unwrap();
            assert!(decoded.object_type == ObjectType::PublicKey);
            assert_eq!(encode_public(decoded.material.bytes.expose()).unwrap(), given);
        }
    }

    #[test]
    fn a_generated_rsa_key_survives_the_way_there_and_back() {
        use keyreeve_core::ports::crypto::{Crypto as _, Generated};
        let crypto = keyreeve_crypto::SoftwareCrypto::new();
        let Generated::Pair { private, .. } =
            crypto.generate(&KeySpec::from_name("rsa-2048").unwrap()).unwrap()
        else {
            panic!("RSA keys are pairs");
        };
        let spki = crypto.parse(ObjectType::PrivateKey, None, &private).unwrap().public_key().unwrap();
        let jwk = Value::from(encode(&private, Some(&spki)).unwrap());
        let decoded = decode(jwk.to_string().as_bytes()).unwrap();
        assert_eq!(decoded.material.bytes.expose(), private.bytes.expose());
    }

    #[test]
    fn what_is_no_key_is_refused_in_words() {
        for (text, word) in [
            ("[]", "JSON Web Key"),
            (r#"{"kty":"oct"}"#, "\"k\""),
            (r#"{"kty":"oct","k":"*"}"#, "JSON Web Key"),
            (r#"{"kty":"LMS"}"#, "LMS"),
            (r#"{"kty":"EC","crv":"P-257","x":"","y":""}"#, "P-257"),
            (r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#, "32 bytes"),
            (r#"{"kty":"RSA","n":"AQAB"}"#, "\"e\""),
        ] {
            let Err(error) = decode(text.as_bytes()) else { panic!("{text} was taken") };
            assert!(error.public().contains(word), "{text}: {}", error.public());
        }
    }
}
