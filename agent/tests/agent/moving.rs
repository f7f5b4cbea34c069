//! Moving, copying, and changing modes and owners.

use crate::client::{code, file};
use crate::harness::TestAgent;
use serde_json::{json, Value};
use std::ffi::CString;
use std::fs;
use std::os::unix::fs::{symlink, FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

fn space(agent: &TestAgent) -> PathBuf {
    let path = agent.dir.join("files");
    fs::create_dir_all(&path).unwrap();
    path
}

fn two(agent: &TestAgent, op: &str, from: &Path, to: &Path, more: Value) -> Result<Value, Value> {
    let mut request = json!({"op": op, "from": from, "to": to});
    more.as_object().unwrap().iter().for_each(|(name, value)| request[name.as_str()] = value.clone());
    file(agent, request)
}

fn names(path: &Path) -> Vec<String> {
    let mut all: Vec<String> =
        fs::read_dir(path).unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    all.sort();
    all
}

fn chown(path: &Path, uid: u32, gid: u32) {
    let path = CString::new(path.to_str().unwrap()).unwrap();
    assert_eq!(unsafe { libc::lchown(path.as_ptr(), uid, gid) }, 0);
}

/// All facts of a tree but inodes, by another program than the agent.
fn facts(path: &Path) -> String {
    let out = Command::new("find")
        .arg(".")
        .args(["-type", "d", "-printf", "%P %y %m %U %G %T@\n", "-o", "-printf", "%P %y %m %U %G %s %l %T@\n"])
        .current_dir(path)
        .output()
        .unwrap();
    let mut lines: Vec<String> = String::from_utf8_lossy(&out.stdout).lines().map(String::from).collect();
    lines.sort();
    lines.join("\n")
}

#[test]
fn what_is_moved_is_there_and_not_here_and_replaces_only_when_asked() {
    let agent = TestAgent::start();
    let space = space(&agent);
    let at = |name: &str| space.join(name);
    fs::write(at("a"), "a").unwrap();
    fs::write(at("b"), "b").unwrap();
    symlink("a", at("link")).unwrap();
    assert_eq!(code(two(&agent, "move", &at("a"), &at("b"), json!({}))), "exists");
    let moved = two(&agent, "move", &at("a"), &at("b"), json!({"overwrite": true})).unwrap();
    assert_eq!((moved["entry"]["name"].as_str(), fs::read(at("b")).unwrap()), (Some("b"), b"a".to_vec()));
    two(&agent, "move", &at("link"), &at("new/dir/link"), json!({"create_parents": true})).unwrap();
    assert_eq!((names(&space), fs::read_link(at("new/dir/link")).unwrap()), (vec!["b".to_string(), "new".to_string()], PathBuf::from("a")));
    assert_eq!(code(two(&agent, "move", &at("new"), &at("new/dir/x"), json!({}))), "bad_request");
    assert_eq!(code(two(&agent, "move", &at("none"), &at("x"), json!({}))), "not_found");
    assert_eq!(code(two(&agent, "move", &at("b"), &at("no/x"), json!({}))), "not_found");
    assert_eq!(code(two(&agent, "move", &at("none"), &at("made/x"), json!({"create_parents": true}))), "not_found");
    assert!(!at("made").exists());
    for (op, from, to, field) in
        [("move", "none", "x", "from"), ("move", "b", "no/x", "to"), ("copy", "none", "x", "from"), ("copy", "b", "new", "to")]
    {
        assert_eq!(two(&agent, op, &at(from), &at(to), json!({})).unwrap_err()["field"], field, "{} {} {}", op, from, to);
    }
    assert_eq!(code(two(&agent, "move", Path::new("/"), &at("x"), json!({}))), "bad_request");
    // To another file system.
    let shm = PathBuf::from(format!("/dev/shm/{}", agent.dir.file_name().unwrap().to_str().unwrap()));
    let before = facts(&at("new"));
    two(&agent, "move", &at("new"), &shm, json!({})).unwrap();
    assert_eq!((facts(&shm), names(&space)), (before, vec!["b".to_string()]));
    two(&agent, "move", &at("b"), &shm.join("b"), json!({})).unwrap();
    assert_eq!((fs::read(shm.join("b")).unwrap(), names(&space).len()), (b"a".to_vec(), 0));
    fs::remove_dir_all(shm).unwrap();
}

#[test]
fn a_copy_has_every_fact_of_the_original_and_appears_whole() {
    let agent = TestAgent::start();
    let space = space(&agent);
    let at = |name: &str| space.join(name);
    fs::create_dir_all(at("tree/sub/deep")).unwrap();
    fs::write(at("tree/sub/f"), vec![7u8; 300_000]).unwrap();
    fs::write(at("tree/empty"), "").unwrap();
    symlink("sub/f", at("tree/link")).unwrap();
    symlink("/nowhere", at("tree/dangling")).unwrap();
    let sparse = fs::File::create(at("tree/sparse")).unwrap();
    sparse.set_len(100 << 20).unwrap();
    sparse.write_all_at(b"middle", 50 << 20).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("tree/socket")).unwrap();
    fs::set_permissions(at("tree/sub/f"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(at("tree/sub/deep"), fs::Permissions::from_mode(0o1700)).unwrap();
    chown(&at("tree/sub"), 12, 34);
    chown(&at("tree/link"), 56, 78);
    let times = "find . -exec touch -h -d @1234567890.25 {} +";
    assert!(Command::new("sh").args(["-c", times]).current_dir(at("tree")).status().unwrap().success());
    let before = facts(&at("tree"));
    assert_eq!(code(two(&agent, "copy", &at("tree"), &at("copy"), json!({}))), "is_directory");
    let result = two(&agent, "copy", &at("tree"), &at("copy"), json!({"recursive": true})).unwrap();
    assert_eq!((&result["entries"], &result["skipped"]), (&json!(8), &json!(1)));
    let without: Vec<&str> = before.lines().filter(|line| !line.starts_with("socket ")).collect();
    assert_eq!(facts(&at("copy")), without.join("\n"));
    assert!(fs::read(at("copy/sparse")).unwrap() == fs::read(at("tree/sparse")).unwrap());
    assert!(fs::metadata(at("copy/sparse")).unwrap().blocks() < 4096, "holes stay holes");
    assert_eq!(names(&space), ["copy", "tree"]);
    // Into itself: what is there at the time, and once.
    two(&agent, "copy", &at("tree/sub"), &at("tree/sub/again"), json!({"recursive": true})).unwrap();
    assert_eq!(names(&at("tree/sub/again")), ["deep", "f"]);
    assert_eq!(code(two(&agent, "copy", &at("tree/empty"), &at("tree/sub/f"), json!({}))), "exists");
    two(&agent, "copy", &at("tree/empty"), &at("tree/sub/f"), json!({"overwrite": true})).unwrap();
    assert_eq!(fs::read(at("tree/sub/f")).unwrap(), b"");
    assert_eq!(code(two(&agent, "copy", &at("tree"), &at("copy"), json!({"recursive": true, "overwrite": true}))), "exists");
    assert_eq!(code(two(&agent, "copy", &at("tree/empty"), &at("tree/empty"), json!({"overwrite": true}))), "bad_request");
    assert_eq!(code(two(&agent, "copy", &at("tree/socket"), &at("s"), json!({}))), "not_a_file");
    assert_eq!(code(two(&agent, "copy", &at("tree/none"), &at("s"), json!({}))), "not_found");
}

#[test]
fn modes_and_owners_change_in_a_whole_tree_but_not_through_its_links() {
    let agent = TestAgent::start();
    let space = space(&agent);
    let at = |name: &str| space.join(name);
    fs::create_dir_all(at("tree/sub")).unwrap();
    fs::write(at("tree/sub/f"), "").unwrap();
    fs::write(at("outside"), "").unwrap();
    symlink(at("outside"), at("tree/link")).unwrap();
    let chmod = |name: &str, more: Value| {
        let mut request = json!({"op": "chmod", "path": at(name)});
        more.as_object().unwrap().iter().for_each(|(name, value)| request[name.as_str()] = value.clone());
        file(&agent, request)
    };
    assert_eq!(chmod("tree", json!({"mode": 0o750, "uid": 3, "recursive": true})).unwrap()["changed"], 4);
    let facts = |name: &str| fs::symlink_metadata(at(name)).map(|about| (about.mode() & 0o7777, about.uid())).unwrap();
    assert_eq!((facts("tree"), facts("tree/sub/f"), facts("tree/link").1), ((0o750, 3), (0o750, 3), 3));
    assert_eq!(facts("outside"), (0o644, 0));
    assert_eq!(chmod("tree/link", json!({"mode": 0o600})).unwrap()["changed"], 1);
    assert_eq!(facts("outside"), (0o600, 0), "a link that is named is followed");
    assert_eq!(code(chmod("tree", json!({}))), "bad_request");
    assert_eq!(code(chmod("none", json!({"mode": 1}))), "not_found");
}
