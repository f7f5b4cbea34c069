"""Looks for a way out of the network. argv: a TCP port of the host's loopback, an abstract socket's name on the host. Prints JSON."""
import errno
import json
import os
import socket
import sys
import threading

port, abstract = int(sys.argv[1]), sys.argv[2]


def outcome(attempt):
    try:
        attempt()
        return "ok"
    except OSError as error:
        return errno.errorcode.get(error.errno, "timeout" if isinstance(error, TimeoutError) else str(error))


def connect(family, kind, address):
    with socket.socket(family, kind) as s:
        s.settimeout(3)
        s.connect(address)
        if kind == socket.SOCK_DGRAM:
            s.send(b"x")


server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen()
own = socket.socket(socket.AF_UNIX)
own.bind("\0capsuled-own")
own.listen()
threading.Thread(target=lambda: (server.accept(), own.accept()), daemon=True).start()

print(json.dumps({
    "interfaces": sorted(os.listdir("/sys/class/net")) if os.path.isdir("/sys/class/net") else sorted(line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]),
    "control_loopback": outcome(lambda: connect(socket.AF_INET, socket.SOCK_STREAM, server.getsockname())),
    "control_abstract": outcome(lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "\0capsuled-own")),
    "host_loopback": outcome(lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port))),
    "host_abstract": outcome(lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract)),
    "outside_tcp": outcome(lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 80))),
    "outside_udp": outcome(lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53))),
    "outside_ipv6": outcome(lambda: connect(socket.AF_INET6, socket.SOCK_STREAM, ("2001:db8::1", 80))),
    "metadata": outcome(lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("169.254.169.254", 80))),
    "raw": outcome(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()),
    "packet": outcome(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3).close()),
    "vsock": outcome(lambda: socket.socket(40, socket.SOCK_STREAM).close()),
    "alg": outcome(lambda: socket.socket(38, socket.SOCK_SEQPACKET).close()),
}))
