//! When an object is to be rotated by the server itself, as its attributes say. Not here: the rotation.
//!
//! # Standard
//! KMIP 2.1 sections 4.48 (Rotate Automatic), 4.51 (Rotate Interval), 4.52 (Rotate Latest) and 4.54 (Rotate Offset).

use crate::{
    error::{Error, ErrorKind, Result},
    model::{AttributeKind, AttributeName, LinkType, ManagedObject, ObjectType, State, Time, Value},
};

fn first(object: &ManagedObject, kind: AttributeKind) -> Option<&Value> {
    object.further.get(&AttributeName::Standard(kind)).and_then(|values| values.first())
}

fn interval_seconds(object: &ManagedObject, kind: AttributeKind) -> Option<u32> {
    match first(object, kind) {
        Some(Value::IntervalSeconds(seconds)) => Some(*seconds),
        _ => None,
    }
}

fn is_automatic(object: &ManagedObject) -> bool {
    first(object, AttributeKind::RotateAutomatic) == Some(&Value::Boolean(true))
}

/// When the server rotates the object by itself: its Rotate Interval after its Initial Date, where Rotate Automatic is true.
/// `None` for what has a successor, was revoked or ended otherwise than by a date, or rests (archived, disabled, waiting for
/// its destruction), and for public keys, which go with their private keys.
pub fn next_rotation(object: &ManagedObject) -> Option<Time> {
    let leads = matches!(object.object_type, ObjectType::SymmetricKey | ObjectType::PrivateKey);
    let ended =
        object.state.is_destroyed() || object.state == State::Compromised || object.revocation.is_some();
    let dates = &object.dates;
    let rests = [dates.archive, dates.suspended, dates.destruction].iter().any(Option::is_some);
    let replaced = first(object, AttributeKind::RotateLatest) == Some(&Value::Boolean(false));
    if !is_automatic(object)
        || !leads
        || object.spec.is_none()
        || ended
        || rests
        || replaced
        || object.is_valueless()
    {
        return None;
    }
    let seconds = interval_seconds(object, AttributeKind::RotateInterval).filter(|seconds| *seconds > 0)?;
    Some(dates.initial.plus_seconds(seconds))
}

/// The Rotate Interval and the Rotate Offset, in seconds.
pub(crate) fn rotation_intervals(object: &ManagedObject) -> [Option<u32>; 2] {
    [AttributeKind::RotateInterval, AttributeKind::RotateOffset].map(|kind| interval_seconds(object, kind))
}

/// Refuses Rotate Automatic for what the server cannot make a successor of: a promise that nothing keeps is not taken.
/// `is_half`: the object is the public half of a pair that is kept here.
///
/// # Errors
/// `InvalidField`.
pub(crate) fn check_rotation(object: &ManagedObject, is_half: bool) -> Result<()> {
    let can = match object.object_type {
        ObjectType::SymmetricKey | ObjectType::PrivateKey => object.spec.is_some(),
        ObjectType::PublicKey => is_half || object.links.iter().any(|link| link.kind == LinkType::PrivateKey),
        _ => false,
    };
    if can || !is_automatic(object) {
        return Ok(());
    }
    let public = "Rotate Automatic: cannot be true of this object, as the server rotates only symmetric keys and pairs";
    Err(Error::new(ErrorKind::InvalidField, public))
}

#[cfg(test)]
mod tests {
    use super::{AttributeKind, AttributeName, ManagedObject, ObjectType, State, Time, Value, next_rotation};
    use crate::attributes::tests::object;

    fn rotating() -> ManagedObject {
        let mut rotating = object(State::Active);
        rotating.object_type = ObjectType::SymmetricKey;
        rotating.dates.initial = Time(5000);
        set(&mut rotating, AttributeKind::RotateAutomatic, Value::Boolean(true));
        set(&mut rotating, AttributeKind::RotateInterval, Value::IntervalSeconds(60));
        rotating
    }

    fn set(object: &mut ManagedObject, kind: AttributeKind, value: Value) {
        object.further.insert(AttributeName::Standard(kind), vec![value]);
    }

    #[test]
    fn an_object_is_due_an_interval_after_its_initial_date_while_it_lives_and_is_the_latest() {
        assert_eq!(next_rotation(&rotating()), Some(Time(65_000)));
        type Change = fn(&mut ManagedObject);
        let never: [(&str, Change); 9] = [
            ("by hand", |object| set(object, AttributeKind::RotateAutomatic, Value::Boolean(false))),
            ("an interval of nothing", |object| {
                set(object, AttributeKind::RotateInterval, Value::IntervalSeconds(0));
            }),
            ("replaced", |object| set(object, AttributeKind::RotateLatest, Value::Boolean(false))),
            ("a public key", |object| object.object_type = ObjectType::PublicKey),
            ("compromised", |object| object.state = State::Compromised),
            ("destroyed", |object| object.state = State::Destroyed),
            ("archived", |object| object.dates.archive = Some(Time(1))),
            ("disabled", |object| object.dates.suspended = Some(Time(1))),
            ("waiting for its destruction", |object| object.dates.destruction = Some(Time(1))),
        ];
        for (why, change) in never {
            let mut other = rotating();
            change(&mut other);
            assert_eq!(next_rotation(&other), None, "{why}");
        }
        let mut over = rotating();
        over.state = State::Deactivated;
        assert!(next_rotation(&over).is_some(), "a date ended it, and nobody revoked it");
        set(&mut over, AttributeKind::RotateInterval, Value::IntervalSeconds(u32::MAX));
        over.dates.initial = Time(i64::MAX);
        assert_eq!(next_rotation(&over), Some(Time(i64::MAX)));
    }
}
