//! Files: facts, lists, bytes in and out, directories.

use crate::client::{code, download, file, sha256, upload, Client};
use crate::harness::{TestAgent, Wish};
use capsuled_agent::frame::Kind;
use serde_json::{json, Value};
use std::ffi::{CString, OsStr};
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A directory for files, which goes with the agent's.
pub fn space(agent: &TestAgent) -> PathBuf {
    let path = agent.dir.join("files");
    fs::create_dir_all(&path).unwrap();
    path
}

pub fn make_fifo(path: &Path) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

fn stat(agent: &TestAgent, path: &Path) -> Value {
    file(agent, json!({"op": "stat", "path": path})).unwrap()["entry"].clone()
}

pub fn read(agent: &TestAgent, request: Value) -> Result<(Value, Vec<u8>, Value), Value> {
    let mut client = Client::connect(agent);
    client.send(Kind::File, &request);
    download(&mut client)
}

pub fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8).collect()
}

fn names(path: &Path) -> Vec<String> {
    let mut all: Vec<String> =
        fs::read_dir(path).unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    all.sort();
    all
}

#[test]
fn stat_tells_every_fact_of_what_is_at_a_path_and_where_a_link_leads() {
    let agent = TestAgent::start();
    let space = space(&agent);
    fs::write(space.join("a.txt"), "hello").unwrap();
    fs::set_permissions(space.join("a.txt"), fs::Permissions::from_mode(0o4750)).unwrap();
    let entry = stat(&agent, &space.join("a.txt"));
    let wanted = json!({
        "name": "a.txt", "path": space.join("a.txt"), "type": "file", "size": 5, "mode": 0o4750, "permissions": "-rwsr-x---",
        "uid": 0, "gid": 0, "owner": "root", "group": "root", "modified_at_ms": entry["modified_at_ms"],
    });
    assert_eq!(entry, wanted);
    let modified = fs::metadata(space.join("a.txt")).unwrap();
    assert_eq!(entry["modified_at_ms"], modified.mtime() * 1000 + modified.mtime_nsec() / 1_000_000);
    symlink("a.txt", space.join("link")).unwrap();
    symlink("nowhere", space.join("dangling")).unwrap();
    symlink(".", space.join("here")).unwrap();
    make_fifo(&space.join("fifo"));
    let told = |name: &str| {
        let entry = stat(&agent, &space.join(name));
        (entry["type"].clone(), entry["symlink_target"].clone(), entry["target_type"].clone())
    };
    assert_eq!(told("link"), (json!("symlink"), json!("a.txt"), json!("file")));
    assert_eq!(told("dangling"), (json!("symlink"), json!("nowhere"), Value::Null));
    assert_eq!(told("here"), (json!("symlink"), json!("."), json!("directory")));
    assert_eq!(told("fifo"), (json!("other"), Value::Null, Value::Null));
    assert_eq!(stat(&agent, Path::new("/"))["name"], "/");
    assert_eq!(stat(&agent, &space.join("here/"))["type"], "symlink", "a slash at the end changes nothing");
}

#[test]
fn what_is_wrong_with_a_path_is_told_by_its_code() {
    let agent = TestAgent::start();
    let space = space(&agent);
    fs::write(space.join("f"), "").unwrap();
    symlink("loop", space.join("loop")).unwrap();
    let at = |name: &str| space.join(name).to_str().unwrap().to_string();
    let cases = [
        (at("none"), "not_found"),
        (at("none/none"), "not_found"),
        (at("f/x"), "not_directory"),
        (at("loop/x"), "symlink_loop"),
        (at(&"n".repeat(256)), "name_too_long"),
        (format!("/{}", "n/".repeat(2048)), "name_too_long"),
        ("relative".to_string(), "bad_request"),
        (String::new(), "bad_request"),
        (at("a\u{0}b"), "bad_request"),
        (at(".."), "bad_request"),
    ];
    for (path, wanted) in cases {
        assert_eq!(code(file(&agent, json!({"op": "stat", "path": path}))), wanted, "{:?}", &path[..path.len().min(80)]);
    }
    assert_eq!(code(file(&agent, json!({"op": "stat"}))), "bad_request");
    assert_eq!(code(file(&agent, json!({"op": "explode", "path": "/"}))), "bad_request");
    assert_eq!(code(file(&agent, json!({"op": "stat", "path": "/", "path_base64": "Lw=="}))), "bad_request");
    assert_eq!(code(file(&agent, json!({"op": "stat", "path": format!("/{}", "x".repeat(40_000))}))), "bad_request");
}

#[test]
fn names_of_any_bytes_are_listed_and_reached() {
    let agent = TestAgent::start();
    let space = space(&agent);
    let odd: [&[u8]; 5] = [b"line\nbreak", b"\xff\xfe raw", b"-rf", b" ", b"q\"uote\\"];
    for name in odd {
        fs::write(space.join(OsStr::from_bytes(name)), name).unwrap();
    }
    fs::write(space.join("n".repeat(255)), "").unwrap();
    let listed = file(&agent, json!({"op": "list", "path": space})).unwrap();
    assert_eq!(listed["entries"].as_array().unwrap().len(), 6);
    let raw = listed["entries"].as_array().unwrap().iter().find(|entry| !entry["path_base64"].is_null()).unwrap().clone();
    assert_eq!(raw["name"], "\u{fffd}\u{fffd} raw");
    let (_, bytes, _) = read(&agent, json!({"op": "read", "path_base64": raw["path_base64"]})).unwrap();
    assert_eq!(bytes, b"\xff\xfe raw");
    let (_, bytes, _) = read(&agent, json!({"op": "read", "path": space.join("line\nbreak")})).unwrap();
    assert_eq!(bytes, b"line\nbreak");
}

/// Lists in pages of this size; all paths, in order.
fn pages(agent: &TestAgent, path: &Path, depth: u64, limit: u64) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = file(agent, json!({"op": "list", "path": path, "depth": depth, "limit": limit, "after": after})).unwrap();
        let entries = page["entries"].as_array().unwrap();
        assert!(entries.len() as u64 <= limit);
        all.extend(entries.iter().map(|entry| entry["path"].as_str().unwrap().to_string()));
        after = page["next"].clone();
        if after.is_null() {
            return all;
        }
        assert_eq!(after, *all.last().unwrap());
    }
}

#[test]
fn a_list_is_in_order_to_its_depth_and_the_same_in_pages_of_any_size() {
    let agent = TestAgent::start();
    let space = space(&agent);
    for path in ["a/b/c/d", "a-", "a0/x", "b", "Z/y"] {
        fs::create_dir_all(space.join(path)).unwrap();
    }
    (0..40).for_each(|number| fs::write(space.join(format!("a/b/{:02}", number)), "").unwrap());
    symlink("..", space.join("a/up")).unwrap();
    let relative = |depth: u64, limit: u64| -> Vec<String> {
        let prefix = format!("{}/", space.display());
        pages(&agent, &space, depth, limit).iter().map(|path| path.strip_prefix(&prefix).unwrap().to_string()).collect()
    };
    assert_eq!(relative(1, 100), ["Z", "a", "a-", "a0", "b"]);
    assert_eq!(relative(2, 100), ["Z", "Z/y", "a", "a/b", "a/up", "a-", "a0", "a0/x", "b"]);
    let whole = relative(20, 1000);
    assert_eq!(whole.len(), 9 + 40 + 2);
    assert!(whole.contains(&"a/b/c/d".to_string()) && !whole.iter().any(|path| path.starts_with("a/up/")), "a link was followed");
    for limit in [1, 2, 3, 7, 50, 51, 52] {
        assert_eq!(relative(20, limit), whole, "pages of {}", limit);
    }
    let gone = file(&agent, json!({"op": "list", "path": space, "depth": 3, "after": space.join("a/b/zzz")})).unwrap();
    assert_eq!(gone["entries"][0]["name"], "up", "a page goes on behind what is not there");
    assert_eq!(code(file(&agent, json!({"op": "list", "path": space, "after": "/etc/passwd"}))), "bad_request");
    for bad in [json!({"depth": 0}), json!({"depth": 257}), json!({"limit": 0}), json!({"limit": 10_001})] {
        let mut request = bad.clone();
        request["op"] = "list".into();
        request["path"] = "/".into();
        assert_eq!(code(file(&agent, request)), "bad_request", "{}", bad);
    }
    fs::write(space.join("plain"), "").unwrap();
    assert_eq!(code(file(&agent, json!({"op": "list", "path": space.join("plain")}))), "not_directory");
    assert_eq!(code(file(&agent, json!({"op": "list", "path": space.join("none")}))), "not_found");
}

#[test]
fn a_directory_of_many_long_names_comes_in_pages_that_fit_into_frames() {
    let agent = TestAgent::start();
    let space = space(&agent);
    (0..4000).for_each(|number| drop(fs::File::create(space.join(format!("{:0>200}", number))).unwrap()));
    let first = file(&agent, json!({"op": "list", "path": space, "limit": 10_000})).unwrap();
    let count = first["entries"].as_array().unwrap().len();
    assert!(count < 4000 && count > 500 && !first["next"].is_null(), "{} entries", count);
    assert_eq!(pages(&agent, &space, 1, 10_000).len(), 4000);
}

#[test]
fn a_file_and_any_range_of_it_are_read_with_their_digest() {
    let agent = TestAgent::start();
    let space = space(&agent);
    let bytes = noise(1_000_003);
    let path = space.join("big");
    fs::write(&path, &bytes).unwrap();
    let (head, got, result) = read(&agent, json!({"op": "read", "path": path})).unwrap();
    assert!(got == bytes, "{} bytes", got.len());
    assert_eq!(
        (&head["size"], &head["from"], &head["length"], &head["mode"]),
        (&json!(1_000_003), &json!(0), &json!(1_000_003), &json!(0o644))
    );
    assert_eq!(head["inode"], fs::metadata(&path).unwrap().ino());
    assert_eq!(result, json!({"bytes": 1_000_003, "sha256": sha256(&bytes)}));
    for (from, length) in
        [(0u64, 1u64), (999_999, 4), (999_999, 5), (262_144, 262_144), (262_143, 262_146), (1_000_003, 0), (5, 0), (7, u64::MAX - 1)]
    {
        let (head, got, result) = read(&agent, json!({"op": "read", "path": path, "from": from, "length": length})).unwrap();
        let wanted = &bytes[from as usize..(from.saturating_add(length) as usize).min(bytes.len())];
        assert!(got == wanted && head["length"] == wanted.len() && result["sha256"] == json!(sha256(wanted)), "{} {}", from, length);
    }
    assert_eq!(read(&agent, json!({"op": "read", "path": path, "from": 1_000_004})).unwrap_err()["code"], "invalid_offset");
    fs::write(space.join("empty"), "").unwrap();
    assert_eq!(read(&agent, json!({"op": "read", "path": space.join("empty")})).unwrap().1, b"");
    symlink("big", space.join("link")).unwrap();
    assert!(read(&agent, json!({"op": "read", "path": space.join("link")})).unwrap().1 == bytes);
    let (head, got, _) = read(&agent, json!({"op": "read", "path": "/proc/self/status"})).unwrap();
    assert!(got.starts_with(b"Name:\tinit\n") && head["length"] == got.len(), "a file without a size has one by its end");
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let agent = TestAgent::start();
    let space = space(&agent);
    make_fifo(&space.join("fifo"));
    let _socket = std::os::unix::net::UnixListener::bind(space.join("socket")).unwrap();
    symlink("fifo", space.join("to-fifo")).unwrap();
    symlink("b", space.join("a")).unwrap();
    symlink("a", space.join("b")).unwrap();
    let at = |name: &str| space.join(name).to_str().unwrap().to_string();
    let cases = [
        (at("fifo"), "not_a_file"),
        (at("to-fifo"), "not_a_file"),
        (at("socket"), "not_a_file"),
        ("/dev/zero".to_string(), "not_a_file"),
        (at(""), "is_directory"),
        ("/".to_string(), "is_directory"),
        (at("none"), "not_found"),
        (at("a"), "symlink_loop"),
        ("/proc/self/exe".to_string(), "symlink_loop"),
        ("/proc/self/fd/0".to_string(), "symlink_loop"),
        ("/proc/self/root/etc/passwd".to_string(), "symlink_loop"),
    ];
    for (path, wanted) in cases {
        assert_eq!(read(&agent, json!({"op": "read", "path": path})).unwrap_err()["code"], wanted, "{}", path);
    }
    for name in ["fifo", "to-fifo", "socket"] {
        assert_eq!(code(upload(&agent, Kind::File, &json!({"op": "write", "path": at(name)}), b"x")), "not_a_file", "{}", name);
    }
    assert_eq!(code(upload(&agent, Kind::File, &json!({"op": "write", "path": "/dev/null"}), b"x")), "not_a_file");
}

#[test]
fn a_file_appears_whole_with_its_owner_and_mode_kept_or_as_asked() {
    let agent = TestAgent::start();
    let space = space(&agent);
    let (path, bytes) = (space.join("new/deep/f"), noise(2_500_000));
    let result = upload(&agent, Kind::File, &json!({"op": "write", "path": path, "size": bytes.len()}), &bytes).unwrap();
    assert_eq!((&result["size"], &result["sha256"], &result["created"]), (&json!(2_500_000), &json!(sha256(&bytes)), &json!(true)));
    assert_eq!((&result["entry"]["permissions"], &result["entry"]["path"]), (&json!("-rw-r--r--"), &json!(path)));
    assert!(fs::read(&path).unwrap() == bytes);
    let cpath = CString::new(path.to_str().unwrap()).unwrap();
    assert_eq!(unsafe { libc::chown(cpath.as_ptr(), 1234, 4321) }, 0);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4711)).unwrap();
    let mut old = fs::File::open(&path).unwrap();
    let result = upload(&agent, Kind::File, &json!({"op": "write", "path": path}), b"second").unwrap();
    assert_eq!(result["created"], false);
    let about = fs::metadata(&path).unwrap();
    assert_eq!((about.uid(), about.gid(), about.mode() & 0o7777), (1234, 4321, 0o4711), "kept");
    let mut held = Vec::new();
    std::io::Read::read_to_end(&mut old, &mut held).unwrap();
    assert!(held == bytes, "who has the old file open reads the old file");
    upload(&agent, Kind::File, &json!({"op": "write", "path": path, "mode": 0o600, "uid": 7}), b"third").unwrap();
    let about = fs::metadata(&path).unwrap();
    assert_eq!((about.uid(), about.gid(), about.mode() & 0o7777), (7, 4321, 0o600), "as asked");
    assert_eq!(code(upload(&agent, Kind::File, &json!({"op": "write", "path": path, "exclusive": true}), b"x")), "exists");
    upload(&agent, Kind::File, &json!({"op": "write", "path": space.join("only"), "exclusive": true}), b"").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"third");
    assert_eq!(names(&space.join("new/deep")), ["f"], "nothing else is left");
}

#[test]
fn an_upload_that_is_cut_or_wrong_leaves_everything_as_it_was() {
    let agent = TestAgent::start();
    let space = space(&agent);
    fs::write(space.join("f"), "old").unwrap();
    for target in ["f", "made/for/it"] {
        let mut client = Client::connect(&agent);
        client.send(Kind::File, &json!({"op": "write", "path": space.join(target)}));
        client.send_bytes(Kind::Stdin, &noise(700_000));
        let mut other = Client::connect(&agent);
        assert_eq!(other.ask(Kind::Stats, &json!({})).unwrap()["busy"], 1);
        assert_eq!(fs::read(space.join("f")).unwrap(), b"old");
        drop(client);
        crate::harness::eventually("the operation has ended", || other.ask(Kind::Stats, &json!({})).unwrap()["busy"] == 0);
        assert_eq!(names(&space), ["f"], "{}", target);
    }
    let mut client = Client::connect(&agent);
    client.send(Kind::File, &json!({"op": "write", "path": space.join("g/h")}));
    client.send_bytes(Kind::Stdin, b"some");
    client.send(Kind::Cancel, &json!({"reason": "client_gone"}));
    let (kind, error) = client.control();
    assert_eq!((kind, &error["code"]), (Kind::Error, &json!("cancelled")));
    assert_eq!(client.next(), None, "a connection ends with the operation");
    let at = space.join("g/h");
    assert_eq!(code(upload(&agent, Kind::File, &json!({"op": "write", "path": at, "size": 5}), b"four")), "bad_request");
    assert_eq!(code(upload(&agent, Kind::File, &json!({"op": "write", "path": at, "size": 3}), b"four")), "bad_request");
    assert_eq!(code(upload(&agent, Kind::File, &json!({"op": "write", "path": at, "mode": 0o10000}), b"")), "bad_request");
    assert_eq!(code(upload(&agent, Kind::File, &json!({"op": "write", "path": at, "create_parents": false}), b"")), "not_found");
    assert_eq!(code(upload(&agent, Kind::File, &json!({"op": "write", "path": space}), b"")), "is_directory");
    assert_eq!(code(upload(&agent, Kind::File, &json!({"op": "write", "path": "/"}), b"")), "is_directory");
    let mut client = Client::connect(&agent);
    client.send(Kind::File, &json!({"op": "write", "path": at}));
    client.send(Kind::List, &json!({}));
    assert_eq!(client.control().1["code"], "protocol");
    assert_eq!(names(&space), ["f"]);
}

#[test]
fn a_write_to_a_link_changes_what_it_leads_to_and_the_link_stays() {
    let agent = TestAgent::start();
    let space = space(&agent);
    fs::create_dir(space.join("d")).unwrap();
    fs::write(space.join("d/target"), "old").unwrap();
    symlink("d/target", space.join("link")).unwrap();
    symlink("link", space.join("link2")).unwrap();
    symlink(space.join("d/later"), space.join("dangling")).unwrap();
    symlink("d", space.join("to-dir")).unwrap();
    symlink("loop", space.join("loop")).unwrap();
    let write = |name: &str| upload(&agent, Kind::File, &json!({"op": "write", "path": space.join(name)}), b"new");
    write("link2").unwrap();
    write("dangling").unwrap();
    assert_eq!((fs::read(space.join("d/target")).unwrap(), fs::read(space.join("d/later")).unwrap()), (b"new".to_vec(), b"new".to_vec()));
    assert_eq!(fs::read_link(space.join("link")).unwrap(), Path::new("d/target"));
    assert_eq!(code(write("to-dir")), "is_directory");
    assert_eq!(code(write("loop")), "symlink_loop");
    assert_eq!(names(&space.join("d")), ["later", "target"]);
}

#[test]
fn a_disk_that_fills_in_the_middle_of_an_upload_is_told_and_nothing_is_left() {
    let agent = TestAgent::with(Wish { disk: Some(4 << 20), ..Wish::default() });
    let path = agent.dir.join("control/sub/f");
    let error = upload(&agent, Kind::File, &json!({"op": "write", "path": path}), &noise(16 << 20)).unwrap_err();
    assert_eq!(error["code"], "disk_full", "{}", error);
    let error = upload(&agent, Kind::File, &json!({"op": "write", "path": path, "size": 16 << 20}), b"").unwrap_err();
    assert_eq!(error["code"], "disk_full", "told before anything is sent");
    assert!(!agent.dir.join("control/sub").exists());
    let bytes = noise(1 << 20);
    upload(&agent, Kind::File, &json!({"op": "write", "path": path}), &bytes).unwrap();
    assert!(fs::read(&path).unwrap() == bytes);
}

#[test]
fn a_reader_of_a_path_never_sees_a_part_of_what_is_written_to_it() {
    let agent = TestAgent::start();
    let path = space(&agent).join("f");
    let versions: Vec<Vec<u8>> = (0..2u8).map(|version| vec![b'a' + version; 400_000]).collect();
    fs::File::create(&path).unwrap().write_all(&versions[0]).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for turn in 0..30 {
                upload(&agent, Kind::File, &json!({"op": "write", "path": path}), &versions[turn % 2]).unwrap();
            }
        });
        while !writer.is_finished() {
            let seen = fs::read(&path).unwrap();
            assert!(versions.contains(&seen), "{} bytes", seen.len());
        }
    });
}
