//! Readers that go and come back: nothing is missed and nothing comes twice.

use crate::client::{background, sha256, shell, with, Client};
use crate::harness::TestAgent;
use capsuled_agent::frame::Kind;
use capsuled_agent::record::RecordHeader;
use serde_json::{json, Value};
use std::time::Instant;

/// Numbers that nobody can foretell, and the same ones for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % limit.max(1)
    }
}

/// What `seq 1 last` prints.
pub fn numbers(last: u64) -> Vec<u8> {
    let mut text = Vec::new();
    (1..=last).for_each(|number| text.extend_from_slice(format!("{}\n", number).as_bytes()));
    text
}

#[test]
fn whoever_attaches_to_200_megabytes_at_any_record_gets_the_same_bytes_and_the_digest_proves_it() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let request = with(shell("seq 1 23000000"), json!({"foreground": false}));
    client.start(&request);
    let mut random = Random(42);
    let (mut all, mut readers, mut exit) = (Vec::new(), Vec::new(), Value::Null);
    while exit.is_null() {
        let (kind, payload) = client.next().unwrap();
        match kind {
            Kind::Stdout => {
                let (header, bytes) = RecordHeader::decode(&payload).unwrap();
                all.extend_from_slice(bytes);
                if readers.len() < 4 && header.offset > readers.len() as u64 * 40_000_000 {
                    let (socket, id, from) = (agent.socket(), request["id"].clone(), 1 + random.below(header.seq));
                    readers.push(std::thread::spawn(move || (from, Client::connect_to(&socket).attach(&id, json!(from)).unwrap())));
                }
            }
            Kind::Exit => exit = serde_json::from_slice(&payload).unwrap(),
            other => panic!("{:?}", other),
        }
    }
    assert!(all == numbers(23_000_000), "the first reader has other bytes");
    assert_eq!((&exit["stdout_bytes"], &exit["gap_bytes"], readers.len()), (&json!(all.len()), &json!(0), 4));
    assert_eq!(exit["stdout_sha256"], sha256(&all));
    assert_eq!(exit["stderr_sha256"], sha256(b""));
    for reader in readers {
        let (from, outcome) = reader.join().unwrap();
        assert_eq!((outcome.records[0].seq, outcome.gaps.len()), (from, 0));
        let start = outcome.records[0].offset as usize;
        assert!(outcome.stdout == all[start..], "other bytes from record {}", from);
        assert_eq!(outcome.exit["stdout_sha256"], exit["stdout_sha256"]);
        assert!(outcome.records.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq));
    }
}

#[test]
fn a_host_that_vanishes_a_hundred_times_misses_and_repeats_nothing() {
    let agent = TestAgent::start();
    let script = "for i in $(seq 1 300); do echo out $i; echo err $i >&2; done; seq 1 2000000";
    let request = background(script);
    Client::connect(&agent).start(&request);
    let mut random = Random(7);
    let (mut next, mut out, mut err, mut cuts) = (1, Vec::new(), Vec::new(), 0);
    'attach: loop {
        let mut client = Client::connect(&agent);
        client.send(Kind::Attach, &json!({"selector": request["id"], "from": next}));
        let most = if cuts < 100 { 1 + random.below(3) } else { u64::MAX };
        let mut seen = 0;
        while seen < most {
            let (kind, payload) = client.next().unwrap();
            match kind {
                Kind::Started => continue,
                Kind::Stdout | Kind::Stderr => {
                    let (header, bytes) = RecordHeader::decode(&payload).unwrap();
                    assert_eq!(header.seq, next);
                    let all = if kind == Kind::Stdout { &mut out } else { &mut err };
                    assert_eq!(header.offset, all.len() as u64);
                    all.extend_from_slice(bytes);
                    next += 1;
                }
                Kind::Exit => {
                    let exit: Value = serde_json::from_slice(&payload).unwrap();
                    assert_eq!((&exit["seq"], &exit["reason"]), (&json!(next), &json!("exited")));
                    assert_eq!((&exit["stdout_sha256"], &exit["stderr_sha256"]), (&json!(sha256(&out)), &json!(sha256(&err))));
                    break 'attach;
                }
                other => panic!("{:?}", other),
            }
            seen += 1;
        }
        cuts += 1;
    }
    assert_eq!(cuts, 100, "the connection was not cut as often as meant");
    let mut expected: Vec<u8> = (1..=300).flat_map(|number| format!("out {}\n", number).into_bytes()).collect();
    expected.extend_from_slice(&numbers(2_000_000));
    assert!(out == expected);
    assert_eq!(err, (1..=300).flat_map(|number| format!("err {}\n", number).into_bytes()).collect::<Vec<u8>>());
}

#[test]
fn a_reader_that_stalls_slows_nothing_and_still_gets_everything_that_is_kept() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let request = background(
        "while [ ! -e GATE ]; do sleep 0.01; done; seq 1 20000000".replace("GATE", agent.dir.join("gate").to_str().unwrap()).as_str(),
    );
    client.start(&request);
    let mut stalled = Client::connect(&agent);
    stalled.send(Kind::Attach, &json!({"selector": request["id"], "from": "now"}));
    assert_eq!(stalled.next().unwrap().0, Kind::Started);
    let before = agent.status("VmRSS");
    std::fs::write(agent.dir.join("gate"), "").unwrap();
    let begin = Instant::now();
    let mut most = 0;
    crate::harness::eventually("it has ended", || {
        most = most.max(agent.status("VmRSS"));
        client.ask(Kind::Get, &json!({"selector": request["id"]})).unwrap()["process"]["running"] == false
    });
    println!("169 MB in {:?} against a stalled reader; resident {} KiB before, {} KiB at most", begin.elapsed(), before, most);
    assert!(most < 4096, "{} KiB", most);
    let outcome = stalled.finish().unwrap();
    assert!(outcome.stdout == numbers(20_000_000) && outcome.gaps.is_empty());
    assert_eq!(outcome.exit["stdout_sha256"], sha256(&outcome.stdout));
}

#[test]
fn the_end_tells_the_half_character_that_a_reader_has_to_flush() {
    let agent = TestAgent::start();
    let outcome = Client::connect(&agent).shell("printf 'a\\342\\202'; printf 'b\\360\\237\\230' >&2");
    assert_eq!((&outcome.exit["stdout_tail"], &outcome.exit["stderr_tail"]), (&json!("e282"), &json!("f09f98")));
    assert_eq!(
        (&outcome.exit["stdout_sha256"], &outcome.exit["stderr_sha256"]),
        (&json!(sha256(b"a\xe2\x82")), &json!(sha256(b"b\xf0\x9f\x98")))
    );
}
