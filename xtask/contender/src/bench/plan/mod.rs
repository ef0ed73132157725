//! Who is measured by what.

mod engines;
mod stores;
mod targets;

pub(crate) use self::targets::Target;

/// All groups, in the order in which they are measured and shown.
pub(crate) fn groups() -> impl Iterator<Item = &'static Group> + Clone {
    stores::GROUPS.iter().chain(engines::GROUPS)
}

/// Contenders that are compared with each other.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) table: Table,
    pub(crate) contenders: &'static [Contender],
    pub(crate) workloads: &'static [&'static str],
    /// How keys are laid out, as the command line has it.
    pub(crate) layout: &'static str,
    /// Whether deletions are measured, too.
    pub(crate) deletes: bool,
    /// How many small values, and how many blocks.
    pub(crate) small: usize,
    pub(crate) blocks: usize,
}

pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) backend: &'static str,
    pub(crate) column: Column,
    pub(crate) program: Program,
    /// Workloads that it does not have.
    pub(crate) skips: &'static [&'static str],
}

/// The columns of the tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Column {
    /// What the others are compared with.
    Raw,
    /// Our engine, alone.
    Engine,
    Ours,
    Inline,
    ObjectStore,
    JavaScript,
    Go,
}

/// The tables, each with columns of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Table {
    Stores,
    Engines,
}

impl Table {
    pub(crate) const ALL: [Self; 2] = [Self::Stores, Self::Engines];

    /// The columns with their titles.
    pub(crate) fn columns(self) -> &'static [(Column, &'static str)] {
        match self {
            Self::Stores => &[
                (Column::Raw, "raw limit"),
                (Column::Ours, "ours"),
                (Column::Inline, "ours, inline"),
                (Column::ObjectStore, "object_store"),
                (Column::JavaScript, "JavaScript"),
                (Column::Go, "Go"),
            ],
            Self::Engines => &[
                (Column::Raw, "raw engine"),
                (Column::Engine, "our engine"),
                (Column::Ours, "KvDatastore"),
                (Column::JavaScript, "datastore-level"),
            ],
        }
    }

    /// What the times of a column are divided by, and how that is named in a cell.
    pub(crate) fn reference(self, column: Column) -> (Column, &'static str) {
        match (self, column) {
            (Self::Engines, Column::JavaScript) => (Column::Ours, " KvDatastore"),
            _ => (Column::Raw, ""),
        }
    }
}

/// What a contender is run by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Own,
    JavaScript,
    Go,
    /// None: the contender of the column ours prints its lines, too.
    WithOurs,
}

const fn own(name: &'static str, column: Column) -> Contender {
    Contender {
        name,
        backend: name,
        column,
        program: Program::Own,
        skips: &[],
    }
}

const fn javascript(name: &'static str, backend: &'static str) -> Contender {
    Contender {
        name,
        backend,
        column: Column::JavaScript,
        program: Program::JavaScript,
        skips: &["put-small-c", "put-block-c", "miss-first", "miss-again"],
    }
}

const fn go(name: &'static str, backend: &'static str) -> Contender {
    Contender {
        name,
        backend,
        column: Column::Go,
        program: Program::Go,
        skips: &[],
    }
}
