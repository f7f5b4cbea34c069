//! An agent as a launcher starts it: PID 1 of namespaces of its own, with the descriptors of
//! PROTOCOL.md and cgroups that go with it.

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::unix::io::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub const CAPSULE: &str = "cl-abcdefghijklmnopqrstuvwxy";
pub const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// What a test wants of its agent.
#[derive(Default, Clone, Copy)]
pub struct Wish {
    /// Most processes in `work`, where the host has a controller for it.
    pub pids: Option<u32>,
    /// Most bytes of memory of `work`.
    pub memory: Option<u64>,
    /// The kernel's counts of kills, as a file `memory.events` that the test writes.
    pub events: Option<&'static str>,
    /// No cgroup2 directory at all.
    pub without_slots: bool,
    /// Most bytes of one journal, of all, and of those written in a second.
    pub journal: Option<(u64, u64, u64)>,
    /// Seconds for which ended processes stay known.
    pub kept_s: Option<u64>,
    /// Seconds that a foreground process without a timeout outlives its host.
    pub lost_grace_s: Option<u64>,
    /// Why what an earlier agent left has ended.
    pub previous: Option<&'static str>,
    /// Bytes of the file system with the control directory.
    pub disk: Option<u64>,
    /// No control directory at all.
    pub without_control: bool,
}

pub struct TestAgent {
    pub dir: PathBuf,
    pub wish: Wish,
    /// The cgroup2 directory of the agent; `work` lies in it.
    pub cgroup: Option<PathBuf>,
    controllers: Vec<PathBuf>,
    middle: Child,
    /// The agent's pid as the host knows it.
    pub pid: i32,
    /// Whether the host has the controllers for the limits that were wished for.
    pub limited: bool,
}

/// The limits of `work`, by whichever hierarchy has the controller.
struct Limits<'a> {
    name: &'a str,
    work: Option<PathBuf>,
    v1: Vec<PathBuf>,
}

impl Limits<'_> {
    /// Sets one; gives the directory it is set in.
    fn set(&mut self, controller: &str, v1_file: &str, v2_file: &str, value: u64) -> Option<PathBuf> {
        if let Some(root) = mounted("cgroup", controller) {
            let at = root.join(self.name);
            fs::create_dir_all(&at).unwrap();
            fs::write(at.join(v1_file), value.to_string()).unwrap();
            self.v1.push(at.clone());
            return Some(at);
        }
        let at = self.work.clone()?;
        fs::write(at.join(v2_file), value.to_string()).ok().map(|_| at)
    }
}

/// Where a hierarchy is mounted: of cgroup2, or of one v1 controller.
fn mounted(kind: &str, controller: &str) -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap();
    text.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut fields = right.split(' ');
        let matches = fields.next() == Some(kind) && (controller.is_empty() || right.split(&[' ', ','][..]).any(|one| one == controller));
        if matches {
            left.split(' ').nth(4).map(PathBuf::from)
        } else {
            None
        }
    })
}

fn cgroup2_root(dir: &Path) -> PathBuf {
    if let Some(found) = mounted("cgroup2", "") {
        return found;
    }
    let at = dir.join("cgroup2");
    fs::create_dir_all(&at).unwrap();
    let path = CString::new(at.to_str().unwrap()).unwrap();
    let kind = CString::new("cgroup2").unwrap();
    let result = unsafe { libc::mount(kind.as_ptr(), path.as_ptr(), kind.as_ptr(), 0, std::ptr::null()) };
    assert_eq!(result, 0, "cgroup2 cannot be mounted: {}", std::io::Error::last_os_error());
    at
}

fn new_name() -> String {
    format!("capsuled-agent-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst))
}

fn mount_disk(at: &Path, bytes: u64) {
    let path = CString::new(at.to_str().unwrap()).unwrap();
    let (kind, options) = (CString::new("tmpfs").unwrap(), CString::new(format!("size={}", bytes)).unwrap());
    let result = unsafe { libc::mount(kind.as_ptr(), path.as_ptr(), kind.as_ptr(), 0, options.as_ptr().cast()) };
    assert_eq!(result, 0, "a tmpfs cannot be mounted: {}", std::io::Error::last_os_error());
}

fn unmount(at: &Path) {
    let path = CString::new(at.to_str().unwrap()).unwrap();
    unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
}

fn open(path: &Path, flags: i32) -> OwnedFd {
    let text = CString::new(path.to_str().unwrap()).unwrap();
    let fd = unsafe { libc::open(text.as_ptr(), flags | libc::O_CLOEXEC) };
    assert!(fd >= 0, "{}: {}", path.display(), std::io::Error::last_os_error());
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn settings(join: usize, wish: &Wish) -> OwnedFd {
    let name = CString::new("settings").unwrap();
    let fd = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
    assert!(fd >= 0);
    let mut file = unsafe { fs::File::from_raw_fd(fd) };
    let journal = wish.journal.map_or(String::new(), |(process, capsule, rate)| {
        format!(r#","journal":{{"process_bytes":{},"capsule_bytes":{},"rate_bytes":{}}}"#, process, capsule, rate)
    });
    let previous = wish.previous.map_or(String::new(), |reason| format!(r#","previous":"{}""#, reason));
    let kept = wish.kept_s.map_or(String::new(), |seconds| format!(r#","kept_s":{}"#, seconds));
    let grace = wish.lost_grace_s.map_or(String::new(), |seconds| format!(r#","lost_grace_s":{}"#, seconds));
    write!(file, r#"{{"capsule":"{}","secret":"{}","join":{}{}{}{}{}}}"#, CAPSULE, SECRET, join, journal, previous, kept, grace).unwrap();
    file.into()
}

pub fn binary() -> PathBuf {
    match option_env!("CARGO_BIN_EXE_capsuled-agent") {
        Some(path) => PathBuf::from(path),
        None => std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("capsuled-agent"),
    }
}

/// Runs in the child: the namespaces, and a second fork that is PID 1 in them.
fn enter(fds: &[RawFd], cgroup: Option<RawFd>) -> std::io::Result<()> {
    let check = |result: i32| if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(result) };
    unsafe {
        let high: Vec<RawFd> = fds.iter().map(|fd| libc::fcntl(*fd, libc::F_DUPFD_CLOEXEC, 100)).collect();
        check(libc::unshare(libc::CLONE_NEWPID | libc::CLONE_NEWNS))?;
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        let pid = check(libc::fork())?;
        if pid > 0 {
            libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0);
            let mut status = 0;
            libc::waitpid(pid, &mut status, 0);
            libc::_exit(if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 99 });
        }
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if let Some(cgroup) = cgroup {
            check(libc::write(cgroup, b"0".as_ptr().cast(), 1) as i32)?;
        }
        let (root, proc_path, proc_kind) = (b"/\0", b"/proc\0", b"proc\0");
        check(libc::mount(std::ptr::null(), root.as_ptr().cast(), std::ptr::null(), libc::MS_REC | libc::MS_PRIVATE, std::ptr::null()))?;
        check(libc::mount(proc_kind.as_ptr().cast(), proc_path.as_ptr().cast(), proc_kind.as_ptr().cast(), 0, std::ptr::null()))?;
        libc::setsid();
        for (index, fd) in high.iter().enumerate() {
            check(libc::dup2(*fd, 3 + index as i32))?;
        }
        Ok(())
    }
}

impl TestAgent {
    pub fn start() -> TestAgent {
        TestAgent::with(Wish::default())
    }

    pub fn with(wish: Wish) -> TestAgent {
        assert_eq!(unsafe { libc::geteuid() }, 0, "these tests make namespaces and cgroups: run them as root");
        let dir = std::env::temp_dir().join(new_name());
        fs::create_dir_all(dir.join("control")).unwrap();
        if let Some(bytes) = wish.disk {
            mount_disk(&dir.join("control"), bytes);
        }
        TestAgent::launch(dir, wish)
    }

    /// Kills the agent, and with it all in its capsule, and starts another one on the same files.
    pub fn restart(mut self, change: impl FnOnce(&mut Wish)) -> TestAgent {
        self.end();
        fs::remove_file(self.socket()).unwrap();
        let mut wish = self.wish;
        change(&mut wish);
        let agent = TestAgent::launch(self.dir.clone(), wish);
        // What the files are in belongs to the new one.
        self.dir = PathBuf::new();
        agent
    }

    fn launch(dir: PathBuf, wish: Wish) -> TestAgent {
        let name = new_name();
        let listener = UnixListener::bind(dir.join("a.sock")).unwrap();
        let cgroup = if wish.without_slots { None } else { Some(cgroup2_root(&dir).join(&name)) };
        let mut limits = Limits { name: &name, work: cgroup.as_ref().map(|path| path.join("work")), v1: Vec::new() };
        let mut procs = None;
        let mut work = open(Path::new("/dev/null"), libc::O_RDONLY);
        if let (Some(cgroup), Some(at)) = (&cgroup, &limits.work) {
            fs::create_dir_all(cgroup.join("agent")).unwrap();
            fs::create_dir_all(at).unwrap();
            for parent in [cgroup.parent().unwrap(), cgroup] {
                let _ = fs::write(parent.join("cgroup.subtree_control"), "+pids +memory");
            }
            procs = Some(open(&cgroup.join("agent/cgroup.procs"), libc::O_WRONLY));
            work = open(at, libc::O_RDONLY | libc::O_DIRECTORY);
        }
        let mut limited = true;
        if let Some(most) = wish.pids {
            limited &= limits.set("pids", "pids.max", "pids.max", most.into()).is_some();
        }
        let mut oom = open(Path::new("/dev/null"), libc::O_RDONLY);
        if let Some(most) = wish.memory {
            match limits.set("memory", "memory.limit_in_bytes", "memory.max", most) {
                Some(at) if at.join("memory.oom_control").exists() => oom = open(&at.join("memory.oom_control"), libc::O_RDONLY),
                Some(at) => oom = open(&at.join("memory.events"), libc::O_RDONLY),
                None => limited = false,
            }
        }
        if let Some(events) = wish.events {
            fs::write(dir.join("memory.events"), events).unwrap();
            oom = open(&dir.join("memory.events"), libc::O_RDONLY);
        }
        let controllers = limits.v1;
        let tasks: Vec<OwnedFd> = controllers.iter().map(|at| open(&at.join("tasks"), libc::O_WRONLY)).collect();
        let control = match wish.without_control {
            false => open(&dir.join("control"), libc::O_PATH | libc::O_DIRECTORY),
            true => open(Path::new("/dev/null"), libc::O_RDONLY),
        };
        let mut fds = vec![
            listener.into_raw_fd(),
            control.into_raw_fd(),
            open(&binary(), libc::O_RDONLY).into_raw_fd(),
            work.into_raw_fd(),
            oom.into_raw_fd(),
            settings(tasks.len(), &wish).into_raw_fd(),
        ];
        fds.extend(tasks.into_iter().map(|fd| fd.into_raw_fd()));
        let passed = fds.clone();
        let procs_fd = procs.as_ref().map(|fd| fd.as_raw_fd());
        let mut command = Command::new("/proc/self/fd/5");
        command.stdin(Stdio::null()).stdout(Stdio::null()).env_clear();
        unsafe { command.pre_exec(move || enter(&passed, procs_fd)) };
        let middle = command.spawn().expect("the agent cannot be started");
        fds.into_iter().for_each(|fd| drop(unsafe { OwnedFd::from_raw_fd(fd) }));
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", middle.id())).unwrap();
        let pid = children.trim().parse().expect("the agent has died at once");
        TestAgent { dir, wish, cgroup, controllers, middle, pid, limited }
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.join("a.sock")
    }

    /// The segments of journals, and their bytes.
    pub fn segments(&self) -> Vec<(String, u64)> {
        let entries = fs::read_dir(self.dir.join("control/j")).unwrap().flatten();
        let mut all: Vec<(String, u64)> = entries
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.metadata().map_or(0, |about| about.len())))
            .collect();
        all.sort();
        all
    }

    /// Kills the agent and takes its cgroups away.
    fn end(&mut self) {
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        let _ = self.middle.wait();
        self.cgroup.iter().chain(&self.controllers).for_each(|path| remove_cgroup(path));
        if self.dir.join("cgroup2").exists() {
            unmount(&self.dir.join("cgroup2"));
        }
    }

    /// A number from the agent's own /proc/…/status, such as `VmRSS` in KiB.
    pub fn status(&self, field: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = text.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).unwrap().count()
    }

    /// Whether the agent is there.
    pub fn lives(&self) -> bool {
        unsafe { libc::kill(self.pid, 0) == 0 }
    }

    /// Sends a signal from outside to all of the capsule, the agent included, as a host's manager does that goes down: by a user whose
    /// number is not 0, as the host's root has none in a capsule.
    pub fn signal_all(&self, signal: i32) {
        let own = fs::read_link(format!("/proc/{}/ns/pid", self.pid)).unwrap();
        let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let inside = pids.filter(|pid| fs::read_link(format!("/proc/{}/ns/pid", pid)).map_or(false, |one| one == own));
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--clear-groups", "--inh-caps", "+kill", "--ambient-caps", "+kill", "--"]);
        // One that has ended meanwhile keeps none of the others from being told.
        command.args(["sh", "-c", "kill -s \"$@\"; true", "sh", &signal.to_string()]).args(inside);
        assert!(command.status().unwrap().success());
    }

    /// The states of all processes of the namespace but the agent's.
    pub fn states(&self) -> Vec<String> {
        let mut all = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let path = entry.path();
            let same = |kind: &str| {
                let of = |pid: &Path| fs::read_link(pid.join("ns").join(kind)).ok();
                of(&path).is_some() && of(&path) == of(Path::new(&format!("/proc/{}", self.pid)))
            };
            if entry.file_name().to_string_lossy().parse::<i32>().map_or(false, |pid| pid != self.pid) && same("pid") {
                all.push(fs::read_to_string(path.join("status")).unwrap_or_default());
            }
        }
        all
    }

    pub fn slots(&self) -> usize {
        let work = self.cgroup.as_ref().unwrap().join("work");
        fs::read_dir(work).unwrap().flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("slot-")).count()
    }
}

/// Waits until it holds; panics with `what` when it does not within a minute, which is no measure of speed.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "not within a minute: {}", what);
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn remove_cgroup(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_cgroup(&entry.path());
        }
    }
    let end = Instant::now() + Duration::from_secs(5);
    while fs::remove_dir(path).is_err() && path.exists() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Drop for TestAgent {
    fn drop(&mut self) {
        if self.dir.as_os_str().is_empty() {
            return;
        }
        self.end();
        if self.wish.disk.is_some() {
            unmount(&self.dir.join("control"));
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}
