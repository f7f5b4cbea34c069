"""Opens a socket of every address family. Prints JSON: family's name or number -> "ok" or an errno's name. Runs inside, and outside as the control."""
import errno
import json
import socket

NAMES = {1: "unix", 2: "inet", 10: "inet6", 16: "netlink", 17: "packet", 38: "alg", 40: "vsock"}
KINDS = {17: socket.SOCK_RAW, 16: socket.SOCK_RAW, 38: socket.SOCK_SEQPACKET}


def attempt(family):
    try:
        socket.socket(family, KINDS.get(family, socket.SOCK_STREAM), 0).close()
        return "ok"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))


print(json.dumps({NAMES.get(family, str(family)): attempt(family) for family in range(64)}))
