# SPDX-License-Identifier: Apache-2.0
"""The same hostile images through each way into a pod: rkt run, rkt app add, rkt enter. docs/devel/escapes.md says which test stands for
which hole. Pods are shared by the tests of this file: each looks at what a script in them saw."""
import os
import re
from contextlib import closing, contextmanager

import pytest

from rktlib import Rkt, busybox_rootfs, entry, wait_until

WAYS = ["run", "add", "enter"]
RETAINED = 0xa80425fb  # the default set

LOOK = r"""
say() { echo "@$1"; }
say caps; grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status
say spaces; for n in pid mnt ipc uts net cgroup; do readlink /proc/self/ns/$n; done
say cgroup; cat /proc/self/cgroup
say environment; env
say descriptors; for f in /proc/self/fd/*; do case $f in */[012]) ;; *) readlink $f ;; esac; done
say user; id -u; id -g
say volume; mount -o remount,bind,rw /ro 2>/dev/null; touch /ro/new 2>/dev/null; ls /ro
say release; for o in memory rdma cpu name=x; do mount -t cgroup -o $o cgroup /tmp 2>/dev/null && echo mounted; done; mount -t cgroup2 c /tmp 2>/dev/null && echo mounted
say outside; for f in /proc/1/root /proc/1/cwd /proc/1/fd/*; do ls -d $f/usr $f/../../usr $f/../../../../../usr 2>/dev/null; done
say kernel; wc -c </proc/kallsyms; wc -c </proc/keys; wc -c </proc/timer_list; (echo evil >/proc/sys/kernel/core_pattern) 2>/dev/null && echo written; (echo h >/proc/sysrq-trigger) 2>/dev/null && echo written
say devices; stat -c '%F' /dev/null /dev/zero; ls -ld /dev | cut -c1; (echo x >/dev/null) && echo null
say proc; stat -f -c %T /proc; cat /proc/self/oom_score_adj
say end
"""
PASSWD = "root:x:0:0:root:/root:/bin/sh\n1000:x:0:0:liar:/:/bin/sh\nworker:x:1000:1000::/home/w\\nevil::0:0:::/bin/sh:/bin/sh\n"


class Ways:
    """What the script saw: by way and image, section by section."""

    def __init__(self, rkt, outside, pids):
        self.rkt, self.outside, self.pids = rkt, outside, pids
        self.seen = {}

    def look(self, way, image, section):
        if (way, image) not in self.seen:
            self.seen[way, image] = self.sections({"run": self.ran, "add": self.added, "enter": self.entered}[way](image))
        return self.seen[way, image][section]

    def log(self, uuid, image):
        return wait_until(lambda: "@end" in (out := self.rkt("logs", uuid, image, code=0).out) and out, f"app {image} to have looked")

    def ran(self, image):
        return self.log(self.pod, image)

    def added(self, image):
        return self.log(self.sandbox, image)

    def entered(self, image):
        return self.rkt("enter", f"--app={image}", self.pod, "/bin/sh", "/look", code=0).out

    @staticmethod
    def sections(text):
        out = {}
        for part in text.split("@")[1:]:
            name, _, rest = part.partition("\n")
            out[name] = rest.splitlines()
        return out


def hostile_images():
    """By app name: what each has in place of busybox's own files, and fields of its app."""
    oom = [{"name": "os/linux/oom-score-adj", "value": 321}]
    return {
        "plain": ([], {"isolators": oom}),
        "null": ([entry("rootfs/dev"), entry("rootfs/dev/null", link="/proc/sys/kernel/core_pattern"), entry("rootfs/dev/zero", link="/proc/sysrq-trigger")], {}),
        "passwd": ([entry("rootfs/etc/passwd", PASSWD)], {"user": "1000", "group": "1000", "environment": [
            {"name": "PATH", "value": "/bin"}, {"name": "HOME", "value": "/root\nLD_PRELOAD=/evil.so\nroot::0:0::/:/bin/sh"}]}),
        "exe": ([entry("rootfs/evil", "#!/proc/self/exe\n", mode=0o755), entry("rootfs/link", link="/proc/self/exe")], {}),
    }


@contextmanager
def many_ways(rkt, outside, pids):
    readonly = rkt.tmp / "readonly"
    readonly.mkdir()
    images = hostile_images()
    for name, (files, fields) in images.items():
        replaced = {i.name for i, _ in files}
        entries = [(i, b) for i, b in busybox_rootfs([entry("rootfs/look", LOOK)]) if not any(i.name == r or i.name.startswith(r + "/") for r in replaced)]
        rkt.image(f"example.com/{name}", entries=entries + files, exec=["/bin/sh", "-c", "sh /look; exec sleep 1000"], **fields)
    ways = Ways(rkt, outside, pids)
    volume = f"--volume=ro,kind=host,source={readonly},readOnly=true"
    apps = [word for name in images for word in (f"example.com/{name}", "--mount=volume=ro,target=/ro", pids)]
    secret = {"SECRET": "hush", "LD_LIBRARY_PATH": "/hush"}
    _, ways.pod = rkt.start_pod(volume, *apps, env=secret)
    file = rkt.tmp / "sandbox"
    rkt.start("app", "sandbox", "--net=none", f"--uuid-file-save={file}", env=secret)
    wait_until(lambda: file.exists() and file.stat().st_size == 36, "the sandbox")
    ways.sandbox = file.read_text()
    rkt("status", "--wait-ready=20s", ways.sandbox, code=0)
    for name in images:
        rkt("app", "add", ways.sandbox, f"example.com/{name}", f"--name={name}", f"--mnt-volume=name=ro,kind=host,source={readonly},readOnly=true,target=/ro", pids, code=0, env=secret)
        rkt("app", "start", ways.sandbox, f"--app={name}", code=0, env=secret)
    yield ways


@pytest.fixture(scope="module", params=["pod", "private"], ids=["pods-pids", "own-pids"])
def ways(tmp_path_factory, keys, request):
    top = tmp_path_factory.mktemp("ways")
    outside = top / "outside"
    outside.mkdir()
    (outside / "secret").write_text("of the host")
    core = open("/proc/sys/kernel/core_pattern").read()
    with closing(Rkt(top, keys)) as rkt, many_ways(rkt, outside, f"--pid={request.param}") as ways:
        yield ways
    assert os.listdir(outside) == ["secret"] and (outside / "secret").read_text() == "of the host"
    assert open("/proc/sys/kernel/core_pattern").read() == core


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


def fields(lines):
    return dict(line.split(":\t") for line in lines)


def test_capabilities_and_filter(ways, way):
    caps = fields(ways.look(way, "plain", "caps"))
    assert {int(caps[c], 16) for c in ("CapPrm", "CapEff", "CapBnd")} == {RETAINED} and caps["Seccomp"] == "2"
    assert int(caps["CapInh"], 16) == int(caps["CapAmb"], 16) == 0, "nothing inheritable"
    user = fields(ways.look(way, "passwd", "caps"))
    assert user["NoNewPrivs"] == "1" and int(user["CapEff"], 16) == 0


def test_namespaces_and_cgroup(ways, way):
    here = [os.readlink(f"/proc/self/ns/{n}") for n in ("pid", "mnt", "ipc", "uts", "net", "cgroup")]
    there = ways.look(way, "plain", "spaces")
    assert len(there) == 6 and not set(here) & set(there)
    assert there == ways.look("run" if way == "enter" else way, "plain", "spaces"), "the app's own, its mounts and cgroup included"
    assert there[1] != ways.look(way, "null", "spaces")[1]
    cgroup = ways.look(way, "plain", "cgroup")
    assert all(line.endswith(":/") or "system.slice/plain.service" in line or line.startswith(("1:name=", "0::")) for line in cgroup), cgroup


def services(pod, word):
    """The app's cgroups, seen from the host, of the pod's processes whose command line ends with that word."""
    scope = r"machine-rkt\x2d" + pod.replace("-", r"\x2d")
    out = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command, groups = open(f"/proc/{pid}/cmdline").read(), open(f"/proc/{pid}/cgroup").read()
        except OSError:
            continue
        if command.endswith(f"\0{word}\0"):
            out |= set(re.findall(re.escape(scope) + r"\.scope/system\.slice/([a-z]+)\.service", groups))
    return out


def test_every_process_is_in_its_apps_cgroup(ways, way):
    if way == "enter":
        p = ways.rkt.start("enter", "--app=plain", ways.pod, "/bin/sleep", "4242")
        wait_until(lambda: services(ways.pod, "4242") == {"plain"}, "the command to be in the app's cgroup")
        p.terminate()
        p.communicate(timeout=20)
    else:
        pod = ways.pod if way == "run" else ways.sandbox
        wait_until(lambda: services(pod, "1000") == set(hostile_images()), "the apps to be in their cgroups")


def test_nothing_of_the_callers_environment_or_descriptors(ways, way):
    assert "hush" not in "\n".join(ways.look(way, "plain", "environment"))
    assert all(f.startswith("/proc/") or f == "/look" for f in ways.look(way, "plain", "descriptors")), ways.look(way, "plain", "descriptors")


def test_a_home_with_a_newline_and_a_false_passwd(ways, way):
    env = ways.look(way, "passwd", "environment")
    home = env.index("HOME=/root")
    assert env[home + 1:home + 3] == ["LD_PRELOAD=/evil.so", "root::0:0::/:/bin/sh"], "one value, with its newlines"
    assert ways.look(way, "passwd", "user") == ["1000", "1000"]
    assert ways.rkt("enter", "--app=passwd", ways.pod if way != "add" else ways.sandbox, "/bin/cat", "/etc/passwd", code=0).out == PASSWD
    variables = ways.rkt("enter", "--app=passwd", ways.pod if way != "add" else ways.sandbox, "/bin/sh", "-c", "tr '\\0' '@' </proc/self/environ", code=0).out
    assert "@LD_PRELOAD" not in variables


def test_a_read_only_volume_stays_so(ways, way):
    assert ways.look(way, "plain", "volume") == []


def test_no_release_agent(ways, way):
    assert ways.look(way, "plain", "release") == []


def test_nothing_of_the_host_behind_pid_1(ways, way):
    assert ways.look(way, "plain", "outside") == []


@pytest.mark.parametrize("place", ["dev", "proc", "sys"])
def test_a_linked_dev_or_proc_leads_nowhere(ways, way, place):
    rkt, name = ways.rkt, f"linked-{place}"
    if way == "enter":  # the app itself exchanges it, while it runs
        exchange = f"mv /{place} /tmp/x; rmdir /{place}; rm -rf /{place}; ln -s {ways.outside} /{place}; stat -c %F /{place}"
        assert rkt("enter", "--app=plain", ways.pod, "/bin/sh", "-c", exchange).out == "directory\n"
        assert "@end" in rkt("enter", "--app=plain", ways.pod, "/bin/sh", "/look", code=0).out
    else:
        if way == "run":
            rkt.image(f"example.com/{name}", entries=busybox_rootfs([entry(f"rootfs/{place}", link=str(ways.outside))]), exec=["/bin/true"])
            r = rkt.run(f"example.com/{name}", ways.pids, code=254)
        else:
            rkt("app", "add", ways.sandbox, f"example.com/{name}", f"--name={name}", ways.pids, code=0)
            r = rkt("app", "start", ways.sandbox, f"--app={name}", code=254)
        assert f'"/{place}" of the image is not a directory' in r.err, r
    assert os.listdir(ways.outside) == ["secret"]


def test_linked_devices_hide_nothing_and_take_nothing(ways, way):
    assert ways.look(way, "null", "kernel") == ["0", "0", "0"], "hidden and read-only"
    assert ways.look(way, "null", "devices") == ["character special file"] * 2 + ["d", "null"]


def test_the_engines_program_is_no_interpreter(ways, way):
    where = ways.sandbox if way == "add" else ways.pod
    if way == "add":
        for name, exe in (("evil", "/evil"), ("linked", "/link")):
            ways.rkt("app", "add", where, "example.com/exe", f"--name={name}", f"--exec={exe}", ways.pids, code=0)
            ways.rkt("app", "start", where, f"--app={name}")
            wait_until(lambda: "exit_code=203" in ways.rkt("app", "status", where, f"--app={name}", code=0).out, "the refusal")
    elif way == "enter":
        assert [ways.rkt("enter", "--app=exe", where, exe).code for exe in ("/link", "/proc/self/exe", "/proc/1/exe")] == [203] * 3
        r = ways.rkt("enter", "--app=exe", where, "/evil", code=203)  # nobody's to write either: test_supervision.py
        assert '"/proc/self/exe"' in r.err, r
    else:
        assert ways.rkt.run("example.com/exe", "--exec=/evil", ways.pids).code == 203
        assert ways.rkt.run("example.com/exe", "--exec=/link", ways.pids).code == 203
