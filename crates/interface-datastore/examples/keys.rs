//! What keys are made of, and how they relate: `cargo run -p interface-datastore --example keys`.
#![allow(clippy::print_stdout)]

use std::error::Error;

use interface_datastore::Key;

fn main() -> Result<(), Box<dyn Error>> {
    let actor = Key::new("Comedy/MontyPython/Actor:JohnCleese");
    println!("key        {actor}");
    println!("parent     {}", actor.parent());
    println!(
        "type       {}",
        String::from_utf8_lossy(actor.namespace_type())
    );
    println!("name       {}", String::from_utf8_lossy(actor.name()));
    for namespace in actor.namespaces() {
        println!("namespace  {}", String::from_utf8_lossy(namespace));
    }

    // A store within a store: keys go in with `child` and come out with `strip_namespace`.
    let tenant = Key::new("/tenants/7");
    let stored = tenant.child(&actor);
    println!("stored as  {stored}");
    assert_eq!(stored.strip_namespace(&tenant), Some(actor));

    // Ancestors are whole namespaces; a prefix is any bytes.
    let neighbour = Key::new("/tenants/70");
    assert!(neighbour.has_prefix(&tenant));
    assert!(!neighbour.is_descendant_of(&tenant));

    // Bytes need not be text: `Debug` shows them, `Display` replaces them.
    let hash = Key::new(b"/blocks/\x12\x20\xff");
    println!("bytes      {hash:?}");

    println!("random     {}", Key::random()?);
    Ok(())
}
