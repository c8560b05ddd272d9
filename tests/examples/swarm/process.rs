//! What the system says of a process and of the network, read from `/proc`.

use std::fs;

use anyhow::{Context, Result};

const KIB: u64 = 1024;
/// The system tells times in hundredths of a second, whatever its clock ticks.
const TICKS_PER_SECOND: f64 = 100.0;
/// Where times are in `/proc/PID/stat`, behind the name in brackets.
const USER_TIME: usize = 11;
/// Where the bytes sent are in a line of `/proc/net/dev`, behind the name.
const BYTES_SENT: usize = 8;
const PACKETS_SENT: usize = 9;

/// The memory of one process, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// All that is in memory, the program's code and other shared pages included.
    pub(crate) resident: u64,
    /// What would be free without this process.
    pub(crate) private: u64,
}

pub(crate) fn memory(id: u32) -> Result<Memory> {
    let text = read(&format!("/proc/{id}/smaps_rollup"))?;
    let field = |name: &str| kib(&text, name).with_context(|| format!("no {name} of {id}"));
    Ok(Memory {
        resident: field("Rss:")?,
        private: field("Private_Clean:")? + field("Private_Dirty:")?,
    })
}

/// How long a process has kept a core busy, in seconds.
pub(crate) fn cpu_seconds(id: u32) -> Result<f64> {
    let text = read(&format!("/proc/{id}/stat"))?;
    let (_, fields) = text.rsplit_once(')').context("a name in brackets")?;
    let times = fields.split_whitespace().skip(USER_TIME).take(2);
    let ticks: u64 = times.filter_map(|time| time.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

/// What went over the loopback of this network so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loopback {
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
}

pub(crate) fn loopback() -> Result<Loopback> {
    let text = read("/proc/self/net/dev")?;
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("lo:"));
    let fields: Vec<u64> = line
        .context("there is a loopback")?
        .split_whitespace()
        .filter_map(|field| field.parse().ok())
        .collect();
    let field = |place: usize| fields.get(place).copied().context("a loopback has its counters");
    Ok(Loopback { bytes: field(BYTES_SENT)?, packets: field(PACKETS_SENT)? })
}

/// The memory that is free or can be freed, in bytes.
pub(crate) fn available_memory() -> Result<u64> {
    kib(&read("/proc/meminfo")?, "MemAvailable:").context("the system knows its memory")
}

/// How many files a process may open.
pub(crate) fn files_max() -> Result<u64> {
    let text = read("/proc/self/limits")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    Ok(soft.and_then(|soft| soft.parse().ok()).unwrap_or(u64::MAX))
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let count: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(count * KIB)
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{path} cannot be read"))
}
