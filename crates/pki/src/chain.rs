//! Validating chains of certificates. Not here: who was revoked, which the caller knows of its own objects.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, VerifiedPath,
    anchor_from_trusted_cert,
};
use x509_parser::extensions::GeneralName;
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
        .partition(|(der, parsed)| is_authority(parsed) && is_self_signed(der, parsed) && is_known(parsed));
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
    let leaves: Vec<_> = leaves.collect();
    if leaves.is_empty() && !others.is_empty() {
        return lead_up(&anchors, &others);
    }
    let found = lead_to_anchors(&leaves, &authorities(&anchors), &authorities(&others), time, others.len());
    match found {
        // Which of them rules the name out is not told: it may be a kind of name that is not known here.
        Err(Error::NameConstraintViolation) if parsed.iter().any(constrains_otherwise) => {
            ChainValidity::Unknown
        }
        Err(error) => of_error(&error),
        Ok(validity) => validity,
    }
}

/// Whether a certificate (DER) counts under an authority (DER) at a moment in Unix seconds, name constraints included.
pub(crate) fn leads_to(certificate: &[u8], authority: &[u8], at_seconds: i64) -> bool {
    let Ok(seconds) = u64::try_from(at_seconds) else { return false };
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let (leaf, anchor) = (CertificateDer::from(certificate), CertificateDer::from(authority.to_vec()));
    matches!(lead_to_anchors(&[leaf], &[anchor], &[], time, 1), Ok(ChainValidity::Valid))
}

/// A certificate in DER, and read.
type Known<'a> = (&'a &'a [u8], &'a X509Certificate<'a>);

/// Whether every one of these authorities leads to an anchor, where there is no certificate below them.
fn lead_up(anchors: &[Known<'_>], others: &[Known<'_>]) -> ChainValidity {
    let all = || anchors.iter().chain(others);
    let is_constrained = |(_, certificate): &Known<'_>| !matches!(certificate.name_constraints(), Ok(None));
    // What names an authority may bear is not judged here.
    if all().any(is_constrained) || !others.iter().all(|(_, certificate)| is_authority(certificate)) {
        return ChainValidity::Unknown;
    }
    match others.iter().all(|authority| leads_up(authority, anchors, others)) {
        true => ChainValidity::Valid,
        false => ChainValidity::Unknown,
    }
}

fn leads_up(authority: &Known<'_>, anchors: &[Known<'_>], others: &[Known<'_>]) -> bool {
    let (mut current, mut between) = (authority, 0);
    for _ in 0..AUTHORITIES_MAX {
        let issued = |by: &&Known<'_>| {
            by.1.subject().as_raw() == current.1.issuer().as_raw()
                && allows(by.1, between)
                && is_signed_by(current.0, by.0)
        };
        if anchors.iter().any(|anchor| issued(&anchor)) {
            return true;
        }
        let Some(next) = others.iter().find(issued) else { return false };
        between += usize::from(!is_self_issued(next.1));
        current = next;
    }
    false
}

/// Authorities on one path at most, as elsewhere.
const AUTHORITIES_MAX: usize = 6;

/// Whether an authority may stand above so many others.
fn allows(authority: &X509Certificate<'_>, below: usize) -> bool {
    let constraints = authority.basic_constraints().ok().flatten();
    let most = constraints.and_then(|constraints| constraints.value.path_len_constraint);
    most.is_none_or(|most| below as u64 <= u64::from(most))
}

fn is_self_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject().as_raw() == certificate.issuer().as_raw()
}

/// Whether everything critical in an anchor is understood here: of others the path is asked, which anchors are not part of.
fn is_known(anchor: &X509Certificate<'_>) -> bool {
    // keyUsage, subjectAltName, basicConstraints, nameConstraints, extKeyUsage.
    const UNDERSTOOD: [&str; 5] = ["2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.37"];
    let known = |oid: String| UNDERSTOOD.contains(&oid.as_str());
    anchor.extensions().iter().all(|extension| !extension.critical || known(extension.oid.to_id_string()))
}

/// Whether it constrains other names than DNS names and IP addresses.
fn constrains_otherwise(certificate: &X509Certificate<'_>) -> bool {
    let Ok(Some(constraints)) = certificate.name_constraints() else { return false };
    let lists = [&constraints.value.permitted_subtrees, &constraints.value.excluded_subtrees];
    let mut names = lists.into_iter().flatten().flatten().map(|subtree| &subtree.base);
    names.any(|name| !matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_)))
}

/// Whether every leaf leads to an anchor, and no certificate of `others` is left over.
fn lead_to_anchors(
    leaves: &[CertificateDer<'_>],
    anchors: &[CertificateDer<'static>],
    intermediates: &[CertificateDer<'static>],
    time: UnixTime,
    others: usize,
) -> Result<ChainValidity, Error> {
    let trusted: Result<Vec<TrustAnchor<'_>>, Error> = anchors.iter().map(anchor_from_trusted_cert).collect();
    let Ok(trusted) = trusted else { return Ok(ChainValidity::Unknown) };
    // INVARIANT: what an anchor says of the paths below it is not looked at by webpki.
    let within = |path: &VerifiedPath<'_>| {
        let anchor = trusted.iter().zip(anchors).find(|(known, _)| {
            known.subject == path.anchor().subject
                && known.subject_public_key_info == path.anchor().subject_public_key_info
        });
        let below: Vec<_> = path.intermediate_certificates().map(|one| one.der()).collect();
        let below = below.iter().filter_map(|der| parse(der)).filter(|one| !is_self_issued(one)).count();
        match anchor.and_then(|(_, der)| parse(der)) {
            Some(anchor) if allows(&anchor, below) => Ok(()),
            _ => Err(Error::PathLenConstraintViolated),
        }
    };
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
                Some(&within),
            )?;
            Ok(path.intermediate_certificates().map(|one| one.der().into_owned()).collect::<Vec<_>>())
        });
        match verified {
            Ok(path) => {
                passed.extend(path.into_iter().filter(|one| !passed.contains(one)).collect::<Vec<_>>())
            }
            Err(error) => return Err(error),
        }
    }
    let is_left_over = passed.len() + leaves.len() < others;
    Ok(if is_left_over { ChainValidity::Unknown } else { ChainValidity::Valid })
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
