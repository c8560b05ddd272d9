//! `rollbook observe PEER COUNTER`: counts something about another node.

use anyhow::Result;

use crate::cli::ObserveArgs;
use crate::client::{self, Client, escaped};
use crate::output;
use crate::table::harmless;

pub(crate) fn run(args: &ObserveArgs) -> Result<()> {
    let peer = client::peer_id(&args.peer)?;
    let client = Client::open(&args.data_dir.path())?;
    let (counter, count) = (escaped(&args.counter), args.count);
    let path = format!("/api/v1/nodes/{peer}/observations/{counter}?count={count}");
    let node = client.command("POST", &path)?;
    let line = format!("counted {count} {} of {peer}", harmless(&args.counter));
    output::print_line(if args.json { &node } else { &line })
}
