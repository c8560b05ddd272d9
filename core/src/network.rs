//! The name of a network: part of every topic, protocol and signature.

use core::{fmt, str::FromStr};

use heapless::String;

use crate::limits::NETWORK_SIZE_MAX;

/// The name of a network: 1 to 32 characters of `a-z`, `0-9` and `-`.
///
/// It is in what is signed, so a statement of one network means nothing in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network(String<NETWORK_SIZE_MAX>);

/// The text is no network name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkError;

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a network's name is 1 to {NETWORK_SIZE_MAX} characters of a-z, 0-9 and -")
    }
}

impl core::error::Error for NetworkError {}

impl Network {
    /// No name, until there is one.
    pub(crate) const NONE: Network = Network(String::new());

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(name: &str) -> Result<Network, NetworkError> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if name.is_empty() || !name.bytes().all(allowed) {
            return Err(NetworkError);
        }
        String::try_from(name).map(Network).map_err(|_too_long| NetworkError)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_lower_case_words() {
        assert!("main".parse::<Network>().is_ok());
        assert!("test-2".parse::<Network>().is_ok());
        for name in ["", "Main", "a/b", "a b", "é", "123456789012345678901234567890123"] {
            assert_eq!(name.parse::<Network>(), Err(NetworkError), "{name:?}");
        }
    }
}
