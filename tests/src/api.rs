//! A node's HTTP API, as any program on the machine uses it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::Namespace;

/// A node answers within milliseconds; one that takes so long hangs.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What `api.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Api {
    /// Where the API answers.
    pub url: String,
    /// What a write has to show.
    pub token: String,
    /// Who answers there.
    pub peer_id: String,
    /// Full multiaddresses.
    pub listen: Vec<String>,
    /// The machine on which it answers, if that is one of its own.
    #[serde(skip)]
    namespace: Option<Namespace>,
}

/// One event of the stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Event {
    /// Its number.
    pub id: u64,
    /// When, in unix seconds.
    pub at: u64,
    /// What happened.
    pub kind: String,
    /// To which node.
    pub peer_id: Option<String>,
}

impl Api {
    /// Reads the file of a data directory; the error says what is the matter.
    pub fn read(data_dir: &Path) -> Result<Api, String> {
        let text = fs::read(data_dir.join("api.json")).map_err(|error| error.to_string())?;
        serde_json::from_slice(&text).map_err(|error| error.to_string())
    }

    /// The same, asked from the machine on which it answers.
    #[must_use]
    pub(crate) fn seen_from(self, namespace: Option<&Namespace>) -> Api {
        Api { namespace: namespace.cloned(), ..self }
    }

    /// Where the API answers, as address and port.
    pub fn address(&self) -> &str {
        self.url.strip_prefix("http://").expect("the API speaks HTTP")
    }

    /// Reads a resource as JSON, or as a text if it is none; the error is what was refused.
    pub fn get(&self, path: &str) -> Result<Value, String> {
        self.inside(|| answer(agent().get(self.at(path)).call()))
    }

    /// Sends a body; the error is what was refused.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let bearer = format!("Bearer {}", self.token);
        let request = || agent().post(self.at(path)).header("authorization", bearer);
        self.inside(|| answer(request().send_json(body)))
    }

    /// The next `count` events after number `after`.
    ///
    /// # Panics
    /// If the stream ends or is not of its form.
    #[track_caller]
    pub fn events(&self, after: u64, count: usize) -> Vec<Event> {
        if count == 0 {
            return Vec::new();
        }
        self.inside(|| self.read_events(after, count))
    }

    #[track_caller]
    fn read_events(&self, after: u64, count: usize) -> Vec<Event> {
        let response = agent().get(self.at(&format!("/api/v1/events?after={after}"))).call();
        let reader = response.expect("the stream is open to all").into_body().into_reader();
        let mut events: Vec<Event> = Vec::new();
        for line in BufReader::new(reader).lines() {
            let line = line.expect("the stream goes on");
            if let Some(data) = line.strip_prefix("data:") {
                events.push(serde_json::from_str(data).expect("an event"));
            }
            if events.len() == count {
                return events;
            }
        }
        panic!("the stream ended after {events:?}");
    }

    fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.namespace {
            Some(namespace) => namespace.inside(work),
            None => work(),
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().proxy(None).http_status_as_error(false);
    config.timeout_per_call(Some(TIMEOUT)).build().new_agent()
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, String> {
    let mut response = result.map_err(|error| error.to_string())?;
    let body = response.body_mut().with_config().limit(1 << 30).read_to_string();
    let body = body.map_err(|error| error.to_string())?;
    match response.status().is_success() {
        true => Ok(serde_json::from_str(&body).unwrap_or(Value::String(body))),
        false => Err(format!("{} {body}", response.status())),
    }
}
