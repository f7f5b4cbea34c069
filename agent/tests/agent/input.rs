//! Standard input.

use crate::client::{program, sha256, shell, with, Client};
use crate::harness::{eventually, TestAgent};
use capsuled_agent::frame::Kind;
use serde_json::{json, Value};

#[test]
fn without_stdin_a_program_reads_an_end_at_once() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let outcome = client.run(&program("cat", &[])).unwrap();
    assert_eq!((outcome.stdout.len(), &outcome.exit["exit_code"]), (0, &json!(0)));
    assert_eq!(client.shell("readlink /proc/self/fd/0").text(), "/dev/null\n");
}

#[test]
fn bytes_go_through_unchanged_to_their_close_and_every_one_is_acknowledged() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    client.start(&with(program("cat", &[]), json!({"stdin": true})));
    let sent: Vec<u8> = (0..900_000u32).map(|number| (number * 7919 >> 3) as u8).collect();
    sent.chunks(100_000).for_each(|chunk| client.send_bytes(Kind::Stdin, chunk));
    client.send_bytes(Kind::StdinClose, b"");
    let (mut back, mut room) = (Vec::new(), 0);
    loop {
        let (kind, payload) = client.next().unwrap();
        match kind {
            Kind::Stdout => back.extend_from_slice(&payload[28..]),
            Kind::StdinRoom => room += serde_json::from_slice::<Value>(&payload).unwrap()["bytes"].as_u64().unwrap(),
            Kind::Exit => break,
            other => panic!("{:?}", other),
        }
    }
    assert!(back == sent, "{} bytes of {}", back.len(), sent.len());
    assert_eq!(room, 900_000);
}

#[test]
fn more_than_the_queue_holds_is_refused_and_nothing_else_is_lost() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let gate = agent.dir.join("gate");
    let script = format!("while [ ! -e {} ]; do sleep 0.01; done; wc -c", gate.display());
    client.start(&with(shell(&script), json!({"stdin": true})));
    let chunk = vec![b'x'; 256 * 1024];
    let (mut accepted, mut refused) = (0, 0);
    (0..6).for_each(|_| client.send_bytes(Kind::Stdin, &chunk));
    let mut taken = 0;
    while refused == 0 {
        let (kind, value) = client.control();
        match kind {
            Kind::StdinRoom => taken += value["bytes"].as_u64().unwrap(),
            Kind::Error => {
                assert_eq!(value["code"], "stdin_full");
                refused += 1;
            }
            other => panic!("{:?}", other),
        }
    }
    std::fs::write(&gate, "").unwrap();
    client.send_bytes(Kind::StdinClose, b"");
    loop {
        let (kind, payload) = client.next().unwrap();
        match kind {
            Kind::StdinRoom => taken += serde_json::from_slice::<Value>(&payload).unwrap()["bytes"].as_u64().unwrap(),
            Kind::Error => refused += 1,
            Kind::Stdout => accepted = String::from_utf8_lossy(&payload[28..]).trim().parse::<u64>().unwrap(),
            Kind::Exit => break,
            other => panic!("{:?}", other),
        }
    }
    assert_eq!(accepted, (6 - refused) * 256 * 1024, "{} refused", refused);
    assert_eq!(taken, accepted, "what was refused is not acknowledged");
}

#[test]
fn input_that_nobody_reads_is_bounded_over_all_processes() {
    let agent = TestAgent::start();
    let chunk = vec![b'x'; 900_000];
    let (mut refused, mut clients) = (0, Vec::new());
    for _ in 0..40 {
        let mut client = Client::connect(&agent);
        client.start(&with(program("sleep", &["1000"]), json!({"stdin": true})));
        client.send_bytes(Kind::Stdin, &chunk);
        clients.push(client);
    }
    let mut last = Client::connect(&agent);
    assert_eq!(last.shell("echo alive").text(), "alive\n");
    for client in &mut clients {
        // A part goes into the pipe at once and is acknowledged, or all is refused.
        let (kind, value) = client.control();
        assert!(kind == Kind::StdinRoom || value["code"] == "stdin_full", "{}", value);
        refused += u32::from(kind == Kind::Error);
    }
    assert!((15..30).contains(&refused), "{} of 40 were refused", refused);
    assert!(agent.status("VmRSS") < 24 << 10, "{} KiB", agent.status("VmRSS"));
}

#[test]
fn input_for_a_program_that_does_not_read_is_acknowledged_and_dropped() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    client.start(&with(shell("exec <&-; echo closed; sleep 2"), json!({"stdin": true})));
    assert_eq!(client.next().unwrap().0, Kind::Stdout);
    client.send_bytes(Kind::Stdin, &vec![b'x'; 500_000]);
    let (kind, value) = client.control();
    assert_eq!((kind, &value["bytes"]), (Kind::StdinRoom, &json!(500_000)));
    assert_eq!(client.finish().unwrap().exit["exit_code"], 0);
    client.send_bytes(Kind::Stdin, b"after the end");
    assert_eq!(client.shell("echo next").text(), "next\n", "input that crossed the exit is ignored");
}

#[test]
fn a_host_that_takes_over_learns_what_came_and_gives_the_rest_once() {
    let agent = TestAgent::start();
    let gate = agent.dir.join("gate");
    let script = format!("while [ ! -e {} ]; do sleep 0.01; done; sha256sum", gate.display());
    let all: Vec<u8> = (0..1_900_000u32).map(|number| (number * 7919 >> 3) as u8).collect();
    let mut first = Client::connect(&agent);
    let mut taken = 0;
    let started = first.start(&with(shell(&script), json!({"stdin": true, "on_disconnect": "continue", "foreground": false})));
    assert_eq!(started["stdin"], json!({"bytes": 0, "queued": 0, "closed": false, "at": true}));
    let id = started["id"].as_str().unwrap().to_string();
    // What the queue and the pipe take together, so that some of it still waits when this host is gone.
    all[..1_000_000].chunks(100_000).for_each(|chunk| first.send_bytes(Kind::Stdin, chunk));
    while taken == 0 {
        taken = first.control().1["bytes"].as_u64().unwrap();
    }
    // What a host leaves unread with the agent when it goes may come or not.
    eventually("all of it has come", || {
        let mut looking = Client::connect(&agent);
        looking.send(Kind::Attach, &json!({"selector": id, "from": "start"}));
        looking.control().1["stdin"]["bytes"] == 1_000_000
    });
    drop(first);
    let mut second = Client::connect(&agent);
    second.send(Kind::Attach, &json!({"selector": id, "from": "start"}));
    let (_, again) = second.control();
    let given = &again["stdin"];
    assert_eq!((&given["bytes"], &given["closed"]), (&json!(1_000_000), &json!(false)));
    let mut in_flight = given["queued"].as_u64().unwrap();
    assert!(in_flight > 0 && in_flight < 1_000_000, "{}", in_flight);
    std::fs::write(&gate, b"").unwrap();
    let mut at = 1_000_000;
    let mut text = Vec::new();
    loop {
        while at < all.len() && in_flight + 100_000 <= 1 << 20 {
            second.send_bytes(Kind::Stdin, &all[at..at + 100_000]);
            at += 100_000;
            in_flight += 100_000;
            if at == all.len() {
                second.send_bytes(Kind::StdinClose, b"");
            }
        }
        let (kind, payload) = second.next().unwrap();
        match kind {
            Kind::StdinRoom => in_flight -= serde_json::from_slice::<Value>(&payload).unwrap()["bytes"].as_u64().unwrap(),
            Kind::Stdout => text.extend_from_slice(&payload[28..]),
            Kind::Exit => break,
            other => panic!("{:?}", other),
        }
    }
    assert_eq!(in_flight, 0, "every byte was acknowledged to the host that is there");
    assert_eq!(String::from_utf8(text).unwrap(), format!("{}  -\n", sha256(&all)));
}

/// A `stdin_at` frame's payload, or a `stdin_close`'s without bytes.
fn at(place: u64, bytes: &[u8]) -> Vec<u8> {
    [&place.to_le_bytes()[..], bytes].concat()
}

#[test]
fn bytes_with_their_place_are_taken_once_whoever_sends_them_how_often() {
    let agent = TestAgent::start();
    let mut first = Client::connect(&agent);
    let kept = json!({"stdin": true, "on_disconnect": "continue", "foreground": false});
    let id = first.start(&with(program("cat", &[]), kept))["id"].as_str().unwrap().to_string();
    first.send_bytes(Kind::StdinAt, &at(0, b"hello "));
    let mut second = Client::connect(&agent);
    second.send(Kind::Attach, &json!({"selector": id, "from": "start"}));
    let (_, again) = second.control();
    let known = again["stdin"]["bytes"].as_u64().unwrap();
    assert!(known == 0 || known == 6, "{}", again);
    second.send_bytes(Kind::StdinAt, &at(0, b"hello wor"));
    first.send_bytes(Kind::StdinAt, &at(6, b"world"));
    second.send_bytes(Kind::StdinAt, &at(9, b"ld"));
    second.send_bytes(Kind::StdinAt, &at(20, b"beyond"));
    second.send_bytes(Kind::StdinClose, &at(20, b""));
    second.send_bytes(Kind::StdinClose, &at(11, b""));
    let (mut back, mut taken, mut gaps) = (Vec::new(), 0, 0);
    loop {
        let (kind, payload) = second.next().unwrap();
        match kind {
            Kind::Stdout => back.extend_from_slice(&payload[28..]),
            Kind::StdinRoom => taken = serde_json::from_slice::<Value>(&payload).unwrap()["taken"].as_u64().unwrap(),
            Kind::Error => {
                assert_eq!(serde_json::from_slice::<Value>(&payload).unwrap()["code"], "stdin_gap");
                gaps += 1;
            }
            Kind::Exit => break,
            other => panic!("{:?}", other),
        }
    }
    assert_eq!(String::from_utf8(back).unwrap(), "hello world");
    assert_eq!((taken, gaps), (11, 2));
}

#[test]
fn a_place_that_is_none_ends_the_connection() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    client.start(&with(program("cat", &[]), json!({"stdin": true})));
    client.send_bytes(Kind::StdinAt, b"1234567");
    assert_eq!(client.control().1["code"], "protocol");
}
