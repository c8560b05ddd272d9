//! The table of convergence is what `docs/convergence.md` says, to the byte.

use std::{env, fs, path::Path};

#[test]
fn rounds_bytes_and_redundancy_are_those_of_the_page() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/convergence.md");
    let page = rollbook_sim::table::page().expect("a calm cluster keeps every rule");
    if env::var_os("ROLLBOOK_WRITE_SNAPSHOTS").is_some() {
        fs::write(&path, &page).expect("the page can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/convergence.md is not what the code does; with ROLLBOOK_WRITE_SNAPSHOTS=1 this test \
         writes it anew:\n{page}"
    );
}
