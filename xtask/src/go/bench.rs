//! `cargo xtask bench go`: what calls cost from Go.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use super::{ADAPTER, TRACKER, go, library};
use crate::page;
use crate::run::{read, run};

const PAGE: &str = "docs/go.md";
const BEGIN: &str = "<!-- What follows is written by: cargo xtask bench go --write -->";
const END: &str = "<!-- until here -->";

/// The figures: a benchmark, its unit, and what it says.
const FIGURES: [(&str, &str, &str); 8] = [
    ("EmptyCall", "ns/op", "a call from Go to C that does nothing"),
    ("NextTick", "ns/op", "`NextTick`: the cheapest call of a tracker"),
    ("DrainNothing", "ns/op", "`Drain` where there is nothing to do"),
    ("MessageThatIsKnown", "ns/op", "`HandleMessage`: gossip that holds nothing new"),
    (
        "MessageThatIsNew",
        "ns/op",
        "`HandleMessage`: gossip that advances the roll, signatures checked",
    ),
    ("Get", "ns/op", "`Get`: one node"),
    ("Nodes", "ns/node", "`Nodes`: each node of a roll of 1,000"),
    ("Validate", "ns/op", "`Adapter.Validate`: a message through the queue to the owner and back"),
];

/// The command.
pub(crate) fn command(arguments: &[&str]) -> Result<()> {
    let write = match arguments {
        [] => false,
        ["--write"] => true,
        _ => bail!("'bench go' takes '--write' alone"),
    };
    library::build()?;
    let mut measured = BTreeMap::new();
    for module in [&TRACKER, &ADAPTER] {
        let mut bench = go(module.root());
        bench.args(["test", "-run=^$", "-bench=.", "-benchtime=500ms", "-count=8", "."]);
        collect(&read(&mut bench)?, &mut measured);
    }
    let version = read(go(TRACKER.root()).args(["env", "GOVERSION"]))?;
    let table = table(&measured, version.trim())?;
    println!("\n{table}");
    if write {
        page::replace(PAGE, BEGIN, END, &table)?;
    }
    Ok(())
}

/// Runs each benchmark a few times, so that none of them rots.
pub(crate) fn short() -> Result<()> {
    let mut bench = go(TRACKER.root());
    bench.args(["test", "-run=^$", "-bench=.", "-benchtime=10x", "."]);
    run(&mut bench)
}

/// Takes the least of each figure that was printed: what else runs on the machine only adds.
fn collect(printed: &str, measured: &mut BTreeMap<(String, String), f64>) {
    for line in printed.lines().filter_map(|line| line.strip_prefix("Benchmark")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some((name, figures)) = words.split_first() else { continue };
        let name = name.split('-').next().unwrap_or_default();
        // The number of runs, then pairs of a figure and its unit.
        for pair in figures.get(1..).unwrap_or_default().chunks(2) {
            let [figure, unit] = pair else { continue };
            let Ok(figure) = figure.parse::<f64>() else { continue };
            let least = measured.entry((name.to_owned(), (*unit).to_owned())).or_insert(figure);
            *least = least.min(figure);
        }
    }
}

fn table(measured: &BTreeMap<(String, String), f64>, version: &str) -> Result<String> {
    let mut lines = format!(
        "The least of eight runs on a machine of 2 cores, with {version}.\n\n\
         | what | time | in a second |\n|---|---:|---:|\n"
    );
    for (name, unit, about) in FIGURES {
        let figure = measured
            .get(&(name.to_owned(), unit.to_owned()))
            .with_context(|| format!("there is no benchmark {name} with {unit}"))?;
        lines.push_str(&format!("| {about} | {figure:.0} ns | {:.0} |\n", 1e9 / figure));
    }
    Ok(lines.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_by_their_units() {
        let printed = "goos: linux\nBenchmarkNodes-2   199   1150214 ns/op   1150 ns/node\n\
                       BenchmarkNodes-2   199   1150200 ns/op   1140 ns/node\nPASS\n";
        let mut measured = BTreeMap::new();
        collect(printed, &mut measured);
        let figure = |unit: &str| measured.get(&("Nodes".to_owned(), unit.to_owned())).copied();
        assert_eq!((figure("ns/node"), figure("ns/op")), (Some(1140.0), Some(1_150_200.0)));
        assert!(table(&measured, "go1").is_err(), "others are missing");
    }
}
