//! The file of whom an authority admits: one peer id a line.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, anyhow};
use rollbook::PeerId;

/// Where the list is.
#[derive(Clone, Debug)]
pub(crate) struct AllowList {
    path: PathBuf,
}

impl AllowList {
    pub(crate) fn new(path: String) -> Self {
        Self { path: path.into() }
    }

    /// Reads the list as it is now. Empty lines, and what follows a `#`, are comments.
    pub(crate) fn read(&self) -> Result<Vec<PeerId>> {
        let path = self.path.display();
        let text = fs::read_to_string(&self.path)
            .with_context(|| format!("--allow-list: cannot read {path}"))?;
        parse(&text).map_err(|error| anyhow!("--allow-list: {path}, {error}"))
    }
}

fn parse(text: &str) -> Result<Vec<PeerId>, String> {
    let mut peers = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let id = line.split('#').next().unwrap_or_default().trim();
        if id.is_empty() {
            continue;
        }
        let peer = id.parse::<PeerId>();
        let peer = peer.map_err(|_invalid| format!("line {number}: {id:?} is not a peer id"))?;
        peers.push(peer);
    }
    peers.sort_unstable();
    peers.dedup();
    Ok(peers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d";

    #[test]
    fn one_peer_id_a_line_with_comments() {
        let text = format!("# ours\n\n{PEER}\n  {PEER}  # twice\r\n");
        let peers = parse(&text).expect("a list");
        assert_eq!(peers.len(), 1);
        assert_eq!(peers[0].to_string(), PEER);
        assert!(parse("").expect("an empty list").is_empty());
    }

    #[test]
    fn line_that_is_no_peer_id_is_named() {
        let error = parse(&format!("{PEER}\nnobody\n")).expect_err("no peer id");
        assert_eq!(error, "line 2: \"nobody\" is not a peer id");
    }

    #[test]
    fn missing_file_is_named() {
        let error = AllowList::new("/nonexistent/list".to_owned()).read().expect_err("missing");
        assert!(format!("{error:#}").starts_with("--allow-list: cannot read /nonexistent/list: "));
    }
}
