//! Help, man pages and completions come from the same definitions.

use crate::support::Sandbox;

const COMMANDS: &[&str] = &[
    "put",
    "get",
    "has",
    "rm",
    "ls",
    "stat",
    "du",
    "cp",
    "import",
    "export",
    "flatfs",
    "sync",
    "verify",
    "watch",
    "capabilities",
    "completions",
    "man",
];

#[test]
fn help_names_commands_stores_and_exit_codes() {
    let sandbox = Sandbox::new();
    let help = sandbox.all(&[&["--help"]]);
    let man = sandbox.all(&[&["man"]]);
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        assert!(man.contains(&format!("datastore\\-{command}")), "{man}");
        let page = sandbox.all(&[&["man", command]]);
        assert!(
            page.contains(".SH SYNOPSIS") && page.contains(&format!("datastore\\-{command}")),
            "{page}"
        );
        let own = sandbox.all(&[&["help", command]]);
        assert!(
            own.contains(&format!("Usage: datastore {command}")),
            "{own}"
        );
    }
    for said in [
        "fs:PATH",
        "flatfs:PATH",
        "leveldb:PATH",
        "?extension=",
        "mem:",
        "?durability=",
        "Exit codes:",
        "130, 143",
    ] {
        assert!(help.contains(said), "{said}: {help}");
    }
}

#[test]
fn every_shell_gets_completions() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = sandbox.all(&[&["completions", shell]]);
        assert!(
            COMMANDS.iter().all(|command| script.contains(command)),
            "{shell}"
        );
    }
    sandbox.check(&[
        (&["completions", "csh"], "", 2, "", "invalid value"),
        (&["man", "nothing"], "", 2, "", "there is no command"),
        (&[], "", 2, "", "Usage:"),
        (&["nothing"], "", 2, "", "unrecognized subcommand"),
    ]);
    assert_eq!(
        sandbox.all(&[&["--version"]]),
        format!("datastore {}\n", env!("CARGO_PKG_VERSION"))
    );
}
