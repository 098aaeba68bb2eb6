//! Tickets of Login and Delegated Login: which there are, whose, until when and for what. Not here: the operations that make
//! and end them (login), and how a request presents one (credentials).
//!
//! Of a ticket only its hash is kept, in memory: all are forgotten when the server stops.

use std::collections::HashMap;
use std::sync::Arc;

use keyreeve_core::access::{Caller, Scope, ScopePart};
use keyreeve_core::model::{CredentialId, PrincipalId, RealmId, Time};
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_kmip::enums::{Operation, ResultReason, TicketType};
use keyreeve_kmip::message::Ticket;
use parking_lot::Mutex;

use super::errors::Failure;

/// Bytes of a ticket.
pub(super) const TICKET_BYTES: usize = 32;

/// Tickets at once: of one who asked, on connections of one principal, and of all.
const TICKETS_OF_ASKER_MAX: usize = 16;
const TICKETS_OF_ONE_MAX: usize = 256;
const TICKETS_MAX: usize = 1024;

/// Tickets that hold.
#[derive(Default)]
pub(super) struct Tickets(Mutex<HashMap<[u8; 32], Kept>>);

/// What a ticket stands for.
#[derive(Clone)]
pub(super) struct Held {
    /// The token of who logged in, where that was somebody else than who proved the connection.
    pub(super) token: Option<CredentialId>,
    /// What it is narrowed to; `None` for a ticket for all that who logged in may do.
    pub(super) rights: Option<Arc<[Right]>>,
}

/// What a delegated ticket allows, beside others; what is `None` is not narrowed.
pub(super) struct Right {
    pub(super) operations: Option<Vec<Operation>>,
    pub(super) part: ScopePart,
}

struct Kept {
    /// Whose connections alone it proves something on.
    connection: (RealmId, PrincipalId),
    held: Held,
    until: Time,
    /// Requests that it is still good for, where they are counted.
    requests: Option<u32>,
}

impl Held {
    /// What an operation is narrowed to; `None` where it is not.
    ///
    /// # Errors
    /// Permission Denied, where no right allows it. What asks for answers of other requests is in no right: those were
    /// asked for by what power the client had then. Nor is there a ticket for a ticket, which would hold for ever.
    pub(super) fn scope(&self, operation: Operation) -> Result<Option<Arc<Scope>>, Failure> {
        use Operation::{Cancel, DelegatedLogin, Login, Poll, Process, QueryAsynchronousRequests};
        let denied = |message: String| Err(Failure::new(ResultReason::PermissionDenied, message));
        if matches!(operation, Login | DelegatedLogin) {
            return denied("a ticket gives no further ticket: log in by what you have it from".to_owned());
        }
        let Some(rights) = &self.rights else { return Ok(None) };
        let allows =
            |right: &&Right| right.operations.as_ref().is_none_or(|allowed| allowed.contains(&operation));
        let allowing: Vec<&Right> = rights.iter().filter(allows).collect();
        let asks_of_others = matches!(operation, Poll | Cancel | Process | QueryAsynchronousRequests);
        if allowing.is_empty() || asks_of_others {
            return denied(format!("the ticket is not for {operation}"));
        }
        let parts: Vec<ScopePart> = allowing.into_iter().map(|right| right.part.clone()).collect();
        let narrows = |part: &ScopePart| part.objects.is_some() || part.groups.is_some();
        Ok(parts.iter().all(narrows).then(|| Arc::new(Scope(parts))))
    }
}

impl Tickets {
    /// Keeps a new ticket of these bytes, given on a connection of this principal.
    ///
    /// # Errors
    /// Server Limit Exceeded.
    pub(super) fn keep(
        &self,
        crypto: &dyn Crypto,
        (caller, bytes): (&Caller, &[u8; TICKET_BYTES]),
        (held, requests): (Held, Option<u32>),
        (now, until): (Time, Time),
    ) -> Result<(), Failure> {
        let connection = of(caller);
        let mut tickets = self.0.lock();
        forget_over(&mut tickets, now);
        let own = || tickets.values().filter(|known| known.connection == connection);
        let of_asker = own().filter(|known| known.held.token == held.token).count();
        if of_asker >= TICKETS_OF_ASKER_MAX
            || own().count() >= TICKETS_OF_ONE_MAX
            || tickets.len() >= TICKETS_MAX
        {
            let message = "too many tickets hold: log out by some of them, or ask for shorter leases";
            return Err(Failure::new(ResultReason::ServerLimitExceeded, message));
        }
        tickets.insert(crypto.sha256(&[bytes]), Kept { connection, held, until, requests });
        Ok(())
    }

    /// What a ticket stands for on a connection of this principal; one request less is left of it. `None` where it proves
    /// nothing.
    pub(super) fn present(
        &self,
        crypto: &dyn Crypto,
        connection: &Caller,
        ticket: &Ticket,
        now: Time,
    ) -> Option<Held> {
        let name = name(crypto, ticket)?;
        let mut tickets = self.0.lock();
        forget_over(&mut tickets, now);
        let known = tickets.get_mut(&name).filter(|known| known.connection == of(connection))?;
        let held = known.held.clone();
        if let Some(left) = &mut known.requests {
            *left = left.saturating_sub(1);
            if *left == 0 {
                tickets.remove(&name);
            }
        }
        Some(held)
    }

    /// Ends a ticket of this caller; false where there is none.
    pub(super) fn end(&self, crypto: &dyn Crypto, caller: &Caller, ticket: &Ticket, now: Time) -> bool {
        let Some(name) = name(crypto, ticket) else { return false };
        let mut tickets = self.0.lock();
        forget_over(&mut tickets, now);
        let own = |known: &Kept| known.connection == of(caller) && known.held.token == token(caller);
        match tickets.get(&name).is_some_and(own) {
            true => tickets.remove(&name).is_some(),
            false => false,
        }
    }

    /// Forgets those that are over.
    pub(super) fn forget_over(&self, now: Time) {
        forget_over(&mut self.0.lock(), now);
    }
}

/// The token by which a caller came, where that is not who proved the connection.
pub(super) fn token(caller: &Caller) -> Option<CredentialId> {
    let is_connection = std::ptr::eq(caller.connection(), caller);
    caller.credentials().next().filter(|_| !is_connection)
}

fn forget_over(tickets: &mut HashMap<[u8; 32], Kept>, now: Time) {
    tickets.retain(|_, known| now < known.until);
}

fn of(caller: &Caller) -> (RealmId, PrincipalId) {
    (caller.connection().realm(), caller.connection().id())
}

/// What a ticket is looked up by: longer or shorter ones are not even hashed.
fn name(crypto: &dyn Crypto, ticket: &Ticket) -> Option<[u8; 32]> {
    let value = ticket.ticket_value.expose();
    let may_be = ticket.ticket_type == TicketType::Login && value.len() == TICKET_BYTES;
    may_be.then(|| crypto.sha256(&[value]))
}

#[cfg(test)]
mod tests {
    use keyreeve_core::model::{Principal, RequestId};
    use keyreeve_crypto::SoftwareCrypto;
    use keyreeve_kmip::SecretBytes;
    use uuid::Uuid;

    use super::*;

    const NOW: Time = Time(1000);
    const LATER: Time = Time(2000);

    fn caller(number: u128) -> Caller {
        let principal = Principal {
            id: PrincipalId(Uuid::from_u128(number)),
            realm: RealmId::DEFAULT,
            name: number.to_string(),
            roles: Default::default(),
            groups: Default::default(),
            created: NOW,
            revoked: None,
            ends: None,
            credentials: Vec::new(),
            person: None,
            erased: None,
        };
        Caller::authenticated(Arc::new(principal), "kmip", None, RequestId(Uuid::nil()))
    }

    fn ticket(byte: u8) -> Ticket {
        let ticket_value = SecretBytes::from(vec![byte; TICKET_BYTES]);
        Ticket { ticket_type: TicketType::Login, ticket_value }
    }

    fn keep(tickets: &Tickets, of: &Caller, byte: u8, requests: Option<u32>) -> Result<(), Failure> {
        let held = Held { token: token(of), rights: None };
        tickets.keep(&SoftwareCrypto::new(), (of, &[byte; TICKET_BYTES]), (held, requests), (NOW, LATER))
    }

    #[test]
    fn a_ticket_proves_something_on_its_principals_connections_until_it_is_over_used_up_or_ended() {
        let (tickets, crypto) = (Tickets::default(), SoftwareCrypto::new());
        let (one, other) = (caller(1), caller(2));
        let holds = |of: &Caller, byte, now| tickets.present(&crypto, of, &ticket(byte), now).is_some();
        keep(&tickets, &one, 7, None).unwrap();
        assert!(holds(&one, 7, NOW) && holds(&one, 7, Time(LATER.0 - 1)));
        assert!(!holds(&other, 7, NOW), "stolen");
        assert!(!holds(&one, 8, NOW), "made up");
        assert!(!holds(&one, 7, LATER), "over");
        keep(&tickets, &one, 7, Some(2)).unwrap();
        assert_eq!([0; 3].map(|_| holds(&one, 7, NOW)), [true, true, false]);
        keep(&tickets, &one, 7, None).unwrap();
        assert!(!tickets.end(&crypto, &other, &ticket(7), NOW), "another's");
        let on_the_same_connection = caller(2).on(caller(1));
        assert!(!tickets.end(
            &crypto,
            &on_the_same_connection.proven_by([Some(CredentialId([1; 32])), None]),
            &ticket(7),
            NOW
        ));
        assert!(tickets.end(&crypto, &one, &ticket(7), NOW) && !holds(&one, 7, NOW));
    }

    #[test]
    fn tickets_are_few() {
        let tickets = Tickets::default();
        for byte in 0..TICKETS_OF_ASKER_MAX as u8 {
            keep(&tickets, &caller(1), byte, None).unwrap();
        }
        let refused = |of: &Caller| keep(&tickets, of, 255, None).unwrap_err().reason;
        assert_eq!(refused(&caller(1)), ResultReason::ServerLimitExceeded);
        // Whoever takes all they may have takes nothing from others behind the same gateway.
        let behind = caller(2).proven_by([Some(CredentialId([1; 32])), None]).on(caller(1));
        keep(&tickets, &behind, 254, None).unwrap();
        keep(&tickets, &caller(2), 255, None).unwrap();
    }

    #[test]
    fn what_one_right_allows_is_allowed_and_no_more() {
        let group = |name: &str| ScopePart { groups: Some([name.to_owned()].into()), objects: None };
        let right = |operations: &[Operation], part| Right { operations: Some(operations.to_vec()), part };
        let held = |rights: Vec<Right>| Held { token: None, rights: Some(rights.into()) };
        let narrowed = held(vec![
            right(&[Operation::Get], group("a")),
            right(&[Operation::Get, Operation::Destroy], group("b")),
            right(&[Operation::Query], ScopePart::default()),
        ]);
        let scope = narrowed.scope(Operation::Get).unwrap().unwrap();
        assert_eq!(*scope, Scope(vec![group("a"), group("b")]));
        assert_eq!(*narrowed.scope(Operation::Destroy).unwrap().unwrap(), Scope(vec![group("b")]));
        assert_eq!(narrowed.scope(Operation::Query).unwrap(), None);
        for refused in [Operation::Encrypt, Operation::Login, Operation::DelegatedLogin] {
            assert_eq!(narrowed.scope(refused).unwrap_err().reason, ResultReason::PermissionDenied);
        }
        let anything = || Right { operations: None, part: ScopePart::default() };
        assert!(held(vec![anything()]).scope(Operation::Poll).is_err(), "answers of other requests");
        assert_eq!(held(vec![anything()]).scope(Operation::Create).unwrap(), None);
        let whole = Held { token: None, rights: None };
        assert!(whole.scope(Operation::Poll).is_ok() && whole.scope(Operation::Login).is_err());
    }
}
