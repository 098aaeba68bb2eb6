//! A small HTTP/1.1 client without TLS, for tests that send more than the command line could, or send what no client
//! would. Not here: any meaning of what is sent.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::server::Server;

/// One connection, kept open.
pub(crate) struct Http {
    stream: BufReader<TcpStream>,
    token: String,
}

impl Http {
    /// Connects to the plain listener of a `dev` server as its administrator.
    pub(crate) fn connect(server: &Server) -> io::Result<Self> {
        let address = server.variable("KEYREEVE_PLAIN_ADDR").trim_start_matches("http://");
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream: BufReader::new(stream), token: server.variable("KEYREEVE_TOKEN").to_owned() })
    }

    /// Sends JSON and returns status and JSON.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &Value) -> io::Result<(u16, Value)> {
        let body = body.to_string();
        let authorization = format!("Authorization: Bearer {}\r\n", self.token);
        let (status, answer) = self.send(method, path, &authorization, body.as_bytes())?;
        Ok((status, serde_json::from_slice(&answer).unwrap_or_default()))
    }

    /// Sends any bytes as JSON, with these header lines, and returns status and body.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> io::Result<(u16, Vec<u8>)> {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n{headers}\r\n"
        );
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        self.answer()
    }

    /// Sends raw bytes, waits in the middle of them, and returns the status.
    pub(crate) fn send_in_halves(&mut self, path: &str, body: &[u8], wait: impl FnOnce()) -> io::Result<u16> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n\
             Content-Length: {}\r\nAuthorization: Bearer {}\r\n\r\n",
            body.len(),
            self.token
        );
        let (first, second) = body.split_at(body.len() / 2);
        let sent = self.stream.get_mut().write_all(&[head.as_bytes(), first].concat());
        wait();
        // An early answer may be there already, even where the rest is not taken any more.
        let _ = sent.and_then(|()| self.stream.get_mut().write_all(second));
        self.answer().map(|(status, _)| status)
    }

    fn answer(&mut self) -> io::Result<(u16, Vec<u8>)> {
        let broken = |what: &str| io::Error::new(io::ErrorKind::UnexpectedEof, what.to_owned());
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| broken("no status"))?;
        let mut length = 0;
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(broken("no end of the head"));
            }
            let field = line.trim().to_ascii_lowercase();
            if field.is_empty() {
                break;
            }
            if let Some(value) = field.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(|_| broken("no length"))?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, body))
    }
}
