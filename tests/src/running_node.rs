//! One node in a process of its own.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::api::{Api, Event};
use crate::output::{Finished, RunningCommand};
use crate::{Setup, binary, wait};

/// How much of a node's log is shown with a failure, in bytes.
const LOG_SHOWN: usize = 4_000;

/// A node that runs, or ran and can be started again.
#[derive(Debug)]
pub struct RunningNode {
    child: Option<Child>,
    /// Holds the data directory, if that is its own, and what the process prints.
    folder: TempDir,
    data_dir: PathBuf,
    setup: Setup,
    api: Option<Api>,
}

impl RunningNode {
    /// Starts a node with a new data directory, and returns once it is ready.
    #[track_caller]
    pub fn start(setup: Setup) -> RunningNode {
        let mut node = RunningNode::spawn(setup);
        node.await_ready();
        node
    }

    /// Starts a node in a data directory of somebody else.
    #[track_caller]
    pub fn start_in(data_dir: &Path, setup: Setup) -> RunningNode {
        let mut node = RunningNode::stopped(Some(data_dir), setup);
        node.start_again();
        node
    }

    /// Starts a node whose data are in a folder of its own already.
    #[track_caller]
    pub fn start_with_data(folder: TempDir, setup: Setup) -> RunningNode {
        let data_dir = folder.path().to_owned();
        let mut node = RunningNode { child: None, folder, data_dir, setup, api: None };
        node.start_again();
        node
    }

    /// Starts a node without waiting until it is ready.
    #[track_caller]
    pub fn spawn(setup: Setup) -> RunningNode {
        let mut node = RunningNode::stopped(None, setup);
        node.spawn_child();
        node
    }

    /// A node that was not started yet, in its own new data directory or another.
    pub fn stopped(data_dir: Option<&Path>, setup: Setup) -> RunningNode {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data_dir = data_dir.map_or_else(|| folder.path().join("data"), Path::to_owned);
        RunningNode { child: None, folder, data_dir, setup, api: None }
    }

    /// Waits until the node is ready: its `api.json` is new and its API answers.
    #[track_caller]
    pub fn await_ready(&mut self) {
        let earlier = self.api.take().map(|api| api.token);
        let api = wait::eventually("a node is ready", || {
            if let Some(status) = self.try_wait() {
                panic!("the node ended ({status}): {}", self.log());
            }
            let api = Api::read(&self.data_dir)?.seen_from(self.setup.namespace());
            if earlier.as_ref() == Some(&api.token) {
                return Err("api.json is of the run before".to_owned());
            }
            api.get("/healthz").map(|_| api)
        });
        // It stays at its addresses: others know them.
        let addresses: Vec<String> = api
            .listen
            .iter()
            .map(|full| full.split("/p2p/").next().unwrap_or(full).to_owned())
            .collect();
        self.setup = self.setup.clone().listening(&addresses);
        self.api = Some(api);
    }

    /// Starts the node again with the same data, addresses and options.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.spawn_child();
        self.await_ready();
    }

    /// Starts the node again with changed options.
    #[track_caller]
    pub fn start_again_with(&mut self, change: impl FnOnce(Setup) -> Setup) {
        self.setup = change(self.setup.clone());
        self.start_again();
    }

    /// Starts the process, which must not run.
    #[track_caller]
    pub fn spawn_child(&mut self) {
        assert!(self.child.is_none(), "the node runs already");
        let file = |name: &str| -> File {
            let path = self.folder.path().join(name);
            OpenOptions::new().create(true).append(true).open(path).expect("our folder")
        };
        let mut command = binary::command();
        command
            .args(self.setup.args(&self.data_dir))
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("log"));
        let child = self.setup.inside(|| command.spawn());
        self.child = Some(child.expect("the binary can be run"));
    }

    /// Ends the process as a crash does: nothing is said and nothing is flushed.
    #[track_caller]
    pub fn kill9(&mut self) {
        let mut child = self.child.take().expect("the node runs");
        child.kill().expect("a child can be killed");
        child.wait().expect("a child can be awaited");
    }

    /// Asks the process to end, and returns how it did.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.await_end()
    }

    /// Sends a signal by its name.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let id = self.process_id();
        // Every shell has it built in; a program of that name is not everywhere.
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status();
        assert!(sent.expect("there is a shell").success(), "the node cannot be signalled");
    }

    /// Waits until the process has ended by itself.
    #[track_caller]
    pub fn await_end(&mut self) -> ExitStatus {
        let status = wait::eventually("a node ends", || self.try_wait().ok_or("it runs"));
        self.child = None;
        status
    }

    /// Whether it was started and not ended since.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// The id of its process, which must run.
    pub fn process_id(&self) -> u32 {
        self.child.as_ref().expect("the node runs").id()
    }

    /// How the process ended, if it has.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        let child = self.child.as_mut().expect("the node was started");
        child.try_wait().expect("a child can be awaited")
    }

    /// Who it is.
    pub fn peer_id(&self) -> &str {
        &self.api().peer_id
    }

    /// Its full addresses.
    pub fn listen(&self) -> &[String] {
        &self.api().listen
    }

    /// Its HTTP API, as it was when the node was ready last.
    pub fn api(&self) -> &Api {
        self.api.as_ref().expect("the node was ready")
    }

    /// Where its files are.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// One of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.data_dir.join(name)
    }

    /// Runs a subcommand on this node.
    #[track_caller]
    pub fn cli<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Finished {
        self.cli_with_input(args, "")
    }

    /// The same with a text as standard input.
    #[track_caller]
    pub fn cli_with_input<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Finished {
        self.start_cli(args, input).finish()
    }

    /// Starts a subcommand on this node without waiting for its end.
    #[track_caller]
    pub fn start_cli<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
        input: &str,
    ) -> RunningCommand {
        let given = args.into_iter().map(|arg| arg.as_ref().to_owned());
        let data_dir = ["--data-dir".into(), self.data_dir.clone().into_os_string()];
        let args: Vec<OsString> = given.chain(data_dir).collect();
        self.setup.inside(|| RunningCommand::start(args, input))
    }

    /// Its own state.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.api().get("/api/v1/status").expect("a node tells its status")
    }

    /// One of its counters.
    #[track_caller]
    pub fn counter(&self, name: &str) -> u64 {
        let status = self.status();
        status["counters"][name].as_u64().unwrap_or_else(|| panic!("no counter {name}: {status}"))
    }

    /// The root of its roll.
    #[track_caller]
    pub fn root(&self) -> String {
        self.status()["root"].as_str().expect("a root is a text").to_owned()
    }

    /// The nodes of its roll, removed and banned ones too.
    #[track_caller]
    pub fn nodes(&self) -> Vec<Value> {
        let (mut nodes, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/nodes?all{after}");
            let page = self.api().get(&path).expect("a node tells its roll");
            nodes.extend_from_slice(page["nodes"].as_array().expect("a page is an array"));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return nodes,
            }
        }
    }

    /// What it knows of one node; the error says why nothing.
    pub fn view(&self, peer: &str) -> Result<Value, String> {
        self.api().get(&format!("/api/v1/nodes/{peer}"))
    }

    /// Waits until what this node knows of `peer` fulfils a condition, and returns it.
    #[track_caller]
    pub fn await_view(&self, what: &str, peer: &str, condition: impl Fn(&Value) -> bool) -> Value {
        wait::eventually(what, || match self.view(peer)? {
            view if condition(&view) => Ok(view),
            view => Err(format!("{} has {view}; {}", self.peer_id(), self.status())),
        })
    }

    /// Waits until this node calls `peer` by a presence.
    #[track_caller]
    pub fn await_presence(&self, peer: &str, presence: &str) -> Value {
        let what = format!("{} is called {presence}", peer);
        self.await_view(&what, peer, |view| view["presence"] == presence)
    }

    /// Waits until its status fulfils a condition, and returns it.
    #[track_caller]
    pub fn await_status(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        wait::eventually(what, || match self.api().get("/api/v1/status")? {
            status if condition(&status) => Ok(status),
            status => Err(format!("{status}")),
        })
    }

    /// All its events after number `after`.
    #[track_caller]
    pub fn events_after(&self, after: u64) -> Vec<Event> {
        let last = self.last_event();
        self.api().events(after, usize::try_from(last.saturating_sub(after)).expect("a count"))
    }

    /// The number of its newest event.
    #[track_caller]
    pub fn last_event(&self) -> u64 {
        self.status()["lastEvent"].as_u64().expect("a number")
    }

    /// What it printed to standard error so far.
    pub fn log(&self) -> String {
        match fs::read(self.folder.path().join("log")) {
            Ok(text) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for RunningNode {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        let log = self.log();
        if std::thread::panicking() {
            let start = log.len().saturating_sub(LOG_SHOWN);
            let end = log.get(start..).unwrap_or(&log);
            let line = format!("log of the node in {}:\n{end}\n", self.data_dir.display());
            // The test fails already; its reason counts more than this.
            let _ = io::Write::write_all(&mut io::stderr(), line.as_bytes());
        } else {
            assert!(!log.contains("panicked"), "a node panicked: {log}");
        }
    }
}
