//! Operations whose data comes in several requests: what came so far, between them. Not here: what is computed.
//!
//! # Standard
//! KMIP 2.1 sections 7.10 (Correlation Value), 7.14 (Final Indicator) and 7.17 (Init Indicator).

use std::collections::HashMap;

use keyreeve_core::model::{PrincipalId, RealmId, Time};
use keyreeve_core::operations::parts::Part;
use keyreeve_kmip::attributes::CryptographicParameters;
use keyreeve_kmip::enums::ResultReason;
use keyreeve_kmip::payloads::Request;
use keyreeve_kmip::payloads::decrypt::DecryptRequest;
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::hash::HashRequest;
use keyreeve_kmip::payloads::mac::MacRequest;
use keyreeve_kmip::payloads::mac_verify::MacVerifyRequest;
use keyreeve_kmip::payloads::sign::SignRequest;
use keyreeve_kmip::payloads::signature_verify::SignatureVerifyRequest;
use keyreeve_kmip::values::{Data, UniqueIdentifier};
use parking_lot::Mutex;

use super::batch::Batch;
use super::errors::Failure;

/// Bytes of data in all parts of a stream. What came so far is gone through again with every part.
const STREAM_BYTES_MAX: usize = 1 << 20;

/// Streams that are open at once, of one principal and of all.
const STREAMS_OF_ONE_MAX: usize = 16;
const STREAMS_MAX: usize = 256;

/// A stream that nobody continues for so long is forgotten.
const IDLE_MAX_MS: i64 = 10 * 60 * 1000;

const IN_PARTS: &str = "an operation in several parts";

/// Open streams. Holds secrets.
#[derive(Default)]
pub(super) struct Streams(Mutex<Open>);

#[derive(Default)]
struct Open {
    streams: HashMap<u64, Stream>,
    /// Numbers of streams that came to their end. They are given out again, as the published cases of streams want it: a
    /// client that repeats its last part may meet its own next stream, never one of another client's, which is not found.
    ended: Vec<u64>,
    /// Numbers that were given out.
    numbers: u64,
    /// Tells the numbers of this run of the server from those of others.
    run: Option<[u8; 8]>,
}

struct Stream {
    owner: (RealmId, PrincipalId),
    latest: Time,
    /// All parts that came, as if they were one request.
    request: Request,
    given: usize,
}

/// Where a request stands in its stream; most are a whole stream.
pub(super) struct Place {
    number: Option<u64>,
    /// As core takes it.
    pub(super) part: Part,
}

/// A request that may be one part of several.
pub(super) trait Streamed: Sized + Into<Request> {
    /// Its correlation value, whether it says that it is the first part, and whether the last.
    fn indicators(&mut self) -> (Option<Vec<u8>>, bool, bool);

    /// What it works on.
    fn data(&mut self) -> &mut Option<Data>;

    /// Bytes of its data, and of what else may be long.
    fn bytes(&self) -> usize;

    /// With a later part at its end. How the key is used is told once: what a later part says of it must be the same.
    fn joined(self, later: Self) -> Result<Self, Failure>;

    /// The same kind of request again.
    fn from_request(request: Request) -> Option<Self>;
}

/// Whether a request is one part of several.
pub(super) fn is_part(request: &Request) -> bool {
    macro_rules! parted {
        ($($variant:ident)*) => {
            match request {
                $(Request::$variant(part) => part.correlation_value.is_some() || part.init_indicator == Some(true),)*
                _ => false,
            }
        };
    }
    parted!(Encrypt Decrypt Sign SignatureVerify Mac MacVerify Hash)
}

/// Everything that came so far of what this request is a part of. Its data is bytes from here on, whatever stood for them.
pub(super) fn begin<R: Streamed>(batch: &mut Batch<'_>, mut request: R) -> Result<(R, Place), Failure> {
    let (correlation_value, is_first, is_last) = request.indicators();
    let Some(correlation_value) = correlation_value else {
        resolve(batch, &mut request)?;
        let part = Part { given: 0, is_last: is_last || !is_first };
        return Ok((request, Place { number: None, part }));
    };
    if is_first {
        let message = "a part with a Correlation Value continues a stream: it cannot begin one";
        return Err(Failure::new(ResultReason::InvalidField, message));
    }
    batch.refuse_in_rehearsal(IN_PARTS)?;
    let (number, stream) = batch.kmip.streams.take(batch, &correlation_value)?;
    resolve(batch, &mut request)?;
    let earlier = R::from_request(stream.request).ok_or_else(unknown)?;
    let request = earlier.joined(request)?;
    check_bytes(&request)?;
    Ok((request, Place { number: Some(number), part: Part { given: stream.given, is_last } }))
}

/// Puts the data that the request refers to into it.
fn resolve(batch: &mut Batch<'_>, request: &mut impl Streamed) -> Result<(), Failure> {
    if let Some(data) = request.data().take() {
        *request.data() = Some(batch.resolved(data)?.into());
    }
    Ok(())
}

/// Keeps what came for the next part. The Correlation Value that the answer bears; none with the last part.
pub(super) fn end<R: Streamed>(
    batch: &Batch<'_>,
    request: R,
    place: &Place,
    given_now: usize,
) -> Result<Option<Vec<u8>>, Failure> {
    let Place { number, part: Part { given, is_last } } = *place;
    if is_last {
        number.into_iter().for_each(|number| batch.kmip.streams.0.lock().ended.push(number));
        return Ok(None);
    }
    batch.refuse_in_rehearsal(IN_PARTS)?;
    check_bytes(&request)?;
    let given = given + given_now;
    let stream = Stream { owner: owner(batch), latest: now(batch), request: request.into(), given };
    batch.kmip.streams.keep(batch, number, stream).map(Some)
}

fn check_bytes(request: &impl Streamed) -> Result<(), Failure> {
    if request.bytes() <= STREAM_BYTES_MAX {
        return Ok(());
    }
    let message = format!("the parts of one operation have at most {STREAM_BYTES_MAX} bytes together");
    Err(Failure::new(ResultReason::ServerLimitExceeded, message))
}

impl Streams {
    /// Forgets what nobody continued for long.
    pub(super) fn forget_idle(&self, now: Time) {
        self.0.lock().forget_idle(now);
    }

    fn take(&self, batch: &Batch<'_>, correlation_value: &[u8]) -> Result<(u64, Stream), Failure> {
        let mut open = self.0.lock();
        open.forget_idle(now(batch));
        let number = open.number(correlation_value).ok_or_else(unknown)?;
        let found = open.streams.get(&number);
        found.filter(|stream| stream.owner == owner(batch)).ok_or_else(unknown)?;
        open.streams.remove(&number).map(|stream| (number, stream)).ok_or_else(unknown)
    }

    fn keep(&self, batch: &Batch<'_>, number: Option<u64>, stream: Stream) -> Result<Vec<u8>, Failure> {
        let run = batch.kmip.random()?;
        let mut open = self.0.lock();
        open.forget_idle(stream.latest);
        let own = open.streams.values().filter(|known| known.owner == stream.owner).count();
        if own >= STREAMS_OF_ONE_MAX || open.streams.len() >= STREAMS_MAX {
            let message = "too many operations in parts are open: end some of them with the Final Indicator";
            return Err(Failure::new(ResultReason::ServerLimitExceeded, message));
        }
        let number = number.or_else(|| open.ended.pop()).unwrap_or_else(|| {
            open.numbers += 1;
            open.numbers
        });
        open.streams.insert(number, stream);
        let run = *open.run.get_or_insert(run);
        Ok([run, number.to_be_bytes()].concat())
    }
}

impl Open {
    fn number(&self, correlation_value: &[u8]) -> Option<u64> {
        let (run, number) = correlation_value.split_first_chunk::<8>()?;
        (self.run == Some(*run)).then(|| number.try_into().ok().map(u64::from_be_bytes)).flatten()
    }

    fn forget_idle(&mut self, now: Time) {
        self.streams.retain(|_, stream| now.0.saturating_sub(stream.latest.0) < IDLE_MAX_MS);
    }
}

fn owner(batch: &Batch<'_>) -> (RealmId, PrincipalId) {
    (batch.caller.realm(), batch.caller.id())
}

fn now(batch: &Batch<'_>) -> Time {
    batch.kmip.engine.clock().now()
}

/// The stream of another is none, as is one of another operation.
fn unknown() -> Failure {
    let message =
        "no such stream: its Correlation Value is unknown, or the stream has ended or was forgotten";
    Failure::new(ResultReason::InvalidCorrelationValue, message)
}

/// `Request(fields that the first part tells; fields that any part tells)`: all of them optional, besides the data.
macro_rules! streamed {
    ($($request:ident as $variant:ident($($fixed:ident),*; $($any:ident),*))*) => {$(
        impl Streamed for $request {
            fn indicators(&mut self) -> (Option<Vec<u8>>, bool, bool) {
                let (first, last) = (self.init_indicator.take(), self.final_indicator.take());
                (self.correlation_value.take(), first == Some(true), last == Some(true))
            }

            fn data(&mut self) -> &mut Option<Data> {
                &mut self.data
            }

            fn bytes(&self) -> usize {
                let data = self.data.as_ref().map_or(0, Held::held);
                data $(+ self.$fixed.as_ref().map_or(0, Held::held))* $(+ self.$any.as_ref().map_or(0, Held::held))*
            }

            fn joined(mut self, mut later: Self) -> Result<Self, Failure> {
                $(if later.$fixed.is_some() && later.$fixed != self.$fixed {
                    return Err(differs(stringify!($fixed)));
                })*
                self.data = match (self.data.take(), later.data.take()) {
                    (Some(earlier), Some(later)) => Some(joined(earlier, later)),
                    (earlier, later) => earlier.or(later),
                };
                $(self.$any = later.$any.take().or(self.$any.take());)*
                Ok(self)
            }

            fn from_request(request: Request) -> Option<Self> {
                match request {
                    Request::$variant(request) => Some(request),
                    _ => None,
                }
            }
        }
    )*};
}

streamed! {
    EncryptRequest as Encrypt(
        unique_identifier, cryptographic_parameters, iv_counter_nonce, authenticated_encryption_additional_data;
    )
    DecryptRequest as Decrypt(
        unique_identifier, cryptographic_parameters, iv_counter_nonce, authenticated_encryption_additional_data;
        authenticated_encryption_tag
    )
    SignRequest as Sign(unique_identifier, cryptographic_parameters; digested_data)
    SignatureVerifyRequest as SignatureVerify(
        unique_identifier, cryptographic_parameters; digested_data, signature_data
    )
    MacRequest as Mac(unique_identifier, cryptographic_parameters;)
    MacVerifyRequest as MacVerify(unique_identifier, cryptographic_parameters; mac_data)
    HashRequest as Hash(;)
}

fn differs(field: &str) -> Failure {
    let message = format!("{field} of a later part is not what the first part said");
    Failure::new(ResultReason::InvalidField, message)
}

/// What a part keeps in memory.
trait Held {
    /// Bytes of it, where these may be many.
    fn held(&self) -> usize;
}

impl Held for Vec<u8> {
    fn held(&self) -> usize {
        self.len()
    }
}

impl Held for Data {
    fn held(&self) -> usize {
        self.bytes().map_or(0, keyreeve_kmip::SecretBytes::len)
    }
}

impl Held for UniqueIdentifier {
    fn held(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            _ => 0,
        }
    }
}

impl Held for CryptographicParameters {
    fn held(&self) -> usize {
        0
    }
}

/// Data that grows without leaving copies of itself behind.
fn joined(earlier: Data, later: Data) -> Data {
    // INVARIANT: both are bytes: `begin` has put them in the place of what stood for them.
    [earlier, later]
        .iter()
        .filter_map(Data::bytes)
        .map(keyreeve_kmip::SecretBytes::expose)
        .collect::<Vec<_>>()
        .concat()
        .into()
}
