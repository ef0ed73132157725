//! Comparing values without holding them in memory.

use bytes::{Buf, Bytes};
use futures_util::{TryStreamExt, future};
use interface_datastore::{AbortSignal, BoxStream, Datastore, GetOptions, Key, Result};

/// Whether both stores hold the same value under the key. A value that is not there differs from any other.
pub(super) async fn same_value(
    a: &dyn Datastore,
    b: &dyn Datastore,
    key: &Key,
    abort: &AbortSignal,
) -> Result<bool> {
    let options = || GetOptions::default().with_abort(abort.clone());
    let (a, b) = future::join(
        a.get_stream_opts(key, options()),
        b.get_stream_opts(key, options()),
    )
    .await;
    match (a, b) {
        (Ok(a), Ok(b)) => same_bytes(a.body, b.body).await,
        (Err(error), _) | (_, Err(error)) if !error.is_not_found() => Err(error),
        _ => Ok(false),
    }
}

/// Whether both streams give the same bytes, however they are cut into pieces.
async fn same_bytes(
    mut a: BoxStream<'static, Result<Bytes>>,
    mut b: BoxStream<'static, Result<Bytes>>,
) -> Result<bool> {
    let (mut left, mut right) = (Bytes::new(), Bytes::new());
    loop {
        refill(&mut left, &mut a).await?;
        refill(&mut right, &mut b).await?;
        let common = left.len().min(right.len());
        if common == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        if left.get(..common) != right.get(..common) {
            return Ok(false);
        }
        left.advance(common);
        right.advance(common);
    }
}

/// Takes the next piece that holds something once the last one is used up; leaves it empty at the end.
async fn refill(piece: &mut Bytes, stream: &mut BoxStream<'static, Result<Bytes>>) -> Result<()> {
    while piece.is_empty() {
        match stream.try_next().await? {
            Some(next) => *piece = next,
            None => break,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, stream};

    use super::*;

    fn pieces(cut: &[&'static str]) -> BoxStream<'static, Result<Bytes>> {
        let pieces: Vec<_> = cut
            .iter()
            .map(|piece| Ok(Bytes::from_static(piece.as_bytes())))
            .collect();
        Box::pin(stream::iter(pieces))
    }

    #[test]
    fn cuts_make_no_difference() {
        for (a, b, same) in [
            (&[][..], &[][..], true),
            (&[""], &[], true),
            (&["abc"], &["a", "", "bc"], true),
            (&["ab", "cd"], &["abc", "d"], true),
            (&["abc"], &["abd"], false),
            (&["abc"], &["ab"], false),
            (&["a"], &["a", "b"], false),
            (&[], &["a"], false),
        ] {
            let found = same_bytes(pieces(a), pieces(b))
                .now_or_never()
                .unwrap()
                .unwrap();
            assert_eq!(found, same, "{a:?} {b:?}");
        }
    }
}
