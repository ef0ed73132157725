//! Many keys in order, in little memory.

use interface_datastore::{Entry, Key};

/// How much room for keys is made at a time.
const CHUNK: usize = 1 << 20;

/// Keys with the sizes of their values, to be sorted. An entry takes 24 bytes besides those of its key.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The bytes of the keys, end to end; a key lies in one chunk.
    chunks: Vec<Vec<u8>>,
    spans: Vec<Span>,
}

/// Where a key lies, and the size of its value.
#[derive(Debug, Clone, Copy)]
struct Span {
    chunk: u32,
    start: u32,
    len: u32,
    /// `u64::MAX`: not told.
    size: u64,
}

impl Listing {
    /// Adds an entry; false if its key is longer than 4 GiB, or the keys so far are longer than 2^52 bytes.
    #[must_use]
    pub(crate) fn push(&mut self, entry: &Entry) -> bool {
        let key = entry.key.as_bytes();
        let has_room = |chunk: &Vec<u8>| chunk.capacity() - chunk.len() >= key.len();
        if !self.chunks.last().is_some_and(has_room) {
            self.chunks.push(Vec::with_capacity(CHUNK.max(key.len())));
        }
        let count = self.chunks.len();
        let Some(chunk) = self.chunks.last_mut() else {
            return false;
        };
        let narrow = |number: usize| u32::try_from(number).ok();
        let span = (narrow(count - 1), narrow(chunk.len()), narrow(key.len()));
        let (Some(index), Some(start), Some(len)) = span else {
            return false;
        };
        chunk.extend_from_slice(key);
        self.spans.push(Span {
            chunk: index,
            start,
            len,
            size: entry.size.unwrap_or(u64::MAX),
        });
        true
    }

    /// The entries in ascending order of their keys' bytes, or in descending order.
    pub(crate) fn in_order(mut self, reverse: bool) -> impl Iterator<Item = Entry> {
        let Self { chunks, spans } = &mut self;
        spans.sort_unstable_by(|a, b| {
            let ascending = bytes(chunks, a).cmp(bytes(chunks, b));
            if reverse {
                ascending.reverse()
            } else {
                ascending
            }
        });
        let Self { chunks, spans } = self;
        spans.into_iter().filter_map(move |span| {
            let key = Key::raw(bytes(&chunks, &span)).ok()?;
            Some(match span.size {
                u64::MAX => Entry::of_key(key),
                size => Entry::of_size(key, size),
            })
        })
    }
}

/// The bytes of a key. Spans are made by `push` alone, so none points elsewhere.
fn bytes<'c>(chunks: &'c [Vec<u8>], span: &Span) -> &'c [u8] {
    let (start, len) = (span.start as usize, span.len as usize);
    let chunk = chunks.get(span.chunk as usize);
    chunk
        .and_then(|chunk| chunk.get(start..start + len))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_in_order() {
        let long = "n".repeat(CHUNK * 2);
        let keys = ["/b", "/", "/a/b", "/a", &long, "/a-b", "/\u{e9}", "/b/"];
        let mut entries: Vec<Entry> = (0..)
            .zip(keys)
            .map(|(size, key)| Entry::of_size(Key::raw(format!("/{key}")).unwrap(), size))
            .collect();
        entries
            .extend((0..200_000).map(|number| Entry::of_key(Key::new(format!("/many/{number}")))));
        for reverse in [false, true] {
            let mut listing = Listing::default();
            assert!(entries.iter().all(|entry| listing.push(entry)));
            let mut expected = entries.clone();
            expected.sort_by(|a, b| a.key.cmp(&b.key));
            if reverse {
                expected.reverse();
            }
            assert!(listing.in_order(reverse).eq(expected));
        }
    }
}
