# SPDX-License-Identifier: Apache-2.0
"""The life of a pod, row by row: states and their locks, files, times, waiting, gc, rm."""
import fcntl
import json
import os
import pty
import re
import signal
import socket
import stat
import subprocess

import pytest

from machine import Machine
from rktlib import wait_until

STATES = [("prepare", True, "preparing"), ("prepare", False, "aborted prepare"), ("prepared", False, "prepared"), ("run", True, "running"),
          ("run", False, "exited"), ("exited-garbage", True, "exited deleting"), ("exited-garbage", False, "exited garbage")]
FLY = "--stage1-name=coreos.com/rkt/stage1-fly"
FLAVORS = [("none", []), ("host", [FLY])]
both_flavors = pytest.mark.parametrize("net, flavor", FLAVORS, ids=["native", "fly"])


def prepared(rkt, *args):
    return rkt("prepare", *args, "example.com/busybox", code=0).out.splitlines()[-1]


def place_of(rkt, uuid):
    (found,) = [p.parent.name for p in rkt.data.glob(f"pods/*/{uuid}")]
    return found


def take(path, mode=fcntl.LOCK_EX):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(fd, mode | fcntl.LOCK_NB)
    return fd


# ------------------------------------------------------------------------------------------------------------ states

@pytest.mark.parametrize("place, locked, name", STATES)
def test_the_state_is_the_place_and_the_lock(rkt, place, locked, name):
    rkt.image(exec=["/bin/true"])
    uuid = prepared(rkt)
    os.rename(rkt.data / "pods/prepared" / uuid, rkt.data / "pods" / place / uuid)
    lock = take(rkt.data / "pods" / place / uuid) if locked else None
    lines = dict(line.split("=", 1) for line in rkt("status", uuid[:8], code=0).out.splitlines())
    assert lines["state"] == name
    assert list(lines)[:2] == ["state", "created"]
    assert ("networks" in lines) == (name in ("running", "exited"))
    assert lines.get("exited") == {"running": "false", "exited": "true", "exited garbage": "true", "exited deleting": "false"}.get(name)
    row = rkt("list", "--no-legend", code=0).out
    assert row.startswith(uuid[:8] + "\t") and f"\t{name}\t" in row
    if lock is not None:
        os.close(lock)


@pytest.mark.parametrize("place", ["embryo", "garbage"])
def test_pods_that_do_not_count_are_neither_shown_nor_found(rkt, place):
    rkt.image(exec=["/bin/true"])
    uuid = prepared(rkt)
    os.rename(rkt.data / "pods/prepared" / uuid, rkt.data / "pods" / place / uuid)
    assert rkt.pods() == [] and f'no matches found for "{uuid}"' in rkt("status", uuid, code=254).err


def test_the_directories_are_made_by_any_command(rkt):
    rkt("list", code=0)
    assert {p.name: stat.S_IMODE(p.stat().st_mode) for p in (rkt.data / "pods").iterdir()} == dict.fromkeys(
        ["embryo", "prepare", "prepared", "run", "exited-garbage", "garbage"], 0o750)


def test_the_same_pod_in_two_places_counts_once(rkt):
    rkt.image(exec=["/bin/true"])
    uuid = prepared(rkt)
    (rkt.data / "pods/run" / uuid).mkdir()
    assert rkt.status(uuid[:8])["state"] == "prepared" and len(rkt.pods()) == 1
    (rkt.data / "pods/run" / uuid).rmdir()


def test_uuids_are_prefixes(rkt):
    rkt.image(exec=["/bin/true"])
    uuids = [prepared(rkt), prepared(rkt)]
    common = os.path.commonprefix(uuids)
    for uuid in uuids:
        assert rkt.status(uuid[:len(common) + 1].upper())["state"] == "prepared"
    other = "f" * 8 + uuids[0][8:]
    for place, name in (("prepared", "f" * 7 + "0" + other[8:]), ("prepare", other)):
        os.rename(rkt.data / "pods/prepared" / uuids.pop(), rkt.data / "pods" / place / name)
    assert "ambiguous uuid, 2 matches" in rkt("status", "fffffff", code=254).err
    assert 'no matches found for "deadbeef"' in rkt("status", "deadbeef", code=254).err


def test_strays_are_named_and_skipped(rkt):
    rkt("list", code=0)
    (rkt.data / "pods/run/file").write_text("")
    (rkt.data / "pods/run/no-uuid").mkdir()
    err = rkt("list", code=0).err
    assert 'unrecognized entry: "file", ignoring' in err and 'skipping "no-uuid"' in err


def test_two_run_prepared_of_one_pod(rkt):
    """The reference's loser waits for the winner's end and fails then."""
    rkt.image(exec=["/bin/sh", "-c", "echo up; sleep 1000"])
    uuid = prepared(rkt)
    winner = rkt.start("run-prepared", "--net=none", uuid)
    assert winner.stdout.readline() == b"up\n"
    assert rkt("run-prepared", "--net=none", uuid, code=254).err == f'run-prepared: pod "{uuid}" is not prepared\n'
    rkt("stop", "--force", uuid, code=0)
    winner.wait(10)


def test_a_failed_prepare_is_aborted_and_collected_without_grace(rkt):
    rkt.image(exec=["/bin/true"])
    rkt("prepare", "example.com/busybox", "--name=Bad!", code=254)
    assert "ACName must contain only lower case" in rkt("prepare", "example.com/busybox", "--name=Bad!", code=254).err
    (a, b) = [p.name for p in (rkt.data / "pods/prepare").iterdir()]
    assert rkt.status(a)["state"] == "aborted prepare"
    assert rkt("rm", a, code=0).out == f'"{a}"\n'
    r = rkt("gc", code=0)
    assert f'moving failed prepare "{b}" to garbage' in r.err and f'Garbage collecting pod "{b}"' in r.out
    assert list((rkt.data / "pods/prepare").iterdir()) == []


# ------------------------------------------------------------------------------------------------------------- files

def modes(pod, *names):
    return {n: stat.S_IMODE(os.lstat(pod / n).st_mode) for n in names}


def test_files_of_a_prepared_pod(rkt):
    rkt.image(exec=["/bin/true"])
    pod = rkt.data / "pods/prepared" / prepared(rkt)
    assert modes(pod, "pod", "pod.lck", "pod-created", "overlay-prepared", "stage1TreeStoreID", "appsinfo/busybox/manifest",
                 "appsinfo/busybox/treeStoreID", "stage1/manifest") == {
        "pod": 0o640, "pod.lck": 0o600, "pod-created": 0o640, "overlay-prepared": 0o640, "stage1TreeStoreID": 0o640,
        "appsinfo/busybox/manifest": 0o640, "appsinfo/busybox/treeStoreID": 0o640, "stage1/manifest": 0o640}
    assert (pod / "pod-created").stat().st_size == 0
    copy = rkt.data / "pods/prepared" / prepared(rkt, "--no-overlay")
    assert not (copy / "overlay-prepared").exists() and not (copy / "appsinfo/busybox/treeStoreID").exists()
    stage2 = copy / "stage1/rootfs/opt/stage2/busybox"
    assert (stage2 / "manifest").read_bytes() == (copy / "appsinfo/busybox/manifest").read_bytes() and (stage2 / "rootfs/bin/busybox").exists()


@both_flavors
def test_files_of_a_pod_that_runs(rkt, net, flavor):
    rkt.image(exec=["/bin/sh", "-c", "echo up; exec sleep 1000"])
    p, uuid = rkt.start_pod(*flavor, "example.com/busybox", net=net)
    pod = rkt.data / "pods/run" / uuid
    assert p.stdout.readline() == b"up\n"
    pid = (pod / "pid").read_text()
    assert re.fullmatch(r"\d+\n", pid) and stat.S_IMODE((pod / "pid").stat().st_mode) == 0o644
    assert rkt.status(uuid)["pid"] == pid.strip()
    assert f"PPid:\t{p.pid}\n" in open(f"/proc/{pid.strip()}/status").read() if not flavor else int(pid) == p.pid
    (upper,) = [u for u in pod.glob("overlay/*/upper") if (u / "rkt/status").is_dir()]
    assert os.listdir(upper) == ["rkt"]  # stage1's other files are in memory
    if not flavor:
        assert os.readlink(upper / "rkt/supervisor-status") == "ready"
        assert "\n" not in (pod / "subcgroup").read_text()
    rkt("stop", "--force", uuid, code=0)
    p.wait(10)


def test_times(rkt):
    rkt.image(exec=["/bin/true"])
    uuid = prepared(rkt)
    assert "started" not in rkt.status(uuid)
    os.utime(rkt.data / "pods/prepared" / uuid / "pod-created", (1_500_000_000, 1_500_000_000.25))
    status = rkt("status", uuid, code=0, env={"TZ": "UTC"}).out
    assert "created=2017-07-14 02:40:00.25 +0000 UTC\n" in status
    os.unlink(rkt.data / "pods/prepared" / uuid / "pod-created")  # pods older than 1.20
    os.utime(rkt.data / "pods/prepared" / uuid / "pod", (1_400_000_000, 1_400_000_000))
    assert rkt.pods()[0]["created_at"] == 1_400_000_000
    assert "networks not found: nosuch" in rkt("run-prepared", "--net=nosuch", uuid, code=254).err, "and it stays prepared"
    rkt("run-prepared", "--net=none", uuid, code=0)
    (pod,) = rkt.pods()
    assert pod["started_at"] >= 1_600_000_000 and pod["apps"][0]["started_at"] // 10**9 == pod["started_at"]
    assert "finished_at" not in pod["apps"][0]
    rkt("gc", "--mark-only", code=0)
    assert rkt.pods()[0]["apps"][0]["finished_at"] // 10**9 >= pod["started_at"]


# ----------------------------------------------------------------------------------------------------------- waiting

@both_flavors
def test_wait_until_a_pod_has_ended(rkt, net, flavor):
    rkt.image(exec=["/bin/sh", "-c", "read line; exit 0"])
    uuid = prepared(rkt, *flavor)
    waiter = rkt.start("status", "--wait", uuid)
    p = rkt.start("run-prepared", f"--net={net}", "--interactive", uuid, stdin=subprocess.PIPE)
    wait_until(lambda: rkt.status(uuid)["state"] == "running", "the pod to run")
    r = rkt("status", "--wait=50ms", uuid, code=254)
    assert r.out == "" and r.err == "status: error waiting for pod to finish: context deadline exceeded\n"
    assert waiter.poll() is None
    p.communicate(b"go\n", timeout=20)
    assert b"state=exited\n" in waiter.communicate(timeout=20)[0]
    for forever in ("", "true", "T", "-1s", "1h"):
        rkt("status", f"--wait={forever}", uuid, code=0)


@pytest.mark.parametrize("value", ["false", "0", "0s", "F"])
def test_not_to_wait(rkt, value):
    rkt.image(exec=["/bin/true"])
    uuid = prepared(rkt)
    assert "state=prepared" in rkt("status", f"--wait={value}", f"--wait-ready={value}", uuid, code=0).out
    assert rkt("status", "--wait=soon", uuid, code=254).out.startswith("NAME:\n\tstatus - ")


def test_wait_until_a_pod_is_ready(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    uuid = prepared(rkt)
    r = rkt("status", "--wait-ready=50ms", uuid, code=254)
    assert r.err == "status: error waiting for pod readiness: context deadline exceeded\n"
    waiter = rkt.start("status", "--wait-ready=20s", uuid)
    p = rkt.start("run-prepared", "--net=none", uuid)
    assert b"state=running\n" in waiter.communicate(timeout=20)[0] and waiter.returncode == 0
    rkt("enter", uuid, "/bin/true", code=0)
    rkt("stop", "--force", uuid, code=0)
    p.wait(10)
    assert "is not running" in rkt("status", "--wait-ready", uuid, code=254).err


# ---------------------------------------------------------------------------------------------------------------- gc

def ended(rkt, *args, net="none", code=0):
    file = rkt.tmp / "ended"
    rkt.run(*args, f"--uuid-file-save={file}", "example.com/busybox", net=net, code=code)
    return file.read_text()


@both_flavors
def test_gc_marks_first_and_removes_later(rkt, net, flavor):
    rkt.image(exec=["/bin/true"])
    uuid = ended(rkt, *flavor, net=net)
    r = rkt("gc", "--mark-only", "--grace-period=0s", code=0)
    assert (r.out, r.err) == ("", f'gc: moving pod "{uuid}" to garbage\n')
    assert place_of(rkt, uuid) == "exited-garbage"
    r = rkt("gc", "--grace-period=1h30m", code=0)
    assert (r.out, r.err) == ("", f'gc: pod "{uuid}" not removed: still within grace period (1h30m0s)\n')
    assert rkt.status(uuid)["state"] == "exited garbage"
    r = rkt("gc", "--grace-period=0s", code=0)
    assert (r.out, r.err) == (f'Garbage collecting pod "{uuid}"\n', "")
    assert list(rkt.data.glob("pods/*/*")) == []


def test_gc_of_prepared_pods(rkt):
    rkt.image(exec=["/bin/true"])
    uuid = prepared(rkt)
    assert rkt("gc", code=0).err == "" and place_of(rkt, uuid) == "prepared"
    rkt("gc", "--mark-only", "--expire-prepared=0s", code=0)
    assert place_of(rkt, uuid) == "prepared"
    r = rkt("gc", "--expire-prepared=0s", code=0)
    assert r.err == f'gc: moving expired prepared pod "{uuid}" to garbage\n' and r.out == f'Garbage collecting pod "{uuid}"\n'


def test_gc_leaves_what_is_in_use(rkt):
    rkt.image(exec=["/bin/true"])
    places = {}
    for place in ("prepare", "run", "exited-garbage"):
        uuid = prepared(rkt)
        os.rename(rkt.data / "pods/prepared" / uuid, rkt.data / "pods" / place / uuid)
        places[uuid] = take(rkt.data / "pods" / place / uuid)
    assert rkt("gc", "--grace-period=0s", "--expire-prepared=0s", code=0).out == ""
    assert sorted(place_of(rkt, uuid) for uuid in places) == ["exited-garbage", "prepare", "run"]
    for fd in places.values():
        os.close(fd)


def test_gc_after_a_reboot_and_with_leftover_mounts(rkt):
    """A killed foreign stage1 leaves mounts below the pod; a reboot leaves none, and no network namespace."""
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = rkt.start_pod("example.com/busybox", net="default")
    p.send_signal(signal.SIGKILL)
    p.wait()
    wait_until(lambda: rkt.status(uuid)["state"] == "exited", "the pod to be exited")
    pod = rkt.data / "pods/run" / uuid
    netns = (pod / "netns").read_text()
    subprocess.run(["umount", netns], check=True)
    os.unlink(netns)
    outside = rkt.tmp / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    (pod / "below").mkdir()
    (pod / "link").symlink_to("/proc")  # leads outside: never followed
    subprocess.run(["mount", "--bind", outside, pod / "below"], check=True)
    subprocess.run(["mount", "--make-shared", pod / "below"], check=True)
    (pod / "below/again").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", pod / "below/again"], check=True)
    busy = os.open(pod / "below/again", os.O_RDONLY)
    rkt("gc", "--grace-period=0s", code=0)
    os.close(busy)
    assert not list(rkt.data.glob("pods/*/*")) and (outside / "kept").exists()


def test_one_pod_that_cannot_be_removed_does_not_keep_the_others(rkt):
    rkt.image(exec=["/bin/true"])
    stuck, good = ended(rkt), ended(rkt)
    subprocess.run(["chattr", "+i", rkt.data / "pods/run" / stuck / "pod-created"], check=True)
    rkt("gc", "--mark-only", code=0)
    r = rkt("gc", "--grace-period=0s", code=0)
    left = rkt.data / "pods/exited-garbage" / stuck
    try:
        assert f'unable to remove pod "{stuck}"' in r.err and not (rkt.data / "pods/exited-garbage" / good).exists()
        assert (left / "pod").exists()  # the manifest goes last
    finally:
        subprocess.run(["chattr", "-i", left / "pod-created"], check=True)
    rkt("gc", "--grace-period=0s", code=0)
    assert not left.exists()


# ---------------------------------------------------------------------------------------------------------------- rm

@pytest.mark.parametrize("place, locked, text", [("run", True, "running"), ("prepare", True, "being prepared"), ("exited-garbage", True, "being deleted")])
def test_rm_refuses_and_goes_on(rkt, place, locked, text):
    rkt.image(exec=["/bin/true"])
    refused, removed = prepared(rkt), prepared(rkt)
    os.rename(rkt.data / "pods/prepared" / refused, rkt.data / "pods" / place / refused)
    lock = take(rkt.data / "pods" / place / refused)
    r = rkt("rm", refused, "feedfeed", removed, code=254)
    assert r.out == f'"{removed}"\n'
    assert f'pod "{refused}" is currently {text}' in r.err and 'cannot get pod: no matches found for "feedfeed"' in r.err
    assert r.err.endswith("rm: failed to remove one or more pods\n")
    os.close(lock)


@both_flavors
def test_rm_of_what_has_ended(rkt, net, flavor):
    rkt.image(exec=["/bin/true"])
    marked, fresh, waiting = ended(rkt, *flavor, net=net), None, prepared(rkt)
    rkt("gc", "--mark-only", code=0)
    fresh = ended(rkt, *flavor, net=net)
    r = rkt("rm", marked, fresh, waiting, code=0)
    assert r.out == f'"{marked}"\n"{fresh}"\n"{waiting}"\n'
    assert list(rkt.data.glob("pods/*/*")) == []


def test_rm_wants_pods_or_a_file(rkt):
    for args in ([], ["--uuid-file=x", "y"]):
        assert rkt("rm", *args, code=254).out.startswith("NAME:\n\trm - ")
    r = rkt("rm", "--uuid-file=/no/such", code=254)
    assert r.err == "rm: unable to resolve UUID from file: open /no/such: no such file or directory\nrm: failed to remove one or more pods\n"


# -------------------------------------------------------------------------------------------------------------- stop

def test_stop_of_what_does_not_run(rkt):
    rkt.image(exec=["/bin/true"])
    uuid, over = prepared(rkt), ended(rkt)
    r = rkt("stop", uuid, over, "feedfeed", code=254)
    assert r.out == f'pod "{over}" is already stopped\n'
    assert f'pod "{uuid}" is not running' in r.err and 'cannot get pod: no matches found for "feedfeed"' in r.err
    assert r.err.endswith("stop: failed to stop 2 pod(s)\n")
    (rkt.tmp / "f").write_text(f"  {over}\n")
    assert rkt("stop", f"--uuid-file={rkt.tmp}/f", code=0).out == f'pod "{over}" is already stopped\n'
    assert rkt("stop", "--uuid-file=/no/such", code=1).err.startswith("stop: unable to resolve UUID from file: open /no/such")


@pytest.mark.parametrize("before", [[], ["--interactive"]])
def test_a_pod_outlives_a_hangup(rkt, before):
    rkt.image(exec=["/bin/sh", "-c", "trap 'echo hup' HUP; trap 'echo on; exit 3' TERM; echo up; while :; do sleep 0.02; done"])
    p, uuid = rkt.start_pod(*before, "example.com/busybox")
    assert p.stdout.readline() == b"up\n"
    p.send_signal(signal.SIGHUP)
    rkt("enter", uuid, "/bin/true", code=0)
    rkt("stop", uuid, code=0)
    assert p.stdout.readline() == b"on\n" and p.wait(20) == 0 and "app-busybox=3" in rkt("status", uuid, code=0).out


def test_a_pod_goes_on_when_the_terminal_of_its_rkt_has_gone(rkt):
    """Its output is in its log, and its exit code is the app's."""
    rkt.image(exec=["/bin/sh", "-c", "echo up; while [ ! -e /tmp/go ]; do sleep 0.02; done; echo more; exit 3"])
    master, slave = pty.openpty()
    p, uuid = rkt.start_pod("example.com/busybox", stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    assert b"up" in os.read(master, 100)
    os.close(master)
    rkt("enter", uuid, "/bin/touch", "/tmp/go", code=0)
    assert p.wait(20) == 3 and rkt("logs", uuid, code=0).out == "up\nmore\n"


def test_a_hangup_reaches_the_app_that_has_the_terminal(rkt):
    rkt.image(exec=["/bin/sh", "-c", "trap 'exit 4' HUP; echo up; while :; do sleep 0.02; done"])
    master, slave = pty.openpty()
    p, _ = rkt.start_pod("--interactive", "example.com/busybox", stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    seen = b""
    while b"up" not in seen:
        seen += os.read(master, 100)
    p.send_signal(signal.SIGHUP)
    assert p.wait(20) == 4
    os.close(master)


def test_nobody_hangs_up_who_ignores_it(rkt):
    """As under nohup."""
    rkt.image(exec=["/bin/sh", "-c", "trap 'exit 4' HUP; trap 'exit 3' TERM; echo up; while :; do sleep 0.02; done"])
    master, slave = pty.openpty()
    p, uuid = rkt.start_pod("--interactive", "example.com/busybox", stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    os.close(slave)
    seen = b""
    while b"up" not in seen:
        seen += os.read(master, 100)
    p.send_signal(signal.SIGHUP)
    rkt("enter", uuid, "/bin/true", code=0)
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0 and "app-busybox=3" in rkt("status", uuid, code=0).out
    os.close(master)


def test_an_app_without_memory_is_said_to_be_killed(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo up; read x; x=$(yes | tr -d '\\n')"])
    uuid = rkt.tmp / "uuid"
    rkt.run(f"--uuid-file-save={uuid}", "--interactive", "example.com/busybox", "--memory=32M", input="go\n", code=137, timeout=60)
    uuid = uuid.read_text()
    lines = rkt("status", uuid, code=0).out.splitlines()
    assert lines[-2:] == ["app-busybox=137", "reason-busybox=OOMKilled"]
    app = json.loads(rkt("status", "--format=json", uuid, code=0).out)["apps"][0]
    assert (app["exit_code"], app["reason"], list(app)[-1]) == (137, "OOMKilled", "image_id")
    (status,) = (rkt.data / "pods/run" / uuid).glob("overlay/*/upper/rkt/status/busybox")
    assert status.read_text() == "137\n"  # a foreign reader sees the plain number


def test_an_app_that_is_killed_by_somebody_is_not(rkt):
    rkt.image(exec=["/bin/sh", "-c", "kill -9 $$"])
    uuid = rkt.tmp / "uuid"
    rkt.run(f"--uuid-file-save={uuid}", "example.com/busybox", "--memory=32M", code=137)
    assert "OOMKilled" not in rkt("status", uuid.read_text(), code=0).out
    assert "reason" not in rkt.pods()[0]["apps"][0]


# -------------------------------------------------------------------------------------------- the service manager

def test_rkt_is_the_pods_process_and_passes_its_limits_on(rkt):
    """What a unit relies on: no fork before exec, ulimits and niceness of the caller, TERM to the main process alone."""
    rkt.image(exec=["/bin/sh", "-c", "ulimit -n; cut -d' ' -f19 /proc/self/stat; trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"])
    file = rkt.tmp / "uuid"
    script = 'ulimit -n 1234; exec nice -n 5 "$@"'
    p = subprocess.Popen(["sh", "-c", script, "sh", *rkt.argv("run", "--net=none", f"--uuid-file-save={file}", "example.com/busybox")], env=rkt.env,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    rkt.children.append(p)
    assert [p.stdout.readline().strip() for _ in range(3)] == [b"1234", str(min(os.nice(0) + 5, 19)).encode(), b"up"]
    os.kill(p.pid, signal.SIGTERM)
    assert p.wait(20) == 0


def test_descriptors_of_the_caller_stay_outside(rkt):
    rkt.image(exec=["/bin/sh", "-c", "ls /proc/self/fd | wc -l"])
    with socket.socket() as s:
        p = subprocess.run(rkt.argv("run", "--net=none", "example.com/busybox"), pass_fds=[s.fileno()], env={**rkt.env, "LISTEN_FDS": "1", "LISTEN_PID": "1"},
                           capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert p.stdout.strip() in ("3", "4"), p


# ----------------------------------------------------------------------------------------------------------- numbers

@pytest.mark.slow
def test_many_pods_one_after_the_other_leave_nothing(rkt):
    """As many as CI has time for: RKT_TEST_PODS=1000 for a release, 45 s on a disk in memory."""
    rkt.image(exec=["/bin/true"])
    rkt.run("example.com/busybox", code=0)
    rkt("gc", "--grace-period=0s", code=0)
    before, files = Machine.look(), sum(len(f) + len(d) for _, d, f in os.walk(rkt.data))
    file = rkt.tmp / "uuid"
    for i in range(int(os.environ.get("RKT_TEST_PODS", "150"))):
        rkt.run(f"--uuid-file-save={file}", "example.com/busybox", net="default" if i % 100 == 0 else "none", code=0)
        rkt("rm", f"--uuid-file={file}", code=0)
    assert Machine.look().since(before) == []
    assert list(rkt.data.glob("pods/*/*")) == []
    assert sum(len(f) + len(d) for _, d, f in os.walk(rkt.data)) <= files + 2  # SQLite's own
