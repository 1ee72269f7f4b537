//! YAML of a key's value, and the place of what is wrong with it.
//! It must not grow with the text beyond a bound: size, depth and nodes are counted, aliases are not followed.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;

/// Stands in each sentence about a word that is passed over.
pub(super) const PASSED_OVER: &str = " is passed over: ";

/// The longest value of a key that is read, in bytes.
const VALUE_BYTES_MAX: usize = 256 * 1024;
/// Nodes that a value may become.
const NODES_MAX: usize = 20_000;
/// How deep they may stand.
const DEPTH_MAX: usize = 16;
/// The longest sentence about a fault, in characters.
const WORDS_MAX: usize = 400;

/// What is wrong with a value, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Line and column, counted from one.
    place: Option<(u64, u64)>,
    words: String,
}

impl Fault {
    /// About the whole value.
    pub(super) fn whole(words: impl Into<String>) -> Self {
        Self { place: None, words: words.into() }
    }

    /// About a place in it.
    pub(super) fn at<T>(node: &Spanned<T>, words: impl Into<String>) -> Self {
        let place = node.referenced;
        Self { place: Some((place.line(), place.column())), words: words.into() }
    }

    pub(super) fn at_place(line: usize, column: usize, words: impl Into<String>) -> Self {
        Self { place: Some((line as u64, column as u64)), words: words.into() }
    }
}

/// `line 3, column 5: what is wrong`.
impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place {
            write!(formatter, "line {line}, column {column}: ")?;
        }
        let end = self.words.char_indices().nth(WORDS_MAX).map(|(end, _)| end);
        match end.and_then(|end| self.words.get(..end)) {
            Some(beginning) => write!(formatter, "{beginning}…"),
            None => formatter.write_str(&self.words),
        }
    }
}

/// Refuses a value that is too long to be looked at.
pub(super) fn check_length(text: &str) -> Result<(), Fault> {
    if text.len() <= VALUE_BYTES_MAX {
        return Ok(());
    }
    Err(Fault::whole(format!("{} bytes; a value has at most {VALUE_BYTES_MAX}", text.len())))
}

/// Reads a value.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    check_length(text)?;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: NODES_MAX, max_depth: DEPTH_MAX, max_aliases: 0, max_anchors: 0 },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| fault(&error))
}

fn fault(error: &serde_saphyr::Error) -> Fault {
    // The library's message brings an excerpt of its own below its first line.
    let words = error.without_snippet().to_string();
    let words = words.lines().next().unwrap_or_default();
    let Some(location) = error.location() else { return Fault::whole(words) };
    let place = (location.line(), location.column());
    // The place is told by itself.
    let told = format!(" at line {}, column {}", place.0, place.1);
    Fault { place: Some(place), words: words.strip_suffix(&told).unwrap_or(words).to_owned() }
}

/// A map whose known members are read, and whose others are named: SDKs pass them over, so they are told and no fault.
macro_rules! members {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $word:literal => $member:ident: $kind:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name {
            $($(#[$member_doc])* pub(super) $member: Option<serde_saphyr::Spanned<$kind>>,)+
            /// Names of members that nobody knows.
            pub(super) unknown: Vec<String>,
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members;

                impl<'de> serde::de::Visitor<'de> for Members {
                    type Value = $name;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        formatter.write_str(concat!("a map with ", $($word, ", ",)+ "…"))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut all = $name::default();
                        while let Some(word) = map.next_key::<String>()? {
                            match word.as_str() {
                                $($word => all.$member = map.next_value()?,)+
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                    all.unknown.push(word);
                                }
                            }
                        }
                        Ok(all)
                    }
                }

                deserializer.deserialize_map(Members)
            }
        }
    };
}
pub(super) use members;
