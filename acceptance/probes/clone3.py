"""Calls clone3 with every kind of word in the registers that the call does not read. Prints JSON: word -> "ok" or an errno's name."""
import ctypes
import errno
import json
import os
import random

libc = ctypes.CDLL(None, use_errno=True)
CLONE3, SIGCHLD = 435, 17
arguments = (ctypes.c_uint64 * 11)(0, 0, 0, 0, SIGCHLD, 0, 0, 0, 0, 0, 0)


def fork(words):
    ctypes.set_errno(0)
    registers = [ctypes.c_ulong(word) for word in words]
    pid = libc.syscall(ctypes.c_long(CLONE3), arguments, ctypes.c_long(ctypes.sizeof(arguments)), *registers)
    if pid == 0:
        os._exit(0)
    if pid > 0:
        os.waitpid(pid, 0)
        return "ok"
    return errno.errorcode.get(ctypes.get_errno(), "failed")


ONES = (1 << 64) - 1
found = {"none": fork([]), "zeros": fork([0] * 4), "ones": fork([ONES] * 4), "half": fork([ONES, 0, 0, 0])}
for attempt in range(200):
    found[f"random_{attempt}"] = fork([random.getrandbits(64) for _ in range(4)])
print(json.dumps(found))
