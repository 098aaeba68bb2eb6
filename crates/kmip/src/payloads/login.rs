//! Login: asks for a ticket that later requests prove themselves by.

use crate::attributes::UsageLimits;
use crate::error::DecodeError;
use crate::message::Ticket;
use crate::schema::{Version, Wire, structure, wrong_type};
use crate::tags::Tag;
use crate::ttlv::Value;
use crate::ttlv::binary::Writer;
use crate::values::{DateTime, Interval};

/// How long a ticket holds.
///
/// # Standard
///
/// KMIP 2.1, section 6.1.30.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseTime {
    /// So long from now on.
    For(Interval),
    /// Until then.
    Until(DateTime),
}

impl Wire for LeaseTime {
    fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
        match value {
            Value::Interval(_) => Interval::read(value, version).map(Self::For),
            Value::DateTime(_) => DateTime::read(value, version).map(Self::Until),
            other => Err(wrong_type("Interval or DateTime", other)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag) {
        match self {
            Self::For(interval) => interval.write(writer, tag),
            Self::Until(date) => date.write(writer, tag),
        }
    }
}

#[cfg(test)]
impl crate::schema::Sample for LeaseTime {
    fn sample() -> Self {
        Self::For(crate::schema::Sample::sample())
    }
}

structure! {
    /// The request of Login.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.30.
    #[derive(Default)]
    LoginRequest {
        /// How long the ticket holds.
        lease_time: Option<LeaseTime> = LEASE_TIME, V2_0..;
        /// Requests that can be made with it.
        request_count: Option<i32> = REQUEST_COUNT, V2_0..;
        /// How much may be done with it.
        usage_limits: Option<UsageLimits> = USAGE_LIMITS, V2_0..;
    }
}

structure! {
    /// The response of Login. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.30.
    LoginResponse {
        /// The ticket.
        ticket: Ticket = TICKET, V2_0..;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_a_length_or_a_date() {
        let read = |mut value| LeaseTime::read(&mut value, Version::V2_1);
        assert_eq!(read(Value::Interval(5)), Ok(LeaseTime::For(Interval(5))));
        assert_eq!(read(Value::DateTime(-5)), Ok(LeaseTime::Until(DateTime(-5))));
        assert!(read(Value::Integer(5)).is_err());
    }
}
