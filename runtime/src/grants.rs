//! The names of grants. On the wire a grant is a number; names are each node's own.

use crate::error::CommandError;

/// A grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantId {
    Staked,
    Validator,
    /// One of the application's, by its number.
    App(u8),
}

/// The names that the application gave to its grants.
#[derive(Clone, Debug, Default)]
pub(crate) struct GrantNames(Vec<String>);

impl GrantNames {
    /// The grant of that name; `app3` names number 3 whatever its name.
    pub(crate) fn of_name(&self, name: &str) -> Result<GrantId, CommandError> {
        match name {
            "staked" => return Ok(GrantId::Staked),
            "validator" => return Ok(GrantId::Validator),
            _ => {}
        }
        let named = self.0.iter().position(|known| known == name);
        let number = match named {
            Some(index) => u8::try_from(index).ok(),
            None => name.strip_prefix("app").and_then(|number| number.parse().ok()),
        };
        number.map(GrantId::App).ok_or_else(|| CommandError::UnknownGrant(name.to_owned()))
    }
}
