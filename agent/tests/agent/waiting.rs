//! Starts that have to wait, since no child can be made: how many, how large and how long.

use crate::client::{program, shell, with, Client};
use crate::harness::TestAgent;
use capsuled_agent::frame::Kind;
use serde_json::{json, Value};
use std::time::{Duration, Instant};

/// Starts that wait, and bytes of what they are to run.
const MAX_WAITING: usize = 512;
const MAX_WAITING_BYTES: usize = 8 << 20;
/// Children that may be there already, and take starts without a wait for one.
const MAX_READY: usize = 8;

/// Stops all that runs in `work`, the one that makes children included.
fn freeze(agent: &TestAgent, frozen: bool) {
    let value = if frozen { "1" } else { "0" };
    std::fs::write(agent.cgroup.as_ref().unwrap().join("work/cgroup.freeze"), value).unwrap();
}

/// Sends a start each on a connection of its own.
fn start_many(agent: &TestAgent, count: usize, request: impl Fn() -> Value) -> Vec<Client> {
    let send = |_| {
        let mut client = Client::connect(agent);
        client.send(Kind::Start, &with(request(), json!({"attach": false})));
        client
    };
    (0..count).map(send).collect()
}

/// Those whose answer is that too many wait already; the others are given back unanswered or with theirs.
fn refused_at_once(answer: &(Kind, Value)) -> bool {
    answer.0 == Kind::Error && answer.1["code"] == "process_limit" && answer.1["message"].as_str().unwrap().contains("wait already")
}

#[test]
fn so_many_starts_wait_and_no_longer_than_the_bound_and_service_goes_on_after_it() {
    let agent = TestAgent::start();
    let mut probe = Client::connect(&agent);
    probe.shell("true");
    freeze(&agent, true);
    let begin = Instant::now();
    let extra = 40;
    let mut clients = start_many(&agent, MAX_WAITING + extra, || program("true", &[]));
    // The latest came when the queue was full, so they have their answers; the others wait.
    let last: Vec<_> = clients.iter_mut().rev().take(extra - MAX_READY).map(|client| client.control()).collect();
    assert!(last.iter().all(refused_at_once), "{:?}", last);
    let rest = clients.len() - last.len();
    let answers: Vec<_> = clients.iter_mut().take(rest).map(|client| client.control()).collect();
    assert!(answers.iter().all(|(kind, value)| *kind == Kind::Error && value["code"] == "process_limit"), "{:?}", answers);
    let waited = answers.iter().filter(|answer| !refused_at_once(answer)).count();
    assert!((MAX_WAITING..=MAX_WAITING + MAX_READY).contains(&waited), "{} have waited", waited);
    assert!(begin.elapsed() >= Duration::from_millis(9900), "they have not waited: {:?}", begin.elapsed());
    freeze(&agent, false);
    assert_eq!(probe.run(&shell("echo well")).unwrap().text(), "well\n");
}

#[test]
fn starts_that_wait_have_so_many_bytes_together_and_go_on_when_they_can() {
    let agent = TestAgent::start();
    let mut probe = Client::connect(&agent);
    probe.shell("true");
    freeze(&agent, true);
    let large = "x".repeat(120_000);
    let args = vec![large.as_str(); 6];
    let each = 720_000;
    let most = MAX_WAITING_BYTES / each + 1;
    let extra = 4;
    let mut clients = start_many(&agent, most + MAX_READY + extra, || program("true", &args));
    let last: Vec<_> = clients.iter_mut().rev().take(extra).map(|client| client.control()).collect();
    assert!(last.iter().all(refused_at_once), "{:?}", last);
    assert_eq!(probe.ask(Kind::Stats, &json!({})).unwrap()["processes"], 0, "the agent answers meanwhile");
    freeze(&agent, false);
    let rest = clients.len() - extra;
    let answers: Vec<_> = clients.iter_mut().take(rest).map(|client| client.control()).collect();
    let started = answers.iter().filter(|(kind, _)| *kind == Kind::Started).count();
    assert!(started >= most && answers.iter().all(|one| one.0 == Kind::Started || refused_at_once(one)), "{:?}", answers);
}
