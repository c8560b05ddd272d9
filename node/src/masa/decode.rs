//! Reading one record by the rules of Go's decoder.
//!
//! Names match in any case of ASCII letters, unknown names are passed over, null leaves a field
//! at its zero value, and a value of the wrong type fails the record. Beyond Go, times of joining
//! may be RFC 3339 text, as the network's first releases wrote them.

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::record::MasaRecord;
use super::text::printable;
use super::time::GoTime;

/// How much of a wrong value is shown in the reason why it is refused, in characters.
const SHOWN_MAX: usize = 40;

/// The fields of a JSON object in the order of the text, their values not yet parsed.
#[derive(Debug)]
pub(super) struct RawFields<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'a> RawFields<'a> {
    /// The value of the last field of this name, which is the one that counts in JSON.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value)
    }
}

impl<'de> Deserialize<'de> for RawFields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawFields<'de>, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = RawFields<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<RawFields<'de>, M::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(RawFields(fields))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

impl MasaRecord {
    /// Reads one record; the error is the reason, for people.
    pub(super) fn decode(json: &str) -> Result<MasaRecord, String> {
        let Ok(fields) = serde_json::from_str::<RawFields<'_>>(json) else {
            return Err(format!("is not a JSON object: {}", printable(json, SHOWN_MAX)));
        };
        let mut record = MasaRecord::default();
        for (name, value) in fields.0 {
            record.set(&name, value.get())?;
        }
        Ok(record)
    }

    /// Takes over one field, if it is one that the record has.
    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "multiaddrs" => read(name, value, "a list of addresses", &mut self.multiaddrs),
            "multiaddrsstring" => read_text(name, value, &mut self.multiaddrs_string),
            "peerid" => read_text(name, value, &mut self.peer_id),
            "firstjoined" => read_seconds(name, value, &mut self.first_joined),
            "lastjoined" => read_seconds(name, value, &mut self.last_joined),
            "lastupdated" => read_seconds(name, value, &mut self.last_updated),
            "uptime" => read_integer(name, value, &mut self.uptime),
            "uptimestr" => read_text(name, value, &mut self.uptime_str),
            "accumulateduptime" => read_integer(name, value, &mut self.accumulated_uptime),
            "accumulateduptimestr" => read_text(name, value, &mut self.accumulated_uptime_str),
            "ethaddress" => read_text(name, value, &mut self.eth_address),
            "activity" => read_integer(name, value, &mut self.activity),
            "isactive" => read_flag(name, value, &mut self.is_active),
            "isstaked" => read_flag(name, value, &mut self.is_staked),
            "isvalidator" => read_flag(name, value, &mut self.is_validator),
            "istwitterscraper" => read_flag(name, value, &mut self.is_twitter_scraper),
            "iswebscraper" => read_flag(name, value, &mut self.is_web_scraper),
            "records" => read(name, value, "JSON of ordinary depth and range", &mut self.records),
            "version" => read_text(name, value, &mut self.version),
            "workertimeout" => read_time(name, value, &mut self.worker_timeout),
            "returnedtweets" => read_integer(name, value, &mut self.returned_tweets),
            "lastreturnedtweet" => read_time(name, value, &mut self.last_returned_tweet),
            "tweettimeout" => read_flag(name, value, &mut self.tweet_timeout),
            "tweettimeouts" => read_integer(name, value, &mut self.tweet_timeouts),
            "lasttweettimeout" => read_time(name, value, &mut self.last_tweet_timeout),
            "lastnotfoundtime" => read_time(name, value, &mut self.last_not_found_time),
            "notfoundcount" => read_integer(name, value, &mut self.not_found_count),
            _ => Ok(()),
        }
    }
}

fn read<T: DeserializeOwned>(
    name: &str,
    value: &str,
    expected: &str,
    field: &mut T,
) -> Result<(), String> {
    match serde_json::from_str::<Option<T>>(value) {
        Ok(Some(value)) => *field = value,
        Ok(None) => {}
        Err(_) => return Err(wrong(name, value, expected)),
    }
    Ok(())
}

fn wrong(name: &str, value: &str, expected: &str) -> String {
    let (name, value) = (printable(name, SHOWN_MAX), printable(value, SHOWN_MAX));
    format!("{name} should be {expected}, not {value}")
}

fn read_text(name: &str, value: &str, field: &mut String) -> Result<(), String> {
    read(name, value, "text", field)
}

fn read_integer(name: &str, value: &str, field: &mut i64) -> Result<(), String> {
    read(name, value, "a 64-bit integer", field)
}

fn read_flag(name: &str, value: &str, field: &mut bool) -> Result<(), String> {
    read(name, value, "true or false", field)
}

fn read_time(name: &str, value: &str, field: &mut GoTime) -> Result<(), String> {
    read(name, value, "an RFC 3339 time", field)
}

/// Unix seconds as a number, or as RFC 3339 text of which Go's zero time means none.
fn read_seconds(name: &str, value: &str, field: &mut i64) -> Result<(), String> {
    if !value.starts_with('"') {
        return read_integer(name, value, field);
    }
    let mut time = GoTime::default();
    read_time(name, value, &mut time)?;
    *field = if time == GoTime::default() { 0 } else { time.unix() };
    Ok(())
}

impl<'de> Deserialize<'de> for GoTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<GoTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        GoTime::parse(&text).ok_or_else(|| D::Error::custom("not an RFC 3339 time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Real and worked examples, made by the Go network's own encoder.
    const EXAMPLES: [(&str, usize, &str); 4] = [
        ("gossip", 736, include_str!("../../testdata/masa/gossip.json")),
        ("page", 901, include_str!("../../testdata/masa/page.json")),
        ("stub", 459, include_str!("../../testdata/masa/stub.json")),
        ("zero", 368, include_str!("../../testdata/masa/zero.json")),
    ];

    fn encoded(record: &MasaRecord) -> String {
        let mut out = String::new();
        record.encode(&mut out);
        out
    }

    fn decoded(json: &str) -> MasaRecord {
        MasaRecord::decode(json).expect("the test's record is sound")
    }

    #[test]
    fn go_records_are_written_again_byte_for_byte() {
        for (name, size, json) in EXAMPLES {
            assert_eq!(json.len(), size, "{name}");
            assert_eq!(encoded(&decoded(json)), json, "{name}");
        }
    }

    #[test]
    fn the_empty_object_is_the_zero_record() {
        assert_eq!(decoded("{}"), MasaRecord::default());
        assert_eq!(encoded(&MasaRecord::default()), EXAMPLES[3].2);
    }

    #[test]
    fn null_unknown_fields_and_other_case_are_accepted() {
        let record = decoded(
            r#"{"PEERID":"p","isStaked":null,"multiaddrs":null,"records":null,"workerTimeout":null,
                "isTelegramScraper":true,"lastLeft":"whatever","VERSION":"a","version":"b"}"#,
        );
        let expected = MasaRecord {
            peer_id: "p".to_owned(),
            version: "b".to_owned(),
            ..MasaRecord::default()
        };
        assert_eq!(record, expected);
    }

    #[test]
    fn records_of_any_shape_are_kept_as_go_keeps_them() {
        let cases = [
            (r#"{"b": 1.50, "a": [3e21, "<"]}"#, r#"{"a":[3e+21,"\u003c"],"b":1.5}"#),
            ("[]", "[]"),
            ("{}", "{}"),
            ("0", "0"),
            ("false", "false"),
            (r#""""#, r#""""#),
            ("0.30000000000000004", "0.30000000000000004"),
        ];
        for (records, written) in cases {
            let json = encoded(&decoded(&format!(r#"{{"records":{records}}}"#)));
            assert!(json.contains(&format!(r#""records":{written},"version""#)), "{json}");
        }
    }

    #[test]
    fn early_releases_wrote_times_as_text() {
        let record = decoded(
            r#"{"firstJoined":"2025-01-15T12:20:00.5+01:00","lastJoined":"0001-01-01T00:00:00Z"}"#,
        );
        assert_eq!((record.first_joined, record.last_joined), (1_736_940_000, 0));
    }

    #[test]
    fn wrong_types_are_refused_with_a_reason() {
        let cases = [
            (r#"{"firstJoined":1.0}"#, "firstJoined should be a 64-bit integer, not 1.0"),
            (r#"{"firstJoined":"soon"}"#, r#"firstJoined should be an RFC 3339 time, not "soon""#),
            (
                r#"{"uptime":9223372036854775808}"#,
                "uptime should be a 64-bit integer, not 9223372036854775808",
            ),
            (r#"{"isStaked":1}"#, "isStaked should be true or false, not 1"),
            (
                r#"{"multiaddrs":["/ip4/1.2.3.4",null]}"#,
                r#"multiaddrs should be a list of addresses, not ["/ip4/1.2.3.4",null]"#,
            ),
            (r#"{"version":{}}"#, "version should be text, not {}"),
            ("[1]", "is not a JSON object: [1]"),
        ];
        for (json, reason) in cases {
            assert_eq!(MasaRecord::decode(json).err().as_deref(), Some(reason));
        }
    }

    #[test]
    fn records_of_absurd_depth_are_refused() {
        let deep = format!(r#"{{"records":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        let reason = MasaRecord::decode(&deep).expect_err("too deep");
        assert!(reason.starts_with("records should be JSON of ordinary depth"), "{reason}");
    }
}
