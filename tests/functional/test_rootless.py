# SPDX-License-Identifier: Apache-2.0
"""Pods of an ordinary user."""
import json
import os
import shutil
import subprocess
import tarfile

import pytest

from rktlib import busybox_rootfs, entry, oci_layout, wait_until
from userlib import USER, a_user, complaints, image


@pytest.fixture(params=[True, False], ids=["ranges", "one id"])
def user(keys, request):
    with a_user(keys, request.param) as user:
        yield user


@pytest.fixture
def mapped(keys):
    with a_user(keys, True) as user:
        yield user


def test_a_pod_runs_is_seen_entered_stopped_and_removed(user):
    aci = image(user, exec=["/bin/sh", "-c", "id -u; echo up; exec sleep 1000"])
    p, uuid = user.start_pod("--net=none", aci.path)
    assert [p.stdout.readline() for _ in range(2)] == ["0\n", "up\n"]
    assert json.loads(user("list", "--format=json", code=0).stdout)[0]["state"] == "running"
    assert "example.com/busybox" in user("image", "list", "--fields=name", "--no-legend", code=0).stdout
    inside = user("enter", uuid, "/bin/sh", "-c", "echo $AC_APP_NAME; cat /proc/1/comm; ls /proc | grep -c '^[0-9]'; exit 3", code=3).stdout.split("\n")
    assert inside[0] == "busybox" and int(inside[2]) < 8
    pid = dict(line.split("=", 1) for line in user("status", uuid, code=0).stdout.splitlines())["pid"]
    assert all(u == str(USER) for u in next(line for line in open(f"/proc/{pid}/status") if line.startswith("Uid:")).split()[1:])
    user("stop", uuid, code=0)
    assert p.wait(20) == 0
    assert "exited" in user("status", uuid, code=0).stdout and "app-busybox=143" in user("status", uuid).stdout
    user("rm", uuid, code=0)
    assert json.loads(user("list", "--format=json", code=0).stdout or "null") in (None, [])
    data = user.home / ".local/share/rkt"
    assert (data / "cas/index.db").stat().st_uid == USER and not user.rkt.data.exists()
    open_to_others = [p for p in (data, data / "cas", *(data / "cas").iterdir()) if p.lstat().st_mode & 0o022]
    assert not open_to_others
    for words in (["gc"], ["stop", uuid], ["list"], ["status", uuid], ["image", "list"], ["fetch", aci.path]):
        refusal = subprocess.run([user.rkt.bin, f"--dir={data}", *words], capture_output=True, text=True)
        assert refusal.returncode == 254 and "belongs to another user" in refusal.stderr, words


def test_an_app_that_is_started_again_finds_nothing_of_its_last_life(mapped):
    aci = image(mapped, exec=["/bin/sh", "-c", "all=$(ls /proc); echo app $(echo \"$all\" | grep -c '^[0-9]'); sleep 1000 & exit 3"])
    out = mapped("run", "--net=none", aci.path, "--restart=on-failure:2", code=3).stdout.splitlines()
    assert len(out) == 3 and out == out[:1] * 3, out
    own = mapped("run", "--net=none", aci.path, "--pid=private", "--restart=on-failure:1", aci.path, "--name=other", "--exec=/bin/true", code=3).stdout
    assert own.count("app 2\n") == 2, "what has its own processes takes them with it"
    p = mapped("run", "--net=none", aci.path, "--restart=always", aci.path, "--name=other")
    assert p.returncode == 254 and "--restart needs cgroups here" in p.stderr and "a pod of its own" in p.stderr, p


def test_an_app_has_processes_of_its_own(user):
    aci = image(user, exec=["/bin/sh", "-c", "echo $$ $(readlink /proc/self/ns/pid) $(wc -c </proc/keys); exec sleep 1000"])
    p, uuid = user.start_pod("--net=none", aci.path, "--pid=private")
    pid, space, hidden = p.stdout.readline().split()
    assert (pid, hidden) == ("1", "0")
    assert user("enter", uuid, "/bin/sh", "-c", "readlink /proc/self/ns/pid; cat /proc/1/comm; echo z >/proc/sys/kernel/hostname", code=1).stdout.split() == [space, "sleep"]
    user("stop", "--force", uuid, code=0)
    assert p.wait(20) == 137


@pytest.mark.parametrize("flags", [["--net=none"], ["--net=host"], ["--net=none", "--no-overlay"]], ids=["none", "host", "copies"])
def test_owners_of_the_image_and_confinement(user, flags):
    extra = [entry("rootfs/d"), entry("rootfs/d/old", "x"), entry("rootfs/of-worker", "x", uid=1000, gid=1000), entry("rootfs/dev"), entry("rootfs/dev/null0", type=b"3", dev=(1, 3))]
    script = "stat -c %u /of-worker; grep CapBnd /proc/self/status; grep Seccomp: /proc/self/status; echo x >/dev/null && echo null; cat /proc/kcore /proc/keys 2>/dev/null | wc -c; rm -r /d && mkdir /d && ls /d | wc -l"
    aci = image(user, exec=["/bin/sh", "-c", script], extra=extra)
    p = user("run", *flags, aci.path, code=0)
    out = p.stdout.split("\n")
    assert out[0] == ("1000" if user.ranges else "0")
    assert out[1:] == ["CapBnd:\t00000000a80425fb", "Seccomp:\t2", "null", "0", "0", ""], p
    assert ("one id only" in p.stderr) == (not user.ranges), p.stderr


@pytest.mark.parametrize("flags", [[], ["--no-overlay"]], ids=["overlay", "copies"])
def test_an_app_is_exported_as_it_saw_itself_and_may_have_the_hosts_ipc(mapped, flags):
    script = "umask 077; mkdir /private; echo x >/private/f; chown -R 1000 /private; rm /gone; ls -d /dev/mqueue; readlink /proc/self/ns/ipc"
    aci = image(mapped, exec=["/bin/sh", "-c", script], extra=[entry("rootfs/gone", "x"), entry("rootfs/of-worker", "x", uid=7)])
    p = mapped("run", "--net=none", "--ipc=parent", f"--uuid-file-save={mapped.home}/uuid", *flags, aci.path, code=0)
    assert p.stdout == f"/dev/mqueue\n{os.readlink('/proc/self/ns/ipc')}\n"
    mapped("export", (mapped.home / "uuid").read_text(), mapped.home / "out.aci", code=0)
    with tarfile.open(mapped.home / "out.aci") as tar:
        owners = {m.name: m.uid for m in tar}
    assert [owners[f"rootfs/{n}"] for n in ("private", "private/f", "of-worker", "bin/busybox")] == [1000, 1000, 7, 0]
    assert "rootfs/gone" not in owners and (mapped.home / "out.aci").stat().st_uid == USER


def test_an_app_of_another_user_needs_ranges(user):
    aci = image(user, exec=["/bin/id", "-u"])
    p = user("run", "--net=none", aci.path, "--user=1000")
    if user.ranges:
        assert (p.returncode, p.stdout) == (0, "1000\n"), p
    else:
        assert p.returncode == 217 and "uidmap" in p.stderr and len(complaints(p)) == 2, p.stderr


def test_limits_that_nobody_may_raise_are_those_of_who_enters(mapped):
    """The pod's are higher, and root of a user namespace may raise none."""
    aci = image(mapped, exec=["/bin/sleep", "1000"])
    _, uuid = mapped.start_pod("--net=none", aci.path)
    lower = ["prlimit", "--nofile=300:300", "--core=0:0", "--nproc=5000:5000"]
    look = "ulimit -Sn; ulimit -Hn; ulimit -c; grep processes /proc/self/limits | tr -dc '0-9 '"
    p = mapped.run(*lower, mapped.rkt.bin, f"--system-config={mapped.rkt.sys}", f"--local-config={mapped.rkt.etc}", "enter", uuid, "/bin/sh", "-c", look)
    assert (p.returncode, p.stdout.split()) == (0, ["300", "300", "0", "5000", "5000"]), p


def test_nothing_is_used_without_a_signature(mapped):
    aci = image(mapped, trusted=False, exec=["/bin/true"])
    assert mapped("run", "--net=none", aci.path).returncode == 254
    key = mapped.rkt.keys("builder").public
    trust = [mapped.rkt.bin, f"--system-config={mapped.rkt.sys}"]
    shutil.copy(key, mapped.rkt.tmp / "key")
    os.chmod(mapped.rkt.tmp / "key", 0o644)
    mapped.run(*trust, "trust", "--prefix=example.com/busybox", "--skip-fingerprint-review", mapped.rkt.tmp / "key", code=0)
    assert list((mapped.home / ".config/rkt/trustedkeys").rglob("*" + mapped.rkt.keys("builder").fingerprint))
    mapped.run(*trust, "run", "--net=none", aci.path, code=0)


def test_what_takes_root_says_so(mapped):
    aci = image(mapped, exec=["/bin/true"])
    mapped.rkt("image", "list", code=0)  # a data directory of root's
    for args, text in ([["run", "--net=default-restricted", aci.path], "use --net=default, --net=none or --net=host"], [["run", "--net=none", "--private-users", aci.path], "takes root"],
                       [[f"--dir={mapped.rkt.data}", "run", "--net=none", aci.path], "cannot run as unprivileged user"]):
        p = mapped(*args, code=254)
        assert text in p.stderr and len(complaints(p)) == 1, p.stderr


def test_mutable_pods_and_what_is_the_users_own(mapped):
    aci = image(mapped, exec=["/bin/sh", "-c", "echo of the pod >/v/file; exec sleep 1000"])
    mapped("fetch", aci.path, code=0)
    mapped.run("mkdir", "-m", "700", mapped.home / "v", code=0)
    command = ["--net=none", f"--volume=v,kind=host,source={mapped.home}/v"]
    p, uuid = mapped.start_pod(*command, aci.path, "--mount=volume=v,target=/v")
    wait_until(lambda: (mapped.home / "v/file").exists() and (mapped.home / "v/file").read_text(), "the app to write")
    assert (mapped.home / "v/file").stat().st_uid == USER
    assert mapped("enter", "--debug-image=example.com/busybox", uuid, "/bin/cat", "/rkt/app/v/file", code=0).stdout == "of the pod\n"
    file = mapped.home / "sandbox"
    sandbox = subprocess.Popen(mapped.argv(mapped.rkt.bin, f"--system-config={mapped.rkt.sys}", f"--local-config={mapped.rkt.etc}", "app", "sandbox", "--net=none",
                                           f"--uuid-file-save={file}"), env=mapped.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    mapped.children.append(sandbox)
    wait_until(lambda: file.exists() and file.stat().st_size == 36, "the sandbox")
    uuid = file.read_text()
    mapped("status", "--wait-ready=20s", uuid, code=0)
    mapped("app", "add", uuid, "example.com/busybox", "--name=one", "--exec=/bin/sleep", "--", "1000", code=0)
    mapped("app", "start", uuid, "--app=one", code=0)
    assert mapped("app", "exec", "--app=one", uuid, "/bin/sh", "-c", "echo $AC_APP_NAME", code=0).stdout == "one\n"
    mapped("app", "stop", uuid, "--app=one", code=0)
    mapped("app", "rm", uuid, "--app=one", code=0)


def test_prepared_and_fly_pods(mapped):
    aci = image(mapped, exec=["/bin/sh", "-c", "echo $0 $AC_APP_NAME", "hello"])
    uuid = mapped("prepare", aci.path, code=0).stdout.strip()
    assert mapped("run-prepared", "--net=none", uuid, code=0).stdout == "hello busybox\n"
    assert mapped("run", "--net=host", "--stage1-name=coreos.com/rkt/stage1-fly", aci.path, code=0).stdout.startswith("hello")
    mapped("gc", "--grace-period=0s", code=0)
    mapped("image", "gc", "--grace-period=0s", code=0)
    assert mapped("image", "list", "--no-legend", code=0).stdout == ""


def test_layers_hide_what_is_below_and_apps_their_own(mapped):
    """Marks of overlays that a user may set: in the image's layers, and by an app at run time."""
    first = [(i, b) for i, b in busybox_rootfs([entry("rootfs/d"), entry("rootfs/d/old", "x"), entry("rootfs/gone", "x")])]
    for i, _ in first:
        i.name = i.name.removeprefix("rootfs").lstrip("/") or "."
    second = [entry(".wh.gone", ""), entry("d"), entry("d/.wh..wh..opq", ""), entry("d/new", "y", uid=1000)]
    layout = oci_layout(mapped.home / "layout", [first, second])
    mapped.run("chmod", "-R", "a+rX", layout)
    script = "ls /d; test -e /gone || echo hidden; stat -c %u /d/new; rm -r /d; mkdir /d; ls /d | wc -l"
    p = mapped("--insecure-options=image", "run", "--net=none", "oci:" + layout, "--exec=/bin/sh", "--", "-c", script, code=0)
    assert p.stdout.split() == ["new", "hidden", "1000", "0"]
    mapped("image", "extract", "--rootfs-only", mapped("--insecure-options=image", "fetch", "--full", "oci:" + layout, code=0).stdout.strip(), mapped.home / "out", code=0)
    assert os.listdir(mapped.home / "out" / "d") == ["new"] and not (mapped.home / "out" / "gone").exists()
