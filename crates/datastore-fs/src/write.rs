//! Writing: single values and batches.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use datastore_files::{
    Action, Blocking, Change, Changed, Contents, FileError, Kind, Opened, Prepared, Reason,
    Replace, Safety, Tell, TempFile, Wait,
};
use interface_datastore::{
    Batch, BatchOp, BatchReport, Condition, DeleteOptions, Error, ErrorKind, Key, Operation,
    PutOptions, Result, WriteOptions, Written, abortable,
};

use crate::failure::file_error;
use crate::layout::Place;
use crate::read::version_of;
use crate::store::{FsDatastore, Inner};

/// What became of a change of a file.
pub(crate) type Outcome = Result<Changed, FileError>;

/// Values larger than this are written and synced before they join others that share a sync, who need not wait for them.
const MAX_SHARED: usize = 1 << 20;

/// A change that shall survive loss of power, before its condition was checked and its value written.
pub(crate) type Job = datastore_files::Job<Result<Written>>;

impl FsDatastore {
    pub(crate) async fn put(
        &self,
        key: &Key,
        value: Bytes,
        options: PutOptions,
    ) -> Result<Written> {
        let inner = &self.inner;
        let safety = inner.check_write(
            Operation::Put,
            options.durability,
            options.expires.is_some(),
        )?;
        inner.check_key(Operation::Put, key)?;
        let signal = options.abort;
        let work = self.publish(key, Contents::Bytes(value), options.condition, safety);
        abortable(signal.as_ref(), Operation::Put, Some(key), work).await
    }

    /// Gives a key its value.
    pub(crate) async fn publish(
        &self,
        key: &Key,
        contents: Contents,
        condition: Condition,
        safety: Safety,
    ) -> Result<Written> {
        let inner = &self.inner;
        let pass = inner.gates.pass(key).await;
        inner.check_open(Operation::Put)?;
        let store = Arc::clone(inner);
        let put = Put {
            key: key.clone(),
            place: inner.layout.place(key),
            condition,
        };
        if safety != Safety::Power {
            let step = move |tell: Tell<'_, _>| {
                let (done, opened) = put.apply(&store, contents, safety);
                drop((pass, store));
                tell(done);
                drop(opened);
            };
            return inner.hop_until_told(Operation::Put, step).await?;
        }
        let contents = self.written_ahead(key, contents).await?;
        let prepare = move || {
            let temp = put.prepare(&store, contents)?;
            let change = put.change(Contents::Temp(temp));
            let conclude = Box::new(move |outcome| {
                let _pass = pass;
                put.conclude(&store, outcome)
            });
            Ok(Prepared { change, conclude })
        };
        self.commit(Operation::Put, prepare).await
    }

    /// Writes and syncs a large value.
    async fn written_ahead(&self, key: &Key, contents: Contents) -> Result<Contents> {
        let bytes = match contents {
            Contents::Bytes(bytes) if bytes.len() > MAX_SHARED => bytes,
            other => return Ok(other),
        };
        let tree = self.inner.tree.clone();
        let step = move || tree.prepare(&bytes).and_then(TempFile::synced);
        let temp = self.inner.hop(Operation::Put, step).await?;
        let temp = temp.map_err(|error| file_error(error, Operation::Put, Some(key)))?;
        Ok(Contents::Temp(temp))
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
        if !inner.takes(key) {
            // There can be no such value.
            return require(condition.holds(None), Operation::Delete, key);
        }
        let pass = inner.gates.pass(key).await;
        inner.check_open(Operation::Delete)?;
        let store = Arc::clone(inner);
        let change = removal(inner.layout.place(key));
        let check = move || {
            store
                .check_condition(Operation::Delete, &condition, pass.key())
                .map(|()| (store, pass))
        };
        if safety == Safety::Power {
            let prepare = move || {
                let (store, pass) = check()?;
                let conclude = Box::new(move |outcome| store.concluded_delete(pass.key(), outcome));
                Ok(Prepared { change, conclude })
            };
            return self.commit(Operation::Delete, prepare).await.map(|_| ());
        }
        let step = move |tell: Tell<'_, _>| {
            let (store, pass) = match check() {
                Ok(checked) => checked,
                Err(error) => return tell(Err(error)),
            };
            let (outcome, opened) = store.apply_one(change, safety);
            let done = store.concluded_delete(pass.key(), outcome).map(|_| ());
            drop((pass, store));
            tell(done);
            drop(opened);
        };
        inner.hop_until_told(Operation::Delete, step).await?
    }

    /// Has a change made durable together with those of others.
    async fn commit(
        &self,
        operation: Operation,
        prepare: impl FnOnce() -> Result<Prepared<Result<Written>>> + Send + 'static,
    ) -> Result<Written> {
        let inner = &self.inner;
        // Syncing takes far longer than a hop, and callers on one thread could not share it.
        let blocking = Blocking::Never;
        let submitted = inner
            .durable
            .submit(
                blocking,
                inner.tree.path(),
                Box::new(|| prepare().map_err(Err)),
            )
            .await;
        submitted.map_err(|error| file_error(error, operation, None))?
    }

    pub(crate) async fn write(&self, batch: Batch, options: WriteOptions) -> Result<Written> {
        let inner = &self.inner;
        let (ops, requirements) = batch.into_parts();
        let expires = ops.iter().any(|op| {
            matches!(
                op,
                BatchOp::Put {
                    expires: Some(_),
                    ..
                }
            )
        });
        let safety = inner.check_write(Operation::Write, options.durability, expires)?;
        for op in ops.iter().filter(|op| matches!(op, BatchOp::Put { .. })) {
            inner.check_key(Operation::Write, op.key())?;
        }
        if options.atomic && ops.len() > 1 {
            return Err(Error::unsupported(
                Operation::Write,
                "atomic batches of several operations",
            ));
        }
        let signal = options.abort;
        let work = self.write_checked(ops, requirements, safety);
        abortable(signal.as_ref(), Operation::Write, None, work).await
    }

    async fn write_checked(
        &self,
        ops: Vec<BatchOp>,
        requirements: Vec<(Key, Condition)>,
        safety: Safety,
    ) -> Result<Written> {
        let inner = &self.inner;
        let written = ops.iter().map(BatchOp::key);
        let keys: HashSet<Key> = written
            .chain(requirements.iter().map(|(key, _)| key))
            .cloned()
            .collect();
        let passes = inner.gates.pass_all(keys).await;
        inner.check_open(Operation::Write)?;
        let store = Arc::clone(inner);
        let step = move || {
            let done = store.apply_batch(ops, &requirements, safety);
            drop(passes);
            done
        };
        inner.hop(Operation::Write, step).await?
    }
}

/// One put, from its condition to its outcome.
struct Put {
    key: Key,
    place: Place,
    condition: Condition,
}

impl Put {
    fn apply(
        &self,
        store: &Inner,
        contents: Contents,
        safety: Safety,
    ) -> (Result<Written>, Opened) {
        if let Err(error) = self.check(store) {
            return (Err(error), Opened::default());
        }
        let (outcome, opened) = store.apply_one(self.change(contents), safety);
        (self.conclude(store, outcome), opened)
    }

    fn prepare(&self, store: &Inner, contents: Contents) -> Result<TempFile> {
        self.check(store)?;
        match contents {
            Contents::Bytes(bytes) => store
                .tree
                .prepare(&bytes)
                .map_err(|error| file_error(error, Operation::Put, Some(&self.key))),
            Contents::Temp(temp) => Ok(temp),
        }
    }

    /// Checks what the rename will not.
    fn check(&self, store: &Inner) -> Result<()> {
        let needed = match self.condition {
            Condition::None => false,
            // Whether the first place is free is decided by the rename itself.
            Condition::IfAbsent => self.place.other.is_some(),
            _ => true,
        };
        if needed {
            store.check_condition(Operation::Put, &self.condition, &self.key)
        } else {
            Ok(())
        }
    }

    fn change(&self, contents: Contents) -> Change {
        let replace = if self.condition == Condition::IfAbsent {
            Replace::No
        } else {
            Replace::Yes
        };
        write_of(self.place.clone(), contents, replace)
    }

    fn conclude(&self, store: &Inner, outcome: Outcome) -> Result<Written> {
        match store.told_put(&self.key, outcome) {
            Ok(written) => Ok(written),
            Err(error) if error.reason() == Reason::AlreadyExists && !store.is_clash(&error) => {
                require(false, Operation::Put, &self.key).map(|()| Written::default())
            }
            Err(error) => Err(store.put_error(error, Operation::Put, &self.key)),
        }
    }
}

fn write_of(place: Place, contents: Contents, replace: Replace) -> Change {
    Change::Write {
        path: place.path,
        contents,
        replace,
        obsolete: place.other,
    }
}

fn removal(place: Place) -> Change {
    Change::Remove {
        path: place.path,
        first: place.other,
    }
}

fn require(holds: bool, operation: Operation, key: &Key) -> Result<()> {
    if holds {
        return Ok(());
    }
    let error = Error::new(ErrorKind::PreconditionFailed, operation).with_key(key);
    Err(error.with_detail("the key is not in the state that was asked for"))
}

impl Inner {
    fn apply_one(&self, change: Change, safety: Safety) -> (Outcome, Opened) {
        let (mut outcomes, opened) = self.tree.apply_before_closing(vec![change], safety);
        // apply gives as many outcomes as it takes changes.
        let outcome = outcomes.pop().unwrap_or(Ok(Changed::WasAbsent));
        (outcome, opened)
    }

    fn check_condition(
        &self,
        operation: Operation,
        condition: &Condition,
        key: &Key,
    ) -> Result<()> {
        if condition.is_none() {
            return Ok(());
        }
        let current = if self.takes(key) {
            self.current_version(key)
        } else {
            Ok(None)
        };
        let current = current.map_err(|failure| failure.during(operation, Some(key)))?;
        require(condition.holds(current.as_ref()), operation, key)
    }

    fn told_put(&self, key: &Key, outcome: Outcome) -> Result<Written, FileError> {
        let written = match outcome? {
            Changed::Written(metadata) => Written::with_version(version_of(&metadata)),
            _ => Written::default(),
        };
        self.tell_put(key, &written);
        Ok(written)
    }

    fn concluded_delete(&self, key: &Key, outcome: Outcome) -> Result<Written> {
        self.told_delete(key, outcome)
            .map_err(|error| file_error(error, Operation::Delete, Some(key)))
    }

    fn told_delete(&self, key: &Key, outcome: Outcome) -> Result<Written, FileError> {
        if matches!(outcome?, Changed::Removed(_)) {
            self.tell_delete(key);
        }
        Ok(Written::default())
    }

    /// Whether a put failed because a folder is where the key's file belongs. This store never makes such a folder.
    fn is_clash(&self, error: &FileError) -> bool {
        let Ok(path) = error.path().strip_prefix(self.tree.path()) else {
            return false;
        };
        let found = self.tree.metadata(path, Wait::Yes);
        matches!(found, Ok(Some(metadata)) if metadata.kind == Kind::Dir)
    }

    fn put_error(&self, error: FileError, operation: Operation, key: &Key) -> Error {
        let clash = match error.reason() {
            Reason::IsAFolder | Reason::AlreadyExists => {
                "a folder is where the file of this key belongs"
            }
            Reason::NotAFolder => "a file is where a folder for this key belongs",
            _ => return file_error(error, operation, Some(key)),
        };
        let remedy =
            "move away what another program put there, or write its keys again through this store";
        file_error(error, operation, Some(key))
            .with_detail(clash)
            .with_remedy(remedy)
    }

    /// Applies a batch under the passes of all its keys. Blocks.
    fn apply_batch(
        &self,
        ops: Vec<BatchOp>,
        requirements: &[(Key, Condition)],
        safety: Safety,
    ) -> Result<Written> {
        for (key, condition) in requirements {
            self.check_condition(Operation::Write, condition, key)?;
        }
        let mut keys = Vec::with_capacity(ops.len());
        let mut changes = Vec::with_capacity(ops.len());
        for op in ops {
            let key = op.key().clone();
            match op {
                BatchOp::Put { value, .. } => {
                    let place = self.layout.place(&key);
                    changes.push(write_of(place, Contents::Bytes(value), Replace::Yes));
                    keys.push((key, true));
                }
                // A key that the store does not take holds nothing that could be deleted.
                BatchOp::Delete { .. } if self.takes(&key) => {
                    changes.push(removal(self.layout.place(&key)));
                    keys.push((key, false));
                }
                BatchOp::Delete { .. } => {}
                _ => {
                    return Err(Error::unsupported(
                        Operation::Write,
                        "an operation that this store does not know",
                    ));
                }
            }
        }
        let outcomes = self.tree.apply(changes, safety);
        self.report(keys, outcomes)
    }

    fn report(&self, keys: Vec<(Key, bool)>, outcomes: Vec<Outcome>) -> Result<Written> {
        let mut report = BatchReport::new();
        let mut first_error = None;
        let single = keys.len() == 1;
        let mut last = Written::default();
        for ((key, is_put), outcome) in keys.into_iter().zip(outcomes) {
            let told = if is_put {
                self.told_put(&key, outcome)
            } else {
                self.told_delete(&key, outcome)
            };
            match told {
                Ok(written) => {
                    last = written;
                    report.applied.push(key);
                }
                Err(error) => {
                    let list = match error.action() {
                        Action::SyncFolder => &mut report.unknown,
                        _ => &mut report.failed,
                    };
                    list.push(key.clone());
                    first_error
                        .get_or_insert_with(|| self.put_error(error, Operation::Write, &key));
                }
            }
        }
        match first_error {
            Some(error) => Err(error.with_report(report)),
            None if single => Ok(last),
            None => Ok(Written::default()),
        }
    }

    /// Applies puts or removals of many keys in one hop, in order. Blocks.
    pub(crate) fn apply_many(
        &self,
        operation: Operation,
        items: Vec<(Key, Option<Bytes>)>,
        safety: Safety,
    ) -> Vec<Result<Key>> {
        let mut keys = Vec::with_capacity(items.len());
        let mut changes = Vec::with_capacity(items.len());
        for (key, value) in items {
            let place = self.layout.place(&key);
            changes.push(match value {
                Some(value) => write_of(place, Contents::Bytes(value), Replace::Yes),
                None => removal(place),
            });
            keys.push(key);
        }
        let outcomes = self.tree.apply(changes, safety);
        let conclude = |(key, outcome): (Key, Outcome)| {
            let told = match operation {
                Operation::Put => self.told_put(&key, outcome),
                _ => self.told_delete(&key, outcome),
            };
            told.map_err(|error| self.put_error(error, operation, &key))
                .map(|_| key)
        };
        keys.into_iter().zip(outcomes).map(conclude).collect()
    }
}
