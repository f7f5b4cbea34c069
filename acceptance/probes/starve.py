"""Tries to starve PID 1 by every way that changes another process's limits or priority. Prints JSON: name -> outcome."""
import ctypes
import errno
import json
import os
import platform
import resource

libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"
N = {"sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274), "ioprio_set": (251, 30), "prlimit64": (302, 261), "setpriority": (141, 140), "migrate_pages": (256, 238), "process_madvise": (440, 440)}


def call(name, *args):
    ctypes.set_errno(0)
    result = libc.syscall(N[name][1 if ARM else 0], *args)
    return "ok" if result >= 0 else errno.errorcode.get(ctypes.get_errno(), "failed")


class Limit(ctypes.Structure):
    _fields_ = [("soft", ctypes.c_ulong), ("hard", ctypes.c_ulong)]


one_core = ctypes.c_ulong(1)
param = ctypes.c_int(0)
tiny = Limit(3, 3)
attr = (ctypes.c_uint8 * 48)()
ctypes.memmove(attr, bytes([48, 0, 0, 0, 5, 0, 0, 0]), 8)
IDLE_IO = 3 << 13


def in_child(attempt):
    """What starves the attacker too happens in a child."""
    pid = os.fork()
    if pid == 0:
        reader = attempt()
        os.write(writer_fd, json.dumps(reader).encode())
        os._exit(0)
    os.waitpid(pid, 0)


reader_fd, writer_fd = os.pipe()


def answer(attempt):
    in_child(attempt)
    return json.loads(os.read(reader_fd, 4096))


found = {
    "control_prlimit_own": answer(lambda: call("prlimit64", 0, resource.RLIMIT_NOFILE, ctypes.byref(Limit(64, 64)), None)),
    "control_affinity_own": answer(lambda: call("sched_setaffinity", 0, 8, ctypes.byref(one_core))),
    "control_nice_own": answer(lambda: call("setpriority", 0, 0, 19)),
    "prlimit_nofile": answer(lambda: call("prlimit64", 1, resource.RLIMIT_NOFILE, ctypes.byref(tiny), None)),
    "prlimit_as": answer(lambda: call("prlimit64", 1, resource.RLIMIT_AS, ctypes.byref(tiny), None)),
    "prlimit_cpu": answer(lambda: call("prlimit64", 1, resource.RLIMIT_CPU, ctypes.byref(tiny), None)),
    "prlimit_nproc": answer(lambda: call("prlimit64", 1, resource.RLIMIT_NPROC, ctypes.byref(tiny), None)),
    "prlimit_fsize": answer(lambda: call("prlimit64", 1, resource.RLIMIT_FSIZE, ctypes.byref(tiny), None)),
    "affinity": answer(lambda: call("sched_setaffinity", 1, 8, ctypes.byref(one_core))),
    "scheduler_idle": answer(lambda: call("sched_setscheduler", 1, 5, ctypes.byref(param))),
    "scheduler_param": answer(lambda: call("sched_setparam", 1, ctypes.byref(param))),
    "scheduler_attr": answer(lambda: call("sched_setattr", 1, attr, 0)),
    "nice_process": answer(lambda: call("setpriority", 0, 1, 19)),
    "nice_group": answer(lambda: call("setpriority", 1, 1, 19)),
    "nice_group_zero": answer(lambda: call("setpriority", 1, 0, 19)),
    "nice_user": answer(lambda: call("setpriority", 2, 0, 19)),
    "ioprio_process": answer(lambda: call("ioprio_set", 1, 1, IDLE_IO)),
    "ioprio_group": answer(lambda: call("ioprio_set", 2, 1, IDLE_IO)),
    "ioprio_user": answer(lambda: call("ioprio_set", 3, 0, IDLE_IO)),
}
print(json.dumps(found))
