//! E-mail by SMTP, in plain text. Not here: how the connection is protected (line).
//!
//! # Standard
//! RFC 5321, RFC 5322, RFC 3834.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::response::Response;
use rustls::pki_types::ServerName;
use tokio::time::timeout;

use super::Failure;
use super::line::{Way, scripted};
use super::notice::Notice;
use super::post::fetcher;
use super::secrets;
use crate::config;
use crate::quote::plain;

/// Time for one message, from the connection to the server's word that it has it.
const TIME_MAX: Duration = Duration::from_secs(60);
/// Bytes of an answer that an error quotes.
const QUOTED_BYTES_MAX: usize = 256;

/// People who read mail.
pub(super) struct Email {
    way: Way,
    from: Mailbox,
    recipients: Vec<Mailbox>,
    /// User and password, a line each.
    secret_file: Option<PathBuf>,
}

/// Recipients for whom the server has taken a message, by their place among all: they are not sent it again.
pub(super) type Reached = BTreeSet<usize>;

impl Email {
    pub(super) fn new(configured: &config::Destination) -> Result<Self, String> {
        let (host, port) = configured.host_and_port().ok_or("it has no address")?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| "the host of its address is no name and no address")?;
        let way = Way {
            fetcher: fetcher(configured)?,
            host: host.to_owned(),
            port,
            name,
            tls: configured.tls.unwrap_or_default(),
        };
        let from = mailbox(configured.from.as_deref().unwrap_or_default())?;
        let recipients = configured.recipients.iter().map(|text| mailbox(text)).collect::<Result<_, _>>()?;
        let secret_file = configured.secret_file.clone();
        secret_file
            .as_deref()
            .map(secrets::lines)
            .transpose()?
            .map_or(Ok(()), |lines| user(&lines).map(|_| ()))?;
        Ok(Self { way, from, recipients, secret_file })
    }

    /// Sends it to all who were not reached before, and notes who is.
    pub(super) async fn deliver(&self, notice: &Notice, reached: &mut Reached) -> Result<String, Failure> {
        let sent = timeout(TIME_MAX, self.send(notice, reached)).await;
        sent.unwrap_or_else(|_| {
            Err(Failure::Elsewhere(format!("it was not done in {} s", TIME_MAX.as_secs()), None))
        })
    }

    async fn send(&self, notice: &Notice, reached: &mut Reached) -> Result<String, Failure> {
        let mail = self.message(notice).map_err(Failure::Refused)?;
        let line = self.open().await.map_err(|cause| Failure::Elsewhere(cause, None))?;
        let recipients: Vec<_> = self.recipients.iter().map(|recipient| recipient.email.clone()).collect();
        converse(line, (&self.from.email, &recipients), &mail, reached).await
    }

    /// A connection on which a message can be sent.
    async fn open(&self) -> Result<AsyncSmtpConnection, String> {
        let (stream, id) = self.way.open().await?;
        let mut line =
            AsyncSmtpConnection::connect_with_transport(stream, &id).await.map_err(|error| quoted(&error))?;
        if let Some(file) = &self.secret_file {
            let lines = secrets::lines_aside(file.clone()).await?;
            let (name, password) = user(&lines)?;
            let credentials = Credentials::new(name.to_owned(), password.to_owned());
            line.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(|error| quoted(&error))?;
        }
        Ok(line)
    }

    fn message(&self, notice: &Notice) -> Result<Vec<u8>, String> {
        let date = SystemTime::UNIX_EPOCH + Duration::from_millis(notice.time.0.max(0).unsigned_abs());
        let lines: Vec<String> =
            notice.lines().into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let text = format!("{}\r\n\r\n{}\r\n", notice.sentence(), lines.join("\r\n"));
        let automatic =
            HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        let mut message = Message::builder()
            .from(self.from.clone())
            .date(date)
            .message_id(Some(format!("<{}@{}>", notice.id, self.from.email.domain())))
            .subject(notice.headline())
            .raw_header(automatic)
            .header(ContentType::TEXT_PLAIN);
        for recipient in &self.recipients {
            message = message.to(recipient.clone());
        }
        message.body(text).map(|message| message.formatted()).map_err(|error| error.to_string())
    }
}

/// Hands a message over for all who were not reached before, and notes who is.
async fn converse(
    mut line: AsyncSmtpConnection,
    (from, recipients): (&Address, &[Address]),
    mail: &[u8],
    reached: &mut Reached,
) -> Result<String, Failure> {
    let sender = Mail::new(Some(from.clone()), Vec::new());
    line.command(sender).await.map_err(|error| refused("the sender", &error))?;
    let (mut taken, mut later, mut never) = (Vec::new(), Vec::new(), Vec::new());
    for (place, recipient) in recipients.iter().enumerate().filter(|(place, _)| !reached.contains(place)) {
        match line.command(Rcpt::new(recipient.clone(), Vec::new())).await {
            Ok(_) => taken.push(place),
            Err(error) if error.is_permanent() => never.push(quoted(&error)),
            Err(error) if error.is_transient() => later.push(quoted(&error)),
            Err(error) => return Err(refused("a recipient", &error)),
        }
    }
    if !taken.is_empty() {
        let go = line.command(Data).await.map_err(|error| refused("DATA", &error))?;
        expect(&go, 354)?;
        let has = line.message(mail).await.map_err(|error| refused("the message", &error))?;
        expect(&has, 250)?;
        reached.extend(&taken);
    }
    // It has what it was sent, whatever it says to the farewell.
    let _ = line.quit().await;
    if let Some(cause) = later.first() {
        return Err(Failure::Elsewhere(format!("{} recipients are put off: {cause}", later.len()), None));
    }
    match never.first() {
        Some(cause) if reached.is_empty() => Err(Failure::Refused(format!("no recipient is taken: {cause}"))),
        Some(cause) => Ok(format!("it was taken, but for {} recipients: {cause}", never.len())),
        None => Ok(format!("it was taken for {} recipients", reached.len())),
    }
}

/// What becomes of a message for two recipients where a server answers this, whatever it is told; for tests and fuzzing. `None`
/// where it waits for more.
pub(crate) fn answered(bytes: &[u8]) -> Option<bool> {
    let (stream, id) = scripted(bytes);
    let address = |name: &str| Address::new(name, "example.org").ok();
    let (from, recipients) = (address("kms")?, [address("a")?, address("b")?]);
    let mut reached = Reached::new();
    let told = async {
        let line = AsyncSmtpConnection::connect_with_transport(stream, &id).await.ok()?;
        converse(line, (&from, &recipients), b"Subject: a\r\n\r\nb\r\n", &mut reached).await.ok()
    };
    told.now_or_never().map(|told| told.is_some())
}

/// An address, with or without a name before it.
fn mailbox(text: &str) -> Result<Mailbox, String> {
    let mailbox: Option<Mailbox> = text.parse().ok();
    mailbox
        .filter(|_| text.is_ascii())
        .ok_or_else(|| "from and recipients are mail addresses in ASCII, such as ops@example.org".to_owned())
}

/// User and password.
fn user(lines: &[zeroize::Zeroizing<String>]) -> Result<(&str, &str), String> {
    match lines {
        [name, password] => Ok((name, password)),
        _ => Err("secret_file holds the user's name and the password, a line each".to_owned()),
    }
}

fn expect(response: &Response, code: u16) -> Result<(), Failure> {
    if response.has_code(code) {
        return Ok(());
    }
    Err(Failure::Elsewhere(format!("it answered {} in the place of {code}", response.code()), None))
}

/// What an error about the message itself means.
fn refused(what: &str, error: &lettre::transport::smtp::Error) -> Failure {
    let cause = format!("{what}: {}", quoted(error));
    if error.is_permanent() { Failure::Refused(cause) } else { Failure::Elsewhere(cause, None) }
}

fn quoted(error: &lettre::transport::smtp::Error) -> String {
    plain(&error.to_string(), QUOTED_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::super::notice::tests::hostile;
    use super::*;
    use crate::config::{Destination, DestinationEvent, DestinationKind, MailTls};

    fn email(from: &str, recipients: &[&str]) -> Result<Email, String> {
        Email::new(&Destination {
            name: "ops".to_owned(),
            to: DestinationKind::Email,
            events: vec![DestinationEvent::Rotations],
            severity: config::LeastSeverity::Warn,
            realms: Vec::new(),
            rules: Vec::new(),
            url: None,
            url_file: None,
            secret_file: None,
            address: Some("127.0.0.1:25".to_owned()),
            tls: Some(MailTls::None),
            from: Some(from.to_owned()),
            recipients: recipients.iter().map(|&text| text.to_owned()).collect(),
            ca_file: None,
            private_addresses: true,
        })
    }

    #[test]
    fn no_name_adds_a_header_or_ends_a_message() {
        let email = email("Keyreeve <kms@example.org>", &["ops@example.org", "sec@example.org"]).unwrap();
        let message = String::from_utf8(email.message(&hostile()).unwrap()).unwrap();
        let (head, body) = message.split_once("\r\n\r\n").unwrap();
        let names: Vec<_> = head
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split_once(':').unwrap().0)
            .collect();
        assert!(!names.contains(&"Bcc"), "{head}");
        for name in ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type"] {
            assert_eq!(names.iter().filter(|known| **known == name).count(), 1, "{name}: {head}");
        }
        assert!(head.contains("Message-ID: <a-1@example.org>"), "{head}");
        assert!(!body.contains("\r\n.\r\n") && !head.contains("html"), "{message}");
        assert!(message.lines().all(|line| line.len() < 999), "RFC 5322, 2.1.1");
    }

    #[test]
    fn a_message_is_taken_by_nothing_but_the_answers_of_smtp() {
        let good = "220 a\r\n250 b\r\n250 c\r\n250 d\r\n250 e\r\n354 f\r\n250 g\r\n221 h\r\n";
        assert_eq!(answered(good.as_bytes()), Some(true));
        assert_eq!(
            answered(good.replace("250 d", "550 d").as_bytes()),
            Some(true),
            "the other one is reached"
        );
        let both = good.replace("250 d", "550 d").replace("250 e\r\n354 f\r\n250 g\r\n", "550 e\r\n");
        assert_eq!(answered(both.as_bytes()), Some(false), "nobody is");
        for (from, to) in [
            ("220 a", "554 a"),
            ("250 d", "450 d"),
            ("354 f", "250 f"),
            ("250 g", "354 g"),
            ("250 g", "451 g"),
            ("250 c\r\n", ""),
        ] {
            assert_eq!(answered(good.replace(from, to).as_bytes()), Some(false), "{from} {to}");
        }
        for length in 0..good.len() - "221 h\r\n".len() {
            assert_eq!(answered(&good.as_bytes()[..length]), Some(false), "{length}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in ["", "ops", "ops@exa mple.org", "a@b.example\r\nBcc: c@d.example", "\u{fc}@example.org"]
        {
            assert!(email("kms@example.org", &[wrong]).is_err(), "{wrong:?}");
            assert!(email(wrong, &["ops@example.org"]).is_err(), "{wrong:?}");
        }
    }
}
