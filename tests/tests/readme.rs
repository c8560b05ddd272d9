//! The commands of the front page do what it says.

use std::fs;
use std::path::Path;

use rollbook_tests::Page;

fn page(blocks: &[(&str, &str)]) -> Page {
    let text: String =
        blocks.iter().map(|(sort, text)| format!("```{sort}\n{text}\n```\n")).collect();
    Page::parse(&text).expect("it is well formed")
}

#[test]
fn every_block_of_the_readme_can_be_run() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = fs::read_to_string(path).expect("there is a README.md");
    let page = Page::parse(&text).expect("its blocks are of known sorts");
    let commands: String = page.blocks.iter().map(|block| block.text.as_str()).collect();
    for command in ["cargo run --release -- start", "cargo xtask test"] {
        assert!(commands.lines().any(|line| line == command), "no {command}: {commands}");
    }
    assert!(page.blocks[0].is_run, "the first thing to do is run");
    if let Err(reason) = page.run() {
        panic!("README.md, {reason}");
    }
}

#[test]
fn a_node_that_is_started_stays_until_the_end_of_the_page() {
    let start = "cargo run --release -- start\nrollbook status | grep -q authority";
    let second = "PATH=\"$PWD/target/release:$PATH\"\n\
                  A=/ip4/127.0.0.1/tcp/7655/p2p/$(rollbook identity | awk '/^peer id/ {print $3}')\n\
                  rollbook start --data-dir second --authority \"$A\" \\\n    \
                  --listen /ip4/127.0.0.1/tcp/0 --http 127.0.0.1:7657 &\n\
                  rollbook status --data-dir second\n\
                  grep -q 'http://127.0.0.1:7657\"' second/api.json";
    let third = "until rollbook nodes --json | grep -q '\"presence\":\"online\"'; do sleep 0.1; done\n\
                 test -e rollbook-data/identity.key && test -e second/identity.key";
    page(&[("sh", start), ("sh", second), ("sh", third), ("sh no-run", "exit 1")])
        .run()
        .expect("all of it is right");
}

#[test]
fn a_block_that_fails_is_named_with_what_it_printed() {
    for (sort, text, reason) in [
        ("sh", "echo before\nfalse\necho after", "before"),
        ("sh", "rollbook nonsense", "nonsense"),
        ("sh", "rollbook start --network 'Not A Name'", "network `Not A Name`"),
        ("sh", "cargo run --release -- start --lissten x", "lissten"),
        ("sh", "cargo publish", "cargo publish"),
        ("sh", "pkill rollbook", "by name"),
        ("sh", "no-such-program-here", "no-such-program-here"),
        ("sh no-run", "if true; then", "syntax error"),
    ] {
        let error = page(&[("sh", "true"), (sort, text)]).run().expect_err(text);
        assert!(error.starts_with("line 4: ") && error.contains(reason), "{text}: {error}");
        assert!(!error.contains("\nafter"), "it stops at the first failure: {error}");
    }
}

#[test]
fn a_start_that_is_refused_fails_the_page() {
    let again = "rollbook start --http 127.0.0.1:7659 --listen /ip4/127.0.0.1/tcp/7660";
    let error = page(&[("sh", "rollbook start"), ("sh", again)]).run().expect_err("it runs");
    assert!(error.contains("is in use"), "{error}");
}
