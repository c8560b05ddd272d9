//! The Go modules: the library that they link, the modules as a proxy serves them, their tests.

mod bench;
mod dist;
mod library;
mod suite;

use std::path::PathBuf;
use std::process::Command;

pub(crate) use bench::command as bench;
pub(crate) use dist::command as dist;
pub(crate) use library::command as library;
pub(crate) use suite::suite;

use anyhow::Result;

use crate::run::{root, run, target};
use crate::setup;

/// A Go module of the project.
#[derive(Debug)]
pub(crate) struct Module {
    /// Its path in Go.
    pub(crate) path: &'static str,
    /// Its folder.
    pub(crate) folder: &'static str,
}

/// The tracker for Go programs.
pub(crate) const TRACKER: Module =
    Module { path: "rollbook.dev/go/rollbook", folder: "go/rollbook" };

/// What runs it on a libp2p host.
pub(crate) const ADAPTER: Module =
    Module { path: "rollbook.dev/go/libp2padapter", folder: "go/libp2padapter" };

/// What packs them.
const PACK: &str = "go/pack";

impl Module {
    fn root(&self) -> PathBuf {
        root().join(self.folder)
    }
}

/// A node in Go, built from this checkout: the example of the adapter.
pub(crate) fn example() -> Result<PathBuf> {
    library::build()?;
    let program = target().join("go/example");
    run(go(ADAPTER.root()).args(["build", "-o"]).arg(&program).arg("./examples/embed/after"))?;
    Ok(program)
}

/// The go command in a module, by its own toolchain and nothing above it.
fn go(folder: impl Into<PathBuf>) -> Command {
    let mut go = Command::new(setup::go().unwrap_or_else(|_missing| "go".into()));
    // Paths stay in what is built (no `-trimpath`): without them, Go's build cache takes a module in
    // one checkout for the same in another, and links it to the library there.
    go.arg("-C").arg(folder.into()).envs([
        ("GOTOOLCHAIN", "local"),
        ("GOWORK", "off"),
        ("GOFLAGS", ""),
        ("CGO_ENABLED", "1"),
    ]);
    go
}
