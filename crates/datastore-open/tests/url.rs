//! What store URLs mean, as a table.

use std::path::Path;

use datastore_open::StoreUrl;

#[test]
fn texts_are_read() {
    // (text, scheme, path, options, shown)
    type Row = (
        &'static str,
        &'static str,
        &'static [u8],
        &'static [(&'static str, &'static str)],
        &'static str,
    );
    let rows: &[Row] = &[
        ("mem:", "mem", b"", &[], "mem:"),
        ("MEM:", "mem", b"", &[], "mem:"),
        ("fs:data", "fs", b"data", &[], "fs:data"),
        ("fs:/a/b", "fs", b"/a/b", &[], "fs:/a/b"),
        ("fs:my%20data", "fs", b"my data", &[], "fs:my data"),
        ("fs:a%3fb", "fs", b"a?b", &[], "fs:a%3Fb"),
        ("fs:100%25", "fs", b"100%", &[], "fs:100%25"),
        ("fs:%ff", "fs", b"\xff", &[], "fs:%FF"),
        ("fs:a#b+c&d=e", "fs", b"a#b+c&d=e", &[], "fs:a#b+c&d=e"),
        (
            "fs:\u{e9}t\u{e9}",
            "fs",
            "\u{e9}t\u{e9}".as_bytes(),
            &[],
            "fs:\u{e9}t\u{e9}",
        ),
        ("fs:a?x=1", "fs", b"a", &[("x", "1")], "fs:a?x=1"),
        (
            "fs:a?x=1&y=",
            "fs",
            b"a",
            &[("x", "1"), ("y", "")],
            "fs:a?x=1&y=",
        ),
        ("fs:a?x=b=c", "fs", b"a", &[("x", "b=c")], "fs:a?x=b%3Dc"),
        ("fs:a?x=%26%25", "fs", b"a", &[("x", "&%")], "fs:a?x=%26%25"),
        ("fs:a?x=?", "fs", b"a", &[("x", "?")], "fs:a?x=?"),
        ("s3://bucket/p", "s3", b"//bucket/p", &[], "s3://bucket/p"),
        ("data", "fs", b"data", &[], "fs:data"),
        ("/a/b", "fs", b"/a/b", &[], "fs:/a/b"),
        ("//a/b", "fs", b"/a/b", &[], "fs:/a/b"),
        ("./a:b", "fs", b"./a:b", &[], "fs:./a:b"),
        ("odd?x=%20", "fs", b"odd?x=%20", &[], "fs:odd%3Fx=%2520"),
        (r"C:\data", "fs", br"C:\data", &[], r"fs:C:\data"),
        ("c:/data", "fs", b"c:/data", &[], "fs:c:/data"),
        ("1a:b", "fs", b"1a:b", &[], "fs:1a:b"),
    ];
    for (text, scheme, path, options, shown) in rows {
        let url = StoreUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(url.scheme(), *scheme, "{text}");
        assert_eq!(url.path(), *path, "{text}");
        assert_eq!(url.options().collect::<Vec<_>>(), *options, "{text}");
        assert_eq!(url.to_string(), *shown, "{text}");
        assert_eq!(StoreUrl::parse(shown).expect("reads back"), url, "{shown}");
    }
}

#[test]
fn wrong_texts_are_refused() {
    for (text, says) in [
        ("", "empty"),
        ("fs:a%", "two hexadecimal digits"),
        ("fs:a%2", "two hexadecimal digits"),
        ("fs:a%+1", "two hexadecimal digits"),
        ("fs:a?", "has no value"),
        ("fs:a?x", "has no value"),
        ("fs:a?x=1&", "has no value"),
        ("fs:a?=1", "has no name"),
        ("fs:a?x=1&x=2", "there twice"),
        ("fs:a?x=%ff", "not UTF-8"),
        ("fs:a?x=%zz", "two hexadecimal digits"),
    ] {
        let error = StoreUrl::parse(text).expect_err(text).to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn paths_of_files() {
    for (text, path) in [
        ("fs:a", Ok("a")),
        ("fs:/a", Ok("/a")),
        ("fs:///a", Ok("/a")),
        ("//a", Ok("/a")),
        ("fs://a/b", Err("write fs:a/b or fs:/a/b")),
        ("fs:", Err("the path is empty")),
        ("fs:a%00b", Err("NUL")),
    ] {
        let found = StoreUrl::parse(text).and_then(|url| url.file_path());
        match (found, path) {
            (Ok(found), Ok(path)) => assert_eq!(found, Path::new(path), "{text}"),
            (Err(error), Err(says)) => assert!(error.to_string().contains(says), "{text}: {error}"),
            (found, path) => panic!("{text}: {found:?} is not {path:?}"),
        }
    }
}
