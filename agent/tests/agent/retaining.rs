//! For how long ended processes stay known.

use crate::client::{background, program, shell, with, Client};
use crate::harness::{eventually, TestAgent, Wish};
use capsuled_agent::frame::Kind;
use serde_json::json;
use std::time::{Duration, Instant};

/// Ended processes that stay known.
const MAX_KEPT: usize = 1000;

#[test]
fn the_latest_1000_ended_processes_are_known_and_the_oldest_goes_with_its_files_and_its_key() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let first = with(shell("echo first"), json!({"foreground": false, "key": "once"}));
    let second = with(shell("echo second"), json!({"foreground": false}));
    client.run(&first).unwrap();
    client.run(&second).unwrap();
    for _ in 2..MAX_KEPT {
        client.run(&with(program("true", &[]), json!({"foreground": false}))).unwrap();
    }
    let known = |client: &mut Client, id| client.ask(Kind::Get, &json!({ "selector": id })).is_ok();
    assert!(known(&mut client, &first["id"]), "{} are kept", MAX_KEPT);
    client.run(&with(program("true", &[]), json!({"foreground": false}))).unwrap();
    assert!(!known(&mut client, &first["id"]) && known(&mut client, &second["id"]), "one more, and the oldest goes");
    let files = |id: &serde_json::Value| agent.segments().iter().any(|(name, _)| name.starts_with(id.as_str().unwrap()));
    eventually("its files are gone", || !files(&first["id"]));
    assert!(files(&second["id"]));
    let again = with(shell("echo again"), json!({"foreground": false, "key": "once"}));
    assert_eq!(client.run(&again).unwrap().text(), "again\n", "its key is free");
}

#[test]
fn an_ended_process_is_known_for_its_time_and_a_pause_is_no_part_of_it() {
    let agent = TestAgent::with(Wish { kept_s: Some(2), ..Wish::default() });
    let mut client = Client::connect(&agent);
    let request = background("echo kept");
    let begin = Instant::now();
    client.start(&request);
    client.ended(&request["id"]);
    let known = |client: &mut Client| client.ask(Kind::Get, &json!({"selector": request["id"]})).is_ok();
    client.ask(Kind::Pause, &json!({})).unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    assert!(known(&mut client), "time that the capsule is paused does not count");
    assert_eq!(client.attach(&request["id"], json!("start")).unwrap().text(), "kept\n");
    client.ask(Kind::Resume, &json!({})).unwrap();
    eventually("it is forgotten", || !known(&mut client));
    assert!(begin.elapsed() >= Duration::from_millis(4500), "{:?}", begin.elapsed());
    eventually("its files are gone", || agent.segments().is_empty());
}
