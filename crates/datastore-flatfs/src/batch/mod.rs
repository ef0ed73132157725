//! Batches: the last operation on a key wins, and what a crash interrupts the next opening completes.
//!
//! All values are written to temporary files first, and synced if asked. Then a journal is put beside them that says which file
//! becomes the value of which key. From there on the batch is complete: the files get their names now, or when the store is
//! opened next. A failure of the disk in between is reported key by key, and then the journal goes.

mod journal;

use std::sync::Arc;

use datastore_files::{Action, Change, Contents, FileError, Replace, Safety, Wait};
use interface_datastore::{
    Batch, BatchOp, BatchReport, Condition, Error, Key, Operation, Result, WriteOptions, Written,
    abortable,
};

pub(crate) use self::journal::complete;
use self::journal::{Identity, Journal, Step};
use crate::failure::file_error;
use crate::many::SAMPLE;
use crate::names::Place;
use crate::read::version_of;
use crate::store::{FlatfsDatastore, Inner};
use crate::write::{Before, Outcome, removal, require, write_of};

impl FlatfsDatastore {
    pub(crate) async fn write(&self, batch: Batch, options: WriteOptions) -> Result<Written> {
        let inner = &self.inner;
        let (ops, requirements) = batch.into_parts();
        let expires = |op: &BatchOp| {
            matches!(
                op,
                BatchOp::Put {
                    expires: Some(_),
                    ..
                }
            )
        };
        let expires = ops.iter().any(expires);
        let safety = inner.check_write(Operation::Write, options.durability, expires)?;
        if options.atomic && ops.len() > 1 {
            // A failure of the disk may leave a part, and readers see the parts come one after another.
            return Err(Error::unsupported(
                Operation::Write,
                "atomic batches of several operations",
            ));
        }
        let items = inner.items(ops)?;
        let signal = options.abort;
        let work = self.write_checked(items, requirements, safety);
        abortable(signal.as_ref(), Operation::Write, None, work).await
    }

    async fn write_checked(
        &self,
        items: Vec<Item>,
        requirements: Vec<(Key, Condition)>,
        safety: Safety,
    ) -> Result<Written> {
        let inner = &self.inner;
        let written = items.iter().map(|item| &item.key);
        let required = requirements.iter().map(|(key, _)| key);
        let keys = written.chain(required).cloned();
        let passes = inner.gates.pass_all(keys).await;
        inner.check_open(Operation::Write)?;
        let store = Arc::clone(inner);
        let step = move || {
            let done = store.apply_batch(items, &requirements, safety);
            drop(passes);
            done
        };
        inner.hop(Operation::Write, step).await?
    }
}

/// One operation of a batch, on a key that the store takes.
struct Item {
    key: Key,
    place: Place,
    /// None: the value is removed.
    value: Option<bytes::Bytes>,
}

/// What is to be done, and for whom.
#[derive(Default)]
struct Plan {
    changes: Vec<Change>,
    /// For each change.
    concerned: Vec<(Key, Place, Concern)>,
    /// Keys that hold already what they shall.
    done: Vec<Key>,
    /// How many puts there are, whether one of them found something, and whether one did not look.
    puts: usize,
    found: bool,
    guessed: bool,
    written: Written,
}

impl Plan {
    /// Whether the next put looks what is there. Where the first few are new the others will be, and to look for them all would
    /// cost more than to write some of them twice. A value that is to be synced is not written twice.
    /// Nor is one kept unseen that a loss of power may have damaged.
    fn looks_for_next(&mut self, safety: Safety, in_doubt: bool) -> bool {
        self.puts += 1;
        let looks = safety != Safety::Process || in_doubt || self.puts <= SAMPLE || self.found;
        self.guessed |= !looks;
        looks
    }

    /// The report if nothing of it was done.
    fn untouched(&self) -> BatchReport {
        let mut report = BatchReport::new();
        report.applied.clone_from(&self.done);
        let keys = self.concerned.iter().map(|(key, ..)| key.clone());
        report.failed = keys.collect();
        report
    }
}

enum Concern {
    Put(Before),
    Delete,
}

impl Inner {
    /// The operations with their places, in the order of the places, so that those of one folder come together.
    fn items(&self, ops: Vec<BatchOp>) -> Result<Vec<Item>> {
        let mut items = Vec::with_capacity(ops.len());
        for op in ops {
            match op {
                BatchOp::Put { key, value, .. } => items.push(Item {
                    place: self.place(Operation::Write, &key)?,
                    key,
                    value: Some(value),
                }),
                // A key that the store does not take holds nothing that could be deleted.
                BatchOp::Delete { key } => {
                    items.extend(self.sharding.place(&key).map(|place| Item {
                        place,
                        key,
                        value: None,
                    }));
                }
                _ => {
                    return Err(Error::unsupported(
                        Operation::Write,
                        "an operation that this store does not know",
                    ));
                }
            }
        }
        items.sort_unstable_by(|a, b| a.place.path.as_os_str().cmp(b.place.path.as_os_str()));
        Ok(items)
    }

    /// Applies a batch under the passes of all its keys. Blocks.
    fn apply_batch(
        &self,
        items: Vec<Item>,
        requirements: &[(Key, Condition)],
        safety: Safety,
    ) -> Result<Written> {
        for (key, condition) in requirements {
            match self.sharding.place(key) {
                Some(place) => {
                    self.settle_doubt(Operation::Write, key, &place)?;
                    self.check_condition(Operation::Write, condition, key, &place)?;
                }
                None => require(condition.holds(None), Operation::Write, key)?,
            }
        }
        let single = items.len() == 1;
        let mut plan = Plan::default();
        for item in items {
            if let Err(error) = self.plan_step(item, safety, &mut plan) {
                return Err(error.with_report(plan.untouched()));
            }
        }
        let changes = std::mem::take(&mut plan.changes);
        let outcomes = match self.apply_together(changes, safety, plan.guessed) {
            Ok(outcomes) => outcomes,
            Err(error) => return Err(self.nothing_done(error, &plan)),
        };
        let written = self.report(plan, outcomes)?;
        Ok(if single { written } else { Written::default() })
    }

    fn plan_step(&self, item: Item, safety: Safety, plan: &mut Plan) -> Result<()> {
        let Item { key, place, value } = item;
        let Some(value) = value else {
            plan.changes.push(removal(&place));
            plan.concerned.push((key, place, Concern::Delete));
            return Ok(());
        };
        let before = match plan.looks_for_next(safety, self.unclean.is_active()) {
            true => self
                .look(&key, &place, Some(&value), Wait::Yes)
                .map_err(|failure| failure.during(Operation::Write, Some(&key)))?,
            false => Before::Nothing,
        };
        plan.found |= before != Before::Nothing;
        match before {
            Before::Same(file) if self.is_enough(&place, &file, safety) => {
                plan.written = Written::with_version(version_of(&file));
                self.tell_put(&key, &plan.written);
                plan.done.push(key);
                return Ok(());
            }
            Before::Same(_) => plan.changes.push(Change::Keep {
                path: place.path.clone(),
            }),
            _ => {
                let contents = Contents::Bytes(value);
                plan.changes.push(write_of(&place, contents, Replace::Yes));
            }
        }
        plan.concerned.push((key, place, Concern::Put(before)));
        Ok(())
    }

    /// Applies changes so that from some moment on all of them will be made, whatever becomes of the process. If it was guessed
    /// that there is nothing in some places, it is seen then whether there was.
    ///
    /// # Errors
    ///
    /// What happened before that moment; nothing was changed then.
    fn apply_together(
        &self,
        changes: Vec<Change>,
        safety: Safety,
        guessed: bool,
    ) -> Result<Vec<Outcome>, FileError> {
        if changes.len() < 2 {
            return Ok(self.tree.apply(changes, safety));
        }
        if safety != Safety::Process {
            self.tree.make_folders(&changes)?;
        }
        let sums = self.sums(&changes, safety);
        let changes = self.tree.stage(changes, safety)?;
        let journal = self
            .journal(&changes, &sums, safety)?
            .publish(&self.tree, safety)?;
        let outcomes = match guessed {
            true => {
                let tree = self.tree.clone().with_compared_replacements();
                tree.apply(changes, safety)
            }
            false => self.tree.apply(changes, safety),
        };
        // One that stays says nothing any more: its files are gone.
        let _ = journal::remove(&self.tree, &journal);
        Ok(outcomes)
    }

    /// The sums of values, where nothing else will tell that they are whole.
    fn sums(&self, changes: &[Change], safety: Safety) -> Vec<Option<u32>> {
        let needed = safety == Safety::Process && self.tree.system_run().is_none();
        let sum = |change: &Change| match change {
            Change::Write {
                contents: Contents::Bytes(value),
                ..
            } if needed => Some(journal::sum(value)),
            _ => None,
        };
        changes.iter().map(sum).collect()
    }

    fn journal(
        &self,
        changes: &[Change],
        sums: &[Option<u32>],
        safety: Safety,
    ) -> Result<Journal, FileError> {
        let mut steps = Vec::with_capacity(changes.len());
        for (change, check) in changes.iter().zip(sums) {
            match change {
                Change::Write {
                    path,
                    contents: Contents::Temp(temp),
                    ..
                } => steps.push(Step::Put {
                    temp: temp.name().to_string_lossy().into_owned(),
                    len: temp.len(),
                    check: *check,
                    path: path.clone(),
                }),
                Change::Remove { path, .. } => {
                    let found = self.tree.metadata(path, Wait::Yes)?;
                    steps.extend(found.map(|found| Step::Delete {
                        file: Identity::from(&found),
                        path: path.clone(),
                    }));
                }
                _ => {}
            }
        }
        Ok(Journal {
            run: self.tree.system_run(),
            synced: safety != Safety::Process,
            steps,
        })
    }

    fn nothing_done(&self, error: FileError, plan: &Plan) -> Error {
        file_error(error, Operation::Write, None).with_report(plan.untouched())
    }

    fn report(&self, plan: Plan, outcomes: Vec<Outcome>) -> Result<Written> {
        let mut report = BatchReport::new();
        report.applied = plan.done;
        let mut written = plan.written;
        let mut first_error = None;
        for ((key, place, concern), outcome) in plan.concerned.into_iter().zip(outcomes) {
            let told = match concern {
                Concern::Put(before) => self.told_put(&key, &place, outcome, before),
                Concern::Delete => self.told_delete(&key, &place, outcome),
            };
            match told {
                Ok(one) => {
                    written = one;
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
            None => Ok(written),
        }
    }
}
