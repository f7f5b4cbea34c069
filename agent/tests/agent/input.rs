//! Standard input.

use crate::client::{program, shell, with, Client};
use crate::harness::TestAgent;
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
    client.start(&with(shell("exec <&-; echo closed; sleep 0.3"), json!({"stdin": true})));
    assert_eq!(client.next().unwrap().0, Kind::Stdout);
    client.send_bytes(Kind::Stdin, &vec![b'x'; 500_000]);
    let (kind, value) = client.control();
    assert_eq!((kind, &value["bytes"]), (Kind::StdinRoom, &json!(500_000)));
    assert_eq!(client.finish().unwrap().exit["exit_code"], 0);
    client.send_bytes(Kind::Stdin, b"after the end");
    assert_eq!(client.shell("echo next").text(), "next\n", "input that crossed the exit is ignored");
}
