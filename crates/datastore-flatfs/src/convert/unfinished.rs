//! What `SHARDING` says while values are on their way from one layout to another.

use std::path::Path;

use datastore_files::Tree;
use interface_datastore::{Error, ErrorKind, Operation};

use crate::sharding::{self, Sharding};

/// How the text starts. go-ds-flatfs refuses what does not start with `/repo/flatfs/shard/`, and shows it.
const RESHARDING: &str = "/repo/flatfs/resharding/v1";
const ADOPTING: &str = "/repo/flatfs/adopting/v1";
const REMEDY: &str = "finish it with: datastore flatfs resume DIR";

/// A conversion in place that was begun and is not finished: a value lies where the old layout has it or where the
/// new one has it, never in both places and never in neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unfinished {
    pub(crate) origin: Origin,
    pub(crate) from: Sharding,
    pub(crate) to: Sharding,
}

/// Whose layout the old one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Flatfs,
    /// npm `ShardingDatastore`, whose functions see the key with its slash.
    JavaScript,
}

impl Unfinished {
    pub(crate) fn text(&self) -> String {
        let start = match self.origin {
            Origin::Flatfs => RESHARDING,
            Origin::JavaScript => ADOPTING,
        };
        let (from, to) = (self.from.identifier(), self.to.identifier());
        format!("{start} {from} {to}\n{REMEDY}\n")
    }

    /// Reads the text of a `SHARDING` file; none if it does not tell of an unfinished conversion.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.lines().next()?.split(' ');
        let origin = match words.next()? {
            RESHARDING => Origin::Flatfs,
            ADOPTING => Origin::JavaScript,
            _ => return None,
        };
        let (from, to) = (words.next()?, words.next()?);
        Some(Self {
            origin,
            from: Sharding::parse(from).ok()?,
            to: Sharding::parse(to).ok()?,
        })
    }

    /// The error for who wants to open the directory as a store.
    pub(crate) fn refusal(&self, tree: &Tree) -> Error {
        let (from, to) = (self.from.shard, self.to.shard);
        let path = tree.path().display();
        Error::new(ErrorKind::Foreign, Operation::Open)
            .with_path(tree.full(Path::new(sharding::FILE)))
            .with_detail(format!(
                "its values are half way from {from} to {to}, because a conversion was interrupted"
            ))
            .with_remedy(format!(
                "finish it with convert::resume, or: datastore flatfs resume {path}"
            ))
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, Unfinished};
    use crate::sharding::Sharding;
    use crate::{Names, ShardError, ShardFunction};

    #[test]
    fn texts_are_read_back_and_refused_by_go() {
        let sharding = |shard: &str, names| Sharding {
            shard: ShardFunction::from_short(shard).unwrap(),
            names,
        };
        for origin in [Origin::Flatfs, Origin::JavaScript] {
            for names in [Names::Flatfs, Names::Escaped] {
                let unfinished = Unfinished {
                    origin,
                    from: sharding("prefix/3", names),
                    to: sharding("next-to-last/2", names),
                };
                let text = unfinished.text();
                assert_eq!(Unfinished::parse(&text), Some(unfinished));
                let as_go_reads_it = text.parse::<ShardFunction>();
                assert!(
                    matches!(as_go_reads_it, Err(ShardError::Prefix(_))),
                    "{text}"
                );
            }
        }
        for other in [
            "",
            "/repo/flatfs/shard/v1/prefix/3",
            "/repo/flatfs/resharding/v1 a b",
        ] {
            assert_eq!(Unfinished::parse(other), None, "{other}");
        }
    }
}
