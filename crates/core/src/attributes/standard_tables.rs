//! Every attribute against the tables "Attribute Rules" of the standard, as they stand there, and the choices of this server
//! where it is not to the letter, each with its reason. Test only.

use super::{AttributeEdit, Change, Instance, edit, rule, rules::is_part_of_certificate_name, tests::object};
use crate::{
    error::ErrorKind,
    model::{AttributeKind, AttributeName, ManagedObject, State, Time, Value},
};
use AttributeKind::*;
use By::{Client, Either, Server};
use Change::{Always, Never, PreActive, UntilDeactivated, UntilReached};

/// "Initially set by".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Server,
    Client,
    Either,
}

/// Attribute, version of the standard, initially set by, modifiable by the client, deletable by the client, multiple instances.
type Row = (AttributeKind, &'static str, By, Change, bool, bool);

/// KMIP 1.4 section 3 and KMIP 2.1 section 4. Usage Limits are the client's "as long as Get Usage Allocation has not been
/// performed", which is tested with their use.
#[rustfmt::skip]
const TABLES: &[Row] = &[
    (ActivationDate, "1.4 and 2.1", Either, PreActive, false, false),
    (AlternativeName, "1.4 and 2.1", Client, Always, true, true),
    (AlwaysSensitive, "1.4 and 2.1", Server, Never, false, false),
    (ApplicationSpecificInformation, "1.4 and 2.1", Either, Always, true, true),
    (ArchiveDate, "1.4 and 2.1", Server, Never, false, false),
    (CertificateIdentifier, "1.4", Server, Never, false, false),
    (CertificateIssuer, "1.4", Server, Never, false, false),
    (CertificateIssuerCn, "2.1", Server, Never, false, true),
    (CertificateIssuerO, "2.1", Server, Never, false, true),
    (CertificateIssuerOu, "2.1", Server, Never, false, true),
    (CertificateIssuerEmail, "2.1", Server, Never, false, true),
    (CertificateIssuerC, "2.1", Server, Never, false, true),
    (CertificateIssuerSt, "2.1", Server, Never, false, true),
    (CertificateIssuerL, "2.1", Server, Never, false, true),
    (CertificateIssuerUid, "2.1", Server, Never, false, true),
    (CertificateIssuerSerialNumber, "2.1", Server, Never, false, true),
    (CertificateIssuerTitle, "2.1", Server, Never, false, true),
    (CertificateIssuerDc, "2.1", Server, Never, false, true),
    (CertificateIssuerDnQualifier, "2.1", Server, Never, false, true),
    (CertificateLength, "1.4 and 2.1", Server, Never, false, false),
    (CertificateSubject, "1.4", Server, Never, false, false),
    (CertificateSubjectCn, "2.1", Server, Never, false, true),
    (CertificateSubjectO, "2.1", Server, Never, false, true),
    (CertificateSubjectOu, "2.1", Server, Never, false, true),
    (CertificateSubjectEmail, "2.1", Server, Never, false, true),
    (CertificateSubjectC, "2.1", Server, Never, false, true),
    (CertificateSubjectSt, "2.1", Server, Never, false, true),
    (CertificateSubjectL, "2.1", Server, Never, false, true),
    (CertificateSubjectUid, "2.1", Server, Never, false, true),
    (CertificateSubjectSerialNumber, "2.1", Server, Never, false, true),
    (CertificateSubjectTitle, "2.1", Server, Never, false, true),
    (CertificateSubjectDc, "2.1", Server, Never, false, true),
    (CertificateSubjectDnQualifier, "2.1", Server, Never, false, true),
    (CertificateType, "1.4 and 2.1", Server, Never, false, false),
    (Comment, "1.4 and 2.1", Either, Always, true, false),
    (CompromiseDate, "1.4 and 2.1", Server, Never, false, false),
    (CompromiseOccurrenceDate, "1.4 and 2.1", Server, Never, false, false),
    (ContactInformation, "1.4 and 2.1", Either, Always, true, false),
    (CryptographicAlgorithm, "1.4 and 2.1", Server, Never, false, false),
    (CryptographicDomainParameters, "1.4 and 2.1", Client, Never, false, false),
    (CryptographicLength, "1.4 and 2.1", Server, Never, false, false),
    (CryptographicParameters, "1.4 and 2.1", Client, Always, true, true),
    (CryptographicUsageMask, "1.4 and 2.1", Either, Never, false, false),
    (DeactivationDate, "1.4 and 2.1", Either, UntilDeactivated, false, false),
    (Description, "1.4 and 2.1", Either, Always, true, false),
    (DestroyDate, "1.4 and 2.1", Server, Never, false, false),
    (Digest, "1.4 and 2.1", Server, Never, false, true),
    (DigitalSignatureAlgorithm, "1.4 and 2.1", Server, Never, false, true),
    (Extractable, "1.4 and 2.1", Either, Always, false, false),
    (Fresh, "1.4 and 2.1", Either, Never, false, false),
    (InitialDate, "1.4 and 2.1", Server, Never, false, false),
    (KeyFormatType, "2.1", Server, Never, false, false),
    (KeyValueLocation, "1.4 and 2.1", Client, Always, true, true),
    (KeyValuePresent, "1.4 and 2.1", Server, Never, false, false),
    (LastChangeDate, "1.4 and 2.1", Server, Never, false, false),
    (LeaseTime, "1.4 and 2.1", Server, Never, false, false),
    (Link, "1.4 and 2.1", Either, Always, true, true),
    (Name, "1.4 and 2.1", Client, Always, true, true),
    (NeverExtractable, "1.4 and 2.1", Server, Never, false, false),
    (NistKeyType, "2.1", Client, Never, false, true),
    (ObjectGroup, "1.4 and 2.1", Either, Always, true, true),
    (ObjectType, "1.4 and 2.1", Server, Never, false, false),
    (OpaqueDataType, "2.1", Server, Never, false, false),
    (OperationPolicyName, "1.4", Either, Never, false, false),
    (OriginalCreationDate, "1.4 and 2.1", Either, Never, false, false),
    (Pkcs12FriendlyName, "1.4 and 2.1", Either, Always, true, false),
    (ProcessStartDate, "1.4 and 2.1", Either, UntilReached, false, false),
    (ProtectStopDate, "1.4 and 2.1", Either, UntilReached, false, false),
    (ProtectionLevel, "2.1", Client, Always, true, false),
    (ProtectionPeriod, "2.1", Client, Always, true, false),
    (ProtectionStorageMask, "2.1", Server, Never, false, false),
    (QuantumSafe, "2.1", Client, Always, true, false),
    (RandomNumberGenerator, "1.4 and 2.1", Client, Never, false, false),
    (RevocationReason, "1.4 and 2.1", Server, Never, false, false),
    (RotateAutomatic, "2.1", Either, Never, false, false),
    (RotateDate, "2.1", Server, Never, false, false),
    (RotateGeneration, "2.1", Server, Never, false, false),
    (RotateInterval, "2.1", Either, Never, false, false),
    (RotateLatest, "2.1", Server, Never, false, false),
    (RotateName, "2.1", Client, Always, true, false),
    (RotateOffset, "2.1", Either, Never, false, false),
    (Sensitive, "1.4 and 2.1", Either, Always, false, false),
    (ShortUniqueIdentifier, "2.1", Server, Never, false, false),
    (State, "1.4 and 2.1", Server, Never, false, false),
    (UniqueIdentifier, "1.4 and 2.1", Server, Never, false, false),
    (UsageLimits, "1.4 and 2.1", Either, Always, true, false),
    (X509CertificateIdentifier, "1.4 and 2.1", Server, Never, false, false),
    (X509CertificateIssuer, "1.4 and 2.1", Server, Never, false, false),
    (X509CertificateSubject, "1.4 and 2.1", Server, Never, false, false),
];

/// The server sets them, from what the request that makes the object says.
const SAID_BY_REQUEST: [AttributeKind; 7] = [
    CertificateLength,
    CertificateType,
    CryptographicAlgorithm,
    CryptographicLength,
    ObjectType,
    OpaqueDataType,
    ProtectionStorageMask,
];

#[test]
fn every_attribute_has_its_row_and_its_rule_is_that_of_the_standard() {
    for kind in AttributeKind::ALL {
        let rows: Vec<&Row> = TABLES.iter().filter(|row| row.0 == *kind).collect();
        // Object Group Member is a word of Locate and no attribute of an object.
        assert_eq!(rows.is_empty(), *kind == ObjectGroupMember, "{kind:?}: no row of the standard");
        let rule = rule(&AttributeName::Standard(*kind));
        for (_, version, by, change, deletable, multiple) in rows {
            let given = *by != Server || SAID_BY_REQUEST.contains(kind);
            assert_eq!(rule.given_by_client, given, "{kind:?} in {version}: who sets it");
            assert_eq!(rule.change, *change, "{kind:?} in {version}: when a client may change it");
            assert_eq!(rule.deletable, *deletable, "{kind:?} in {version}: whether a client may delete it");
            assert_eq!(rule.multiple, *multiple, "{kind:?} in {version}: how many values");
        }
    }
    assert!(TABLES.iter().all(|row| row.0 != ObjectGroupMember));
}

/// A value of the attribute's type, and another one. What clients never change is not looked at.
fn values(kind: AttributeKind) -> [Value; 2] {
    let structure = |fields: &[(&str, Value)]| {
        Value::Structure(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    };
    let text = |text: &str| Value::Text(text.to_owned());
    let named = |value: &str| structure(&[("NameValue", text(value)), ("NameType", Value::Enumeration(1))]);
    match kind {
        Name => [named("a"), named("b")],
        Link => ["a", "b"].map(|id| {
            structure(&[("LinkType", Value::Enumeration(0x107)), ("LinkedObjectIdentifier", text(id))])
        }),
        UsageLimits => [1, 2].map(|total| {
            structure(&[
                ("UsageLimitsTotal", Value::LongInteger(total)),
                ("UsageLimitsUnit", Value::Enumeration(1)),
            ])
        }),
        CryptographicParameters => {
            [1, 2].map(|mode| structure(&[("BlockCipherMode", Value::Enumeration(mode))]))
        }
        ActivationDate | DeactivationDate | ProcessStartDate | ProtectStopDate | OriginalCreationDate => {
            [AHEAD, Time(AHEAD.0 + 1)].map(Value::Date)
        }
        Sensitive | Extractable | QuantumSafe | RotateAutomatic => [true, false].map(Value::Boolean),
        _ => ["a", "b"].map(text),
    }
}

const NOW: Time = Time(1_000_000);
const AHEAD: Time = Time(2_000_000);

/// Bare, so that every attribute can be added that an object may have.
fn bare(state: State) -> ManagedObject {
    let mut bare = object(state);
    bare.names.clear();
    bare
}

/// Whether a client may change the attribute in this state, its date lying ahead.
fn is_open(change: Change, state: State) -> bool {
    match change {
        Never => false,
        Always => true,
        PreActive => state == State::PreActive,
        UntilDeactivated | UntilReached => matches!(state, State::PreActive | State::Active),
    }
}

#[test]
fn add_modify_set_and_delete_do_in_every_state_what_the_tables_say() {
    const STATES: [State; 4] = [State::PreActive, State::Active, State::Deactivated, State::Compromised];
    for (kind, version, by, change, deletable, multiple) in TABLES {
        let name = AttributeName::Standard(*kind);
        let [first, second] = values(*kind);
        for state in STATES {
            let say = format!("{kind:?} in {version}, {state:?}");
            let mut with = bare(state);
            let dates = &mut with.dates;
            match kind {
                ActivationDate => dates.activation = Some(AHEAD),
                DeactivationDate => dates.deactivation = Some(AHEAD),
                ProcessStartDate => dates.process_start = Some(AHEAD),
                ProtectStopDate => dates.protect_stop = Some(AHEAD),
                _ if *by != Server && !matches!(kind, Sensitive | Extractable) => {
                    let add = AttributeEdit::Add { name: name.clone(), value: first.clone() };
                    let added = edit(&mut with, &add, NOW);
                    // Those that an object has from its first moment are not added later.
                    let kind = added.as_ref().err().map(crate::error::Error::kind);
                    assert!(matches!(kind, None | Some(ErrorKind::ReadOnlyAttribute)), "{say}: {added:?}");
                    let free = *change != Never || *multiple;
                    assert!(kind.is_none() || !free, "{say}: cannot be added");
                }
                _ => {}
            }
            let tried = |what: &str, wanted: bool, change: AttributeEdit| {
                let done = edit(&mut with.clone(), &change, NOW);
                assert_eq!(done.is_ok(), wanted, "{say}: {what}: {done:?}");
            };
            let at = Instance::Index(0);
            let open = is_open(*change, state);
            let value = || second.clone();
            tried("Modify", open, AttributeEdit::Modify { name: name.clone(), at, value: value() });
            tried("Delete", *deletable, AttributeEdit::Delete { name: name.clone(), at: None });
            if *by == Server && !is_part_of_certificate_name(*kind) {
                tried("Add", false, AttributeEdit::Add { name: name.clone(), value: value() });
                tried("Set", false, AttributeEdit::Set { name: name.clone(), value: value() });
            }
            if *change != Never {
                tried("Set", open, AttributeEdit::Set { name: name.clone(), value: value() });
                tried("Add", *multiple, AttributeEdit::Add { name: name.clone(), value: value() });
            }
        }
    }
}
