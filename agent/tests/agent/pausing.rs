//! The capsule's clock.

use crate::client::{shell, with, Client};
use crate::harness::{eventually, TestAgent};
use capsuled_agent::frame::Kind;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn a_pause_stops_timeouts_and_resume_lets_them_go_on() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let mut other = Client::connect(&agent);
    let begin = Instant::now();
    client.start(&with(shell("exec sleep 1000"), json!({"timeout_ms": 2000, "tag": "t"})));
    other.ask(Kind::Pause, &json!({})).unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    let facts = other.ask(Kind::Get, &json!({"selector": "t"})).unwrap();
    assert_eq!(facts["process"]["running"], true, "its time went on in the pause");
    let idle = other.ask(Kind::Stats, &json!({})).unwrap();
    assert_eq!(idle["busy"], 1);
    let error = other.run(&shell("true")).unwrap_err();
    assert_eq!(error["code"], "paused");
    other.ask(Kind::Resume, &json!({})).unwrap();
    let outcome = client.finish().unwrap();
    assert_eq!(outcome.exit["reason"], "timed_out");
    assert!(begin.elapsed() >= Duration::from_millis(4490), "{:?}", begin.elapsed());
    assert_eq!(other.shell("echo on").text(), "on\n");
}

#[test]
fn a_process_started_as_busy_is_activity_while_it_runs_and_others_are_not() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let mut busy = || client.ask(Kind::Stats, &json!({})).unwrap()["busy"].clone();
    let mut other = Client::connect(&agent);
    other.start(&with(shell("exec sleep 1000"), json!({"foreground": false, "attach": false})));
    assert_eq!(busy(), 0);
    other.start(&with(shell("exec sleep 1000"), json!({"foreground": false, "attach": false, "busy": true, "tag": "b"})));
    assert_eq!(busy(), 1);
    other.start(&with(shell("exec sleep 1000"), json!({"foreground": true, "attach": false, "busy": false})));
    assert_eq!(busy(), 1);
    other.ask(Kind::Signal, &json!({"selector": "b", "signal": "SIGKILL", "by": "t"})).unwrap();
    eventually("its end is seen", || busy() == 0);
}

#[test]
fn idle_time_counts_from_the_last_activity_and_looking_is_none() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    client.shell("true");
    std::thread::sleep(Duration::from_millis(200));
    client.ask(Kind::List, &json!({})).unwrap();
    Client::connect(&agent).ask(Kind::Ports, &json!({})).unwrap();
    let stats = client.ask(Kind::Stats, &json!({})).unwrap();
    assert!(stats["idle_ms"].as_u64().unwrap() >= 199, "{}", stats);
    let begin = Instant::now();
    client.ask(Kind::Touch, &json!({})).unwrap();
    let stats = client.ask(Kind::Stats, &json!({})).unwrap();
    assert!(u128::from(stats["idle_ms"].as_u64().unwrap()) <= begin.elapsed().as_millis(), "{}", stats);
}
