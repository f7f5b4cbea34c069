//! What an agent leaves behind when it is killed, and what the next one makes of it.

use crate::client::{background, sha256, shell, with, Client};
use crate::harness::{eventually, TestAgent};
use crate::resuming::numbers;
use capsuled_agent::frame::Kind;
use capsuled_agent::record::RecordHeader;
use serde_json::{json, Value};

#[test]
fn what_was_shown_before_the_agent_was_killed_is_there_after_it_and_the_end_says_why() {
    for round in 0..5 {
        let agent = TestAgent::start();
        let mut client = Client::connect(&agent);
        let request = with(shell("seq 1 100000000"), json!({"foreground": false, "tag": "lost"}));
        client.start(&request);
        let mut shown = Vec::new();
        while shown.len() < 1_000_000 + round * 3_000_000 {
            let (kind, payload) = client.next().unwrap();
            assert_eq!(kind, Kind::Stdout);
            shown.extend_from_slice(RecordHeader::decode(&payload).unwrap().1);
        }
        let agent = agent.restart(|_| {});
        // What the socket still held was shown too.
        while let Some((Kind::Stdout, payload)) = client.next() {
            shown.extend_from_slice(RecordHeader::decode(&payload).unwrap().1);
        }
        let mut client = Client::connect(&agent);
        let outcome = client.attach(&json!("lost"), json!("start")).unwrap();
        assert!(outcome.stdout.len() >= shown.len(), "{} bytes are left of {}", outcome.stdout.len(), shown.len());
        assert!(outcome.stdout[..shown.len()] == shown && numbers(100_000_000 / 8).starts_with(&outcome.stdout[..shown.len()]));
        assert!(outcome.gaps.is_empty());
        let exit = &outcome.exit;
        assert_eq!((&exit["reason"], &exit["exit_code"], &exit["signal"]), (&json!("agent_lost"), &json!(137), &json!("SIGKILL")));
        assert_eq!((&exit["stdout_bytes"], &exit["stdout_sha256"]), (&json!(outcome.stdout.len()), &json!(sha256(&outcome.stdout))));
        assert_eq!(exit["seq"], outcome.records.last().unwrap().seq + 1);
    }
}

#[test]
fn the_digest_goes_on_over_what_was_dropped_and_over_the_death_of_the_agent() {
    let agent = TestAgent::with(crate::harness::Wish { journal: Some((1 << 20, 1 << 30, 1 << 40)), ..Default::default() });
    let mut client = Client::connect(&agent);
    let request = background("seq 1 1000000; while :; do sleep 1; done");
    client.start(&request);
    let whole = numbers(1_000_000);
    let printed =
        |client: &mut Client| client.ask(Kind::Get, &json!({"selector": request["id"]})).unwrap()["process"]["stdout_bytes"].clone();
    eventually("all is printed", || printed(&mut client) == whole.len());
    client.ask(Kind::Pause, &json!({})).unwrap();
    let agent = agent.restart(|wish| wish.previous = Some("host_restarted"));
    let outcome = Client::connect(&agent).attach(&request["id"], json!("start")).unwrap();
    assert_eq!((&outcome.exit["reason"], &outcome.exit["stdout_sha256"]), (&json!("host_restarted"), &json!(sha256(&whole))));
    let gone = outcome.gaps[0]["stdout_bytes"].as_u64().unwrap();
    assert_eq!((outcome.gaps.len(), &outcome.exit["gap_bytes"]), (1, &json!(gone)));
    assert!(gone > 0 && outcome.stdout == whole[gone as usize..]);
}

#[test]
fn the_log_goes_on_with_its_numbers_and_every_process_has_one_end() {
    let mut agent = TestAgent::start();
    let mut entries: Vec<Value> = Vec::new();
    for round in 0..4 {
        let mut client = Client::connect(&agent);
        let seen = client.log(1);
        assert_eq!(seen[..entries.len()], entries[..], "round {}", round);
        assert_eq!(seen.len(), entries.len() + usize::from(round > 0), "one end is added for what was left running");
        if let Some(last) = seen.last() {
            assert_eq!(
                (&last["kind"], &last["end"]["reason"], &last["process"]["tag"]),
                (&json!("ended"), &json!("capsule_stopped"), &json!("left"))
            );
        }
        client.run(&with(shell("echo done"), json!({"tag": "done"}))).unwrap();
        client.start(&with(background("sleep 1000"), json!({"tag": "left"})));
        entries = client.log(1);
        assert_eq!(entries.last().unwrap()["n"], entries.len());
        agent = agent.restart(|wish| wish.previous = Some("capsule_stopped"));
    }
}

#[test]
fn ended_processes_of_an_earlier_life_answer_as_before() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let request = with(shell("echo out; echo err >&2; exit 7"), json!({"foreground": false, "tag": "past", "by": "somebody"}));
    let first = client.run(&request).unwrap();
    let silent = with(shell("exit 0"), json!({"foreground": false, "tag": "silent"}));
    client.run(&silent).unwrap();
    client.shell("echo plain");
    let facts = client.ask(Kind::Get, &json!({"selector": "past"})).unwrap();
    // Twice: what the second life leaves is what it was left.
    let agent = agent.restart(|_| {}).restart(|_| {});
    let mut client = Client::connect(&agent);
    for selector in [json!("past"), request["id"].clone(), json!(first.exit["pid"].to_string())] {
        assert_eq!(client.ask(Kind::Get, &json!({"selector": selector})).unwrap(), facts);
    }
    let again = client.attach(&request["id"], json!("start")).unwrap();
    assert_eq!((again.stdout, again.stderr, again.exit), (first.stdout.clone(), first.stderr, first.exit));
    assert_eq!(client.output(&json!("past"), "stdout", 1, 2).unwrap().0, &first.stdout[1..3]);
    assert_eq!(client.attach(&json!("past"), json!("now")).unwrap().text(), "");
    assert_eq!(client.ask(Kind::Get, &json!({"selector": "silent"})).unwrap()["process"]["exit"]["exit_code"], 0);
    assert_eq!(client.run(&request).unwrap_err()["field"], "id", "an id is used once");
    assert_eq!(client.ask(Kind::Stats, &json!({})).unwrap()["processes"], 0);
    assert_eq!(client.shell("echo on").text(), "on\n");
}

#[test]
fn files_of_plain_processes_and_of_forgotten_ones_do_not_gather() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    client.start(&shell("seq 1 100000; exec sleep 1000"));
    eventually("its output is in a file", || !agent.segments().is_empty());
    let agent = agent.restart(|_| {});
    let mut client = Client::connect(&agent);
    assert_eq!(agent.segments(), []);
    let first = with(shell("echo first"), json!({"foreground": false}));
    client.run(&first).unwrap();
    for _ in 0..999 {
        client.run(&with(shell("echo x"), json!({"foreground": false}))).unwrap();
    }
    assert_eq!(client.attach(&first["id"], json!("start")).unwrap().text(), "first\n");
    assert_eq!(agent.segments().len(), 1000);
    client.run(&with(shell("echo x"), json!({"foreground": false}))).unwrap();
    assert_eq!(client.ask(Kind::Get, &json!({"selector": first["id"]})).unwrap_err()["code"], "not_found");
    eventually("its file is gone", || agent.segments().len() == 1000);
    let agent = agent.restart(|_| {});
    let mut client = Client::connect(&agent);
    assert_eq!(agent.segments().len(), 1000);
    assert_eq!(client.ask(Kind::Get, &json!({"selector": first["id"]})).unwrap_err()["code"], "not_found", "forgotten is forgotten");
}

#[test]
fn a_short_run_of_a_plain_process_touches_no_file() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let state = |agent: &TestAgent| {
        let modified = |name: &str| std::fs::metadata(agent.dir.join("control").join(name)).and_then(|about| about.modified()).ok();
        (modified(""), modified("j"), modified("processes.log"), agent.segments())
    };
    // Where the machine is so slow that a run takes longer than what has only gathered stays in memory, this proves nothing: once more.
    let touches_none = (0..20).any(|_| {
        let before = state(&agent);
        assert!(before.0.is_some() && before.1.is_some());
        for _ in 0..100 {
            assert_eq!(client.shell("seq 1 5000").stdout, numbers(5000));
        }
        std::thread::sleep(std::time::Duration::from_millis(400));
        state(&agent) == before
    });
    assert!(touches_none);
    let before = state(&agent);
    client.run(&with(shell("echo"), json!({"foreground": false}))).unwrap();
    assert_ne!(state(&agent), before, "this test would see a file");
}

#[test]
fn a_pause_writes_what_was_printed_and_little_output_is_written_after_a_while() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let held = |agent: &TestAgent, text: &str| {
        agent.segments().iter().any(|(name, _)| {
            let bytes = std::fs::read(agent.dir.join("control/j").join(name)).unwrap();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        })
    };
    client.start(&shell("echo first words; exec sleep 1000"));
    eventually("the first words are shown", || client.next().unwrap().0 == Kind::Stdout);
    eventually("they are in a file", || held(&agent, "first words"));
    let mut control = Client::connect(&agent);
    let proven = (0..100).any(|round| {
        let words = format!("words of round {}.", round);
        let mut client = Client::connect(&agent);
        client.start(&shell(&format!("echo {}; exec sleep 1000", words)));
        eventually("they are shown", || client.next().unwrap().0 == Kind::Stdout);
        // Where the machine is so slow that they are written by now, the pause proves nothing: once more.
        if held(&agent, &words) {
            return false;
        }
        control.ask(Kind::Pause, &json!({})).unwrap();
        assert!(held(&agent, &words), "the pause has not written them");
        true
    });
    assert!(proven, "they were written at once every time, so the pause proves nothing");
}
