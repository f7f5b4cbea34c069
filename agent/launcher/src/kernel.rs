//! System calls that the standard library lacks, each as one safe function.

use crate::failure::{During, Failure, Result};
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::io::{AsRawFd, FromRawFd, IntoRawFd, RawFd};
use std::path::Path;

const OPEN_TREE_CLONE: libc::c_uint = 1;
const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 4;
const MFD_EXEC: libc::c_uint = 0x10;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
pub const MOUNT_ATTR_NOSUID: u64 = 2;
pub const MOUNT_ATTR_NODEV: u64 = 4;
pub const MOUNT_ATTR_NOEXEC: u64 = 8;
pub const MOUNT_ATTR_IDMAP: u64 = 0x0010_0000;

#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns: u64,
}

#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapSet {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

pub fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Failure::new("make a C string", "it holds a NUL byte"))
}

/// Turns a descriptor that the kernel has just given into an owner of it.
pub fn owned(fd: libc::c_long, step: impl FnOnce() -> String) -> Result<File> {
    if fd < 0 {
        return Err(Failure::last(step()));
    }
    // SAFETY: the descriptor is new and nobody else owns it.
    Ok(unsafe { File::from_raw_fd(fd as RawFd) })
}

/// Opens with O_PATH: a reference that can be executed or walked from, but not read.
pub fn open_path(path: &str) -> Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).open(path).during(|| format!("open {}", path))
}

/// A detached copy of the mount at `path`, whose root is `path`: `..` does not leave it.
pub fn clone_tree(path: &str) -> Result<File> {
    let name = c_string(path)?;
    let flags = OPEN_TREE_CLONE | libc::O_CLOEXEC as libc::c_uint;
    // SAFETY: the name outlives the call.
    let fd = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, name.as_ptr(), flags) };
    owned(fd, || format!("clone the mount at {}", path))
}

/// Sets attributes (and, with MOUNT_ATTR_IDMAP, the user namespace that maps owners) of a detached mount.
pub fn set_attributes(tree: &File, set: u64, userns: Option<&File>) -> Result<()> {
    let attr = MountAttr { set, clear: 0, propagation: 0, userns: userns.map_or(0, |fd| fd.as_raw_fd() as u64) };
    let empty = c_string("")?;
    // SAFETY: both pointers outlive the call and the size is the structure's.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            empty.as_ptr(),
            libc::AT_EMPTY_PATH,
            &attr as *const MountAttr,
            std::mem::size_of::<MountAttr>(),
        )
    };
    if done < 0 {
        return Err(Failure::last("set attributes of a mount"));
    }
    Ok(())
}

/// Attaches a detached mount at `path`.
pub fn attach(tree: &File, path: &str) -> Result<()> {
    let (empty, to) = (c_string("")?, c_string(path)?);
    // SAFETY: the names outlive the call.
    let done = unsafe {
        libc::syscall(libc::SYS_move_mount, tree.as_raw_fd(), empty.as_ptr(), libc::AT_FDCWD, to.as_ptr(), MOVE_MOUNT_F_EMPTY_PATH)
    };
    if done < 0 {
        return Err(Failure::last(format!("attach a mount at {}", path)));
    }
    Ok(())
}

pub fn mount(source: &str, target: &str, kind: &str, flags: libc::c_ulong, data: &str) -> Result<()> {
    let (source, to, kind, data) = (c_string(source)?, c_string(target)?, c_string(kind)?, c_string(data)?);
    // SAFETY: the strings outlive the call.
    if unsafe { libc::mount(source.as_ptr(), to.as_ptr(), kind.as_ptr(), flags, data.as_ptr().cast()) } < 0 {
        return Err(Failure::last(format!("mount {}", target)));
    }
    Ok(())
}

/// A file in memory that no other process has.
pub fn memory_file(name: &str) -> io::Result<File> {
    let name = CString::new(name)?;
    // SAFETY: the name outlives the call, and the descriptor is new.
    unsafe {
        match libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) {
            fd if fd < 0 => Err(io::Error::last_os_error()),
            fd => Ok(File::from_raw_fd(fd)),
        }
    }
}

/// Takes a mount out of this mount namespace; what is open on it goes on.
pub fn unmount(path: &str) -> io::Result<()> {
    let name = CString::new(path)?;
    // SAFETY: the name outlives the call.
    if unsafe { libc::umount2(name.as_ptr(), libc::MNT_DETACH) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Removes an empty directory, if it can be removed.
pub fn remove_directory(parent: &File, name: &str) {
    if let Ok(name) = CString::new(name) {
        // SAFETY: the name outlives the call.
        unsafe { libc::unlinkat(parent.as_raw_fd(), name.as_ptr(), libc::AT_REMOVEDIR) };
    }
}

pub fn unshare(flags: libc::c_int, step: &str) -> Result<()> {
    // SAFETY: no pointers.
    if unsafe { libc::unshare(flags) } < 0 {
        return Err(Failure::last(step));
    }
    Ok(())
}

/// Takes over a uid and gid of the host but keeps the capabilities: what is made from here on is that user's.
pub fn become_user(id: u32) -> Result<()> {
    let step = "take over the capsule's uid";
    // SAFETY: only this process's credentials change; the arrays outlive the calls.
    unsafe {
        let mut header = CapHeader { version: 0x2008_0522, pid: 0 };
        let mut sets = [CapSet::default(); 2];
        let done = libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0
            && libc::setresgid(id, id, id) == 0
            && libc::setresuid(id, id, id) == 0
            && libc::syscall(libc::SYS_capget, &mut header, sets.as_mut_ptr()) == 0;
        for set in sets.iter_mut() {
            set.effective = set.permitted;
        }
        if !done || libc::syscall(libc::SYS_capset, &header, sets.as_ptr()) != 0 {
            return Err(Failure::last(step));
        }
    }
    Ok(())
}

/// A forked child. The launcher has one thread, so the child may run ordinary code.
pub enum Forked {
    Parent(libc::pid_t),
    Child,
}

/// `fork`, with the child born in the cgroup2 directory, if one is given.
pub fn fork(cgroup: Option<&File>) -> Result<Forked> {
    let mut args = CloneArgs { exit_signal: libc::SIGCHLD as u64, ..CloneArgs::default() };
    if let Some(directory) = cgroup {
        args.flags = CLONE_INTO_CGROUP;
        args.cgroup = directory.as_raw_fd() as u64;
    }
    // SAFETY: without a stack the call behaves as fork; the process has one thread.
    match unsafe { libc::syscall(libc::SYS_clone3, &mut args as *mut CloneArgs, std::mem::size_of::<CloneArgs>()) } {
        0 => Ok(Forked::Child),
        pid if pid > 0 => Ok(Forked::Parent(pid as libc::pid_t)),
        _ => Err(Failure::last("fork")),
    }
}

/// In a child: ends it by SIGKILL when its parent ends, and at once when the parent has ended already.
pub fn die_with(parent: libc::pid_t) {
    // SAFETY: no pointers. Asked for first, then looked: a parent that ends in between is noticed by the one or the other.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != parent {
            libc::_exit(1);
        }
    }
}

/// The calling process, as its children see it.
pub fn own_pid() -> libc::pid_t {
    // SAFETY: no pointers.
    unsafe { libc::getpid() }
}

pub fn parent_pid() -> libc::pid_t {
    // SAFETY: no pointers.
    unsafe { libc::getppid() }
}

/// Waits for a child and gives its wait status.
pub fn wait(pid: libc::pid_t) -> Result<libc::c_int> {
    let mut status = 0;
    loop {
        // SAFETY: `status` outlives the call.
        if unsafe { libc::waitpid(pid, &mut status, 0) } == pid {
            return Ok(status);
        }
        if io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            return Err(Failure::last("wait for a child"));
        }
    }
}

/// The end to read from and the end to write to, both closed on exec.
pub fn pipe() -> Result<(File, File)> {
    let mut ends = [0; 2];
    // SAFETY: the array outlives the call, and both descriptors are new.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) < 0 {
            return Err(Failure::last("make a pipe"));
        }
        Ok((File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1])))
    }
}

/// A socket to a part of the kernel, by its number; each message is one write, each answer one read.
pub fn netlink(part: libc::c_int) -> Result<File> {
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, part) };
    owned(fd.into(), || "open a socket to the kernel".to_string())
}

pub fn enter_network(namespace: RawFd) -> io::Result<()> {
    // SAFETY: no pointers.
    if unsafe { libc::setns(namespace, libc::CLONE_NEWNET) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Leaves the processor to others, this process and what it starts.
pub fn be_nice(by: libc::c_int) {
    // SAFETY: no pointers.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, by) };
}

/// Until this process is killed.
pub fn wait_for_ever() -> ! {
    loop {
        // SAFETY: no pointers.
        unsafe { libc::pause() };
    }
}

/// Sets what this process does on a signal.
pub fn handle(signal: libc::c_int, how: libc::sighandler_t) {
    // SAFETY: only the two standard ways are given, no function of ours.
    unsafe { libc::signal(signal, how) };
}

/// A descriptor of its own for the standard output, without the buffer of the standard library's.
pub fn standard_output() -> Result<File> {
    // SAFETY: no pointers.
    let fd = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_DUPFD_CLOEXEC, 3) };
    owned(fd.into(), || "open the standard output".to_string())
}

/// Ends a child without running destructors or flushing what the parent has buffered.
pub fn exit_child(code: libc::c_int) -> ! {
    // SAFETY: never returns.
    unsafe { libc::_exit(code) }
}

/// Holds `content` in memory, sealed against every change, readable from its start.
pub fn sealed_memory(name: &str, content: &[u8]) -> Result<File> {
    sealed(name, content, 0)
}

/// The same of a program that is to be executed, also where the host makes no memory executable that does not ask for it.
pub fn sealed_program(name: &str, content: &[u8]) -> Result<File> {
    // Kernels before 6.3 do not know the question.
    sealed(name, content, MFD_EXEC).or_else(|_| sealed(name, content, 0))
}

/// Executes an open program; returns only when that fails. Both arrays end with a null pointer.
pub fn execute(program: &File, arguments: &[*const libc::c_char], environment: &[*const libc::c_char]) {
    let empty = [0 as libc::c_char];
    // SAFETY: everything pointed at outlives the call.
    unsafe {
        let (fd, flags) = (program.as_raw_fd(), libc::AT_EMPTY_PATH);
        libc::syscall(libc::SYS_execveat, fd, empty.as_ptr(), arguments.as_ptr(), environment.as_ptr(), flags)
    };
}

fn sealed(name: &str, content: &[u8], how: libc::c_uint) -> Result<File> {
    let name = c_string(name)?;
    // SAFETY: the name outlives the call.
    let fd = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING | how) };
    let mut file = owned(fd.into(), || "make a memory file".to_string())?;
    file.write_all(content).during(|| "fill a memory file".to_string())?;
    let seals = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;
    // SAFETY: no pointers.
    let done = unsafe {
        libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) | libc::lseek(file.as_raw_fd(), 0, libc::SEEK_SET) as libc::c_int
    };
    if done < 0 {
        return Err(Failure::last("seal a memory file"));
    }
    Ok(file)
}

/// The same open file under a number of at least `least`, closed on exec.
pub fn raise(file: File, least: RawFd) -> Result<File> {
    // SAFETY: no pointers.
    let fd = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, least) };
    owned(fd.into(), || "move a descriptor".to_string())
}

/// Puts the open file at the number `to`, kept over exec.
pub fn place(file: File, to: RawFd) -> Result<()> {
    let from = file.into_raw_fd();
    // SAFETY: no pointers; `to` differs from `from` because raised descriptors lie above every place.
    if unsafe { libc::dup2(from, to) } < 0 {
        return Err(Failure::last("place a descriptor"));
    }
    Ok(())
}

/// Makes `owner` the owner and group of what is at `path`, without following a link there.
pub fn give(path: &Path, owner: u32) -> Result<()> {
    let step = || format!("give away {}", path.display());
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|error| Failure::new(step(), error))?;
    // SAFETY: the name outlives the call.
    if unsafe { libc::lchown(name.as_ptr(), owner, owner) } < 0 {
        return Err(Failure::last(step()));
    }
    Ok(())
}
