"""Attacks a process that must be out of reach, and a child of its own as the control. Prints JSON: name -> outcome.

argv: the pid. An outcome is "ok" or an errno's name. What it opens it closes, what it attaches to it leaves.
"""
import ctypes
import errno
import json
import os
import platform
import signal
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"
PROCESS_VM_READV, PIDFD_OPEN, PIDFD_GETFD, SETNS = (270, 434, 438, 268) if ARM else (310, 434, 438, 308)
PTRACE_PEEKDATA, PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SEIZE = 2, 16, 17, 0x4206


class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


def outcome(call):
    ctypes.set_errno(0)
    try:
        result = call()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
    if isinstance(result, int) and result < 0:
        return errno.errorcode.get(ctypes.get_errno(), "failed")
    return "ok"


def trace(request, pid):
    result = libc.ptrace(ctypes.c_long(request), ctypes.c_long(pid), None, None)
    if result == 0:
        if request == PTRACE_ATTACH:
            os.waitpid(pid, 0x40000000)
            libc.ptrace(ctypes.c_long(PTRACE_DETACH), ctypes.c_long(pid), None, None)
        else:
            os.kill(pid, signal.SIGSTOP)
    return result


def read_memory(pid, address):
    buffer = ctypes.create_string_buffer(8)
    local, remote = IoVec(ctypes.addressof(buffer), 8), IoVec(address, 8)
    one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
    return libc.syscall(PROCESS_VM_READV, pid, ctypes.byref(local), one, ctypes.byref(remote), one, none)


def steal_descriptor(pid):
    pidfd = libc.syscall(PIDFD_OPEN, pid, 0)
    if pidfd < 0:
        return pidfd
    result = libc.syscall(PIDFD_GETFD, pidfd, 0, 0)
    number = ctypes.get_errno()
    os.close(pidfd)
    if result >= 0:
        os.close(result)
    ctypes.set_errno(number)
    return result


# Some files are open to everyone and refuse at the write; what is written does the control no harm.
WRITES = {"oom_score_adj": b"600", "clear_refs": b"1", "coredump_filter": b"0x33", "timerslack_ns": b"60000"}


def write_memory(pid, address):
    file = os.open(f"/proc/{pid}/mem", os.O_WRONLY)
    try:
        return os.pwrite(file, b"control.", address)
    finally:
        os.close(file)


def write_file(path, value):
    file = os.open(path, os.O_WRONLY)
    try:
        return os.write(file, value)
    finally:
        os.close(file)


def attack(pid, address):
    base = f"/proc/{pid}"
    found = {
        "ptrace_attach": outcome(lambda: trace(PTRACE_ATTACH, pid)),
        "process_vm_readv": outcome(lambda: read_memory(pid, address)),
        "pidfd_getfd": outcome(lambda: steal_descriptor(pid)),
        "list_fd": outcome(lambda: len(os.listdir(f"{base}/fd"))),
        "readlink_exe": outcome(lambda: len(os.readlink(f"{base}/exe"))),
        "readlink_root": outcome(lambda: len(os.readlink(f"{base}/root"))),
        "readlink_cwd": outcome(lambda: len(os.readlink(f"{base}/cwd"))),
        "readlink_ns": outcome(lambda: len(os.readlink(f"{base}/ns/mnt"))),
        "enter_root": outcome(lambda: len(os.listdir(f"{base}/root/"))),
        "enter_cwd": outcome(lambda: len(os.listdir(f"{base}/cwd/"))),
    }
    for name in ["mem", "environ", "maps", "auxv", "io", "syscall", "stack", "pagemap", "smaps"]:
        found[f"read_{name}"] = outcome(lambda: open_and_read(f"{base}/{name}"))
    found["write_mem"] = outcome(lambda: write_memory(pid, address))
    for name, value in WRITES.items():
        found[f"write_{name}"] = outcome(lambda: write_file(f"{base}/{name}", value))
    return found


def open_and_read(path):
    with open(path, "rb") as file:
        if not path.endswith(("/mem", "/pagemap")):
            file.read(64)
    return 0


target = int(sys.argv[1])
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
marker = ctypes.create_string_buffer(b"control.")
time.sleep(0.05)
control = attack(child, ctypes.addressof(marker))
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
print(json.dumps({"own": os.getpid() == target, "control": control, "target": attack(target, ctypes.addressof(marker))}))
