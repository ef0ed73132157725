//! The tour of the README, and the guides.

use std::{env, path::Path, process::Command};

use crate::{
    stores::kubo_repository,
    support::{PROGRAM, Ran, Sandbox},
};

/// Commands (`$ …`) with the lines that follow them.
fn steps(readme: &str) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            steps.push((command.to_owned(), String::new()));
        } else if let Some((_, out)) = steps.last_mut().filter(|_| inside) {
            *out += line;
            *out += "\n";
        }
    }
    steps
}

/// Runs the commands of a page one after another, and compares what they write.
fn runs_as_written(sandbox: &Sandbox, page: &str, at_least: usize) {
    let programs = Path::new(PROGRAM).parent().expect("a folder");
    let old = env::var_os("PATH").unwrap_or_default();
    let search =
        env::join_paths(std::iter::once(programs.to_owned()).chain(env::split_paths(&old)));
    let search = search.expect("a search path");
    let steps = steps(page);
    assert!(steps.len() >= at_least, "the commands have been found");
    for (step, expected) in steps {
        let mut command = sandbox.prepare(Command::new("sh"));
        command.args(["-c", &step]).env("PATH", &search);
        let ran: Ran = command.output().expect("sh runs").into();
        assert_eq!(ran.out, expected, "{step}: {ran:?}");
        assert_eq!(ran.code, 0, "{step}: {ran:?}");
    }
}

#[test]
fn the_tour_does_what_it_says() {
    runs_as_written(&Sandbox::new(), include_str!("../../README.md"), 16);
}

#[test]
fn the_guide_to_the_blocks_of_kubo_does_what_it_says() {
    let page = include_str!("../../guides/kubo-blocks.md");
    runs_as_written(&Sandbox::new(), page, 12);
}

#[test]
fn the_guide_to_whole_kubo_repositories_does_what_it_says() {
    let sandbox = Sandbox::new();
    kubo_repository(&sandbox);
    let page = include_str!("../../guides/kubo-repository.md");
    runs_as_written(&sandbox, page, 9);
}
