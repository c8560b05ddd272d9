//! An operator's decisions about a node: grant, revoke, admit, remove, ban.

use anyhow::Result;

use crate::cli::{GrantArgs, PeerArgs};
use crate::client::{self, Client, escaped};
use crate::output;
use crate::table::harmless;

pub(crate) fn grant(args: &GrantArgs) -> Result<()> {
    let peer = on_grant("POST", args)?;
    output::print_line(&format!("granted {} to {peer}", harmless(&args.name)))
}

pub(crate) fn revoke(args: &GrantArgs) -> Result<()> {
    let peer = on_grant("DELETE", args)?;
    output::print_line(&format!("revoked {} from {peer}", harmless(&args.name)))
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

fn on_grant(method: &str, args: &GrantArgs) -> Result<rollbook::PeerId> {
    let peer = client::peer_id(&args.peer)?;
    let client = Client::open(&args.data_dir.path())?;
    client.command(method, &format!("/api/v1/nodes/{peer}/grants/{}", escaped(&args.name)))?;
    Ok(peer)
}

fn on_peer(action: &str, done: &str, args: &PeerArgs) -> Result<()> {
    let peer = client::peer_id(&args.peer)?;
    let client = Client::open(&args.data_dir.path())?;
    client.command("POST", &format!("/api/v1/nodes/{peer}/{action}"))?;
    output::print_line(&format!("{done} {peer}"))
}
