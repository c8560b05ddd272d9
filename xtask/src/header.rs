//! The C headers, made from the crates whose functions they declare.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cbindgen::{Builder, Config, DocumentationStyle, ItemType, Language, Style};

use crate::report::Outcome;
use crate::run;

/// A header of the C ABI.
struct Header {
    /// Where it is.
    path: &'static str,
    /// The files that it is made of, in the order in which a reader wants them.
    folder: &'static str,
    files: &'static [&'static str],
    /// What is included before everything else, of the system and of the project.
    includes: &'static [&'static str],
    own_includes: &'static [&'static str],
    /// What stands before the declarations.
    about: &'static str,
}

const HEADERS: [Header; 2] = [TRACKER, NODE];

const TRACKER: Header = Header {
    path: "include/rollbook.h",
    folder: "ffi/tracker/src",
    files: &[
        "version.rs",
        "code.rs",
        "guard.rs",
        "peer_id.rs",
        "keys.rs",
        "config.rs",
        "handle.rs",
        "journal.rs",
        "inputs.rs",
        "outputs.rs",
        "event.rs",
        "drain.rs",
        "announcement.rs",
        "commands.rs",
        "authority.rs",
        "node.rs",
        "select.rs",
        "explain.rs",
        "status.rs",
        "statement.rs",
        "multiaddr.rs",
    ],
    includes: &["stddef.h", "stdint.h"],
    own_includes: &[],
    about: include_str!("header/rollbook.txt"),
};

const NODE: Header = Header {
    path: "include/rollbook_node.h",
    folder: "ffi/node/src",
    files: &[
        "settings.rs",
        "handle.rs",
        "start.rs",
        "roll.rs",
        "figures.rs",
        "events.rs",
        "commands.rs",
        "decisions.rs",
        "import.rs",
    ],
    includes: &[],
    own_includes: &["rollbook.h"],
    about: include_str!("header/rollbook_node.txt"),
};

/// Headers that are needed a second time elsewhere: a Go module takes nothing from outside of it.
const COPIES: [(&str, &str); 1] = [("include/rollbook.h", "go/rollbook/internal/capi/rollbook.h")];

/// Functions that are for tests alone.
const EXCLUDED: [&str; 2] = ["rollbook_runtime_panic", "rollbook_tracker_panic"];

/// The `header` command: writes all headers.
pub(crate) fn write() -> Result<()> {
    for header in &HEADERS {
        let path = run::root().join(header.path);
        fs::create_dir_all(path.parent().expect("a header is in a folder"))?;
        fs::write(&path, header.text()?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", header.path);
    }
    for (header, copy) in COPIES {
        fs::copy(run::root().join(header), run::root().join(copy))
            .with_context(|| format!("cannot write {copy}"))?;
        println!("{copy}");
    }
    Ok(())
}

/// Whether the headers are what the crates say.
pub(crate) fn compare() -> Result<Outcome> {
    for header in &HEADERS {
        let there = fs::read_to_string(run::root().join(header.path)).unwrap_or_default();
        if there != header.text()? {
            let path = header.path;
            return Ok(Outcome::Failed(format!("{path} is out of date: cargo xtask header")));
        }
    }
    for (header, copy) in COPIES {
        if fs::read(run::root().join(header)).ok() != fs::read(run::root().join(copy)).ok() {
            return Ok(Outcome::Failed(format!("{copy} is out of date: cargo xtask header")));
        }
    }
    Ok(Outcome::Passed)
}

/// The names of the functions that a header declares.
pub(crate) fn functions(path: &Path) -> Result<Vec<String>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let declared = text.lines().filter(|line| !line.starts_with([' ', '/', '#', '}']));
    let before = declared.filter_map(|line| line.split_once('(').map(|(before, _)| before));
    let names = before.filter_map(|before| before.rsplit([' ', '*']).next());
    Ok(names.filter(|name| name.starts_with("rollbook_")).map(str::to_owned).collect())
}

impl Header {
    fn text(&self) -> Result<String> {
        let mut builder = Builder::new().with_config(self.config());
        for file in self.files {
            let path: PathBuf = run::root().join(self.folder).join(file);
            builder = builder.with_src(path);
        }
        let bindings = builder.generate().with_context(|| format!("cannot make {}", self.path))?;
        let mut text = Vec::new();
        bindings.write(&mut text);
        String::from_utf8(text).context("a header is text")
    }

    fn config(&self) -> Config {
        let mut config = Config {
            language: Language::C,
            cpp_compat: true,
            style: Style::Both,
            no_includes: true,
            usize_is_size_t: true,
            documentation_style: DocumentationStyle::Doxy,
            header: Some(
                "/* Made by `cargo xtask header`. SPDX-License-Identifier: MIT OR Apache-2.0 */"
                    .into(),
            ),
            after_includes: Some(format!("\n{}", self.about)),
            include_guard: Some(self.guard()),
            line_length: 100,
            ..Config::default()
        };
        config.includes = self.own_includes.iter().map(|name| (*name).to_owned()).collect();
        config.sys_includes = self.includes.iter().map(|name| (*name).to_owned()).collect();
        // It stands in a buffer, so no function names it.
        config.export.include = vec!["rollbook_output_t".to_owned()];
        config.export.exclude = EXCLUDED.map(str::to_owned).to_vec();
        config.export.item_types = vec![
            ItemType::Constants,
            ItemType::Structs,
            ItemType::OpaqueItems,
            ItemType::Functions,
        ];
        config.function.args = cbindgen::Layout::Vertical;
        config
    }

    fn guard(&self) -> String {
        let name = Path::new(self.path).file_name().unwrap_or_default();
        name.to_string_lossy().replace('.', "_").to_uppercase()
    }
}
