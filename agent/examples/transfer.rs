//! Measures files and terminals through the agent's socket, beside `cp` through a pipe.
//! `cargo run --release --example transfer`, as root.

#[path = "../tests/agent/client.rs"]
#[allow(dead_code)]
mod client;
#[path = "../tests/agent/harness.rs"]
#[allow(dead_code)]
mod harness;

use capsuled_agent::frame::{self, Kind};
use client::{download, program, with, Client};
use harness::TestAgent;
use serde_json::json;
use std::io::{Read, Write};
use std::process::Command;
use std::time::{Duration, Instant};

/// Bytes of a transfer.
const SIZE: usize = 1 << 30;

fn rate(name: &str, begin: Instant) {
    let seconds = begin.elapsed().as_secs_f64();
    println!("{:40} {:6.0} MB/s", name, SIZE as f64 / 1e6 / seconds);
}

fn quantiles(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_micros();
    println!("{:40} p50 {:5} us  p90 {:5} us  p99 {:5} us  n {}", name, at(0.5), at(0.9), at(0.99), times.len());
}

fn main() {
    let agent = TestAgent::start();
    let path = agent.dir.join("big");
    let copy = agent.dir.join("copy");
    std::fs::write(&path, vec![7u8; SIZE]).unwrap();
    for _ in 0..2 {
        let _ = std::fs::remove_file(&copy);
        let begin = Instant::now();
        assert!(Command::new("sh").args(["-c", "cat big | cp /dev/stdin copy"]).current_dir(&agent.dir).status().unwrap().success());
        rate("cat | cp /dev/stdin", begin);
        let mut client = Client::connect(&agent);
        let begin = Instant::now();
        client.send(Kind::File, &json!({"op": "read", "path": path}));
        let (mut buffer, mut all) = (vec![0; 1 << 20], 0);
        loop {
            match client.socket.read(&mut buffer).unwrap() {
                0 => break,
                got => all += got,
            }
        }
        assert!(all > SIZE);
        rate("read", begin);
        let _ = std::fs::remove_file(&copy);
        let mut chunk = Vec::new();
        frame::encode(Kind::Stdin, &vec![7u8; 256 * 1024], &mut chunk);
        let mut client = Client::connect(&agent);
        let begin = Instant::now();
        client.send(Kind::File, &json!({"op": "write", "path": copy}));
        (0..SIZE / (256 * 1024)).for_each(|_| client.socket.write_all(&chunk).unwrap());
        client.send_bytes(Kind::StdinClose, b"");
        assert_eq!(client.control().1["size"], SIZE);
        rate("write", begin);
    }
    std::fs::write(agent.dir.join("small"), vec![7u8; 4096]).unwrap();
    let mut ready: Vec<Client> = (0..300).map(|_| Client::connect(&agent)).collect();
    let times = ready.iter_mut().map(|client| {
        std::thread::sleep(Duration::from_millis(3));
        let begin = Instant::now();
        client.send(Kind::File, &json!({"op": "read", "path": agent.dir.join("small")}));
        download(client).unwrap();
        begin.elapsed()
    });
    quantiles("read of 4 KiB, connection ready", times.collect());
    drop(ready);
    let mut client = Client::connect(&agent);
    client.start(&with(program("cat", &[]), json!({"pty": {}, "foreground": false, "tag": "t"})));
    std::thread::sleep(Duration::from_millis(100));
    let times = (0..500).map(|_| {
        std::thread::sleep(Duration::from_millis(1));
        let begin = Instant::now();
        client.send_bytes(Kind::Stdin, b"x");
        while client.next().unwrap().0 != Kind::Stdout {}
        begin.elapsed()
    });
    quantiles("key to echo", times.collect());
    println!("agent: VmRSS {} KiB, RssAnon {} KiB", agent.status("VmRSS"), agent.status("RssAnon"));
}
