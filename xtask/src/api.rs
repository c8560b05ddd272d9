//! The suite that puts the HTTP API of a real node against its own description: schemathesis makes
//! up requests, right ones and wrong ones, and looks whether the answers are as described.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::report::Outcome;
use crate::run::{cargo, run, target};
use crate::setup;

/// The whole run, in seconds; made-up requests repeat until it is spent.
const RUN_S: &str = "40";
/// A node is ready within a second or two.
const START_LIMIT: Duration = Duration::from_secs(60);
/// What a description cannot say: which texts are peer ids, and that JSON's 1.0 is no count.
const NOT_CHECKED: &str = "positive_data_acceptance";
/// The same requests in each run, as far as the time allows.
const SEED: &str = "1";
/// A stream that does not end.
const LEFT_OUT: &str = "/api/v1/events";

pub(crate) fn suite() -> Result<Outcome> {
    let Some(schemathesis) = setup::schemathesis() else {
        let why = "schemathesis is not installed: cargo xtask setup";
        return Ok(Outcome::Skipped(why.to_owned()));
    };
    run(&mut cargo(&["build", "--locked", "-p", "rollbook-node"]))?;
    let folder = target().join("tmp/api");
    let node = Node::start(&target().join("debug/rollbook"), &folder)?;
    // It leaves files where it is run.
    let mut command = Command::new("sh");
    command
        .args(["-c", "cd \"$0\" && exec \"$@\""])
        .arg(&folder)
        .arg(schemathesis)
        .args(["run", &format!("{}/api/v1/openapi.json", node.url)])
        .args(["--header", &format!("Authorization: Bearer {}", node.token)])
        .args(["--checks", "all", "--exclude-checks", NOT_CHECKED])
        .args(["--phases", "examples,coverage,fuzzing", "--exclude-path", LEFT_OUT])
        .args(["--seed", SEED, "--max-time", RUN_S, "--request-timeout", "10", "--warnings", "off"])
        .args(["--no-color", "--generation-database", "none"]);
    run(&mut command)?;
    node.look_whether_it_is_well()?;
    Ok(Outcome::Passed)
}

/// A node of its own in a folder of its own; it ends with this.
struct Node {
    child: Child,
    log: PathBuf,
    url: String,
    token: String,
}

impl Node {
    fn start(binary: &Path, folder: &Path) -> Result<Node> {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot empty {folder:?}"))?;
        }
        fs::create_dir_all(folder).with_context(|| format!("cannot make {folder:?}"))?;
        let (log, data_dir) = (folder.join("log"), folder.join("data"));
        let child = Command::new(binary)
            .args(["start", "--listen", "/ip4/127.0.0.1/tcp/0", "--http", "127.0.0.1:0"])
            .args(["--http-rate", "100000", "--data-dir"])
            .arg(&data_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("the node cannot be started")?;
        let mut node = Node { child, log, url: String::new(), token: String::new() };
        let text = node.await_file(&data_dir.join("api.json"))?;
        node.url = value(&text, "url").context("api.json names no url")?;
        node.token = value(&text, "token").context("api.json names no token")?;
        Ok(node)
    }

    fn await_file(&mut self, path: &Path) -> Result<String> {
        let start = Instant::now();
        while start.elapsed() < START_LIMIT {
            if let Ok(text) = fs::read_to_string(path) {
                return Ok(text);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the node ended ({status}): {}", self.said());
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("the node is not ready: {}", self.said());
    }

    fn look_whether_it_is_well(mut self) -> Result<()> {
        let said = self.said();
        if let Some(status) = self.child.try_wait()? {
            bail!("the node ended ({status}): {said}");
        }
        match said.contains("panicked") {
            true => bail!("the node panicked: {said}"),
            false => Ok(()),
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text of a key in a flat JSON object whose texts need no escapes.
fn value(json: &str, key: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{key}\":\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_by_its_key() {
        let json = r#"{"url":"http://127.0.0.1:1","token":"0f","listen":["url"]}"#;
        assert_eq!(value(json, "url").as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(value(json, "token").as_deref(), Some("0f"));
        assert_eq!(value(json, "peerId"), None);
    }
}
