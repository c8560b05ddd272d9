//! Quiet means quiet: where nothing changes nothing is gossiped, and leases cost next to nothing.

use std::{env, fs, path::Path};

use rollbook_sim::quiet;

/// What renewing its lease may cost a node, in hundredths of a byte in each second.
const RENEWAL_CENTIBYTES_MAX: u64 = 1_000;

#[test]
fn nothing_is_gossiped_for_hours_and_leases_cost_under_ten_bytes_a_second() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/quiet.md");
    let (page, figures) = quiet::page().expect("a calm cluster keeps every rule");
    assert!(figures.iter().any(|quiet| quiet.nodes >= 20 && quiet.hours >= 6), "{figures:?}");
    for quiet in figures {
        assert!(quiet.published_before >= quiet.nodes, "gossip is counted: {quiet:?}");
        assert_eq!((quiet.published, quiet.gossip), (0, 0), "{quiet:?}");
        assert!(quiet.leases >= quiet.nodes - 2, "{quiet:?}");
        // Everybody's lease was renewed all the time, or it would not have been counted.
        let intervals = quiet.hours * 360;
        assert!(quiet.renewals >= quiet.leases * intervals * 8 / 10, "{quiet:?}");
        assert!(quiet.renewal_centibytes < RENEWAL_CENTIBYTES_MAX, "{quiet:?}");
    }
    if env::var_os("ROLLBOOK_WRITE_SNAPSHOTS").is_some() {
        fs::write(&path, &page).expect("the page can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/quiet.md is not what the code does; with ROLLBOOK_WRITE_SNAPSHOTS=1 this test writes \
         it anew:\n{page}"
    );
}
