//! Terminals: what is typed, what is seen, sizes, and jobs.

use crate::client::{program, shell, with, Client};
use crate::harness::{eventually, TestAgent};
use capsuled_agent::frame::Kind;
use serde_json::{json, Value};

/// A terminal as its user sees it.
struct Screen {
    client: Client,
    started: Value,
    seen: String,
}

impl Screen {
    fn start(agent: &TestAgent, request: Value) -> Screen {
        let mut client = Client::connect(agent);
        let started = client.start(&request);
        Screen { client, started, seen: String::new() }
    }

    /// An interactive bash without anybody's settings.
    fn bash(agent: &TestAgent) -> Screen {
        let changes = json!({"pty": {}, "tag": "term", "foreground": false});
        let mut request = with(program("bash", &["--norc", "--noprofile", "-i"]), changes);
        request["env"]["PS1"] = "$ ".into();
        let mut screen = Screen::start(agent, request);
        screen.until("$ ");
        screen
    }

    fn send(&mut self, text: &str) {
        self.client.send_bytes(Kind::Stdin, text.as_bytes());
    }

    /// Waits until this is seen; gives what came up to it, which is then done with.
    fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            match self.client.next() {
                Some((Kind::Stdout, payload)) => self.seen.push_str(&String::from_utf8_lossy(&payload[28..])),
                Some((Kind::StdinRoom, _)) => {}
                other => panic!("{:?} came, and {:?} was to come behind {:?}", other.map(|frame| frame.0), text, self.seen),
            }
        }
    }

    /// The end, and all output before it.
    fn end(mut self) -> (Value, String) {
        let outcome = self.client.finish().unwrap();
        (outcome.exit.clone(), self.seen + &outcome.text())
    }
}

#[test]
fn a_terminal_is_the_standard_input_output_and_error_of_its_process_and_has_its_size() {
    let agent = TestAgent::start();
    let script = "test -t 0 && test -t 1 && test -t 2 && stty size && echo $TERM && echo err >&2 && (: </dev/tty) && echo controls";
    let screen = Screen::start(&agent, with(shell(script), json!({"pty": {"cols": 101, "rows": 33}, "tag": "t"})));
    assert_eq!(screen.started["pty"], json!({"cols": 101, "rows": 33}));
    let (exit, text) = screen.end();
    assert_eq!(text, "33 101\r\nxterm-256color\r\nerr\r\ncontrols\r\n");
    assert_eq!((&exit["exit_code"], &exit["stderr_bytes"], &exit["reason"]), (&json!(0), &json!(0), &json!("exited")));
    let mut client = Client::connect(&agent);
    assert_eq!(client.ask(Kind::Get, &json!({"selector": "t"})).unwrap()["process"]["pty"], json!({"cols": 101, "rows": 33}));
    let named = with(shell("echo $TERM; stty size"), json!({"pty": {}, "env": {"PATH": "/usr/bin:/bin", "TERM": "dumb"}}));
    assert_eq!(Screen::start(&agent, named).end().1, "dumb\r\n24 80\r\n");
    let plain = client.start(&shell("exec sleep 0.1"));
    assert!(plain["pty"].is_null());
}

#[test]
fn sizes_out_of_bounds_are_refused_and_others_are_seen_at_once() {
    let agent = TestAgent::start();
    let mut client = Client::connect(&agent);
    for (size, field) in
        [(json!({"cols": 0}), "cols"), (json!({"rows": 1001}), "rows"), (json!({"cols": -1}), "cols"), (json!({"cols": "x"}), "cols")]
    {
        let error = client.run(&with(shell("true"), json!({ "pty": size }))).unwrap_err();
        assert_eq!((&error["code"], &error["field"]), (&json!("bad_request"), &json!(field)), "{}", size);
    }
    let mut screen = Screen::bash(&agent);
    // A busy shell sees the signal at once, and one whose trap is short does not miss the next.
    screen.send("trap 'n=1' WINCH; echo s''et; while :; do [ -z \"$n\" ] || { n=; echo got-$(stty size); }; done\n");
    screen.until("set\r\n");
    screen.client.send(Kind::Resize, &json!({"cols": 133, "rows": 1}));
    screen.until("got-1 133");
    // From another connection that has attached.
    let mut other = Client::connect(&agent);
    other.send(Kind::Attach, &json!({"selector": "term", "from": "now"}));
    assert_eq!(other.control().1["pty"], json!({"cols": 133, "rows": 1}));
    other.send(Kind::Resize, &json!({"cols": 1000, "rows": 1000}));
    let mut told = |size: Value| client.ask(Kind::Get, &json!({"selector": "term"})).unwrap()["process"]["pty"] == size;
    eventually("it has the size", || told(json!({"cols": 1000, "rows": 1000})));
    screen.until("got-1000 1000");
    screen.send("\x03");
    screen.until("$ ");
    for bad in [json!({"cols": 0, "rows": 5}), json!({"cols": 5}), json!({"cols": 5, "rows": 65536}), json!({})] {
        screen.client.send(Kind::Resize, &bad);
        loop {
            let (kind, payload) = screen.client.next().unwrap();
            if kind == Kind::Error {
                assert_eq!(serde_json::from_slice::<Value>(&payload).unwrap()["code"], "bad_request", "{}", bad);
                break;
            }
        }
    }
    screen.send("stty size\n");
    screen.until("1000 1000");
    assert_eq!(client.ask(Kind::Get, &json!({"selector": "term"})).unwrap()["process"]["pty"], json!({"cols": 1000, "rows": 1000}));
    let mut plain = Client::connect(&agent);
    plain.start(&shell("exec sleep 1000"));
    plain.send(Kind::Resize, &json!({"cols": 80, "rows": 24}));
    assert_eq!(plain.control().1["code"], "bad_request", "without a terminal there is nothing to resize");
}

#[test]
fn control_c_ends_the_job_in_the_foreground_and_nothing_else() {
    let agent = TestAgent::start();
    let mut screen = Screen::bash(&agent);
    screen.send("sleep 1234 & echo back-$!\n");
    screen.until("back-$!");
    screen.until("back-");
    screen.until("$ ");
    screen.send("sleep 4321; echo st-$?\n");
    let sleeps = || agent.states().iter().filter(|status| status.starts_with("Name:\tsleep\n")).count();
    eventually("both sleep", || sleeps() == 2);
    screen.send("\x03");
    screen.until("^C");
    screen.until("$ ");
    assert_eq!(sleeps(), 1, "the one in the background goes on");
    screen.send("jobs\n");
    assert!(screen.until("sleep 1234 &").contains("Running"));
    screen.send("kill %1; wait; exit 7\n");
    assert_eq!(screen.end().0["exit_code"], 7);
}

#[test]
fn control_z_stops_a_job_and_fg_brings_it_back() {
    let agent = TestAgent::start();
    let mut screen = Screen::bash(&agent);
    screen.send("sleep 4321\n");
    let state = || agent.states().iter().find(|status| status.starts_with("Name:\tsleep\n")).cloned().unwrap_or_default();
    eventually("it sleeps", || state().contains("State:\tS"));
    screen.send("\x1a");
    screen.until("Stopped");
    assert!(state().contains("State:\tT"), "{}", state());
    screen.until("$ ");
    screen.send("fg\n");
    eventually("it goes on", || state().contains("State:\tS"));
    screen.send("\x03");
    screen.until("^C");
    screen.until("$ ");
    screen.send("exit\n");
    assert_eq!(screen.end().0["reason"], "exited");
}

#[test]
fn the_end_of_input_is_typed_and_a_terminal_goes_on_after_it() {
    let agent = TestAgent::start();
    let mut screen = Screen::bash(&agent);
    screen.send("echo go; cat; echo after-$?\n");
    screen.until("go\r\n");
    screen.send("in a line");
    screen.client.send_bytes(Kind::StdinClose, b"");
    screen.until("after-0");
    screen.send("echo go; cat; echo again-$?\n");
    screen.until("go\r\n");
    screen.send("a line\n");
    screen.client.send_bytes(Kind::StdinClose, b"");
    screen.until("again-0");
    screen.until("$ ");
    screen.client.send_bytes(Kind::StdinClose, b"");
    assert_eq!(screen.end().0["exit_code"], 0, "the shell ends by the end of its input");
}

#[test]
fn input_sent_with_the_start_and_more_than_a_terminal_holds_comes_whole_and_in_order() {
    let agent = TestAgent::start();
    let gate = agent.dir.join("gate");
    let script = format!("stty raw -echo; echo ready; while [ ! -e {} ]; do sleep 0.01; done; head -c 800000 | sha256sum", gate.display());
    let mut screen = Screen::start(&agent, with(shell(&script), json!({"pty": {}})));
    screen.until("ready");
    let bytes: Vec<u8> = (0..800_000u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8).collect();
    bytes.chunks(100_000).for_each(|chunk| screen.client.send_bytes(Kind::Stdin, chunk));
    std::fs::write(&gate, "").unwrap();
    let (exit, text) = screen.end();
    assert!(text.contains(&crate::client::sha256(&bytes)), "{}", text);
    assert_eq!(exit["exit_code"], 0);
    // Lines that come before there is a process.
    let mut client = Client::connect(&agent);
    client.send(Kind::Start, &with(shell("read a; read b; echo $b-$a"), json!({"pty": {}})));
    client.send_bytes(Kind::Stdin, b"one\ntwo\n");
    assert!(client.finish().unwrap().text().ends_with("two-one\r\n"));
    let mut client = Client::connect(&agent);
    client.send(Kind::Start, &with(program("cat", &[]), json!({"stdin": true})));
    client.send_bytes(Kind::Stdin, b"early");
    client.send_bytes(Kind::StdinClose, b"");
    assert_eq!(client.finish().unwrap().text(), "early");
}

#[test]
fn viewers_come_and_go_see_everything_from_the_start_and_may_type() {
    let agent = TestAgent::start();
    let mut screen = Screen::bash(&agent);
    screen.send("echo first-$((40+2))\n");
    screen.until("first-42\r\n");
    let mut client = Client::connect(&agent);
    client.send(Kind::Attach, &json!({"selector": "term", "from": "start"}));
    let started = client.control().1;
    let mut second = Screen { client, started, seen: String::new() };
    second.until("first-42\r\n");
    second.until("$ ");
    drop(screen);
    second.send("echo second-$((40+3))\n");
    second.until("second-43\r\n");
    second.send("exit 3\n");
    assert_eq!(second.end().0["exit_code"], 3);
    let again = Client::connect(&agent).attach(&json!("term"), json!("start")).unwrap();
    assert!(again.text().contains("first-42") && again.text().contains("second-43"), "scrollback is kept after the end");
}

#[test]
fn the_end_is_told_although_a_job_keeps_the_terminal_and_what_cannot_start_is_told_too() {
    let agent = TestAgent::start();
    let gate = agent.dir.join("gate");
    let script = format!("trap '' HUP; (while [ ! -e {} ]; do sleep 0.01; done; echo late) & echo on", gate.display());
    let screen = Screen::start(&agent, with(shell(&script), json!({"pty": {}, "tag": "t"})));
    let (exit, text) = screen.end();
    assert_eq!((text.as_str(), &exit["exit_code"]), ("on\r\n", &json!(0)));
    std::fs::write(&gate, "").unwrap();
    let mut client = Client::connect(&agent);
    eventually("what comes late is counted", || {
        client.ask(Kind::Get, &json!({"selector": "t"})).unwrap()["process"]["exit"]["late_bytes"] == 6
    });
    let error = client.run(&with(program("no-such-program", &[]), json!({"pty": {}}))).unwrap_err();
    assert_eq!(error["code"], "not_found");
    let owner = with(shell("stat -c %u $(tty); : > $(tty) && id -u"), json!({"pty": {}, "user": {"uid": 4711, "gid": 4711, "groups": []}}));
    assert_eq!(client.run(&owner).unwrap().text(), "4711\r\n4711\r\n");
    let descriptors = agent.descriptors();
    (0..20).for_each(|_| assert_eq!(client.run(&with(shell("echo x"), json!({"pty": {}}))).unwrap().text(), "x\r\n"));
    eventually("no descriptor is left", || agent.descriptors() <= descriptors + 2);
}
