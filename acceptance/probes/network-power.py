"""Tries to change the network of its capsule in each way that there is; prints what came of each."""
import socket,struct,ctypes,os
def attempt(name, f):
    try: f(); print(name, "done")
    except OSError as e: print(name, "refused")
def netlink(proto, kind, body):
    s=socket.socket(16,3,proto); s.bind((0,0))
    s.send(struct.pack("IHHII",16+len(body),kind,5,1,0)+body)
    code=struct.unpack("i",s.recv(4096)[16:20])[0]
    if code: raise OSError(-code,"")
attempt("link", lambda: netlink(0,16,struct.pack("BxHiII",0,0,2,0,1)))
attempt("route", lambda: netlink(0,25,struct.pack("BBBBBBBBI",2,0,0,0,254,3,0,1,0)))
attempt("rules", lambda: netlink(12,(10<<8)|2,struct.pack("BBH",1,0,0)))
attempt("raw", lambda: socket.socket(2,3,1))
attempt("packet", lambda: socket.socket(17,3,3))
attempt("mark", lambda: socket.socket().setsockopt(1,36,1))
def unshare():
    if ctypes.CDLL(None,use_errno=True).unshare(0x40000000): raise OSError(ctypes.get_errno(),"")
attempt("namespace", unshare)
attempt("sysctl", lambda: open("/proc/sys/net/ipv4/ip_forward","w").write("1"))
