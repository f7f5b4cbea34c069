//! Files that change while they are read.

use crate::client::{download, sha256, Client};
use crate::files::{make_fifo, noise, read, space};
use crate::harness::TestAgent;
use capsuled_agent::frame::Kind;
use serde_json::{json, Value};
use std::fs;
use std::io::Write;

#[test]
fn a_file_that_shrinks_while_it_is_read_is_told_and_one_that_is_replaced_is_read_to_its_end() {
    let agent = TestAgent::start();
    let space = space(&agent);
    let (path, bytes) = (space.join("f"), noise(8 << 20));
    fs::write(&path, &bytes).unwrap();
    let mut client = Client::connect(&agent);
    client.send(Kind::File, &json!({"op": "read", "path": path}));
    assert_eq!(client.next().unwrap().0, Kind::Head);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 20).unwrap();
    assert_eq!(download(&mut client).unwrap_err()["code"], "changed");
    fs::write(&path, &bytes).unwrap();
    let mut client = Client::connect(&agent);
    client.send(Kind::File, &json!({"op": "read", "path": path}));
    assert_eq!(client.next().unwrap().0, Kind::Head);
    fs::remove_file(&path).unwrap();
    make_fifo(&path);
    let (_, got, result) = download(&mut client).unwrap();
    assert!(got == bytes && result["sha256"] == json!(sha256(&bytes)));
    assert_eq!(read(&agent, json!({"op": "read", "path": path})).unwrap_err()["code"], "not_a_file");
}

#[test]
fn a_file_that_is_written_in_place_while_it_is_read_is_told_before_its_last_piece_and_one_that_grows_is_read_as_it_was_told() {
    let agent = TestAgent::start();
    let space = space(&agent);
    let (path, bytes) = (space.join("f"), noise(8 << 20));
    let mut rewritten = bytes.clone();
    rewritten[bytes.len() - 1] ^= 1;
    let begun = |client: &mut Client| {
        fs::write(&path, &bytes).unwrap();
        client.send(Kind::File, &json!({"op": "read", "path": path}));
        assert_eq!(client.next().unwrap().0, Kind::Head);
    };
    // More than a socket holds: the end of the file is not read before the change.
    let mut client = Client::connect(&agent);
    begun(&mut client);
    fs::OpenOptions::new().write(true).open(&path).unwrap().write_all(&rewritten).unwrap();
    let mut got = 0;
    let (kind, payload) = loop {
        match client.next().unwrap() {
            (Kind::Bytes, piece) => got += piece.len(),
            last => break last,
        }
    };
    let told: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!((kind, &told["code"]), (Kind::Error, &json!("changed")));
    assert!(got < bytes.len(), "what came cannot be taken for the whole file");
    let mut client = Client::connect(&agent);
    begun(&mut client);
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"more").unwrap();
    let (_, got, _) = download(&mut client).unwrap();
    assert!(got == bytes);
}
