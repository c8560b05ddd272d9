//! Who may depend on whom, read from the manifests.
//!
//! core <- runtime <- node; core <- ffi/tracker; runtime, ffi/tracker <- ffi/node; core, runtime <-
//! python. Nothing depends on tests, benches or xtask. What makes a program of the core's state
//! machine, a runtime, a network, a source of randomness, appears in the crates named here and in
//! no other.

use std::collections::BTreeSet;

use toml::Table;

/// A crate of the workspace, and which others of it that crate may use.
struct Member {
    name: &'static str,
    may_use: &'static [&'static str],
}

/// Every crate of the workspace has a line here; a new one must be given its place.
const MEMBERS: [Member; 10] = [
    Member { name: "rollbook-bench", may_use: &["rollbook-core"] },
    Member { name: "rollbook-c", may_use: &["rollbook-core"] },
    Member { name: "rollbook-core", may_use: &[] },
    Member { name: "rollbook", may_use: &["rollbook-core"] },
    Member { name: "rollbook-node", may_use: &["rollbook"] },
    Member { name: "rollbook-node-c", may_use: &["rollbook", "rollbook-c", "rollbook-core"] },
    Member { name: "rollbook-python", may_use: &["rollbook-core", "rollbook"] },
    Member { name: "rollbook-sim", may_use: &["rollbook-core"] },
    Member { name: "rollbook-tests", may_use: &["rollbook-core", "rollbook"] },
    Member { name: "xtask", may_use: &[] },
];

/// Crates from outside (and all whose names continue theirs with a dash), and the only members
/// that may use them. Tests may use anything.
const RESTRICTED: [(&str, &[&str]); 7] = [
    ("axum", &["rollbook-node"]),
    ("clap", &["rollbook-node"]),
    ("futures", &["rollbook", "rollbook-node"]),
    ("getrandom", &["rollbook", "rollbook-node", "rollbook-python"]),
    ("libp2p", &["rollbook"]),
    ("pyo3", &["rollbook-python"]),
    ("tokio", &["rollbook", "rollbook-node", "rollbook-node-c", "rollbook-python"]),
];

/// The tables of a manifest that hold dependencies.
const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Every dependency that the rules forbid, as a sentence. `workspace` is the root's manifest.
fn violations(workspace: &Table, manifests: &[Table]) -> Vec<String> {
    let found = manifests.iter().flat_map(|manifest| {
        let name = package_name(manifest);
        let used = dependencies(manifest, workspace);
        used.into_iter().filter_map(move |dependency| forbidden(&name, &dependency))
    });
    found.collect()
}

/// Why a crate may not use another, if so.
fn forbidden(name: &str, dependency: &str) -> Option<String> {
    let Some(member) = MEMBERS.iter().find(|member| member.name == name) else {
        return Some(format!("{name} has no place yet in the rules of xtask/src/architecture.rs"));
    };
    if MEMBERS.iter().any(|other| other.name == dependency) {
        let is_allowed = member.may_use.contains(&dependency);
        return (!is_allowed).then(|| format!("{name} may not use {dependency}"));
    }
    let is_of = |family: &str| {
        dependency.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let (_, users) = RESTRICTED.iter().find(|(family, _)| is_of(family))?;
    let is_allowed = name == "rollbook-tests" || users.contains(&name);
    (!is_allowed).then(|| format!("{name} may not use {dependency}, only {}", listed(users)))
}

/// Names as a sentence lists them.
fn listed(names: &[&str]) -> String {
    match names {
        [first @ .., before, last] => {
            let first: String = first.iter().map(|name| format!("{name}, ")).collect();
            format!("{first}{before} and {last}")
        }
        names => names.concat(),
    }
}

fn package_name(manifest: &Table) -> String {
    let name = manifest.get("package").and_then(|package| package.get("name"));
    name.and_then(|name| name.as_str()).unwrap_or("a crate without a name").to_owned()
}

/// The crates that a manifest names, of every kind and for every target, by their true names.
fn dependencies(manifest: &Table, workspace: &Table) -> BTreeSet<String> {
    let targets = manifest.get("target").and_then(|targets| targets.as_table());
    let targets = targets.into_iter().flat_map(Table::values).filter_map(|value| value.as_table());
    let places = std::iter::once(manifest).chain(targets);
    let tables = places.flat_map(|place| KINDS.iter().filter_map(|kind| place.get(*kind)));
    let entries = tables.filter_map(|table| table.as_table()).flatten();
    entries.map(|(key, value)| true_name(key, value, workspace)).collect()
}

/// The name of the crate behind a dependency's key, which `package = "..."` may rename, here or
/// in the workspace's table.
fn true_name(key: &str, value: &toml::Value, workspace: &Table) -> String {
    let shared = workspace.get("workspace").and_then(|table| table.get("dependencies"));
    let inherits = value.get("workspace").is_some();
    let shared = shared.and_then(|table| table.get(key)).filter(|_| inherits);
    let renamed =
        [Some(value), shared].into_iter().flatten().find_map(|value| value.get("package"));
    renamed.and_then(|name| name.as_str()).unwrap_or(key).to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::run::root;

    fn table(text: &str) -> Table {
        text.parse().expect("the manifest is TOML")
    }

    fn read(path: &str) -> Table {
        table(&fs::read_to_string(root().join(path)).expect("the manifest can be read"))
    }

    /// What the rules say of one made-up manifest.
    fn verdict(manifest: &str) -> Vec<String> {
        let workspace = table("[workspace.dependencies]\nnet = { package = \"libp2p\" }");
        violations(&workspace, &[table(manifest)])
    }

    #[test]
    fn no_crate_uses_what_it_may_not() {
        let workspace = read("Cargo.toml");
        let members = workspace["workspace"]["members"].as_array().expect("a list of members");
        let manifests: Vec<Table> = members
            .iter()
            .map(|member| read(&format!("{}/Cargo.toml", member.as_str().expect("a folder"))))
            .collect();
        assert_eq!(manifests.len(), MEMBERS.len(), "a crate has no place in the rules, or is gone");
        assert_eq!(violations(&workspace, &manifests), Vec::<String>::new());
    }

    #[test]
    fn forbidden_edges_are_found_in_every_kind_of_table() {
        let tables = [
            "[dependencies]\nrollbook = { path = \"../runtime\" }",
            "[dev-dependencies]\nrollbook.workspace = true",
            "[build-dependencies]\nrollbook = \"1\"",
            "[target.'cfg(unix)'.dependencies]\nrollbook = \"1\"",
            "[target.'cfg(unix)'.dev-dependencies.renamed]\npackage = \"rollbook\"",
        ];
        for dependencies in tables {
            let manifest = format!("[package]\nname = \"rollbook-core\"\n{dependencies}");
            assert_eq!(verdict(&manifest), ["rollbook-core may not use rollbook"], "{manifest}");
        }
    }

    #[test]
    fn the_core_has_no_runtime_and_no_network() {
        let manifest = "[package]\nname = \"rollbook-core\"\n[dependencies]\n\
                        net.workspace = true\n\
                        tokio = \"1\"\ntokio-stream = \"1\"\ntokioish = \"1\"";
        assert_eq!(
            verdict(manifest),
            [
                "rollbook-core may not use libp2p, only rollbook",
                "rollbook-core may not use tokio, only rollbook, rollbook-node, rollbook-node-c \
                 and rollbook-python",
                "rollbook-core may not use tokio-stream, only rollbook, rollbook-node, \
                 rollbook-node-c and rollbook-python",
            ]
        );
    }

    #[test]
    fn the_node_speaks_to_the_network_through_the_runtime() {
        let manifest = "[package]\nname = \"rollbook-node\"\n[dependencies]\n\
                        rollbook = \"1\"\ntokio = \"1\"\nlibp2p-identity = \"1\"";
        assert_eq!(verdict(manifest), ["rollbook-node may not use libp2p-identity, only rollbook"]);
    }

    #[test]
    fn nothing_depends_on_tests_or_tools() {
        for user in ["rollbook-core", "rollbook", "rollbook-node"] {
            for used in ["rollbook-tests", "xtask"] {
                let manifest =
                    format!("[package]\nname = \"{user}\"\n[dev-dependencies]\n{used} = \"1\"");
                assert_eq!(verdict(&manifest), [format!("{user} may not use {used}")]);
            }
        }
    }

    #[test]
    fn a_crate_without_a_place_is_reported() {
        let manifest = "[package]\nname = \"rollbook-new\"\n[dependencies]\nserde = \"1\"";
        assert_eq!(verdict(manifest).len(), 1);
        assert!(verdict(manifest)[0].starts_with("rollbook-new has no place yet"));
    }
}
