//! The shapes in which the Go network's records come: which parts of a file are records.
//!
//! A file is one or more JSON values, one after the other. Each is a map from peer ids to
//! records, an array of records, an object with them under `data` (a `nodeDataSync` page, or the
//! answer of `GET /node/data`), or one bare record. Only the outline is parsed here, so a record
//! with wrong contents costs only itself.

use std::fmt;

use serde_json::value::RawValue;

use super::decode::RawFields;
use super::text::printable;

/// Largest file that is taken, in bytes: a record has less than 1 KiB, so a million fit.
pub(crate) const IMPORT_SIZE_MAX: u64 = 1 << 30;

/// Why a whole file cannot be imported.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum ImportError {
    /// More than [`IMPORT_SIZE_MAX`] bytes.
    TooLarge,
    /// Nothing but white space.
    Empty,
    /// Not JSON, or cut off.
    Syntax {
        /// Where the parser stopped, from 1.
        line: usize,
        /// Where in the line, in bytes, from 1.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// JSON, but nothing that holds records.
    Shape {
        /// Where the value starts, from 1.
        line: usize,
        /// Where in the line, in bytes, from 1.
        column: usize,
        /// The value's beginning.
        found: String,
    },
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImportError::TooLarge => {
                write!(f, "the file is larger than {IMPORT_SIZE_MAX} bytes; split it")
            }
            ImportError::Empty => f.write_str("the file is empty"),
            ImportError::Syntax { line, column, message } => {
                write!(f, "not JSON at line {line}, column {column}: {message}")
            }
            ImportError::Shape { line, column, found } => write!(
                f,
                "no node data at line {line}, column {column}: expected a map of peer ids, \
                 an array of records, or pages with \"data\", found {found}"
            ),
        }
    }
}

impl std::error::Error for ImportError {}

/// One record's text, and the key under which it stands in a map.
#[derive(Debug)]
pub(super) struct RawRecord<'a> {
    pub(super) key: Option<String>,
    pub(super) json: &'a str,
}

/// Passes each record of the text to `visit`, in the order of the text. Nothing is passed
/// before the outline of the whole text is known to be sound.
pub(super) fn for_each_record<'a>(
    text: &'a str,
    mut visit: impl FnMut(RawRecord<'a>),
) -> Result<(), ImportError> {
    let values = top_level(text)?;
    if values.is_empty() {
        return Err(ImportError::Empty);
    }
    let mut parts = Vec::with_capacity(values.len());
    for (at, value) in values {
        parts.push(records_in(value).ok_or_else(|| {
            let (line, column) = position(text, at);
            ImportError::Shape { line, column, found: printable(value.get(), 40) }
        })?);
    }
    parts.into_iter().flatten().for_each(&mut visit);
    Ok(())
}

/// The values of the text, each with the byte at which it starts.
fn top_level(text: &str) -> Result<Vec<(usize, &RawValue)>, ImportError> {
    let mut values = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    while let Some(value) = stream.next() {
        let value = value.map_err(|error| syntax(&error))?;
        values.push((stream.byte_offset() - value.get().len(), value));
    }
    Ok(values)
}

fn syntax(error: &serde_json::Error) -> ImportError {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    ImportError::Syntax { line, column, message }
}

/// Line and column of a byte, both from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    (line, before.len() - line_start + 1)
}

/// The records in one value, or nothing if it is of no known shape.
fn records_in(value: &RawValue) -> Option<Vec<RawRecord<'_>>> {
    if is_array(value) {
        return array(value);
    }
    let fields = object(value)?;
    if let Some(data) = fields.get("data") {
        return data_field(data);
    }
    let is_record = fields.get("peerId").is_some_and(|peer_id| !is_object(peer_id));
    if is_record {
        return Some(vec![RawRecord { key: None, json: value.get() }]);
    }
    let is_map = fields.0.is_empty() || fields.0.iter().any(|(_, value)| is_object(value));
    is_map.then(|| {
        let records = fields.0.into_iter();
        records.map(|(key, value)| RawRecord { key: Some(key), json: value.get() }).collect()
    })
}

/// What stands under `data`: a page's records, one record, or null where Go had none.
fn data_field(data: &RawValue) -> Option<Vec<RawRecord<'_>>> {
    match data.get().as_bytes().first() {
        Some(b'[') => array(data),
        Some(b'{') => Some(vec![RawRecord { key: None, json: data.get() }]),
        _ => (data.get() == "null").then(Vec::new),
    }
}

fn array(value: &RawValue) -> Option<Vec<RawRecord<'_>>> {
    let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
    Some(items.into_iter().map(|item| RawRecord { key: None, json: item.get() }).collect())
}

fn object(value: &RawValue) -> Option<RawFields<'_>> {
    is_object(value).then(|| serde_json::from_str(value.get()).ok()).flatten()
}

fn is_array(value: &RawValue) -> bool {
    value.get().starts_with('[')
}

fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Result<Vec<(Option<String>, String)>, ImportError> {
        let mut found = Vec::new();
        for_each_record(text, |record| found.push((record.key, record.json.to_owned())))?;
        Ok(found)
    }

    fn bare(json: &str) -> (Option<String>, String) {
        (None, json.to_owned())
    }

    #[test]
    fn every_shape_gives_its_records() {
        let (a, b) = (r#"{"peerId":"a"}"#, r#"{"peerId":"b"}"#);
        let both = vec![bare(a), bare(b)];
        let cases = [
            (format!("[{a}, {b}]"), both.clone()),
            (format!("{a}\n{b}\n"), both.clone()),
            (format!(r#"{{"data":[{a},{b}],"pageNumber":0,"totalPages":1}}"#), both.clone()),
            (format!("{{\"data\":[{a}],\"pageNumber\":0}}\n\n{{\"data\":[{b}]}}\n"), both.clone()),
            (format!(r#"{{"data":[{a},{b}],"pageNbr":0,"success":true}}"#), both),
            (format!(r#"{{"data":{a},"success":true}}"#), vec![bare(a)]),
            (r#"{"data":[],"success":true}"#.to_owned(), vec![]),
            (r#"{"data":null}"#.to_owned(), vec![]),
            ("{}".to_owned(), vec![]),
            ("[]".to_owned(), vec![]),
            (
                format!(r#" {{"a": {a}, "x": 1}} "#),
                vec![(Some("a".to_owned()), a.to_owned()), (Some("x".to_owned()), "1".to_owned())],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(records(&text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_node_data_says_where() {
        let cases = [
            ("7", (1, 1)),
            ("\n  \"text\"", (2, 3)),
            (r#"{"message":"Node not found","success":false}"#, (1, 1)),
            ("[]\n[]\n true", (3, 2)),
            (r#"{"data":"no"}"#, (1, 1)),
        ];
        for (text, expected) in cases {
            match records(text) {
                Err(ImportError::Shape { line, column, .. }) => {
                    assert_eq!((line, column), expected)
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        assert_eq!(records(" \n\t"), Err(ImportError::Empty));
    }

    #[test]
    fn what_is_no_json_says_where() {
        for text in ["{", "[{}", "{\"a\":{}", "{]", "nul", "[1 2]", "{\"a\" {}}", "hello", "[{}]]"]
        {
            assert!(matches!(records(text), Err(ImportError::Syntax { line: 1, .. })), "{text}");
        }
        let error = records("{\n  \"a\": {},\n  oops\n}").expect_err("not JSON");
        assert_eq!(error.to_string(), "not JSON at line 3, column 3: key must be a string");
    }

    #[test]
    fn a_file_of_nothing_but_brackets_is_survived() {
        let deep = "[".repeat(1_000_000);
        assert!(matches!(records(&deep), Err(ImportError::Syntax { .. })));
        let closed = format!("{deep}{}", "]".repeat(1_000_000));
        assert_eq!(records(&closed).map(|found| found.len()), Ok(1));
    }
}
