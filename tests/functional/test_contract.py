# SPDX-License-Identifier: Apache-2.0
"""The contract between stage0 and stage1, both ways: a stage1 of somebody else under our rkt, our stage1 images under a stage0 of
somebody else. Both strangers are written here from docs/devel/stage1-interface.md alone."""
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tarfile
import uuid as uuids

import pytest

from test_disk_full import small  # noqa: F401
from test_mutable import start_sandbox
from rktlib import BUILD, busybox_rootfs, entry, manifest, tar_bytes, wait_until, write_aci

HERE = os.path.dirname(os.path.abspath(__file__))
ENTRY_POINTS = ("run", "enter", "gc", "stop")


class Foreign:
    """The image of the other stage1, signed and trusted, and what it was called with."""

    def __init__(self, rkt, interface_version=None, entry_points=ENTRY_POINTS, ppid=False, files=()):
        self.rkt, self.held = rkt, rkt.tmp / "held"
        self.held.mkdir(exist_ok=True)
        with open(os.path.join(HERE, "..", "support", "foreign_stage1.py")) as f:
            script = f.read().replace("@HELD@", str(self.held)).replace("@PPID@", "yes" if ppid else "no")
        notes = [{"name": f"coreos.com/rkt/stage1/{e}", "value": f"/{e.replace('/', '_')}"} for e in entry_points]
        if interface_version is not None:
            notes.append({"name": "coreos.com/rkt/stage1/interface-version", "value": str(interface_version)})
        m = manifest("example.org/stage1-other", app=False, annotations=notes)
        aci = write_aci(str(rkt.tmp / "other.aci"), m, [entry("rootfs"), *[entry(f"rootfs/{e.replace('/', '_')}", script, mode=0o755) for e in entry_points], *files])
        rkt.keys("builder").sign(aci.path)
        rkt.trust("builder", "example.org/stage1-other")
        self.aci, self.flag = aci, f"--stage1-path={aci.path}"

    def call(self, name):
        return json.loads((self.held / f"{name}.json").read_text())

    def run(self, *args, code=0, **kw):
        uuid = self.rkt.tmp / "uuid"
        return self.rkt.run(self.flag, f"--uuid-file-save={uuid}", *args, code=code, **kw), uuid.read_text()


# --------------------------------------------------------------------------------------- somebody else's stage1

def test_a_foreign_stage1_runs_apps(rkt):
    rkt.image("example.com/a", exec=["/bin/sh", "-c", "echo from $AC_APP_NAME; exit 7"])
    rkt.image("example.com/b", exec=["/bin/sh", "-c", "kill -9 $$"])
    other = Foreign(rkt)
    r, uuid = other.run("example.com/a", code=7)
    assert r.out == "from a\n"
    assert rkt.status(uuid)["app-a"] == "7"
    _, uuid = other.run("example.com/a", "example.com/b", code=None)
    status = rkt.status(uuid)
    assert (status["state"], status["app-a"], status["app-b"]) == ("exited", "7", "9")  # its number, not 128 + 9
    assert {a["name"]: a["exit_code"] for a in rkt.pods()[0]["apps"] + rkt.pods()[1]["apps"]}["b"] == 9


def test_what_its_image_has_where_stage0_writes_is_respected(rkt):
    rkt.image(exec=["/bin/true"])
    other = Foreign(rkt, files=[entry("rootfs/usr", mode=0o755), entry("rootfs/usr/etc", mode=0o750), entry("rootfs/etc", link="usr/etc"),
                                entry("rootfs/opt", mode=0o700)])
    _, uuid = other.run("--hosts-entry=10.0.0.1=there", "example.com/busybox")
    (upper,) = [u for u in (rkt.data / "pods/run" / uuid).glob("overlay/*/upper") if (u / "rkt").exists()]
    assert "10.0.0.1" in (upper / "usr/etc/rkt-hosts").read_text() and not (upper / "etc").exists()
    modes = {name: (upper / name).stat().st_mode & 0o777 for name in ("usr/etc", "opt", "opt/stage2", "opt/stage2/busybox")}
    assert modes == {"usr/etc": 0o750, "opt": 0o700, "opt/stage2": 0o755, "opt/stage2/busybox": 0o755}


@pytest.mark.parametrize("ppid", [False, True])
def test_enter_gets_the_leader(rkt, ppid):
    rkt.image(exec=["/bin/sh", "-c", "echo here >/mark; echo up; sleep 1000"])
    other = Foreign(rkt, ppid=ppid)
    p, uuid = rkt.start_pod(other.flag, "example.com/busybox")
    assert p.stdout.readline() == b"up\n"
    r = rkt("enter", uuid, "/bin/sh", "-c", "cat /mark; exit 5", code=5)
    assert r.out == "here\n"
    call = other.call("enter")
    assert call["args"][1:] == ["--appname=busybox", "--", "/bin/sh", "-c", "cat /mark; exit 5"]
    leader = int(call["args"][0].removeprefix("--pid="))
    outer = int(rkt.status(uuid)["pid"])
    assert leader == outer if not ppid else leader != outer and f"PPid:\t{outer}\n" in open(f"/proc/{leader}/status").read()
    assert call["cwd"] == str(rkt.data / "pods/run" / uuid) and str(rkt.data / "cas/tree") in call["argv0"]
    os.kill(leader, signal.SIGTERM)
    p.wait(10)


def test_stop_and_ready_go_through_its_files(rkt):
    rkt.image(exec=["/bin/sh", "-c", "trap 'exit 4' TERM; while :; do sleep 0.1; done"])
    other = Foreign(rkt)
    p, uuid = rkt.start_pod(other.flag, "example.com/busybox")
    assert "state=running" in rkt("status", "--wait-ready=20s", uuid, code=0).out
    assert rkt("stop", uuid, code=0).out == f'"{uuid}"\n'
    assert other.call("stop")["args"] == [uuid] and p.wait(10) == 4
    p, uuid = rkt.start_pod(other.flag, "example.com/busybox")
    rkt("stop", "--force", uuid, code=0)
    assert other.call("stop")["args"] == ["--force", uuid] and p.wait(10) == -signal.SIGKILL
    app = subprocess.run(["pgrep", "-f", "trap 'exit 4' TERM"], capture_output=True, text=True).stdout.split()
    for pid in app:  # this stage1 forgets its apps when it is killed
        os.kill(int(pid), signal.SIGKILL)


def test_a_stage1_without_stop_says_so(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo up; sleep 1000"])
    p, uuid = rkt.start_pod(Foreign(rkt, entry_points=("run", "enter", "gc")).flag, "example.com/busybox")
    assert p.stdout.readline() == b"up\n"
    r = rkt("stop", uuid, code=254)
    assert f'stop: error stopping "{uuid}": rkt stop not implemented for pod\'s stage1: entrypoint "coreos.com/rkt/stage1/stop" not found' in r.err
    assert "failed to stop 1 pod(s)" in r.err
    p.send_signal(signal.SIGTERM)
    p.wait(10)


@pytest.mark.parametrize("overlay", [True, False])
def test_its_programs_for_apps_see_the_pod(rkt, overlay):
    image = rkt.image(exec=["/bin/true"]).id
    verbs = ("app/add", "app/start", "app/stop", "app/rm", "attach")
    other = Foreign(rkt, interface_version=5, entry_points=(*ENTRY_POINTS, *verbs))
    p, uuid = start_sandbox(rkt, other.flag, *([] if overlay else ["--no-overlay"]))
    rkt("app", "add", uuid, image, "--name=a", code=0)
    for verb in ("start", "stop"):
        rkt("app", verb, uuid, "--app=a", code=0)
    rkt("attach", "--app=a", uuid, code=0)

    def fares():
        state = json.loads(rkt("app", "status", uuid, "--app=a", "--format=json", code=0).out)
        return state["state"], state.get("exit_code")
    assert fares() == ("exited", 0)
    # What they end with is for stage0 alone.
    for verb, status in (("stop", 9), ("start", 3), ("rm", 4)):
        told = other.held / f"app_{verb}-a"
        told.write_text(str(status))
        assert "as it was told" in rkt("app", verb, uuid, "--app=a", code=254).err
        told.unlink()
        assert fares() == ("exited", 0), "what was not done is not on record"
    (other.held / "app_stop-a").write_text("5")
    assert 'app "a" is not running' in rkt("app", "stop", uuid, "--app=a", code=254).err
    rkt("app", "rm", uuid, "--app=a", code=0)
    assert other.call("app_rm")["args"] == ["--debug=false", "--app=a"]
    rkt("stop", uuid, code=0)
    assert p.wait(10) == 0


def test_an_app_whose_start_cannot_be_recorded_does_not_run_on_record(rkt, small):
    image = rkt.image(exec=["/bin/true"]).id
    other = Foreign(rkt, entry_points=(*ENTRY_POINTS, "app/add", "app/start", "app/stop", "app/rm"))
    _, uuid = start_sandbox(rkt, other.flag, "--no-overlay")
    rkt("app", "add", uuid, image, "--name=a", code=0)
    for verb in ("start", "stop"):
        rkt("app", verb, uuid, "--app=a", code=0)
    status = rkt.data / "pods/run" / uuid / "stage1/rootfs/rkt/status"

    def record():
        return {f.name: (f.read_text(), f.stat().st_mtime_ns) for f in status.iterdir() if f.is_file()}
    before = record()
    assert {"a", "a-started"} <= set(before)
    for suffix in ("", "-started", ".oom-killed", ".restarts"):
        in_the_way = status / f"a{suffix}.before"
        in_the_way.mkdir()
        assert "is a directory" in rkt("app", "start", uuid, "--app=a", code=254).err.lower()
        assert record() == before, suffix
        in_the_way.rmdir()
    failures = 0
    for spare in range(24):
        st = os.statvfs(rkt.data)
        subprocess.run(["mount", "-o", f"remount,nr_inodes={st.f_files - st.f_ffree + spare}", rkt.data], check=True)
        r = rkt("app", "start", uuid, "--app=a")
        if r.code == 0:
            break
        failures += 1
        assert r.code == 254 and "no space left" in r.err and record() == before, (spare, r, record())
    assert r.code == 0 and failures > 0, (r, failures)
    rkt("stop", uuid, code=0)


FLAGS = ["--hostname=h", "--dns=192.0.2.1", "--ipc=private"]
SINCE = {"--hostname=h": 2, "--dns-conf-mode=resolv=stage0,hosts=default": 4, "--disable-capabilities-restriction": 3, "--disable-paths": 3,
         "--disable-seccomp": 3, "--ipc=private": 6}
WARNED = {"--hostname option is not supported by stage1": 2, "--dns-conf-mode option not supported by stage1": 4,
          "--ipc option is not supported by stage1": 6}


@pytest.mark.parametrize("version", [None, 1, 2, 3, 4, 5, 6, 7])
def test_a_stage1_gets_what_its_interface_version_knows(rkt, version):
    rkt.image(exec=["/bin/true"])
    other = Foreign(rkt, interface_version=version)
    uuid = rkt.tmp / "uuid"
    r = rkt("--debug", "--insecure-options=all-run", "run", "--net=none", other.flag, f"--uuid-file-save={uuid}", *FLAGS, "example.com/busybox", code=0)
    args, has = other.call("run")["args"], version or 1
    assert args == ["--debug", "--net=none", f"--local-config={rkt.etc}", *[f for f, since in SINCE.items() if since <= has], uuid.read_text()]
    assert [w for w in WARNED if f"stage0: warning: {w}" in r.err] == [w for w, since in WARNED.items() if since > has]
    rkt("--debug", "gc", "--grace-period=0s", code=0)
    config = ["--local-config", str(rkt.etc)] if has >= 5 else []
    assert other.call("gc")["args"] == ["--debug", *config, uuid.read_text()]


@pytest.mark.parametrize("version", ["two", "", "-1", "1.0"])
def test_an_interface_version_that_is_no_number_is_fatal(rkt, version):
    rkt.image(exec=["/bin/true"])
    r = rkt.run(Foreign(rkt, interface_version=version).flag, "example.com/busybox", code=254)
    assert "interface version" in r.err


def test_run_and_gc_are_called_as_agreed(rkt):
    rkt.image(exec=["/bin/true"])
    other = Foreign(rkt)
    _, uuid = other.run("example.com/busybox", env={"SECRET": "no", "TERM": "vt220", "LC_ALL": "C"})
    call, pod = other.call("run"), rkt.data / "pods/run" / uuid
    assert call["cwd"] == str(pod) and call["argv0"] == str(pod / "stage1/rootfs/run")
    lock = call["env"].pop("RKT_LOCK_FD")
    assert call["fds"].pop(lock) == str(pod)
    assert set(call["env"]) <= {"PATH", "TERM", "LANG", "LC_ALL", "RKT_SELINUX_CONTEXT", "RKT_SELINUX_MOUNT_CONTEXT", "LC_CTYPE"}
    assert {fd for fd, path in call["fds"].items() if not path.startswith("/proc/")} == {"0", "1", "2"}
    assert (other.held / uuid).exists()
    # Mounted once more for its gc, as no volatile overlay would be by itself.
    assert list(pod.glob("overlay/*/upper/opt/stage2/busybox/manifest"))  # its gc may want what is in its root
    rkt("rm", uuid, code=0)
    assert not (other.held / uuid).exists()
    call = other.call("gc")
    assert call["fds"]["0"] == call["fds"]["1"] == "/dev/null"
    assert call["cwd"] == str(rkt.data / "pods/exited-garbage" / uuid)


def test_a_pod_runs_as_long_as_somebody_holds_its_lock(rkt):
    rkt.image(exec=["/bin/true"])
    other = Foreign(rkt)
    held = rkt.tmp / "hold"
    os.mkfifo(held)
    script = open(os.path.join(HERE, "..", "support", "foreign_stage1.py")).read()
    assert "os.close(lock)" in script
    p = rkt.start("run", "--net=none", other.flag, f"--uuid-file-save={rkt.tmp}/uuid", "example.com/busybox")
    assert p.wait(20) == 0
    uuid = (rkt.tmp / "uuid").read_text()
    assert rkt.status(uuid)["state"] == "exited"
    lock = os.open(rkt.data / "pods/run" / uuid, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert rkt.status(uuid)["state"] == "running"
    os.close(lock)
    assert rkt.status(uuid)["state"] == "exited"


def test_a_stage1_that_never_begins_leaves_an_exited_pod_without_pid(rkt):
    rkt.image(exec=["/bin/true"])
    other = Foreign(rkt)
    shutil.rmtree(other.held)  # its first act fails
    _, uuid = other.run("example.com/busybox", code=1)
    status = rkt.status(uuid)
    assert status["state"] == "exited" and status["exited"] == "true" and not {"pid", "started"} & set(status)
    assert "started_at" not in rkt.pods()[0]
    other.held.mkdir()


def test_the_other_stage1_by_url_name_and_hash(rkt, web):
    rkt.image(exec=["/bin/true"])
    other = Foreign(rkt)
    url = web.put(other.aci.path, "other.aci")
    rkt.run(f"--stage1-url={url}", "example.com/busybox", code=0)
    rkt.run("--stage1-name=example.org/stage1-other:1.0.0", "example.com/busybox", code=0)
    rkt.run(f"--stage1-hash={other.aci.id[:20]}", "example.com/busybox", code=0)
    rkt.run(f"--stage1-url={url}", f"--stage1-hash={other.aci.id}", "example.com/busybox", code=254)


@pytest.mark.parametrize("how", ["url", "path", "from-dir"])
def test_no_stage1_runs_without_a_signature(rkt, web, how):
    rkt.image(exec=["/bin/true"])
    other = Foreign(rkt)
    os.unlink(other.aci.path[:-4] + ".aci.asc")
    images = rkt.tmp / "images"
    images.mkdir()
    shutil.copy(other.aci.path, images / "other.aci")
    (rkt.etc / "paths.d").mkdir(parents=True, exist_ok=True)
    (rkt.etc / "paths.d/p.json").write_text(json.dumps({"rktVersion": "v1", "rktKind": "paths", "data": str(rkt.data), "stage1-images": str(images)}))
    flag = {"url": f"--stage1-url={web.put(other.aci.path, 'other.aci')}", "path": other.flag, "from-dir": "--stage1-from-dir=other.aci"}[how]
    r = rkt.run(flag, "example.com/busybox", code=254)
    assert "other.aci.asc" in r.err or "error downloading the signature file" in r.err
    assert not (other.held / "run.json").exists()
    rkt("--insecure-options=image", "run", "--net=none", flag, "example.com/busybox", code=0)


@pytest.mark.parametrize("flags, text", [
    (["--stage1-path=/a", "--stage1-path=/b"], 'invalid argument "/b" for --stage1-path=/b: --stage1-path already used'),
    (["--stage1-path=/a", "--stage1-url=http://b/c.aci"], "are mutually exclusive"),
    (["--stage1-name=a", "--stage1-hash=sha512-00"], "flags --stage1-hash and --stage1-name are mutually exclusive"),
    (["--stage1-path=/no/such.aci"], "no such file or directory"),
    (["--stage1-hash=sha512-0000"], "no image IDs found"),
])
def test_stage1_flags_that_make_no_sense(rkt, flags, text):
    rkt.image(exec=["/bin/true"])
    assert text in rkt.run(*flags, "example.com/busybox", code=254).err


# ------------------------------------------------------------------------- our stage1 under somebody else's stage0

class Stage0:
    """Keeps the contract and nothing else: makes a pod directory without overlay, locks it, and calls entry points."""

    def __init__(self, tmp, flavor, *apps):
        self.uuid = str(uuids.uuid4())
        self.pod = tmp / "run" / self.uuid
        self.tree = tmp / f"tree-{flavor}"  # the verified tree; the pod has a copy
        self.tree.mkdir(exist_ok=True)
        image = os.path.join(BUILD, "lib/rkt/stage1-images", f"stage1-{flavor}.aci")
        for place in (self.tree, self.pod / "stage1"):
            place.mkdir(parents=True, exist_ok=True)
            subprocess.run(["tar", "-xf", image, "-C", place], check=True)
        self.root = self.pod / "stage1/rootfs"
        self.notes = {a["name"].removeprefix("coreos.com/rkt/stage1/"): a["value"]
                      for a in json.loads((self.pod / "stage1/manifest").read_text())["annotations"]}
        os.utime(self.root / "rkt/status")  # rkt 1.30 makes none
        runtime = []
        for app in apps:
            stage2 = self.root / "opt/stage2" / app["name"]
            stage2.mkdir(parents=True)
            tar = tmp / "app.tar"
            tar.write_bytes(tar_bytes(busybox_rootfs()))
            subprocess.run(["tar", "-xf", tar, "-C", stage2], check=True)
            (stage2 / "manifest").write_text(json.dumps(manifest(f"example.com/{app['name']}", exec=app["app"]["exec"])))
            runtime.append({"image": {"id": "sha512-" + "0" * 128, "name": f"example.com/{app['name']}"}, **app})
        (self.pod / "pod").write_text(json.dumps({"acVersion": "1.30.0", "acKind": "PodManifest", "apps": runtime, "volumes": None, "isolators": None,
                                                  "annotations": [{"name": "coreos.com/rkt/stage1/mutable", "value": "false"}], "ports": []}))
        self.lock = os.open(self.pod, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.processes = []

    def run(self, *flags, net="none", **popen):
        path = str(self.root) + self.notes["run"]
        env = {"PATH": os.environ["PATH"], "RKT_LOCK_FD": str(self.lock), "RKT_SELINUX_CONTEXT": "", "RKT_SELINUX_MOUNT_CONTEXT": ""}
        p = subprocess.Popen([path, f"--net={net}", *flags, self.uuid], cwd=self.pod, env=env, pass_fds=[self.lock], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen)
        os.close(self.lock)  # rkt itself becomes stage1; here the driver lives on and must not hold it
        self.processes.append(p)
        return p

    def call(self, name, *args, **kw):
        return subprocess.run([str(self.tree / "rootfs") + self.notes[name], *args], cwd=self.pod, capture_output=True, text=True, timeout=30,
                              env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL, **kw)

    def leader(self):
        def found():
            for name in ("pid", "ppid"):
                if (self.pod / name).exists() and (text := (self.pod / name).read_text()).endswith("\n"):
                    return int(text) if name == "pid" else int(open(f"/proc/{int(text)}/task/{int(text)}/children").read())
        return wait_until(found, "the pod's process")

    def running(self):
        fd = os.open(self.pod, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(fd)

    def status(self, app):
        return (self.root / "rkt/status" / app).read_text()

    def close(self):
        for p in self.processes:
            if p.poll() is None:
                p.kill()
            p.communicate()
        wait_until(lambda: not self.running(), "the pod to end")
        assert self.call("gc", self.uuid).returncode == 0
        # fly mounts where it is called; stage0 cleans up what is below the pod.
        for target in reversed([line.split()[4] for line in open("/proc/self/mountinfo") if str(self.pod) in line]):
            subprocess.run(["umount", "-l", target], check=True)


@pytest.fixture
def stage0(rkt, tmp_path):  # rkt: the check for what is left on the machine
    made = []

    def make(flavor, *apps):
        made.append(Stage0(tmp_path, flavor, *apps))
        return made[-1]
    yield make
    for one in made:
        one.close()


def app(name, script, **fields):
    return {"name": name, "app": {"exec": ["/bin/sh", "-c", script], "user": "0", "group": "0",
                                  "environment": [{"name": "PATH", "value": "/bin"}], **fields}}


FLAVORS = [("native", "none"), ("fly", "host")]


@pytest.mark.parametrize("flavor, net", FLAVORS)
def test_our_stage1_runs_an_app_for_a_foreign_stage0(stage0, flavor, net):
    pod = stage0(flavor, app("one", "echo to stdout; echo to stderr >&2; exit 5"))
    p = pod.run(net=net)
    out, err = p.communicate(timeout=30)
    assert (p.returncode, out, err) == (5, b"to stdout\n", b"to stderr\n")
    assert not pod.running()
    if flavor == "native":
        assert pod.status("one") == "5\n"


def test_native_records_every_app_and_says_when_it_is_ready(stage0):
    pod = stage0("native", app("one", "trap 'exit 3' TERM; while :; do sleep 0.1; done"), app("two", "sleep 1000"))
    p = pod.run("--hostname=h")
    leader = pod.leader()
    assert os.readlink(pod.root / "rkt/supervisor-status") == "ready"
    assert pod.running() and (pod.pod / "pid").stat().st_mode & 0o777 == 0o644
    r = pod.call("enter", f"--pid={leader}", "--appname=one", "--", "/bin/sh", "-c", "hostname; exit 9")
    assert (r.returncode, r.stdout) == (9, "h\n"), r
    evil = pod.root / "opt/stage2/one/rootfs/evil"
    evil.write_text("#!/proc/self/exe\n")
    evil.chmod(0o755)
    other = os.open("/", os.O_PATH)
    for own in ([], [f"--own-root={other}"]):  # none, and one that is not the program's
        r = pod.call("enter", f"--pid={leader}", "--appname=one", *own, "--", "/evil", pass_fds=[other])
        assert r.returncode == 203 and '"/proc/self/exe"' in r.stderr, r
    os.close(other)
    assert pod.call("stop", pod.uuid).returncode == 0
    p.communicate(timeout=30)
    assert p.returncode == 0 and pod.status("one") == "3\n" and pod.status("two") == "143\n"


@pytest.mark.parametrize("flavor, net", FLAVORS)
def test_our_enter_and_stop_for_a_foreign_stage0(stage0, flavor, net):
    pod = stage0(flavor, app("one", "echo $$ >/tmp/up; exec sleep 1000"))
    p = pod.run(net=net)
    leader = pod.leader()
    wait_until(lambda: (pod.root / "opt/stage2/one/rootfs/tmp/up").exists(), "the app to run")
    r = pod.call("enter", f"--pid={leader}", "--appname=one", "--", "/bin/sh", "-c", "test -s /tmp/up && exit 6")
    assert r.returncode == 6, r
    assert pod.call("stop", "--force", pod.uuid).returncode == 0
    p.communicate(timeout=30)
    assert p.returncode == (137 if flavor == "native" else -signal.SIGKILL)
    assert not pod.running()


@pytest.mark.parametrize("flavor", ["native", "fly"])
def test_our_gc_can_be_repeated_and_needs_no_run(stage0, flavor):
    pod = stage0(flavor, app("one", "true"))
    os.close(pod.lock)
    for _ in range(2):
        assert pod.call("gc", "--local-config", "/no/such", pod.uuid).returncode == 0


@pytest.mark.parametrize("flavor", ["native", "fly"])
def test_unknown_arguments_are_refused(stage0, flavor):
    pod = stage0(flavor, app("one", "true"))
    p = pod.run("--from-the-future=x", net="host")
    _, err = p.communicate(timeout=30)
    assert p.returncode == 2 and b"unknown flag: --from-the-future" in err


def test_native_takes_every_argument_of_the_interface(stage0):
    pod = stage0("native", app("one", "hostname"))
    p = pod.run("--local-config=/no/such", "--hostname=all", "--dns-conf-mode=resolv=none,hosts=default", "--disable-capabilities-restriction",
                "--disable-paths", "--disable-seccomp", "--ipc=private")
    out, err = p.communicate(timeout=30)
    assert (p.returncode, out) == (0, b"all\n"), err


