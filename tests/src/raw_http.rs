//! Requests that no honest client sends: each header as the test wants it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawAnswer {
    /// The status code.
    pub status: u16,
    /// The status line and the headers, in lower case.
    pub head: String,
    /// The body.
    pub body: String,
}

/// Sends `GET /path` or the like with header lines of one's own and no body.
///
/// # Panics
/// If nothing sensible comes back.
#[track_caller]
pub fn raw_request(address: &str, line: &str, headers: &[&str]) -> RawAnswer {
    let mut stream = TcpStream::connect(address).expect("the API listens");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let text =
        format!("{line} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(text.as_bytes()).expect("the API reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the API answers");
    let answer = String::from_utf8(answer).expect("answers are text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    RawAnswer {
        status: status.expect("a status code"),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}
