# SPDX-License-Identifier: Apache-2.0
"""What is on the machine that a test may leave behind: a look before, a look after."""
import gc
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field, fields

from rktlib import BUILD, wait_until

# Made once, for all pods, and by podman; what host-local keeps of a network without leases, and the lock of its members.
KEPT = re.compile(r"(mounts|files): (/run/netns|/var/run/netns|/run/rkt(/locks(/netns)?|/trees|/networks(/[^/]+(/lock)?)?)?|/var/lib/cni(/networks(/[^/]+(/lock|/last_reserved_ip\.\d+)?)?)?|/dev/shm/libpod_lock)")
PLACES = ("/run/rkt", "/run/lock", "/var/lib/cni", "/dev/shm", *(f"/var/lib/{n}" for n in os.listdir("/var/lib") if n.startswith("rkt")))
DEPTH = 4  # of files below these places: a data directory of the host's own may hold millions


def firewall_elements(*where):
    """Of the sets and maps of rkt's own table, as nft shows them; `where`: a command that enters another network namespace."""
    p = subprocess.run([*where, "nft", "list", "table", "inet", "rkt"], capture_output=True, text=True, check=False)
    assert p.returncode == 0 or "No such file or directory" in p.stderr, p.stderr
    return [line.strip() for line in p.stdout.splitlines() if "comment" in line]


def names_in(place):
    return os.listdir(place) if os.path.isdir(place) else []


def files_below(place, depth=DEPTH):
    try:
        entries = list(os.scandir(place))
    except OSError:  # it has gone, or is none
        return
    for e in entries:
        yield e.path
        if depth > 1 and e.is_dir(follow_symlinks=False):
            yield from files_below(e.path, depth - 1)


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:  # of a process that has gone
        return ""


def descendants(pid):
    """Of a process: their ids."""
    found, todo = set(), [str(pid)]
    while todo:
        pid = todo.pop()
        children = [child for task in names_in(f"/proc/{pid}/task") for child in read(f"/proc/{pid}/task/{task}/children").split()]
        found.update(children)
        todo += children
    return found


def engine_or_app(pid, exe, here):
    """By its program, or its cgroup; in a pod without cgroups, by mounts of its own beside the test. `here`: mounts and cgroup of the test."""
    if exe.startswith((f"{BUILD}/bin/", f"{BUILD}/libexec/")) or "/stage1/rootfs/" in exe or "/cas/tree/" in exe:
        return True
    cgroup = read(f"/proc/{pid}/cgroup")
    try:
        return "rkt" in cgroup or (cgroup == here[1] and os.readlink(f"/proc/{pid}/ns/mnt") != here[0])
    except OSError:
        return False


def started(pid):
    """When: with its id a process's name, whatever it executes later."""
    return (read(f"/proc/{pid}/stat").rpartition(")")[2].split() + ["?"] * 20)[19]


def processes():
    """Those of the engine, of apps, and whatever else the test has started; not who is dead."""
    here = os.readlink("/proc/self/ns/mnt"), read("/proc/self/cgroup")
    ours = descendants(os.getpid())
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            exe = os.readlink(f"/proc/{pid}/exe")
        except OSError:  # a thread of the kernel, or a zombie
            continue
        if pid in ours or engine_or_app(pid, exe, here):
            yield f"{pid}.{started(pid)} {exe}"


def descriptors():
    """Of the test itself."""
    for number in os.listdir("/proc/self/fd"):
        try:
            yield f"{number} {os.readlink(f'/proc/self/fd/{number}')}"
        except OSError:  # of the list itself
            pass


@dataclass
class Machine:
    mounts: set = field(default_factory=set)
    netns: set = field(default_factory=set)
    links: set = field(default_factory=set)
    cgroups: set = field(default_factory=set)
    processes: set = field(default_factory=set)
    files: set = field(default_factory=set)
    rules: set = field(default_factory=set)

    @staticmethod
    def look():
        m = Machine()
        m.mounts = {line.split()[4] for line in read("/proc/self/mountinfo").splitlines()}
        m.netns = set(names_in("/run/netns"))
        m.links = {n for n in os.listdir("/sys/class/net") if n.startswith(("veth", "cni", "rkt"))}
        for top in os.listdir("/sys/fs/cgroup"):
            for where, dirs, _ in os.walk(os.path.join("/sys/fs/cgroup", top)):
                m.cgroups |= {os.path.join(where, d) for d in dirs if "rkt" in d}
        m.processes = set(processes())
        m.files = {path for place in PLACES for path in files_below(place)}
        m.files |= {f"{place}/{n}" for place in {"/tmp", tempfile.gettempdir()} for n in names_in(place) if n.startswith(("rkt", ".rkt"))}
        if shutil.which("iptables-save"):
            rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=False).stdout
            m.rules = {line for line in rules.splitlines() if "CNI-" in line and "CNI-HOSTPORT" not in line}
        m.rules |= set(firewall_elements())
        return m

    def since(self, before):
        known = {x.split()[0] for x in before.processes}
        new = [f"{f.name}: {x}" for f in fields(Machine) for x in sorted(getattr(self, f.name) - getattr(before, f.name)) if x.split()[0] not in known]
        return [x for x in new if not KEPT.fullmatch(x)]


# A connection of which one side has ended while its link went down keeps its namespace, and a link in it that nobody removes,
# until the kernel has sent the last packet eight times.
LONGEST = 130


@contextmanager
def leaves_nothing():
    """What is done meanwhile, by test and engine, is undone at the end; the kernel takes its time with some of it."""
    before, open_before = Machine.look(), set(descriptors())
    yield
    left = [None]

    def settled():
        left[0] = Machine.look().since(before) + [f"descriptor: {d}" for d in sorted(set(descriptors()) - open_before)]
        if left[0]:
            gc.collect()  # files of the test that wait for it
        return not left[0]
    try:
        wait_until(settled, "the machine to settle", LONGEST)
    except AssertionError:
        pass
    assert not left[0], "left on the machine: " + "; ".join(left[0])
