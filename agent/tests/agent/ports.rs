//! Ports: what listens in the capsule, and connections to it.

use crate::client::{background, program, with, Client};
use crate::harness::{eventually, TestAgent};
use capsuled_agent::frame::{self, Kind};
use serde_json::{json, Value};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

fn dial(agent: &TestAgent, port: Value) -> Result<UnixStream, Value> {
    let mut client = Client::connect(agent);
    client.ask(Kind::Dial, &json!({ "port": port })).map(|_| client.socket)
}

fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn busy(client: &mut Client) -> Value {
    client.ask(Kind::Stats, &json!({})).unwrap()["busy"].clone()
}

fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8).collect()
}

#[test]
fn bytes_go_both_ways_unchanged_and_so_do_the_ends_of_each_way() {
    let agent = TestAgent::start();
    let (listener, port) = listen();
    let mut host = dial(&agent, port.into()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let bytes = noise(5_000_000);
    std::thread::scope(|scope| {
        let (echo, sent) = (&mut server, &bytes);
        scope.spawn(move || {
            let mut all = Vec::new();
            echo.read_to_end(&mut all).unwrap();
            assert!(all == *sent, "{} bytes at the end of the one way", all.len());
            echo.write_all(&all).unwrap();
            echo.shutdown(Shutdown::Write).unwrap();
        });
        host.write_all(&bytes).unwrap();
        host.shutdown(Shutdown::Write).unwrap();
        let mut back = Vec::new();
        host.read_to_end(&mut back).unwrap();
        assert!(back == bytes, "{} bytes came back", back.len());
    });
    let mut client = Client::connect(&agent);
    eventually("both ways have ended", || busy(&mut client) == 0);
}

#[test]
fn what_follows_a_dial_at_once_is_for_the_port() {
    let agent = TestAgent::start();
    let (listener, port) = listen();
    let mut client = Client::connect(&agent);
    let mut out = Vec::new();
    frame::encode(Kind::Dial, json!({ "port": port }).to_string().as_bytes(), &mut out);
    out.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
    client.socket.write_all(&out).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let mut got = [0; 18];
    server.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(client.control(), (Kind::Result, json!({})));
}

#[test]
fn ports_out_of_range_and_those_where_nothing_listens_are_refused() {
    let agent = TestAgent::start();
    for bad in [json!(0), json!(65_536), json!(-1), json!("80"), json!(1.5), Value::Null] {
        let error = dial(&agent, bad.clone()).unwrap_err();
        assert_eq!((&error["code"], &error["field"]), (&json!("bad_request"), &json!("port")), "{}", bad);
    }
    let port = listen().1;
    assert_eq!(dial(&agent, port.into()).unwrap_err()["code"], "refused");
    assert_eq!(dial(&agent, json!(65_535)).unwrap_err()["code"], "refused");
}

#[test]
fn a_port_that_only_ipv6_loopback_has_is_reached() {
    let agent = TestAgent::start();
    let listener = match TcpListener::bind("[::1]:0") {
        Ok(listener) => listener,
        Err(error) => {
            println!("SKIP: this host has no IPv6 loopback: {}", error);
            return;
        }
    };
    let mut host = dial(&agent, listener.local_addr().unwrap().port().into()).unwrap();
    listener.accept().unwrap().0.write_all(b"six").unwrap();
    let mut got = String::new();
    host.read_to_string(&mut got).unwrap();
    assert_eq!(got, "six");
}

#[test]
fn a_port_that_does_not_answer_is_given_up_after_5_seconds() {
    let agent = TestAgent::start();
    let (listener, port) = listen();
    // Nobody accepts: once its queue is full, further ones get no answer.
    unsafe { libc::listen(std::os::unix::io::AsRawFd::as_raw_fd(&listener), 0) };
    let address = format!("127.0.0.1:{}", port).parse().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        held.push(stream);
    }
    let begin = Instant::now();
    assert_eq!(dial(&agent, port.into()).unwrap_err()["code"], "timeout");
    let took = begin.elapsed().as_secs_f32();
    assert!((4.5..30.0).contains(&took), "{} s", took);
}

#[test]
fn a_connection_is_activity_while_it_is_open_and_ends_with_either_side() {
    let agent = TestAgent::start();
    let (listener, port) = listen();
    let mut client = Client::connect(&agent);
    let host = dial(&agent, port.into()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    assert_eq!(busy(&mut client), 1);
    drop(host);
    assert_eq!(server.read(&mut [0; 16]).unwrap(), 0);
    eventually("it has ended although the port has not", || busy(&mut client) == 0);
    let mut host = dial(&agent, port.into()).unwrap();
    drop(listener.accept().unwrap());
    assert_eq!(host.read(&mut [0; 16]).unwrap(), 0);
    drop(host);
    eventually("it has ended", || busy(&mut client) == 0);
}

#[test]
fn a_side_that_takes_nothing_holds_the_other_up_and_costs_little() {
    let agent = TestAgent::start();
    let (listener, port) = listen();
    let mut host = dial(&agent, port.into()).unwrap();
    let (server, _) = listener.accept().unwrap();
    host.set_nonblocking(true).unwrap();
    let chunk = vec![b'x'; 65_536];
    let mut sent = 0;
    let mut idle = 0;
    while idle < 20 && sent < 200 << 20 {
        match host.write(&chunk) {
            Ok(count) => {
                sent += count;
                idle = 0;
            }
            Err(_) => {
                idle += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
    assert!(sent < 32 << 20, "{} bytes are held somewhere", sent);
    assert!(agent.status("VmRSS") < 4 << 10);
    drop(server);
}

#[test]
fn no_more_than_256_connections_are_open_at_once() {
    let agent = TestAgent::start();
    let (listener, port) = listen();
    unsafe { libc::listen(std::os::unix::io::AsRawFd::as_raw_fd(&listener), 512) };
    let held: Vec<UnixStream> = (0..256).map(|_| dial(&agent, port.into()).unwrap()).collect();
    assert_eq!(dial(&agent, port.into()).unwrap_err()["code"], "port_limit");
    let mut client = Client::connect(&agent);
    assert!(client.ask(Kind::File, &json!({"op": "stat", "path": "/"})).is_ok(), "files have a bound of their own");
    drop(held);
    let mut client = Client::connect(&agent);
    eventually("all have ended", || busy(&mut client) == 0);
    dial(&agent, port.into()).unwrap();
}

#[test]
fn listening_ports_are_told_with_who_listens() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let script = "import socket,time\ns=socket.socket(); s.bind(('127.0.0.1',0)); s.listen(); print(s.getsockname()[1],flush=True); time.sleep(1000)";
    let started = client.start(&with(program("python3", &["-c", script]), json!({"foreground": false})));
    let port: u64 = match client.next().unwrap() {
        (Kind::Stdout, payload) => String::from_utf8_lossy(&payload[28..]).trim().parse().unwrap(),
        other => panic!("{:?}", other.0),
    };
    let ports = Client::connect(&agent).ask(Kind::Ports, &json!({})).unwrap()["ports"].clone();
    let found = ports.as_array().unwrap().iter().find(|one| one["port"] == port).cloned().unwrap();
    assert_eq!(found, json!({"port": port, "address": "127.0.0.1", "pid": started["pid"]}));
    let sorted: Vec<u64> = ports.as_array().unwrap().iter().map(|one| one["port"].as_u64().unwrap()).collect();
    assert!(sorted.windows(2).all(|pair| pair[0] <= pair[1]));
    Client::connect(&agent).start(&background("true"));
}
