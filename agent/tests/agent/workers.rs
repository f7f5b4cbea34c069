//! The processes that serve operations on files and ports: their bounds, and what a capsule can do to them.

use crate::client::{background, code, download, file, program, shell, upload, with, Client};
use crate::harness::{eventually, TestAgent, Wish};
use capsuled_agent::frame::{self, Kind};
use serde_json::{json, Value};
use std::fs;
use std::io::Write;

/// A connection with an upload that waits for more.
fn waiting_upload(agent: &TestAgent, name: &str) -> Client {
    let mut client = Client::connect(agent);
    client.send(Kind::File, &json!({"op": "write", "path": agent.dir.join(name)}));
    client
}

fn busy(client: &mut Client) -> Value {
    client.ask(Kind::Stats, &json!({})).unwrap()["busy"].clone()
}

/// The host's pids of the workers. A child that waits has its socket as descriptor 3 and no other;
/// the connection that it is given becomes 4.
fn workers(agent: &TestAgent) -> Vec<i32> {
    let pid = |status: &String| status.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse::<i32>().ok());
    let is_socket = |link: std::path::PathBuf| link.to_string_lossy().starts_with("socket:");
    let pids = agent.states().into_iter().filter(|status| status.starts_with("Name:\tinit\n")).filter_map(|status| pid(&status));
    pids.filter(|pid| fs::read_link(format!("/proc/{}/fd/4", pid)).map_or(false, is_socket)).collect()
}

#[test]
fn no_more_than_64_operations_on_files_run_at_once_and_they_are_activity() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let mut uploads: Vec<Client> = (0..64).map(|number| waiting_upload(&agent, &format!("u{}", number))).collect();
    eventually("all of them are under way", || busy(&mut client) == 64);
    assert_eq!(client.ask(Kind::Stats, &json!({})).unwrap()["idle_ms"], 0);
    let mut more = Client::connect(&agent);
    let error = more.ask(Kind::File, &json!({"op": "stat", "path": "/"})).unwrap_err();
    assert_eq!(error["code"], "file_limit");
    assert_eq!(more.shell("echo on").text(), "on\n", "the connection of what was refused goes on");
    for upload in &mut uploads {
        upload.send_bytes(Kind::Stdin, b"x");
        upload.send_bytes(Kind::StdinClose, b"");
        assert_eq!(upload.control().1["size"], 1);
    }
    uploads.clear();
    eventually("all have ended", || busy(&mut client) == 0);
    assert!(more.ask(Kind::File, &json!({"op": "stat", "path": "/"})).is_ok());
}

#[test]
fn a_worker_that_has_answered_serves_what_looks_and_comes_soon_and_then_ends() {
    let agent = TestAgent::start();
    let path = agent.dir.join("one");
    fs::write(&path, b"one").unwrap();
    let (read, stat) = (json!({"op": "read", "path": path}), json!({"op": "stat", "path": path}));
    // All at once, so that none comes late.
    let begin = |requests: &[&Value]| {
        let mut client = Client::connect(&agent);
        let mut out = Vec::new();
        for request in requests {
            frame::encode(Kind::File, request.to_string().as_bytes(), &mut out);
        }
        client.socket.write_all(&out).unwrap();
        client
    };
    let mut client = begin(&[&read, &stat, &read]);
    for size in [None, Some(3), None] {
        let (head, bytes, result) = download(&mut client).unwrap();
        match size {
            Some(size) => assert_eq!(result["entry"]["size"], size),
            None => assert_eq!((&head["size"], bytes.as_slice()), (&json!(3), &b"one"[..])),
        }
    }
    assert!(client.next().is_none(), "it waits for a moment only");
    // What changes something is asked of the agent, and so is what follows a refusal.
    let mut client = begin(&[&stat, &json!({"op": "remove", "path": path})]);
    assert!(download(&mut client).is_ok());
    assert!(client.next().is_none());
    let mut client = begin(&[&json!({"op": "stat", "path": agent.dir.join("none")}), &stat]);
    assert_eq!(download(&mut client).unwrap_err()["code"], "not_found");
    assert!(client.next().is_none());
    assert!(path.exists());
    let mut stats = Client::connect(&agent);
    eventually("all have ended", || busy(&mut stats) == 0);
}

#[test]
fn a_paused_capsule_and_one_that_shuts_down_refuse_operations_on_files() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    client.ask(Kind::Pause, &json!({})).unwrap();
    for (kind, request) in [(Kind::File, json!({"op": "stat", "path": "/"})), (Kind::Dial, json!({"port": 1})), (Kind::Ports, json!({}))] {
        assert_eq!(client.ask(kind, &request).unwrap_err()["code"], "paused");
    }
    client.ask(Kind::Resume, &json!({})).unwrap();
    assert!(file(&agent, json!({"op": "stat", "path": "/"})).is_ok());
    client.ask(Kind::Shutdown, &json!({"reason": "capsule_stopped", "grace_ms": 0})).unwrap();
    assert_eq!(code(file(&agent, json!({"op": "stat", "path": "/"}))), "shutting_down");
}

#[test]
fn a_full_capsule_refuses_what_it_has_no_process_for() {
    let agent = TestAgent::with(Wish { pids: Some(12), ..Wish::default() });
    if !agent.limited {
        panic!("this host has no pids controller: the bound cannot be tested");
    }
    let mut client = Client::connect(&agent);
    let filler = "import os,time\ntry:\n while True:\n  if os.fork()==0: time.sleep(1000)\nexcept OSError:\n print('full',flush=True); time.sleep(1000)";
    client.start(&program("python3", &["-c", filler]));
    assert_eq!(client.next().unwrap().0, Kind::Stdout);
    let mut held = Vec::new();
    let error = loop {
        let mut upload = waiting_upload(&agent, &format!("p{}", held.len()));
        upload.socket.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
        let mut byte = [0];
        match std::os::unix::io::AsRawFd::as_raw_fd(&upload.socket) {
            fd if unsafe { libc::recv(fd, byte.as_mut_ptr().cast(), 1, libc::MSG_PEEK) } == 1 => break upload.control().1,
            _ => held.push(upload),
        }
        assert!(held.len() < 12, "more than the capsule has room for");
    };
    assert_eq!(error["code"], "process_limit", "{}", error);
}

#[test]
fn a_worker_that_is_killed_ends_its_connection_and_nothing_else() {
    let agent = TestAgent::start();
    let mut upload = waiting_upload(&agent, "killed");
    upload.send_bytes(Kind::Stdin, &[b'x'; 100_000]);
    let mut client = Client::connect(&agent);
    eventually("it is under way", || busy(&mut client) == 1 && workers(&agent).len() == 1);
    let pid = workers(&agent)[0];
    unsafe { libc::kill(pid, libc::SIGSTOP) };
    eventually("a stop does not last", || {
        busy(&mut client) == 1 && !fs::read_to_string(format!("/proc/{}/status", pid)).unwrap().contains("T (stopped)")
    });
    unsafe { libc::kill(pid, libc::SIGKILL) };
    assert_eq!(upload.next(), None);
    eventually("it is not counted any more", || busy(&mut client) == 0);
    assert!(!agent.dir.join("killed").exists());
    assert_eq!(client.shell("echo on").text(), "on\n");
}

#[test]
fn a_worker_is_in_no_list_and_its_memory_and_descriptors_are_closed_to_the_capsule() {
    let agent = TestAgent::start();
    let _upload = waiting_upload(&agent, "u");
    let mut client = Client::connect(&agent);
    eventually("it is under way", || workers(&agent).len() == 1);
    let status = fs::read_to_string(format!("/proc/{}/status", workers(&agent)[0])).unwrap();
    let inside: i32 =
        status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap().split_whitespace().last().unwrap().parse().unwrap();
    let list = client.ask(Kind::List, &json!({})).unwrap();
    assert!(list["processes"].as_array().unwrap().iter().all(|one| one["pid"] != inside), "{}", list);
    assert_eq!(code(client.ask(Kind::Signal, &json!({"selector": inside.to_string(), "signal": "SIGKILL"}))), "not_found");
    let script = format!(
        "for f in environ maps mem fd/3 exe; do cat /proc/{0}/$f 2>/dev/null; ls /proc/{0}/$f/ 2>/dev/null; done; echo end",
        inside
    );
    assert_eq!(client.shell(&script).text(), "end\n");
    let tracer = "import ctypes,sys\nc=ctypes.CDLL(None,use_errno=True)\nprint(c.ptrace(16,int(sys.argv[1]),0,0),ctypes.get_errno())";
    assert_eq!(client.run(&program("python3", &["-c", tracer, &inside.to_string()])).unwrap().text(), "-1 1\n");
}

#[test]
fn many_operations_leave_no_process_descriptor_or_slot_behind() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    client.start(&with(background("exec sleep 1000"), json!({"tag": "t"})));
    file(&agent, json!({"op": "stat", "path": "/"})).unwrap();
    let descriptors = agent.descriptors();
    for turn in 0..200 {
        match turn % 3 {
            0 => drop(file(&agent, json!({"op": "list", "path": "/etc"})).unwrap()),
            1 => drop(file(&agent, json!({"op": "stat", "path": "/none"})).unwrap_err()),
            _ => drop(upload(&agent, Kind::File, &json!({"op": "write", "path": agent.dir.join("f")}), b"x").unwrap()),
        }
    }
    eventually("every descriptor is closed", || agent.descriptors() <= descriptors + 48);
    eventually("every worker is gone", || agent.states().len() <= 1 + 1 + 9 && workers(&agent).is_empty());
    assert!(agent.slots() <= 32, "{} slots", agent.slots());
    assert!(agent.status("VmRSS") < 4 << 10, "{} KiB", agent.status("VmRSS"));
    assert_eq!(client.ask(Kind::Stats, &json!({})).unwrap()["connections"], 1);
}

#[test]
fn a_request_and_all_that_follows_it_may_come_in_one_piece_with_the_hello() {
    let agent = TestAgent::start();
    let mut client = Client::raw(&agent.socket());
    let mut out = Vec::new();
    let hello = json!({"version": 1, "capsule": crate::harness::CAPSULE, "secret": crate::harness::SECRET});
    capsuled_agent::frame::encode(Kind::Hello, hello.to_string().as_bytes(), &mut out);
    let request = json!({"op": "write", "path": agent.dir.join("one")});
    capsuled_agent::frame::encode(Kind::File, request.to_string().as_bytes(), &mut out);
    let bytes = vec![b'y'; 150_000];
    bytes.chunks(7_000).for_each(|chunk| capsuled_agent::frame::encode(Kind::Stdin, chunk, &mut out));
    capsuled_agent::frame::encode(Kind::StdinClose, b"", &mut out);
    std::io::Write::write_all(&mut client.socket, &out).unwrap();
    assert_eq!(client.control().0, Kind::Welcome);
    assert_eq!(client.control().1["size"], 150_000);
    assert_eq!(client.next(), None);
    assert!(fs::read(agent.dir.join("one")).unwrap() == bytes);
    assert_eq!(Client::connect(&agent).run(&shell("echo on")).unwrap().text(), "on\n");
}
