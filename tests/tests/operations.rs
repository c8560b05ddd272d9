//! The commands of the page for operators do what it says, and what stands beside it agrees.

use std::fs;
use std::path::Path;

use rollbook_tests::Page;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn a_network_made_from_the_page_works_as_printed() {
    let page = Page::parse(&read("docs/operations.md")).expect("its blocks are of known sorts");
    let run = page.blocks.iter().filter(|block| block.is_run).count();
    assert!(run >= 9, "{run} blocks are run");
    if let Err(reason) = page.run() {
        panic!("docs/operations.md, {reason}");
    }
}

#[test]
fn every_alert_is_explained_and_every_explained_alert_exists() {
    let (rules, page) = (read("contrib/alerts.yml"), read("docs/operations.md"));
    let mut rules: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let mut rows: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `Rollbook"))
        .filter_map(|line| line.split('`').next())
        .collect();
    rules.sort_unstable();
    rows.sort_unstable();
    let names: Vec<String> = rows.iter().map(|row| format!("Rollbook{row}")).collect();
    assert_eq!(rules, names);
}

#[test]
fn every_metric_of_the_alerts_is_documented() {
    let (rules, page) = (read("contrib/alerts.yml"), read("docs/metrics.md"));
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let mut count = 0;
    for line in rules.lines() {
        let mut rest = line;
        while let Some(at) = rest.find("rollbook_") {
            let end = rest[at..].find(|c| !is_name(c)).map_or(rest.len(), |size| at + size);
            let name = rest[at..end].trim_end_matches("_bucket");
            assert!(page.contains(&format!("| `{name}")), "{name} is not in docs/metrics.md");
            count += 1;
            rest = &rest[end..];
        }
    }
    assert!(count > 15, "{count}");
}

#[test]
fn the_unit_starts_what_there_is_and_shuts_out_the_rest() {
    let unit = read("contrib/rollbook.service");
    for line in [
        "ExecStart=/usr/local/bin/rollbook start --config /etc/rollbook/rollbook.toml",
        "DynamicUser=yes",
        "StateDirectory=rollbook",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "SystemCallFilter=@system-service",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    let example = read("contrib/rollbook.toml");
    assert!(example.contains("data-dir = \"/var/lib/rollbook\""), "as the unit has it");
}
