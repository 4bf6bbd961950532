# SPDX-License-Identifier: Apache-2.0
"""rkt attach: an app's streams for those who come later, and leave again."""
import fcntl
import os
import pty
import select
import struct
import signal
import subprocess
import termios

import pytest
from rktlib import wait_until

from test_output import read_pty


def sh(script):
    return ["/bin/sh", "-c", script]


ECHO = "while read line; do echo got $line; echo err $line >&2; [ $line = end ] && exit 4; done; echo eof"


@pytest.fixture
def echo(rkt):
    rkt.image(exec=sh(ECHO))
    return rkt.start_pod("example.com/busybox", "--stdin=stream", "--stdout=stream", "--stderr=stream")


def test_what_there_is_to_attach_to_is_listed(rkt, echo):
    _, uuid = echo
    assert rkt("attach", "--mode=list", uuid, code=0).out == "stdin\nstdout\nstderr\n"
    rkt.image("example.com/plain", exec=["/bin/sleep", "1000"])
    _, plain = rkt.start_pod("example.com/plain")
    assert "no app of the pod has a stream to attach to" in rkt("attach", plain, code=254).err


def test_what_is_typed_reaches_the_app_and_its_output_comes_back(rkt, echo):
    p, uuid = echo
    a = rkt.start("attach", uuid, stdin=subprocess.PIPE)
    a.stdin.write(b"one\n")
    a.stdin.flush()
    assert a.stdout.readline() == b"got one\n" and a.stderr.readline() == b"err one\n"
    only_input = rkt("attach", "--app=busybox", "--mode=stdin", uuid, input="two\n", code=0)
    assert only_input.out == ""
    assert a.stdout.readline() == b"got two\n" and a.stderr.readline() == b"err two\n"
    a.stdin.close()  # no end for the app: others may come
    last = rkt("attach", "--mode=stdin,stdout", uuid, input="end\n", code=0)
    assert last.out == "got end\n" and last.err == ""
    assert a.wait(20) == 0 and a.stdout.read() == b"got end\n" and a.stderr.read() == b"err end\n"
    assert p.wait(20) == 4 and p.stdout.read() == b""
    assert rkt("logs", uuid, code=0).out == "got one\ngot two\ngot end\n"


def test_who_leaves_does_not_matter_to_the_app(rkt, echo):
    p, uuid = echo
    a = rkt.start("attach", uuid, stdin=subprocess.PIPE)
    a.stdin.write(b"one\n")
    a.stdin.flush()
    assert a.stdout.readline() == b"got one\n"
    a.kill()
    with open("/dev/full", "w") as full:
        a = rkt.start("attach", uuid, stdin=subprocess.PIPE, stdout=full)
        a.stdin.write(b"two\n")
        a.stdin.flush()
        assert a.wait(20) == 254 and b"standard output" in a.stderr.read()
    assert rkt("attach", uuid, input="end\n", code=0).out == "got end\n"
    assert p.wait(20) == 4


def test_bad_modes_are_refused(rkt, echo):
    _, uuid = echo
    assert 'invalid attach mode: unknown endpoint "x"' in rkt("attach", "--mode=x", uuid, code=254).err
    assert 'incompatible endpoints "tty,stdin", cannot simultaneously attach TTY and streams' in \
        rkt("attach", "--mode=tty,stdin", uuid, code=254).err
    assert 'app "busybox" has no tty, only stdin,stdout,stderr' in rkt("attach", "--mode=tty", uuid, code=254).err
    rkt("stop", "--force", uuid, code=0)
    rkt("status", "--wait", uuid, code=0)
    assert f'pod "{uuid}" isn\'t currently running' in rkt("attach", uuid, code=254).err


def test_a_terminal_is_attached_with_its_size_and_left_with_keys(rkt):
    rkt.image(exec=sh("trap 'stty size' WINCH; tty; while :; do read line && echo got $line on $TERM; done"))
    p, uuid = rkt.start_pod("example.com/busybox", "--stdin=tty", "--stdout=tty", "--stderr=tty", env={**rkt.env, "TERM": "screen"})
    assert rkt("attach", "--mode=list", uuid, code=0).out == "tty\n"
    wait_until(lambda: "/dev/" in rkt("logs", uuid, code=0).out, "the trap, which stands before what is printed")
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    a = subprocess.Popen(rkt.argv("attach", uuid), stdin=slave, stdout=slave, stderr=slave, env=rkt.env, start_new_session=True)
    seen = b""

    def sees(text):
        nonlocal seen
        while text not in seen:
            assert select.select([master], [], [], 20)[0], seen
            seen += os.read(master, 4096)
    try:
        wait_until(lambda: not termios.tcgetattr(slave)[3] & termios.ECHO, "the raw terminal")
    except AssertionError:
        raise AssertionError(os.read(master, 4096), a.poll())
    os.write(master, b"words\n")
    sees(b"33 77\r\n")
    sees(b"got words on screen\r\n")
    os.write(master, b"\x1d\x1d\x1d")
    assert a.wait(20) == 0
    assert termios.tcgetattr(slave)[3] & termios.ECHO
    os.close(slave)
    read_pty(master, a)
    os.close(master)
    assert p.poll() is None and "got words" in rkt("logs", uuid, code=0).out


def type_much(master):
    """More than the app's terminal, the pod and the socket between take; and once nobody reads, not for ever."""
    os.set_blocking(master, False)
    left = b"x" * 400_000
    while left and select.select([], [master], [], 2)[1]:
        left = left[os.write(master, left[:4000]):]


def full(pipe):
    """How much that is depends on the sizes of the writes: half a page each at least."""
    def unread():
        return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]
    before = unread()
    return before > 30_000 and not select.select([], [pipe], [], 0.05)[1] and unread() == before


@pytest.mark.parametrize("how", ["closed output", "SIGTERM", "SIGINT", "SIGQUIT", "SIGTERM while output waits", "^] while output waits", "^] while input waits"])
def test_a_terminal_is_given_back_however_it_ends(rkt, how):
    if how == "^] while input waits":
        rkt.image(exec=sh("stty raw -echo; exec sleep 1000"))
    else:
        rkt.image(exec=sh("while :; do read line && echo got $line; done" if "output waits" not in how else "read line; exec cat /dev/zero"))
    _, uuid = rkt.start_pod("example.com/busybox", "--stdin=tty", "--stdout=tty", "--stderr=tty")
    master, slave = pty.openpty()
    a = subprocess.Popen(rkt.argv("attach", uuid), stdin=slave, stdout=subprocess.PIPE, env=rkt.env, start_new_session=True)
    wait_until(lambda: not termios.tcgetattr(slave)[3] & termios.ECHO, "the raw terminal")
    if how == "^] while input waits":
        type_much(master)
    elif how.endswith("waits"):
        os.write(master, b"words\n")
        wait_until(lambda: full(a.stdout), "output that nobody takes")
    if how.startswith("^]"):
        os.write(master, b"\x1d\x1d\x1d")
    elif how.startswith("SIG"):
        a.send_signal(getattr(signal, how.split()[0]))
    else:
        a.stdout.close()
        os.write(master, b"words\n")
    assert a.wait(20) == (0 if how.startswith("^]") else 141 if how == "closed output" else 128 + getattr(signal, how.split()[0]))
    a.stdout.close()
    assert termios.tcgetattr(slave)[3] & termios.ECHO
    os.close(slave)
    os.close(master)


def test_more_output_than_input_is_no_deadlock(rkt):
    rkt.image(exec=sh("v=x; while [ ${#v} -lt 16000 ]; do v=$v$v; done; while read line; do [ $line = end ] && exit 0; echo $v; done"))
    p, uuid = rkt.start_pod("example.com/busybox", "--stdin=stream", "--stdout=stream")
    out = rkt("attach", "--mode=stdin,stdout", uuid, input=("l" * 1000 + "\n") * 600 + "end\n", code=0).out
    assert len(out) == 600 * 16385
    assert p.wait(20) == 0


def test_a_socket_full_of_garbage_does_not_matter(rkt, echo):
    import socket
    p, uuid = echo
    directory = os.open(rkt.data / "pods/run" / uuid, os.O_PATH)
    for i in range(200):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(f"/proc/self/fd/{directory}/attach")
        s.send(os.urandom(i * 100 + 1))
        s.close()
    os.close(directory)
    assert rkt("attach", uuid, input="end\n", code=0).out == "got end\n"
    assert p.wait(20) == 4


def test_apps_of_a_mutable_pod_can_be_attached_to(rkt):
    rkt.image(exec=sh(ECHO))
    image = rkt("image", "list", "--fields=id", "--no-legend", code=0).out.split()[0]
    uuid_file = rkt.tmp / "uuid-sandbox"
    rkt.start("app", "sandbox", "--net=none", f"--uuid-file-save={uuid_file}", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: uuid_file.exists() and uuid_file.stat().st_size == 36, "the pod's UUID")
    uuid = uuid_file.read_text()
    wait_until(lambda: rkt("status", uuid).code == 0, "the pod")  # the file is there before the pod has left embryo/
    rkt("status", "--wait-ready=20s", uuid, code=0)
    rkt("app", "add", uuid, image, "--name=web", "--stdin=stream", "--stdout=stream", code=0)
    for _ in range(2):
        rkt("app", "start", uuid, "--app=web", code=0)
        assert rkt("attach", "--app=web", uuid, input="end\n", code=0).out == "got end\n"
        wait_until(lambda: "exited" in rkt("app", "status", uuid, "--app=web", code=0).out, "the app's end")
    rkt("stop", uuid, code=0)
    rkt("status", "--wait", uuid, code=0)


def test_who_attaches_leaves_the_pod_its_descriptors(rkt):
    import resource
    rkt.image(exec=sh("ulimit -Sn; " + ECHO))

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 64))
    p, uuid = rkt.start_pod("example.com/busybox", "--stdin=stream", "--stdout=stream", preexec_fn=few)
    wait_until(lambda: rkt("logs", uuid, code=0).out == "40\n", "the limit, which no client is to get")
    import socket
    directory = os.open(rkt.data / "pods/run" / uuid, os.O_PATH)
    clients = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(80)]
    answers = []
    for s in clients:
        s.settimeout(20)
        s.connect(f"/proc/self/fd/{directory}/attach")
        s.send(b"attach busybox stdout")
        answers.append(s.recv(512))
    os.close(directory)
    served = [a for a in answers if a.startswith(b"0 ")]
    assert len(served) == 16 and all(b"too many are attached" in a for a in answers[16:])
    for s in clients[1:]:
        s.close()
    wait_until(lambda: rkt("attach", "--mode=stdin", uuid, input="end\n").code == 0, "the pod to notice who has gone")
    assert b"got end" in clients[0].recv(512) and p.wait(20) == 4
    clients[0].close()
    assert rkt("logs", uuid, code=0).out == "40\ngot end\n", "the app has the caller's limit"
    assert rkt.status(uuid)["app-busybox"] == "4"


def test_interactive_without_a_terminal_needs_none_for_an_app_that_wants_one(rkt):
    rkt.image(exec=sh("read x; echo got $x"))
    assert rkt.run("--interactive", "example.com/busybox", "--stdin=tty", input="word\n", code=0).out == "got word\n"
