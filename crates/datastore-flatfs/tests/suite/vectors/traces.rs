//! The traces: operations run by go-ds-flatfs, one after another, with what came of each.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use datastore_flatfs::{Blocking, FlatfsOptions};
use serde_json::{Value, json};

use super::better::{BETTER, COUNTED, COUNTED_AGAIN, Numbers, Ours};
use super::interpreter::Interpreter;
use super::section;
use super::tree::{self, Tree};
use crate::common::hex::{hex, unhex};

/// How long a number that is written behind the scenes may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an operation led to.
#[derive(Debug, PartialEq)]
enum Outcome {
    Told(Value),
    Tree(Tree),
}

/// The vector's outcome without what is there for people, and in the classes of errors that ours have.
fn theirs(op: &Value) -> Value {
    let mut expected = op["expect"].clone();
    let fields = expected.as_object_mut().unwrap();
    if fields.remove("message").is_some() {
        fields.remove("size");
    }
    // Opening what is no store is one class here.
    if fields.get("error") == Some(&json!("sharding_missing")) {
        fields.insert("error".to_owned(), json!("other"));
    }
    // The number of bytes says it all where folders are as large as they were there.
    for field in ["bytes_beyond_dirs", "dirs", "dir_size"] {
        fields.remove(field);
    }
    expected
}

/// The length of the text that the original writes into `_README`.
const README_LEN: i64 = 1123;

/// How much longer ours is, where there is one.
fn readme_excess(dir: &Path) -> i64 {
    let len = std::fs::metadata(dir.join("_README")).map(|metadata| metadata.len() as i64);
    len.map_or(0, |len| len - README_LEN)
}

/// Numbers of bytes as the original would have told them.
fn with_more_bytes(mut expected: Value, more: i64) -> Value {
    if let Some(value) = expected["value"].as_str() {
        expected["value"] = json!((value.parse::<i128>().unwrap() + i128::from(more)).to_string());
    }
    if let Some(text) = expected["text"].as_str() {
        expected["text"] = json!(cache_with_more(text, more));
    }
    expected
}

fn cache_with_more(text: &str, more: i64) -> String {
    let Ok(Value::Object(cache)) = serde_json::from_str(text) else {
        return text.to_owned();
    };
    let before = cache.get("diskUsage").and_then(Value::as_i64);
    match before {
        Some(bytes) => text.replacen(&bytes.to_string(), &(bytes + more).to_string(), 1),
        None => text.to_owned(),
    }
}

fn with_more_in_cache(mut tree: Tree, more: i64) -> Tree {
    if let Some(words) = tree.get_mut("diskUsage.cache") {
        let (mode, contents) = words.split_once(' ').unwrap();
        if contents != "usage-cache" {
            let text = String::from_utf8(unhex(contents)).unwrap();
            *words = format!("{mode} {}", hex(cache_with_more(&text, more).as_bytes()));
        }
    }
    tree
}

/// The outcome that a step must have.
fn expected(step: &Step<'_>, batched: &BTreeSet<String>) -> Outcome {
    let Step {
        name,
        at,
        op,
        numbers,
    } = *step;
    if let Some(told) = counted_again(step) {
        return Outcome::Told(told);
    }
    let row = BETTER.iter().find(|row| {
        row.trace == name
            && row.steps.contains(&at)
            && row.numbers.is_none_or(|only| only == numbers)
    });
    match (row.map(|row| &row.ours), op["op"] == "tree") {
        (None, false) => Outcome::Told(theirs(op)),
        (Some(Ours::Told(text)), false) => Outcome::Told(serde_json::from_str(text).unwrap()),
        (None, true) => Outcome::Tree(expected_tree(op, batched, &[], &[])),
        (Some(Ours::Tree { without, with }), true) => {
            Outcome::Tree(expected_tree(op, batched, without, with))
        }
        _ => panic!("the row for {name} {at} is of another kind"),
    }
}

/// Where nobody vouches for a number that was found.
fn counted_again(step: &Step<'_>) -> Option<Value> {
    if !COUNTED_AGAIN.contains(&step.name) || step.numbers == Numbers::Trusted {
        return None;
    }
    match step.at {
        7 => Some(json!({"value": COUNTED.to_string()})),
        8 => Some(json!({"accuracy": "initial-exact"})),
        9 | 11 => {
            let text = format!("{{\"diskUsage\":{COUNTED},\"accuracy\":\"initial-exact\"}}\n");
            Some(json!({"text": text}))
        }
        _ => None,
    }
}

fn expected_tree(
    op: &Value,
    batched: &BTreeSet<String>,
    without: &[&str],
    with: &[(&str, &str)],
) -> Tree {
    let mut tree = tree::expected(&op["expect"]["tree"], batched, op["full"] == true);
    for path in without {
        let before = tree.len();
        tree.retain(|name, _| !name.starts_with(path));
        assert_ne!(tree.len(), before, "{op}: no {path} to leave out");
    }
    let own = |(path, words): &(&str, &str)| ((*path).to_owned(), (*words).to_owned());
    tree.extend(with.iter().map(own));
    tree::without_scratch(tree)
}

/// A step of a trace.
#[derive(Clone, Copy)]
struct Step<'a> {
    name: &'a str,
    at: usize,
    op: &'a Value,
    numbers: Numbers,
}

async fn outcome(interpreter: &mut Interpreter, op: &Value) -> Outcome {
    if op["op"] == "tree" {
        return Outcome::Tree(tree::found(&interpreter.dir(op), op["full"] == true));
    }
    Outcome::Told(interpreter.perform(op).await)
}

/// Runs a trace to its end, or to the step that has another outcome.
async fn run(trace: &Value, options: FlatfsOptions, numbers: Numbers) -> Result<(), String> {
    let name = trace["name"].as_str().unwrap();
    let mut interpreter = Interpreter::new(options);
    let mut slept = false;
    for (at, op) in trace["ops"].as_array().unwrap().iter().enumerate() {
        if op["op"] == "sleep_ms" {
            slept = true;
            continue;
        }
        let begun = Instant::now();
        loop {
            let found = outcome(&mut interpreter, op).await;
            let more = readme_excess(&interpreter.dir(op));
            let step = Step {
                name,
                at,
                op,
                numbers,
            };
            let expected = match expected(&step, &interpreter.batched) {
                Outcome::Told(told) => Outcome::Told(with_more_bytes(told, more)),
                Outcome::Tree(tree) => Outcome::Tree(with_more_in_cache(tree, more)),
            };
            // What is written behind the scenes may come late.
            let patient = slept || op["op"] == "read_cache" || op["op"] == "tree";
            if found != expected && patient && begun.elapsed() < PATIENCE {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            if found != expected {
                return Err(format!(
                    "{name}: step {at} {op}\n found {found:?}\n not {expected:?}"
                ));
            }
            break;
        }
        slept = false;
    }
    Ok(())
}

async fn run_all(options: FlatfsOptions, numbers: Numbers) {
    let options = options.with_recount(numbers == Numbers::Recounted);
    let (mut steps, mut failures) = (BTreeSet::new(), Vec::new());
    for trace in section("traces") {
        failures.extend(run(&trace, options.clone(), numbers).await.err());
        let name = trace["name"].as_str().unwrap().to_owned();
        steps.extend((0..trace["ops"].as_array().unwrap().len()).map(|at| (name.clone(), at)));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let rows = BETTER
        .iter()
        .flat_map(|row| row.steps.iter().map(move |at| (row.trace, *at)));
    let counted = COUNTED_AGAIN.iter().map(|trace| (*trace, 11));
    for (trace, at) in rows.chain(counted) {
        assert!(
            steps.contains(&(trace.to_owned(), at)),
            "no step {at} in {trace}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traces() {
    run_all(FlatfsOptions::new(), Numbers::Recounted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_inline() {
    let options = FlatfsOptions::new().with_blocking(Blocking::Inline);
    run_all(options, Numbers::Trusted).await;
}
