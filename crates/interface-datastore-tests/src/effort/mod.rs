//! How much is tried, and how long is waited.

#[cfg(not(target_family = "wasm"))]
mod watchdog;

#[cfg(not(target_family = "wasm"))]
pub(crate) use self::watchdog::unless_stalled;

/// A number of random tries: all of them if `RS_STORES_RUNS` is `full`, else a tenth, at least one.
pub fn runs(full: u64) -> u64 {
    match std::env::var("RS_STORES_RUNS") {
        Ok(asked) if asked == "full" => full,
        _ => (full / 10).max(1),
    }
}

/// Runs a future; where there are no threads nothing can watch over it.
#[cfg(target_family = "wasm")]
pub(crate) async fn unless_stalled<T>(
    _: std::time::Duration,
    future: impl Future<Output = T>,
) -> crate::Outcome<T> {
    Ok(future.await)
}
