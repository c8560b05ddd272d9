//! The benchmarks: built in release, printed, and kept in the documentation on demand.

use anyhow::{Context, Result, ensure};

use crate::page;
use crate::run::{cargo, run, target};

/// The page that keeps the figures, between these two lines of it.
const PAGE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- figures: printed by `cargo xtask bench core --write` -->";
const END: &str = "<!-- end of figures -->";

/// The `bench core` command.
pub(crate) fn core(arguments: &[&str]) -> Result<bool> {
    let write = arguments.contains(&"--write");
    let parts: Vec<&str> = arguments.iter().copied().filter(|part| *part != "--write").collect();
    ensure!(parts.is_empty() || !write, "--write takes all parts");
    run(&mut cargo(&["build", "--locked", "--release", "-p", "rollbook-bench"]))?;
    let mut bench = std::process::Command::new(target().join("release").join("rollbook-bench"));
    bench.arg("core").args(parts);
    if !write {
        run(&mut bench)?;
        return Ok(true);
    }
    let output = bench.output().context("the benchmarks cannot be started")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures = String::from_utf8(output.stdout).context("the figures are no text")?;
    page::replace(PAGE, BEGIN, END, figures.trim_end())?;
    Ok(true)
}
