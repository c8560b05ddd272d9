//! The names of grants. On the wire a grant is a number; names are each node's own.

use rollbook_core::{Grant, Grants};

use crate::error::{CommandError, StartError};

const STAKED: &str = "staked";
const VALIDATOR: &str = "validator";
/// Before the number of a grant that has no name.
const UNNAMED: &str = "app";
const NAME_SIZE_MAX: usize = 32;

/// The names that the application gave to its grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GrantNames(Vec<String>);

impl GrantNames {
    /// Checks the names: each means one grant, and none of another sort.
    pub(crate) fn new(names: Vec<String>) -> Result<GrantNames, StartError> {
        if names.len() > usize::from(Grant::APP_COUNT) {
            let count_max = Grant::APP_COUNT;
            return Err(StartError::Config(format!("at most {count_max} grants can be named")));
        }
        for (index, name) in names.iter().enumerate() {
            let built_in = name == STAKED || name == VALIDATOR || unnamed(name).is_some();
            if built_in || name.is_empty() || name.len() > NAME_SIZE_MAX {
                return Err(StartError::Config(format!(
                    "`{name}` cannot name a grant: not staked, validator, app0 and so on, nor \
                     longer than {NAME_SIZE_MAX} characters"
                )));
            }
            if names[..index].contains(name) {
                return Err(StartError::Config(format!("two grants are named `{name}`")));
            }
        }
        Ok(GrantNames(names))
    }

    /// The grant of that name; `app3` is number 3 whatever its name.
    pub(crate) fn of_name(&self, name: &str) -> Result<Grant, CommandError> {
        let named = || {
            let index = self.0.iter().position(|known| known == name)?;
            Grant::app(u8::try_from(index).ok()?)
        };
        let grant = match name {
            STAKED => Some(Grant::STAKED),
            VALIDATOR => Some(Grant::VALIDATOR),
            _ => named().or_else(|| unnamed(name)),
        };
        grant.ok_or_else(|| CommandError::UnknownGrant(name.to_owned()))
    }

    /// The names of a set of grants.
    pub(crate) fn names(&self, grants: Grants) -> Vec<String> {
        grants.iter().map(|grant| self.name(grant)).collect()
    }

    pub(crate) fn name(&self, grant: Grant) -> String {
        match grant.app_index() {
            Some(index) => match self.0.get(usize::from(index)) {
                Some(name) => name.clone(),
                None => format!("{UNNAMED}{index}"),
            },
            None if grant == Grant::STAKED => STAKED.to_owned(),
            None => VALIDATOR.to_owned(),
        }
    }
}

/// The grant that is called by its number.
fn unnamed(name: &str) -> Option<Grant> {
    name.strip_prefix(UNNAMED)?.parse().ok().and_then(Grant::app)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Result<GrantNames, StartError> {
        GrantNames::new(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn every_grant_has_a_name_that_leads_back_to_it() {
        let names = names(&["indexer", "relay"]).expect("they are names");
        for grant in Grant::all() {
            assert_eq!(names.of_name(&names.name(grant)), Ok(grant));
        }
        assert_eq!(names.of_name("relay"), names.of_name("app1"));
        assert_eq!(names.of_name("staked"), Ok(Grant::STAKED));
        for unknown in ["", "Staked", "app", "app13", "app-1", "other"] {
            let error = CommandError::UnknownGrant(unknown.to_owned());
            assert_eq!(names.of_name(unknown), Err(error));
        }
    }

    #[test]
    fn names_that_mean_something_else_are_refused() {
        for bad in [&["staked"][..], &["app3"], &[""], &["a", "a"], &["x"; 14]] {
            assert!(matches!(names(bad), Err(StartError::Config(_))), "{bad:?}");
        }
    }
}
