//! From the descriptors of the launcher to the loop.

use crate::agent::{Agent, Launch};
use crate::harden;
use crate::settings::Settings;
use crate::sys;
use std::os::unix::io::{FromRawFd, OwnedFd, RawFd};

const LISTENER: RawFd = 3;
const CONTROL: RawFd = 4;
/// The agent's own binary, which has been run by then.
const BINARY: RawFd = 5;
const WORK: RawFd = 6;
const OOM_COUNTER: RawFd = 7;
const SETTINGS: RawFd = 8;
const TASKS: RawFd = 9;

const CGROUP2_MAGIC: i64 = 0x6367_7270;

/// Takes a descriptor of the launcher's.
///
/// # Safety
/// Each may be taken once.
unsafe fn take(fd: RawFd) -> Option<OwnedFd> {
    if libc::fcntl(fd, libc::F_GETFD) < 0 {
        None
    } else {
        Some(OwnedFd::from_raw_fd(fd))
    }
}

fn is_cgroup2(fd: &OwnedFd) -> bool {
    use std::os::unix::io::AsRawFd;
    // SAFETY: the kernel fills the struct.
    unsafe {
        let mut about: libc::statfs = std::mem::zeroed();
        libc::fstatfs(fd.as_raw_fd(), &mut about) == 0 && about.f_type as i64 == CGROUP2_MAGIC
    }
}

fn fail(message: &str) -> ! {
    eprintln!("capsuled-agent: {}", message);
    std::process::exit(1)
}

/// Becomes the agent. What goes wrong is said on stderr, before that is closed.
///
/// # Safety
/// `argv` must be what the kernel gave to `main`, and nothing else may have been done yet.
pub unsafe fn boot(argc: libc::c_int, argv: *mut *mut libc::c_char) -> ! {
    if libc::getpid() != 1 {
        fail("this is PID 1 of a capsule and nothing else");
    }
    harden::close_to_others();
    harden::hide_arguments(argc, argv);
    harden::bound_allocator();
    libc::close(BINARY);
    let settings = match take(SETTINGS).map(|file| Settings::read(&file)) {
        Some(Ok(settings)) => settings,
        Some(Err(message)) => fail(&message),
        None => fail("there is no descriptor 8 with settings"),
    };
    let listener = take(LISTENER).unwrap_or_else(|| fail("there is no descriptor 3 to listen on"));
    if sys::set_nonblocking(&listener).is_err() {
        fail("descriptor 3 cannot be listened on");
    }
    let tasks = (0..settings.join as RawFd).filter_map(|index| take(TASKS + index)).collect();
    let null = match sys::open_at(None, b"/dev/null\0", libc::O_RDWR) {
        Ok(null) => null,
        Err(errno) => fail(&format!("cannot open /dev/null: errno {}", errno)),
    };
    if let Err(errno) = harden::drop_capabilities() {
        fail(&format!("cannot drop capabilities: errno {}", errno));
    }
    let launch = Launch {
        settings,
        listener,
        control: take(CONTROL),
        work: take(WORK).filter(is_cgroup2),
        oom: take(OOM_COUNTER),
        tasks,
        descriptors: harden::raise_descriptor_limit(),
        null,
    };
    let null = sys::duplicate(&launch.null);
    match Agent::new(launch) {
        Ok(mut agent) => {
            agent.recover();
            null.iter().for_each(harden::silence);
            drop(null);
            agent.run()
        }
        Err(errno) => fail(&format!("cannot start: errno {}", errno)),
    }
}
