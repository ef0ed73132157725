//! Values encrypted on their way to a store that is not trusted, with a cache of readable ones in front.
//!
//! `cargo run -p datastore-core --example cached_secrets`

use datastore_core::{CacheDatastore, EncryptDatastore, MemoryDatastore, encrypt::SecretKey};
use interface_datastore::{DatastoreExt, ErrorKind, Key, Result};

async fn run() -> Result<Vec<String>> {
    let untrusted = MemoryDatastore::new();
    let secret = SecretKey::generate()?;
    let sealed = EncryptDatastore::new(&untrusted, &secret);
    // The cache is outside, so that a value is decrypted once. It holds up to 1 MiB.
    let store = CacheDatastore::new(&sealed, 1 << 20);

    let key = Key::new("/tokens/mail");
    store.put(&key, "swordfish").await?;
    let held = untrusted.get(&key).await?;
    assert!(!held.windows(9).any(|part| part == b"swordfish"));

    store.invalidate(&key);
    assert_eq!(store.get(&key).await?, "swordfish");
    assert_eq!(store.get(&key).await?, "swordfish");
    let stats = store.stats();

    // A value under another key than its own is not given, as neither is one that was changed.
    untrusted.put(&Key::new("/tokens/bank"), held).await?;
    let swapped = store.get(&Key::new("/tokens/bank")).await;
    let refused = swapped.map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::Damaged));
    Ok(vec![
        format!("read {} time(s) from the store below", stats.misses),
        format!("read {} time(s) from the cache", stats.hits),
        "a value moved to another key is refused".to_owned(),
    ])
}

#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    for line in pollster::block_on(run())? {
        println!("{line}");
    }
    Ok(())
}
