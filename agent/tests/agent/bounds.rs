//! What journals may take, and what happens at the bound.

use crate::client::{background, sha256, shell, with, Client};
use crate::harness::{eventually, TestAgent, Wish};
use crate::resuming::numbers;
use capsuled_agent::frame::Kind;
use serde_json::{json, Value};
use std::time::{Duration, Instant};

fn bounded(process: u64, capsule: u64, rate: u64) -> TestAgent {
    TestAgent::with(Wish { journal: Some((process, capsule, rate)), ..Wish::default() })
}

fn stats(client: &mut Client) -> Value {
    client.ask(Kind::Stats, &json!({})).unwrap()
}

#[test]
fn at_the_bound_of_the_capsule_what_ended_first_goes_first_and_gaps_are_exact() {
    let agent = bounded(4 << 20, 4 << 20, 1 << 40);
    let mut client = Client::connect(&agent);
    // Some 1.2 MB each: two ended ones, one that goes on, and one more that ended.
    let whole = numbers(180_000);
    let quiet = |client: &mut Client| {
        let request = background("seq 1 180000");
        client.start(&request);
        client.ended(&request["id"]);
        request["id"].clone()
    };
    let (first, second) = (quiet(&mut client), quiet(&mut client));
    let live = background("seq 1 180000; exec sleep 1000");
    client.start(&live);
    eventually("it has printed all", || {
        client.ask(Kind::Get, &json!({"selector": live["id"]})).unwrap()["process"]["stdout_bytes"] == whole.len()
    });
    let gone = |client: &mut Client, id: &Value| {
        client.ask(Kind::Get, &json!({"selector": id})).unwrap()["process"]["gap_bytes"].as_u64().unwrap()
    };
    assert_eq!([gone(&mut client, &first), gone(&mut client, &second)], [0, 0]);
    let third = quiet(&mut client);
    assert!(gone(&mut client, &first) > 0, "what ended first has lost nothing");
    assert_eq!([gone(&mut client, &second), gone(&mut client, &live["id"]), gone(&mut client, &third)], [0, 0, 0]);
    let more: Vec<Value> = (0..3).map(|_| quiet(&mut client)).collect();
    assert_eq!(gone(&mut client, &live["id"]), 0, "an ended process goes before a live one");
    assert_eq!(gone(&mut client, &first), whole.len() as u64, "it has lost all");
    for id in [&first, &second, &third, &more[0], &more[2]] {
        let outcome = client.attach(id, json!("start")).unwrap();
        let gap = outcome.gaps.first().map_or(0, |gap| gap["stdout_bytes"].as_u64().unwrap());
        assert_eq!((gap, outcome.gaps.len() <= 1), (gone(&mut client, id), true));
        assert!(outcome.stdout == whole[gap as usize..]);
        assert_eq!(outcome.exit["stdout_sha256"], sha256(&whole), "the digest covers what went too");
    }
    let on_disk: u64 = agent.segments().iter().map(|(_, bytes)| bytes).sum();
    assert!(on_disk <= 4 << 20, "{} bytes", on_disk);
    assert_eq!(stats(&mut client)["journal_disk_bytes"], on_disk);
}

#[test]
fn at_the_bound_of_the_capsule_the_live_process_that_has_most_gives_way() {
    let agent = bounded(4 << 20, 4 << 20, 1 << 40);
    let mut client = Client::connect(&agent);
    let gate = agent.dir.join("gate");
    let start = |client: &mut Client, last: u64| {
        let request = background(&format!("seq 1 {}; while [ ! -e {} ]; do sleep 0.01; done; seq 1 200000", last, gate.display()));
        client.start(&request);
        eventually("it has printed all", || {
            client.ask(Kind::Get, &json!({"selector": request["id"]})).unwrap()["process"]["stdout_bytes"] == numbers(last).len()
        });
        request["id"].clone()
    };
    let large = start(&mut client, 400_000);
    let small = start(&mut client, 20_000);
    let another = background("seq 1 250000; exec sleep 1000");
    client.start(&another);
    let gone = |client: &mut Client, id: &Value| {
        client.ask(Kind::Get, &json!({"selector": id})).unwrap()["process"]["gap_bytes"].as_u64().unwrap()
    };
    eventually("the large one has lost something", || gone(&mut client, &large) > 0);
    assert_eq!([gone(&mut client, &small), gone(&mut client, &another["id"])], [0, 0]);
}

#[test]
fn a_process_that_waits_when_its_journal_is_full_loses_nothing() {
    let agent = bounded(1 << 20, 1 << 30, 1 << 40);
    let mut client = Client::connect(&agent);
    let request = with(background("seq 1 1500000; echo end >&2"), json!({"on_full": "block"}));
    client.start(&request);
    let printed = |client: &mut Client| client.ask(Kind::Get, &json!({"selector": request["id"]})).unwrap()["process"].clone();
    eventually("its journal is full", || printed(&mut client)["stdout_bytes"].as_u64().unwrap() > 700_000);
    std::thread::sleep(Duration::from_millis(500));
    let facts = printed(&mut client);
    assert!(facts["stdout_bytes"].as_u64().unwrap() < 2 << 20 && facts["running"] == true, "it was not held: {}", facts);
    assert_eq!(client.shell("echo others go on").text(), "others go on\n");
    let outcome = client.attach(&request["id"], json!("start")).unwrap();
    assert!(outcome.gaps.is_empty() && outcome.stdout == numbers(1_500_000));
    assert_eq!((outcome.stderr.as_slice(), &outcome.exit["reason"]), (&b"end\n"[..], &json!("exited")));
    // One that is killed while it waits ends at once.
    let request = with(background("seq 1 1500000"), json!({"on_full": "block", "tag": "waits"}));
    client.start(&request);
    eventually("its journal is full", || {
        client.ask(Kind::Get, &json!({"selector": "waits"})).unwrap()["process"]["stdout_bytes"].as_u64().unwrap() > 700_000
    });
    client.ask(Kind::Signal, &json!({"selector": "waits", "signal": "SIGKILL", "by": "t"})).unwrap();
    assert_eq!(client.ended(&json!("waits"))["exit"]["reason"], "killed");
    let outcome = client.attach(&request["id"], json!("start")).unwrap();
    assert!(outcome.gaps.is_empty() && numbers(1_500_000).starts_with(&outcome.stdout));
}

#[test]
fn the_rate_at_which_files_may_grow_paces_a_process_that_nobody_reads_and_nothing_else() {
    // 32 MiB go at once, and 8 MiB a second after that.
    let agent = bounded(256 << 20, 1 << 30, 8 << 20);
    let mut client = Client::connect(&agent);
    let request = background("head -c 50000000 /dev/zero");
    let begin = Instant::now();
    client.start(&request);
    let mut meanwhile = 0;
    while client.ask(Kind::Get, &json!({"selector": request["id"]})).unwrap()["process"]["running"] == true {
        client.shell("true");
        meanwhile += 1;
    }
    assert!(meanwhile >= 3, "only {} others went on meanwhile", meanwhile);
    let took = begin.elapsed();
    println!("50 MB took {:?}", took);
    assert!(took > Duration::from_millis(1800), "{:?}", took);
    assert_eq!(client.attach(&request["id"], json!("start")).unwrap().stdout.len(), 50_000_000);
}

#[test]
fn a_full_disk_stops_no_process_and_is_told_as_a_gap_and_room_is_used_again() {
    let agent = TestAgent::with(Wish { disk: Some(3 << 20), ..Wish::default() });
    let control = agent.dir.join("control");
    let mut client = Client::connect(&agent);
    let early = with(shell("echo early"), json!({"foreground": false}));
    client.run(&early).unwrap();
    let whole = numbers(1_000_000);
    let request = background("seq 1 1000000");
    client.start(&request);
    let facts = client.ended(&request["id"]);
    assert_eq!((&facts["exit"]["reason"], &facts["exit"]["stdout_bytes"]), (&json!("exited"), &json!(whole.len())));
    assert_eq!(facts["exit"]["stdout_sha256"], sha256(&whole));
    assert!(stats(&mut client)["journal_errors"].as_u64().unwrap() > 0, "the disk was never full");
    let outcome = client.attach(&request["id"], json!("start")).unwrap();
    let gap: u64 = outcome.gaps.iter().map(|gap| gap["stdout_bytes"].as_u64().unwrap()).sum();
    assert!(gap > 0 && gap == outcome.exit["gap_bytes"].as_u64().unwrap());
    assert_eq!(outcome.stdout.len() as u64 + gap, whole.len() as u64);
    assert!(outcome.stdout.len() > 2 << 20 && whole.starts_with(&outcome.stdout[..2 << 20]), "what fits is kept");
    assert!(outcome.stdout.ends_with(b"999999\n1000000\n"), "and so is the latest");
    let blocked = with(shell("echo while it is full"), json!({"foreground": false}));
    assert_eq!(client.run(&blocked).unwrap().text(), "while it is full\n");
    // Room comes back when the processes of before are gone.
    let victim = agent.segments().iter().map(|(name, bytes)| (*bytes, name.clone())).max().unwrap().1;
    std::fs::remove_file(control.join("j").join(victim)).unwrap();
    let later = with(shell("echo later"), json!({"foreground": false}));
    client.run(&later).unwrap();
    let has = |id: &Value| agent.segments().iter().any(|(name, _)| name.starts_with(id.as_str().unwrap()));
    eventually("what waited is written", || has(&later["id"]) && has(&blocked["id"]));
    let entries = client.log(1).len();
    let agent = agent.restart(|_| {});
    let mut client = Client::connect(&agent);
    assert_eq!(client.log(1).len(), entries, "the log has all of it");
    for (request, text) in [(&early, "early\n"), (&blocked, "while it is full\n"), (&later, "later\n")] {
        assert_eq!(client.attach(&request["id"], json!("start")).unwrap().text(), text);
    }
}
