# SPDX-License-Identifier: Apache-2.0
"""Mutable pods: apps are added to a running pod, started, stopped and removed."""
import json
import os
import socket
import time

import pytest

from machine import Machine
from rktlib import entry, wait_until


@pytest.fixture
def sandbox(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo up; exec sleep 1000"])
    return start_sandbox(rkt)


def start_sandbox(rkt, *flags, **popen):
    uuid_file = rkt.tmp / "sandbox"
    p = rkt.start("app", "sandbox", "--net=none", f"--uuid-file-save={uuid_file}", *flags, **popen)
    wait_until(lambda: uuid_file.exists() and uuid_file.stat().st_size == 36 or p.poll() is not None, "the sandbox")
    assert p.poll() is None, p.stderr.read()
    uuid = uuid_file.read_text()
    wait_until(lambda: rkt("status", uuid).code == 0, "the pod")  # the file is there before the pod has left embryo/
    rkt("status", "--wait-ready=20s", uuid, code=0)
    return p, uuid


def app(rkt, uuid, name):
    return json.loads(rkt("app", "status", uuid, f"--app={name}", "--format=json", code=0).out)


def ended(rkt, uuid, name):
    return wait_until(lambda: (s := app(rkt, uuid, name))["state"] == "exited" and s, f"app {name} to end")


def test_an_app_comes_and_goes(rkt, sandbox):
    p, uuid = sandbox
    assert rkt("app", "list", uuid, code=0).out == "NAME\tSTATE\n"
    rkt("app", "add", uuid, "example.com/busybox", "--name=one", code=0)
    assert app(rkt, uuid, "one")["state"] == "created"
    rkt("app", "start", uuid, "--app=one", code=0)
    line = p.stdout.readline().decode()
    assert line.startswith("[") and "one[" in line and line.endswith("]: up\n")
    s = app(rkt, uuid, "one")
    assert s["state"] == "running" and s["created_at"] <= s["started_at"] and "exit_code" not in s
    started = next(line for line in rkt("app", "status", uuid, "--app=one", code=0).out.splitlines() if line.startswith("started_at="))
    assert started.split(".")[-1].split()[0].ljust(9, "0") == str(s["started_at"])[-9:], "to the nanosecond"
    assert rkt("app", "list", "--no-legend", uuid, code=0).out.split() == ["one", "running"]
    assert rkt("app", "exec", "--app=one", uuid, "/bin/sh", "-c", "echo $AC_APP_NAME; exit 5", code=5).out == "one\n"
    rkt("app", "stop", uuid, "--app=one", code=0)
    s = app(rkt, uuid, "one")
    assert (s["state"], s["exit_code"]) == ("exited", 143) and s["finished_at"] >= s["started_at"]
    assert "is not running" in rkt("app", "stop", uuid, "--app=one", code=254).err
    rkt("app", "rm", uuid, "--app=one", code=0)
    assert rkt("app", "list", "--no-legend", uuid, code=0).out == ""
    pod = rkt.data / "pods/run" / uuid
    assert not (pod / "appsinfo/one").exists() and not list(pod.glob("overlay/*/upper/one"))
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0


def test_no_manifest_makes_a_pod_mutable_by_its_word(rkt):
    image = rkt.image(exec=["/bin/sleep", "1000"])
    f = rkt.tmp / "pod.json"
    f.write_text(json.dumps({"acVersion": "0.8.11", "acKind": "PodManifest", "apps": [{"name": "one", "image": {"id": image.id}}],
                             "annotations": [{"name": "coreos.com/rkt/stage1/mutable", "value": "true"}]}))
    _, uuid = rkt.start_pod(f"--pod-manifest={f}")
    rkt("status", "--wait-ready=20s", uuid, code=0)
    why = f'pod "{uuid}" was started with all its apps, whatever its manifest says of itself; apps come and go in a pod of: rkt app sandbox\n'
    before = rkt("cat-manifest", uuid, code=0).out
    assert rkt("app", "add", uuid, "example.com/busybox", "--name=two", code=254).err == f"add: error adding app to pod: {why}"
    assert rkt("cat-manifest", uuid, code=0).out == before
    for verb in ("start", "stop", "rm"):
        assert rkt("app", verb, uuid, "--app=one", code=254).err.endswith(f": {why}")
    rkt("stop", uuid, code=0)


def test_an_app_leaves_nothing_to_the_next_of_its_name(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo up; ls /data; echo left >/data/file"], mountPoints=[{"name": "data", "path": "/data"}])
    p, uuid = start_sandbox(rkt)
    for starts in (2, 1):
        rkt("app", "add", uuid, "example.com/busybox", "--name=a", code=0)
        for _ in range(starts):
            rkt("app", "start", uuid, "--app=a", code=0)
            ended(rkt, uuid, "a")
        rkt("app", "rm", uuid, "--app=a", code=0)
    rkt("stop", uuid, code=0)
    assert [line.rsplit(b": ")[-1] for line in p.communicate(timeout=20)[0].splitlines()] == [b"up", b"up", b"file", b"up"]


def test_an_added_app_has_its_environment_in_a_file_for_stage1s_that_read_one(rkt, sandbox):
    _, uuid = sandbox
    rkt("app", "add", uuid, "example.com/busybox", "--name=a", "--environment=K=a\nB=c", code=0)
    files = list(rkt.data.glob(f"pods/run/{uuid}/overlay/*/upper/rkt/env/a"))
    assert [f.read_text() for f in files] == ["PATH=/bin:/usr/bin\nK=a\\nB=c\nSHELL=/bin/sh\nUSER=root\nLOGNAME=root\nHOME=/root\nAC_APP_NAME=a\n"]
    rkt("app", "rm", uuid, "--app=a", code=0)
    assert not files[0].exists()


def test_the_pod_outlives_its_apps_and_their_failures(rkt, sandbox):
    p, uuid = sandbox
    rkt("app", "add", uuid, "example.com/busybox", "--name=fails", "--", "-c", "exit 3", code=0)
    rkt("app", "add", uuid, "example.com/busybox", "--name=stays", code=0)
    rkt("app", "add", uuid, "--name=never", "--exec=/bin/sleep", "example.com/busybox", "--", "1", code=0)
    for name in ("stays", "fails"):
        rkt("app", "start", uuid, f"--app={name}", code=0)
    assert ended(rkt, uuid, "fails")["exit_code"] == 3
    assert app(rkt, uuid, "never")["state"] == "created"
    assert app(rkt, uuid, "stays")["state"] == "running" and p.poll() is None
    rkt("app", "start", uuid, "--app=fails", code=0)
    assert ended(rkt, uuid, "fails")["exit_code"] == 3
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0
    s = app(rkt, uuid, "stays")
    assert (s["state"], s["exit_code"]) == ("exited", 143)
    assert app(rkt, uuid, "never")["state"] == "exited"


def test_apps_share_network_ipc_host_name_and_processes_but_not_files(rkt, sandbox):
    _, uuid = sandbox
    for name in ("one", "two"):
        rkt("app", "add", uuid, "example.com/busybox", f"--name={name}", code=0)
        rkt("app", "start", uuid, f"--app={name}", code=0)

    def inside(name, *argv):
        return rkt("app", "exec", f"--app={name}", uuid, *argv, code=0).out.strip()
    for ns in ("net", "ipc", "uts", "pid"):
        assert inside("one", "/bin/readlink", f"/proc/self/ns/{ns}") == inside("two", "/bin/readlink", f"/proc/self/ns/{ns}") != os.readlink(f"/proc/self/ns/{ns}")
    assert inside("one", "/bin/readlink", "/proc/self/ns/mnt") != inside("two", "/bin/readlink", "/proc/self/ns/mnt")
    assert inside("one", "/bin/readlink", "/proc/self/ns/cgroup") != inside("two", "/bin/readlink", "/proc/self/ns/cgroup")
    inside("one", "/bin/sh", "-c", "echo shared >/dev/shm/x; echo own >/x")
    assert inside("two", "/bin/cat", "/dev/shm/x") == "shared"
    assert inside("two", "/bin/sh", "-c", "test -e /x || echo none") == "none"
    assert inside("one", "/bin/hostname") == f"rkt-{uuid}"


def test_an_added_app_is_confined_like_any_other(rkt, sandbox):
    _, uuid = sandbox
    show = "grep -E '^(CapBnd|CapEff|Seccomp|NoNewPrivs):' /proc/self/status; cat /proc/1/comm; ls /proc/kcore; wc -c </proc/kallsyms; umask; ls /proc/self/fd | wc -l"
    rkt("app", "add", uuid, "example.com/busybox", "--name=shown", "--user=1000", "--group=1000", "--", "-c", f"({show}) >/tmp/out 2>&1; exec sleep 1000", code=0)
    rkt("app", "start", uuid, "--app=shown", code=0)
    out = wait_until(lambda: (o := rkt("app", "exec", "--app=shown", uuid, "/bin/cat", "/tmp/out").out).count("\n") >= 9 and o, "the app's report")
    words = out.split()
    assert words[:8] == ["CapEff:", "0" * 16, "CapBnd:", "00000000a80425fb", "NoNewPrivs:", "1", "Seccomp:", "2"], out
    assert words[-3:] == ["0", "0022", "4"], out


def test_looking_into_pid_1_finds_no_file_system(rkt):
    rkt.image(exec=["/bin/sleep", "1000"], isolators=[{"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_SYS_PTRACE"]}}])
    _, uuid = start_sandbox(rkt)
    rkt("app", "add", uuid, "example.com/busybox", "--name=a", code=0)
    rkt("app", "start", uuid, "--app=a", code=0)
    look = "ls /proc/1/fd | wc -l; for f in /proc/1/fd/*; do [ -d $f ] && echo $f $(readlink $f); done; exit 0"
    out = rkt("app", "exec", "--app=a", uuid, "/bin/sh", "-c", look, code=0).out.splitlines()
    assert int(out[0]) > 3 and out[1:] == [], out


def test_limits_and_volumes_of_an_added_app(rkt, sandbox):
    _, uuid = sandbox
    place = rkt.tmp / "volume"
    place.mkdir()
    (place / "file").write_text("from the host")
    rkt("app", "add", uuid, "example.com/busybox", "--name=limited", "--memory=64M", "--cpu=500m",
        f"--mnt-volume=name=v,kind=host,source={place},readOnly=true,target=/v", code=0)
    rkt("app", "start", uuid, "--app=limited", code=0)
    assert rkt("app", "exec", "--app=limited", uuid, "/bin/cat", "/v/file", code=0).out == "from the host"
    assert "Read-only" in rkt("app", "exec", "--app=limited", uuid, "/bin/touch", "/v/x", code=1).err
    mounts = app(rkt, uuid, "limited")["mounts"]
    assert mounts == [{"name": "v", "container_path": "/v", "host_path": str(place), "read_only": True}]
    subcgroup = (rkt.data / "pods/run" / uuid / "subcgroup").read_text()
    scope = os.path.basename(subcgroup)
    limits = [open(os.path.join(where, "memory.limit_in_bytes")).read().strip() for where, _, files in os.walk("/sys/fs/cgroup/memory")
              if where.endswith(f"{scope}/system.slice/limited.service")]
    assert limits == [str(64_000_000 // 4096 * 4096)]


def test_event_handlers_run_around_an_added_app(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo app; exit 4"],
              eventHandlers=[{"name": "pre-start", "exec": ["/bin/echo", "before"]}, {"name": "post-stop", "exec": ["/bin/echo", "after"]}])
    p, uuid = start_sandbox(rkt)
    rkt("app", "add", uuid, "example.com/busybox", "--name=a", code=0)
    rkt("app", "start", uuid, "--app=a", code=0)
    assert ended(rkt, uuid, "a")["exit_code"] == 4
    rkt("stop", uuid, code=0)
    assert [line.split(b"]: ")[1] for line in p.communicate(timeout=20)[0].splitlines()] == [b"before", b"app", b"after"]


def test_what_is_wrong_is_said(rkt, sandbox):
    p, uuid = sandbox
    rkt("app", "add", uuid, "example.com/busybox", "--name=x", code=0)
    assert rkt("app", "add", uuid, "example.com/busybox", "--name=x", code=254).err.strip().endswith("error: multiple apps with name x")
    assert 'nonexistent app "y"' in rkt("app", "start", uuid, "--app=y", code=254).err
    assert "must provide the app to start" in rkt("app", "start", uuid, code=254).err
    assert "must give only one app" in rkt("app", "add", uuid, "example.com/busybox", "example.com/busybox", code=254).err
    assert 'cannot find app "y" in the pod' in rkt("app", "status", uuid, "--app=y", code=1).err
    bad = rkt("app", "add", uuid, "example.com/busybox", "--name=bad", "--exec=nothing", code=254)
    assert 'unable to find "nothing"' in bad.err
    assert rkt("app", "list", "--no-legend", uuid, code=0).out.split() == ["x", "created"]
    rkt("app", "add", uuid, "example.com/busybox", "--name=late", "--exec=/dev/nothing", code=0)
    rkt("app", "start", uuid, "--app=late", code=254)
    assert ended(rkt, uuid, "late")["exit_code"] == 203
    rkt("app", "start", uuid, "--app=x", code=0)
    assert "already running" in rkt("app", "start", uuid, "--app=x", code=254).err
    _, other = rkt.start_pod("example.com/busybox")
    assert "immutable pod" in rkt("app", "add", other, "example.com/busybox", "--name=z", code=254).err
    assert p.poll() is None


def test_a_killed_sandbox_leaves_nothing(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    before = Machine.look()
    p, uuid = start_sandbox(rkt)
    for name in ("one", "two"):
        rkt("app", "add", uuid, "example.com/busybox", f"--name={name}", code=0)
        rkt("app", "start", uuid, f"--app={name}", code=0)
    p.kill()
    p.wait()
    rkt("status", "--wait=20s", uuid, code=0)
    assert app(rkt, uuid, "one")["state"] == "exited"
    rkt("app", "rm", uuid, "--app=one", code=0)
    rkt("gc", "--grace-period=0s", code=0)
    assert Machine.look().since(before) == []
    assert not (rkt.data / "pods/exited-garbage" / uuid).exists() and not (rkt.data / "pods/run" / uuid).exists()


def test_garbage_on_the_control_socket_changes_nothing(rkt, sandbox):
    p, uuid = sandbox
    path = rkt.data / "pods/run" / uuid / "control"
    assert path.stat().st_mode & 0o777 == 0o600
    fd = os.open(path.parent, os.O_PATH)
    held = []
    for junk in (b"", b"\0" * 4000, b"start", b"bogus x", b"start \xff\xff", b"start  a b c", os.urandom(300)) * 20:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(f"/proc/self/fd/{fd}/control")
        if junk:
            s.send(junk)
        held.append(s)
        if len(held) > 40:
            held.pop(0).close()
    for s in held:
        s.close()
    os.close(fd)
    rkt("app", "add", uuid, "example.com/busybox", "--name=one", code=0)
    rkt("app", "start", uuid, "--app=one", code=0)
    assert p.poll() is None and app(rkt, uuid, "one")["state"] == "running"


def test_without_an_overlay(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo $AC_APP_NAME; exit 6"])
    p, uuid = start_sandbox(rkt, "--no-overlay")
    rkt("app", "add", uuid, "example.com/busybox", "--name=copied", code=0)
    rkt("app", "start", uuid, "--app=copied", code=0)
    assert ended(rkt, uuid, "copied")["exit_code"] == 6
    rkt("app", "rm", uuid, "--app=copied", code=0)
    assert not (rkt.data / "pods/run" / uuid / "stage1/rootfs/opt/stage2/copied").exists()


def test_an_image_without_hosts_has_them_at_every_start(rkt, sandbox):
    p, uuid = sandbox
    rkt("app", "add", uuid, "example.com/busybox", "--name=a", "--", "-c", "head -n 1 /etc/hosts", code=0)
    for _ in range(2):
        rkt("app", "start", uuid, "--app=a", code=0)
        assert b"default rkt /etc/hosts" in p.stdout.readline()
        ended(rkt, uuid, "a")


def test_what_keeps_an_app_from_starting_is_said_when_it_is_added(rkt, sandbox):
    _, uuid = sandbox
    volume = "--mnt-volume=name=v,kind=host,source=/nope,target=/v"
    for flags, text in ((["--exec=/nope"], '"/nope" could not be executed: Unable to open "/nope": no such file or directory'),
                        (["--exec=/etc/passwd"], '"/etc/passwd" is not executable'),
                        (["--working-dir=/nope"], "change to the working directory: no such file or directory"),
                        ([volume], 'volume for "/v"')):
        r = rkt("app", "add", uuid, "example.com/busybox", "--name=a", *flags)
        assert r.code != 0 and text.lower() in r.err.lower(), (flags, r)
    assert rkt("app", "list", "--no-legend", uuid, code=0).out == ""
    tools = rkt.tmp / "tools"
    tools.mkdir()
    rkt("app", "add", uuid, "example.com/busybox", "--name=a", f"--mnt-volume=name=t,kind=host,source={tools},target=/tools",
        "--exec=/tools/later", "--working-dir=/tools/later", code=0)
