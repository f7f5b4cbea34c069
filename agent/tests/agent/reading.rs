//! Readers of a process's output: when they come, how fast they are, and what they get.

use crate::client::{new_id, program, shell, with, Client, Outcome};
use crate::harness::{eventually, TestAgent, Wish};
use capsuled_agent::frame::Kind;
use capsuled_agent::record::RecordHeader;
use serde_json::json;
use std::time::{Duration, Instant};

fn text_of(outcome: &Outcome, cuts: &[(RecordHeader, Vec<u8>)]) -> String {
    let mut text = String::new();
    for (index, (header, bytes)) in cuts.iter().enumerate() {
        let mut part = header.tail.as_slice().to_vec();
        part.extend_from_slice(bytes);
        let held = if index + 1 < cuts.len() { header.tail.after(bytes).as_slice().len() } else { 0 };
        text.push_str(&String::from_utf8_lossy(&part[..part.len() - held]));
    }
    assert_eq!(outcome.gaps.len(), 0);
    text
}

#[test]
fn binary_output_arrives_identical() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let script = "import sys,random\nrandom.seed(7)\nd=random.randbytes(5000000)\nsys.stdout.buffer.write(d)\nsys.stdout.flush()\n\
        import hashlib\nsys.stderr.write(hashlib.sha256(d).hexdigest())";
    let outcome = client.run(&program("python3", &["-c", script])).unwrap();
    let file = agent.dir.join("bytes");
    std::fs::write(&file, &outcome.stdout).unwrap();
    let sum = std::process::Command::new("sha256sum").arg(&file).output().unwrap();
    assert_eq!(outcome.stdout.len(), 5_000_000);
    assert_eq!(String::from_utf8_lossy(&sum.stdout)[..64], String::from_utf8_lossy(&outcome.stderr)[..]);
    let mut expected = [0, 0];
    for (index, record) in outcome.records.iter().enumerate() {
        assert_eq!(record.seq, index as u64 + 1, "sequence numbers are dense");
        expected[0] = expected[0].max(record.offset);
    }
    assert_eq!(outcome.exit["seq"], outcome.records.len() + 1);
}

#[test]
fn text_is_the_same_however_the_output_was_cut() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let script =
        "for b in '\\303' '\\251\\342' '\\202' '\\254\\360\\237' '\\230\\200\\377' '\\342\\202'; do printf \"$b\"; sleep 0.2; done";
    client.start(&shell(script));
    let mut cuts = Vec::new();
    loop {
        let (kind, payload) = client.next().unwrap();
        match kind {
            Kind::Stdout => cuts.push(RecordHeader::decode(&payload).map(|(header, bytes)| (header, bytes.to_vec())).unwrap()),
            Kind::Exit => break,
            other => panic!("{:?}", other),
        }
    }
    assert!(cuts.len() > 3, "the output came in too few pieces to prove anything: {}", cuts.len());
    assert_eq!(text_of(&Outcome::default(), &cuts), "\u{e9}\u{20ac}\u{1f600}\u{fffd}\u{fffd}");
}

#[test]
fn a_reader_may_come_from_now_from_the_start_or_from_a_record() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let gate = agent.dir.join("gate");
    // Each line is a record of its own, as the next one is printed when it has been read.
    let script = format!("for i in 1 2 3; do echo $i; while [ ! -e {}-$i ]; do sleep 0.01; done; done; echo 4", gate.display());
    let open = |number: u32| std::fs::write(agent.dir.join(format!("gate-{}", number)), "").unwrap();
    let request = with(shell(&script), json!({"foreground": false}));
    client.start(&request);
    for number in 1..=3 {
        assert_eq!(client.next().unwrap().0, Kind::Stdout);
        if number < 3 {
            open(number);
        }
    }
    let attach = |from: serde_json::Value| {
        let mut reader = Client::connect(&agent);
        reader.send(Kind::Attach, &json!({"selector": request["id"], "from": from}));
        reader
    };
    let mut readers: Vec<(Client, u64, &str)> = vec![
        (attach(json!("now")), 4, "4\n"),
        (attach(json!("start")), 1, "1\n2\n3\n4\n"),
        (attach(json!(2)), 2, "2\n3\n4\n"),
        (attach(json!(4)), 4, "4\n"),
    ];
    for (reader, next, _) in &mut readers {
        let (kind, started) = reader.control();
        assert_eq!((kind, &started["next_seq"]), (Kind::Started, &json!(*next)));
    }
    let (kind, error) = attach(json!(5)).control();
    assert_eq!((kind, &error["code"]), (Kind::Error, &json!("invalid_offset")));
    open(3);
    for (mut reader, _, text) in readers {
        assert_eq!(reader.finish().unwrap().text(), text);
    }
    assert_eq!(client.finish().unwrap().text(), "4\n");
    let mut late = attach(json!(4));
    assert_eq!(late.finish().unwrap().text(), "4\n", "after the end as before it");
    assert_eq!(attach(json!("now")).finish().unwrap().text(), "");
    assert_eq!(attach(json!(5)).finish().unwrap().exit["exit_code"], 0, "the end's own number");
    assert_eq!(attach(json!(7)).control().1["code"], "invalid_offset");
}

#[test]
fn behind_an_end_a_number_is_one_more_only_where_both_streams_end_in_the_middle_of_a_character() {
    let agent = TestAgent::start();
    for (script, numbers) in [(r"printf 'a\342'; printf 'b\303' >&2", 2), (r"printf 'a\342'; echo b >&2", 1), ("echo a; echo b >&2", 1)] {
        let mut client = Client::connect(&agent);
        let request = with(shell(script), json!({"foreground": false}));
        client.start(&request);
        let end = client.finish().unwrap().exit["seq"].as_u64().unwrap();
        for from in end..=end + numbers {
            assert_eq!(client.attach(&request["id"], json!(from)).unwrap().exit["seq"], end, "{} from {}", script, from);
        }
        assert_eq!(client.attach(&request["id"], json!(end + numbers + 1)).unwrap_err()["code"], "invalid_offset", "{}", script);
    }
}

#[test]
fn what_is_gone_is_told_in_a_gap_before_the_rest() {
    let agent = TestAgent::with(Wish { journal: Some((2 << 20, 1 << 30, 1 << 30)), ..Wish::default() });
    let mut client = Client::connect(&agent);
    let request = with(shell("head -c 5000000 /dev/zero; echo end"), json!({"foreground": false, "attach": false}));
    client.start(&request);
    eventually("it has ended", || client.ask(Kind::Get, &json!({"selector": request["id"]})).unwrap()["process"]["running"] == false);
    client.send(Kind::Attach, &json!({"selector": request["id"], "from": "start"}));
    let outcome = client.finish().unwrap();
    assert_eq!(outcome.gaps.len(), 1);
    let gap = &outcome.gaps[0];
    assert_eq!((&gap["from_seq"], &gap["to_seq"]), (&json!(1), &json!(outcome.records[0].seq - 1)));
    assert_eq!(gap["stdout_bytes"].as_u64(), Some(outcome.records[0].offset));
    assert_eq!(outcome.records[0].offset + outcome.stdout.len() as u64, 5_000_004, "gap and rest are the whole");
    assert!(outcome.stdout.ends_with(b"\0end\n"));
}

#[test]
fn a_gigabyte_against_a_stalled_reader_takes_bounded_memory_and_the_stalled_one_alone_is_closed() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let before = agent.status("VmRSS");
    let request = with(shell("head -c 1000000000 /dev/zero; echo end"), json!({"foreground": false}));
    client.start(&request);
    let mut stalled = Client::connect(&agent);
    stalled.send(Kind::Attach, &json!({"selector": request["id"], "from": "now"}));
    assert_eq!(stalled.next().unwrap().0, Kind::Started);
    let mut most = 0;
    let begin = Instant::now();
    let mut bytes = 0u64;
    let outcome = loop {
        let (kind, payload) = client.next().unwrap();
        most = most.max(agent.status("VmRSS"));
        match kind {
            Kind::Stdout => bytes += payload.len() as u64 - 28,
            Kind::Exit => break serde_json::from_slice::<serde_json::Value>(&payload).unwrap(),
            other => panic!("{:?}", other),
        }
    };
    println!("1 GB after {:?}; resident {} KiB before, {} KiB at most", begin.elapsed(), before, most);
    assert_eq!((bytes, &outcome["exit_code"]), (1_000_000_004, &json!(0)), "the other reader lost bytes");
    assert!(begin.elapsed() >= Duration::from_secs(25), "the stalled reader was not given its time");
    assert!(most < before + 8192, "resident {} KiB, {} KiB before", most, before);
    let error = stalled.finish().expect_err("it was not closed");
    assert_eq!(error["code"], "slow_consumer");
    assert!(stalled.next().is_none());
}

#[test]
fn without_a_reader_a_process_is_never_held_up() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let request = with(shell("head -c 300000000 /dev/zero"), json!({"foreground": false, "attach": false, "id": new_id()}));
    client.start(&request);
    eventually("it has ended", || client.ask(Kind::Get, &json!({"selector": request["id"]})).unwrap()["process"]["running"] == false);
    let facts = client.ask(Kind::Get, &json!({"selector": request["id"]})).unwrap();
    assert_eq!(facts["process"]["exit"]["stdout_bytes"], 300_000_000);
    assert!(agent.status("VmRSS") < 8192, "{} KiB", agent.status("VmRSS"));
}

#[test]
fn the_memory_of_all_journals_has_one_bound() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    for _ in 0..40 {
        client.run(&with(shell("head -c 1000000 /dev/zero"), json!({"foreground": false, "id": new_id()}))).unwrap();
    }
    let stats = client.ask(Kind::Stats, &json!({})).unwrap();
    assert!(stats["journal_bytes"].as_u64().unwrap() <= (16 << 20) + (128 << 10), "{}", stats);
    assert!(agent.status("VmRSS") < 24 << 10, "{} KiB", agent.status("VmRSS"));
    let last = with(shell("echo last"), json!({"foreground": false}));
    client.run(&last).unwrap();
    client.send(Kind::Attach, &json!({"selector": last["id"], "from": "start"}));
    assert_eq!(client.finish().unwrap().text(), "last\n");
}

#[test]
fn a_reader_that_leaves_changes_nothing_for_the_others() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let request = with(shell("seq 100000"), json!({"foreground": false}));
    client.start(&request);
    for _ in 0..20 {
        let mut reader = Client::connect(&agent);
        reader.send(Kind::Attach, &json!({"selector": request["id"], "from": "now"}));
        assert_eq!(reader.next().unwrap().0, Kind::Started);
    }
    let expected: String = (1..=100_000).map(|number| format!("{}\n", number)).collect();
    assert_eq!(client.finish().unwrap().text(), expected);
}
