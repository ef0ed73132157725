//! Several writes at once.

use std::collections::HashMap;

use bytes::Bytes;

use crate::{Condition, Key, Timestamp};

/// One operation of a [`Batch`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchOp {
    /// Stores a value.
    Put {
        /// The key.
        key: Key,
        /// The value.
        value: Bytes,
        /// When the entry ceases to be; none: never.
        expires: Option<Timestamp>,
    },
    /// Removes a value.
    Delete {
        /// The key.
        key: Key,
    },
}

impl BatchOp {
    /// The key.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    /// The same operation on another key, for wrappers.
    #[must_use]
    pub fn with_key(self, key: Key) -> Self {
        match self {
            Self::Put { value, expires, .. } => Self::Put {
                key,
                value,
                expires,
            },
            Self::Delete { .. } => Self::Delete { key },
        }
    }
}

/// Puts and deletes to be applied together, with conditions on any keys.
///
/// The last operation on a key wins. Whether a store applies a batch as a whole or not at all is told by
/// [`Capabilities::atomic_batch`](crate::Capabilities::atomic_batch). A batch that is dropped has no effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    ops: Vec<BatchOp>,
    requirements: Vec<(Key, Condition)>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a put.
    pub fn put(&mut self, key: Key, value: impl Into<Bytes>) -> &mut Self {
        self.push(BatchOp::Put {
            key,
            value: value.into(),
            expires: None,
        })
    }

    /// Adds a put of an entry that expires.
    pub fn put_expiring(
        &mut self,
        key: Key,
        value: impl Into<Bytes>,
        expires: Timestamp,
    ) -> &mut Self {
        self.push(BatchOp::Put {
            key,
            value: value.into(),
            expires: Some(expires),
        })
    }

    /// Adds a delete.
    pub fn delete(&mut self, key: Key) -> &mut Self {
        self.push(BatchOp::Delete { key })
    }

    /// Adds an operation.
    pub fn push(&mut self, op: BatchOp) -> &mut Self {
        self.ops.push(op);
        self
    }

    /// Asks that `condition` holds of `key` when the batch is applied; otherwise none of it takes effect.
    pub fn require(&mut self, key: Key, condition: Condition) -> &mut Self {
        self.requirements.push((key, condition));
        self
    }

    /// The operations in the order of the calls.
    pub fn ops(&self) -> &[BatchOp] {
        &self.ops
    }

    /// The conditions.
    pub fn requirements(&self) -> &[(Key, Condition)] {
        &self.requirements
    }

    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there is no operation (there may be conditions).
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Takes the batch apart: operations with only the last of each key, in call order, and the conditions.
    pub fn into_parts(self) -> (Vec<BatchOp>, Vec<(Key, Condition)>) {
        let mut last = HashMap::with_capacity(self.ops.len());
        for (index, op) in self.ops.iter().enumerate() {
            last.insert(op.key().clone(), index);
        }
        let mut ops = self.ops;
        if last.len() < ops.len() {
            let mut index = 0;
            ops.retain(|op| {
                index += 1;
                last.get(op.key()) == Some(&(index - 1))
            });
        }
        (ops, self.requirements)
    }
}

impl Extend<BatchOp> for Batch {
    fn extend<T: IntoIterator<Item = BatchOp>>(&mut self, ops: T) {
        self.ops.extend(ops);
    }
}
