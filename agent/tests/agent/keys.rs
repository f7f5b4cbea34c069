//! Starts that are asked for more than once.

use crate::client::{background, program, shell, with, Client};
use crate::harness::{eventually, TestAgent};
use capsuled_agent::frame::Kind;
use serde_json::json;

#[test]
fn fifty_starts_with_one_key_at_once_start_one_process_and_all_get_its_output() {
    let agent = TestAgent::start();
    let trace = agent.dir.join("trace");
    let script = format!("echo started >>{}; echo out; sleep 0.2; echo more; exit 5", trace.display());
    let workers: Vec<_> = (0..50)
        .map(|index| {
            let (socket, script) = (agent.socket(), script.clone());
            std::thread::spawn(move || {
                let request = with(shell(&script), json!({"key": "order 1", "foreground": index % 2 == 0}));
                Client::connect_to(&socket).run(&request).unwrap()
            })
        })
        .collect();
    let outcomes: Vec<_> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
    assert_eq!(std::fs::read_to_string(&trace).unwrap(), "started\n");
    assert_eq!(outcomes.iter().filter(|outcome| outcome.started["repeated"].is_null()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.started["repeated"] == true).count(), 49);
    for outcome in &outcomes {
        assert_eq!((&outcome.started["id"], outcome.text().as_str()), (&outcomes[0].started["id"], "out\nmore\n"));
        assert_eq!((&outcome.exit["exit_code"], outcome.records[0].seq), (&json!(5), 1));
    }
    let again = Client::connect(&agent).run(&with(shell("echo other"), json!({"key": "order 1"}))).unwrap();
    assert_eq!((again.text().as_str(), &again.started["repeated"]), ("out\nmore\n", &json!(true)), "after the end as before it");
    let mut client = Client::connect(&agent);
    assert_eq!(client.start(&with(background("true"), json!({"key": "order 1"})))["repeated"], true);
    assert_eq!(client.run(&with(shell("echo other"), json!({"key": "order 2"}))).unwrap().text(), "other\n");
    let log = client.log(1);
    assert_eq!(log.iter().filter(|entry| entry["process"]["key"] == "order 1").count(), 2, "one start and one end");
}

#[test]
fn a_start_that_fails_tells_all_who_repeat_it_and_leaves_its_key_free() {
    let agent = TestAgent::start();
    let workers: Vec<_> = (0..20)
        .map(|_| {
            let socket = agent.socket();
            std::thread::spawn(move || {
                let request = with(program("/no/such/program", &[]), json!({"key": "k", "foreground": false}));
                Client::connect_to(&socket).run(&request).unwrap_err()["code"].clone()
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| assert_eq!(worker.join().unwrap(), "not_found"));
    let mut client = Client::connect(&agent);
    let outcome = client.run(&with(shell("echo works"), json!({"key": "k"}))).unwrap();
    assert_eq!((outcome.text().as_str(), &outcome.started["repeated"]), ("works\n", &json!(null)));
    assert_eq!(client.log(1).len(), 2, "a start that came to nothing is in the log");
}

#[test]
fn a_key_holds_over_a_restart_and_while_the_capsule_is_paused() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let request = with(shell("echo once; exec sleep 1000"), json!({"key": "k", "foreground": false}));
    let first = client.start(&request);
    assert_eq!(client.next().unwrap().0, Kind::Stdout);
    let mut other = Client::connect(&agent);
    other.ask(Kind::Pause, &json!({})).unwrap();
    assert_eq!(other.start(&with(background("true"), json!({"key": "k"})))["id"], first["id"]);
    other.ask(Kind::Resume, &json!({})).unwrap();
    let agent = agent.restart(|_| {});
    let outcome = Client::connect(&agent).run(&with(shell("echo twice"), json!({"key": "k"}))).unwrap();
    assert_eq!((&outcome.started["id"], &outcome.started["repeated"]), (&first["id"], &json!(true)));
    assert_eq!((outcome.text().as_str(), &outcome.exit["reason"]), ("once\n", &json!("agent_lost")));
}

#[test]
fn who_repeats_a_start_and_leaves_changes_nothing_for_the_process() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let request = with(shell("echo; exec sleep 1000"), json!({"key": "k", "on_disconnect": "continue"}));
    let started = client.start(&request);
    let mut repeat = Client::connect(&agent);
    repeat.start(&with(request, json!({"on_disconnect": "kill"})));
    drop(repeat);
    eventually("it is gone", || client_count(&agent) == 2);
    let facts = Client::connect(&agent).ask(Kind::Get, &json!({"selector": started["id"]})).unwrap();
    assert_eq!((&facts["process"]["running"], &facts["process"]["key"]), (&json!(true), &json!("k")));
}

/// Connections, that of the question among them.
fn client_count(agent: &TestAgent) -> u64 {
    Client::connect(agent).ask(Kind::Stats, &json!({})).unwrap()["connections"].as_u64().unwrap()
}
