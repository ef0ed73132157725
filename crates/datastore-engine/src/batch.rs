//! Changes that take effect together.

use std::{fmt, ops::Range, sync::Arc};

use bytes::Bytes;

use crate::KeyRange;

/// Puts, deletes and range deletes that a commit applies in order, all or nothing: the last one on a key wins, and a
/// range delete affects only what precedes it.
///
/// Keys and small values are copied into one buffer, so that adding an operation allocates nothing once the buffer has
/// grown. [`clear`](Self::clear) keeps it for the next batch. A clone shares the buffer until one of the two is
/// changed: an engine may keep one while it works in another thread.
#[derive(Clone, Default)]
pub struct Batch {
    inner: Arc<Inner>,
}

#[derive(Clone, Default)]
struct Inner {
    buffer: Vec<u8>,
    ops: Vec<Op>,
    range_deletes: usize,
    bytes: u64,
}

/// An operation: the key is `start..middle` of the buffer, what else there is `middle..end`.
#[derive(Clone)]
struct Op {
    kind: Kind,
    start: usize,
    middle: usize,
    end: usize,
}

#[derive(Clone)]
enum Kind {
    Put,
    PutShared(Bytes),
    Delete,
    DeleteRange,
    DeleteFrom,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with room for so many operations, with so many bytes of keys and copied values.
    pub fn with_capacity(ops: usize, bytes: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                buffer: Vec::with_capacity(bytes),
                ops: Vec::with_capacity(ops),
                ..Inner::default()
            }),
        }
    }

    /// Stores a copy of `value` under `key`. For small values; large ones are shared by [`put_shared`](Self::put_shared).
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> &mut Self {
        self.push(Kind::Put, key, &[value], value.len())
    }

    /// Stores a copy of the parts, one after the other, under `key`: as [`put`](Self::put) of a value that need not be put
    /// together first.
    pub fn put_parts(&mut self, key: &[u8], parts: &[&[u8]]) -> &mut Self {
        let len = parts.iter().map(|part| part.len()).sum();
        self.push(Kind::Put, key, parts, len)
    }

    /// Stores `value` under `key` without copying it into the batch.
    pub fn put_shared(&mut self, key: &[u8], value: Bytes) -> &mut Self {
        let len = value.len();
        self.push(Kind::PutShared(value), key, &[], len)
    }

    /// Removes what is under `key`, if anything.
    pub fn delete(&mut self, key: &[u8]) -> &mut Self {
        self.push(Kind::Delete, key, &[], 0)
    }

    /// Removes the keys from `start` (empty: the very first) up to and without `end` (none: to the very last).
    pub fn delete_range(&mut self, start: &[u8], end: Option<&[u8]>) -> &mut Self {
        let (kind, end) = match end {
            Some(end) => (Kind::DeleteRange, end),
            None => (Kind::DeleteFrom, &[][..]),
        };
        self.push(kind, start, &[end], end.len());
        self.changed().range_deletes += 1;
        self
    }

    /// Forgets all operations and keeps the memory, unless an engine still holds a clone.
    pub fn clear(&mut self) {
        match Arc::get_mut(&mut self.inner) {
            Some(inner) => {
                inner.buffer.clear();
                inner.ops.clear();
                inner.range_deletes = 0;
                inner.bytes = 0;
            }
            None => *self = Self::new(),
        }
    }

    /// Number of operations.
    pub fn len(&self) -> usize {
        self.inner.ops.len()
    }

    /// Whether there is no operation.
    pub fn is_empty(&self) -> bool {
        self.inner.ops.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn byte_len(&self) -> u64 {
        self.inner.bytes
    }

    /// Whether a range delete is among the operations.
    pub fn has_range_deletes(&self) -> bool {
        self.inner.range_deletes > 0
    }

    /// The operations, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = BatchOp<'_>> + ExactSizeIterator {
        self.inner.ops.iter().map(|op| self.inner.view(op))
    }

    fn changed(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.inner)
    }

    fn push(&mut self, kind: Kind, key: &[u8], rest: &[&[u8]], counted: usize) -> &mut Self {
        let inner = self.changed();
        let start = inner.buffer.len();
        inner.buffer.extend_from_slice(key);
        let middle = inner.buffer.len();
        for part in rest {
            inner.buffer.extend_from_slice(part);
        }
        let end = inner.buffer.len();
        inner.bytes += (key.len() + counted) as u64;
        inner.ops.push(Op {
            kind,
            start,
            middle,
            end,
        });
        self
    }
}

impl Inner {
    fn view<'a>(&'a self, op: &'a Op) -> BatchOp<'a> {
        let (key, rest) = (self.part(op.start..op.middle), self.part(op.middle..op.end));
        let range = |end| KeyRange { start: key, end };
        match &op.kind {
            Kind::Put => BatchOp::Put {
                key,
                value: BatchValue::Copied(rest),
            },
            Kind::PutShared(value) => BatchOp::Put {
                key,
                value: BatchValue::Shared(value),
            },
            Kind::Delete => BatchOp::Delete { key },
            Kind::DeleteRange => BatchOp::DeleteRange(range(Some(rest))),
            Kind::DeleteFrom => BatchOp::DeleteRange(range(None)),
        }
    }

    fn part(&self, range: Range<usize>) -> &[u8] {
        // Operations lie within the buffer, which only grows as long as they are there.
        self.buffer.get(range).unwrap_or_default()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("ops", &self.len())
            .field("bytes", &self.byte_len())
            .finish()
    }
}

/// One operation of a [`Batch`], as its engine sees it.
#[derive(Clone, Copy)]
pub enum BatchOp<'a> {
    /// Store the value under the key.
    Put {
        /// The key.
        key: &'a [u8],
        /// The value.
        value: BatchValue<'a>,
    },
    /// Remove what is under the key.
    Delete {
        /// The key.
        key: &'a [u8],
    },
    /// Remove all that is in the range.
    DeleteRange(KeyRange<'a>),
}

/// A value in a [`Batch`].
#[derive(Clone, Copy)]
pub enum BatchValue<'a> {
    /// In the batch's buffer.
    Copied(&'a [u8]),
    /// Shared with whoever put it there.
    Shared(&'a Bytes),
}

impl<'a> BatchValue<'a> {
    /// The value's bytes.
    pub fn as_slice(self) -> &'a [u8] {
        match self {
            Self::Copied(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }

    /// The value as bytes of its own: copied from the buffer, or shared.
    pub fn to_bytes(self) -> Bytes {
        match self {
            Self::Copied(bytes) => Bytes::copy_from_slice(bytes),
            Self::Shared(bytes) => bytes.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, BatchOp};
    use bytes::Bytes;

    fn told(batch: &Batch) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let op = |op: BatchOp<'_>| match op {
            BatchOp::Put { key, value } => format!("{}={}", text(key), text(value.as_slice())),
            BatchOp::Delete { key } => format!("-{}", text(key)),
            BatchOp::DeleteRange(range) => {
                format!("-{}..{:?}", text(range.start), range.end.map(text))
            }
        };
        batch.iter().map(op).collect()
    }

    #[test]
    fn operations_come_back_in_order() {
        let mut batch = Batch::new();
        batch.put(b"a", b"one").put_shared(b"b", Bytes::from("two"));
        batch.delete(b"c").delete_range(b"d", Some(b"e"));
        batch.delete_range(b"", None).put(b"f", b"");
        batch
            .put_parts(b"g", &[b"th", b"", b"ree"])
            .put_parts(b"h", &[]);
        let expected = [
            "a=one",
            "b=two",
            "-c",
            "-d..Some(\"e\")",
            "-..None",
            "f=",
            "g=three",
            "h=",
        ];
        assert_eq!(told(&batch), expected);
        assert_eq!(
            (batch.len(), batch.byte_len()),
            (8, 4 + 4 + 1 + 2 + 1 + 6 + 1)
        );
        assert!(batch.has_range_deletes());
    }

    #[test]
    fn cleared_memory_is_used_again() {
        let mut batch = Batch::with_capacity(1, 8);
        batch.put(b"key", b"value");
        let buffer = batch.inner.buffer.as_ptr();
        batch.clear();
        batch.put(b"yek", b"eulav");
        assert_eq!(batch.inner.buffer.as_ptr(), buffer);
        assert_eq!(told(&batch), ["yek=eulav"]);
        batch.clear();
        batch.delete_range(b"a", None);
        batch.clear();
        assert!(!batch.has_range_deletes() && batch.byte_len() == 0);
    }

    #[test]
    fn a_clone_keeps_what_it_had() {
        let mut batch = Batch::new();
        batch.put(b"a", b"1");
        let kept = batch.clone();
        batch.clear();
        batch.put(b"b", b"2");
        assert_eq!(
            (told(&kept), told(&batch)),
            (vec!["a=1".into()], vec!["b=2".into()])
        );
    }
}
