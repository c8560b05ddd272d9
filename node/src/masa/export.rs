//! What Rollbook knows of its nodes, as the Go network would have written it.

use std::collections::BTreeMap;

use rollbook::NodeView;

use super::duration::{nanos_from_seconds, pretty};
use super::json::write_string;
use super::record::{ACTIVITY_LEFT, MasaRecord};
use super::time::GoTime;

/// One node to export. Times are unix seconds, 0 if unknown.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExportNode {
    /// In base58.
    pub(crate) peer_id: String,
    /// Addresses as the node announced them.
    pub(crate) multiaddrs: Vec<String>,
    /// When it first joined, imported history included.
    pub(crate) first_joined: u64,
    /// When its last session began.
    pub(crate) last_joined: u64,
    /// When its newest statement was issued.
    pub(crate) last_updated: u64,
    /// The current session's uptime in seconds.
    pub(crate) uptime_seconds: u64,
    /// The uptime of all sessions in seconds, the current one included.
    pub(crate) accumulated_uptime_seconds: u64,
    /// In EIP-55 form, of secp256k1 peer ids.
    pub(crate) eth_address: Option<String>,
    /// Online, or unknown and last known online.
    pub(crate) is_active: bool,
    /// Granted by an authority.
    pub(crate) is_staked: bool,
    /// Granted by an authority.
    pub(crate) is_validator: bool,
    /// `twitter-scraper` and `web-scraper` become the Go network's flags.
    pub(crate) capabilities: Vec<String>,
    /// Becomes the version.
    pub(crate) agent: String,
    /// What it returned, how often and when last.
    pub(crate) successes: (u64, u64),
    /// When it did not answer in time.
    pub(crate) timeouts: (u64, u64),
    /// When it found nothing.
    pub(crate) not_found: (u64, u64),
}

impl From<NodeView> for ExportNode {
    fn from(node: NodeView) -> Self {
        let counted = |name: &str| {
            let tally = node.tallies.iter().find(|tally| tally.counter == name);
            tally.map_or((0, 0), |tally| (tally.count, tally.last))
        };
        Self {
            successes: counted("successes"),
            timeouts: counted("timeouts"),
            not_found: counted("not-found"),
            peer_id: node.peer_id.to_string(),
            multiaddrs: node.multiaddrs.iter().map(ToString::to_string).collect(),
            first_joined: node.first_joined.unwrap_or(0),
            last_joined: node.last_joined.unwrap_or(0),
            last_updated: node.last_updated.unwrap_or(0),
            uptime_seconds: node.uptime_seconds,
            accumulated_uptime_seconds: node.accumulated_uptime_seconds,
            eth_address: node.eth_address,
            is_active: node.is_active,
            is_staked: node.is_staked,
            is_validator: node.is_validator,
            capabilities: node.capabilities,
            agent: node.agent,
        }
    }
}

/// Writes one node's record.
pub(crate) fn go_record(node: ExportNode) -> String {
    let mut out = String::new();
    record(node).encode(&mut out);
    out
}

/// Writes a text as a JSON string in the bytes of Go.
pub(crate) fn go_string(text: &str) -> String {
    let mut out = String::new();
    write_string(&mut out, text);
    out
}

/// Writes the nodes as one map from peer ids to records, without a final newline, as Go does.
/// Of two nodes with one peer id the later is written.
pub(crate) fn export(nodes: impl IntoIterator<Item = ExportNode>) -> Vec<u8> {
    // Go sorts the keys of a map by their bytes, as does this one.
    let records: BTreeMap<String, MasaRecord> =
        nodes.into_iter().map(|node| (node.peer_id.clone(), record(node))).collect();
    let mut out = String::from("{");
    for (index, (peer_id, record)) in records.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(&mut out, peer_id);
        out.push(':');
        record.encode(&mut out);
    }
    out.push('}');
    out.into_bytes()
}

fn record(mut node: ExportNode) -> MasaRecord {
    // The Go network writes addresses without the peer id that they lead to.
    let suffix = format!("/p2p/{}", node.peer_id);
    for address in &mut node.multiaddrs {
        if let Some(size) = address.strip_suffix(&suffix).map(str::len) {
            address.truncate(size);
        }
    }
    let can = |name: &str| node.capabilities.iter().any(|capability| capability == name);
    let (is_twitter_scraper, is_web_scraper) = (can("twitter-scraper"), can("web-scraper"));
    let uptime = nanos_from_seconds(node.uptime_seconds);
    let accumulated_uptime = nanos_from_seconds(node.accumulated_uptime_seconds);
    MasaRecord {
        // The Go network puts a space before each address, the first included.
        multiaddrs_string: node.multiaddrs.iter().flat_map(|address| [" ", address]).collect(),
        multiaddrs: node.multiaddrs,
        peer_id: node.peer_id,
        first_joined: seconds(node.first_joined),
        last_joined: seconds(node.last_joined),
        last_updated: seconds(node.last_updated),
        uptime,
        uptime_str: pretty(uptime),
        accumulated_uptime,
        accumulated_uptime_str: pretty(accumulated_uptime),
        eth_address: node.eth_address.unwrap_or_default(),
        activity: if node.is_active { 0 } else { ACTIVITY_LEFT },
        is_active: node.is_active,
        is_staked: node.is_staked,
        is_validator: node.is_validator,
        is_twitter_scraper,
        is_web_scraper,
        version: node.agent,
        returned_tweets: seconds(node.successes.0),
        last_returned_tweet: GoTime::from_unix(node.successes.1),
        tweet_timeouts: seconds(node.timeouts.0),
        last_tweet_timeout: GoTime::from_unix(node.timeouts.1),
        not_found_count: seconds(node.not_found.0),
        last_not_found_time: GoTime::from_unix(node.not_found.1),
        ..MasaRecord::default()
    }
}

fn seconds(unix: u64) -> i64 {
    i64::try_from(unix).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::import::read_import;
    use super::*;

    const STAKED: &str = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9";
    const OTHER: &str = "16Uiu2HAm9Nkz9kEMnL1YqPTtXZHQZ1E9rhquwSqKNsUViqTojLZt";

    fn staked() -> ExportNode {
        ExportNode {
            peer_id: STAKED.to_owned(),
            multiaddrs: vec![
                "/ip4/172.89.165.130/udp/41577/quic-v1".to_owned(),
                "/ip4/10.1.1.96/udp/4001/quic-v1".to_owned(),
            ],
            first_joined: 1_736_940_000,
            last_joined: 1_737_900_000,
            last_updated: 1_737_903_600,
            uptime_seconds: 3600,
            accumulated_uptime_seconds: 963_600,
            eth_address: Some("0xfcf04285bf18a18Db4f346E28bfe3914B9776eF7".to_owned()),
            successes: (0, 0),
            timeouts: (0, 0),
            not_found: (0, 0),
            is_active: true,
            is_staked: true,
            is_validator: false,
            capabilities: vec!["web-scraper".to_owned(), "twitter-scraper".to_owned()],
            agent: "v0.8.4".to_owned(),
        }
    }

    fn other() -> ExportNode {
        ExportNode {
            peer_id: OTHER.to_owned(),
            agent: "a<b>&c".to_owned(),
            capabilities: vec!["twitter-scrapers".to_owned()],
            ..ExportNode::default()
        }
    }

    #[test]
    fn a_map_is_written_as_the_go_encoder_does() {
        let expected = include_str!("../../testdata/masa/export.json");
        let written = export([staked(), other()]);
        assert_eq!(String::from_utf8(written).as_deref(), Ok(expected));
    }

    #[test]
    fn addresses_are_written_without_the_peer_id() {
        let mut node = staked();
        node.multiaddrs[1].push_str(&format!("/p2p/{STAKED}"));
        assert_eq!(export([node]), export([staked()]));
    }

    #[test]
    fn no_nodes_are_an_empty_map() {
        assert_eq!(export([]), b"{}");
    }

    #[test]
    fn an_export_can_be_imported() {
        let import = read_import(&export([staked(), other()])).expect("our own shape");
        assert_eq!((import.record_count, import.ghost_count), (2, 1));
        assert_eq!((import.invalid, import.corrected), (vec![], vec![]));
        let node = staked();
        assert_eq!(import.records[0].peer_id, node.peer_id);
        assert_eq!(import.records[0].multiaddrs, node.multiaddrs);
        assert_eq!(import.records[0].first_joined, node.first_joined);
        assert_eq!(import.records[0].accumulated_uptime_seconds, node.accumulated_uptime_seconds);
        assert!(import.records[0].is_staked && !import.records[0].is_validator);
    }

    #[test]
    fn absurd_numbers_stay_numbers_of_go() {
        let node =
            ExportNode { first_joined: u64::MAX, accumulated_uptime_seconds: u64::MAX, ..staked() };
        let text = String::from_utf8(export([node])).expect("JSON is UTF-8");
        assert!(text.contains(r#""firstJoined":9223372036854775807,"#), "{text}");
        assert!(text.contains(r#""accumulatedUptime":9223372036854775807,"#), "{text}");
    }
}
