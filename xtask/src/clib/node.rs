//! The tests of the library with a whole node.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::archive::{self, Build};
use super::install::{self, Wanted};
use super::programs::{Way, compile, empty, linked_to, run_in_valgrind};
use super::{NODE, suite};
use crate::run::{cargo, read, root, run, target};

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often something outside is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// All of them. The library is built as other tests have built most of it already: without
/// optimisation.
pub(crate) fn test(folder: &Path) -> Result<()> {
    let test = ["test", "--locked", "-p", "rollbook-node-c", "--features", "faults"];
    run(&mut cargo(&test))?;
    from_c(folder)?;
    installed(folder)
}

/// Programs linked to a library with a function more, which panics.
fn from_c(folder: &Path) -> Result<()> {
    let mut build = Build::of("dev");
    build.arguments = vec!["--features".to_owned(), "faults".to_owned()];
    let archive = archive::build_static_for_tests(&NODE, &build)?;
    let linked = linked_to(&archive, &archive::system_libraries(&NODE, &build)?);
    let include = root().join("include");
    let (program, data) = (folder.join("node_test"), folder.join("node_data"));
    for way in [Way::C("c99"), Way::C("c11"), Way::Sanitized, Way::Cpp] {
        compile(way, &["ffi/tests/node.c"], &include, &linked, &program)?;
        let mut test = Command::new(&program);
        // A fault is asked for, and where it was is of no interest.
        test.arg(empty(&data)?).env("RUST_BACKTRACE", "0");
        if way == Way::Sanitized {
            test.arg("quick");
        }
        run(&mut test)?;
        if way == Way::C("c99") {
            let data = empty(&data)?;
            run_in_valgrind(&program, &[&data.display().to_string(), "quick"], "definite")?;
        }
    }
    let example = folder.join("node");
    for way in [Way::C("c99"), Way::Cpp, Way::Sanitized] {
        compile(way, &["ffi/examples/node.c"], &include, &linked, &example)?;
    }
    one_network(&example, &empty(&data)?)
}

/// A process that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The standalone node, a node in Rust and a node in C see each other, and the same.
fn one_network(example: &Path, data: &Path) -> Result<()> {
    run(&mut cargo(&["build", "--locked", "-p", "rollbook-node"]))?;
    run(&mut cargo(&["build", "--locked", "-p", "rollbook", "--example", "join"]))?;
    let binary = target().join("debug/rollbook");
    let standalone = data.join("standalone");
    let mut start = Command::new(&binary);
    start.args(["start", "--listen", "/ip4/127.0.0.1/tcp/0", "--http", "127.0.0.1:0"]);
    start.args(["--sync-interval", "1s"]).arg("--data-dir").arg(&standalone);
    let _authority = Running(start.stdout(Stdio::null()).spawn()?);
    let address = address_of(&standalone)?;

    let join = |program: &Path, dir: &str| {
        let mut command = Command::new(program);
        command.arg(data.join(dir)).args([address.as_str(), "3"]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        child.map(Running).with_context(|| format!("cannot run {}", program.display()))
    };
    let mut nodes = [join(example, "c")?, join(&target().join("debug/examples/join"), "rust")?];
    let rolls: Vec<Vec<String>> =
        nodes.iter_mut().map(|node| roll(&mut node.0)).collect::<Result<_>>()?;
    ensure!(rolls[0] == rolls[1], "a node in C and one in Rust see others: {rolls:?}");
    let mut list = Command::new(&binary);
    let seen = read(list.args(["nodes", "--online", "--json", "--data-dir"]).arg(&standalone))?;
    let is_seen =
        |line: &&String| line.split_whitespace().next().is_some_and(|id| seen.contains(id));
    let unseen: Vec<_> = rolls[0].iter().filter(|line| !is_seen(line)).collect();
    ensure!(unseen.is_empty(), "the standalone node does not see {unseen:?}: {seen}");
    for node in &mut nodes {
        drop(node.0.stdin.take());
        ensure!(node.0.wait()?.success(), "a node did not leave in order");
    }
    println!("a node in C, one in Rust and the standalone one: they see the same");
    Ok(())
}

/// Where a standalone node listens, once it says so.
fn address_of(data_dir: &Path) -> Result<String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(data_dir.join("api.json")).unwrap_or_default();
        if let Some(address) = text.split('"').find(|part| part.starts_with("/ip4/")) {
            return Ok(address.to_owned());
        }
        ensure!(Instant::now() < until, "the standalone node does not start");
        thread::sleep(LOOK);
    }
}

/// The three lines of the roll that a node prints, in an order of their own.
fn roll(node: &mut Child) -> Result<Vec<String>> {
    let lines = lines_of(node)?;
    let until = Instant::now() + PATIENCE;
    let next = || {
        let left = until.saturating_duration_since(Instant::now());
        lines.recv_timeout(left).context("a node does not print the roll")
    };
    while next()? != "3 nodes are online:" {}
    let mut roll = vec![next()?, next()?, next()?];
    roll.sort_unstable();
    Ok(roll)
}

/// What a process prints, line by line.
fn lines_of(child: &mut Child) -> Result<Receiver<String>> {
    let printed = child.stdout.take().context("its output is taken once")?;
    let (line_in, lines) = channel();
    thread::spawn(move || {
        // To the end, even if nobody listens: a process with a full pipe would stand still.
        for line in BufReader::new(printed).lines().map_while(Result::ok) {
            let _ = line_in.send(line);
        }
    });
    Ok(lines)
}

/// A program built as users build them: against what was installed, by the commands of the page.
fn installed(folder: &Path) -> Result<()> {
    let prefix = empty(&folder.join("node_prefix"))?;
    install::install(&Wanted {
        prefix: prefix.clone(),
        destination: None,
        libraries: vec![&NODE],
        profile: "dev".to_owned(),
    })?;
    suite::check_shared(&NODE, &prefix)?;
    suite::run_page("docs/c-node.md", &prefix, &folder.join("node_page"))?;
    suite::beside(folder, &NODE, &Build::of("dev"), &prefix)?;

    // Where there is no shared library, the flags for a static one suffice.
    fs::remove_file(prefix.join("lib/librollbook_node.so"))?;
    let flags = suite::pkg_config(&NODE, &prefix, &["--cflags", "--libs", "--static"])?;
    let program = folder.join("node_static");
    compile(Way::C("c99"), &["ffi/examples/node.c"], Path::new("."), &flags, &program)?;
    let ended = Command::new(&program).stderr(Stdio::null()).status()?;
    ensure!(ended.code() == Some(2), "without arguments it says how it is used");
    Ok(())
}
