//! Measures the agent alone, through its socket: latency and rate of short programs, throughput of
//! output, memory. `cargo run --release --example latency`, as root; with `-- throughput` only that.

#[path = "../tests/agent/client.rs"]
#[allow(dead_code)]
mod client;
#[path = "../tests/agent/harness.rs"]
#[allow(dead_code)]
mod harness;

use capsuled_agent::frame::Kind;
use client::{program, shell, with, Client};
use harness::{TestAgent, Wish};
use serde_json::json;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn quantiles(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_micros();
    println!("{:40} p50 {:5} us  p90 {:5} us  p99 {:5} us  n {}", name, at(0.5), at(0.9), at(0.99), times.len());
}

fn spawn_floor() {
    let times = (0..500).map(|_| {
        let begin = Instant::now();
        Command::new("/bin/true").stdin(Stdio::null()).status().unwrap();
        begin.elapsed()
    });
    quantiles("floor: posix_spawn and wait", times.collect());
}

fn one_at_a_time(agent: &TestAgent, pause: Duration) {
    let mut client = Client::connect(agent);
    let times = (0..500).map(|_| {
        std::thread::sleep(pause);
        let begin = Instant::now();
        client.run(&program("/bin/true", &[])).unwrap();
        begin.elapsed()
    });
    quantiles(&format!("/bin/true, one at a time, {:?} between", pause), times.collect());
}

fn many_at_once(agent: &TestAgent, connections: usize) {
    let begin = Instant::now();
    let end = begin + Duration::from_secs(3);
    let workers: Vec<_> = (0..connections)
        .map(|_| {
            let socket = agent.socket();
            std::thread::spawn(move || {
                let mut client = Client::connect_to(&socket);
                let mut times = Vec::new();
                while Instant::now() < end {
                    let begin = Instant::now();
                    client.run(&program("/bin/true", &[])).unwrap();
                    times.push(begin.elapsed());
                }
                times
            })
        })
        .collect();
    let times: Vec<Duration> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    println!("{:40} {:.0}/s", format!("/bin/true, {} at once", connections), times.len() as f64 / begin.elapsed().as_secs_f64());
    quantiles("  each", times);
}

/// Processor time that the agent has had.
fn cpu_ms(agent: &TestAgent) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", agent.pid)).unwrap();
    let fields: Vec<u64> = stat.rsplit(')').next().unwrap().split_ascii_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    (fields[11] + fields[12]) * 10
}

fn throughput(agent: &TestAgent, foreground: bool) {
    let mut client = Client::connect(agent);
    let request = with(shell("head -c 2000000000 /dev/zero"), json!({"foreground": foreground}));
    client.send(Kind::Start, &request);
    let (begin, spent) = (Instant::now(), cpu_ms(agent));
    let mut bytes = 0;
    loop {
        let (kind, payload) = client.next().unwrap();
        match kind {
            Kind::Stdout => bytes += payload.len() - 28,
            Kind::Exit => break,
            _ => {}
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let rate = bytes as f64 / 1e6 / seconds;
    println!(
        "{:40} {:.0} MB/s, {} ms of the agent's processor time",
        format!("output, foreground {}", foreground),
        rate,
        cpu_ms(agent) - spent
    );
}

fn memory(agent: &TestAgent, name: &str) {
    let mut pids = vec![agent.pid];
    for status in agent.states() {
        pids.extend(status.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse::<i32>().ok()));
    }
    let (mut private, mut shared) = (0, 0);
    for pid in &pids {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", pid)).unwrap_or_default();
        for line in text.lines() {
            let value = || line.split_ascii_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
            match line {
                _ if line.starts_with("Private_Dirty") => private += value(),
                _ if line.starts_with("Pss:") => shared += value(),
                _ => {}
            }
        }
    }
    println!(
        "{:40} {} processes, {} KiB private dirty, {} KiB Pss, agent RSS {} KiB",
        name,
        pids.len(),
        private,
        shared,
        agent.status("VmRSS")
    );
}

fn main() {
    if std::env::args().all(|arg| arg != "throughput") {
        programs();
    }
    // What the journal costs, and not how fast it may grow.
    let agent = TestAgent::with(Wish { journal: Some((256 << 20, 1 << 30, 1 << 40)), ..Wish::default() });
    throughput(&agent, true);
    throughput(&agent, false);
    std::thread::sleep(Duration::from_secs(8));
    memory(&agent, "memory after them");
}

fn programs() {
    let agent = TestAgent::start();
    Client::connect(&agent).shell("true");
    std::thread::sleep(Duration::from_millis(50));
    memory(&agent, "memory, idle");
    spawn_floor();
    one_at_a_time(&agent, Duration::ZERO);
    one_at_a_time(&agent, Duration::from_millis(2));
    many_at_once(&agent, 16);
    std::thread::sleep(Duration::from_secs(8));
    memory(&agent, "memory, idle again");
    println!("slots {}, descriptors {}", agent.slots(), agent.descriptors());
}
