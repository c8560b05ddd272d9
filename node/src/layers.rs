//! Settings as text from three places: flags, `ROLLBOOK_*` variables and a TOML file.
//!
//! Invariants:
//! * every key exists in all three places under the same name
//! * every text remembers where it came from, so that an error can say what to correct
//! * the first place that mentions a key decides it; lists are replaced, never joined

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use toml::Spanned;

/// A setting that `start` knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// As in the file; the flag is `--name`.
    pub(crate) name: &'static str,
    /// Whether it may be given several times.
    pub(crate) list: bool,
    /// Whether it is true or false.
    switch: bool,
}

impl Key {
    const fn one(name: &'static str) -> Self {
        Self { name, list: false, switch: false }
    }

    const fn list(name: &'static str) -> Self {
        Self { name, list: true, switch: false }
    }

    const fn switch(name: &'static str) -> Self {
        Self { name, list: false, switch: true }
    }

    /// The environment variable of this key.
    pub(crate) fn variable(&self) -> String {
        format!("ROLLBOOK_{}", self.name.to_uppercase().replace('-', "_"))
    }
}

/// Every setting of `start`, in the order of its help.
pub(crate) const KEYS: &[Key] = &[
    Key::one("network"),
    Key::list("authority"),
    Key::list("retired"),
    Key::one("data-dir"),
    Key::list("listen"),
    Key::list("external-address"),
    Key::one("reach"),
    Key::switch("mdns"),
    Key::one("http"),
    Key::one("http-token-file"),
    Key::list("http-allow-origin"),
    Key::one("http-rate"),
    Key::switch("masa-api"),
    Key::list("capability"),
    Key::one("agent"),
    Key::one("sync-interval"),
    Key::one("key-type"),
    Key::one("admission"),
    Key::one("allow-list"),
    Key::list("grant-name"),
    Key::one("max-connections"),
    Key::switch("fresh"),
];

/// A text and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// The value as it was written.
    pub(crate) text: String,
    /// A flag, a variable, or a key with its file and line.
    pub(crate) origin: Origin,
}

/// Where a text was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag(&'static str),
    Variable(String),
    File { path: String, line: usize, key: &'static str },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => f.write_str(name),
            Self::File { path, line, key } => write!(f, "{path} line {line}: {key}"),
        }
    }
}

/// What one place says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layer(BTreeMap<&'static str, Vec<Given>>);

impl Layer {
    /// Adds what was given with a flag; no text means that the flag was not given.
    pub(crate) fn flag(&mut self, name: &'static str, texts: impl IntoIterator<Item = String>) {
        debug_assert!(KEYS.iter().any(|key| key.name == name), "{name} is a known key");
        let given: Vec<_> =
            texts.into_iter().map(|text| Given { text, origin: Origin::Flag(name) }).collect();
        if !given.is_empty() {
            self.0.insert(name, given);
        }
    }

    /// Reads the variables. An empty one counts as unset, and lists are separated by commas.
    pub(crate) fn variables(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let mut layer = Self::default();
        for key in KEYS {
            let name = key.variable();
            let Some(text) = lookup(&name).filter(|text| !text.trim().is_empty()) else {
                continue;
            };
            let given = |text: &str| Given {
                text: text.trim().to_owned(),
                origin: Origin::Variable(name.clone()),
            };
            let texts = if key.list {
                text.split(',').filter(|part| !part.trim().is_empty()).map(given).collect()
            } else {
                vec![given(&text)]
            };
            layer.0.insert(key.name, texts);
        }
        layer
    }

    /// Reads a TOML file; an error names the line.
    pub(crate) fn file(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {shown}"))?;
        Self::toml(&shown, &text)
    }

    /// Parses a file's text; `path` is for its errors.
    pub(crate) fn toml(path: &str, text: &str) -> Result<Self> {
        type Table = BTreeMap<Spanned<String>, Spanned<toml::Value>>;
        let line_of = |offset: usize| 1 + text[..offset].matches('\n').count();
        let table: Table = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(span.start));
            anyhow!("{path} line {line}: {}", one_line(error.message()))
        })?;
        let mut layer = Self::default();
        for (name, value) in table {
            let line = line_of(name.span().start);
            let Some(key) = KEYS.iter().find(|key| key.name == name.get_ref()) else {
                let known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
                bail!(
                    "{path} line {line}: unknown key {:?}; the keys are {}",
                    name.get_ref(),
                    known.join(", ")
                );
            };
            let texts = texts_of(key, value.into_inner())
                .with_context(|| format!("{path} line {line}: {}", key.name))?;
            let given = texts.into_iter().map(|text| Given {
                text,
                origin: Origin::File { path: path.to_owned(), line, key: key.name },
            });
            layer.0.insert(key.name, given.collect());
        }
        Ok(layer)
    }
}

/// The three places, the strongest first.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    pub(crate) flags: Layer,
    pub(crate) variables: Layer,
    pub(crate) file: Layer,
}

impl Layers {
    /// The one value of a key, if any place mentions it.
    pub(crate) fn one<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>> {
        Ok(self.many(key, parse)?.and_then(|mut values| values.pop()))
    }

    /// All values of a key from the strongest place that mentions it.
    pub(crate) fn many<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>> {
        debug_assert!(KEYS.iter().any(|known| known.name == key), "{key} is a known key");
        let found = [&self.flags, &self.variables, &self.file]
            .into_iter()
            .find_map(|layer| layer.0.get(key));
        let parse_given = |given: &Given| {
            parse(&given.text).map_err(|reason| anyhow!("{}: {reason}", given.origin))
        };
        found.map(|given| given.iter().map(parse_given).collect()).transpose()
    }
}

fn texts_of(key: &Key, value: toml::Value) -> Result<Vec<String>> {
    match value {
        toml::Value::Array(values) if key.list => values.into_iter().map(text_of).collect(),
        toml::Value::Array(_) => bail!("takes one value, not a list"),
        toml::Value::Boolean(switch) if key.switch => Ok(vec![switch.to_string()]),
        value => Ok(vec![text_of(value)?]),
    }
}

fn text_of(value: toml::Value) -> Result<String> {
    match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        other => bail!("takes a text in quotes, not a value of type {}", other.type_str()),
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(text: &str) -> Result<String, String> {
        Ok(text.to_owned())
    }

    fn layers(flag: Option<&str>, variable: Option<&str>, file: Option<&str>) -> Layers {
        let mut layers = Layers::default();
        layers.flags.flag("network", flag.map(str::to_owned));
        layers.variables = Layer::variables(|name| {
            (name == "ROLLBOOK_NETWORK").then(|| variable.map(str::to_owned)).flatten()
        });
        let text = file.map(|name| format!("network = \"{name}\"")).unwrap_or_default();
        layers.file = Layer::toml("node.toml", &text).expect("parsed");
        layers
    }

    #[test]
    fn a_flag_wins_over_a_variable_over_the_file() {
        let network = |flag, variable, file| {
            layers(flag, variable, file).one("network", keep).expect("parsed")
        };
        for flag in [None, Some("flag")] {
            for variable in [None, Some("variable")] {
                for file in [None, Some("file")] {
                    let expected = flag.or(variable).or(file).map(str::to_owned);
                    assert_eq!(network(flag, variable, file), expected);
                }
            }
        }
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let layers = layers(None, Some("  "), Some("file"));
        assert_eq!(layers.one("network", keep).expect("parsed").as_deref(), Some("file"));
    }

    #[test]
    fn a_list_is_replaced_and_not_joined() {
        let file = Layer::toml("f", "capability = [\"a\", \"b\"]").expect("parsed");
        let mut layers = Layers { file, ..Layers::default() };
        let names = |layers: &Layers| layers.many("capability", keep).expect("parsed");
        assert_eq!(names(&layers), Some(vec!["a".into(), "b".into()]));
        layers.variables =
            Layer::variables(|name| (name == "ROLLBOOK_CAPABILITY").then(|| "c, d,".to_owned()));
        assert_eq!(names(&layers), Some(vec!["c".into(), "d".into()]));
        layers.flags.flag("capability", ["e".to_owned()]);
        assert_eq!(names(&layers), Some(vec!["e".into()]));
    }

    #[test]
    fn an_empty_list_in_the_file_is_a_list() {
        let layers =
            Layers { file: Layer::toml("f", "listen = []").expect("parsed"), ..Layers::default() };
        assert_eq!(layers.many("listen", keep).expect("parsed"), Some(Vec::new()));
    }

    #[test]
    fn one_text_stands_for_a_list_of_one() {
        let layer = Layer::toml("f", "listen = \"/ip4/127.0.0.1/tcp/0\"").expect("parsed");
        let layers = Layers { file: layer, ..Layers::default() };
        assert_eq!(layers.many("listen", keep).expect("parsed").map(|all| all.len()), Some(1));
    }

    #[test]
    fn an_unknown_key_is_reported_with_its_line() {
        let error = Layer::toml("node.toml", "network = \"a\"\n\nlisen = []\n").expect_err("bad");
        let text = format!("{error:#}");
        assert!(
            text.starts_with("node.toml line 3: unknown key \"lisen\"; the keys are"),
            "{text}"
        );
    }

    #[test]
    fn broken_toml_is_one_line_with_its_number() {
        for (text, line) in [("network = \"a\"\nhttp = \n", 2), ("[x", 1), ("a = 1\na = 2\n", 2)] {
            let error = format!("{:#}", Layer::toml("f", text).expect_err("bad"));
            assert!(error.starts_with(&format!("f line {line}: ")), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_reported_with_its_key() {
        for text in ["network = true", "network = [\"a\"]", "listen = [1.5]", "[network]"] {
            let error = format!("{:#}", Layer::toml("f", text).expect_err("bad"));
            assert!(error.contains(" line 1: "), "{error}");
            assert!(error.contains("takes"), "{error}");
        }
    }

    #[test]
    fn a_bad_value_names_the_place_it_came_from() {
        let refuse = |_: &str| Err::<(), _>("no good".to_owned());
        let text =
            |layers: Layers| format!("{:#}", layers.one("network", refuse).expect_err("refused"));
        assert_eq!(text(layers(Some("x"), None, None)), "--network: no good");
        assert_eq!(text(layers(None, Some("x"), None)), "ROLLBOOK_NETWORK: no good");
        assert_eq!(text(layers(None, None, Some("x"))), "node.toml line 1: network: no good");
    }
}
