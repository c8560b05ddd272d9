//! An operator's decisions about a node: grant, revoke, admit, remove, ban.

use anyhow::Result;

use crate::cli::{GrantArgs, PeerArgs};
use crate::client::{self, Client, escaped};
use crate::output;
use crate::table::harmless;

pub(crate) fn grant(args: &GrantArgs) -> Result<()> {
    on_grant("POST", "granted", "to", args)
}

pub(crate) fn revoke(args: &GrantArgs) -> Result<()> {
    on_grant("DELETE", "revoked", "from", args)
}

pub(crate) fn admit(args: &PeerArgs) -> Result<()> {
    on_peer("admit", "admitted", args)
}

pub(crate) fn remove(args: &PeerArgs) -> Result<()> {
    on_peer("remove", "removed", args)
}

pub(crate) fn ban(args: &PeerArgs) -> Result<()> {
    on_peer("ban", "banned", args)
}

fn on_grant(method: &str, done: &str, word: &str, args: &GrantArgs) -> Result<()> {
    let peer = client::peer_id(&args.peer)?;
    let client = Client::open(&args.data_dir.path())?;
    let path = format!("/api/v1/nodes/{peer}/grants/{}", escaped(&args.name));
    let node = client.command(method, &path)?;
    let line = format!("{done} {} {word} {peer}", harmless(&args.name));
    output::print_line(if args.json { &node } else { &line })
}

fn on_peer(action: &str, done: &str, args: &PeerArgs) -> Result<()> {
    let peer = client::peer_id(&args.peer)?;
    let client = Client::open(&args.data_dir.path())?;
    let node = client.command("POST", &format!("/api/v1/nodes/{peer}/{action}"))?;
    let line = format!("{done} {peer}");
    output::print_line(if args.json { &node } else { &line })
}
