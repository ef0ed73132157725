//! Processes that are killed.
//!
//! A test starts itself once more as a process of its own, which changes a directory without end and tells each step through a
//! pipe, before it begins and after it was acknowledged. The parent kills it at some moment and looks at the directory.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fastrand::Rng;
use interface_datastore_tests::runs;

/// Tell the child process where the directory is, and with which step it begins.
const FOLDER: &str = "FLATFS_TESTS_KILLED_FOLDER";
const START: &str = "FLATFS_TESTS_KILLED_START";
/// Kills before there is a new directory.
const KILLS_PER_FOLDER: u64 = 10;

/// How far a child came.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Told {
    /// The last step that was begun.
    pub(crate) begun: Option<u64>,
    /// The last step that was acknowledged.
    pub(crate) done: Option<u64>,
}

impl Told {
    fn read(&mut self, line: &str) {
        let number = |text: &str| text.parse().ok();
        match line.split_once(' ') {
            Some(("@begin", step)) => self.begun = number(step).or(self.begun),
            Some(("@done", step)) => self.done = number(step).or(self.done),
            _ => {}
        }
    }

    /// The step with which the next child begins.
    fn next(self, start: u64) -> u64 {
        self.begun.map_or(start, |step| step + 1)
    }
}

/// What is killed, and how its remains are looked at.
pub(crate) struct Victim<S> {
    /// The path of the `#[test]`.
    pub(crate) test: &'static str,
    /// What the child has done to the directory before it begins, and what is known of it.
    pub(crate) prepare: fn(&Path) -> S,
    /// One step of the child.
    pub(crate) step: fn(&Path, u64),
    /// Looks after a kill; begun with this step, and told so much.
    pub(crate) look: fn(&Path, &mut S, u64, Told),
    /// The kill comes at most so many steps after the first, and then so long after a step was begun or acknowledged.
    pub(crate) steps: u64,
    pub(crate) pause: Duration,
}

impl<S> Victim<S> {
    /// Kills 500 children if `RS_STORES_RUNS` is `full`, else 50. Gives what is known in the end of each directory.
    pub(crate) fn kill(&self) -> Vec<S> {
        if let Some(folder) = env::var_os(FOLDER) {
            self.go_on(&PathBuf::from(folder));
        }
        let kills = runs(500);
        let mut known = Vec::new();
        for first in (0..kills).step_by(KILLS_PER_FOLDER as usize) {
            let folder = tempfile::tempdir().unwrap();
            let mut state = (self.prepare)(folder.path());
            let mut start = 0;
            for kill in first..kills.min(first + KILLS_PER_FOLDER) {
                let told = self.kill_one(folder.path(), start, &mut Rng::with_seed(kill));
                (self.look)(folder.path(), &mut state, start, told);
                start = told.next(start);
            }
            known.push(state);
        }
        known
    }

    /// What the child does.
    fn go_on(&self, folder: &Path) -> ! {
        let start: u64 = env::var(START).unwrap().parse().unwrap();
        for step in start.. {
            tell("begin", step);
            (self.step)(folder, step);
            tell("done", step);
        }
        unreachable!("there are more numbers than a process lives")
    }

    fn kill_one(&self, folder: &Path, start: u64, random: &mut Rng) -> Told {
        let (last, at_begin) = (start + random.u64(..self.steps), random.bool());
        let pause = Duration::from_micros(random.u64(..self.pause.as_micros() as u64));
        let mut child = self.spawn(folder, start);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = Told::default();
        let mut is_reached = false;
        while !is_reached {
            let Some(Ok(line)) = lines.next() else {
                panic!(
                    "the child ended by itself after {told:?}: {}",
                    child.wait().unwrap()
                );
            };
            told.read(&line);
            let reached = if at_begin { told.begun } else { told.done };
            is_reached = reached.is_some_and(|step| step >= last);
        }
        let end = Instant::now() + pause;
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it told before it died still counts.
        lines
            .map_while(Result::ok)
            .for_each(|line| told.read(&line));
        told
    }

    fn spawn(&self, folder: &Path, start: u64) -> Child {
        Command::new(env::current_exe().unwrap())
            .args([self.test, "--exact", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder)
            .env(START, start.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// One line in one write, so that a kill never cuts it.
fn tell(what: &str, step: u64) {
    let mut out = std::io::stdout().lock();
    // Where the parent is gone this ends the child.
    out.write_all(format!("\n@{what} {step}\n").as_bytes())
        .unwrap();
    out.flush().unwrap();
}
