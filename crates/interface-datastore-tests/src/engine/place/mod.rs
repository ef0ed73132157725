//! Where an engine lies: what it says of the file or folder that it is to open.

mod cases;
mod damage;

use std::{
    fs,
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
};

use datastore_engine::{BoxFuture, Engine, Error, ErrorKind, Result};

use crate::{Failure, Outcome, Verdict, failure::ensure};

type Open = Arc<dyn Fn(PathBuf, bool) -> BoxFuture<'static, Result<Arc<dyn Engine>>> + Send + Sync>;

/// How an engine opens a file or folder, for [`engine_place_conformance!`](crate::engine_place_conformance).
#[derive(Clone)]
pub struct EnginePlace {
    open: Open,
    checks_reads: bool,
}

impl EnginePlace {
    /// `open` takes the path, and whether a database that is missing is created.
    pub fn new<E: Engine, F>(open: impl Fn(PathBuf, bool) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<E>> + Send + 'static,
    {
        let open: Open = Arc::new(move |path, create| {
            let opened = open(path, create);
            Box::pin(async move { Ok(Arc::new(opened.await?) as Arc<dyn Engine>) })
        });
        Self {
            open,
            checks_reads: true,
        }
    }

    /// The engine trusts what it reads: of a file that was changed behind its back it may give values that nobody stored. It
    /// still must not panic, nor give entries that are too many.
    #[must_use]
    pub fn trusting_reads(mut self) -> Self {
        self.checks_reads = false;
        self
    }

    async fn open(&self, path: &Path, create: bool) -> Result<Arc<dyn Engine>> {
        (self.open)(path.to_owned(), create).await
    }

    /// Opens what must not open; the error, which names the path.
    async fn refusal(&self, path: &Path, create: bool, what: &str) -> Outcome<Error> {
        let error = match self.open(path, create).await {
            Ok(_) => return Err(Failure::new(format!("{what} was opened"))),
            Err(error) => error,
        };
        ensure!(
            error.path() == Some(path),
            "the error about {what} does not name its path: {error:?}"
        );
        Ok(error)
    }

    async fn refuses(&self, path: &Path, create: bool, kind: ErrorKind, what: &str) -> Outcome {
        let error = self.refusal(path, create, what).await?;
        ensure!(
            error.kind() == kind,
            "{what} gives {error:?}, and should give {kind:?}"
        );
        let needs_remedy = kind != ErrorKind::NotFound;
        ensure!(
            error.remedy().is_some() || !needs_remedy,
            "the error about {what} does not say what to do: {error:?}"
        );
        Ok(())
    }
}

/// Makes one `#[test]` per rule about the file or folder of an engine, in a module of the given name. The second argument gives an
/// [`EnginePlace`](crate::engine::EnginePlace).
///
/// What is missing, another program's, held by somebody else, read-only or damaged must be told by a typed error that names the
/// path and says what to do, and nothing that is there may be harmed.
///
/// `block_on` names a function that runs a future, for an engine that wants a runtime.
#[macro_export]
macro_rules! engine_place_conformance {
    ($name:ident, $place:expr $(,)?) => {
        $crate::engine_place_conformance!($name, $place, block_on = $crate::block_on);
    };
    ($name:ident, $place:expr, block_on = $block_on:expr $(,)?) => {
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports, reason = "what is given may name all it needs in full")]
            use super::*;

            $crate::__engine_place_tests! {
                ($place, $block_on) missing foreign one_holder lock_ends read_only damaged
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __engine_place_tests {
    (($place:expr, $block_on:expr) $($case:ident)*) => {$(
        #[test]
        fn $case() {
            $crate::engine::run_engine_place_test(stringify!($case), $place, $block_on);
        }
    )*};
}

/// Runs one case of [`engine_place_conformance!`](crate::engine_place_conformance) and tells what was found.
///
/// # Panics
/// If the engine breaks the case's rule, or there is no such case.
pub fn run_engine_place_test(
    case: &str,
    place: EnginePlace,
    block_on: impl crate::BlockOn,
) -> Verdict {
    let name = case.to_owned();
    let outcome = crate::run::run_to_end(&block_on, async move {
        match name.as_str() {
            "missing" => cases::missing(&place).await,
            "foreign" => cases::foreign(&place).await,
            "one_holder" => cases::one_holder(&place).await,
            "lock_ends" => cases::lock_ends(&place).await,
            "read_only" => cases::read_only(&place).await,
            "damaged" => damage::damaged(&place).await,
            _ => Err(Failure::new("there is no such case")),
        }
    });
    match outcome.and_then(|outcome| outcome) {
        Ok(verdict) => verdict,
        Err(failure) => match failure.missing() {
            Some(missing) => Verdict::NotProven(missing.to_owned()),
            None => panic!("{case}: {failure}"),
        },
    }
}

/// All that is below a folder, or the one file, with paths relative to it.
fn files_below(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !root.is_dir() {
        return Ok(vec![PathBuf::new()]);
    }
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.extend(path.strip_prefix(root).map(Path::to_owned));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// A path below another one; itself if `name` is empty.
fn below(root: &Path, name: &Path) -> PathBuf {
    if name.as_os_str().is_empty() {
        root.to_owned()
    } else {
        root.join(name)
    }
}

/// For files of the harness' own.
impl From<std::io::Error> for Failure {
    #[track_caller]
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("the harness' own files: {error}"))
    }
}
