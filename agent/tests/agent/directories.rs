//! Directories made and trees removed.

use crate::client::{code, file};
use crate::harness::TestAgent;
use serde_json::{json, Value};
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A directory for files, which goes with the agent's.
fn space(agent: &TestAgent) -> PathBuf {
    let path = agent.dir.join("files");
    fs::create_dir_all(&path).unwrap();
    path
}

fn make_fifo(path: &Path) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

fn names(path: &Path) -> Vec<String> {
    let mut all: Vec<String> =
        fs::read_dir(path).unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    all.sort();
    all
}

#[test]
fn directories_are_made_with_and_without_their_parents() {
    let agent = TestAgent::start();
    let space = space(&agent);
    let mkdir = |name: &str, more: Value| {
        let mut request = json!({"op": "mkdir", "path": space.join(name)});
        more.as_object().unwrap().iter().for_each(|(name, value)| request[name.as_str()] = value.clone());
        file(&agent, request)
    };
    let made = mkdir("a", json!({"mode": 0o1770})).unwrap();
    assert_eq!(made["entry"]["permissions"], "drwxrwx--T");
    assert_eq!(code(mkdir("a", json!({}))), "exists");
    assert_eq!(code(mkdir("x/y/z", json!({}))), "not_found");
    mkdir("x/y/z", json!({"parents": true, "uid": 5, "gid": 6})).unwrap();
    assert_eq!((fs::metadata(space.join("x")).unwrap().uid(), fs::metadata(space.join("x/y/z")).unwrap().gid()), (5, 6));
    fs::write(space.join("f"), "").unwrap();
    assert_eq!(code(mkdir("f", json!({}))), "not_directory");
    assert_eq!(code(mkdir("f/g", json!({"parents": true}))), "not_directory");
    assert_eq!(code(mkdir(&format!("n/m/{}", "x".repeat(256)), json!({"parents": true}))), "name_too_long");
    assert!(!space.join("n").exists(), "what was made on the way goes again");
    assert_eq!(code(file(&agent, json!({"op": "mkdir", "path": "/"}))), "exists");
}

/// Makes a tree of this many levels, deeper than any path can name.
fn deep_tree(at: &Path, levels: usize) {
    let script =
        format!("import os\nos.chdir({:?})\nfor n in range({}):\n os.mkdir('d'); os.chdir('d')\nopen('leaf','w').close()", at, levels);
    let status = std::process::Command::new("python3").args(["-c", &script]).status().unwrap();
    assert!(status.success());
}

#[test]
fn what_is_removed_goes_to_any_depth_and_nothing_that_a_link_leads_to() {
    let agent = TestAgent::start();
    let space = space(&agent);
    let remove = |name: &str, recursive: bool| file(&agent, json!({"op": "remove", "path": space.join(name), "recursive": recursive}));
    fs::create_dir_all(space.join("kept/inside")).unwrap();
    fs::create_dir_all(space.join("tree/sub")).unwrap();
    (0..3000).for_each(|number| drop(fs::File::create(space.join(format!("tree/sub/{}", number))).unwrap()));
    symlink(space.join("kept"), space.join("tree/link")).unwrap();
    symlink("kept", space.join("link")).unwrap();
    make_fifo(&space.join("tree/fifo"));
    fs::set_permissions(space.join("tree/sub"), fs::Permissions::from_mode(0o000)).unwrap();
    assert_eq!(code(remove("tree", false)), "not_empty");
    assert_eq!(remove("tree", true).unwrap()["removed"], 3004);
    remove("link", true).unwrap();
    assert_eq!(names(&space), ["kept"]);
    assert_eq!(code(remove("none", true)), "not_found");
    assert_eq!(code(file(&agent, json!({"op": "remove", "path": "/", "recursive": true}))), "bad_request");
    assert_eq!(code(file(&agent, json!({"op": "remove", "path": space.join("kept/.."), "recursive": true}))), "bad_request");
    remove("kept/inside", false).unwrap();
    fs::create_dir(space.join("deep")).unwrap();
    deep_tree(&space.join("deep"), 10_000);
    assert_eq!(remove("deep", true).unwrap()["removed"], 10_002);
    assert_eq!(names(&space), ["kept"]);
}
