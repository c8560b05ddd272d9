//! `cargo xtask install`: headers, libraries and pkg-config files under a prefix.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::archive::{self, Build};
use super::{ABI, LIBRARIES, Library};

/// What to install, and where.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Below which folder.
    pub(crate) prefix: PathBuf,
    /// A folder in front of it, for those who make packages.
    pub(crate) destination: Option<PathBuf>,
    /// Which libraries.
    pub(crate) libraries: Vec<&'static Library>,
    /// The profile of cargo.
    pub(crate) profile: String,
}

impl Wanted {
    /// Reads the arguments of the commands that install.
    pub(crate) fn parse(arguments: &[&str]) -> Result<Wanted> {
        let mut wanted = Wanted {
            prefix: "/usr/local".into(),
            destination: None,
            libraries: LIBRARIES.to_vec(),
            profile: "release".to_owned(),
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("'{argument}' lacks its value"));
            match *argument {
                "--prefix" => wanted.prefix = std::path::absolute(value()?)?,
                "--destdir" => wanted.destination = Some(std::path::absolute(value()?)?),
                "--profile" => wanted.profile = (*value()?).to_owned(),
                "--library" => wanted.libraries = vec![library(value()?)?],
                _ => bail!("no option '{argument}'; see 'cargo xtask help'"),
            }
        }
        Ok(wanted)
    }

    /// Where files are put.
    fn root(&self) -> PathBuf {
        match &self.destination {
            None => self.prefix.clone(),
            Some(before) => before.join(self.prefix.strip_prefix("/").unwrap_or(&self.prefix)),
        }
    }
}

fn library(name: &str) -> Result<&'static Library> {
    let known = LIBRARIES.into_iter().find(|library| library.name == name);
    known.with_context(|| {
        let names: Vec<&str> = LIBRARIES.iter().map(|library| library.name).collect();
        format!("no library '{name}': there are {}", names.join(" and "))
    })
}

/// The command.
pub(crate) fn command(arguments: &[&str]) -> Result<()> {
    let wanted = Wanted::parse(arguments)?;
    install(&wanted)?;
    println!("installed under {}", wanted.root().display());
    Ok(())
}

/// Builds and installs.
pub(crate) fn install(wanted: &Wanted) -> Result<()> {
    let root = wanted.root();
    let folders = [root.join("include"), root.join("lib"), root.join("lib/pkgconfig")];
    for folder in &folders {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let [include, lib, pkgconfig] = folders;
    let build = Build::of(&wanted.profile);
    for library in &wanted.libraries {
        for header in library.header_paths() {
            copy(&header, &include.join(header.file_name().expect("a header has a name")))?;
        }
        archive::build_static(library, &build, &lib)?;
        let shared = archive::build_shared(library, &build)?;
        let (name, (major, minor)) = (library.name, ABI);
        let full = format!("lib{name}.so.{major}.{minor}");
        copy(&shared, &lib.join(&full))?;
        link(&full, &lib.join(library.soname()))?;
        link(&library.soname(), &lib.join(format!("lib{name}.so")))?;
        let private = archive::system_libraries(library, &build)?;
        let description = describe(library, &wanted.prefix, &private)?;
        fs::write(pkgconfig.join(format!("{name}.pc")), description)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    // Not over a file that a program may have open.
    let _ = fs::remove_file(to);
    fs::copy(from, to).with_context(|| format!("cannot write {}", to.display()))?;
    Ok(())
}

fn link(to: &str, path: &Path) -> Result<()> {
    let _ = fs::remove_file(path);
    symlink(to, path).with_context(|| format!("cannot make {}", path.display()))
}

/// What pkg-config tells of a library.
fn describe(library: &Library, prefix: &Path, private: &str) -> Result<String> {
    Ok(format!(
        "prefix={}\n\
         libdir=${{prefix}}/lib\n\
         includedir=${{prefix}}/include\n\
         \n\
         Name: {name}\n\
         Description: {about}\n\
         Version: {version}\n\
         Cflags: -I${{includedir}}\n\
         Libs: -L${{libdir}} -l{name}\n\
         Libs.private: {private}\n",
        prefix.display(),
        name = library.name,
        about = library.about,
        version = archive::version()?,
    ))
}
