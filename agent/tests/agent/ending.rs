//! How processes end, and what is known of them afterwards.

use crate::client::{new_id, program, shell, with, Client};
use crate::harness::{eventually, TestAgent, Wish};
use capsuled_agent::frame::Kind;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn a_timeout_kills_the_tree_and_says_so() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let begin = Instant::now();
    let outcome = client.run(&with(shell("echo before; sleep 1000 & sleep 1000"), json!({"timeout_ms": 2000}))).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(1995), "{:?}", begin.elapsed());
    assert_eq!((&outcome.exit["reason"], &outcome.exit["signal"]), (&json!("timed_out"), &json!("SIGKILL")));
    assert_eq!(outcome.text(), "before\n");
    eventually("no sleep is left", || !agent.states().iter().any(|status| status.starts_with("Name:\tsleep")));
}

#[test]
fn a_foreground_process_outlives_its_host_by_a_grace_or_by_its_own_timeout() {
    let agent = TestAgent::with(Wish { lost_grace_s: Some(1), ..Wish::default() });
    let lost = |tag: &str, timeout_ms: u64| {
        let mut host = Client::connect(&agent);
        let request = with(shell("sleep 1000 & sleep 1000"), json!({"tag": tag, "on_disconnect": "grace", "timeout_ms": timeout_ms}));
        host.start(&request);
    };
    let mut client = Client::connect(&agent);
    let begin = Instant::now();
    lost("bare", 0);
    lost("timed", 2000);
    let bare = client.ended(&json!("bare"))["exit"].clone();
    assert!(begin.elapsed() >= Duration::from_millis(900), "{:?}", begin.elapsed());
    assert_eq!((&bare["reason"], &bare["signal"], &bare["requested"]["by"]), (&json!("server_lost"), &json!("SIGKILL"), &json!("server")));
    let timed = client.ended(&json!("timed"))["exit"].clone();
    assert_eq!((&timed["reason"], &timed["requested"]["by"]), (&json!("timed_out"), &json!("timeout")));
    eventually("no sleep is left", || !agent.states().iter().any(|status| status.starts_with("Name:\tsleep")));
}

#[test]
fn a_descendant_that_holds_the_pipes_ends_the_call_within_the_bound_and_is_counted() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let begin = Instant::now();
    let script = "echo mine; (while [ ! -e /tmp/go-$PPID-$$ ]; do sleep 0.01; done; printf 12345; exec sleep 1000) & echo /tmp/go-$PPID-$$";
    let outcome = client.run(&with(shell(script), json!({"tag": "late"}))).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(245), "{:?}", begin.elapsed());
    assert_eq!((&outcome.exit["reason"], &outcome.exit["exit_code"]), (&json!("exited"), &json!(0)));
    let text = outcome.text();
    let flag = text.lines().nth(1).unwrap();
    client.run(&program("touch", &[flag])).unwrap();
    eventually("late bytes are counted", || {
        let facts = client.ask(Kind::Get, &json!({"selector": "late"})).unwrap();
        facts["process"]["exit"]["late_bytes"] == 5
    });
    client.send(Kind::Attach, &json!({"selector": "late", "from": "start"}));
    assert_eq!(client.finish().unwrap().stdout, outcome.stdout, "late bytes are not in the journal");
    client.run(&program("rm", &[flag])).unwrap();
    assert!(agent.states().iter().any(|status| status.starts_with("Name:\tsleep")), "the descendant lives on");
}

#[test]
fn a_descendant_outlives_its_process_even_when_that_is_forgotten() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let (go, done) = (agent.dir.join("go"), agent.dir.join("done"));
    let script = "(while [ ! -e GO ]; do sleep 0.01; done; seq 100000; echo $? >DONE) & echo";
    client.shell(&script.replace("GO", go.to_str().unwrap()).replace("DONE", done.to_str().unwrap()));
    (0..80).for_each(|_| drop(client.shell("true")));
    std::fs::write(&go, "").unwrap();
    eventually("it has printed all it had", || std::fs::read_to_string(&done).map_or(false, |text| text == "0\n"));
    eventually("nothing of it is kept open", || client.ask(Kind::Stats, &json!({})).unwrap()["processes"] == 0);
}

#[test]
fn ten_thousand_short_processes_leave_no_descriptor_zombie_or_slot() {
    let agent = TestAgent::start();
    let count = |agent: &TestAgent| {
        let states = agent.states();
        let zombies = states.iter().filter(|status| status.contains("State:\tZ")).count();
        (agent.descriptors(), states.len() - zombies, zombies)
    };
    let mut first = Client::connect(&agent);
    (0..100).for_each(|_| drop(first.shell("echo x; exit 3")));
    let worker = |socket: std::path::PathBuf| {
        std::thread::spawn(move || {
            let mut client = Client::connect_to(&socket);
            for index in 0..1250 {
                let outcome = client.run(&program("/bin/sh", &["-c", &format!("echo {}; exit {}", index, index % 100)])).unwrap();
                assert_eq!(outcome.exit["exit_code"], index % 100);
                assert_eq!(outcome.text(), format!("{}\n", index));
            }
        })
    };
    let settled = |client: &mut Client| {
        // Two lean children, two that can do all, and who makes them; and a child that is gone leaves a zombie until it is reaped.
        eventually("the pool is small again", || count(&agent).1 == 5 && count(&agent).2 == 0);
        // What belonged to the last one that was reaped is closed before the agent's next answer.
        client.ask(Kind::Stats, &json!({})).unwrap();
        count(&agent)
    };
    let before = (settled(&mut first), agent.slots());
    let workers: Vec<_> = (0..8).map(|_| worker(agent.socket())).collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    let after = (settled(&mut first), agent.slots());
    println!("(descriptors, processes, zombies), slots: before {:?}, after {:?}", before, after);
    assert_eq!(after.0 .2, 0, "zombies");
    assert!(after.1 <= 16 + 4, "slots: {}", after.1);
    // Each spare slot holds two descriptors; all others are as many as before.
    assert_eq!(after.0 .0 - 2 * after.1, before.0 .0 - 2 * before.1, "descriptors");
    let stats = first.ask(Kind::Stats, &json!({})).unwrap();
    assert_eq!((&stats["processes"], &stats["busy"]), (&json!(0), &json!(0)));
}

#[test]
fn the_latest_64_foreground_processes_are_known_and_others_stay() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let kept = with(shell("echo kept"), json!({"foreground": false, "tag": "kept"}));
    client.run(&kept).unwrap();
    let first = shell("true");
    client.run(&first).unwrap();
    (0..64).for_each(|_| drop(client.shell("true")));
    let error = client.ask(Kind::Get, &json!({"selector": first["id"]})).unwrap_err();
    assert_eq!(error["code"], "not_found");
    let facts = client.ask(Kind::Get, &json!({"selector": "kept"})).unwrap();
    assert_eq!((&facts["process"]["running"], &facts["process"]["exit"]["exit_code"]), (&json!(false), &json!(0)));
    client.send(Kind::Attach, &json!({"selector": kept["id"], "from": "start"}));
    assert_eq!(client.finish().unwrap().text(), "kept\n");
}

#[test]
fn the_oom_killer_is_told_apart_from_other_kills() {
    let agent = TestAgent::with(Wish { memory: Some(32 << 20), ..Wish::default() });
    let mut client = Client::connect(&agent);
    if !agent.limited {
        println!("SKIP: this host has no memory controller");
        return;
    }
    let hog = "import sys\nx = []\nwhile True: x.append(bytearray(1 << 20))";
    let outcome = client.run(&program("python3", &["-c", hog])).unwrap();
    assert_eq!((&outcome.exit["reason"], &outcome.exit["exit_code"]), (&json!("oom_killed"), &json!(137)), "{}", outcome.exit);
    assert_eq!(outcome.exit["oom_kills"], 1);
    let outcome = client.run(&program("sh", &["-c", &format!("python3 -c '{}'; exit 4", hog)])).unwrap();
    assert_eq!((&outcome.exit["reason"], &outcome.exit["exit_code"], &outcome.exit["oom_kills"]), (&json!("exited"), &json!(4), &json!(1)));
    let outcome = client.shell("kill -9 $$");
    assert_eq!((&outcome.exit["reason"], &outcome.exit["oom_kills"]), (&json!("signaled"), &json!(0)));
}

#[test]
fn cgroup2_tells_the_oom_killer_apart_by_the_events_of_work() {
    let before = "low 0\nhigh 0\nmax 63\noom 3\noom_kill 2\noom_group_kill 0\n";
    let agent = TestAgent::with(Wish { events: Some(before), ..Wish::default() });
    let mut client = Client::connect(&agent);
    let gate = agent.dir.join("gate");
    for (ends, kills, reason) in [("kill -9 $$", 1, "oom_killed"), ("exit 4", 2, "exited"), ("kill -9 $$", 0, "signaled")] {
        let _ = std::fs::remove_file(&gate);
        let request = shell(&format!("echo up; while [ ! -e {} ]; do sleep 0.01; done; {}", gate.display(), ends));
        client.start(&request);
        assert_eq!(client.next().unwrap().0, Kind::Stdout);
        let text = std::fs::read_to_string(agent.dir.join("memory.events")).unwrap();
        let had: u64 = text.lines().find_map(|line| line.strip_prefix("oom_kill ")).unwrap().parse().unwrap();
        // In place, as the kernel's file is: the agent has it open.
        std::fs::write(agent.dir.join("memory.events"), text.replace(&format!("oom_kill {}", had), &format!("oom_kill {}", had + kills)))
            .unwrap();
        std::fs::write(&gate, "").unwrap();
        let exit = client.finish().unwrap().exit;
        assert_eq!((&exit["reason"], &exit["oom_kills"]), (&json!(reason), &json!(kills)), "{}", exit);
    }
}

#[test]
fn the_end_of_a_connection_means_what_the_start_said() {
    let agent = TestAgent::start();
    let mut watcher = Client::connect(&agent);
    for (policy, runs, reason) in [("continue", true, ""), ("kill", false, "client_gone"), ("grace", true, "")] {
        let mut client = Client::connect(&agent);
        client.start(&with(shell("exec sleep 1000"), json!({"on_disconnect": policy, "tag": policy})));
        drop(client);
        let facts = |watcher: &mut Client| watcher.ask(Kind::Get, &json!({"selector": policy})).unwrap();
        if runs {
            std::thread::sleep(Duration::from_millis(50));
            assert_eq!(facts(&mut watcher)["process"]["running"], true, "{}", policy);
        } else {
            eventually("it is ended", || facts(&mut watcher)["process"]["running"] == false);
            assert_eq!(facts(&mut watcher)["process"]["exit"]["reason"], reason);
        }
    }
}

#[test]
fn a_shutdown_ends_everything_with_its_reason_and_lets_nothing_begin() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    client.start(&with(shell("trap '' TERM; echo; while :; do sleep 0.05; done"), json!({"tag": "stubborn"})));
    assert_eq!(client.next().unwrap().0, Kind::Stdout);
    let mut other = Client::connect(&agent);
    other.start(&with(shell("exec sleep 1000"), json!({"tag": "meek", "attach": false})));
    other.shell("setsid sleep 1000 >/dev/null 2>&1 &");
    let ended = other.ask(Kind::Shutdown, &json!({"reason": "capsule_stopped", "grace_ms": 200})).unwrap();
    assert_eq!(ended, json!({"ended": 2}));
    assert_eq!(client.finish().unwrap().exit["reason"], "capsule_stopped");
    for tag in ["stubborn", "meek"] {
        let facts = other.ask(Kind::Get, &json!({"selector": tag})).unwrap();
        assert_eq!(facts["process"]["exit"]["reason"], "capsule_stopped");
    }
    let error = other.run(&shell("true")).unwrap_err();
    assert_eq!(error["code"], "shutting_down");
    eventually("nothing is left", || agent.states().is_empty());
}

#[test]
fn a_process_that_a_shutdown_meets_at_its_start_ends_with_the_shutdowns_reason() {
    for step in 0..60 {
        let agent = TestAgent::start();
        let mut starter = Client::connect(&agent);
        let mut stopper = Client::connect(&agent);
        starter.send(Kind::Start, &with(shell("exec sleep 1000"), json!({"id": new_id(), "tag": "fresh"})));
        // From before the process is there to when it runs.
        std::thread::sleep(Duration::from_micros(step * 40));
        stopper.ask(Kind::Shutdown, &json!({"reason": "capsule_stopped", "grace_ms": 2000})).unwrap();
        match starter.finish() {
            Ok(outcome) => assert_eq!(outcome.exit["reason"], "capsule_stopped", "{}", outcome.exit),
            Err(error) => assert_eq!(error["code"], "shutting_down"),
        }
    }
}

#[test]
fn an_agent_that_the_host_asks_to_end_lets_its_processes_end_first() {
    // The time they have is a bound, which a busy machine may exceed.
    let has_saved = (0..20).any(|_| {
        let agent = TestAgent::start();
        let mut client = Client::connect(&agent);
        client.start(&shell("trap 'echo saved; exit 3' TERM; echo; while :; do sleep 0.05; done"));
        assert_eq!(client.next().unwrap().0, Kind::Stdout);
        agent.signal_all(libc::SIGTERM);
        let outcome = client.finish();
        eventually("the agent has ended", || !agent.lives());
        outcome.map_or(false, |outcome| outcome.exit["exit_code"] == 3 && outcome.text().ends_with("saved\n"))
    });
    assert!(has_saved);
}

#[test]
fn an_agent_of_a_paused_capsule_ends_too_when_the_host_asks_it() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    client.start(&with(shell("exec sleep 1000"), json!({"tag": "sleeper", "attach": false})));
    client.ask(Kind::Pause, &json!({})).unwrap();
    agent.signal_all(libc::SIGTERM);
    eventually("the agent has ended", || !agent.lives());
}

#[test]
fn nothing_in_the_capsule_asks_its_agent_to_end() {
    let agent = TestAgent::start();
    forge_sigterm(&agent);
}

#[test]
fn nothing_in_the_capsule_asks_its_agent_to_end_while_no_signal_finds_room_for_who_sent_it() {
    let agent = TestAgent::start();
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit outlives the call, and nothing is read back.
    assert_eq!(unsafe { libc::prlimit(agent.pid, libc::RLIMIT_SIGPENDING, &none, std::ptr::null_mut()) }, 0);
    forge_sigterm(&agent);
}

/// Sends the agent SIGTERM from inside, in every way that there is to hide who did.
fn forge_sigterm(agent: &TestAgent) {
    let mut client = Client::connect(agent);
    let forged = "import ctypes, os, signal
libc = ctypes.CDLL(None)
queue = {'x86_64': 129, 'aarch64': 138}[os.uname().machine]
for code in (0, -1, -6, -60):
    info = (ctypes.c_int * 32)(signal.SIGTERM, 0, code, 0, 0, 0)
    libc.syscall(queue, 1, signal.SIGTERM, info)
os.kill(1, signal.SIGTERM)
signal.pidfd_send_signal(os.pidfd_open(1), signal.SIGTERM)";
    let outcome = client.run(&program("python3", &["-c", forged])).unwrap();
    assert_eq!(outcome.exit["exit_code"], 0, "{}", String::from_utf8_lossy(&outcome.stderr));
    // Longer than the time that it gives its processes.
    client.shell("sleep 3");
    assert!(agent.lives());
}
