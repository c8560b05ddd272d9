//! The swarm: many real nodes on this machine, and what they take.
//!
//! The program that starts them is an example of the tests' crate, and this runs it as a process:
//! nothing depends on that crate. Where the system permits it, it gets a network of its own, so that
//! nothing but the nodes is counted.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::page;
use crate::run::{cargo, output, read, run, target};

/// The page that keeps the figures, between these two lines of it.
const PAGE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- swarm: printed by `cargo xtask swarm --nodes 500 --write` -->";
const END: &str = "<!-- end of swarm -->";

/// Makes a network with nothing but a loopback, and runs the rest of the command in it.
const UNSHARE: [&str; 3] = ["unshare", "--map-root-user", "--net"];
/// Each node may open as many files as this user can allow; `$0` is what is run.
const RAISED: &str = "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" \"$@\"";
const ALONE: &str = "ip link set lo up && exec \"$0\" \"$@\"";

/// The `swarm` command.
pub(crate) fn command(arguments: &[&str]) -> Result<bool> {
    let write = arguments.contains(&"--write");
    let arguments: Vec<&str> = arguments.iter().copied().filter(|one| *one != "--write").collect();
    let node = ["build", "--locked", "--release", "-p", "rollbook-node"];
    let swarm = ["build", "--locked", "--release", "-p", "rollbook-tests", "--example", "swarm"];
    run(&mut cargo(&node))?;
    run(&mut cargo(&swarm))?;
    let release = target().join("release");
    let program = release.join("examples").join("swarm");
    let mut command = Command::new("sh");
    command.args(["-c", RAISED]);
    if has_own_network() {
        command.args(UNSHARE).args(["sh", "-c", ALONE]).arg(&program).arg("--own-network");
    } else {
        println!("note: no network of its own is permitted: other programs' bytes are counted too");
        command.arg(&program);
    }
    let printed = read(command.args(&arguments).env("ROLLBOOK_BIN", release.join("rollbook")))?;
    ensure!(!printed.is_empty(), "the swarm printed no table");
    if write {
        page::replace(PAGE, BEGIN, END, printed.trim_end())?;
    }
    Ok(true)
}

/// Whether a network with nothing but a loopback can be made.
fn has_own_network() -> bool {
    let (program, rest) = UNSHARE.split_first().expect("there is a program");
    output(Command::new(program).args(rest).args(["sh", "-c", ALONE, "true"])).is_some()
}
