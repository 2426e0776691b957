//! Each kind of call on a workspace, and what is no call.

use std::os::unix::ffi::OsStringExt;

use super::*;

fn read(args: &[&str]) -> Option<Work> {
    Work::read(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
}

/// A workspace, and what a call finds in it.
fn found(args: &[&str]) -> Result<Value, String> {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    std::fs::create_dir_all(at("d/e")).unwrap();
    std::fs::write(at("a.json"), r#"{"x": [1, 2]}"#).unwrap();
    std::fs::write(at("d/b"), "hi").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", at("l")).unwrap();
    let workspace = Directory::at(place.path()).unwrap();
    read(args).unwrap().done_in(&workspace).map_err(|failed| failed.to_string())
}

#[test]
fn a_list_has_kinds_and_sizes_as_deep_as_is_wanted() {
    assert_eq!(
        found(&["list", "--"]).unwrap(),
        json!({"truncated": false, "entries": [
            {"path": "a.json", "kind": "file", "bytes": 13}, {"path": "d", "kind": "directory"}, {"path": "l", "kind": "link"}]})
    );
    let deep = found(&["list", "--depth=3", "--", "."]).unwrap();
    let paths: Vec<_> =
        deep["entries"].as_array().unwrap().iter().map(|entry| entry["path"].clone()).collect();
    assert_eq!(paths, ["a.json", "d", "d/b", "d/e", "l"]);
    assert_eq!(
        found(&["list", "--", "d"]).unwrap()["entries"][0],
        json!({"path": "b", "kind": "file", "bytes": 2})
    );
    assert!(found(&["list", "--", "../"]).unwrap_err().contains("leads out of the workspace"));
    assert!(found(&["list", "--", "a.json"]).is_err());
}

#[test]
fn a_hash_is_of_regular_files_up_to_a_size() {
    let digest = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";
    assert_eq!(
        found(&["hash", "--most=2", "--", "d/b"]).unwrap(),
        json!({"files": [{"path": "d/b", "sha256": digest, "bytes": 2}]})
    );
    assert!(found(&["hash", "--most=1", "--", "d/b"]).unwrap_err().contains("larger than 1 bytes"));
    assert!(found(&["hash", "--most=9", "--", "d/b", "l"]).unwrap_err().contains("l: a symbolic link"));
    assert!(found(&["hash", "--most=9", "--", "d"]).unwrap_err().contains("no regular file"));
}

#[test]
fn a_query_is_of_one_file() {
    let asked = found(&["query", "--most=99", "--", "a.json", "$.x[1]"]).unwrap();
    assert_eq!(asked["matches"], json!([{"path": "$['x'][1]", "value": 2}]));
    assert!(found(&["query", "--most=5", "--", "a.json", "$"]).unwrap_err().contains("limits.file_size"));
    assert!(
        found(&["query", "--most=99", "--", "d/b", "$"]).unwrap_err().contains("d/b: is no JSON document")
    );
}

#[test]
fn what_is_no_call_is_none() {
    for args in [
        &[][..],
        &["list"],
        &["list", "--depth=0", "--"],
        &["list", "--depth=33", "--"],
        &["list", "--depth=x", "--"],
        &["list", "--", "a", "b"],
        &["hash", "--", "a"],
        &["hash", "--most=1", "--"],
        &["query", "--most=1", "--", "a"],
        &["query", "--most=-1", "--", "a", "$"],
        &["write", "--", "a"],
        &["--"],
    ] {
        assert_eq!(read(args), None, "{args:?}");
    }
}

#[test]
fn a_name_that_is_no_text_is_told_in_base64() {
    let name = OsString::from_vec(vec![b'a', 0xff]);
    assert_eq!(entry(&name, Kind::Other, 0), json!({"kind": "other", "path_base64": "Yf8="}));
    assert_eq!(join(OsStr::new("d"), &name).as_bytes(), b"d/a\xff");
}
