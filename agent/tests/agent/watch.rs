//! Changes as they come.

use crate::client::Client;
use crate::harness::TestAgent;
use capsuled_agent::frame::Kind;
use serde_json::{json, Value};
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

fn space(agent: &TestAgent) -> PathBuf {
    let path = agent.dir.join("files");
    fs::create_dir_all(&path).unwrap();
    path
}

fn watch(agent: &TestAgent, path: &Path, recursive: bool) -> Client {
    let mut client = Client::connect(agent);
    client.send(Kind::File, &json!({"op": "watch", "path": path, "recursive": recursive}));
    let (kind, head) = client.control();
    assert_eq!(kind, Kind::Head, "{}", head);
    client
}

/// Events up to one that is wanted, in short.
fn until(client: &mut Client, space: &Path, wanted: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let prefix = format!("{}/", space.display());
    loop {
        let (kind, event) = client.control();
        assert_eq!(kind, Kind::Entry, "{} came, {} was to come behind {:?}", event, wanted, seen);
        let short = |field: &str| event[field].as_str().map(|path| path.strip_prefix(&prefix).unwrap_or(path).to_string());
        let mut text = event["kind"].as_str().unwrap().to_string();
        [short("from"), short("path")].into_iter().flatten().for_each(|path| text += &format!(" {}", path));
        let found = text == wanted;
        seen.push(text);
        if found {
            return seen;
        }
    }
}

#[test]
fn each_kind_of_change_is_told_with_its_path_and_a_move_as_one() {
    let agent = TestAgent::start();
    let space = space(&agent);
    fs::create_dir(space.join("sub")).unwrap();
    let mut client = watch(&agent, &space, false);
    let mut other = Client::connect(&agent);
    assert_eq!(other.ask(Kind::Stats, &json!({})).unwrap()["busy"], 0, "who only watches keeps nothing awake");
    fs::write(space.join("line\nbreak"), "x").unwrap();
    assert_eq!(until(&mut client, &space, "modify line\nbreak"), ["create line\nbreak", "modify line\nbreak"]);
    fs::rename(space.join("line\nbreak"), space.join("f")).unwrap();
    assert_eq!(until(&mut client, &space, "move line\nbreak f").len(), 1);
    fs::set_permissions(space.join("f"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    until(&mut client, &space, "attrib f");
    fs::rename(space.join("f"), space.join("sub/f")).unwrap();
    until(&mut client, &space, "delete f");
    fs::rename(space.join("sub/f"), space.join("g")).unwrap();
    until(&mut client, &space, "create g");
    fs::write(space.join("sub/unseen"), "").unwrap();
    fs::remove_file(space.join("g")).unwrap();
    assert_eq!(until(&mut client, &space, "delete g"), ["delete g"]);
    client.send(Kind::Cancel, &json!({}));
    assert_eq!(client.control(), (Kind::Result, json!({"ended": "cancelled"})));
    let refused = |path: &Path| Client::connect(&agent).ask(Kind::File, &json!({"op": "watch", "path": path})).unwrap_err()["code"].clone();
    assert_eq!((refused(&space.join("none")), refused(&space.join("sub/unseen"))), (json!("not_found"), json!("not_directory")));
}

#[test]
fn a_tree_is_watched_as_it_grows_and_moves_and_its_end_is_told() {
    let agent = TestAgent::start();
    let space = space(&agent);
    fs::create_dir_all(space.join("root/a/b")).unwrap();
    let root = space.join("root");
    let mut client = watch(&agent, &root, true);
    fs::write(root.join("a/b/f"), "").unwrap();
    until(&mut client, &root, "create a/b/f");
    fs::create_dir_all(root.join("n/e/w")).unwrap();
    fs::write(root.join("n/e/w/f"), "").unwrap();
    until(&mut client, &root, "create n/e/w/f");
    fs::rename(root.join("n"), root.join("a/m")).unwrap();
    until(&mut client, &root, "move n a/m");
    fs::write(root.join("a/m/e/w/g"), "").unwrap();
    until(&mut client, &root, "create a/m/e/w/g");
    fs::rename(root.join("a/m"), space.join("away")).unwrap();
    until(&mut client, &root, "delete a/m");
    fs::write(space.join("away/e/w/h"), "").unwrap();
    fs::write(root.join("a/last"), "").unwrap();
    assert_eq!(until(&mut client, &root, "create a/last"), ["create a/last"], "what left is not watched");
    fs::rename(space.join("away"), root.join("back")).unwrap();
    until(&mut client, &root, "create back/e/w/h");
    fs::remove_dir_all(&root).unwrap();
    loop {
        match client.control() {
            (Kind::Entry, _) => {}
            (kind, value) => break assert_eq!((kind, value), (Kind::Result, json!({"ended": "gone"}))),
        }
    }
}

#[test]
fn changes_that_are_too_many_for_a_host_that_takes_none_are_told_as_an_overflow() {
    let agent = TestAgent::start();
    let space = space(&agent);
    let mut client = watch(&agent, &space, false);
    let most: usize = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
    fs::write(space.join("0"), "").unwrap();
    // Two events each, beyond what the socket and the kernel's queue hold.
    let names = ["0", "1"].map(|name| space.join(name));
    (0..most / 2 + 10_000).for_each(|turn| fs::rename(&names[turn % 2], &names[1 - turn % 2]).unwrap());
    let (mut overflow, mut count) = (false, 0);
    while !overflow {
        let (kind, event) = client.control();
        assert_eq!(kind, Kind::Entry, "{}", event);
        overflow = event["kind"] == "overflow";
        count += 1;
    }
    assert!(count > 100);
    fs::write(space.join("after"), "").unwrap();
    until(&mut client, &space, "create after");
    let limit: Value = json!("watch_limit");
    let many = agent.dir.join("many");
    (0..8200).for_each(|number| fs::create_dir_all(many.join(number.to_string())).unwrap());
    let error = Client::connect(&agent).ask(Kind::File, &json!({"op": "watch", "path": many, "recursive": true})).unwrap_err();
    assert_eq!(error["code"], limit);
}

#[test]
fn what_is_put_in_its_place_at_the_end_is_told_once_with_all_that_is_in_it() {
    let agent = TestAgent::start();
    let space = space(&agent);
    let draft = space.join(".capsuled-0123456789abcdef");
    let mut client = watch(&agent, &space, true);
    fs::write(&draft, "new").unwrap();
    fs::rename(&draft, space.join("f")).unwrap();
    fs::create_dir(&draft).unwrap();
    fs::write(draft.join("in"), "").unwrap();
    fs::rename(&draft, space.join("d")).unwrap();
    assert_eq!(until(&mut client, &space, "create d/in"), ["create f", "create d", "create d/in"]);
    fs::rename(space.join("f"), &draft).unwrap();
    let nameless = fs::OpenOptions::new().write(true).custom_flags(libc::O_TMPFILE).open(&space).unwrap();
    nameless.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    fs::write(space.join("#1"), "").unwrap();
    fs::set_permissions(space.join("#1"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(until(&mut client, &space, "attrib #1"), ["delete f", "create #1", "attrib #1"]);
    fs::write(space.join(".capsuled-0123456789ABCDEF"), "").unwrap();
    assert_eq!(until(&mut client, &space, "create .capsuled-0123456789ABCDEF"), ["create .capsuled-0123456789ABCDEF"]);
}
