"""Makes raw system calls, each in a child of its own, and prints one JSON object: name -> [result, errno name].

Runs inside a capsule, and outside as the control: there the same calls succeed or fail for another reason
than a refusal, which shows that the arguments are right and that it is the capsule that refuses.
Every argument is chosen so that a call that is let through does no harm.
"""
import ctypes
import errno
import json
import os
import platform

libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"

# name: (number on x86_64, number on aarch64, arguments)
NEWNS, NEWUSER, NEWNET, NEWPID, NEWCGROUP = 0x20000, 0x10000000, 0x40000000, 0x20000000, 0x2000000
CALLS = {
    "getppid": (110, 173, ()),
    "mount": (165, 40, (b"none", b"/no-such-dir", b"tmpfs", 0, None)),
    "umount2": (166, 39, (b"/no-such-dir", 2)),
    "pivot_root": (155, 41, (b"/no-such-dir", b"/no-such-dir")),
    "fsopen": (430, 430, (b"tmpfs", 0)),
    "fspick": (433, 433, (-100, b"/no-such-dir", 0)),
    "fsmount": (432, 432, (-1, 0, 0)),
    "open_tree_clone": (428, 428, (-100, b"/", 1)),
    "move_mount": (429, 429, (-1, b"", -1, b"", 0)),
    "mount_setattr": (442, 442, (-1, b"", 0, None, 0)),
    "unshare_user": (272, 97, (NEWUSER,)),
    "unshare_mount": (272, 97, (NEWNS,)),
    "unshare_net": (272, 97, (NEWNET,)),
    "unshare_pid": (272, 97, (NEWPID,)),
    "unshare_cgroup": (272, 97, (NEWCGROUP,)),
    "clone_user": (56, 220, (NEWUSER | 17, 0, 0, 0, 0)),
    "clone_mount": (56, 220, (NEWNS | 17, 0, 0, 0, 0)),
    "setns": (308, 268, (-1, 0)),
    "keyctl_session": (250, 219, (0, -3, 0)),
    "add_key": (248, 217, (b"user", b"capsuled-probe", b"x", 1, -2)),
    "request_key": (249, 218, (b"user", b"capsuled-no-such-key", None, 0)),
    "bpf": (321, 280, (0, None, 0)),
    "perf_event_open": (298, 241, (None, 0, -1, -1, 0)),
    "userfaultfd": (323, 282, (0,)),
    "io_uring_setup": (425, 425, (1, None)),
    "io_uring_enter": (426, 426, (-1, 0, 0, 0, None, 0)),
    "io_uring_register": (427, 427, (-1, 0, None, 0)),
    "kexec_load": (246, 104, (0, 100, None, 0)),
    "init_module": (175, 105, (None, 0, b"")),
    "finit_module": (313, 273, (-1, b"", 0)),
    "delete_module": (176, 106, (b"capsuled_no_such_module", 2048)),
    "reboot": (169, 142, (0, 0, 0, None)),
    "swapon": (167, 224, (b"/no-such-file", 0)),
    "swapoff": (168, 225, (b"/no-such-file",)),
    "acct": (163, 89, (b"/no-such-file",)),
    "quotactl": (179, 60, (0x800002 << 8, None, 0, None)),
    "open_by_handle_at": (304, 265, (-1, None, 0)),
    "name_to_handle_at": (303, 264, (-100, b"/no-such-file", None, None, 0)),
    "syslog_read_all": (103, 116, (3, None, 0)),
    "settimeofday": (164, 170, (None, 1)),
    "clock_settime": (227, 112, (0, None)),
    "clock_adjtime": (305, 266, (0, None)),
    "sethostname": (170, 161, (b"x", -1)),
    "setdomainname": (171, 162, (b"x", -1)),
    "lookup_dcookie": (212, 18, (0, None, 0)),
    "vhangup_probe": (153, 58, ()),
    "fanotify_init": (300, 262, (0, 0)),
    "clone3": (435, 435, (None, 0)),
}
# What would do harm where it is let through is not tried as the control.
UNSAFE_OUTSIDE = {"vhangup_probe"}


def raw(number, args):
    converted = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) if isinstance(a, int) else None for a in args]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *converted)
    return result, ctypes.get_errno()


def in_child(call):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        before = os.getpid()
        result, number = call()
        if os.getpid() != before and result == 0:
            os._exit(0)  # the child that a clone made
        os.write(writer, json.dumps([result, errno.errorcode.get(number, str(number)) if result < 0 else ""]).encode())
        os._exit(0)
    os.close(writer)
    data = b""
    while chunk := os.read(reader, 4096):
        data += chunk
    os.close(reader)
    os.waitpid(pid, 0)
    return json.loads(data) if data else [-1, "DIED"]


outside = os.environ.get("PROBE_OUTSIDE") == "1"
answers = {}
for name, (x86, arm, args) in CALLS.items():
    if not (outside and name in UNSAFE_OUTSIDE):
        answers[name] = in_child(lambda: raw(arm if ARM else x86, args))
print(json.dumps(answers))
