//! Machines on a switch whose cable can be cut: network namespaces of the system.
//!
//! Invariants:
//! - nothing outside the namespaces made here is touched: the switch is in one of its own;
//! - they go with what holds them, also when a test panics;
//! - a machine has its ports for itself.

use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::resume_unwind;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// The switch that connects all machines, and the one that those beyond the cut are on.
const SWITCH: &str = "whole";
const BEYOND: &str = "beyond";
/// Addresses end in one byte, and some mean something else.
const MACHINES_MAX: usize = 200;
/// Free on each machine, as nothing else runs there.
const PORT: u16 = 7655;
/// Where Debian has `ip`, which is not on the path of everybody.
const ADMIN_DIRS: &str = "/usr/sbin:/sbin";

/// A network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace(Arc<Named>);

#[derive(Debug, PartialEq, Eq)]
struct Named(String);

impl Namespace {
    /// Makes one that has nothing but loopback; the error says why that is not possible here.
    fn new() -> Result<Namespace, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rollbook-{}-{number}", std::process::id());
        ip(&format!("netns add {name}"))?;
        let namespace = Namespace(Arc::new(Named(name)));
        namespace.configure("link set lo up")?;
        Ok(namespace)
    }

    fn name(&self) -> &str {
        &self.0.0
    }

    /// Runs commands of `ip` in it, one a line.
    fn configure(&self, commands: &str) -> Result<(), String> {
        ip_batch(self.name(), commands)
    }

    /// Runs `work` there: the sockets that it opens and the processes that it starts stay there.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let there = scope.spawn(|| {
                enter(self.name());
                work()
            });
            there.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let deleted = ip(&format!("netns delete {}", self.0));
        if !thread::panicking() {
            deleted.expect("a namespace that was made here can be deleted");
        }
    }
}

/// Moves this thread, which ends there, into a namespace.
#[cfg(target_os = "linux")]
fn enter(name: &str) {
    use std::os::fd::AsFd as _;

    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

    let path = std::path::Path::new("/run/netns").join(name);
    let file = std::fs::File::open(path).expect("the namespace was made");
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .expect("who may make a namespace may enter it");
}

#[cfg(not(target_os = "linux"))]
fn enter(_name: &str) {
    unreachable!("only Linux has network namespaces");
}

/// One machine of a [`Lan`].
#[derive(Debug)]
pub struct Machine {
    namespace: Namespace,
    address: String,
}

impl Machine {
    /// Where its processes run.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// A multiaddress to listen on.
    pub fn multiaddr(&self) -> String {
        format!("/ip4/{}/tcp/{PORT}", self.address)
    }
}

/// A private network of machines.
#[derive(Debug)]
pub struct Lan {
    switch: Namespace,
    machines: Vec<Machine>,
}

impl Lan {
    /// Connects so many machines. Where that is not possible, none, which is said loudly; but in CI
    /// nothing may be skipped.
    ///
    /// # Panics
    /// If `CI` is `true` and namespaces are not permitted.
    pub fn of(machine_count: usize, test: &str) -> Option<Lan> {
        let reason = match Lan::new(machine_count) {
            Ok(lan) => return Some(lan),
            Err(reason) => reason,
        };
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "no network namespaces, and in CI nothing may be skipped: {reason}"
        );
        let line = format!("\nSKIPPED: {test}: no network namespaces: {reason}\n");
        // Past what the test harness keeps to itself.
        std::io::stderr().write_all(line.as_bytes()).expect("somebody reads it");
        None
    }

    fn new(machine_count: usize) -> Result<Lan, String> {
        assert!(machine_count <= MACHINES_MAX, "an address is left for each machine");
        let switch = Namespace::new()?;
        let mut commands = String::new();
        for bridge in [SWITCH, BEYOND] {
            // What is sent to all reaches all, as on a simple switch.
            let added = format!("link add {bridge} type bridge mcast_snooping 0\n");
            writeln!(commands, "{added}link set {bridge} up").expect("a text takes any text");
        }
        switch.configure(&commands)?;
        let mut lan = Lan { switch, machines: Vec::new() };
        for _ in 0..machine_count {
            lan.add()?;
        }
        Ok(lan)
    }

    fn add(&mut self) -> Result<(), String> {
        let index = self.machines.len();
        let namespace = Namespace::new()?;
        let (port, name) = (port(index), namespace.name());
        self.switch.configure(&format!(
            "link add {port} type veth peer name cable netns {name}\n\
             link set {port} master {SWITCH} up\n"
        ))?;
        let address = format!("10.77.0.{}", index + 1);
        namespace.configure(&format!("address add {address}/24 dev cable\nlink set cable up\n"))?;
        self.machines.push(Machine { namespace, address });
        Ok(())
    }

    /// One of the machines.
    pub fn machine(&self, index: usize) -> &Machine {
        &self.machines[index]
    }

    /// Cuts the network in two: these machines, and all others.
    pub fn cut(&self, side: &[usize]) {
        self.connect(side, BEYOND);
    }

    /// Connects all again.
    pub fn heal(&self) {
        let all: Vec<usize> = (0..self.machines.len()).collect();
        self.connect(&all, SWITCH);
    }

    fn connect(&self, machines: &[usize], bridge: &str) {
        let line = |index: &usize| format!("link set {} master {bridge}\n", port(*index));
        let lines: String = machines.iter().map(line).collect();
        self.switch.configure(&lines).expect("a port of ours can be moved");
    }
}

/// The switch's end of a machine's cable.
fn port(index: usize) -> String {
    format!("port{index}")
}

fn ip(arguments: &str) -> Result<(), String> {
    run(arguments, "")
}

fn ip_batch(namespace: &str, commands: &str) -> Result<(), String> {
    run(&format!("-netns {namespace} -batch -"), commands)
}

fn run(arguments: &str, input: &str) -> Result<(), String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("ip");
    command.env("PATH", format!("{path}:{ADMIN_DIRS}"));
    command.args(arguments.split_whitespace());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let failed = |reason: &dyn std::fmt::Display| format!("ip {arguments}: {reason}");
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    let mut stdin = child.stdin.take().expect("it was asked for");
    // Who refuses early does not read to the end, and says why.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().map_err(|error| failed(&error))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(&String::from_utf8_lossy(&output.stderr).trim())),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    /// Longer than a packet takes to a machine that is there.
    const TIMEOUT: Duration = Duration::from_millis(500);

    #[test]
    fn machines_reach_each_other_but_across_a_cut() {
        let Some(lan) = Lan::of(3, "netns") else { return };
        let listen = || TcpListener::bind("0.0.0.0:7655").expect("all ports are free");
        let listeners: Vec<TcpListener> =
            lan.machines.iter().map(|machine| machine.namespace.inside(listen)).collect();
        assert_eq!(listeners.len(), 3);
        let reaches = |from: usize, to: usize| {
            let address = format!("{}:7655", lan.machine(to).address);
            let address = address.parse().expect("it is an address");
            let dial = || TcpStream::connect_timeout(&address, TIMEOUT).is_ok();
            lan.machine(from).namespace.inside(dial)
        };
        assert!(reaches(0, 1) && reaches(1, 2) && reaches(2, 0));
        lan.cut(&[2]);
        assert!(reaches(0, 1) && !reaches(1, 2) && !reaches(2, 0));
        lan.heal();
        assert!(reaches(1, 2) && reaches(2, 0));
    }

    #[test]
    fn namespaces_go_with_a_test_that_panics() {
        let Some(lan) = Lan::of(1, "netns") else { return };
        let name = lan.machine(0).namespace.name().to_owned();
        let path = std::path::Path::new("/run/netns").join(name);
        assert!(path.exists());
        let panicked = thread::spawn(move || {
            let _held = lan;
            resume_unwind(Box::new("as a test does"));
        });
        assert!(panicked.join().is_err());
        assert!(!path.exists());
    }
}
