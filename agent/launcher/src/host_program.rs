//! A program of the host, run to its end: fed, listened to, ended in time. To start one the server would have to copy itself, and serves
//! nobody meanwhile; this process is small.

use crate::events;
use crate::failure::{During, Failure, Result};
use crate::kernel;
use serde_json::Value;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::io::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Bytes of a stream that are told at once, so that they fit one answer as base64.
const PIECE: usize = 2880;
/// How long a program that was given up may take to be gone, in milliseconds: less than the server waits for the step's end.
const END_MS: u64 = 5000;

#[derive(Clone, Copy, PartialEq)]
pub enum Stream {
    Out,
    Err,
}

pub enum End {
    Of(ExitStatus),
    /// It could not be started; the kernel's number of the reason.
    Never(i32),
}

/// A program as the server asks for it.
pub struct Program<'a> {
    pub words: Vec<&'a str>,
    env: Vec<(&'a str, &'a str)>,
    pub input: String,
    time: Duration,
    /// How long the streams of a program that has ended stay open for a descendant that holds them.
    stray: Duration,
}

/// One that runs.
struct Run {
    child: Child,
    input: Option<File>,
    unfed: Vec<u8>,
    out: Option<File>,
    err: Option<File>,
    ended: Option<ExitStatus>,
    is_given_up: bool,
    /// When the wait is over for what is waited for now.
    until: Option<Instant>,
}

impl<'a> Program<'a> {
    pub fn parse(spec: &'a Value) -> Result<Program<'a>> {
        let unreadable = |what: &str| Failure::new("read a program", what);
        let words: Option<Vec<&str>> = spec["words"].as_array().and_then(|all| all.iter().map(Value::as_str).collect());
        let env = spec["env"].as_object().ok_or_else(|| unreadable("it has no env"))?;
        let env: Option<Vec<(&str, &str)>> = env.iter().map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
        let millis = |name: &str| spec[name].as_u64().map(Duration::from_millis).ok_or_else(|| unreadable(name));
        Ok(Program {
            words: words.filter(|words| !words.is_empty()).ok_or_else(|| unreadable("it has no words"))?,
            env: env.ok_or_else(|| unreadable("its env is no text"))?,
            input: spec["input"].as_str().ok_or_else(|| unreadable("it has no input"))?.to_string(),
            time: millis("timeMs")?,
            stray: millis("strayMs")?,
        })
    }

    /// Runs it, in the network namespace if one is given, and tells what it says as it comes. SIGTERM to this process ends it first.
    pub fn run(&self, namespace: Option<&File>, mut tell: impl FnMut(Stream, &[u8]) -> Result<()>) -> Result<End> {
        // Blocked before there is a child, so that no end of it is missed.
        let mut signals = events::signals(&[libc::SIGCHLD, libc::SIGTERM])?;
        let mut run = match self.start(namespace) {
            Ok(child) => Run::new(child, self)?,
            Err(error) => return error.raw_os_error().map(End::Never).ok_or_else(|| Failure::new("start a program", error)),
        };
        loop {
            run.feed()?;
            if let Some(status) = run.over() {
                return if run.is_given_up { Err(Failure::new("run a program", "it was given up")) } else { Ok(End::Of(status)) };
            }
            let number = |file: &Option<File>| file.as_ref().map_or(-1, AsRawFd::as_raw_fd);
            let reading = [signals.as_raw_fd(), number(&run.out), number(&run.err)].map(|fd| (fd, libc::POLLIN));
            let [told, out, err] = reading;
            let ready = events::poll(&[told, out, err, (number(&run.input), libc::POLLOUT)], run.until)?;
            if ready[0] {
                run.obey(events::next_signal(&mut signals)?, self.stray)?;
            }
            if ready[1] {
                listen(&mut run.out, |piece| tell(Stream::Out, piece))?;
            }
            if ready[2] {
                listen(&mut run.err, |piece| tell(Stream::Err, piece))?;
            }
        }
    }

    fn start(&self, namespace: Option<&File>) -> io::Result<Child> {
        let parent = kernel::own_pid();
        let namespace = namespace.map(AsRawFd::as_raw_fd);
        let mut command = Command::new(self.words[0]);
        command.args(&self.words[1..]).env_clear().envs(self.env.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let prepare = move || {
            // What it makes is not made any further once nobody waits for it; what it puts into the background goes on.
            kernel::die_with(parent);
            events::unblock_signals();
            namespace.map_or(Ok(()), kernel::enter_network)
        };
        // SAFETY: system calls only.
        unsafe { command.pre_exec(prepare) };
        command.spawn()
    }
}

impl Run {
    fn new(mut child: Child, program: &Program) -> Result<Run> {
        let own = |end: Option<OwnedFd>| end.map(|end| events::nonblocking(File::from(end))).transpose();
        Ok(Run {
            input: own(child.stdin.take().map(OwnedFd::from))?,
            out: own(child.stdout.take().map(OwnedFd::from))?,
            err: own(child.stderr.take().map(OwnedFd::from))?,
            unfed: program.input.as_bytes().to_vec(),
            ended: None,
            is_given_up: false,
            until: Some(Instant::now() + program.time),
            child,
        })
    }

    /// Writes what it takes of its input. One that ends without reading it is judged by its exit code, not by the broken pipe.
    fn feed(&mut self) -> Result<()> {
        while let Some(pipe) = &mut self.input {
            match pipe.write(&self.unfed) {
                Ok(size) if size < self.unfed.len() => drop(self.unfed.drain(..size)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => self.input = None,
            }
        }
        Ok(())
    }

    /// Its end, when nothing more is waited for. Kills it when its time is over.
    fn over(&mut self) -> Option<ExitStatus> {
        let is_late = self.until.map_or(false, |until| Instant::now() >= until);
        match self.ended {
            Some(_) if is_late || self.is_given_up || (self.out.is_none() && self.err.is_none()) => self.ended,
            // One that not even a kill ends is left to whoever reaps orphans.
            None if is_late && self.is_given_up => Some(ExitStatus::default()),
            None if is_late => {
                self.until = None;
                let _ = self.child.kill();
                None
            }
            _ => None,
        }
    }

    fn obey(&mut self, signal: libc::c_int, stray: Duration) -> Result<()> {
        if signal == libc::SIGTERM {
            self.is_given_up = true;
            self.until = Some(Instant::now() + Duration::from_millis(END_MS));
            let _ = self.child.kill();
        }
        if self.ended.is_none() {
            self.ended = self.child.try_wait().during(|| "wait for a program".to_string())?;
            if self.ended.is_some() {
                self.until = Some(Instant::now() + stray);
            }
        }
        Ok(())
    }
}

/// Takes one piece of a stream; the stream is `None` once it has ended.
fn listen(stream: &mut Option<File>, tell: impl FnOnce(&[u8]) -> Result<()>) -> Result<()> {
    let mut piece = [0; PIECE];
    let size = match stream.as_mut().map(|stream| stream.read(&mut piece)) {
        Some(Err(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(()),
        Some(Ok(size)) => size,
        _ => 0,
    };
    if size == 0 {
        *stream = None;
        return Ok(());
    }
    tell(&piece[..size])
}
