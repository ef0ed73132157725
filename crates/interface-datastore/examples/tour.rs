//! A store of six methods, and what every store then can do.

#![allow(clippy::print_stdout, reason = "the example speaks")]

#[path = "../tests/tiny/mod.rs"]
mod tiny;

use interface_datastore::{Key, Query, Result, blocking, query::Order};

fn main() -> Result<()> {
    let store = blocking::Datastore::new(&tiny::Tiny::default());
    for (name, born) in [("ada", "1815"), ("grace", "1906"), ("alan", "1912")] {
        store.put(&Key::new("/people").child_str(name), born)?;
    }
    for entry in
        store.query(Query::within(Key::new("/people")).with_order(Order::by_value().descending()))
    {
        let entry = entry?;
        println!(
            "{} {}",
            entry.key,
            String::from_utf8_lossy(&entry.value.unwrap_or_default())
        );
    }
    println!("removed {}", store.delete_prefix("/people")?);
    Ok(())
}
