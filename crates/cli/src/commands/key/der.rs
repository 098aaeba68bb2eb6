//! Which form a key in DER has: just enough of its outside to tell. Not here: reading it, which the server does.

use crate::commands::KeyForm;

/// Tags of DER.
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// The form of these bytes; `None` where they are no key in DER.
pub(super) fn form(bytes: &[u8]) -> Option<KeyForm> {
    let (SEQUENCE, inside, []) = element(bytes)? else { return None };
    let (first, _, rest) = element(inside)?;
    match (first, *rest.first()?) {
        (INTEGER, SEQUENCE) => Some(KeyForm::Pkcs8),
        (INTEGER, OCTET_STRING) => Some(KeyForm::Sec1),
        (INTEGER, INTEGER) => Some(KeyForm::Pkcs1),
        (SEQUENCE, BIT_STRING) => Some(KeyForm::Spki),
        _ => None,
    }
}

/// Tag and content of the first element, and what comes behind it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, length, rest @ ..] = bytes else { return None };
    let (length, rest) = match length {
        0..=0x7F => (usize::from(*length), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7F))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (inside, rest) = rest.split_at_checked(length)?;
    Some((*tag, inside, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_or_goes_on_is_no_key() {
        let spki = [0x30, 0x07, 0x30, 0x00, 0x03, 0x03, 0x00, 1, 2];
        assert!(matches!(form(&spki), Some(KeyForm::Spki)));
        assert!((0..spki.len()).all(|length| form(&spki[..length]).is_none()));
        assert!(form(&[&spki[..], &[0]].concat()).is_none());
        assert!(form(&[0x30, 0x84, 0, 0, 0, 1, 0]).is_none() && form(&[0; 32]).is_none());
    }
}
