"""Unpacks one layer of an image, an uncompressed tar stream on stdin, into the directory that it is given.

Runs inside a capsule that is thrown away afterwards, with that directory as its root: whatever names and links a layer has, they lead
nowhere but into the image. Says what it did as one JSON object on stdout; what it refuses, as one line on stderr, with exit code 3.
"""

import json
import os
import stat
import sys
import tarfile

# Ids above this have no place in a capsule.
ID_MAX = 65535
NOBODY = 65534
ENTRIES_MAX = 1_000_000
NAME_BYTES_MAX = 4096
PIECE_BYTES = 1 << 20
# Where files and links would be put is up to the kernel (ELOOP, ENAMETOOLONG), but for what the layer itself may ask of us.
WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
XATTR = "SCHILY.xattr."
BASE = {"dev": 0o755, "proc": 0o755, "sys": 0o755, "run": 0o755, "etc": 0o755, "root": 0o700, "tmp": 0o1777}


class Refused(Exception):
    """The layer is not what a layer may be; the message is for people."""


def shown(name):
    return ascii(name[:200])


def parts_of(name, what):
    """The names on the way to an entry. Refuses what would leave the image."""
    if len(os.fsencode(name)) > NAME_BYTES_MAX:
        raise Refused(f"{what} is longer than {NAME_BYTES_MAX} bytes: {shown(name)}")
    if "\0" in name:
        raise Refused(f"{what} has a NUL in it: {shown(name)}")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Refused(f"{what} leaves the image: {shown(name)}")
    return parts


def remove(path):
    """Removes whatever is there, links themselves and not what they lead to. Without recursion: trees may be deep."""
    try:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            return
    except FileNotFoundError:
        return
    for directory, names, files in os.walk(path, topdown=False):
        for name in files:
            os.unlink(os.path.join(directory, name))
        for name in names:
            one = os.path.join(directory, name)
            if os.path.islink(one):
                os.unlink(one)
            else:
                os.rmdir(one)
    os.rmdir(path)


class Layer:
    def __init__(self):
        # Real paths that this layer has put there: its whiteouts are about the layers below it.
        self.own = set()
        self.times = {}
        self.entries = 0
        self.bytes = 0
        self.devices = 0
        self.foreign = 0

    def place(self, parts):
        """The real path of an entry, its parent made. Links on the way are followed, as they would be by whoever uses the image."""
        if not parts:
            return "/"
        parent = os.path.realpath("/" + "/".join(parts[:-1]))
        if not os.path.isdir(parent):
            os.makedirs(parent, 0o755, exist_ok=True)
        self.own.add(parent)
        return os.path.join(parent, parts[-1])

    def apply(self, tar):
        for member in tar:
            # The library keeps every member that it has seen.
            tar.members = []
            self.entries += 1
            if self.entries > ENTRIES_MAX:
                raise Refused(f"the layer has more than {ENTRIES_MAX} entries")
            parts = parts_of(member.name, "an entry")
            if parts and parts[-1].startswith(WHITEOUT):
                self.hide(parts)
            else:
                self.put(tar, member, parts)
        for path, when in self.times.items():
            if os.path.isdir(path) and not os.path.islink(path):
                os.utime(path, (when, when))

    def hide(self, parts):
        name = parts[-1]
        if name == OPAQUE:
            self.empty(os.path.realpath("/" + "/".join(parts[:-1])))
        elif not name.startswith(".wh..wh."):
            hidden = name[len(WHITEOUT):]
            if hidden in ("", ".", ".."):
                raise Refused(f"a whiteout of nothing: {shown('/'.join(parts))}")
            path = os.path.join(os.path.realpath("/" + "/".join(parts[:-1])), hidden)
            if path not in self.own:
                remove(path)

    def empty(self, path):
        """Removes what the layers below have in a directory, and leaves what this one has put there."""
        pending = [path]
        while pending:
            directory = pending.pop()
            if not os.path.isdir(directory) or os.path.islink(directory):
                continue
            for name in os.listdir(directory):
                one = os.path.join(directory, name)
                if one not in self.own:
                    remove(one)
                elif os.path.isdir(one) and not os.path.islink(one):
                    pending.append(one)

    def put(self, tar, member, parts):
        if member.ischr() or member.isblk():
            self.devices += 1
            return
        if member.size < 0:
            raise Refused(f"an entry has a size below 0: {shown(member.name)}")
        path = self.place(parts)
        if path == "/" and not member.isdir():
            raise Refused("the image's root is not a directory")
        if not (member.isdir() and os.path.isdir(path) and not os.path.islink(path)):
            remove(path)
            self.make(tar, member, path)
        self.own.add(path)
        if not member.islnk():
            self.describe(member, path)

    def make(self, tar, member, path):
        if member.isdir():
            os.mkdir(path, 0o700)
        elif member.isreg():
            self.write(tar, member, path)
        elif member.issym():
            os.symlink(member.linkname, path)
        elif member.islnk():
            parts = parts_of(member.linkname, "a hard link")
            source = os.path.join(os.path.realpath("/" + "/".join(parts[:-1])), parts[-1]) if parts else "/"
            if not os.path.lexists(source) or os.path.isdir(source) and not os.path.islink(source):
                raise Refused(f"a hard link leads to nothing: {shown(member.name)}")
            os.link(source, path, follow_symlinks=False)
        elif member.isfifo():
            os.mkfifo(path, 0o600)
        else:
            raise Refused(f"an entry is of a kind that layers do not have: {shown(member.name)}")

    def write(self, tar, member, path):
        source = tar.extractfile(member)
        left = member.size
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb", buffering=0) as target:
            while left > 0:
                piece = source.read(min(left, PIECE_BYTES))
                if not piece:
                    raise Refused(f"the layer ends in the middle of {shown(member.name)}")
                view = memoryview(piece)
                while view:
                    view = view[target.write(view):]
                left -= len(piece)
                self.bytes += len(piece)

    def describe(self, member, path):
        """Owner, attributes, mode, time: in this order, since each may undo the one before."""
        ids = [one if 0 <= one <= ID_MAX else NOBODY for one in (member.uid, member.gid)]
        if ids != [member.uid, member.gid]:
            self.foreign += 1
        os.chown(path, *ids, follow_symlinks=False)
        if member.issym():
            return
        os.chmod(path, member.mode & 0o7777)
        for key, value in member.pax_headers.items():
            name = key[len(XATTR):]
            if key.startswith(XATTR) and (name == "security.capability" or name.startswith("user.")):
                try:
                    os.setxattr(path, name, os.fsencode(value))
                except OSError:
                    # Some have no place in a capsule, and no program depends on them for its content.
                    pass
        when = min(max(float(member.mtime), 0.0), float(2**33))
        if member.isdir():
            self.times[path] = when
        else:
            os.utime(path, (when, when))


def add_base():
    """What a capsule needs to be there, where the image has nothing of that name."""
    for name, mode in BASE.items():
        if os.path.islink("/" + name) and not os.path.isdir("/" + name):
            os.unlink("/" + name)
        if not os.path.isdir("/" + name):
            remove("/" + name)
            os.mkdir("/" + name)
            os.chmod("/" + name, mode)
    for name, content in (("hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"), ("resolv.conf", "")):
        path = os.path.join(os.path.realpath("/etc"), name)
        if not os.path.isfile(path) or os.path.islink(path):
            remove(path)
            with open(path, "x", encoding="utf-8") as file:
                file.write(content)


def main(root):
    os.umask(0)
    os.makedirs(root, 0o755, exist_ok=True)
    os.chroot(root)
    os.chdir("/")
    # No module is taken from the image.
    sys.path.clear()
    sys.path_importer_cache.clear()
    layer = Layer()
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|", bufsize=PIECE_BYTES, errors="surrogateescape") as tar:
        layer.apply(tar)
    # What follows the archive's end belongs to the layer's digest, and to nothing else.
    while sys.stdin.buffer.read(PIECE_BYTES):
        pass
    add_base()
    done = {"entries": layer.entries, "bytes": layer.bytes, "devices": layer.devices, "foreign": layer.foreign}
    print(json.dumps(done))


def told(error):
    print(str(error).replace("\n", " ")[:500], file=sys.stderr)
    sys.exit(3)


try:
    main(sys.argv[1])
except Refused as error:
    told(error)
except tarfile.TarError as error:
    told(f"a layer is no tar archive: {error}")
except (OSError, ValueError, OverflowError, RecursionError, EOFError) as error:
    # No message of the system: it would name paths of ours.
    told(f"a layer cannot be unpacked: {os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__}")
except MemoryError:
    told("a layer takes more memory to unpack than there is")
