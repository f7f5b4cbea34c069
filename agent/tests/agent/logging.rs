//! The log of starts and ends.

use crate::client::{background, shell, with, Client};
use crate::harness::{TestAgent, Wish};
use capsuled_agent::frame::Kind;
use serde_json::{json, Value};
use std::collections::HashMap;

/// That entries are numbered without a hole and every process starts before it ends, once each.
fn check(entries: &[Value], from: u64) {
    let mut states: HashMap<String, &str> = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(entry["n"], from + index as u64);
        let (id, kind) = (entry["process"]["id"].as_str().unwrap().to_string(), entry["kind"].as_str().unwrap());
        let before = states.insert(id, kind);
        match kind {
            "started" => assert_eq!((before, &entry["end"]), (None, &Value::Null)),
            "ended" => {
                assert!(from > 1 || before == Some("started"), "{}", entry);
                assert_eq!(entry["end"]["id"], entry["process"]["id"]);
            }
            other => panic!("{}", other),
        }
    }
}

#[test]
fn followers_get_every_entry_once_and_in_order_while_processes_end_at_once() {
    let agent = TestAgent::start();
    let follow = |from: u64, count: usize| {
        let mut client = Client::connect(&agent);
        client.send(Kind::Log, &json!({"from": from, "follow": true}));
        std::thread::spawn(move || {
            (0..count)
                .map(|_| {
                    let (kind, entry) = client.control();
                    assert_eq!(kind, Kind::Entry);
                    entry
                })
                .collect::<Vec<Value>>()
        })
    };
    let early = follow(1, 800);
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let socket = agent.socket();
            std::thread::spawn(move || {
                let mut client = Client::connect_to(&socket);
                for index in 0..50 {
                    let request = with(background(&format!("echo {}", index)), json!({"by": format!("w{}", worker)}));
                    client.start(&request);
                }
            })
        })
        .collect();
    let mut client = Client::connect(&agent);
    crate::harness::eventually("some have started", || client.ask(Kind::Stats, &json!({})).unwrap()["log_next"].as_u64().unwrap() > 200);
    let late = follow(150, 651);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    let (early, late) = (early.join().unwrap(), late.join().unwrap());
    check(&early, 1);
    assert_eq!(late, early[149..]);
    assert_eq!(client.log(1), early);
    assert_eq!(client.log(700), early[699..]);
    assert_eq!(client.log(801), Vec::<Value>::new());
    assert!(early.iter().all(|entry| entry["process"]["by"].as_str().map_or(false, |by| by.starts_with('w'))));
    client.send(Kind::Log, &json!({"from": 802, "follow": true}));
    assert_eq!(client.control().1["code"], "invalid_offset");
    client.send(Kind::Log, &json!({"from": 0}));
    assert_eq!(client.control().1["field"], "from");
    assert_eq!(client.shell("echo on").text(), "on\n", "the connection goes on");
}

#[test]
fn what_is_logged_is_what_is_not_plain_and_ends_that_are_not_usual() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    client.shell("exit 3");
    client.run(&with(shell("true"), json!({"tag": "tagged"}))).unwrap();
    client.run(&with(shell("true"), json!({"key": "keyed"}))).unwrap();
    client.run(&with(shell("true"), json!({"foreground": false}))).unwrap();
    client.shell("kill -9 $$");
    client.run(&with(shell("sleep 1000"), json!({"timeout_ms": 50}))).unwrap();
    let seen: Vec<(String, String)> = client
        .log(1)
        .iter()
        .map(|entry| {
            let text = |value: &Value| value.as_str().unwrap_or("").to_string();
            (text(&entry["kind"]), text(&entry["end"]["reason"]))
        })
        .collect();
    let pair = |kind: &str, reason: &str| (kind.to_string(), reason.to_string());
    let both = [pair("started", ""), pair("ended", "exited")];
    let expected: Vec<_> = [&both[..], &both, &both, &[pair("ended", "signaled"), pair("ended", "timed_out")]].concat();
    assert_eq!(seen, expected);
}

#[test]
fn a_follower_that_takes_nothing_costs_little_and_still_gets_all() {
    let agent = TestAgent::start();
    let mut stalled = Client::connect(&agent);
    stalled.send(Kind::Log, &json!({"from": 1, "follow": true}));
    let mut client = Client::connect(&agent);
    let long = "x".repeat(4000);
    for _ in 0..400 {
        client.run(&with(shell(&format!(": {}", long)), json!({"foreground": false}))).unwrap();
    }
    assert!(agent.status("VmRSS") < 4096, "{} KiB", agent.status("VmRSS"));
    let entries: Vec<Value> = (0..800).map(|_| stalled.control().1).collect();
    check(&entries, 1);
}

#[test]
fn without_a_control_directory_there_is_still_a_log_and_output() {
    let agent = TestAgent::with(Wish { without_control: true, ..Wish::default() });
    let mut client = Client::connect(&agent);
    let request = with(shell("seq 1 100"), json!({"foreground": false}));
    client.run(&request).unwrap();
    assert_eq!(client.attach(&request["id"], json!("start")).unwrap().stdout, crate::resuming::numbers(100));
    check(&client.log(1), 1);
    assert_eq!(client.ask(Kind::Stats, &json!({})).unwrap()["journal_errors"], 0);
}
