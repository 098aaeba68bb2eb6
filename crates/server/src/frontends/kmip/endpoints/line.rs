//! One connection to an endpoint: a request out, its response back. Not here: what is asked.

use std::io;
use std::net::SocketAddr;

use keyreeve_kmip::enums::ResultStatus;
use keyreeve_kmip::message::{RequestItem, RequestMessage, ResponseItem, ResponseMessage};
use keyreeve_kmip::payloads::Request;
use keyreeve_kmip::ttlv::binary::{HEADER_BYTES, message_bytes};
use keyreeve_kmip::values::DateTime;
use keyreeve_kmip::{Limits, Version};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::quoted;
use crate::listen::Dialer;

/// Responses hold no payload; who needs more for it talks rubbish.
const LIMITS: Limits = Limits { message_bytes_max: 64 << 10, depth_max: 32, items_max: 1000 };

/// A connection to an endpoint.
pub(super) struct Line {
    stream: TlsStream<TcpStream>,
    peer: SocketAddr,
}

impl Line {
    pub(super) async fn dial(
        dialer: &Dialer,
        address: &str,
        name: &ServerName<'static>,
    ) -> Result<Self, String> {
        let dialed = dialer.dial(address, name).await;
        let (stream, peer) = dialed.map_err(|cause| format!("{address} cannot be connected to: {cause}"))?;
        Ok(Self { stream, peer })
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The answer to a request of one item.
    pub(super) async fn exchange(
        &mut self,
        version: Version,
        now: DateTime,
        payload: Request,
    ) -> Result<ResponseItem, String> {
        let mut message = RequestMessage::new(version, vec![RequestItem::new(payload)]);
        message.header.time_stamp = Some(now);
        let request = message.encode().map_err(|cause| cause.to_string())?;
        let operation = message.items.remove(0).operation;
        let answer = converse(&mut self.stream, request.expose()).await;
        let mut answer = answer.map_err(|cause| format!("{operation} was not answered: {cause}"))?;
        match &answer.items[..] {
            [only] if only.operation.is_none_or(|answered| answered == operation) => {
                Ok(answer.items.remove(0))
            }
            _ => Err(format!("{operation} was answered by something else")),
        }
    }
}

/// Why the other end refused; `None` where it did not.
pub(super) fn refusal(answer: &ResponseItem) -> Result<Option<String>, String> {
    match answer.result_status {
        ResultStatus::Success => Ok(None),
        ResultStatus::OperationFailed => Ok(Some(quoted(answer))),
        other => Err(format!("the answer is neither success nor failure: {other}")),
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: &[u8],
) -> io::Result<ResponseMessage> {
    let wrong = |cause| io::Error::new(io::ErrorKind::InvalidData, cause);
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header).await?;
    let length = message_bytes(&header, &LIMITS).map_err(wrong)?;
    let mut bytes = header.to_vec();
    let rest = length - HEADER_BYTES;
    if stream.take(rest as u64).read_to_end(&mut bytes).await? < rest {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    ResponseMessage::decode(&bytes, &LIMITS).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use keyreeve_kmip::enums::{Operation, ResultReason};
    use keyreeve_kmip::payloads::put::PutResponse;

    use super::*;

    /// What becomes of an answer of these bytes, after which the other end closes.
    async fn answered(bytes: &[u8]) -> io::Result<ResponseMessage> {
        let (mut ours, mut theirs) = tokio::io::duplex(1 << 20);
        theirs.write_all(bytes).await.unwrap();
        theirs.shutdown().await.unwrap();
        converse(&mut ours, b"request").await
    }

    #[tokio::test]
    async fn whatever_is_answered_is_an_answer_or_an_error() {
        let good = ResponseMessage::new(
            Version::V1_4,
            DateTime(1),
            vec![ResponseItem::success(PutResponse::default().into())],
        );
        let good = good.encode().unwrap().expose().to_vec();
        assert!(refusal(&answered(&good).await.unwrap().items[0]).unwrap().is_none());
        for length in 0..good.len() {
            assert!(answered(&good[..length]).await.is_err(), "{length}");
        }
        assert!(answered(b"HTTP/1.1 200 OK\r\n\r\n").await.is_err());
        let endless = [&good[..4], &[0xff; 4], &good[8..]].concat();
        assert!(answered(&endless).await.is_err(), "4 GiB are not waited for");
    }

    #[test]
    fn a_refusal_is_told_without_what_disturbs_a_log() {
        let failure =
            |text: &str| ResponseItem::failure(Some(Operation::Put), ResultReason::ItemNotFound, text);
        let told = refusal(&failure("no\nro\u{202e}om\u{2028}\u{7}")).unwrap().unwrap();
        assert!(told.ends_with(": noroom"), "{told}");
        assert!(refusal(&failure(&"x".repeat(9000))).unwrap().unwrap().len() < 400);
        let pending = ResponseItem { result_status: ResultStatus::OperationPending, ..failure("") };
        assert!(refusal(&pending).is_err());
    }
}
