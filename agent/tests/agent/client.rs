//! The host's side of a connection, as a test needs it.

use crate::harness::{TestAgent, CAPSULE, SECRET};
use capsuled_agent::frame::{self, Kind, MAX_PAYLOAD};
use capsuled_agent::record::RecordHeader;
use serde_json::{json, Value};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A process id that no other test of this run has.
pub fn new_id() -> String {
    format!("pr-{:025}", NEXT_ID.fetch_add(1, Ordering::SeqCst))
}

pub struct Client {
    pub socket: UnixStream,
    input: Vec<u8>,
    at: usize,
}

/// Everything a process gave to one reader.
#[derive(Debug, Default)]
pub struct Outcome {
    pub started: Value,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub records: Vec<RecordHeader>,
    pub gaps: Vec<Value>,
    pub exit: Value,
}

impl Outcome {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl Client {
    /// A connection that has said nothing yet.
    pub fn raw(socket: &Path) -> Client {
        let socket = UnixStream::connect(socket).expect("the agent does not listen");
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Client { socket, input: Vec::new(), at: 0 }
    }

    pub fn connect(agent: &TestAgent) -> Client {
        Client::connect_to(&agent.socket())
    }

    pub fn connect_to(socket: &Path) -> Client {
        let mut client = Client::raw(socket);
        client.send(Kind::Hello, &json!({"version": 1, "capsule": CAPSULE, "secret": SECRET}));
        let (kind, welcome) = client.control();
        assert_eq!((kind, &welcome["capsule"]), (Kind::Welcome, &json!(CAPSULE)), "{}", welcome);
        client
    }

    pub fn send(&mut self, kind: Kind, value: &Value) {
        self.send_bytes(kind, value.to_string().as_bytes());
    }

    pub fn send_bytes(&mut self, kind: Kind, bytes: &[u8]) {
        let mut out = Vec::new();
        frame::encode(kind, bytes, &mut out);
        self.socket.write_all(&out).unwrap();
    }

    /// The next frame; none at the end of the connection.
    pub fn next(&mut self) -> Option<(Kind, Vec<u8>)> {
        loop {
            if let Some(frame) = frame::decode(&self.input[self.at..], MAX_PAYLOAD).expect("the agent sent no frame") {
                let (kind, payload, size) = (frame.kind, frame.payload.to_vec(), frame.size());
                self.at += size;
                return Some((kind, payload));
            }
            self.input.drain(..self.at);
            self.at = 0;
            let mut buffer = [0; 256 * 1024];
            match self.socket.read(&mut buffer) {
                Ok(0) => return None,
                Ok(got) => self.input.extend_from_slice(&buffer[..got]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came: {}", error),
            }
        }
    }

    /// The next frame, which is control.
    pub fn control(&mut self) -> (Kind, Value) {
        let (kind, payload) = self.next().expect("the agent closed the connection");
        (kind, serde_json::from_slice(&payload).expect("no JSON"))
    }

    /// Runs an operation that answers with one frame: its result, or its error as `Err`.
    pub fn ask(&mut self, kind: Kind, value: &Value) -> Result<Value, Value> {
        self.send(kind, value);
        match self.control() {
            (Kind::Result, value) => Ok(value),
            (Kind::Error, value) => Err(value),
            (other, value) => panic!("{:?} {}", other, value),
        }
    }

    /// Reads what follows a start or an attach, to its exit.
    pub fn finish(&mut self) -> Result<Outcome, Value> {
        let mut outcome = Outcome::default();
        loop {
            let (kind, payload) = self.next().expect("the connection ended before the exit");
            match kind {
                Kind::Started => outcome.started = serde_json::from_slice(&payload).unwrap(),
                Kind::Stdout | Kind::Stderr => {
                    let (header, bytes) = RecordHeader::decode(&payload).expect("no record");
                    let all = if kind == Kind::Stdout { &mut outcome.stdout } else { &mut outcome.stderr };
                    all.extend_from_slice(bytes);
                    outcome.records.push(header);
                }
                Kind::Gap => outcome.gaps.push(serde_json::from_slice(&payload).unwrap()),
                Kind::Exit => {
                    outcome.exit = serde_json::from_slice(&payload).unwrap();
                    return Ok(outcome);
                }
                Kind::Error => return Err(serde_json::from_slice(&payload).unwrap()),
                Kind::StdinRoom => {}
                other => panic!("{:?}", other),
            }
        }
    }

    /// Starts and follows a process to its end.
    pub fn run(&mut self, request: &Value) -> Result<Outcome, Value> {
        self.send(Kind::Start, request);
        self.finish()
    }

    /// Reads a process from a record on, to its exit.
    pub fn attach(&mut self, selector: &Value, from: Value) -> Result<Outcome, Value> {
        self.send(Kind::Attach, &json!({"selector": selector, "from": from}));
        self.finish()
    }

    /// A range of a stream's bytes, its records, and what is told of it.
    pub fn output(&mut self, selector: &Value, stream: &str, from: u64, limit: u64) -> Result<(Vec<u8>, Vec<RecordHeader>, Value), Value> {
        self.send(Kind::Output, &json!({"selector": selector, "stream": stream, "from": from, "limit": limit}));
        let (mut all, mut records) = (Vec::new(), Vec::new());
        loop {
            let (kind, payload) = self.next().expect("the connection ended before the result");
            match kind {
                Kind::Stdout | Kind::Stderr => {
                    let (header, bytes) = RecordHeader::decode(&payload).expect("no record");
                    all.extend_from_slice(bytes);
                    records.push(header);
                }
                Kind::Result => return Ok((all, records, serde_json::from_slice(&payload).unwrap())),
                Kind::Error => return Err(serde_json::from_slice(&payload).unwrap()),
                other => panic!("{:?}", other),
            }
        }
    }

    /// The entries of the log from this number on.
    pub fn log(&mut self, from: u64) -> Vec<Value> {
        self.send(Kind::Log, &json!({"from": from, "follow": false}));
        let mut entries = Vec::new();
        loop {
            match self.control() {
                (Kind::Entry, entry) => entries.push(entry),
                (Kind::Result, result) => {
                    assert_eq!(result["next"], entries.last().map_or(from, |entry: &Value| entry["n"].as_u64().unwrap() + 1));
                    return entries;
                }
                (kind, value) => panic!("{:?} {}", kind, value),
            }
        }
    }

    /// The facts of a process once it has ended.
    pub fn ended(&mut self, selector: &Value) -> Value {
        let mut facts = Value::Null;
        crate::harness::eventually("it has ended", || {
            facts = self.ask(Kind::Get, &json!({"selector": selector})).unwrap()["process"].clone();
            facts["running"] == false
        });
        facts
    }

    /// Runs a shell script to its end.
    pub fn shell(&mut self, script: &str) -> Outcome {
        self.run(&shell(script)).expect(script)
    }

    /// Starts a process and waits for the answer `started`.
    pub fn start(&mut self, request: &Value) -> Value {
        self.send(Kind::Start, request);
        match self.control() {
            (Kind::Started, value) => value,
            (kind, value) => panic!("{:?} {}", kind, value),
        }
    }
}

/// A foreground start of a program.
pub fn program(cmd: &str, args: &[&str]) -> Value {
    json!({
        "id": new_id(), "cmd": cmd, "args": args, "env": {"PATH": "/usr/local/bin:/usr/bin:/bin"}, "cwd": "/",
        "user": {"uid": 0, "gid": 0, "groups": []}, "tag": "", "attach": true, "stdin": false, "timeout_ms": 0,
        "kill_grace_ms": 2000, "foreground": true, "on_disconnect": "continue",
    })
}

/// A foreground start of a shell script.
pub fn shell(script: &str) -> Value {
    program("sh", &["-c", script])
}

/// A start of a shell script that nobody waits for.
pub fn background(script: &str) -> Value {
    with(shell(script), json!({"foreground": false, "attach": false}))
}

/// The SHA-256 of some bytes, by another program than the agent.
pub fn sha256(bytes: &[u8]) -> String {
    let mut child = std::process::Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let out = child.wait_with_output().unwrap().stdout;
    String::from_utf8_lossy(&out[..64]).into_owned()
}

/// The same start with some fields changed.
pub fn with(mut request: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        request[name.as_str()] = value.clone();
    }
    request
}

/// Runs an operation on files that answers with one frame, on a connection of its own.
pub fn file(agent: &TestAgent, request: Value) -> Result<Value, Value> {
    Client::connect(agent).ask(Kind::File, &request)
}

/// The code of a refusal.
pub fn code(outcome: Result<Value, Value>) -> String {
    outcome.expect_err("it was not refused")["code"].as_str().unwrap().to_string()
}

/// Uploads bytes; the request says where and how.
pub fn upload(agent: &TestAgent, kind: Kind, request: &Value, bytes: &[u8]) -> Result<Value, Value> {
    let mut client = Client::connect(agent);
    client.send(kind, request);
    for chunk in bytes.chunks(300_000) {
        let mut out = Vec::new();
        frame::encode(Kind::Stdin, chunk, &mut out);
        // Refused in the middle, it is not taken to its end.
        if client.socket.write_all(&out).is_err() {
            break;
        }
    }
    let mut end = Vec::new();
    frame::encode(Kind::StdinClose, b"", &mut end);
    let _ = client.socket.write_all(&end);
    match client.control() {
        (Kind::Result, value) => Ok(value),
        (Kind::Error, value) => Err(value),
        (other, value) => panic!("{:?} {}", other, value),
    }
}

/// Takes what a download gives: its head, its bytes, and its result.
pub fn download(client: &mut Client) -> Result<(Value, Vec<u8>, Value), Value> {
    let (mut head, mut all) = (Value::Null, Vec::new());
    loop {
        let (kind, payload) = client.next().expect("the connection ended before the result");
        match kind {
            Kind::Head => head = serde_json::from_slice(&payload).unwrap(),
            Kind::Bytes => all.extend_from_slice(&payload),
            Kind::Result => return Ok((head, all, serde_json::from_slice(&payload).unwrap())),
            Kind::Error => return Err(serde_json::from_slice(&payload).unwrap()),
            other => panic!("{:?}", other),
        }
    }
}
