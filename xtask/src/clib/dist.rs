//! `cargo xtask dist`: the C libraries as a tarball, to be unpacked below any prefix.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::archive;
use super::install::{Wanted, install};
use crate::run::{read, root, run, target};

/// The command; takes the options of the installation but where to.
pub(crate) fn command(arguments: &[&str]) -> Result<()> {
    println!("{}", pack(arguments)?.display());
    Ok(())
}

/// Makes the tarball, with its checksum beside it; gives its path.
pub(crate) fn pack(arguments: &[&str]) -> Result<PathBuf> {
    let mut wanted = Wanted::parse(arguments)?;
    let machine = read(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let name = format!("rollbook-c-{}-{}", archive::version()?, machine.trim());
    let dist = target().join("dist");
    let folder = dist.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    wanted.destination = None;
    wanted.prefix.clone_from(&folder);
    install(&wanted)?;
    relocate(&folder.join("lib/pkgconfig"))?;
    for file in ["LICENSE-APACHE", "LICENSE-MIT", "docs/c.md", "docs/c-node.md"] {
        let from = root().join(file);
        fs::copy(&from, folder.join(from.file_name().expect("a file has a name")))?;
    }
    let tarball = dist.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    // The same files give the same tarball, whoever packs them and when.
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"]);
    run(tar.arg("-C").arg(&dist).arg("-czf").arg(&tarball).arg(&name))?;
    let sum = read(Command::new("sha256sum").arg(&tarball))?;
    let sum = sum.split_whitespace().next().unwrap_or_default().to_owned();
    fs::write(dist.join(format!("{name}.tar.gz.sha256")), format!("{sum}  {name}.tar.gz\n"))?;
    Ok(tarball)
}

/// Lets what pkg-config tells hold wherever the tarball is unpacked.
fn relocate(pkgconfig: &Path) -> Result<()> {
    for entry in fs::read_dir(pkgconfig)? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
        fs::write(&path, format!("prefix=${{pcfiledir}}/../..\n{rest}"))?;
    }
    Ok(())
}
