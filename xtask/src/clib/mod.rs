//! The C libraries: built, made fit to be linked beside others, installed, and tested from C.

mod archive;
mod dist;
mod firmware;
mod install;
mod node;
mod programs;
mod suite;
mod vectors;

use std::path::PathBuf;

use anyhow::Result;

pub(crate) use archive::{Build, build_static, version};
pub(crate) use dist::command as dist;
pub(crate) use firmware::command as firmware;
pub(crate) use install::command as install;
pub(crate) use suite::suite;

use crate::header;
use crate::run::root;

/// A C library of the project.
#[derive(Debug)]
pub(crate) struct Library {
    /// Its name for the linker and for pkg-config.
    pub(crate) name: &'static str,
    /// The crate that it is made of.
    package: &'static str,
    /// The headers that it comes with; the last one is its own.
    headers: &'static [&'static str],
    /// What it is, in a line.
    about: &'static str,
}

/// The tracker.
pub(crate) const TRACKER: Library = Library {
    name: "rollbook",
    package: "rollbook-c",
    headers: &["include/rollbook.h"],
    about: "The roll of a peer-to-peer network, as a state machine that a program drives",
};

/// A whole node, and the tracker.
pub(crate) const NODE: Library = Library {
    name: "rollbook_node",
    package: "rollbook-node-c",
    headers: &["include/rollbook.h", "include/rollbook_node.h"],
    about: "A whole node that keeps the roll of a peer-to-peer network",
};

/// All of them.
pub(crate) const LIBRARIES: [&Library; 2] = [&TRACKER, &NODE];

/// The major and minor number of the ABI, as `ROLLBOOK_ABI_VERSION` has them.
pub(crate) const ABI: (u32, u32) = (1, 0);

impl Library {
    /// The name of the crate's library.
    fn crate_name(&self) -> String {
        self.package.replace('-', "_")
    }

    /// The functions that it gives: all that its headers declare.
    pub(crate) fn functions(&self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        for path in self.headers {
            all.extend(header::functions(&root().join(path))?);
        }
        all.sort_unstable();
        Ok(all)
    }

    /// The name by which programs ask for the shared library.
    pub(crate) fn soname(&self) -> String {
        format!("lib{}.so.{}", self.name, ABI.0)
    }

    /// Where its headers are.
    fn header_paths(&self) -> impl Iterator<Item = PathBuf> {
        self.headers.iter().map(|path| root().join(path))
    }
}
