//! Records as a node of the Go network writes them: a full one, with each of its fields.

use std::fmt::Write as _;

use rollbook_core::{EthAddress, Keypair, PeerId, Signer as _};

/// The secp256k1 key of this number, from 0.
pub fn keypair(number: u32) -> Keypair {
    let mut scalar = [0; 32];
    scalar[20..24].copy_from_slice(b"test");
    scalar[28..].copy_from_slice(&number.to_be_bytes());
    Keypair::secp256k1(scalar).expect("it is neither zero nor too large")
}

/// The peer id of that key.
pub fn peer_id(number: u32) -> PeerId {
    keypair(number).peer_id()
}

/// What the Go network knew of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoRecord {
    /// Which node.
    pub peer_id: String,
    /// Its address of a secp256k1 key.
    pub eth_address: String,
    /// Where it was reached; empty means nowhere.
    pub multiaddrs: Vec<String>,
    /// When it first joined, in unix seconds.
    pub first_joined: u64,
    /// When it joined last.
    pub last_joined: u64,
    /// How long it was there in all its sessions.
    pub accumulated_seconds: u64,
    /// Whether it called itself staked.
    pub is_staked: bool,
    /// Whether it called itself a validator.
    pub is_validator: bool,
}

impl GoRecord {
    /// The record of this number: every third is staked, every fifth a validator.
    pub fn numbered(number: u32) -> GoRecord {
        let peer = peer_id(number);
        // Networks that are reserved for documentation: nobody is reached by mistake.
        let block = ["192.0.2", "198.51.100", "203.0.113"][number as usize / 250 % 3];
        let host = number % 250 + 1;
        let first_joined = 1_700_000_000 + u64::from(number);
        GoRecord {
            peer_id: peer.to_string(),
            eth_address: EthAddress::of(&peer).expect("it is a secp256k1 key").to_string(),
            multiaddrs: vec![
                format!("/ip4/{block}.{host}/udp/4001/quic-v1"),
                format!("/ip4/{block}.{host}/udp/41577/quic-v1"),
            ],
            first_joined,
            last_joined: first_joined + 1_000_000,
            accumulated_seconds: 900_000 + u64::from(number),
            is_staked: number.is_multiple_of(3),
            is_validator: number.is_multiple_of(5),
        }
    }

    /// A stub that the clean-up of the Go network spread: neither joins nor addresses.
    pub fn ghost(number: u32) -> GoRecord {
        GoRecord {
            multiaddrs: Vec::new(),
            first_joined: 0,
            last_joined: 0,
            accumulated_seconds: 0,
            is_staked: false,
            is_validator: false,
            ..GoRecord::numbered(number)
        }
    }

    /// As Go encodes it.
    pub fn json(&self) -> String {
        let mut text = String::from("{");
        let quoted: Vec<String> = self.multiaddrs.iter().map(|a| format!("\"{a}\"")).collect();
        let spaced: String = self.multiaddrs.iter().map(|a| format!(" {a}")).collect();
        let mut add = |field: &str| text.push_str(field);
        if !quoted.is_empty() {
            add(&format!(r#""multiaddrs":[{}],"multiaddrsString":"{spaced}","#, quoted.join(",")));
        }
        add(&format!(r#""peerId":"{}","#, self.peer_id));
        for (name, time) in [("firstJoined", self.first_joined), ("lastJoined", self.last_joined)] {
            if time > 0 {
                add(&format!(r#""{name}":{time},"#));
            }
        }
        add(&format!(r#""lastUpdated":{},"#, self.last_joined + 3_600));
        if self.accumulated_seconds > 0 {
            add(r#""uptime":3600123456789,"uptimeStr":"1 hours 0 minutes","#);
            // Go counts nanoseconds; what is below a second does not survive an import.
            add(&format!(r#""accumulatedUptime":{}123456789,"#, self.accumulated_seconds));
            add(r#""accumulatedUptimeStr":"11 days 3 hours 40 minutes","#);
        }
        write!(
            text,
            r#""ethAddress":"{}","isActive":true,"isStaked":{},"isValidator":{},"#,
            self.eth_address, self.is_staked, self.is_validator
        )
        .expect("a string takes any text");
        text.push_str(concat!(
            r#""isTwitterScraper":true,"isWebScraper":true,"version":"v0.8.4","#,
            r#""workerTimeout":"0001-01-01T00:00:00Z","returnedTweets":1250,"#,
            r#""lastReturnedTweet":"2025-01-26T15:59:58.123456789Z","tweetTimeout":true,"#,
            r#""tweetTimeouts":17,"lastTweetTimeout":"2025-01-26T13:30:00.005+01:00","#,
            r#""lastNotFoundTime":"2025-01-25T23:59:59Z","notFoundCount":3}"#,
        ));
        text
    }

    /// A file of the Go network: a map from peer ids to records.
    pub fn file(records: &[GoRecord]) -> String {
        let entry = |record: &GoRecord| format!("\"{}\":{}", record.peer_id, record.json());
        format!("{{{}}}", records.iter().map(entry).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_the_bytes_that_go_writes() {
        let record = GoRecord {
            peer_id: "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9".to_owned(),
            eth_address: "0xfcf04285bf18a18Db4f346E28bfe3914B9776eF7".to_owned(),
            multiaddrs: vec![
                "/ip4/172.89.165.130/udp/41577/quic-v1".to_owned(),
                "/ip4/10.1.1.96/udp/4001/quic-v1".to_owned(),
            ],
            first_joined: 1_736_940_000,
            last_joined: 1_737_900_000,
            accumulated_seconds: 963_600,
            is_staked: true,
            is_validator: false,
        };
        // Measured on the Go encoder's output for this very record.
        assert_eq!(record.json().len(), 901);
        let value: serde_json::Value = serde_json::from_str(&record.json()).expect("JSON");
        assert_eq!(value.as_object().expect("an object").len(), 25);
    }

    #[test]
    fn records_differ_and_files_are_json() {
        let records: Vec<GoRecord> = (0..300).map(GoRecord::numbered).collect();
        let value: serde_json::Value =
            serde_json::from_str(&GoRecord::file(&records)).expect("JSON");
        assert_eq!(value.as_object().expect("a map").len(), 300);
    }
}
