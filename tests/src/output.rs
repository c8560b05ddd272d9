//! A command of the binary, while it runs and after it ended.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};

use tempfile::TempDir;

use crate::{binary, wait};

/// A command that runs. It does not outlive this.
///
/// Input and outputs are files: no pipe fills up, and none is kept open by a grandchild.
#[derive(Debug)]
pub struct RunningCommand {
    child: Child,
    folder: TempDir,
}

impl RunningCommand {
    /// Starts the binary with arguments and a text as its standard input.
    #[track_caller]
    pub fn start<A: AsRef<OsStr>>(
        args: impl IntoIterator<Item = A>,
        input: &str,
    ) -> RunningCommand {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("in"), input).expect("our folder");
        let mut command = binary::command();
        command
            .args(args)
            .stdin(File::open(path("in")).expect("our file"))
            .stdout(Stdio::from(File::create(path("out")).expect("our folder")))
            .stderr(Stdio::from(File::create(path("err")).expect("our folder")));
        let child = command.spawn().expect("the binary can be run");
        RunningCommand { child, folder }
    }

    /// What it printed so far.
    #[track_caller]
    pub fn stdout(&self) -> String {
        self.read("out")
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        let status = wait::eventually("a command ends", || {
            let ended = self.child.try_wait().expect("a child can be awaited");
            ended.ok_or_else(|| format!("{}{}", self.read("out"), self.read("err")))
        });
        Finished { status, stdout: self.read("out"), stderr: self.read("err") }
    }

    fn read(&self, name: &str) -> String {
        let text = fs::read(self.folder.path().join(name)).expect("our file");
        String::from_utf8(text).expect("output is text")
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        // It has ended already unless something went wrong.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it printed to standard error.
    pub stderr: String,
}

impl Finished {
    /// What it printed.
    ///
    /// # Panics
    /// If the command failed.
    #[track_caller]
    pub fn success(self) -> String {
        assert!(self.status.success(), "{}: {}{}", self.status, self.stdout, self.stderr);
        self.assert_no_panic();
        self.stdout
    }

    /// The one line that it failed with, without `error: `.
    ///
    /// # Panics
    /// If it succeeded, printed a result, or said more or less than one line.
    #[track_caller]
    pub fn refusal(self) -> String {
        self.assert_no_panic();
        let refused = self.status.code().is_some_and(|code| [1, 3, 4].contains(&code));
        assert!(refused, "{}: {}{}", self.status, self.stdout, self.stderr);
        assert_eq!(self.stdout, "", "an error printed a result: {}", self.stderr);
        let lines: Vec<&str> = self.stderr.lines().collect();
        let [line] = lines.as_slice() else {
            panic!("not one line of error: {:?}", self.stderr);
        };
        let line = line.strip_prefix("error: ").expect("an error begins with `error: `");
        assert!(line.len() > 10 && line.len() < 500, "an error of a line: {line}");
        line.to_owned()
    }

    /// Fails if a panic or its trace was printed.
    #[track_caller]
    pub fn assert_no_panic(&self) {
        for sign in ["panicked", "stack backtrace", "RUST_BACKTRACE"] {
            assert!(!self.stderr.contains(sign), "{}", self.stderr);
        }
    }
}

/// Runs the binary with arguments until it ends.
#[track_caller]
pub fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Finished {
    RunningCommand::start(args, "").finish()
}

/// Runs the binary, which must refuse in one line: the line.
#[track_caller]
pub fn refusal<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> String {
    run(args).refusal()
}

/// Makes an identity in a data directory, or finds the one that is there: its peer id.
#[track_caller]
pub fn identity(data_dir: &Path) -> String {
    let args = ["identity".as_ref(), "--data-dir".as_ref(), data_dir.as_os_str()];
    let text = run(args).success();
    let peer_id = text.lines().find_map(|line| line.strip_prefix("peer id"));
    peer_id.unwrap_or_else(|| panic!("no peer id: {text}")).trim().to_owned()
}
