//! Files that are damaged, cut, missing or something else: the rest is there, and the loss is told.

use crate::client::{background, with};
use crate::client::{Client, Outcome};
use crate::harness::TestAgent;
use crate::resuming::{numbers, Random};
use capsuled_agent::frame::Kind;
use serde_json::{json, Value};
use std::path::{Path, PathBuf};

/// Prints 60 000 lines in many records and some megabytes in large ones, and ends.
const SCRIPT: &str = "for i in $(seq 1 3000); do echo $i; echo e$i >&2; done; seq 3001 500000";

fn expected() -> (Vec<u8>, Vec<u8>) {
    (numbers(500_000), (1..=3000).flat_map(|number| format!("e{}\n", number).into_bytes()).collect())
}

/// An agent with one ended process, and that process's id.
fn prepared() -> (TestAgent, Value) {
    let agent = TestAgent::with(crate::harness::Wish { journal: Some((8 << 20, 1 << 30, 1 << 40)), ..Default::default() });
    let request = with(background(SCRIPT), json!({"tag": "t"}));
    let mut client = Client::connect(&agent);
    client.start(&request);
    client.ended(&request["id"]);
    assert!(agent.segments().len() >= 3, "too few segments to prove anything");
    (agent, request["id"].clone())
}

fn segment_files(agent: &TestAgent) -> Vec<PathBuf> {
    let mut files: Vec<(u32, PathBuf)> = agent
        .segments()
        .iter()
        .map(|(name, _)| (name.rsplit('.').next().unwrap().parse().unwrap(), agent.dir.join("control/j").join(name)))
        .collect();
    files.sort();
    files.into_iter().map(|(_, path)| path).collect()
}

/// That everything a reader got is what was printed, where it says, and that the gaps say the rest.
fn check(outcome: &Outcome, what: &str) -> u64 {
    let (out, err) = expected();
    let sum = |name: &str| outcome.gaps.iter().map(|gap| gap[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!(outcome.stdout.len() as u64 + sum("stdout_bytes"), out.len() as u64, "{}", what);
    assert_eq!(outcome.stderr.len() as u64 + sum("stderr_bytes"), err.len() as u64, "{}", what);
    assert!(outcome.records.windows(2).all(|pair| pair[0].seq < pair[1].seq), "{}", what);
    let missing: u64 = outcome.gaps.iter().map(|gap| gap["to_seq"].as_u64().unwrap() + 1 - gap["from_seq"].as_u64().unwrap()).sum();
    assert_eq!(outcome.records.len() as u64 + missing + 1, outcome.exit["seq"].as_u64().unwrap(), "{}", what);
    assert_eq!(outcome.exit["stdout_sha256"], crate::client::sha256(&out), "{}", what);
    sum("stdout_bytes") + sum("stderr_bytes")
}

/// That each record holds the bytes that were printed at its offset.
fn check_bytes(client: &mut Client, id: &Value, what: &str) {
    let (out, err) = expected();
    client.send(Kind::Attach, &json!({"selector": id, "from": "start"}));
    while let Some((kind, payload)) = client.next() {
        let whole = match kind {
            Kind::Stdout => &out,
            Kind::Stderr => &err,
            Kind::Exit => return,
            _ => continue,
        };
        let (header, bytes) = capsuled_agent::record::RecordHeader::decode(&payload).unwrap();
        let at = header.offset as usize;
        assert!(whole.get(at..at + bytes.len()) == Some(bytes), "{}: other bytes at {}", what, at);
    }
    panic!("{}: no exit", what);
}

fn flip(path: &Path, random: &mut Random, count: u64) {
    let mut bytes = std::fs::read(path).unwrap();
    for _ in 0..count {
        let at = random.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << random.below(8);
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn random_damage_takes_only_what_it_hit() {
    let (agent, id) = prepared();
    let originals: Vec<(PathBuf, Vec<u8>)> =
        segment_files(&agent).into_iter().map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect();
    let mut client = Client::connect(&agent);
    assert_eq!(check(&client.attach(&id, json!("start")).unwrap(), "whole"), 0);
    let mut random = Random(11);
    let mut losses = 0;
    for round in 0..60 {
        let what = format!("round {}", round);
        let victim = &originals[random.below(originals.len() as u64) as usize].0;
        let length = std::fs::metadata(victim).unwrap().len();
        match round % 4 {
            0 => flip(victim, &mut random, 1),
            1 => flip(victim, &mut random, 40),
            2 => std::fs::OpenOptions::new().write(true).open(victim).unwrap().set_len(random.below(length)).unwrap(),
            _ => {
                let mut bytes = std::fs::read(victim).unwrap();
                let (at, size) = (random.below(length) as usize, random.below(300_000) as usize);
                let end = (at + size).min(bytes.len());
                bytes[at..end].iter_mut().for_each(|byte| *byte = random.below(256) as u8);
                std::fs::write(victim, bytes).unwrap();
            }
        }
        let outcome = client.attach(&id, json!("start")).expect(&what);
        let lost = check(&outcome, &what);
        check_bytes(&mut client, &id, &what);
        losses += u64::from(lost > 0);
        assert!(round % 4 != 0 || lost <= 65_536, "{}: one bit took {} bytes", what, lost);
        // From the middle and by ranges nothing breaks either.
        let middle = client.attach(&id, json!(1 + random.below(outcome.exit["seq"].as_u64().unwrap()))).expect(&what);
        assert!(outcome.stdout.ends_with(&middle.stdout), "{}", what);
        let whole = expected().0;
        let mut at = 0;
        while at < whole.len() as u64 {
            let (bytes, _, told) = client.output(&id, "stdout", at, 0).unwrap();
            let (from, next) = (told["from"].as_u64().unwrap(), told["next"].as_u64().unwrap());
            assert!(from >= at && next > at && bytes == whole[from as usize..next as usize], "{}: {}", what, told);
            at = next;
        }
        originals.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    }
    assert!(losses > 40, "only {} rounds lost anything", losses);
}

#[test]
fn an_agent_starts_on_damaged_files_and_keeps_what_is_whole() {
    let (mut agent, id) = prepared();
    let mut random = Random(5);
    let whole = expected().0;
    for round in 0..12 {
        let files = segment_files(&agent);
        let saved: Vec<(PathBuf, Vec<u8>)> = files.iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
        let victim = files[random.below(files.len() as u64) as usize].clone();
        match round % 3 {
            // The head of a segment.
            0 => {
                let mut bytes = std::fs::read(&victim).unwrap();
                bytes[16 + random.below(200) as usize] ^= 4;
                std::fs::write(&victim, bytes).unwrap();
            }
            1 => flip(&victim, &mut random, 30),
            _ => std::fs::OpenOptions::new().write(true).open(&victim).unwrap().set_len(random.below(100_000)).unwrap(),
        }
        agent = agent.restart(|_| {});
        let what = format!("round {}", round);
        let mut client = Client::connect(&agent);
        check(&client.attach(&id, json!("start")).expect(&what), &what);
        check_bytes(&mut client, &id, &what);
        assert_eq!(client.shell("echo on").text(), "on\n");
        let (bytes, _, told) = client.output(&id, "stdout", 0, 0).unwrap();
        let from = told["from"].as_u64().unwrap() as usize;
        assert!(bytes == whole[from..from + bytes.len()], "{}", what);
        drop(client);
        saved.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    }
}

#[test]
fn damage_to_the_log_is_a_gap_in_it_and_numbers_are_never_given_twice() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    for index in 0..200 {
        client.run(&with(background("true"), json!({"attach": true, "tag": format!("t{}", index)}))).unwrap();
    }
    let entries = client.log(1);
    assert_eq!(entries.len(), 400);
    let file = agent.dir.join("control/processes.log");
    let original = std::fs::read(&file).unwrap();
    let mut agent = agent;
    let mut random = Random(9);
    for round in 0..12 {
        flip(&file, &mut random, 3);
        agent = agent.restart(|_| {});
        let mut client = Client::connect(&agent);
        let seen = client.log(1);
        let mut next = 1;
        let mut gone = 0;
        for entry in &seen {
            if entry["kind"] == "gap" {
                assert_eq!((&entry["from"], &entry["to"]), (&json!(next), &entry["n"]));
                gone += entry["n"].as_u64().unwrap() + 1 - next;
            } else if entry["n"].as_u64().unwrap() <= 400 {
                assert_eq!(entry, &entries[next as usize - 1], "round {}", round);
                assert_eq!(entry["n"], next);
            }
            next = entry["n"].as_u64().unwrap() + 1;
        }
        assert!(gone <= 6 && next >= 401, "round {}: {} entries are gone, the next is {}", round, gone, next);
        drop(client);
        std::fs::write(&file, &original).unwrap();
    }
}

#[test]
fn strange_things_in_the_control_directory_stop_no_start() {
    let (agent, id) = prepared();
    let control = agent.dir.join("control");
    let text = id.as_str().unwrap();
    std::fs::create_dir(control.join(format!("j/{}.90", text))).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", control.join(format!("j/{}.91", text))).unwrap();
    std::fs::write(control.join(format!("j/{}.92", text)), b"").unwrap();
    std::fs::write(control.join(format!("j/{}.4294967296", text)), b"x").unwrap();
    std::fs::write(control.join("j/\u{fffd} nonsense"), b"x").unwrap();
    let fifo = std::ffi::CString::new(control.join(format!("j/{}.93", text)).to_str().unwrap()).unwrap();
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
    let agent = agent.restart(|_| {});
    let mut client = Client::connect(&agent);
    assert_eq!(check(&client.attach(&id, json!("start")).unwrap(), "strange files"), 0);
    drop(client);
    std::fs::remove_file(control.join("processes.log")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", control.join("processes.log")).unwrap();
    let agent = agent.restart(|_| {});
    let mut client = Client::connect(&agent);
    client.run(&with(background("echo x"), json!({"attach": true}))).unwrap();
    assert_eq!(client.log(1).len(), 2, "the log is in memory");
    assert!(client.ask(Kind::Stats, &json!({})).unwrap()["journal_errors"].as_u64().unwrap() > 0);
    assert!(std::fs::read_to_string("/etc/passwd").unwrap().starts_with("root:"));
}
