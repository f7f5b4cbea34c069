"""Types into a terminal as if at its keyboard, with and without bits that the kernel ignores. Prints JSON: name -> outcome.

An outcome is "ok" or an errno's name; `typed` is how many characters have arrived. Runs inside, and outside as the control.
"""
import ctypes
import errno
import json
import os
import platform
import pty
import struct
import tty

libc = ctypes.CDLL(None, use_errno=True)
IOCTL = 29 if platform.machine() == "aarch64" else 16
TCGETS, FIONREAD, TIOCSTI, TIOCLINUX = 0x5401, 0x541B, 0x5412, 0x541C
HIGH = {"": 0, "_bit_32": 1 << 32, "_bit_63": 1 << 63, "_all_high_bits": 0xFFFFFFFF << 32}

_, terminal = pty.openpty()
tty.setraw(terminal)


def outcome(command, argument):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(IOCTL), ctypes.c_long(terminal), ctypes.c_ulong(command), argument)
    return "ok" if result >= 0 else errno.errorcode.get(ctypes.get_errno(), "failed")


found = {}
for name, bits in HIGH.items():
    # What the kernel does with the high bits: nothing, so the same call is still the same call.
    found[f"control{name}"] = outcome(TCGETS | bits, ctypes.create_string_buffer(128))
    found[f"tiocsti{name}"] = outcome(TIOCSTI | bits, ctypes.c_char_p(b"x"))
    # Its first byte says what it does: 2 asks for a selection, which exists on a console only.
    found[f"tioclinux{name}"] = outcome(TIOCLINUX | bits, ctypes.create_string_buffer(b"\xff"))
waiting = ctypes.create_string_buffer(8)
libc.syscall(ctypes.c_long(IOCTL), ctypes.c_long(terminal), ctypes.c_ulong(FIONREAD), waiting)
found["typed"] = str(struct.unpack("i", waiting.raw[:4])[0])
print(json.dumps(found))
os.close(terminal)
