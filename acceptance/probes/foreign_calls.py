"""Makes system calls by other ways than the machine's own 64-bit one, each in a child. Prints JSON: way -> how the child ended.

x86-64 only. An end is "exit N" or a signal's name. Runs inside, and outside as the control.
"""
import ctypes
import json
import mmap
import os
import signal
import struct
import tempfile

MAP_32BIT = 0x40
GETPPID_64 = b"\xb8\x6e\x00\x00\x00\x0f\x05\xc3"  # mov eax, 110; syscall; ret
GETPPID_INT80 = b"\xb8\x40\x00\x00\x00\xcd\x80\xc3"  # mov eax, 64; int 0x80; ret
GETPPID_X32 = b"\xb8\x6e\x00\x00\x40\x0f\x05\xc3"  # mov eax, 0x4000006e; syscall; ret
EXIT_42 = b"\xb8\x01\x00\x00\x00\xbb\x2a\x00\x00\x00\xcd\x80"  # mov eax, 1; mov ebx, 42; int 0x80


def run(code):
    """Exits 0 when the call told the parent's pid, 7 when it was refused with an error."""
    page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_32BIT, prot=7)
    page.write(code)
    function = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    os._exit(0 if function() == os.getppid() else 7)


def program_32():
    """An ELF of two headers and twelve bytes of code, for i386."""
    base, header = 0x08048000, 84
    elf = b"\x7fELF\x01\x01\x01" + bytes(9)
    elf += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + header, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    size = header + len(EXIT_42)
    elf += struct.pack("<IIIIIIII", 1, 0, base, base, size, size, 5, 0x1000)
    with tempfile.NamedTemporaryFile(dir="/tmp", delete=False) as file:
        file.write(elf + EXIT_42)
    os.chmod(file.name, 0o755)
    return file.name


def end_of(act):
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(99)
    status = os.waitpid(pid, 0)[1]
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"


path = program_32()
ends = {
    "control_64_bit": end_of(lambda: run(GETPPID_64)),
    "int_0x80": end_of(lambda: run(GETPPID_INT80)),
    "x32": end_of(lambda: run(GETPPID_X32)),
    "program_32_bit": end_of(lambda: os.execv(path, [path])),
}
os.unlink(path)
print(json.dumps(ends))
