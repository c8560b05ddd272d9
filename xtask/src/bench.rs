//! The benchmarks: built in release, printed, and kept in the documentation on demand.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::run::{cargo, root, run, target};

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
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("{PAGE} cannot be read"))?;
    let (before, rest) = page.split_once(BEGIN).context("the page has no place for figures")?;
    let (_, after) = rest.split_once(END).context("the figures have no end")?;
    fs::write(&path, format!("{before}{BEGIN}\n\n{figures}\n{END}{after}"))
        .with_context(|| format!("{PAGE} cannot be written"))?;
    Ok(true)
}
