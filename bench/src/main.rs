#![allow(clippy::print_stdout, reason = "printing is what it is for")]
//! Comparisons with peers and floors, printed as Markdown tables.
//!
//! Times are those of one run on one machine: what counts is the ratio beside them, whose both
//! sides were measured in the same run.

mod allocator;
mod batch;
mod codec;
mod leases;
mod memory;
mod merge;
mod population;
mod recovery;
mod sync;
mod table;
mod timing;

use anyhow::{Result, bail};

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

/// A part of the report: its name, and what makes it.
type Section = (&'static str, fn() -> String);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let sections: [Section; 7] = [
        ("sync", sync::report),
        ("merge", merge::report),
        ("batch", batch::report),
        ("recovery", recovery::report),
        ("codec", codec::report),
        ("memory", memory::report),
        ("leases", leases::report),
    ];
    let chosen: Vec<_> = match arguments.as_slice() {
        ["core"] => sections.iter().collect(),
        ["core", names @ ..] => sections.iter().filter(|(name, _)| names.contains(name)).collect(),
        _ => bail!("usage: rollbook-bench core [sync|merge|batch|recovery|codec|memory|leases]..."),
    };
    if chosen.is_empty() {
        bail!("no such part; the parts are sync, merge, batch, recovery, codec, memory and leases");
    }
    for (place, (_, report)) in chosen.into_iter().enumerate() {
        if place > 0 {
            println!();
        }
        print!("{}", report());
    }
    Ok(())
}
