# SPDX-License-Identifier: Apache-2.0
"""What the two processes of a pod do around the apps: event handlers, signals, reaping, closed streams, the way out of a terminal."""
import os
import pty
import signal
import subprocess

from rktlib import wait_until
from test_output import read_pty


def handlers(**execs):
    return [{"name": name.replace("_", "-"), "exec": ["/bin/sh", "-c", script]} for name, script in execs.items()]


def test_event_handlers_run_around_the_app(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo app; exit 5"], eventHandlers=handlers(pre_start="echo before", post_stop="echo after"))
    assert rkt.run("example.com/busybox", code=5).out == "before\napp\nafter\n"


def test_a_pre_start_that_fails_keeps_the_app_from_starting(rkt):
    rkt.image(exec=["/bin/echo", "app"], eventHandlers=handlers(pre_start="exit 4", post_stop="echo after"))
    assert rkt.run("example.com/busybox", code=4).out == "after\n"


def test_event_handlers_are_root_but_confined(rkt):
    show = "id -u; grep -E '^(CapBnd|Seccomp):' /proc/self/status"
    rkt.image(exec=["/bin/true"], user="worker", group="worker", eventHandlers=handlers(pre_start=show))
    assert rkt.run("example.com/busybox", code=0).out.split() == ["0", "CapBnd:", "00000000a80425fb", "Seccomp:", "2"]


def test_an_app_starts_with_clean_signals_and_umask(rkt):
    rkt.image(exec=["/bin/sh", "-c", "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status | head -n2; umask"])
    assert rkt.run("example.com/busybox", code=0).out.split() == ["SigBlk:", "0" * 16, "SigIgn:", "0" * 16, "0022"]


def test_orphans_are_reaped(rkt):
    rkt.image(exec=["/bin/sh", "-c", "for i in 1 2 3; do (sh -c 'exit 0' &) ; done; "
                                     "while cat /proc/[0-9]*/status 2>/dev/null | grep -q '^State:.Z'; do :; done; echo none"])
    assert rkt.run("example.com/busybox", code=0, timeout=20).out == "none\n"


def test_a_second_signal_does_not_wait(rkt):
    rkt.image(exec=["/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 1000; done"])
    p, uuid = rkt.start_pod("example.com/busybox")
    assert p.stdout.readline() == b"up\n"
    interrupt_until_it_ends(p)
    assert p.returncode == 137
    assert "state=exited" in rkt("status", uuid, code=0).out


def interrupt_until_it_ends(p):
    def again():
        p.send_signal(signal.SIGINT)
        return p.poll() is not None
    wait_until(again, "the end of an interrupted pod", 8)


def test_asking_to_stop_again_cuts_no_grace(rkt):
    rkt.image(exec=["/bin/sh", "-c", "trap 'sleep 1; echo done; exit 0' TERM; echo up; while :; do sleep 0.1; done"])
    p, uuid = rkt.start_pod("example.com/busybox")
    assert p.stdout.readline() == b"up\n"
    for _ in range(3):
        rkt("stop", uuid, code=0)
    assert p.wait(15) == 0 and p.stdout.read() == b"done\n"


def test_the_failure_that_ended_a_killed_pod_is_its_status(rkt):
    rkt.image("example.com/fails", exec=["/bin/sh", "-c", "exit 3"])
    rkt.image("example.com/stays", exec=["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1000; done"])
    uuid = rkt.tmp / "uuid"
    p = rkt.start("run", "--net=none", f"--uuid-file-save={uuid}", "example.com/stays", "example.com/fails")
    wait_until(lambda: uuid.exists() and rkt.status(uuid.read_text()).get("pid"), "the pod to run")
    wait_until(lambda: any((rkt.data / "pods/run" / uuid.read_text()).glob("overlay/*/upper/rkt/status/fails")), "the failure")
    interrupt_until_it_ends(p)
    assert p.returncode == 3


def test_a_signal_that_asks_an_app_to_end_ends_no_other(rkt):
    rkt.image(exec=["/bin/sh", "-c", "kill -$SIGNAL $$"])
    rkt.image("example.com/stays", exec=["/bin/sh", "-c", "until [ -e /go ]; do sleep 0.02; done; echo survived"])
    signals = {"HUP": 129, "TERM": 143, "PIPE": 141}
    apps = [f"example.com/busybox --name={s.lower()} --environment=SIGNAL={s}".split() for s in signals]
    p, uuid = rkt.start_pod("example.com/stays", *sum(apps, []))
    pod = rkt.data / "pods/run" / uuid
    wait_until(lambda: all(list(pod.glob(f"overlay/*/upper/rkt/status/{s.lower()}")) for s in signals), "three apps to end")
    rkt("enter", "--app=stays", uuid, "/bin/touch", "/go", code=0)
    assert p.stdout.read().endswith(b"survived\n") and p.wait(20) in signals.values()


def test_a_reader_that_does_not_read_holds_no_pod_up(rkt):
    rkt.image(exec=["/bin/yes"])
    for how in ("stop", "enter"):
        p, uuid = rkt.start_pod("example.com/busybox")
        entered = rkt.start("enter", uuid, "/bin/yes") if how == "enter" else None
        if entered:
            wait_until(lambda: subprocess.run(["pgrep", "-P", str(entered.pid), "-x", "yes"], capture_output=True).stdout, "the command to run")
        rkt("stop", "--force", uuid, code=0)
        assert p.wait(60) == 137
        if entered:
            wait_until(lambda: rkt.status(uuid)["state"] == "exited", "the pod to be exited")
            entered.send_signal(signal.SIGTERM)
            entered.wait(10)


def test_the_end_of_pid_1_is_the_end_of_the_pod(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = rkt.start_pod("example.com/busybox", net="default")
    os.kill(int(rkt.status(uuid)["pid"]), signal.SIGKILL)
    assert p.wait(20) == 137
    status = rkt("status", uuid, code=0).out
    assert "state=exited" in status and "app-busybox" not in status
    assert not os.path.exists((rkt.data / "pods/run" / uuid / "netns").read_text())


def test_closed_standard_streams_are_no_trouble(rkt):
    rkt.image(exec=["/bin/sh", "-c", "ls /proc/self/fd | tr '\\n' ' ' >/data/out; echo lost; echo lost >&2; exit 6"])
    (rkt.tmp / "volume").mkdir()
    argv = rkt.argv("run", "--net=none", f"--volume=v,kind=host,source={rkt.tmp}/volume", "--mount=volume=v,target=/data", "example.com/busybox")
    assert subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *argv], env=rkt.env).returncode == 6
    assert (rkt.tmp / "volume/out").read_text() == "0 1 2 3 "


def test_what_a_caller_left_odd_is_put_right(rkt):
    """Closed streams, whose numbers descriptors of ours would take; children that nobody may wait for."""
    rkt.image(exec=["/bin/sh", "-c", "sleep 0.1; exit 6"])

    def odd(*args, stdin=subprocess.DEVNULL, **more):
        return subprocess.run(["bash", "-c", 'trap "" CHLD; exec "$@"', "sh", *rkt.argv(*args)], env=rkt.env, timeout=20, stdin=stdin, **more).returncode
    assert odd("run", "--net=none", "example.com/busybox") == 6
    p, uuid = rkt.start_pod("example.com/busybox", "--exec=/bin/sleep", "--", "1000")
    for streams in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        argv = ["sh", "-c", f'exec "$@" {streams}', "sh", *rkt.argv("enter", uuid, "/bin/sh", "-c", "read x; echo out; echo err >&2; exit 3")]
        assert subprocess.run(argv, env=rkt.env, timeout=20, stdin=subprocess.DEVNULL, capture_output=True).returncode == 3, streams
    assert odd("enter", uuid, "/bin/sh", "-c", "exit 4") == 4
    assert odd("stop", uuid, stdout=subprocess.DEVNULL) == 0 and p.wait(20) == 0
    assert odd("gc", "--grace-period=0s", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0 and rkt.pods() == []


def test_the_way_out_of_a_terminal(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo up; sleep 1000"])
    master, slave = pty.openpty()
    p = subprocess.Popen(rkt.argv("run", "--net=none", "--interactive", "example.com/busybox"), stdin=slave, stdout=slave, stderr=slave,
                         env=rkt.env, start_new_session=True)
    os.close(slave)
    seen = b""
    while b"up" not in seen:
        seen += os.read(master, 100)
    os.write(master, b"\x1d\x1d\x1d")
    read_pty(master, p)
    os.close(master)
    assert p.returncode == 137


def test_a_stopped_app_is_recorded_but_does_not_fail_the_pod(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = rkt.start_pod("example.com/busybox")
    rkt("stop", uuid, code=0)
    assert p.wait(10) == 0
    assert "app-busybox=143" in rkt("status", uuid, code=0).out
    assert "is already stopped" in rkt("stop", uuid, code=0).out


def test_an_entered_command_ends_with_the_pod(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = rkt.start_pod("example.com/busybox")
    entered = rkt.start("enter", uuid, "/bin/sh", "-c", "echo in; sleep 1000")
    assert entered.stdout.readline() == b"in\n"
    rkt("stop", "--force", uuid, code=0)
    assert p.wait(10) == 137
    assert entered.wait(10) == -signal.SIGKILL


def test_enter_gives_the_commands_own_end(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    _, uuid = rkt.start_pod("example.com/busybox")
    assert rkt("enter", uuid, "/bin/sh", "-c", "exit 11").code == 11
    assert rkt("enter", uuid, "/bin/sh", "-c", "kill -TERM $$").code == -signal.SIGTERM
    assert "unable to find" in rkt("enter", uuid, "nothing", code=254).err
    assert rkt("enter", uuid, "/bin/cat", input="typed", code=0).out == "typed"


def test_the_entering_program_cannot_be_written_however_it_was_called(rkt):
    """Our stage0 executes it where it cannot be; for another one it makes a copy of itself, in memory or, where that cannot be executed, beside."""
    rkt.trees = ["--tree-backend=dir"]  # where the program has a path
    rkt.image(exec=["/bin/sleep", "1000"])
    quoted = " ".join(rkt.argv())
    attack = "echo x >>/proc/$PPID/exe; exit 11"
    script = f"""
        {quoted} run --net=none --uuid-file-save={rkt.tmp}/uuid example.com/busybox & pod=$!
        until {quoted} status --uuid-file={rkt.tmp}/uuid 2>/dev/null | grep -q ^pid=; do :; done
        uuid=$(cat {rkt.tmp}/uuid); cd {rkt.data}/pods/run/$uuid
        {quoted} enter $uuid /bin/sh -c '{attack}'; echo $?
        {rkt.data}/cas/tree/*/rootfs/enter --pid=$(cat pid) --appname=busybox -- /bin/sh -c '{attack}'; echo $?
        echo 2 >/proc/sys/vm/memfd_noexec
        {rkt.data}/cas/tree/*/rootfs/enter --pid=$(cat pid) --appname=busybox -- /bin/sh -c '{attack}'; echo $?
        {quoted} stop $(cat {rkt.tmp}/uuid); wait $pod"""
    p = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", script], env=rkt.env, capture_output=True, text=True,
                       stdin=subprocess.DEVNULL, timeout=60)
    assert p.stdout.splitlines()[:3] == ["11", "11", "11"], p


def test_enter_on_a_terminal_gives_the_command_one(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    _, uuid = rkt.start_pod("example.com/busybox")
    master, slave = pty.openpty()
    p = subprocess.Popen(rkt.argv("enter", uuid, "/bin/sh", "-c", "tty; exit 2"), stdin=slave, stdout=slave, stderr=slave, env=rkt.env,
                         start_new_session=True)
    os.close(slave)
    out = read_pty(master, p).decode()
    os.close(master)
    assert p.returncode == 2 and "/dev/pts/" in out
    assert wait_until(lambda: rkt.status(uuid).get("state") == "running", "the pod to go on")
