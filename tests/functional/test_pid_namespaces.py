# SPDX-License-Identifier: Apache-2.0
"""Apps with a pid namespace of their own (--pid=private): what they see, and all that finds, enters, stops and counts their processes."""
import json
import signal

import pytest

from rktlib import wait_until
from test_mutable import app, start_sandbox
from test_restart import handlers

LOOK = r"""
say() { echo "@$1"; }
say self; echo $$; readlink /proc/self
say pids; all=$(ls /proc); echo "$all" | grep '^[0-9]'
say space; readlink /proc/self/ns/pid
say masks; sed -n 's/^[0-9]* [0-9]* [0-9:]* //; / \/proc/p' /proc/self/mountinfo | sed 's/ - \([^ ]*\) .*/ \1/' | sort
say kernel; wc -c </proc/kallsyms; wc -c </proc/keys; ls /proc/scsi /proc/acpi 2>/dev/null; (echo evil >/proc/sys/kernel/core_pattern) 2>/dev/null && echo written
say end
"""
STAYS = "trap 'exit 7' TERM; sleep 1000 & wait"


def look(text):
    return {part.partition("\n")[0]: part.partition("\n")[2].splitlines() for part in text.split("@")[1:]}


def seen(rkt, uuid, name):
    return look(wait_until(lambda: "@end" in (out := rkt("logs", uuid, name, code=0).out) and out, f"app {name} to have looked"))


def pid_of(rkt, uuid, name):
    """Of its main process, in the pod."""
    state = json.loads((rkt.data / "pods/run" / uuid / "stage1-native.json").read_text())
    return next(a["pid"] for a in state["apps"] if a["name"] == name)


@pytest.fixture
def image(rkt):
    rkt.image(exec=["/bin/sh", "-c", LOOK + STAYS], eventHandlers=handlers(pre_start="echo before $$", post_stop="echo after $$"))


def test_an_app_with_its_own_processes_sees_no_others(rkt, image):
    p, uuid = rkt.start_pod("example.com/busybox", "--name=own", "--pid=private", "example.com/busybox", "--name=two", "--pid=private",
                            "example.com/busybox", "--name=shared", "--pid=pod")
    own, two, shared = (seen(rkt, uuid, name) for name in ("own", "two", "shared"))
    assert own["self"][0] == two["self"][0] == "1" and shared["self"][0] != "1"
    assert own["pids"][0] == "1" and len(own["pids"]) <= 2, "itself, and what lists them"
    assert len({s["space"][0] for s in (own, two, shared)}) == 3
    assert own["masks"] == shared["masks"] and len(own["masks"]) > 5, "as much is hidden, and read-only"
    assert own["kernel"] == shared["kernel"] and "written" not in own["kernel"]
    # Entered: the same namespace, with its /proc.
    pid = pid_of(rkt, uuid, "own")
    assert pid > 1
    entered = look(rkt("enter", "--app=own", uuid, "/bin/sh", "-c", LOOK, code=0).out)
    assert entered["space"] == own["space"] and {"1", entered["self"][0]} <= set(entered["pids"]) and len(entered["pids"]) <= 5
    other = pid_of(rkt, uuid, "shared")  # a number that a process of the app's own may have, too
    others = rkt("enter", "--app=own", uuid, "/bin/sh", "-c", f"if [ ! -e /proc/{other} ] && kill -0 {other}; then exit 0; fi; kill -0 {pid + 100000}", code=1)
    assert "No such process" in others.err
    assert rkt("enter", "--app=own", uuid, "/bin/sh", "-c", "kill -9 $$", code=-9)
    rkt("stop", uuid, code=0)
    assert p.wait(15) == 0
    status = rkt.status(uuid)
    assert [status[f"app-{name}"] for name in ("own", "two", "shared")] == ["7"] * 3
    log = rkt("logs", uuid, "own", code=0).out.splitlines()
    assert log[0] == "before 1" and log[-1] == "after 1"


@pytest.mark.parametrize("form", [["--private-users"], ["--no-overlay"]], ids=["users", "copies"])
def test_in_other_kinds_of_pods_it_is_the_same(rkt, image, form):
    p, uuid = rkt.start_pod(*form, "example.com/busybox", "--name=own", "--pid=private", "example.com/busybox", "--name=shared")
    own, shared = seen(rkt, uuid, "own"), seen(rkt, uuid, "shared")
    assert own["self"][0] == "1" and own["space"] != shared["space"] and len(own["pids"]) <= 2
    assert own["masks"] == shared["masks"] and own["kernel"] == shared["kernel"]
    assert look(rkt("enter", "--app=own", uuid, "/bin/sh", "-c", LOOK, code=0).out)["space"] == own["space"]
    rkt("stop", uuid, code=0)
    assert p.wait(15) == 0


def test_apps_of_mutable_pods_have_their_own(rkt, image):
    p, uuid = start_sandbox(rkt)
    for name, mode in (("own", "private"), ("shared", "pod")):
        rkt("app", "add", uuid, "example.com/busybox", f"--name={name}", f"--pid={mode}", code=0)
        rkt("app", "start", uuid, f"--app={name}", code=0)
    own, shared = seen(rkt, uuid, "own"), seen(rkt, uuid, "shared")
    assert own["self"][0] == "1" and own["space"] != shared["space"] and len(own["pids"]) <= 2
    assert own["masks"] == shared["masks"] and own["kernel"] == shared["kernel"]
    assert pid_of(rkt, uuid, "own") > 1
    assert look(rkt("app", "exec", "--app=own", uuid, "/bin/sh", "-c", LOOK, code=0).out)["space"] == own["space"]
    # What was entered, and what has a session of its own, ends with it.
    left = rkt.start("enter", "--app=own", uuid, "/bin/sh", "-c", "trap '' TERM; echo in; sleep 1000")
    assert left.stdout.readline() == b"in\n"
    rkt("app", "stop", uuid, "--app=own", code=0)
    assert left.wait(20) == -9
    assert app(rkt, uuid, "own")["exit_code"] == 7 and rkt("logs", uuid, "own", code=0).out.splitlines()[-1] == "after 1"
    assert "is not running" in rkt("enter", "--app=own", uuid, "/bin/true").err
    rkt("app", "start", uuid, "--app=own", code=0)
    assert wait_until(lambda: rkt("logs", uuid, "own", code=0).out.count("@end") == 2, "its next life")
    rkt("app", "rm", uuid, "--app=own", code=0)
    rkt("stop", uuid, code=0)
    assert p.wait(15) == 0


def test_what_an_app_left_ends_with_it_and_the_next_life_is_alone(rkt):
    rkt.image(exec=["/bin/sh", "-c", "all=$(ls /proc); echo $$ $(echo \"$all\" | grep -c '^[0-9]'); setsid sleep 1000 & exit 3"])
    r = rkt.run("example.com/busybox", "--pid=private", "--restart=on-failure:2", code=3)
    assert r.out.splitlines() == ["1 2"] * 3, r


def test_signals_faults_and_memory_are_told_as_ever(rkt):
    rkt.image(exec=["/bin/sh", "-c", "exec tail /dev/zero"])
    file = rkt.tmp / "uuid"
    own = ("example.com/busybox", "--pid=private")
    rkt.run(f"--uuid-file-save={file}", *own, "--memory=16M", code=137)
    assert rkt.status(file.read_text())["reason-busybox"] == "OOMKilled"
    assert "No such file" in rkt.run(*own, "--exec=/bin/nothing", code=203).err
    assert rkt.run(*own, "--working-dir=/nowhere", code=200).out == ""


def test_a_service_managers_sockets_know_process_1(rkt):
    port = {"name": "http", "protocol": "tcp", "port": 80, "count": 1, "socketActivated": True}
    rkt.image(exec=["/bin/sh", "-c", "echo $LISTEN_PID $LISTEN_FDS $$"], ports=[port])
    assert rkt.run("example.com/busybox", "--pid=private", code=0).out == "1 1 1\n"


def test_a_debug_image_shows_the_apps_own_processes(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo up; exec sleep 1000"])
    rkt.image("example.com/tools", exec=["/bin/sh"])
    p, uuid = rkt.start_pod("example.com/busybox", "--pid=private")
    assert p.stdout.readline() == b"up\n"
    look = "cat /proc/1/comm; for p in /proc/[0-9]*; do cat $p/comm; done 2>/dev/null | grep -c init; wc -c </proc/keys"
    assert rkt("enter", "--debug-image=example.com/tools", uuid, "/bin/sh", "-c", look).out.split() == ["sleep", "0", "0"]
    # Process 1 gets only signals that it has handlers for: sleep has none.
    rkt("stop", "--force", uuid, code=0)
    assert p.wait(20) == 137


def test_an_end_that_a_stopped_enter_holds_back_lets_nobody_in(rkt, image):
    p, uuid = rkt.start_pod("example.com/busybox", "--pid=private")
    seen(rkt, uuid, "busybox")
    held = rkt.start("enter", uuid, "/bin/sh", "-c", "trap '' TERM; echo in; exec sleep 1000")
    assert held.stdout.readline() == b"in\n"
    held.send_signal(signal.SIGSTOP)
    rkt("stop", "--grace-period=0s", uuid, code=0)
    wait_until(lambda: 'app "busybox" is not running' in rkt("enter", uuid, "/bin/true", code=254).err, "the app to take nobody in")
    assert p.poll() is None
    held.send_signal(signal.SIGCONT)
    assert held.wait(20) == -9 and p.wait(20) == 0


def test_who_could_look_into_it_is_refused(rkt):
    spy = [{"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_SYS_PTRACE"]}}]
    rkt.image("example.com/spy", exec=["/bin/sh", "-c", "ls /proc | grep -c '^[0-9]'; exec sleep 1000"], isolators=spy)
    rkt.image(exec=["/bin/sh", "-c", STAYS])
    own = ("example.com/busybox", "--pid=private")
    for pod in (("example.com/spy", *own), ("example.com/spy", "--pid=private", "example.com/busybox"), ("example.com/spy", "--pid=private", *own)):
        r = rkt.run(*pod, code=254)
        assert 'app "spy" has CAP_SYS_PTRACE' in r.err and 'into app "busybox"' in r.err and "--caps-remove=CAP_SYS_PTRACE" in r.err
    _, uuid = start_sandbox(rkt)
    rkt("app", "add", uuid, *own, code=0)
    rkt("app", "add", uuid, "example.com/spy", code=0)
    rkt("app", "add", uuid, "example.com/spy", "--name=apart", "--pid=private", code=0)
    rkt("app", "start", uuid, "--app=busybox", code=0)
    assert "has CAP_SYS_PTRACE" in rkt("app", "start", uuid, "--app=apart", code=254).err
    assert "has CAP_SYS_PTRACE" in rkt("app", "start", uuid, "--app=spy", code=254).err
    assert app(rkt, uuid, "busybox")["state"] == "running"
    for name in ("busybox", "apart"):
        rkt("app", "rm", uuid, f"--app={name}", code=0)
    rkt("app", "start", uuid, "--app=spy", code=0)
    rkt("app", "add", uuid, *own, code=0)
    assert "has CAP_SYS_PTRACE" in rkt("app", "start", uuid, "--app=busybox", code=254).err
    rkt("stop", "--force", uuid, code=0)


def test_a_stage1_without_it_is_refused(rkt):
    rkt.image(exec=["/bin/true"])
    assert 'app "busybox": the pod\'s stage1 has no --pid=private' in rkt.run("--stage1-name=coreos.com/rkt/stage1-fly", "example.com/busybox", "--pid=private", net="host", code=254).err
    assert 'invalid pid mode "host"' in rkt.run("example.com/busybox", "--pid=host").err
