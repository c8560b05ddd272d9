//! `cargo xtask go-lib`: librollbook where the Go module looks for it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::TRACKER;
use crate::clib::{self, Build};
use crate::run::{read, target};

/// The platform for which there is a library, as Go calls it.
pub(crate) const PLATFORM: &str = "linux_amd64";

/// The command.
pub(crate) fn command() -> Result<()> {
    println!("{}", build()?.display());
    Ok(())
}

/// Builds the library into the Go module; gives its path.
pub(crate) fn build() -> Result<PathBuf> {
    let is_known = cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"));
    ensure!(is_known, "the Go module has a place for the library on x86-64 Linux with glibc alone");
    let built =
        clib::build_static(&clib::TRACKER, &Build::of("release"), &target().join("go/lib"))?;
    let folder = TRACKER.root().join("lib").join(PLATFORM);
    let library = folder.join("librollbook.a");
    fs::copy(&built, &library)
        .with_context(|| format!("{} cannot be written", library.display()))?;
    write_digest(&folder, &library)?;
    Ok(library)
}

/// Go's build cache looks at Go files alone: one of them changes with the library.
fn write_digest(folder: &std::path::Path, library: &std::path::Path) -> Result<()> {
    let sum = read(Command::new("sha256sum").arg(library))?;
    let sum = sum.split_whitespace().next().context("sha256sum prints a digest")?;
    let text = format!(
        "package {PLATFORM}\n\n// Digest is the SHA-256 of the library that lies here.\n\
         const Digest = \"{sum}\"\n"
    );
    let path = folder.join("digest.go");
    if fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
}
