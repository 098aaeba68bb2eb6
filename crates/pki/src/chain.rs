//! Validating chains of certificates. Not here: who was revoked, which the caller knows of its own objects.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter,
    anchor_from_trusted_cert,
};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

/// Whether a chain is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainValidity {
    /// Every certificate is, up to a self-signed one.
    Valid,
    /// One is not: expired, not valid yet, malformed, wrongly signed, or by an issuer that may not.
    Invalid,
    /// No path leads to a self-signed certificate of an authority, or one cannot be judged here.
    Unknown,
}

/// Says whether certificates (DER, in any order) are valid at a moment in Unix seconds. The trust anchors are the
/// self-signed certificates of authorities among them. Every other one must lead to an anchor, an authority's as part of
/// the path of one that is none. Extended key usages are not asked for, and nothing is fetched.
///
/// # Standard
/// RFC 5280 section 6.1, without policies.
pub fn validate_chain(certificates: &[&[u8]], at_seconds: i64) -> ChainValidity {
    // Who names one and sends it too means one.
    let mut certificates = certificates.to_vec();
    certificates.sort_unstable();
    certificates.dedup();
    let parsed: Option<Vec<X509Certificate<'_>>> = certificates.iter().map(|der| parse(der)).collect();
    let Some(parsed) = parsed else { return ChainValidity::Invalid };
    let at = ASN1Time::from_timestamp(at_seconds).ok().zip(u64::try_from(at_seconds).ok());
    let Some((date, seconds)) = at else { return ChainValidity::Unknown };
    if parsed.iter().any(|certificate| !certificate.validity().is_valid_at(date)) {
        return ChainValidity::Invalid;
    }
    let (anchors, others): (Vec<_>, Vec<_>) = certificates
        .iter()
        .zip(&parsed)
        .partition(|(der, parsed)| is_authority(parsed) && is_self_signed(der, parsed));
    if anchors.is_empty() {
        return ChainValidity::Unknown;
    }
    let authorities = |of: &[(&&[u8], &X509Certificate<'_>)]| -> Vec<CertificateDer<'static>> {
        let only = of.iter().filter(|(_, parsed)| is_authority(parsed));
        only.map(|(der, _)| CertificateDer::from(der.to_vec())).collect()
    };
    let leaves =
        others.iter().filter(|(_, parsed)| !parsed.is_ca()).map(|(der, _)| CertificateDer::from(**der));
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    lead_to_anchors(
        &leaves.collect::<Vec<_>>(),
        &authorities(&anchors),
        &authorities(&others),
        time,
        others.len(),
    )
}

/// Whether a certificate (DER) counts under an authority (DER) at a moment in Unix seconds, name constraints included.
pub(crate) fn leads_to(certificate: &[u8], authority: &[u8], at_seconds: i64) -> bool {
    let Ok(seconds) = u64::try_from(at_seconds) else { return false };
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let (leaf, anchor) = (CertificateDer::from(certificate), CertificateDer::from(authority.to_vec()));
    lead_to_anchors(&[leaf], &[anchor], &[], time, 1) == ChainValidity::Valid
}

/// Whether every leaf leads to an anchor, and no certificate of `others` is left over.
fn lead_to_anchors(
    leaves: &[CertificateDer<'_>],
    anchors: &[CertificateDer<'static>],
    intermediates: &[CertificateDer<'static>],
    time: UnixTime,
    others: usize,
) -> ChainValidity {
    let trusted: Result<Vec<TrustAnchor<'_>>, Error> = anchors.iter().map(anchor_from_trusted_cert).collect();
    let Ok(trusted) = trusted else { return ChainValidity::Invalid };
    let mut passed: Vec<CertificateDer<'_>> = Vec::new();
    for leaf in leaves {
        let verified = EndEntityCert::try_from(leaf).and_then(|leaf| {
            let path = leaf.verify_for_usage(
                ALL_VERIFICATION_ALGS,
                &trusted,
                intermediates,
                time,
                AnyUsage,
                None,
                None,
            )?;
            Ok(path.intermediate_certificates().map(|one| one.der().into_owned()).collect::<Vec<_>>())
        });
        match verified {
            Ok(path) => {
                passed.extend(path.into_iter().filter(|one| !passed.contains(one)).collect::<Vec<_>>())
            }
            Err(error) => return of_error(&error),
        }
    }
    if passed.len() + leaves.len() < others { ChainValidity::Unknown } else { ChainValidity::Valid }
}

/// What cannot be found out is no fault of the chain.
fn of_error(error: &Error) -> ChainValidity {
    match error {
        Error::UnknownIssuer
        | Error::MaximumPathDepthExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumNameConstraintComparisonsExceeded
        | Error::UnsupportedCertVersion
        | Error::UnsupportedCriticalExtension
        | Error::UnsupportedNameType
        | Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => ChainValidity::Unknown,
        _ => ChainValidity::Invalid,
    }
}

/// Whether the key of the certificate `issuer` (DER) made the signature of `certificate` (DER), by an algorithm that
/// counts today. Names and dates are not looked at.
pub(crate) fn is_signed_by(certificate: &[u8], issuer: &[u8]) -> bool {
    let Some(parsed) = parse(certificate) else { return false };
    let issuer = CertificateDer::from(issuer);
    let Ok(issuer) = EndEntityCert::try_from(&issuer) else { return false };
    let algorithm = &parsed.signature_algorithm.algorithm;
    if *algorithm != parsed.tbs_certificate.signature.algorithm {
        return false;
    }
    let (message, signature) = (parsed.tbs_certificate.as_ref(), &parsed.signature_value.data);
    ALL_VERIFICATION_ALGS.iter().any(|by| {
        names(by.signature_alg_id().as_ref(), algorithm.as_bytes())
            && issuer.verify_signature(*by, message, signature).is_ok()
    })
}

/// Whether the contents of an AlgorithmIdentifier begin with this object identifier.
fn names(algorithm: &[u8], oid: &[u8]) -> bool {
    match algorithm {
        [0x06, length, rest @ ..] => usize::from(*length) == oid.len() && rest.starts_with(oid),
        _ => false,
    }
}

fn is_self_signed(der: &[u8], parsed: &X509Certificate<'_>) -> bool {
    parsed.subject().as_raw() == parsed.issuer().as_raw() && is_signed_by(der, der)
}

/// Whether it may sign certificates.
fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    let usage = certificate.key_usage();
    certificate.is_ca() && usage.is_ok_and(|usage| usage.is_none_or(|usage| usage.value.key_cert_sign()))
}

fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, parsed)| parsed)
}

/// Whatever a certificate is for.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}
