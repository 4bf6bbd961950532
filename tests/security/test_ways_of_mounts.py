# SPDX-License-Identifier: Apache-2.0
"""Working directories, consoles, /proc and volumes that lead out, through each way into a pod that knows them. One sandbox is shared: each test has
apps of its own."""
import json
import ctypes
import os
import pty
import threading
from contextlib import closing, contextmanager
from types import SimpleNamespace

import pytest

from rktlib import Rkt, busybox_rootfs, entry, oci_layout, wait_until

STARTS = ["run", "add"]


class Site:
    def __init__(self, rkt, sandbox):
        self.rkt, self.sandbox, self.count = rkt, sandbox, 0

    def name(self):
        self.count += 1
        return f"app{self.count}"

    def image(self, files=(), **fields):
        """Busybox with these files; its name."""
        name = f"example.com/{self.name()}"
        self.rkt.image(name, extra=list(files), **fields)
        return name

    def start(self, way, image, *flags, volumes=()):
        """An app with volumes (source, target): its name, and the Result of who started it. By `run` it has ended then."""
        name = self.name()
        if way == "run":
            named = [f"--volume=v{i},kind=host,source={source}" for i, (source, _) in enumerate(volumes)]
            return name, self.rkt.run(*named, image, f"--name={name}", *(f"--mount=volume=v{i},target={target}" for i, (_, target) in enumerate(volumes)), *flags)
        mounts = [f"--mnt-volume=name=v{i},kind=host,source={source},target={target}" for i, (source, target) in enumerate(volumes)]
        r = self.rkt("app", "add", self.sandbox, image, f"--name={name}", *mounts, *flags)
        return name, self.rkt("app", "start", self.sandbox, f"--app={name}") if r.code == 0 else r

    def go(self, way, image, *flags, volumes=()):
        """What became of such an app: its code, or 254 if it never began, and what it and the engine wrote."""
        name, r = self.start(way, image, *flags, volumes=volumes)
        if way == "run":
            return r
        if not os.path.exists(f"{self.rkt.data}/pods/run/{self.sandbox}/appsinfo/{name}"):
            return SimpleNamespace(code=254, out="", err=r.err)  # not added
        ended = wait_until(lambda: (s := json.loads(self.rkt("app", "status", self.sandbox, f"--app={name}", "--format=json", code=0).out))["state"] != "running" and s, "its end")
        if ended["state"] == "created":
            return SimpleNamespace(code=254, out="", err=r.err)
        return SimpleNamespace(code=ended["exit_code"], out=self.rkt("logs", self.sandbox, name, code=0).out, err=r.err)

    @contextmanager
    def pod(self, image, *flags, volumes=()):
        named = [f"--volume=v{i},kind=host,source={source}" for i, (source, _) in enumerate(volumes)]
        mounts = [f"--mount=volume=v{i},target={target}" for i, (_, target) in enumerate(volumes)]
        p, uuid = self.rkt.start_pod(*named, image, *mounts, *flags, stdout=-3, stderr=-3)
        yield uuid
        self.rkt("stop", "--force", uuid, code=0)
        p.wait()


@pytest.fixture(scope="module")
def site(tmp_path_factory, keys):
    with closing(Rkt(tmp_path_factory.mktemp("site"), keys)) as rkt:
        file = rkt.tmp / "sandbox"
        rkt.start("app", "sandbox", "--net=none", f"--uuid-file-save={file}", stdout=-3, stderr=-3)
        wait_until(lambda: file.exists() and file.stat().st_size == 36, "the sandbox")
        rkt("status", "--wait-ready=20s", file.read_text(), code=0)
        yield Site(rkt, file.read_text())


@pytest.fixture
def there(tmp_path):
    """Files of the host: what is in them nobody changes."""
    place = tmp_path / "victim"
    place.mkdir()
    (place / "secret").write_text("of the host")
    core = open("/proc/sys/kernel/core_pattern").read()
    yield place
    assert os.listdir(place) == ["secret"] and (place / "secret").read_text() == "of the host"
    assert open("/proc/sys/kernel/core_pattern").read() == core and not os.path.ismount(place)


# CVE-2024-21626: a working directory that is a descriptor of the runtime's.
@pytest.mark.parametrize("way", STARTS)
@pytest.mark.parametrize("place", ["/proc/self/fd/{}", "/proc/1/fd/{}", "/proc/thread-self/fd/{}", "/dev/fd/{}"])
def test_the_working_directory_is_no_descriptor_of_the_engine(site, way, place):
    image = site.image(exec=["/bin/sh", "-c", "ls; echo came in"])
    for fd in range(3, 20 if place in ("/proc/self/fd/{}", "/proc/1/fd/{}") else 8):  # the others lead there, too
        r = site.go(way, image, "--working-dir=" + place.format(fd))
        assert r.code == 200 and "came in" not in r.out, (fd, r)


@pytest.mark.parametrize("way", STARTS)
@pytest.mark.parametrize("place", ["/proc/1/root", "/proc/1/cwd", "/proc/self/root", "/link"])
def test_the_working_directory_is_no_other_processs(site, way, place):
    image = site.image([entry("rootfs/link", link="/proc/1/root")], exec=["/bin/sh", "-c", "echo came in"], workingDirectory=place)
    r = site.go(way, image)
    assert r.code == 200 and "came in" not in r.out


def test_entering_ends_up_nowhere_else(site):
    image = site.image([entry("rootfs/work"), entry("rootfs/fd", link="/proc/self/fd/7")], exec=["/bin/sleep", "1000"], workingDirectory="/work")
    with site.pod(image) as uuid:
        look = ["/bin/sh", "-c", "pwd; ls -l /proc/self/fd | grep -v ' /proc/'; rmdir /work 2>/dev/null && mv /fd /work; :"]
        for _ in range(2):
            out = site.rkt("enter", uuid, *look, code=0).out
            assert out.startswith("/\n") and str(site.rkt.tmp) not in out and "cgroup" not in out and "->" in out


# CVE-2025-52565: /dev/console is mounted from the pod's own terminals, on the pod's own /dev.
@pytest.mark.parametrize("way", [*STARTS, "enter"])
@pytest.mark.parametrize("place", ["dev/console", "dev/pts", "dev/pts/0"])
def test_a_console_of_the_image_leads_nowhere(site, there, place, way):
    look = "echo evil > /dev/console; stat -c '%F' /dev/console; (echo evil > /proc/sys/kernel/core_pattern) 2>/dev/null || echo refused"
    files = [entry("rootfs/dev"), *([entry("rootfs/dev/pts")] if place == "dev/pts/0" else []), entry("rootfs/" + place, link=str(there / "secret"))]
    image = site.image(files, exec=["/bin/sh", "-c", f"({look}) >/out 2>&1; exec sleep 1000"])
    if way == "add":
        name, r = site.start(way, image, "--stdin=tty", "--stdout=tty", "--stderr=tty")
        assert r.code == 0, r
        out = wait_until(lambda: "refused" in (o := site.rkt("enter", f"--app={name}", site.sandbox, "/bin/cat", "/out").out) and o, "the look")
        assert "symbolic link" not in out
        site.rkt("app", "rm", site.sandbox, f"--app={name}", code=0)
    elif way == "run":
        assert "character special file" in on_terminal(site, "run", "--net=none", "--interactive", image, "--exec=/bin/sh", "--", "-c", look)
    else:
        with site.pod(image) as uuid:
            assert "refused" in on_terminal(site, "enter", uuid, "/bin/sh", "-c", f"test -t 0 && {look}")


def on_terminal(site, *args):
    master, slave = pty.openpty()
    p = site.rkt.start(*args, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    out = b""
    try:
        while chunk := os.read(master, 4096):
            out += chunk
    except OSError:
        pass
    os.close(master)
    p.wait()
    return out.decode()


# CVE-2025-52881, CVE-2019-19921: what the engine writes into /proc is never written into something of the image's.
@pytest.mark.parametrize("way", [*STARTS, "enter"])
@pytest.mark.parametrize("place", ["proc", "proc/self/attr", "proc/self", "proc/sys/net/ipv4"])
def test_a_false_proc_takes_nothing(site, there, place, way):
    os.rename(there / "secret", there / "oom_score_adj")
    isolators = [{"name": "os/linux/oom-score-adj", "value": 321}]
    if way == "run":  # of a mutable pod they are the pod's own
        isolators.append({"name": "os/unix/sysctl", "value": {"net.ipv4.ip_default_ttl": "99"}})
    ttl = "99" if way == "run" else "64"
    parents = ["rootfs/" + "/".join(place.split("/")[:n]) for n in range(1, place.count("/") + 1)]
    look = ["/bin/cat", "/proc/self/oom_score_adj", "/proc/sys/net/ipv4/ip_default_ttl"]
    image = site.image([*(entry(p) for p in parents), entry("rootfs/" + place, link=str(there))], exec=look, isolators=isolators)
    volumes = [(there, "/" + place)]
    if way != "enter":
        r = site.go(way, image, volumes=volumes)
        assert (r.code == 254 and '"/proc"' in r.err) or r.out.split() == ["321", ttl], r
    elif place != "proc":  # with a link there no app begins
        with site.pod(image, "--exec=/bin/sleep", "--", "1000", volumes=volumes) as uuid:
            assert site.rkt("enter", uuid, *look, code=0).out.split() == ["321", ttl]
    os.rename(there / "oom_score_adj", there / "secret")


@pytest.mark.parametrize("way", STARTS)
def test_a_volume_for_proc_is_said_to_be_left_out(site, tmp_path, way):  # added: functional/test_mutable_trouble.py
    image = site.image(exec=["/bin/sh", "-c", "test -e /proc/self/status && echo real"])
    r = site.go(way, image, volumes=[(tmp_path, "/proc")])
    assert r.out == "real\n" and (way == "add" or 'the volume for "/proc" is left out' in r.err)


# CVE-2021-30465, CVE-2018-15664: a place that changes between a look and a mount.
@pytest.mark.parametrize("way", STARTS)
def test_a_target_that_is_exchanged_for_a_link_leads_nowhere(site, tmp_path, there, way):
    shared, other = tmp_path / "shared", tmp_path / "other"
    (shared / "dir").mkdir(parents=True)
    other.mkdir()
    os.symlink("/", shared / "link")
    (other / "mine").write_text("")
    libc = ctypes.CDLL(None)
    image = site.image(exec=["/bin/sh", "-c", "grep /victim /proc/self/mountinfo; exit 0"])

    def exchange():
        libc.renameat2(-100, os.fsencode(shared / "dir"), -100, os.fsencode(shared / "link"), 2)

    def start():
        """Whether the mount is in the app's own root, where the link leads; otherwise it is in the volume."""
        r = site.go(way, image, volumes=[(shared, "/v"), (other, f"/v/dir{there}")])
        assert os.listdir(there) == ["secret"]
        if r.code != 0:
            assert r.code == 254, r
            return None
        # The app has the mount, so nothing but the app does.
        (mount,) = r.out.splitlines()
        source, target = mount.split()[3:5]
        assert source.endswith("/other") and target in (f"/v/dir{there}", f"/v/link{there}", str(there)), r
        return target == str(there)
    assert start() is False
    exchange()
    assert start() is True
    stop = threading.Event()

    def exchange_on():
        while not stop.is_set():
            exchange()
    swapper = threading.Thread(target=exchange_on)
    swapper.start()
    try:
        assert {start() for _ in range(8)} != {None}
    finally:
        stop.set()
        swapper.join()


# CVE-2024-45310: nothing is made on the host where a link in a volume points.
@pytest.mark.parametrize("way", STARTS)
@pytest.mark.parametrize("source", ["directory", "file"])
def test_targets_are_not_made_through_a_link_of_a_volume(site, tmp_path, there, source, way):
    shared, b = tmp_path / "shared", tmp_path / "b"
    shared.mkdir()
    os.symlink(there, shared / "out")
    os.symlink("../" * 20 + str(there)[1:], shared / "up")
    b.mkdir() if source == "directory" else b.write_text("x")
    image = site.image(exec=["/bin/true"])
    for link in ("out", "up"):
        r = site.go(way, image, volumes=[(shared, "/v"), (b, f"/v/{link}/new")])
        assert r.code in (0, 254), r
        assert os.listdir(there) == ["secret"]


# CVE-2018-15664: what fills a volume comes from the image.
@pytest.mark.parametrize("way", STARTS)
@pytest.mark.parametrize("link", ["{v}", "../../../../../../../../..{v}", "/proc/1/root{v}", "/proc/self/cwd"])
def test_filling_a_volume_follows_no_link_out(site, tmp_path, there, link, way):
    layer = [(i, b) for i, b in busybox_rootfs()]
    for info, _ in layer:
        info.name = info.name.replace("rootfs/", "", 1)
    layer = [e for e in layer if e[0].name != "rootfs"] + [entry("data", link=link.format(v=there))]
    oci = oci_layout(tmp_path / "oci", [layer], {"Entrypoint": ["/bin/sh", "-c", "cat /data/secret; ls /data; exit 0"], "Volumes": {"/data": {}}})
    image = site.rkt("--insecure-options=image", "fetch", f"oci:{oci}", code=0).out.strip()
    r = site.go(way, image)
    assert r.code in (0, 254) and "of the host" not in r.out, r
