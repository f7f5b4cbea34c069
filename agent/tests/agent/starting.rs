//! What a start gives.

use crate::client::{program, shell, with, Client};
use crate::harness::TestAgent;
use capsuled_agent::frame::Kind;
use serde_json::json;

#[test]
fn output_and_exit_code_of_a_program_arrive_whole() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let outcome = client.shell("echo out; echo err >&2; exit 7");
    assert_eq!((outcome.stdout.as_slice(), outcome.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
    assert_eq!(outcome.exit["exit_code"], 7);
    assert_eq!(outcome.exit["reason"], "exited");
    assert_eq!(outcome.exit["signal"], json!(null));
    assert_eq!((&outcome.exit["stdout_bytes"], &outcome.exit["stderr_bytes"]), (&json!(4), &json!(4)));
    assert_eq!(outcome.exit["seq"], 3);
    assert_eq!(outcome.started["pid"], outcome.exit["pid"]);
}

#[test]
fn a_program_that_dies_of_a_signal_says_which() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    for (name, number) in [("SEGV", 11), ("TERM", 15), ("KILL", 9), ("USR1", 10)] {
        let outcome = client.shell(&format!("kill -{} $$", name));
        assert_eq!(outcome.exit["exit_code"], 128 + number, "{}", outcome.exit);
        assert_eq!(outcome.exit["signal"], format!("SIG{}", name));
        assert_eq!(outcome.exit["reason"], "signaled");
    }
}

#[test]
fn what_cannot_start_is_told_by_its_kind_and_its_field() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let cases = [
        (program("no-such-program", &[]), "not_found", "cmd"),
        (program("/no/such/program", &[]), "not_found", "cmd"),
        (program("/etc/passwd", &[]), "not_executable", "cmd"),
        (program("/etc", &[]), "not_executable", "cmd"),
        (with(program("true", &[]), json!({"cwd": "/no/such/place"})), "cwd_not_found", "cwd"),
        (with(program("true", &[]), json!({"cwd": "/etc/passwd"})), "cwd_not_found", "cwd"),
        (with(program("true", &[]), json!({"cwd": "relative"})), "bad_request", "cwd"),
        (program("true", &[&"x".repeat(200_000)]), "too_big", "args"),
    ];
    for (request, code, field) in cases {
        let error = client.run(&request).expect_err(code);
        assert_eq!((error["code"].as_str(), error["field"].as_str()), (Some(code), Some(field)), "{}", error);
    }
    assert_eq!(client.shell("echo still here").text(), "still here\n");
}

#[test]
fn nearly_a_megabyte_of_arguments_reaches_the_program_whole() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let long: Vec<String> = (0..9).map(|index| index.to_string().repeat(100_000)).collect();
    let mut args = vec!["-c", "for a; do printf %s \"$a\" | cksum; done", "sh"];
    args.extend(long.iter().map(|text| text.as_str()));
    let outcome = client.run(&program("sh", &args)).unwrap();
    let expected = client.shell("for i in 0 1 2 3 4 5 6 7 8; do head -c 100000 /dev/zero | tr '\\0' $i | cksum; done");
    assert_eq!(outcome.text().lines().count(), 9);
    assert_eq!(outcome.text(), expected.text());
    let facts = client.ask(Kind::Get, &json!({"selector": outcome.exit["id"]})).unwrap();
    assert!(facts.to_string().len() < 8192, "more of it is kept than a list shows");
}

#[test]
fn arguments_arrive_whole_on_both_sides_of_what_a_lean_child_takes() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    for length in 3960..4100 {
        let text = "x".repeat(length);
        assert_eq!(client.run(&program("echo", &[&text])).unwrap().text(), format!("{}\n", text));
    }
    for count in 240..260 {
        let numbers: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        let args: Vec<&str> = numbers.iter().map(String::as_str).collect();
        assert_eq!(client.run(&program("echo", &args)).unwrap().text(), format!("{}\n", numbers.join(" ")));
    }
}

#[test]
fn programs_that_begin_at_the_same_moment_are_each_given_their_own() {
    let agent = TestAgent::start();
    let mut clients: Vec<Client> = (0..40).map(|_| Client::connect(&agent)).collect();
    for round in 0..5 {
        for (index, client) in clients.iter_mut().enumerate() {
            client.send(Kind::Start, &with(program("echo", &[&format!("{} {}", round, index)]), json!({"attach": true})));
        }
        for (index, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.finish().unwrap().text(), format!("{} {}\n", round, index));
        }
    }
}

#[test]
fn the_environment_directory_user_and_session_are_those_asked_for() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let outcome = client.run(&with(program("env", &[]), json!({"env": {"PATH": "/usr/bin:/bin", "A": "b c"}}))).unwrap();
    let mut lines: Vec<String> = outcome.text().lines().map(String::from).collect();
    lines.sort();
    assert_eq!(lines, ["A=b c", "PATH=/usr/bin:/bin"]);
    let request = with(
        shell("pwd; id -u; id -g; id -G; umask; ulimit -n"),
        json!({"cwd": "/usr", "user": {"uid": 65534, "gid": 65533, "groups": [4]}}),
    );
    let text = client.run(&request).unwrap().text();
    assert!(text.starts_with("/usr\n65534\n65533\n65533 4\n0022\n"), "{}", text);
    let stat = client.shell("cat /proc/$$/stat").text();
    let fields: Vec<&str> = stat.split(' ').collect();
    assert_eq!((fields[0], fields[0]), (fields[4], fields[5]), "pid, group and session differ: {}", stat);
    let descriptors = client.run(&program("ls", &["/proc/self/fd"])).unwrap().text();
    assert_eq!(descriptors.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"], "3 is the directory that ls reads");
    let status = client.run(&program("grep", &["-E", "^(Sig(Blk|Ign)|Seccomp|NoNewPrivs):", "/proc/self/status"])).unwrap().text();
    assert!(status.contains("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"), "{}", status);
    assert!(status.contains("NoNewPrivs:\t1\nSeccomp:\t2\n"), "{}", status);
}

#[test]
fn a_background_start_answers_at_once_and_goes_on() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let request = with(shell("echo ready; exec sleep 100"), json!({"attach": false, "foreground": false, "tag": "web"}));
    let started = client.start(&request);
    let error = client.run(&with(shell("true"), json!({"tag": "web"}))).expect_err("the tag is taken");
    assert_eq!(error["code"], "tag_in_use");
    let list = client.ask(Kind::List, &json!({})).unwrap();
    let listed: Vec<_> = list["processes"].as_array().unwrap().iter().filter(|one| one["id"] == started["id"]).collect();
    assert_eq!(listed.len(), 1, "{}", list);
    assert_eq!((&listed[0]["tag"], &listed[0]["args"][0], &listed[0]["ppid"]), (&json!("web"), &json!("-c"), &json!(1)));
    assert_eq!(list["processes"].as_array().unwrap().len(), 1, "the agent's own are not listed: {}", list);
    for selector in [json!("web"), started["id"].clone(), json!(started["pid"].to_string())] {
        let facts = client.ask(Kind::Get, &json!({"selector": selector})).unwrap();
        assert_eq!((&facts["process"]["id"], &facts["process"]["running"]), (&started["id"], &json!(true)));
    }
    let mut reader = Client::connect(&agent);
    reader.send(Kind::Attach, &json!({"selector": started["id"], "from": "start"}));
    assert_eq!(reader.next().unwrap().0, Kind::Started);
    assert_eq!(reader.next().unwrap().0, Kind::Stdout);
    client.ask(Kind::Signal, &json!({"selector": "web", "signal": "SIGTERM", "by": "a test"})).unwrap();
    let outcome = reader.finish().unwrap();
    assert_eq!((&outcome.exit["reason"], &outcome.exit["exit_code"]), (&json!("killed"), &json!(143)));
    assert_eq!(outcome.exit["requested"], json!({"by": "a test", "signal": "SIGTERM"}));
    let error = client.ask(Kind::Signal, &json!({"selector": "web", "signal": "SIGTERM", "by": ""})).unwrap_err();
    assert_eq!(error["code"], "not_found");
}

#[test]
fn a_list_never_shows_a_child_that_the_agent_makes_ahead_while_it_is_made() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    for round in 0..500 {
        client.shell("true");
        // Meanwhile the next child is ordered, made and told of, one after the other.
        let list = client.ask(Kind::List, &json!({})).unwrap();
        assert_eq!(list["processes"], json!([]), "round {}", round);
    }
}

#[test]
fn what_a_process_prints_at_once_comes_in_its_order_over_both_streams() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    for _ in 0..50 {
        client.send(Kind::Start, &shell("echo first; echo second >&2"));
        let mut kinds = Vec::new();
        loop {
            let (kind, payload) = client.next().unwrap();
            if let Kind::Stdout | Kind::Stderr = kind {
                kinds.push((kind, String::from_utf8_lossy(&payload[28..]).into_owned()));
            }
            if kind == Kind::Exit {
                break;
            }
        }
        assert_eq!(kinds, [(Kind::Stdout, "first\n".to_string()), (Kind::Stderr, "second\n".to_string())]);
    }
}

#[test]
fn what_a_process_that_lasts_has_printed_at_once_is_told_while_it_runs() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    for script in ["echo now; exec sleep 100", "echo now >&2; exec sleep 100", "exec 2>&-; echo now; exec sleep 100"] {
        let started = client.start(&shell(script));
        let (kind, payload) = client.next().unwrap();
        assert!(matches!(kind, Kind::Stdout | Kind::Stderr), "{:?}", kind);
        assert_eq!(&payload[28..], b"now\n");
        let mut other = Client::connect(&agent);
        other.ask(Kind::Signal, &json!({"selector": started["id"], "signal": "SIGKILL", "by": "test"})).unwrap();
        assert_eq!(client.control().1["reason"], "killed");
    }
}

#[test]
fn the_time_of_a_short_command_is_that_of_its_run() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    let outcome = client.run(&program("python3", &["-c", "import time; print(time.time_ns() // 1000000)"])).unwrap();
    let inside: i64 = outcome.text().trim().parse().unwrap();
    let (started, ended) = (outcome.exit["started_at_ms"].as_i64().unwrap(), outcome.exit["ended_at_ms"].as_i64().unwrap());
    assert!(started <= inside && inside <= ended, "{} {} {}", started, inside, ended);
    let short = client.run(&program("true", &[])).unwrap();
    let (started, ended) = (short.exit["started_at_ms"].as_i64().unwrap(), short.exit["ended_at_ms"].as_i64().unwrap());
    assert!(started <= ended, "{}", short.exit);
}
