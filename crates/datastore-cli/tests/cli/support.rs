//! A private folder to run the program in, and tables of runs.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_datastore");

/// One run: arguments, standard input, exit code, standard output, and what standard error holds.
pub(crate) type Row<'a> = (&'a [&'a str], &'a str, i32, &'a str, &'a str);

/// A private folder, removed in the end.
pub(crate) struct Sandbox(tempfile::TempDir);

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a private folder"))
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    /// A program that runs in this folder and knows nothing of the caller's store.
    pub(crate) fn prepare(&self, mut command: Command) -> Command {
        command.current_dir(self.root()).env_remove("DATASTORE_URL");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.prepare(Command::new(PROGRAM));
        command.args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.command(args)
            .output()
            .expect("the program starts")
            .into()
    }

    pub(crate) fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        feed(self.command(args), input)
    }

    /// Runs that must succeed; what the last one wrote.
    pub(crate) fn all(&self, runs: &[&[&str]]) -> String {
        let mut out = String::new();
        for args in runs {
            let ran = self.run(args);
            assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
            out = ran.out;
        }
        out
    }

    /// Runs one row after another in this folder.
    pub(crate) fn check(&self, rows: &[Row<'_>]) {
        for (args, input, code, out, err) in rows {
            let ran = self.run_with(args, input.as_bytes());
            assert_eq!(ran.code, *code, "{args:?}: {ran:?}");
            assert_eq!(ran.out, *out, "{args:?}: {ran:?}");
            assert!(
                ran.err.contains(err),
                "{args:?} does not say {err:?}: {ran:?}"
            );
            assert_eq!(ran.err.is_empty(), err.is_empty(), "{args:?}: {ran:?}");
        }
    }

    pub(crate) fn write(&self, relative: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, contents).expect("written");
    }

    pub(crate) fn read(&self, relative: &str) -> Vec<u8> {
        fs::read(self.path(relative)).expect(relative)
    }

    /// How many files there are below a folder, if there is one.
    #[cfg(unix)]
    pub(crate) fn count(&self, relative: &str) -> usize {
        let mut count = 0;
        let mut folders = vec![self.path(relative)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                } else {
                    count += 1;
                }
            }
        }
        count
    }

    /// All files below a folder, but for those of the store itself.
    pub(crate) fn files(&self, relative: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let root = self.path(relative);
        collect(&root, &root, &mut found);
        found
    }
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry"))
    {
        let path = entry.path();
        if entry.file_name() == ".datastore" {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            let name = path.strip_prefix(root).expect("below").to_owned();
            found.insert(name, fs::read(&path).unwrap_or_default());
        }
    }
}

/// Runs a command with this standard input.
pub(crate) fn feed(mut command: Command, input: &[u8]) -> Ran {
    let mut child: Child = command
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A program that refuses early does not read it all.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("the program ends").into()
}
