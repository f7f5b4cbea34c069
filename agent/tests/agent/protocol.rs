//! What a host does wrong, and strangers.

use crate::client::{shell, with, Client};
use crate::harness::{eventually, TestAgent, CAPSULE, SECRET};
use capsuled_agent::frame::Kind;
use serde_json::json;
use std::io::Write;

/// Reads to the end of the connection; the codes of the errors that came.
fn errors(client: &mut Client) -> Vec<String> {
    let mut codes = Vec::new();
    while let Some((kind, payload)) = client.next() {
        if kind == Kind::Error {
            let value: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            codes.push(value["code"].as_str().unwrap().to_string());
        }
    }
    codes
}

#[test]
fn nobody_is_served_without_the_secret() {
    let agent = TestAgent::start();
    let hellos = [
        (json!({"version": 1, "capsule": CAPSULE, "secret": "0".repeat(64)}), "unauthorized"),
        (json!({"version": 1, "capsule": CAPSULE}), "unauthorized"),
        (json!({"version": 1, "capsule": "cl-other", "secret": SECRET}), "unauthorized"),
        (json!({"version": 2, "capsule": CAPSULE, "secret": SECRET}), "version_unsupported"),
        (json!({"capsule": CAPSULE, "secret": SECRET}), "version_unsupported"),
    ];
    for (hello, code) in hellos {
        let mut client = Client::raw(&agent.socket());
        client.send(Kind::Hello, &hello);
        assert_eq!(errors(&mut client), [code]);
    }
    for kind in [Kind::Start, Kind::List, Kind::Stdin, Kind::Cancel, Kind::Welcome] {
        let mut client = Client::raw(&agent.socket());
        client.send(kind, &json!({}));
        assert_eq!(errors(&mut client), ["protocol"], "{:?} before hello", kind);
    }
    let mut client = Client::raw(&agent.socket());
    client.socket.write_all(&[1, 0, 0, 1, 0]).unwrap();
    assert_eq!(errors(&mut client), ["protocol"], "a long hello");
}

#[test]
fn junk_ends_its_own_connection_and_nothing_else() {
    let agent = TestAgent::start();
    let mut steady = Client::connect(&agent);
    let before = agent.descriptors();
    let mut seed = 12345u64;
    let mut random = || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as u8
    };
    for round in 0..300 {
        let mut client = if round % 2 == 0 { Client::raw(&agent.socket()) } else { Client::connect(&agent) };
        let mut junk: Vec<u8> = (0..1 + round).map(|_| random()).collect();
        if round % 3 == 0 {
            // A known type and a short length, so that the payload is looked at too.
            junk[0] = [2, 3, 5, 6, 11, 16, 18, 0x83][round / 3 % 8];
            let length = (junk.len() as u32).saturating_sub(5).to_le_bytes();
            junk.iter_mut().skip(1).zip(length).for_each(|(byte, value)| *byte = value);
        }
        let _ = client.socket.write_all(&junk);
        let _ = client.socket.shutdown(std::net::Shutdown::Write);
        errors(&mut client);
    }
    assert_eq!(steady.shell("echo steady").text(), "steady\n");
    eventually("no connection is left", || agent.descriptors() <= before + 40);
    assert_eq!(steady.ask(Kind::Stats, &json!({})).unwrap()["connections"], 1);
}

#[test]
fn a_second_operation_before_the_end_of_the_first_ends_the_connection_not_the_process() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    client.start(&with(shell("exec sleep 1000"), json!({"tag": "first"})));
    client.send(Kind::List, &json!({}));
    assert_eq!(errors(&mut client), ["protocol"]);
    let facts = Client::connect(&agent).ask(Kind::Get, &json!({"selector": "first"})).unwrap();
    assert_eq!(facts["process"]["running"], true);
}

#[test]
fn wrong_fields_are_refused_and_the_connection_goes_on() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let wrong = [
        (Kind::Start, json!({}), "id"),
        (Kind::Start, with(shell("true"), json!({"env": {"A": 1}})), "env"),
        (Kind::Attach, json!({"from": "now"}), "selector"),
        (Kind::Signal, json!({"selector": "x", "signal": "SIGHUP"}), "signal"),
        (Kind::Get, json!({"selector": 1}), "selector"),
        (Kind::Shutdown, json!({"reason": "x"}), "reason"),
    ];
    for (kind, value, field) in wrong {
        let error = client.ask(kind, &value).unwrap_err();
        assert_eq!((&error["code"], &error["field"]), (&json!("bad_request"), &json!(field)), "{}", value);
    }
    let request = with(shell("sleep 1000"), json!({"attach": false}));
    client.start(&request);
    let error = client.ask(Kind::Start, &request).unwrap_err();
    assert_eq!((&error["code"], &error["field"]), (&json!("bad_request"), &json!("id")));
    client.send(Kind::Cancel, &json!({"reason": "stopped", "grace_ms": 0}));
    client.send_bytes(Kind::StdinClose, b"");
    assert_eq!(client.shell("echo on").text(), "on\n");
}

#[test]
fn a_flood_of_connections_is_cut_at_the_bound_and_service_goes_on() {
    let agent = TestAgent::start();
    let mut steady = Client::connect(&agent);
    let mut flood = Vec::new();
    for _ in 0..1200 {
        flood.push(Client::raw(&agent.socket()));
    }
    eventually("the bound is reached", || steady.ask(Kind::Stats, &json!({})).unwrap()["connections"] == 1024);
    assert_eq!(steady.shell("echo steady").text(), "steady\n");
    drop(flood);
    eventually("they are gone", || steady.ask(Kind::Stats, &json!({})).unwrap()["connections"] == 1);
    assert_eq!(Client::connect(&agent).shell("echo new").text(), "new\n");
}

#[test]
fn the_name_of_a_process_and_its_command_line_cannot_break_the_list() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let script = "import os,ctypes\nctypes.CDLL(None).prctl(15, b') R 1 (\\xff', 0, 0, 0)\nprint('ready', flush=True)\n\
        os.spawnv(os.P_WAIT, '/bin/sleep', [b'\\xff\\xfe' + b'x' * 100000, '1000'])";
    client.start(&with(shell(&format!("exec python3 -c \"{}\"", script)), json!({"tag": "odd"})));
    assert_eq!(client.next().unwrap().0, Kind::Stdout);
    let mut other = Client::connect(&agent);
    eventually("both are listed", || {
        let list = other.ask(Kind::List, &json!({})).unwrap();
        let all = list["processes"].as_array().unwrap().clone();
        let odd = all.iter().any(|one| one["tag"] == "odd" && one["ppid"] == 1);
        let long = all.iter().any(|one| one["cmd"].as_str().unwrap().starts_with("\u{fffd}\u{fffd}xxx") && one.to_string().len() < 5000);
        odd && long
    });
}

#[test]
fn a_connection_that_says_nothing_is_closed_after_ten_seconds() {
    let agent = TestAgent::start();
    let begin = std::time::Instant::now();
    let mut silent = Client::raw(&agent.socket());
    assert!(silent.next().is_none());
    let waited = begin.elapsed().as_millis();
    assert!((9_900..55_000).contains(&waited), "{} ms", waited);
}
