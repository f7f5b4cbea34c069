//! A process and everything that descends from it.

use crate::client::{program, shell, with, Client};
use crate::harness::{eventually, TestAgent, Wish};
use capsuled_agent::frame::Kind;
use serde_json::{json, Value};
use std::time::{Duration, Instant};

/// Leaves its parent, its session and its environment behind, twice.
const ESCAPE: &str = "env -i /usr/bin/setsid sh -c '(exec sleep 1000) & exec sleep 1000' & \
    (setsid sh -c 'sleep 1000 & exit' &) ; (exec -a hidden sleep 1000 & ) ; \
    while [ $(pgrep -c sleep) -lt 4 ]; do sleep 0.01; done; echo grown; wait; exec sleep 1000";

fn sleepers(agent: &TestAgent) -> usize {
    agent.states().iter().filter(|status| status.starts_with("Name:\tsleep\n")).count()
}

fn grow(agent: &TestAgent) -> (Client, Value) {
    let mut client = Client::connect(agent);
    let script = ESCAPE.replace("exec -a hidden sleep", "exec sleep");
    let request = with(program("bash", &["-c", &script]), json!({"foreground": false}));
    let started = client.start(&request);
    assert_eq!(client.next().unwrap().0, Kind::Stdout, "the tree has not grown");
    assert!(sleepers(agent) >= 4);
    (client, started)
}

#[test]
fn sigkill_takes_the_whole_tree_with_setsid_double_forks_and_an_empty_environment() {
    let agent = TestAgent::start();
    let (mut client, started) = grow(&agent);
    Client::connect(&agent).ask(Kind::Signal, &json!({"selector": started["id"], "signal": "SIGKILL", "by": "t"})).unwrap();
    let outcome = client.finish().unwrap();
    assert_eq!((&outcome.exit["reason"], &outcome.exit["exit_code"]), (&json!("killed"), &json!(137)));
    eventually("no sleep is left", || sleepers(&agent) == 0);
}

#[test]
fn sigterm_reaches_the_whole_tree() {
    let agent = TestAgent::start();
    let (mut client, started) = grow(&agent);
    Client::connect(&agent).ask(Kind::Signal, &json!({"selector": started["id"], "signal": "SIGTERM", "by": "t"})).unwrap();
    assert_eq!(client.finish().unwrap().exit["reason"], "killed");
    eventually("no sleep is left", || sleepers(&agent) == 0);
}

#[test]
fn without_cgroup2_a_tree_that_keeps_its_parents_is_killed() {
    let agent = TestAgent::with(Wish { without_slots: true, ..Wish::default() });
    let mut client = Client::connect(&agent);
    assert_eq!(client.shell("echo it runs").text(), "it runs\n");
    client.start(&with(shell("sleep 1000 & sh -c 'sleep 1000 & echo; wait' & wait"), json!({"tag": "t"})));
    assert_eq!(client.next().unwrap().0, Kind::Stdout);
    Client::connect(&agent).ask(Kind::Signal, &json!({"selector": "t", "signal": "SIGKILL", "by": "t"})).unwrap();
    assert_eq!(client.finish().unwrap().exit["exit_code"], 137);
    eventually("no sleep is left", || sleepers(&agent) == 0);
}

#[test]
fn a_pid_that_is_not_the_apis_own_gets_the_signal_with_its_descendants() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    client.start(&with(shell("sh -c 'sleep 1000 & echo $$; wait' & wait; echo over"), json!({"foreground": false})));
    let (_, payload) = client.next().unwrap();
    let pid = String::from_utf8_lossy(&payload[28..]).trim().to_string();
    let mut other = Client::connect(&agent);
    other.ask(Kind::Signal, &json!({"selector": pid, "signal": "SIGKILL", "by": "t"})).unwrap();
    let outcome = client.finish().unwrap();
    assert_eq!(outcome.text(), "over\n");
    assert_eq!(outcome.exit["reason"], "exited");
    eventually("no sleep is left", || sleepers(&agent) == 0);
    for nobody in ["1", "0", "-1", "4194304", "no-such-tag", "pr-0000000000000000000000000"] {
        let error = other.ask(Kind::Signal, &json!({"selector": nobody, "signal": "SIGKILL", "by": "t"})).unwrap_err();
        assert_eq!(error["code"], "not_found", "{}", nobody);
    }
}

#[test]
fn a_cancel_gives_the_tree_a_grace_and_then_kills_it() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    client.start(&shell("trap '' TERM; echo ready; while :; do sleep 0.05; done"));
    assert_eq!(client.next().unwrap().0, Kind::Stdout);
    let begin = Instant::now();
    client.send(Kind::Cancel, &json!({"reason": "stopped", "grace_ms": 300}));
    let outcome = client.finish().unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(290), "no grace: {:?}", begin.elapsed());
    assert_eq!((&outcome.exit["reason"], &outcome.exit["signal"]), (&json!("stopped"), &json!("SIGKILL")));
    client.start(&shell("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done"));
    assert_eq!(client.next().unwrap().0, Kind::Stdout);
    client.send(Kind::Cancel, &json!({"reason": "stopped", "grace_ms": 5000}));
    let outcome = client.finish().unwrap();
    assert_eq!((&outcome.exit["reason"], &outcome.exit["exit_code"]), (&json!("exited"), &json!(3)));
    assert_eq!(outcome.text(), "bye\n");
}

#[test]
fn a_fork_bomb_at_its_limit_is_killed_whole_and_quickly() {
    let agent = TestAgent::with(Wish { pids: Some(512), ..Wish::default() });
    if !agent.limited {
        println!("SKIP: this host has no pids controller, and a bomb without a limit would take the host");
        return;
    }
    let mut client = Client::connect(&agent);
    // The first process forks no more once the bomb goes off: a shell that is refused a fork exits, and would take the tag along.
    let bomb = "f() { f & f & wait; }; (f 2>/dev/null) & (f 2>/dev/null) & exec sleep 1000";
    client.start(&with(shell(bomb), json!({"foreground": false, "tag": "bomb"})));
    let mut other = Client::connect(&agent);
    let full = || agent.states().len();
    eventually("the bomb has grown", || full() > 300);
    let begin = Instant::now();
    other.ask(Kind::Signal, &json!({"selector": "bomb", "signal": "SIGKILL", "by": "t"})).unwrap();
    let asked = begin.elapsed();
    let outcome = client.finish().unwrap();
    println!("kill of a bomb: answered after {:?}, its exit after {:?}", asked, begin.elapsed());
    assert_eq!(outcome.exit["reason"], "killed");
    eventually("nothing of it is left", || full() < 16);
    assert_eq!(other.shell("echo alive").text(), "alive\n");
}
