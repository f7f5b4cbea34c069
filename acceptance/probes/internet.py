"""argv: the address that answers datagrams.

An internet of the tests' own: answers HTTP on port 80 and 8080 of every address that its network namespace has. Says `ready`.

`/` tells the address that it was asked at and the asker's; `/drip` sends a line again and again until the connection ends.
"""
import socket
import sys
import threading
import time


def answer(conn, here, peer):
    try:
        request = conn.recv(4096)
        if b" /drip" in request:
            conn.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
            while True:
                conn.sendall(b"drop\n")
                time.sleep(0.02)
        conn.sendall(b"HTTP/1.0 200 OK\r\n\r\n%s from %s\n" % (here.encode(), peer.encode()))
    except OSError:
        pass
    finally:
        conn.close()


def serve(family, any_address, port):
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind((any_address, port))
    listener.listen(64)
    while True:
        conn, peer = listener.accept()
        threading.Thread(target=answer, args=(conn, conn.getsockname()[0], peer[0]), daemon=True).start()


def datagrams(address):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 9000))
    while True:
        data, peer = sock.recvfrom(2048)
        sock.sendto(data, peer)


for one in ((socket.AF_INET, "0.0.0.0", 80), (socket.AF_INET, "0.0.0.0", 8080), (socket.AF_INET6, "::", 80)):
    threading.Thread(target=serve, args=one, daemon=True).start()
threading.Thread(target=datagrams, args=(sys.argv[1],), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
