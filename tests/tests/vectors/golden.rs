//! The files: written on request, compared otherwise.

use std::{fmt, fs, path::PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error};

const WRITE: &str = "ROLLBOOK_WRITE_VECTORS";

/// Compares `computed` with the file `name`, or writes the file where that is asked for. Gives
/// back what the file says, for the checks that start from it.
pub(crate) fn golden<T: Serialize + DeserializeOwned>(name: &str, computed: &T) -> T {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    let mut text = serde_json::to_string_pretty(computed).expect("vectors have a JSON form");
    text.push('\n');
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, &text).expect("the folder of the vectors can be written to");
    }
    let file = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; {WRITE}=1 writes it", path.display()));
    if let Some(line) = file.lines().zip(text.lines()).position(|(file, computed)| file != computed)
    {
        panic!(
            "{} differs from what is computed, first in line {}; a format that changes on purpose \
             is written with {WRITE}=1",
            path.display(),
            line + 1
        );
    }
    assert_eq!(file.len(), text.len(), "{} is longer or shorter than computed", path.display());
    serde_json::from_str(&file).expect("what was written can be read")
}

/// Bytes, as hexadecimal digits in JSON.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

impl Hex {
    pub(crate) fn of(bytes: &[u8]) -> Hex {
        Hex(bytes.to_vec())
    }

    /// For what has a fixed size.
    pub(crate) fn array<const N: usize>(&self) -> [u8; N] {
        self.0[..].try_into().expect("a vector's field has the right size")
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hex, D::Error> {
        let text = String::deserialize(deserializer)?;
        from_hex(&text).map(Hex).ok_or_else(|| D::Error::custom("not hexadecimal digits"))
    }
}

/// The bytes that `text` stands for.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
