//! What the capsule's root can do to the agent and its children.

use crate::client::{program, shell, with, Client};
use crate::harness::{eventually, TestAgent, Wish};
use capsuled_agent::frame::Kind;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn after_kill_9_of_everything_from_inside_the_next_start_works() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    for round in 0..10 {
        // The shell itself is spared by kill -1, so that it says that it came to the end.
        let outcome = client.run(&program("bash", &["-c", "kill -9 -1; echo sent"])).unwrap();
        assert_eq!(outcome.text(), "sent\n", "round {}", round);
        assert_eq!(client.shell("echo alive").text(), "alive\n", "round {}", round);
    }
}

#[test]
fn stopped_spawner_and_children_go_on() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    for round in 0..10 {
        let outcome = client.run(&program("bash", &["-c", "kill -STOP -1; echo sent"])).unwrap();
        assert_eq!(outcome.text(), "sent\n", "round {}", round);
        // A start that finds no child that goes on is refused, so these show that they do.
        for _ in 0..4 {
            assert_eq!(client.shell("echo alive").text(), "alive\n");
        }
    }
}

#[test]
fn children_that_were_stopped_again_and_again_are_not_left_behind() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let attack = with(
        program("bash", &["-c", "while :; do kill -STOP -1; read -t 0.005 <> <(:); done"]),
        json!({"attach": false, "foreground": false}),
    );
    let attacker = client.start(&attack);
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let mut one = Client::connect(&agent);
            std::thread::spawn(move || {
                for _ in 0..8 {
                    // What has become a program stays stopped, which is the capsule's own business.
                    match one.run(&with(shell("echo x"), json!({"timeout_ms": 1000}))) {
                        Ok(outcome) => assert!(outcome.text() == "x\n" || outcome.exit["reason"] == "timed_out", "{}", outcome.exit),
                        Err(refusal) => assert_eq!(refusal["code"], "process_limit", "{}", refusal),
                    }
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|one| one.join().unwrap());
    client.ask(Kind::Signal, &json!({"selector": attacker["id"], "signal": "SIGKILL", "by": "test"})).unwrap();
    eventually("no child is stopped", || !agent.states().iter().any(|status| status.contains("State:\tT")));
    assert_eq!(client.shell("echo alive").text(), "alive\n");
    eventually("no process is listed", || client.ask(Kind::List, &json!({})).unwrap()["processes"] == json!([]));
}

#[test]
fn a_signal_sent_to_waiting_children_does_not_reach_the_programs_they_become() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    for name in ["TERM", "INT", "HUP", "USR1", "TSTP"] {
        let script = format!("trap '' {0}; kill -{0} -1; echo sent", name);
        assert_eq!(client.run(&program("bash", &["-c", &script])).unwrap().text(), "sent\n");
        for _ in 0..3 {
            let outcome = client.shell("echo alive");
            assert_eq!((outcome.text().as_str(), &outcome.exit["signal"]), ("alive\n", &json!(null)), "{}", name);
        }
    }
}

#[test]
fn a_loop_of_kills_costs_the_agent_little_and_service_goes_on() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    client
        .start(&with(program("bash", &["-c", "echo; while :; do kill -9 -1 2>/dev/null; done"]), json!({"tag": "killer", "attach": true})));
    assert_eq!(client.next().unwrap().0, Kind::Stdout);
    let ticks = |agent: &TestAgent| -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", agent.pid)).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_ascii_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let before = ticks(&agent);
    std::thread::sleep(Duration::from_secs(2));
    let spent = ticks(&agent) - before;
    println!("the agent spent {} ms of 2000 ms", spent * 10);
    assert!(spent < 60, "{} ms of 2000 ms", spent * 10);
    let mut other = Client::connect(&agent);
    other.ask(Kind::Signal, &json!({"selector": "killer", "signal": "SIGKILL", "by": "t"})).unwrap();
    eventually("a start works again", || other.run(&shell("echo alive")).map_or(false, |outcome| outcome.text() == "alive\n"));
}

#[test]
fn at_the_limit_of_processes_a_start_says_so_and_never_hangs() {
    let agent = TestAgent::with(Wish { pids: Some(24), ..Wish::default() });
    if !agent.limited {
        println!("SKIP: this host has no pids controller");
        return;
    }
    let mut client = Client::connect(&agent);
    let fill =
        "import os,signal,time\nfor i in range(64):\n try:\n  if os.fork() == 0: signal.pause()\n except OSError: time.sleep(0.02)\n\
        print('full', flush=True)\nsignal.pause()";
    client.start(&with(program("python3", &["-c", fill]), json!({"tag": "full"})));
    assert_eq!(client.next().unwrap().0, Kind::Stdout);
    let mut other = Client::connect(&agent);
    let begin = Instant::now();
    let mut limited = false;
    for _ in 0..8 {
        // Children made before the limit was reached still serve.
        other.send(Kind::Start, &with(program("sleep", &["1000"]), json!({"attach": false})));
        let (kind, value) = other.control();
        limited |= kind == Kind::Error && value["code"] == "process_limit";
        assert!(limited || kind == Kind::Started, "{}", value);
    }
    assert!(limited, "no start was refused");
    assert!(begin.elapsed() < Duration::from_secs(60), "each waited for its bound: {:?}", begin.elapsed());
    other.ask(Kind::Signal, &json!({"selector": "full", "signal": "SIGKILL", "by": "t"})).unwrap();
    eventually("a start works again", || other.run(&shell("echo alive")).map_or(false, |outcome| outcome.text() == "alive\n"));
    println!("{} processes are left", agent.states().len());
}

#[test]
fn the_agent_cannot_be_limited_slowed_read_or_signalled_from_inside() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let attack = r#"
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(name, number, *args):
    ctypes.set_errno(0)
    result = libc.syscall(number, *args)
    print(name, result, ctypes.get_errno())
limit = (ctypes.c_uint64 * 2)(3, 3)
mask = (ctypes.c_uint64 * 16)(1)
param = (ctypes.c_int * 2)(0)
call('prlimit', 302, 1, 7, ctypes.byref(limit), None)
call('prlimit-high-bits', 302, ctypes.c_uint64(0x100000001), 7, ctypes.byref(limit), None)
call('prlimit-self', 302, 0, 7, None, ctypes.byref(limit))
call('affinity', 203, 1, 128, ctypes.byref(mask))
call('affinity-self', 203, 0, 128, ctypes.byref(mask))
call('scheduler', 144, 1, 5, ctypes.byref(param))
call('priority', 141, 0, 1, 19)
call('priority-user', 141, 2, 0, 19)
call('priority-self', 141, 0, 0, 19)
call('ioprio', 251, 1, 1, 0)
call('clone3', 435, None, 0)
call('x32-prlimit', 302 | 0x40000000, 1, 7, ctypes.byref(limit), None)
"#;
    let text = client.run(&program("python3", &["-c", attack])).unwrap().text();
    let result = |name: &str| {
        let line =
            text.lines().find(|line| line.split(' ').next() == Some(name)).unwrap_or_else(|| panic!("{} did not run: {}", name, text));
        let mut parts = line.split(' ').skip(1);
        (parts.next().unwrap().to_string(), parts.next().unwrap().parse::<i32>().unwrap())
    };
    for refused in ["prlimit", "prlimit-high-bits", "affinity", "scheduler", "priority", "priority-user", "ioprio"] {
        assert_eq!(result(refused), ("-1".into(), libc::EPERM), "{}: {}", refused, text);
    }
    assert_ne!(result("x32-prlimit").0, "0");
    assert_eq!(result("clone3"), ("-1".into(), libc::ENOSYS));
    for allowed in ["prlimit-self", "affinity-self", "priority-self"] {
        assert_ne!(result(allowed).0, "-1", "{}: {}", allowed, text);
    }
    let outcome = client.shell("kill -9 1; kill -STOP 1; tr '\\0' ' ' </proc/1/cmdline; cat /proc/1/comm");
    assert_eq!(outcome.text().split_whitespace().collect::<Vec<_>>(), ["init", "init"]);
    let capabilities = client.run(&program("grep", &["Cap", "/proc/self/status"])).unwrap().text();
    assert!(capabilities.contains("CapPrm:\t00000000800404fb\n"), "{}", capabilities);
    assert!(capabilities.contains("CapBnd:\t00000000800404fb\n"), "{}", capabilities);
}

#[test]
fn a_stranger_inside_who_finds_the_socket_is_not_even_read() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    // The test's capsule shares its files with the host, so the socket can be reached at all.
    let script = format!(
        "import socket\ns=socket.socket(socket.AF_UNIX)\ns.connect('{}')\ns.settimeout(5)\n\
         try:\n s.sendall(b'\\x01\\x02\\x00\\x00\\x00{{}}')\nexcept OSError: pass\n\
         try: print('got', s.recv(100))\nexcept ConnectionResetError: print('got', b'')",
        agent.socket().display()
    );
    assert_eq!(client.run(&program("python3", &["-c", &script])).unwrap().text(), "got b''\n");
}
