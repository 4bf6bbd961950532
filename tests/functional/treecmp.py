# SPDX-License-Identifier: Apache-2.0
"""Compares two directory trees in everything a container can see: types, modes, owners, sizes, content, link targets, device
numbers, extended attributes, modification times, and which names share one inode."""
import hashlib
import os
import stat
import sys


def _digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20):
            h.update(chunk)
    return h.hexdigest()


def _xattrs(path):
    names = os.listxattr(path, follow_symlinks=False)
    # overlayfs' own marks are how a tree is stored, not what is in it.
    return {n: os.getxattr(path, n, follow_symlinks=False) for n in names if not n.startswith("trusted.overlay.")}


def describe(path):
    """What is at `path`, as a dictionary that can be compared."""
    st = os.lstat(path)
    out = {"type": stat.S_IFMT(st.st_mode), "mode": oct(stat.S_IMODE(st.st_mode)), "owner": (st.st_uid, st.st_gid),
           "mtime": st.st_mtime_ns, "xattrs": _xattrs(path)}
    if stat.S_ISLNK(st.st_mode):
        out["target"] = os.readlink(path)
    elif stat.S_ISREG(st.st_mode):
        out["size"], out["content"] = st.st_size, _digest(path)
    elif stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
        out["device"] = (os.major(st.st_rdev), os.minor(st.st_rdev))
    return out


def scan(root):
    """{relative path: description}, and {path: all paths of the same inode} for files with several names."""
    entries, inodes = {}, {}
    for at, dirs, files in os.walk(os.fsencode(root)):
        for name in [b""] + dirs + files if at == os.fsencode(root) else dirs + files:
            path = os.path.join(at, name)
            relative = os.path.relpath(path, os.fsencode(root))
            entries[relative] = describe(path)
            st = os.lstat(path)
            if not stat.S_ISDIR(st.st_mode) and st.st_nlink > 1:
                inodes.setdefault((st.st_dev, st.st_ino), set()).add(relative)
    return entries, {p: frozenset(group) for group in inodes.values() if len(group) > 1 for p in group}


def compare(a, b, ignore=()):
    """A list of lines, empty when the trees are the same. `ignore`: keys of describe() that do not count, or "links"."""
    (left, left_links), (right, right_links) = scan(a), scan(b)
    out = [f"only in {a}: {os.fsdecode(p)}" for p in sorted(left.keys() - right.keys())]
    out += [f"only in {b}: {os.fsdecode(p)}" for p in sorted(right.keys() - left.keys())]
    for path in sorted(left.keys() & right.keys()):
        for key in sorted(left[path].keys() | right[path].keys()):
            x, y = left[path].get(key), right[path].get(key)
            if x != y and key not in ignore:
                out.append(f"{os.fsdecode(path)}: {key}: {x} != {y}")
        if "links" not in ignore and left_links.get(path) != right_links.get(path):
            out.append(f"{os.fsdecode(path)}: hard links: {sorted(left_links.get(path, []))} != {sorted(right_links.get(path, []))}")
    return out


if __name__ == "__main__":
    differences = compare(sys.argv[1], sys.argv[2], sys.argv[3:])
    print("\n".join(differences) or "the same")
    sys.exit(bool(differences))
