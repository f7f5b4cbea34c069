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

/// Keeps one thread of another process from going on, as one is kept that waits for memory that somebody else has locked.
struct Held(i32);

impl Held {
    fn thread(tid: i32) -> Held {
        let none = std::ptr::null_mut::<libc::c_void>();
        let mut status = 0;
        // SAFETY: of a thread of this test's own agent; the status is filled by the kernel.
        unsafe {
            assert_eq!(libc::ptrace(libc::PTRACE_SEIZE, tid, none, none), 0);
            assert_eq!(libc::ptrace(libc::PTRACE_INTERRUPT, tid, none, none), 0);
            assert_eq!(libc::waitpid(tid, &mut status, libc::__WALL), tid);
        }
        Held(tid)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let none = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: as above.
        unsafe { libc::ptrace(libc::PTRACE_DETACH, self.0, none, none) };
    }
}

#[test]
fn a_command_line_that_cannot_be_read_holds_up_nothing_and_its_process_is_listed_by_its_name() {
    let agent = TestAgent::start();
    let mut runner = Client::connect(&agent);
    runner.start(&with(shell("sleep 1001 & sleep 1002 & echo ready; wait"), json!({"tag": "parent"})));
    assert_eq!(runner.next().unwrap().0, Kind::Stdout);
    let mut client = Client::connect(&agent);
    let list = |client: &mut Client| client.ask(Kind::List, &json!({})).unwrap()["processes"].as_array().unwrap().clone();
    let told = |all: &[serde_json::Value]| all.iter().map(|one| (one["cmd"].clone(), one["args"].clone())).collect::<Vec<_>>();
    let whole = [(json!("sleep"), json!(["1001"])), (json!("sleep"), json!(["1002"]))];
    eventually("both run", || told(&list(&mut client)[1..]) == whole);

    let threads = std::fs::read_dir(format!("/proc/{}/task", agent.pid)).unwrap().flatten();
    let tids: Vec<i32> =
        threads.map(|entry| entry.file_name().to_str().unwrap().parse().unwrap()).filter(|tid| *tid != agent.pid).collect();
    assert_eq!(tids.len(), 1, "the loop's thread and the one that reads");
    let held = Held::thread(tids[0]);
    let mut waiting: Vec<Client> = (0..3).map(|_| Client::connect(&agent)).collect();
    waiting.iter_mut().for_each(|one| one.send(Kind::List, &json!({})));
    let mut left = Client::connect(&agent);
    left.send(Kind::List, &json!({}));
    drop(left);
    let mut hasty = Client::connect(&agent);
    hasty.send(Kind::List, &json!({}));
    hasty.send(Kind::Stats, &json!({}));
    assert_eq!(errors(&mut hasty), ["protocol"], "the list is not over");
    assert_eq!(client.shell("echo served").text(), "served\n");
    for one in &mut waiting {
        let (kind, result) = one.control();
        assert_eq!(kind, Kind::Result);
        let all = result["processes"].as_array().unwrap();
        assert_eq!((&all[0]["tag"], all.len()), (&json!("parent"), 3));
        assert_eq!(told(&all[1..]), [(json!("[sleep]"), json!([])), (json!("[sleep]"), json!([]))]);
        assert_eq!(one.shell("echo free").text(), "free\n", "the connection is free");
    }
    drop(held);
    assert_eq!(told(&list(&mut client)[1..]), whole, "whole again, and no late line of a list before");
    assert_eq!(client.ask(Kind::Stats, &json!({})).unwrap()["processes"], 1);
}

#[test]
fn many_processes_are_listed_in_the_order_of_their_numbers_while_the_agents_own_go_on() {
    let agent = TestAgent::start();
    let mut runner = Client::connect(&agent);
    runner.start(&with(shell("for i in $(seq 600); do sleep 1000.$i & done; echo ready; wait"), json!({"tag": "parent"})));
    assert_eq!(runner.next().unwrap().0, Kind::Stdout);
    let mut client = Client::connect(&agent);
    eventually("all run", || {
        let list = client.ask(Kind::List, &json!({})).unwrap();
        let all = list["processes"].as_array().unwrap();
        let pids: Vec<i64> = all[1..].iter().map(|one| one["pid"].as_i64().unwrap()).collect();
        assert!(all[0]["tag"] == "parent" && pids.windows(2).all(|two| two[0] < two[1]), "{:?}", pids);
        all.len() == 601 && all[1..].iter().all(|one| one["cmd"] == "sleep" && one["args"][0].as_str().unwrap().starts_with("1000."))
    });
}
