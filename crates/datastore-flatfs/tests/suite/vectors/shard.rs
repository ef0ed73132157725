//! Identifiers of shard functions, and the folders that they give.

use datastore_flatfs::{ShardError, ShardFunction};
use serde_json::Value;

use super::section;

/// What Go says, and the error that stands for it here.
fn stands_for(message: &str, error: &ShardError) -> bool {
    match error {
        ShardError::Empty => message == "empty shard identifier",
        ShardError::Prefix(_) => message.starts_with("invalid or no prefix in shard identifier"),
        ShardError::Parts(_) => message.starts_with("invalid shard identifier"),
        ShardError::Version(_) => message.starts_with("expected 'v1' for version string"),
        ShardError::Length(_) => message.starts_with("invalid parameter"),
        ShardError::Name(_) => message.starts_with("expected 'prefix', 'suffix' or 'next-to-last'"),
        _ => false,
    }
}

/// Numbers below zero make Go panic, when it parses or when it first uses the function.
fn is_negative(identifier: &str) -> bool {
    let number = identifier.rsplit('/').next().unwrap_or_default();
    number.parse::<i64>().is_ok_and(|number| number < 0)
}

#[test]
fn identifiers() {
    for row in section("shard_parse") {
        let input = row["input"].as_str().unwrap();
        let parsed: Result<ShardFunction, _> = input.parse();
        let expected = &row["expect"];
        match (&parsed, &expected["canonical"], &expected["error"]) {
            (Err(ShardError::Negative(_)), _, Value::Null) => {
                assert!(is_negative(input), "{row}: {parsed:?}");
            }
            (Ok(function), Value::String(canonical), _) => {
                assert_eq!(function.to_string(), *canonical, "{row}");
                assert_eq!(canonical.parse().as_ref(), Ok(function), "{row}");
            }
            (Err(error), _, Value::String(message)) => {
                assert!(stands_for(message, error), "{row}: {error:?}");
            }
            _ => panic!("{row}: {parsed:?}"),
        }
    }
}

#[test]
fn folders() {
    for row in section("shard_dirs") {
        let (shard, key) = (row["shard"].as_str().unwrap(), row["key"].as_str().unwrap());
        let (text, expected) = (key.strip_prefix('/').unwrap(), &row["expect"]);
        match shard.parse::<ShardFunction>() {
            Ok(function) => {
                let dir = function.dir(text);
                assert_eq!(dir, expected["dir"], "{row}");
                let path = format!("{dir}{}{text}.data", if dir.is_empty() { "" } else { "/" });
                assert_eq!(path, expected["path"], "{row}");
            }
            Err(error) => {
                assert!(expected["panic"].is_string(), "{row}: {error}");
                assert!(matches!(error, ShardError::Negative(_)), "{row}: {error}");
            }
        }
    }
}

/// The functions that programs make for themselves are those that identifiers name.
#[test]
fn made_without_an_identifier() {
    type Make = fn(u64) -> Result<ShardFunction, ShardError>;
    let functions: [(&str, Make); 3] = [
        ("prefix", ShardFunction::prefix),
        ("suffix", ShardFunction::suffix),
        ("next-to-last", ShardFunction::next_to_last),
    ];
    for (name, make) in functions {
        for length in [0, 1, 2, 3, 255] {
            let identifier = format!("/repo/flatfs/shard/v1/{name}/{length}");
            assert_eq!(make(length).unwrap().to_string(), identifier);
            assert_eq!(make(length), identifier.parse());
        }
        for length in [256, u64::MAX] {
            assert_eq!(make(length), Err(ShardError::TooLong(length)));
        }
    }
    assert_eq!(
        ShardFunction::next_to_last(2).unwrap(),
        ShardFunction::default()
    );
}

/// No identifier and no key makes it panic or take memory without bound.
#[test]
fn hostile_identifiers() {
    let long = "9".repeat(100_000);
    let numbers = [
        "9223372036854775807",
        "-9223372036854775808",
        &long,
        "\u{0}",
        "+",
        "-",
        "2/../..",
    ];
    for name in ["prefix", "suffix", "next-to-last", "\u{feff}prefix"] {
        for number in numbers {
            let identifier = format!("/repo/flatfs/shard/v1/{name}/{number}");
            match identifier.parse::<ShardFunction>() {
                Ok(function) => assert!(function.dir("\u{1f512}A").len() <= 1024),
                Err(error) => assert!(error.to_string().len() < 500, "{error}"),
            }
        }
    }
}
