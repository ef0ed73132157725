//! A store that lives in memory and appends every write to a file.

use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Write},
    path::Path,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use interface_datastore::{
    Batch, BatchOp, BoxFuture, BoxStream, Capabilities, Claim, CloseOptions, Condition, Datastore,
    DatastoreExt, DeleteOptions, Durability, Entry, GetOptions, Key, PutOptions, Query,
    QueryOptions, Result, WriteOptions, Written,
};
use interface_datastore_tests::ReferenceDatastore;

/// What the store does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Flaw {
    None,
    /// Writes wait in memory, though acknowledged.
    Lazy,
    /// Values are cut short on disk now and then.
    Torn,
    /// A batch is written operation by operation, though claimed to be atomic.
    SplitBatches,
}

#[derive(Debug, Clone)]
pub struct LogStore {
    memory: ReferenceDatastore,
    file: Arc<Mutex<BufWriter<File>>>,
    flaw: Flaw,
}

impl LogStore {
    pub async fn open(folder: &Path, flaw: Flaw) -> Result<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let path = folder.join("log");
        let memory = ReferenceDatastore::new();
        let log = std::fs::read(&path).unwrap_or_default();
        let mut rest = &log[..];
        let mut whole = 0;
        while let Some((batch, after)) = decode(rest) {
            memory.write(batch).await?;
            rest = after;
            whole = log.len() - rest.len();
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        // A record that a kill has cut short goes.
        file.set_len(whole as u64).unwrap();
        let file = Arc::new(Mutex::new(BufWriter::new(file)));
        Ok(Self { memory, file, flaw })
    }

    /// Appends a record: its length, then the operations.
    fn append(&self, ops: &[BatchOp]) {
        let mut file = self.file.lock().unwrap();
        let mut body = Vec::new();
        for op in ops {
            encode(op, self.flaw, &mut body);
        }
        file.write_all(&(body.len() as u32).to_be_bytes()).unwrap();
        file.write_all(&body).unwrap();
        if self.flaw != Flaw::Lazy {
            file.flush().unwrap();
        }
    }
}

fn encode(op: &BatchOp, flaw: Flaw, body: &mut Vec<u8>) {
    let value = match op {
        BatchOp::Put { value, .. } => Some(value),
        _ => None,
    };
    let key = op.key().as_bytes();
    body.push(u8::from(value.is_some()));
    body.extend((key.len() as u32).to_be_bytes());
    body.extend(key);
    let value = value.cloned().unwrap_or_default();
    let torn = flaw == Flaw::Torn && value.len() % 4 == 3;
    let value = if torn {
        value.slice(..value.len() / 2)
    } else {
        value
    };
    body.extend((value.len() as u32).to_be_bytes());
    body.extend(&value[..]);
}

fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*len) as usize)
}

fn decode(bytes: &[u8]) -> Option<(Batch, &[u8])> {
    let (mut body, rest) = take(bytes)?;
    let mut batch = Batch::new();
    while let Some((kind, after)) = body.split_first() {
        let (key, after) = take(after)?;
        let (value, after) = take(after)?;
        let key = Key::raw(key).unwrap();
        match kind {
            1 => batch.put(key, Bytes::copy_from_slice(value)),
            _ => batch.delete(key),
        };
        body = after;
    }
    Some((batch, rest))
}

impl Datastore for LogStore {
    fn handle(&self) -> Arc<dyn Datastore> {
        Arc::new(self.clone())
    }

    fn capabilities(&self, prefix: &Key) -> Capabilities {
        let memory = self.memory.capabilities(prefix);
        let mut can = Capabilities::none();
        (can.writable, can.retains, can.persistent) = (Claim::Yes, Claim::Yes, Claim::Yes);
        (can.linearizable, can.dropped_writes_settle) = (Claim::Yes, Claim::Yes);
        can.atomic_batch = Claim::Yes;
        can.default_durability = Durability::Process;
        can.max_durability = Durability::Process;
        (can.key_order, can.snapshot_query) = (memory.key_order, memory.snapshot_query);
        can
    }

    fn put_opts<'a>(
        &'a self,
        key: &'a Key,
        value: Bytes,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        let mut batch = Batch::new();
        batch.put(key.clone(), value);
        let options = WriteOptions::default().with_durability(options.durability);
        self.write_opts(batch, options)
    }

    fn get_opts<'a>(&'a self, key: &'a Key, options: GetOptions) -> BoxFuture<'a, Result<Entry>> {
        self.memory.get_opts(key, options)
    }

    fn delete_opts<'a>(
        &'a self,
        key: &'a Key,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        assert_eq!(options.condition, Condition::None);
        let mut batch = Batch::new();
        batch.delete(key.clone());
        Box::pin(async { self.write(batch).await.map(drop) })
    }

    fn query_opts(&self, query: Query, options: QueryOptions) -> BoxStream<'static, Result<Entry>> {
        self.memory.query_opts(query, options)
    }

    fn write_opts<'a>(
        &'a self,
        batch: Batch,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            self.capabilities(&Key::root())
                .durability(interface_datastore::Operation::Write, options.durability)?;
            let (ops, _) = batch.into_parts();
            match self.flaw {
                Flaw::SplitBatches => {
                    let (first, rest) = ops.split_at(1.min(ops.len()));
                    self.append(first);
                    // Long enough for a kill to fall in between, on a busy machine too.
                    std::thread::sleep(std::time::Duration::from_millis(40));
                    self.append(rest);
                }
                _ => self.append(&ops),
            }
            let mut batch = Batch::new();
            batch.extend(ops);
            self.memory.write(batch).await
        })
    }

    fn close_opts(&self, options: CloseOptions) -> BoxFuture<'_, Result<()>> {
        self.file.lock().unwrap().flush().unwrap();
        self.memory.close_opts(options)
    }
}
