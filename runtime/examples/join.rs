//! A node that joins a running network and prints the roll.
//!
//! ```text
//! cargo run -p rollbook --example join -- DIR AUTHORITY [NODES]
//! ```
//!
//! Keeps its key and its journal in DIR. AUTHORITY is the address of an authority as that prints it,
//! ending in `/p2p/ID`. Prints the roll once so many nodes are online (2 where nothing is said), and
//! leaves when its standard input ends.
#![allow(clippy::print_stdout, reason = "this is what the example is for")]

use std::{error::Error, io, time::Duration};

use rollbook::{Filter, Node};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(dir), Some(authority)) = (arguments.next(), arguments.next()) else {
        return Err("join DIR AUTHORITY [NODES]".into());
    };
    let wanted: usize = arguments.next().map_or(Ok(2), |count| count.parse())?;
    let node = Node::builder()
        .data_dir(dir.into())
        .authorities(vec![authority.parse()?])
        .listen(vec!["/ip4/127.0.0.1/tcp/0".parse()?])
        .sync_interval(Duration::from_secs(1))
        .agent("join.rs".to_owned())
        .start()
        .await?;

    // What happens after this is told, so nothing is missed between a look and the next event.
    let mut watch = node.watch(None);
    let online = Filter { online: true, ..Filter::default() };
    let seen = loop {
        let seen = node.list(&online);
        if seen.len() >= wanted {
            break seen;
        }
        if watch.next().await.is_none() {
            return Err("the node has stopped".into());
        }
    };
    println!("{} nodes are online:", seen.len());
    for one in &seen {
        println!("  {}  online  {}", one.peer_id, one.agent);
    }

    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    node.leave().await;
    Ok(node.stopped().await?)
}
