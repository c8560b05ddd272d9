//! The command line's side of the HTTP API: finds the node of a data directory and asks it.
//!
//! Invariants:
//! * every answer comes from the node that wrote `api.json`: each carries its peer id
//! * nothing leaves this machine: no proxy, no redirect, an address of this machine only
//! * the token is shown where it is needed, and for a read only to who proved to be the node
//! * no request waits for ever

use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rollbook::PeerId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use ureq::http::{Request, Response, StatusCode};
use ureq::{Agent, Body};

use crate::api::PEER_ID_HEADER;
use crate::api_file::{self, ApiFile};

/// A node on this machine answers within milliseconds; one that takes so long hangs.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Covers a write that waits for a slow disk.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A way to talk to one running node.
#[derive(Debug)]
pub(crate) struct Client {
    data_dir: PathBuf,
    api: ApiFile,
    agent: Agent,
}

impl Client {
    /// Finds the node of a data directory.
    pub(crate) fn open(data_dir: &Path) -> Result<Self> {
        let api = ApiFile::read(data_dir)?;
        // The file is the user's own, but its token must not be carried elsewhere by mistake.
        let address = api.url.strip_prefix("http://").and_then(|address| address.parse().ok());
        if !address.is_some_and(|address: SocketAddr| is_of_this_machine(address.ip())) {
            bail!("{} names no address of this machine", api_file::path(data_dir).display());
        }
        let agent = Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(READ_TIMEOUT))
            .timeout_per_write(Some(READ_TIMEOUT))
            .user_agent(concat!("rollbook/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { data_dir: data_dir.to_owned(), api, agent })
    }

    /// Reads the text of a resource.
    pub(crate) fn get_text(&self, path_and_query: &str) -> Result<String> {
        self.text(self.read(path_and_query)?)
    }

    /// All pages of a list of nodes, a page at a time.
    pub(crate) fn node_pages(&self, query: &str) -> NodePages<'_> {
        NodePages { client: self, query: query.to_owned(), after: Some(String::new()) }
    }

    /// Whether a node is ready; the text says why not.
    pub(crate) fn ready(&self) -> Result<std::result::Result<(), String>> {
        let mut response = self.ask("/readyz")?;
        let text = response.body_mut().read_to_string().unwrap_or_default();
        Ok(match response.status().is_success() {
            true => Ok(()),
            false => Err(refusal(&text).unwrap_or(text)),
        })
    }

    /// Reads a resource.
    pub(crate) fn get<T: DeserializeOwned>(&self, path_and_query: &str) -> Result<T> {
        parsed(&self.get_text(path_and_query)?)
    }

    /// Gives a command that needs no body, and returns the node that it was about.
    pub(crate) fn command(&self, method: &str, path: &str) -> Result<String> {
        let request = self.request(method, path).header("authorization", self.bearer());
        self.text(checked(self.run(request.body(())?)?)?)
    }

    /// Gives a command with a body and reads what came of it.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        let request = self
            .request("POST", path)
            .header("authorization", self.bearer())
            .header("content-type", "application/json");
        let request = request.body(serde_json::to_vec(body)?)?;
        parsed(&self.text(checked(self.run(request)?)?)?)
    }

    /// Follows the node's events, after the one of number `after` or from now on.
    pub(crate) fn events(&self, after: Option<u64>) -> Result<EventReader> {
        let query = after.map(|id| format!("?after={id}")).unwrap_or_default();
        let response = self.read(&format!("/api/v1/events{query}"))?;
        Ok(EventReader { lines: BufReader::new(Box::new(response.into_body().into_reader())) })
    }

    fn request(&self, method: &str, path_and_query: &str) -> ureq::http::request::Builder {
        Request::builder().method(method).uri(format!("{}{path_and_query}", self.api.url))
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.api.token)
    }

    fn text(&self, mut response: Response<Body>) -> Result<String> {
        // The roll of a large network is larger than the default limit.
        let text = response.body_mut().with_config().limit(u64::MAX).read_to_string();
        text.map_err(|error| self.unreachable(error))
    }

    fn read(&self, path_and_query: &str) -> Result<Response<Body>> {
        checked(self.ask(path_and_query)?)
    }

    /// Asks without the token, and with it where a node demands it for reads too.
    fn ask(&self, path_and_query: &str) -> Result<Response<Body>> {
        let response = self.run(self.request("GET", path_and_query).body(())?)?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let request = self.request("GET", path_and_query).header("authorization", self.bearer());
        self.run(request.body(())?)
    }

    /// What the node answers, whatever that is.
    fn run(&self, request: Request<impl ureq::AsSendBody>) -> Result<Response<Body>> {
        let response = self.agent.run(request).map_err(|error| self.unreachable(error))?;
        let answered_by = response.headers().get(PEER_ID_HEADER).map(|value| value.as_bytes());
        match answered_by == Some(self.api.peer_id.as_bytes()) {
            true => Ok(response),
            false => Err(self.stale("another program answers there")),
        }
    }

    fn unreachable(&self, error: ureq::Error) -> anyhow::Error {
        match error {
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                self.stale("nothing answers there")
            }
            ureq::Error::ConnectionFailed => self.stale("nothing answers there"),
            ureq::Error::Timeout(_) => {
                anyhow!("the node at {} does not answer in time", self.api.url)
            }
            error => anyhow!("lost the node at {}: {error}", self.api.url),
        }
    }

    fn stale(&self, reason: &str) -> anyhow::Error {
        let dir = self.data_dir.display();
        let (name, url) = (api_file::NAME, &self.api.url);
        let told = format!("no node runs in {dir} (stale {name}: it names {url}, and {reason})");
        NodeError::NotRunning(told).into()
    }
}

/// Why a command to a node came to nothing, where a program may want to tell.
#[derive(Debug)]
pub(crate) enum NodeError {
    /// No node runs there.
    NotRunning(String),
    /// The node understood and said no.
    Refused(String),
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning(text) | Self::Refused(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for NodeError {}

/// The pages of a list of nodes.
#[derive(Debug)]
pub(crate) struct NodePages<'a> {
    client: &'a Client,
    query: String,
    /// Where the next page begins; empty for the first.
    after: Option<String>,
}

impl Iterator for NodePages<'_> {
    /// The nodes of a page, each as its JSON.
    type Item = Result<Vec<Box<RawValue>>>;

    fn next(&mut self) -> Option<Self::Item> {
        #[derive(serde::Deserialize)]
        struct Page {
            nodes: Vec<Box<RawValue>>,
            next: Option<String>,
        }
        let after = self.after.take()?;
        let mut path = format!("/api/v1/nodes?{}", self.query);
        if !after.is_empty() {
            path.push_str(&format!("&after={}", escaped(&after)));
        }
        let page = self.client.get::<Page>(&path).map(|page| {
            self.after = page.next;
            page.nodes
        });
        Some(page)
    }
}

/// One message of the event stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// `message`, unless the stream says otherwise.
    pub(crate) name: String,
    /// Its JSON.
    pub(crate) data: String,
}

/// Reads a stream of server-sent events; it ends when the node stops.
pub(crate) struct EventReader {
    lines: BufReader<Box<dyn io::Read>>,
}

impl Iterator for EventReader {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        // However the connection ended, the node is gone or unusable: that is the end.
        next_message(&mut self.lines).ok().flatten()
    }
}

fn next_message(lines: &mut impl BufRead) -> io::Result<Option<Message>> {
    let mut message = Message::default();
    let mut line = String::new();
    loop {
        line.clear();
        // A message that is cut short does not count.
        if lines.read_line(&mut line)? == 0 || !line.ends_with('\n') {
            return Ok(None);
        }
        let text = line.trim_end_matches(['\r', '\n']);
        let (field, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut message.name),
            "data" if message.data.is_empty() => value.clone_into(&mut message.data),
            "data" => message.data = format!("{}\n{value}", message.data),
            // Without data it was a comment that keeps the connection alive.
            "" if text.is_empty() && !message.data.is_empty() => break,
            _ => {}
        }
    }
    if message.name.is_empty() {
        "message".clone_into(&mut message.name);
    }
    Ok(Some(message))
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).context("the node's answer is not understood (another version?)")
}

/// Turns a refusal into an error.
fn checked(mut response: Response<Body>) -> Result<Response<Body>> {
    if response.status().is_success() {
        return Ok(response);
    }
    let text = response.body_mut().read_to_string().unwrap_or_default();
    let told = refusal(&text).unwrap_or_else(|| format!("the node answered {}", response.status()));
    Err(NodeError::Refused(told).into())
}

/// Why the node said no.
fn refusal(body: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Refusal {
        error: String,
    }
    serde_json::from_str::<Refusal>(body).ok().map(|refusal| refusal.error)
}

/// Whether only programs on this machine can answer there.
fn is_of_this_machine(ip: IpAddr) -> bool {
    // The system lets nobody listen on an address that is another machine's.
    ip.is_loopback() || TcpListener::bind((ip, 0)).is_ok()
}

/// Reads a peer id that a person typed.
pub(crate) fn peer_id(text: &str) -> Result<PeerId> {
    text.parse().map_err(|error| anyhow!("{text:?}: {error} (`rollbook nodes` lists them)"))
}

/// Writes a text as one part of a path or query.
pub(crate) fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let escape = |byte: u8| match plain(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(stream: &str) -> Vec<Message> {
        EventReader { lines: BufReader::new(Box::new(io::Cursor::new(stream.to_owned()))) }
            .collect()
    }

    fn message(name: &str, data: &str) -> Message {
        Message { name: name.into(), data: data.into() }
    }

    #[test]
    fn a_stream_is_read_message_by_message() {
        let stream = "id: 1\ndata: {\"id\":1}\n\n:\n\nevent: lagged\r\ndata: {\"lost\":2}\r\n\r\n\
                      id:3\ndata:a\ndata:b\n\n";
        let expected = [
            message("message", "{\"id\":1}"),
            message("lagged", "{\"lost\":2}"),
            message("message", "a\nb"),
        ];
        assert_eq!(messages(stream), expected);
    }

    #[test]
    fn a_message_that_is_cut_short_is_not_a_message() {
        for stream in ["", "data: 1", "data: 1\n", "id: 1\ndata: 1\nid"] {
            assert_eq!(messages(stream), []);
        }
    }

    #[test]
    fn a_stale_file_is_one_clear_line() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let unused = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", unused.local_addr().expect("bound"));
        drop(unused);
        let api = ApiFile { url, token: "t".into(), peer_id: "p".into(), listen: Vec::new() };
        api.write(dir.path()).expect("written");
        let client = Client::open(dir.path()).expect("opened");
        let error = format!("{:#}", client.get_text("/healthz").expect_err("nothing answers"));
        assert!(error.starts_with("no node runs in "), "{error}");
        assert!(error.contains("(stale api.json: "), "{error}");
    }

    #[test]
    fn an_address_elsewhere_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for url in ["http://192.0.2.1:80", "https://127.0.0.1:1", "http://localhost.evil:1", ""] {
            let api =
                ApiFile { url: url.into(), token: "t".into(), peer_id: "p".into(), listen: vec![] };
            api.write(dir.path()).expect("written");
            let error = Client::open(dir.path()).expect_err("refused");
            assert!(format!("{error:#}").contains("no address of this machine"), "{url}");
        }
    }

    #[test]
    fn a_text_is_one_part_of_a_path() {
        assert_eq!(escaped("staked"), "staked");
        assert_eq!(escaped("a/b?c d%ü"), "a%2Fb%3Fc%20d%25%C3%BC");
    }
}
