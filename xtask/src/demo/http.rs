//! As much of HTTP as it takes to ask the demo's own server on this machine.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Answers are read whole; a server on loopback that takes longer is broken.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A server's address, and the token that it wants to see.
pub(super) struct Endpoint {
    /// Host and port.
    pub(super) address: String,
    pub(super) token: String,
}

impl Endpoint {
    /// Asks for a JSON document.
    pub(super) fn get(&self, path: &str) -> Result<Value> {
        let body = self.call("GET", path, None)?;
        serde_json::from_slice(&body).with_context(|| format!("GET {path}: no JSON"))
    }

    /// Asks for a file.
    pub(super) fn download(&self, path: &str) -> Result<Vec<u8>> {
        self.call("GET", path, None)
    }

    /// Puts a JSON document there.
    pub(super) fn put(&self, path: &str, document: &Value) -> Result<()> {
        self.call("PUT", path, Some(document)).map(drop)
    }

    fn call(&self, method: &str, path: &str, document: Option<&Value>) -> Result<Vec<u8>> {
        let body = document.map(Value::to_string).unwrap_or_default();
        // HTTP/1.0: the answer comes in one piece and ends with the connection.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             DevPulse-Protocol: 1\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        );
        let answer = self.exchange(request.as_bytes());
        let answer = answer.with_context(|| format!("{method} {path} failed"))?;
        let (status, body) = split(&answer).with_context(|| format!("{method} {path}: no HTTP"))?;
        if !(200..300).contains(&status) {
            bail!("{method} {path}: {status} {}", String::from_utf8_lossy(body).trim());
        }
        Ok(body.to_vec())
    }

    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.write_all(request)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

/// The status and the body of an answer.
fn split(answer: &[u8]) -> Option<(u16, &[u8])> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let status = head.lines().next()?.split(' ').nth(1)?.parse().ok()?;
    Some((status, &answer[end + 4..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_split_into_status_and_body() {
        let answer = b"HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\n\r\n{}";
        assert_eq!(split(answer), Some((200, b"\r\n{}".as_slice())));
        assert_eq!(split(b"SSH-2.0-OpenSSH"), None);
    }
}
