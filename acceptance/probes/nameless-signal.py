"""Fills this user's queue of pending signals, then asks PID 1 to end: the kernel has no room left to say who did. Prints JSON."""
import ctypes
import json
import os
import platform
import resource
import signal

libc = ctypes.CDLL(None, use_errno=True)
TGKILL = {"x86_64": 234, "aarch64": 131}[platform.machine()]
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
most = resource.getrlimit(resource.RLIMIT_SIGPENDING)[1]
queued = 0
while queued <= most and libc.sigqueue(os.getpid(), signal.SIGRTMIN, ctypes.c_void_p(0)) == 0:
    queued += 1
if ctypes.get_errno() != 11:  # EAGAIN
    queued = 0
# kill(2) is given room even so; these are not.
sent = [libc.sigqueue(1, signal.SIGTERM, ctypes.c_void_p(0)), libc.syscall(TGKILL, 1, 1, signal.SIGTERM)]
print(json.dumps({"queued": queued, "sent": sent.count(0)}))
