//! What holds of the states after a power cut, whatever was done before.

use std::collections::BTreeSet;
use std::path::Path;

use datastore_files::sim::{CrashModel, Node, PowerLossFs};
use datastore_files::{Fs, Links, SyncWhat, Wait};
use proptest::prelude::*;

use crate::runs::config;
use crate::script::{Runner, images, text_of};

/// Scripts that leave more are passed over: what is compared must be complete.
const MAX: usize = 3000;

fn command() -> impl Strategy<Value = String> {
    let path = || prop::sample::select(vec!["a", "b", "d/a", "d/b", "e/a"]);
    let folder = || prop::sample::select(vec!["/", "d", "e"]);
    let text = prop::sample::select(vec!["x", "yyyy", "zzzzzz"]);
    prop_oneof![
        2 => folder().prop_map(|path| format!("mkdir {path}")),
        1 => folder().prop_map(|path| format!("rmdir {path}")),
        4 => path().prop_map(|path| format!("create {path}")),
        4 => (path(), text, 0..6_usize).prop_map(|(path, text, at)| format!("write {path} {text} at {at}")),
        3 => (path(), path()).prop_map(|(from, to)| format!("rename {from} {to}")),
        2 => (path(), path()).prop_map(|(from, to)| format!("rename-new {from} {to}")),
        1 => (folder(), folder()).prop_map(|(from, to)| format!("rename {from} {to}")),
        2 => path().prop_map(|path| format!("remove {path}")),
        3 => path().prop_map(|path| format!("sync {path}")),
        3 => folder().prop_map(|path| format!("sync-dir {path}")),
    ]
}

fn failing_sync() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "fail-sync a",
        "fail-sync d/a",
        "fail-sync-dir /",
        "fail-sync-dir d",
    ])
    .prop_map(str::to_owned)
}

fn after(commands: &[String]) -> Runner {
    let mut runner = Runner::new();
    runner.run("mkdir d; sync-dir /");
    for command in commands {
        runner.attempt(command);
    }
    runner
}

fn states(runner: &Runner, model: CrashModel) -> Option<BTreeSet<String>> {
    let found = images(&runner.cut(model), MAX);
    (found.len() < MAX).then_some(found)
}

/// Syncs all that has a path.
fn sync_all(fs: &PowerLossFs) {
    let root = fs.open_root(Path::new("/")).unwrap();
    fs.sync_dir(&root).unwrap();
    for (path, node) in fs.image().nodes() {
        let path = path.strip_prefix("/").unwrap();
        match node {
            Node::Dir => fs
                .sync_dir(&fs.open_dir(&root, path, Links::Refuse).unwrap())
                .unwrap(),
            _ => fs
                .sync_file(
                    &fs.open_file(&root, path, Wait::Yes).unwrap(),
                    SyncWhat::All,
                )
                .unwrap(),
        }
    }
}

fn check(commands: &[String]) -> Result<(), TestCaseError> {
    let runner = after(commands);
    let (Some(ordered), Some(chaos)) = (
        states(&runner, CrashModel::Ordered),
        states(&runner, CrashModel::Chaos),
    ) else {
        return Ok(());
    };
    let live = text_of(&runner.power.image());
    prop_assert_eq!(&live, &text_of(&runner.cut(CrashModel::Ordered).survivor()));
    prop_assert!(ordered.contains(&live), "all may have arrived: {ordered:?}");
    prop_assert!(
        ordered.is_subset(&chaos),
        "only ordered: {:?}",
        ordered.difference(&chaos)
    );

    sync_all(&runner.power);
    let settled = states(&runner, CrashModel::Ordered);
    prop_assert!(
        settled.is_some_and(|settled| settled.is_subset(&ordered)),
        "a sync adds no state"
    );
    let failed = commands.iter().any(|command| command.starts_with("fail-"));
    if !failed {
        for model in [CrashModel::Ordered, CrashModel::Chaos] {
            prop_assert_eq!(
                states(&runner, model),
                Some(BTreeSet::from([live.clone()])),
                "{:?}",
                model
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(5000, 2))]

    #[test]
    fn states_are_lawful(commands in prop::collection::vec(command(), 1..16)) {
        check(&commands)?;
    }

    #[test]
    fn states_are_lawful_after_failed_syncs(
        commands in prop::collection::vec(prop_oneof![6 => command(), 1 => failing_sync()], 1..16),
    ) {
        check(&commands)?;
    }
}
