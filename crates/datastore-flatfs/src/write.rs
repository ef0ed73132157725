//! Writing single values.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use datastore_files::{
    Blocking, Change, Changed, Contents, FileError, Kind, Metadata, Prepared, Reason, Replace,
    Safety, TempFile, Wait,
};
use interface_datastore::{
    Condition, DeleteOptions, Error, ErrorKind, Key, Operation, PutOptions, Result, Version,
    Written, abortable,
};

use crate::failure::{Failure, file_error};
use crate::names::Place;
use crate::read::version_of;
use crate::store::{FlatfsDatastore, Inner};

/// What became of a change of a file.
pub(crate) type Outcome = Result<Changed, FileError>;

/// Values larger than this are written and synced before they join others that share a sync, who need not wait for them.
const MAX_SHARED: usize = 1 << 20;
/// How often a put is tried again that another program of the directory got in the way of.
const RETRIES: usize = 10;

impl FlatfsDatastore {
    pub(crate) async fn put(
        &self,
        key: &Key,
        value: Bytes,
        options: PutOptions,
    ) -> Result<Written> {
        let inner = &self.inner;
        let expires = options.expires.is_some();
        let safety = inner.check_write(Operation::Put, options.durability, expires)?;
        let place = inner.place(Operation::Put, key)?;
        let put = Put::new(key, place, options.condition);
        let work = self.publish(put, Contents::Bytes(value), safety);
        abortable(options.abort.as_ref(), Operation::Put, Some(key), work).await
    }

    /// Gives a key its value.
    pub(crate) async fn publish(
        &self,
        put: Put,
        contents: Contents,
        safety: Safety,
    ) -> Result<Written> {
        let inner = &self.inner;
        let pass = inner.gates.pass(&put.key).await;
        inner.check_open(Operation::Put)?;
        if let Some(written) = put.done_already(inner, &contents, safety) {
            return Ok(written);
        }
        let store = Arc::clone(inner);
        if safety != Safety::Power {
            let step = move || {
                let done = put.apply(&store, contents, safety);
                drop(pass);
                done
            };
            return inner.hop(Operation::Put, step).await?;
        }
        let again = bytes_of(&contents);
        let contents = self.written_ahead(&put, contents).await?;
        let prepare = move || {
            let (change, before) = match put.prepare(&store, contents)? {
                Step::Done(written) => return Err(Ok(written)),
                Step::Change(change, before) => (change, before),
            };
            let conclude = Box::new(move |outcome| {
                let _pass = pass;
                match again {
                    Some(bytes) if is_lost(&outcome) => {
                        put.apply(&store, Contents::Bytes(bytes), Safety::Power)
                    }
                    _ => put.conclude(&store, outcome, before),
                }
            });
            Ok(Prepared { change, conclude })
        };
        self.commit(Operation::Put, prepare).await
    }

    /// Writes and syncs a large value, unless the key has it already.
    async fn written_ahead(&self, put: &Put, contents: Contents) -> Result<Contents> {
        let bytes = match contents {
            Contents::Bytes(bytes) if bytes.len() > MAX_SHARED => bytes,
            other => return Ok(other),
        };
        let store = Arc::clone(&self.inner);
        let (key, place) = (put.key.clone(), put.place.clone());
        let step = move || {
            let before = store.look(&key, &place, Some(&bytes), Wait::Yes)?;
            if matches!(before, Before::Same(_)) {
                return Ok(Contents::Bytes(bytes));
            }
            let temp = store.tree.prepare(&bytes).and_then(TempFile::synced)?;
            Ok(Contents::Temp(temp))
        };
        let written = self.inner.hop(Operation::Put, step).await?;
        written.map_err(|failure: Failure| failure.during(Operation::Put, Some(&put.key)))
    }

    pub(crate) async fn delete(&self, key: &Key, options: DeleteOptions) -> Result<()> {
        let inner = &self.inner;
        let safety = inner.check_write(Operation::Delete, options.durability, false)?;
        if options.condition == Condition::IfAbsent {
            let error = Error::new(ErrorKind::InvalidArgument, Operation::Delete).with_key(key);
            return Err(error.with_detail("only what is there can be deleted"));
        }
        let work = self.unpublish(key, options.condition, safety);
        abortable(options.abort.as_ref(), Operation::Delete, Some(key), work).await
    }

    async fn unpublish(&self, key: &Key, condition: Condition, safety: Safety) -> Result<()> {
        let inner = &self.inner;
        let Some(place) = inner.sharding.place(key) else {
            // There can be no such value.
            return require(condition.holds(None), Operation::Delete, key);
        };
        let pass = inner.gates.pass(key).await;
        inner.check_open(Operation::Delete)?;
        let store = Arc::clone(inner);
        let check = move || {
            let key = pass.key();
            if !condition.is_none() {
                store.settle_doubt(Operation::Delete, key, &place)?;
            }
            let checked = store.check_condition(Operation::Delete, &condition, key, &place);
            checked.map(|()| (removal(&place), store, pass, place))
        };
        if safety == Safety::Power {
            let prepare = move || {
                let (change, store, pass, place) = check().map_err(Err)?;
                let conclude =
                    Box::new(move |outcome| store.concluded_delete(pass.key(), &place, outcome));
                Ok(Prepared { change, conclude })
            };
            return self.commit(Operation::Delete, prepare).await.map(drop);
        }
        let step = move || {
            let (change, store, pass, place) = check()?;
            let outcome = store.apply_one(change, safety);
            store
                .concluded_delete(pass.key(), &place, outcome)
                .map(drop)
        };
        inner.hop(Operation::Delete, step).await?
    }

    /// Has a change made durable together with those of others.
    async fn commit(
        &self,
        operation: Operation,
        prepare: impl FnOnce() -> Result<Prepared<Result<Written>>, Result<Written>> + Send + 'static,
    ) -> Result<Written> {
        let inner = &self.inner;
        // Syncing takes far longer than a hop, and callers on one thread could not share it.
        let blocking = Blocking::Never;
        let submitted = inner
            .durable
            .submit(blocking, inner.tree.path(), Box::new(prepare))
            .await;
        submitted.map_err(|error| file_error(error, operation, None))?
    }
}

/// What a put found where its value belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing, as far as is known.
    Nothing,
    /// The very value.
    Same(Metadata),
    /// Another value of this length.
    Other(u64),
}

impl Before {
    fn len(self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Same(file) => file.len,
            Self::Other(len) => len,
        }
    }
}

/// The value of a put that can be done again.
fn bytes_of(contents: &Contents) -> Option<Bytes> {
    match contents {
        Contents::Bytes(bytes) => Some(bytes.clone()),
        Contents::Temp(_) => None,
    }
}

/// Whether another program took away what a put was about to use: go-ds-flatfs empties the folder of temporary files when it
/// opens the directory, and a value that was to be kept may be deleted.
pub(crate) fn is_lost(outcome: &Outcome) -> bool {
    match outcome {
        Err(error) => error.reason() == Reason::NotFound,
        Ok(changed) => *changed == Changed::WasAbsent,
    }
}

/// Whether something was there that should not be.
pub(crate) fn is_taken(outcome: &Outcome) -> bool {
    matches!(outcome, Err(error) if error.reason() == Reason::AlreadyExists)
}

/// What is left to do of a put.
#[allow(
    clippy::large_enum_variant,
    reason = "it lives on the stack for one call; paths are longer on Windows"
)]
enum Step {
    /// Nothing: the value is there and withstands what it should.
    Done(Written),
    /// This change.
    Change(Change, Before),
}

/// One put, from its condition to its outcome.
pub(crate) struct Put {
    key: Key,
    place: Place,
    condition: Condition,
}

impl Put {
    pub(crate) fn new(key: &Key, place: Place, condition: Condition) -> Self {
        Self {
            key: key.clone(),
            place,
            condition,
        }
    }

    pub(crate) fn apply(
        &self,
        store: &Inner,
        contents: Contents,
        safety: Safety,
    ) -> Result<Written> {
        let again = bytes_of(&contents);
        let mut contents = contents;
        let mut looks = !self.may_be_guessed(store, safety) || again.is_none();
        for _ in 0..RETRIES {
            let step = match looks {
                true => self.step(store, contents, safety)?,
                false => self.write_new(contents),
            };
            let (change, before) = match step {
                Step::Done(written) => return Ok(written),
                Step::Change(change, before) => (change, before),
            };
            let outcome = store.apply_one(change, safety);
            match &again {
                Some(bytes) if is_lost(&outcome) => contents = Contents::Bytes(bytes.clone()),
                Some(bytes) if !looks && is_taken(&outcome) => {
                    looks = true;
                    contents = Contents::Bytes(bytes.clone());
                }
                _ => return self.conclude(store, outcome, before),
            }
        }
        let error = Error::new(ErrorKind::Unavailable, Operation::Put).with_key(&self.key);
        Err(error
            .with_path(store.tree.full(&self.place.path))
            .with_detail("another program empties .temp all the time")
            .with_remedy("see to it that one program at a time uses the directory"))
    }

    /// Whether the value is taken to be new without a look. One that is to be synced is not written twice.
    fn may_be_guessed(&self, store: &Inner, safety: Safety) -> bool {
        safety == Safety::Process && self.condition.is_none() && store.novelty.is_expected()
    }

    /// What to do for a value that must be new.
    fn write_new(&self, contents: Contents) -> Step {
        let change = write_of(&self.place, contents, Replace::No);
        Step::Change(change, Before::Nothing)
    }

    /// Checks the condition, looks what is there, and tells what to do.
    fn step(&self, store: &Inner, contents: Contents, safety: Safety) -> Result<Step> {
        if !self.condition.is_none() {
            store.settle_doubt(Operation::Put, &self.key, &self.place)?;
        }
        if self.condition == Condition::IfAbsent {
            // That is decided by the rename.
            return Ok(self.write_new(contents));
        }
        store.check_condition(Operation::Put, &self.condition, &self.key, &self.place)?;
        let bytes = match &contents {
            Contents::Bytes(bytes) => Some(bytes),
            Contents::Temp(_) => None,
        };
        let before = store
            .look(&self.key, &self.place, bytes, Wait::Yes)
            .map_err(|failure| failure.during(Operation::Put, Some(&self.key)))?;
        store.novelty.note(before != Before::Nothing);
        if let Some(written) = self.done_by(store, before, safety) {
            return Ok(Step::Done(written));
        }
        if let Before::Same(_) = before {
            let path = self.place.path.clone();
            return Ok(Step::Change(Change::Keep { path }, before));
        }
        let change = write_of(&self.place, contents, Replace::Yes);
        Ok(Step::Change(change, before))
    }

    /// The outcome if what is there is the very value, and withstands what it should.
    fn done_by(&self, store: &Inner, before: Before, safety: Safety) -> Option<Written> {
        let Before::Same(file) = before else {
            return None;
        };
        let is_enough = store.is_enough(&self.place, &file, safety);
        is_enough.then(|| {
            let written = Written::with_version(version_of(&file));
            store.tell_put(&self.key, &written);
            written
        })
    }

    /// The outcome if the very value is there, as far as that can be told before a hop.
    fn done_already(&self, store: &Inner, contents: &Contents, safety: Safety) -> Option<Written> {
        let Contents::Bytes(bytes) = contents else {
            return None;
        };
        let wait = store.tree.wait_here(store.blocking)?;
        // Those who do not hop look anyway.
        let hops = wait == Wait::No || safety == Safety::Power;
        if !hops || !self.condition.is_none() || store.novelty.is_expected() {
            return None;
        }
        let before = store.look(&self.key, &self.place, Some(bytes), wait).ok()?;
        self.done_by(store, before, safety)
    }

    /// As [`step`](Self::step), with the value written.
    fn prepare(&self, store: &Inner, contents: Contents) -> Result<Step, Result<Written>> {
        let step = self.step(store, contents, Safety::Power).map_err(Err)?;
        match step {
            Step::Change(
                Change::Write {
                    path,
                    contents: Contents::Bytes(bytes),
                    replace,
                    obsolete,
                },
                before,
            ) => {
                let failed = |error| Err(file_error(error, Operation::Put, Some(&self.key)));
                let contents = Contents::Temp(store.tree.prepare(&bytes).map_err(failed)?);
                let change = Change::Write {
                    path,
                    contents,
                    replace,
                    obsolete,
                };
                Ok(Step::Change(change, before))
            }
            other => Ok(other),
        }
    }

    fn conclude(&self, store: &Inner, outcome: Outcome, before: Before) -> Result<Written> {
        match store.told_put(&self.key, &self.place, outcome, before) {
            Ok(written) => Ok(written),
            Err(error)
                if error.reason() == Reason::AlreadyExists && !store.is_clash(&self.place.path) =>
            {
                require(false, Operation::Put, &self.key).map(|()| Written::default())
            }
            Err(error) => Err(store.put_error(error, Operation::Put, &self.key)),
        }
    }
}

pub(crate) fn write_of(place: &Place, contents: Contents, replace: Replace) -> Change {
    Change::Write {
        path: place.path.clone(),
        contents,
        replace,
        obsolete: None,
    }
}

pub(crate) fn removal(place: &Place) -> Change {
    Change::Remove {
        path: place.path.clone(),
        first: None,
    }
}

pub(crate) fn require(holds: bool, operation: Operation, key: &Key) -> Result<()> {
    if holds {
        return Ok(());
    }
    let error = Error::new(ErrorKind::PreconditionFailed, operation).with_key(key);
    Err(error.with_detail("the key is not in the state that was asked for"))
}

impl Inner {
    fn apply_one(&self, change: Change, safety: Safety) -> Outcome {
        let outcome = self.tree.apply(vec![change], safety).pop();
        // apply gives as many outcomes as it takes changes.
        outcome.unwrap_or(Ok(Changed::WasAbsent))
    }

    /// Looks what lies where a value belongs. Opening and comparing costs far less than writing the same again.
    /// A file that a loss of power damaged is another value, even if it looks the same: reads do not find it.
    pub(crate) fn look(
        &self,
        key: &Key,
        place: &Place,
        value: Option<&Bytes>,
        wait: Wait,
    ) -> Result<Before, Failure> {
        let path = &place.path;
        let Some(value) = value else {
            let found = self.tree.metadata(path, wait)?;
            let file = found.filter(|found| found.kind == Kind::File);
            return Ok(file.map_or(Before::Nothing, |file| Before::Other(file.len)));
        };
        let file = match self.tree.open_file(path, wait) {
            // A link is no value. The new file takes its place.
            Err(error) if error.reason() == Reason::LinkInTheWay => None,
            found => found?,
        };
        let Some(file) = file else {
            return Ok(Before::Nothing);
        };
        let found = *file.metadata();
        let same = file.holds(value, wait)?
            && !self.tree.has_failed(path)
            && !self.unclean.is_torn(&self.tree, path, key, &found, wait)?;
        Ok(match same {
            true => Before::Same(found),
            false => Before::Other(found.len),
        })
    }

    /// Whether a value that is there already withstands what a put of the same value shall withstand.
    pub(crate) fn is_enough(&self, place: &Place, file: &Metadata, safety: Safety) -> bool {
        safety == Safety::Process || self.tree.is_settled(&place.path, file)
    }

    pub(crate) fn check_condition(
        &self,
        operation: Operation,
        condition: &Condition,
        key: &Key,
        place: &Place,
    ) -> Result<()> {
        if condition.is_none() {
            return Ok(());
        }
        let current = self
            .current_version(place)
            .map_err(|error| file_error(error, operation, Some(key)))?;
        require(condition.holds(current.as_ref()), operation, key)
    }

    /// The version of a key's present value. Blocks.
    fn current_version(&self, place: &Place) -> Result<Option<Version>, FileError> {
        let found = self.tree.metadata(&place.path, Wait::Yes)?;
        let file = found.filter(|found| found.kind == Kind::File);
        Ok(file.as_ref().map(version_of))
    }

    pub(crate) fn told_put(
        &self,
        key: &Key,
        place: &Place,
        outcome: Outcome,
        before: Before,
    ) -> Result<Written, FileError> {
        let written = match outcome? {
            Changed::Written(file) => {
                self.count(&place.path, file.len, before.len());
                Written::with_version(version_of(&file))
            }
            Changed::Replaced { file, before } => {
                let before = Some(before).filter(|before| before.kind == Kind::File);
                self.count(&place.path, file.len, before.map_or(0, |before| before.len));
                Written::with_version(version_of(&file))
            }
            Changed::Kept(file) => Written::with_version(version_of(&file)),
            // Somebody else removed it while it was to be made durable.
            _ => return Err(self.vanished(place)),
        };
        self.tell_put(key, &written);
        Ok(written)
    }

    fn vanished(&self, place: &Place) -> FileError {
        let cause = std::io::Error::from(std::io::ErrorKind::NotFound);
        FileError::new(
            datastore_files::Action::Sync,
            &self.tree.full(&place.path),
            cause,
        )
    }

    fn concluded_delete(&self, key: &Key, place: &Place, outcome: Outcome) -> Result<Written> {
        self.told_delete(key, place, outcome)
            .map_err(|error| file_error(error, Operation::Delete, Some(key)))
    }

    pub(crate) fn told_delete(
        &self,
        key: &Key,
        place: &Place,
        outcome: Outcome,
    ) -> Result<Written, FileError> {
        if let Changed::Removed(file) = outcome? {
            if let Some(file) = file {
                self.count(&place.path, 0, file.len);
            }
            self.tell_delete(key);
        }
        Ok(Written::default())
    }

    /// Whether a folder is where a value's file belongs. This store never makes such a folder.
    fn is_clash(&self, path: &Path) -> bool {
        let found = self.tree.metadata(path, Wait::Yes);
        matches!(found, Ok(Some(found)) if found.kind != Kind::File)
    }

    pub(crate) fn put_error(&self, error: FileError, operation: Operation, key: &Key) -> Error {
        let clash = match error.reason() {
            Reason::IsAFolder | Reason::AlreadyExists => {
                "something else is where the file of this key belongs"
            }
            Reason::NotAFolder => "a file is where the folder for this key belongs",
            _ => return file_error(error, operation, Some(key)),
        };
        file_error(error, operation, Some(key))
            .with_detail(clash)
            .with_remedy("move away what another program put there")
    }
}
