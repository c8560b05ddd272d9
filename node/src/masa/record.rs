//! One node's record as the Go network keeps it, and its JSON in Go's bytes.

use serde_json::Value;

use super::json::{push, write_string, write_value};
use super::time::GoTime;

/// `activity` of a node that has left; a node that is here has 0, which is not written.
pub(super) const ACTIVITY_LEFT: i64 = 1;

/// The Go network's `NodeData`. Fields are in the order in which Go writes them; "omitted" says
/// that a zero or empty value is not written at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MasaRecord {
    /// `multiaddrs`, omitted.
    pub(super) multiaddrs: Vec<String>,
    /// `multiaddrsString`, omitted: the addresses, each after one space.
    pub(super) multiaddrs_string: String,
    /// `peerId` in base58.
    pub(super) peer_id: String,
    /// `firstJoined` in unix seconds, omitted.
    pub(super) first_joined: i64,
    /// `lastJoined` in unix seconds, omitted.
    pub(super) last_joined: i64,
    /// `lastUpdated` in unix seconds, omitted.
    pub(super) last_updated: i64,
    /// `uptime` of the current session in nanoseconds, omitted.
    pub(super) uptime: i64,
    /// `uptimeStr`: the same in words, omitted.
    pub(super) uptime_str: String,
    /// `accumulatedUptime` in nanoseconds, omitted.
    pub(super) accumulated_uptime: i64,
    /// `accumulatedUptimeStr`: the same in words, omitted.
    pub(super) accumulated_uptime_str: String,
    /// `ethAddress` in EIP-55 form, omitted.
    pub(super) eth_address: String,
    /// `activity`: 0 or [`ACTIVITY_LEFT`], omitted.
    pub(super) activity: i64,
    /// `isActive`.
    pub(super) is_active: bool,
    /// `isStaked`, as the node says of itself.
    pub(super) is_staked: bool,
    /// `isValidator`, as the node says of itself.
    pub(super) is_validator: bool,
    /// `isTwitterScraper`.
    pub(super) is_twitter_scraper: bool,
    /// `isWebScraper`.
    pub(super) is_web_scraper: bool,
    /// `records`: anything, omitted if null.
    pub(super) records: Value,
    /// `version`.
    pub(super) version: String,
    /// `workerTimeout`.
    pub(super) worker_timeout: GoTime,
    /// `returnedTweets`.
    pub(super) returned_tweets: i64,
    /// `lastReturnedTweet`.
    pub(super) last_returned_tweet: GoTime,
    /// `tweetTimeout`.
    pub(super) tweet_timeout: bool,
    /// `tweetTimeouts`.
    pub(super) tweet_timeouts: i64,
    /// `lastTweetTimeout`.
    pub(super) last_tweet_timeout: GoTime,
    /// `lastNotFoundTime`.
    pub(super) last_not_found_time: GoTime,
    /// `notFoundCount`.
    pub(super) not_found_count: i64,
}

impl MasaRecord {
    /// Appends the record's JSON, byte for byte as Go's encoder writes it.
    pub(super) fn encode(&self, out: &mut String) {
        let mut fields = Fields { out, first: true };
        if !self.multiaddrs.is_empty() {
            fields.strings("multiaddrs", &self.multiaddrs);
        }
        fields.text_unless_empty("multiaddrsString", &self.multiaddrs_string);
        fields.text("peerId", &self.peer_id);
        fields.integer_unless_zero("firstJoined", self.first_joined);
        fields.integer_unless_zero("lastJoined", self.last_joined);
        fields.integer_unless_zero("lastUpdated", self.last_updated);
        fields.integer_unless_zero("uptime", self.uptime);
        fields.text_unless_empty("uptimeStr", &self.uptime_str);
        fields.integer_unless_zero("accumulatedUptime", self.accumulated_uptime);
        fields.text_unless_empty("accumulatedUptimeStr", &self.accumulated_uptime_str);
        fields.text_unless_empty("ethAddress", &self.eth_address);
        fields.integer_unless_zero("activity", self.activity);
        fields.flag("isActive", self.is_active);
        fields.flag("isStaked", self.is_staked);
        fields.flag("isValidator", self.is_validator);
        fields.flag("isTwitterScraper", self.is_twitter_scraper);
        fields.flag("isWebScraper", self.is_web_scraper);
        if !self.records.is_null() {
            write_value(fields.name("records"), &self.records);
        }
        fields.text("version", &self.version);
        fields.time("workerTimeout", &self.worker_timeout);
        fields.integer("returnedTweets", self.returned_tweets);
        fields.time("lastReturnedTweet", &self.last_returned_tweet);
        fields.flag("tweetTimeout", self.tweet_timeout);
        fields.integer("tweetTimeouts", self.tweet_timeouts);
        fields.time("lastTweetTimeout", &self.last_tweet_timeout);
        fields.time("lastNotFoundTime", &self.last_not_found_time);
        fields.integer("notFoundCount", self.not_found_count);
        fields.out.push('}');
    }
}

/// Writes the fields of one JSON object, in the order in which they are given.
struct Fields<'a> {
    out: &'a mut String,
    first: bool,
}

impl Fields<'_> {
    /// Writes a field's name and all punctuation before its value.
    fn name(&mut self, name: &str) -> &mut String {
        self.out.push(if self.first { '{' } else { ',' });
        self.first = false;
        write_string(self.out, name);
        self.out.push(':');
        self.out
    }

    fn text(&mut self, name: &str, text: &str) {
        write_string(self.name(name), text);
    }

    fn text_unless_empty(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.text(name, text);
        }
    }

    fn integer(&mut self, name: &str, value: i64) {
        push(self.name(name), format_args!("{value}"));
    }

    fn integer_unless_zero(&mut self, name: &str, value: i64) {
        if value != 0 {
            self.integer(name, value);
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        push(self.name(name), format_args!("{value}"));
    }

    fn time(&mut self, name: &str, time: &GoTime) {
        push(self.name(name), format_args!("\"{time}\""));
    }

    fn strings(&mut self, name: &str, texts: &[String]) {
        let out = self.name(name);
        for (index, text) in texts.iter().enumerate() {
            out.push(if index == 0 { '[' } else { ',' });
            write_string(out, text);
        }
        out.push(']');
    }
}
