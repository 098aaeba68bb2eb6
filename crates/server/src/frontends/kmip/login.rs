//! Login, Delegated Login and Logout: tickets that prove later requests. Not here: which tickets there are (tickets).

use std::collections::BTreeSet;
use std::sync::Arc;

use keyreeve_core::access::{Action, ScopePart};
use keyreeve_core::model::{ObjectId, Time};
use keyreeve_core::operations::server::Note;
use keyreeve_core::request::{Reference, chosen_id};
use keyreeve_kmip::SecretBytes;
use keyreeve_kmip::enums::{ResultReason, TicketType};
use keyreeve_kmip::message::Ticket;
use keyreeve_kmip::payloads::delegated_login::{
    DelegatedLoginRequest, DelegatedLoginResponse, Right as AskedRight, Rights,
};
use keyreeve_kmip::payloads::login::{LeaseTime, LoginRequest, LoginResponse};
use keyreeve_kmip::payloads::logout::{LogoutRequest, LogoutResponse};
use zeroize::Zeroizing;

use super::batch::Batch;
use super::errors::{Failure, not_supported};
use super::tickets::{Held, Right, TICKET_BYTES, token};
use crate::config::Credentials;

/// How long a ticket holds where nobody says, and at most, in milliseconds.
const LEASE_DEFAULT_MS: i64 = 60 * 60 * 1000;
const LEASE_MAX_MS: i64 = 24 * 60 * 60 * 1000;

/// Operations, objects and groups that one ticket names, and bytes of its groups' names: what one keeps in memory.
const NAMED_MAX: usize = 256;
const GROUP_BYTES_MAX: usize = 4096;

pub(super) async fn login(batch: &mut Batch<'_>, request: LoginRequest) -> Result<LoginResponse, Failure> {
    refuse_usage_limits(request.usage_limits.is_some())?;
    let asked = (request.lease_time, request.request_count);
    Ok(LoginResponse { ticket: ticket(batch, Action::Login, asked, None).await? })
}

pub(super) async fn delegated_login(
    batch: &mut Batch<'_>,
    request: DelegatedLoginRequest,
) -> Result<DelegatedLoginResponse, Failure> {
    refuse_usage_limits(request.usage_limits.is_some())?;
    let rights = rights(batch, request.rights)?;
    let asked = (request.lease_time, request.request_count);
    Ok(DelegatedLoginResponse { ticket: ticket(batch, Action::DelegatedLogin, asked, Some(rights)).await? })
}

/// The ticket ends before that is on record: nothing may keep it alive.
pub(super) async fn logout(batch: &mut Batch<'_>, request: LogoutRequest) -> Result<LogoutResponse, Failure> {
    refuse_unless_checked(batch, "Logout")?;
    let (kmip, now) = (batch.kmip, batch.kmip.engine.clock().now());
    if !kmip.tickets.end(kmip.engine.crypto().as_ref(), batch.caller, &request.ticket, now) {
        let message = "the ticket is none of yours: it is unknown, used up or over";
        return Err(Failure::new(ResultReason::InvalidTicket, message));
    }
    batch.run(Note { action: Action::Logout, detail: "a ticket ended".to_owned(), denied: false }).await?;
    Ok(LogoutResponse::default())
}

/// A new ticket, once it is on record.
async fn ticket(
    batch: &mut Batch<'_>,
    action: Action,
    (lease_time, request_count): (Option<LeaseTime>, Option<i32>),
    rights: Option<Arc<[Right]>>,
) -> Result<Ticket, Failure> {
    refuse_unless_checked(batch, "Login")?;
    let (kmip, now) = (batch.kmip, batch.kmip.engine.clock().now());
    let until = until(lease_time, now)?;
    let requests = match request_count.map(u32::try_from) {
        None => None,
        Some(Ok(count)) if count > 0 => Some(count),
        Some(_) => return Err(invalid("a Request Count is at least 1".to_owned())),
    };
    let detail = detail((now, until), requests, rights.as_deref());
    batch.run(Note { action, detail, denied: false }).await?;
    let bytes = Zeroizing::new(kmip.random::<TICKET_BYTES>()?);
    let held = Held { token: token(batch.caller), rights };
    kmip.tickets.keep(
        kmip.engine.crypto().as_ref(),
        (batch.caller, &bytes),
        (held, requests),
        (now, until),
    )?;
    Ok(Ticket { ticket_type: TicketType::Login, ticket_value: SecretBytes::from(bytes.to_vec()) })
}

/// A ticket that nobody could show is not given.
fn refuse_unless_checked(batch: &Batch<'_>, operation: &str) -> Result<(), Failure> {
    batch.refuse_in_rehearsal(operation)?;
    match batch.kmip.settings().credentials {
        Credentials::Check => Ok(()),
        Credentials::Refuse | Credentials::Ignore => {
            let message = format!("{operation}, unless the configuration says kmip.credentials = \"check\",");
            Err(not_supported(&message))
        }
    }
}

/// What is counted by operation or byte is a key's, not a ticket's: a limit that nobody keeps must not be promised.
fn refuse_usage_limits(asked: bool) -> Result<(), Failure> {
    if asked {
        return Err(not_supported("Usage Limits of a ticket: ask for a Request Count. It"));
    }
    Ok(())
}

fn until(lease_time: Option<LeaseTime>, now: Time) -> Result<Time, Failure> {
    let lease_ms = match lease_time {
        None => LEASE_DEFAULT_MS,
        Some(LeaseTime::For(seconds)) => i64::from(seconds.0) * 1000,
        Some(LeaseTime::Until(date)) => date.0.saturating_mul(1000).saturating_sub(now.0),
    };
    if (1..=LEASE_MAX_MS).contains(&lease_ms) {
        return Ok(Time(now.0.saturating_add(lease_ms)));
    }
    Err(invalid(format!(
        "a ticket holds for 1 to {} seconds: ask for a Lease Time of that",
        LEASE_MAX_MS / 1000
    )))
}

/// What a delegated ticket is narrowed to.
fn rights(batch: &Batch<'_>, asked: Rights) -> Result<Arc<[Right]>, Failure> {
    if asked.rights.is_empty() {
        return Err(invalid("a ticket without a Right is good for nothing: name one".to_owned()));
    }
    let count = |right: &AskedRight| {
        let objects = right.objects.as_ref().map_or(0, |asked| asked.unique_identifiers.len());
        let groups = right.object_groups.as_ref().map_or(0, |asked| asked.object_groups.len());
        1 + objects + groups + right.operations.as_ref().map_or(0, |asked| asked.operations.len())
    };
    let groups = asked.rights.iter().flat_map(|right| &right.object_groups);
    let group_bytes: usize = groups.flat_map(|asked| &asked.object_groups).map(String::len).sum();
    if asked.rights.iter().map(count).sum::<usize>() > NAMED_MAX || group_bytes > GROUP_BYTES_MAX {
        let message = format!(
            "the Rights of a ticket name at most {NAMED_MAX} operations, objects and groups, the groups in \
             {GROUP_BYTES_MAX} bytes"
        );
        return Err(Failure::new(ResultReason::ServerLimitExceeded, message));
    }
    asked.rights.into_iter().map(|right| self::right(batch, right)).collect()
}

fn right(batch: &Batch<'_>, asked: AskedRight) -> Result<Right, Failure> {
    let AskedRight { usage_limits, operations, objects, object_groups } = asked;
    refuse_usage_limits(usage_limits.is_some())?;
    let (crypto, realm) = (batch.kmip.engine.crypto().as_ref(), batch.caller.realm());
    let object = |named| match batch.object(Some(&named))? {
        Reference::Object(id) => Ok(id),
        Reference::Chosen(text) | Reference::Text(text) => Ok(chosen_id(crypto, realm, &text)),
    };
    let objects = objects.map(|asked| {
        asked.unique_identifiers.into_iter().map(object).collect::<Result<BTreeSet<ObjectId>, Failure>>()
    });
    let groups = object_groups.map(|asked| asked.object_groups.into_iter().collect());
    let part = ScopePart { objects: objects.transpose()?, groups };
    Ok(Right { operations: operations.map(|asked| asked.operations), part })
}

fn detail((now, until): (Time, Time), requests: Option<u32>, rights: Option<&[Right]>) -> String {
    let mut detail = format!("a ticket for {} s", (until.0 - now.0) / 1000);
    if let Some(requests) = requests {
        detail.push_str(&format!(", {requests} requests"));
    }
    for right in rights.into_iter().flatten() {
        detail.push_str(", to do ");
        match &right.operations {
            Some(operations) => {
                let words: Vec<String> = operations.iter().map(ToString::to_string).collect();
                detail.push_str(&words.join(" "));
            }
            None => detail.push_str("anything"),
        }
        if let Some(objects) = &right.part.objects {
            let words: Vec<String> = objects.iter().map(ToString::to_string).collect();
            detail.push_str(&format!(" with {}", words.join(" ")));
        }
        if let Some(groups) = &right.part.groups {
            detail.push_str(&format!(" in the groups {groups:?}"));
        }
    }
    detail
}

fn invalid(message: String) -> Failure {
    Failure::new(ResultReason::InvalidField, message)
}
