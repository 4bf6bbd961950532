# SPDX-License-Identifier: Apache-2.0
"""Known ways out of containers, as behaviours: one test a hole. Each fails when its defence is removed."""
import hashlib
import os

import pytest

from rktlib import busybox_rootfs, entry, manifest, write_aci

INSECURE = "--insecure-options=image"


def programs_of_the_store(rkt):
    """What the host will execute again: the trees of the store."""
    out = {}
    for where, _, files in os.walk(rkt.data / "cas"):
        for f in files:
            path = os.path.join(where, f)
            if os.path.isfile(path) and not os.path.islink(path) and f not in ("index.db", "index.db-wal", "index.db-shm"):
                out[path] = hashlib.sha256(open(path, "rb").read()).hexdigest()
    return out


def victim(tmp_path):
    place = tmp_path / "victim"
    place.mkdir()
    (place / "secret").write_text("of the host")

    def check():
        assert os.listdir(place) == ["secret"] and (place / "secret").read_text() == "of the host"
    return place, check


def hostile(rkt, entries, *flags, without=(), **fields):
    path = str(rkt.tmp / f"hostile-{len(os.listdir(rkt.tmp))}.aci")
    base = [(i, b) for i, b in busybox_rootfs() if not any(i.name == "rootfs/" + w or i.name.startswith(f"rootfs/{w}/") for w in without)]
    write_aci(path, manifest("example.com/hostile", **fields), base + entries)
    return rkt(INSECURE, "run", "--net=none", *flags, path)


# CVE-2019-5736: the program that the engine is must not be had from inside, neither to run nor to overwrite.
@pytest.mark.parametrize("exe", ["/proc/self/exe", "/proc/1/exe", "/evil"])
def test_the_engines_own_program_is_not_executed_in_a_pod(rkt, exe):
    r = hostile(rkt, [entry("rootfs/evil", link="/proc/self/exe")], exec=[exe])
    assert r.code == 203 and "stage1" not in r.out + r.err.replace("stage1-native", ""), r


@pytest.mark.parametrize("form", [[], ["--no-overlay"]], ids=["overlay", "copies"])
def test_the_engines_own_program_is_not_overwritten(rkt, form):
    """A script whose interpreter is /proc/self/exe makes the kernel run it; what is behind it must be nobody's to execute again."""
    evil = "#!/proc/self/exe\n"
    attack = ("/evil-script & p=$!; exec 9</proc/$p/exe; wait; for i in 1 2 3 4 5 6 7 8 9 10; do (echo pwned > /proc/self/fd/9) 2>/dev/null && break; done; "
              "(echo pwned > /proc/1/exe) 2>/dev/null; exit 0")
    rkt.image("example.com/first", exec=["/bin/true"])
    assert rkt.run("example.com/first", code=0).out == ""
    before = programs_of_the_store(rkt)
    r = hostile(rkt, [entry("rootfs/evil-script", evil, mode=0o755)], *form, exec=["/bin/sh", "-c", attack])
    after = programs_of_the_store(rkt)
    assert {p: after.get(p) for p in before} == before, r
    assert rkt.run("example.com/first", code=0).out == ""


@pytest.mark.parametrize("form", [[], ["--no-overlay"], ["--private-users"]], ids=["overlay", "copies", "users"])
def test_no_interpreter_is_the_engines_own_program(rkt, form):
    """No check of the file can see this one: the kernel follows the link when it looks for the interpreter."""
    r = hostile(rkt, [entry("rootfs/evil", "#!/proc/self/exe\n", mode=0o755)], *form, exec=["/evil"])
    assert r.code == 203 and "/evil" in r.err, r


def test_an_entered_link_to_the_program_is_refused(rkt):
    rkt.image(exec=["/bin/sleep", "1000"], extra=[entry("rootfs/bin/evil", link="/proc/self/exe")])
    _, uuid = rkt.start_pod("example.com/busybox")
    assert rkt("enter", uuid, "/bin/evil").code == 203


# CVE-2025-31133: what hides a path is not taken from the image.
@pytest.mark.parametrize("target", ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/etc/passwd"])
def test_a_null_device_of_the_image_uncovers_nothing(rkt, target):
    core = open("/proc/sys/kernel/core_pattern").read()
    r = hostile(rkt, [entry("rootfs/dev"), entry("rootfs/dev/null", link=target)], exec=["/bin/sh", "-c",
                "wc -c < /proc/kallsyms; wc -c < /proc/keys; stat -c %F /dev/null; (echo evil > /proc/sys/kernel/core_pattern) 2>/dev/null || echo refused"])
    assert r.out.split("\n")[:4] == ["0", "0", "character special file", "refused"], r
    assert open("/proc/sys/kernel/core_pattern").read() == core


def test_a_null_device_of_a_volume_is_no_stream(rkt, tmp_path):
    there, check = victim(tmp_path)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "null").symlink_to(there / "secret")
    r = hostile(rkt, [], f"--volume=d,kind=host,source={tmp_path}/dev", "--mount=volume=d,target=/dev", exec=["/bin/sh", "-c", "cat; readlink /proc/self/fd/0"])
    assert r.code == 0 and r.out.startswith("pipe:["), r
    check()


# CVE-2022-0492: no cgroup file system that could start a program on the host.
def test_no_release_agent(rkt):
    rkt.image(exec=["/bin/sh", "-c", "mkdir -p /tmp/c; for o in memory rdma cpu devices name=x; do mount -t cgroup -o $o cgroup /tmp/c 2>/dev/null && echo mounted; "
                    "unshare -UrmC mount -t cgroup -o $o cgroup /tmp/c 2>/dev/null && echo mounted; done; find / -name release_agent 2>/dev/null; exit 0"])
    assert rkt.run("example.com/busybox", code=0).out == ""


# CVE-2022-27650: nothing is inheritable.
def test_no_inheritable_capabilities_in_pods_and_beside_them(rkt):
    rkt.image(exec=["/bin/sh", "-c", "grep -h CapInh /proc/self/status; exec sleep 1000"])
    _, uuid = rkt.start_pod("example.com/busybox")
    assert rkt("enter", uuid, "/bin/grep", "CapInh", "/proc/self/status", code=0).out.split()[1] == "0" * 16


# HOME and passwd: what an image says about users adds neither lines nor rights.
def test_accounts_of_the_image_give_no_more_than_was_asked_for(rkt):
    passwd = "root:x:0:0:root:/root:/bin/sh\n1000:x:0:0:liar:/:/bin/sh\nworker\n:x:0:0::/:/bin/sh\n"
    r = hostile(rkt, [entry("rootfs/etc/passwd", passwd)], exec=["/bin/sh", "-c", "id -u; id -g"], user="1000", group="1000", without=("etc/passwd",))
    assert r.out.split() == ["1000", "1000"]
    r = hostile(rkt, [entry("rootfs/etc/passwd", passwd)], exec=["/bin/true"], user="worker\nroot", group="0", without=("etc/passwd",))
    assert r.code != 0


# S8: event handlers are the image's too.
@pytest.mark.parametrize("handler", ["pre-start", "post-stop"])
def test_event_handlers_are_as_confined_as_the_app(rkt, handler):
    look = "grep -E '^(CapEff|CapBnd|Seccomp):' /proc/self/status; readlink /proc/self/ns/mnt; ls /proc/1/root/ 2>/dev/null; exit 0"
    rkt.image(exec=["/bin/true"], eventHandlers=[{"name": handler, "exec": ["/bin/sh", "-c", look]}])
    out = rkt.run("example.com/busybox", code=0).out
    assert "CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nSeccomp:\t2\n" in out and os.readlink("/proc/self/ns/mnt") not in out
    assert len(out.splitlines()) == 4, out


# S21: files that a pod may have written are data, whatever they are.
@pytest.mark.parametrize("kind", ["link", "fifo", "large", "text"])
def test_status_files_of_a_pod_are_only_read_as_numbers(rkt, tmp_path, kind):
    there, _ = victim(tmp_path)
    rkt.image(exec=["/bin/true"])
    rkt.run("example.com/busybox", code=0)
    pod = next((rkt.data / "pods/run").iterdir())
    status = next(pod.glob("overlay/*/upper/rkt/status/busybox"))
    status.unlink()
    if kind == "link":
        status.symlink_to(there / "secret")
    elif kind == "fifo":
        os.mkfifo(status)
    else:
        status.write_text("9" * (1 << 20) if kind == "large" else "\x1b[31mevil\n")
    r = rkt("status", pod.name, timeout=20)
    assert "of the host" not in r.out + r.err and "\x1b" not in r.out + r.err and "state=exited" in r.out
    rkt("list", code=0, timeout=20)


# S22: the environment of whoever starts a pod is not the pod's.
def test_no_variable_of_the_caller_reaches_a_pod(rkt):
    rkt.image(exec=["/bin/sh", "-c", "env; cat /proc/1/environ 2>/dev/null; exit 0"])
    assert "hush" not in rkt.run("example.com/busybox", code=0, env={"SECRET": "hush", "LD_LIBRARY_PATH": "/hush"}).out


# S6: another app's files are not to be had.
def test_apps_of_a_pod_do_not_see_each_others_roots(rkt):
    rkt.image("example.com/one", exec=["/bin/sh", "-c", "echo mine > /mine; sleep 1"])
    rkt.image("example.com/two", exec=["/bin/sh", "-c", "sleep 0.3; for p in /proc/[0-9]*; do cat $p/root/mine 2>/dev/null; done; exit 0"], user="worker", group="worker")
    assert "mine" not in rkt.run("example.com/one", "example.com/two", code=0).out
