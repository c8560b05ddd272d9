//! What is to be run.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// Of the memory that there is, what may be taken when all have started, in percent: rolls grow
/// until all hold everybody.
pub(crate) const MEMORY_SHARE: u64 = 75;

const GIB: u64 = 1 << 30;
/// A lease of three intervals and one of grace.
const LEASE_INTERVALS: u32 = 4;

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Options {
    /// Processes, the two authorities among them.
    pub(crate) nodes: usize,
    pub(crate) interval: Duration,
    /// How long nothing happens while it is measured what that costs.
    pub(crate) rest: Duration,
    /// What all processes may take, in bytes.
    pub(crate) memory: u64,
    /// Whether nobody else uses this loopback.
    pub(crate) is_alone: bool,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Options> {
        let mut options = Options {
            nodes: 500,
            interval: Duration::from_secs(10),
            rest: Duration::from_secs(120),
            memory: 20 * GIB,
            is_alone: false,
        };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            if name == "--own-network" {
                options.is_alone = true;
                continue;
            }
            let value = arguments.next().with_context(|| format!("{name} wants a value"))?;
            match name.as_str() {
                "--nodes" => options.nodes = number(name, value)?,
                "--interval" => options.interval = duration(name, value)?,
                "--rest" => options.rest = duration(name, value)?,
                "--memory-gib" => options.memory = number::<u64>(name, value)?.max(1) * GIB,
                _ => bail!("there is no option {name}"),
            }
        }
        ensure!(options.nodes >= 4, "--nodes: two authorities and two members at least");
        Ok(options)
    }

    /// After how long without a word a node is called left.
    pub(crate) fn lease(&self) -> Duration {
        self.interval * LEASE_INTERVALS
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().ok().with_context(|| format!("{name}: {value:?} is no number"))
}

/// `10s` or `500ms`.
fn duration(name: &str, value: &str) -> Result<Duration> {
    let milliseconds = match value.strip_suffix("ms") {
        Some(count) => number(name, count)?,
        None => match value.strip_suffix('s') {
            Some(count) => number::<u64>(name, count)?.saturating_mul(1000),
            None => bail!("{name}: {value:?} is no duration such as 10s or 500ms"),
        },
    };
    ensure!(milliseconds >= 100, "{name}: {value:?} is too short");
    Ok(Duration::from_millis(milliseconds))
}
