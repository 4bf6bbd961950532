# SPDX-License-Identifier: Apache-2.0
"""Where an app's bytes go: untouched for one app, prefixed lines for several or for a terminal."""
import os
import pty
import re
import select
import subprocess

import pytest

PREFIX = re.compile(r"^\[ *\d+\.\d{6}\] ([a-z0-9-]+)\[(\d+)\]: (.*)$")


def read_pty(master, process, timeout=30):
    out = b""
    while select.select([master], [], [], timeout)[0]:
        try:
            chunk = os.read(master, 65536)
        except OSError:
            break
        if not chunk:
            break
        out += chunk
    process.wait(timeout)
    return out


def test_one_app_writes_its_bytes_untouched(rkt):
    rkt.image(exec=["/bin/sh", "-c", r"printf 'a\0b\r\nno newline'; printf 'err\377' >&2"])
    p = subprocess.run(rkt.argv("run", "--net=none", "example.com/busybox"), capture_output=True, env=rkt.env, stdin=subprocess.DEVNULL)
    assert p.returncode == 0
    assert p.stdout == b"a\0b\r\nno newline"
    assert p.stderr == b"err\xff"


def test_megabytes_arrive_complete(rkt):
    rkt.image(exec=["/bin/sh", "-c", "dd if=/dev/zero bs=1M count=64 2>/dev/null"])
    p = subprocess.run(rkt.argv("run", "--net=none", "example.com/busybox"), capture_output=True, env=rkt.env, stdin=subprocess.DEVNULL)
    assert p.returncode == 0 and len(p.stdout) == 64 << 20 and not p.stdout.strip(b"\0")


def test_several_apps_are_told_apart_line_by_line(rkt):
    rkt.image("example.com/one", exec=["/bin/sh", "-c", "for i in 1 2 3; do echo one $i; done; echo oops >&2"])
    rkt.image("example.com/two", exec=["/bin/sh", "-c", "printf 'two without newline'"])
    r = rkt.run("example.com/one", "example.com/two", code=0)
    lines = [PREFIX.match(line).groups() for line in r.out.splitlines()]
    assert [text for app, _, text in lines if app == "one"] == ["one 1", "one 2", "one 3"]
    assert [text for app, _, text in lines if app == "two"] == ["two without newline"]
    assert PREFIX.match(r.err.splitlines()[0]).group(3) == "oops"


def test_a_terminal_gets_prefixed_lines(rkt):
    rkt.image(exec=["/bin/echo", "hello"])
    master, slave = pty.openpty()
    p = subprocess.Popen(rkt.argv("run", "--net=none", "example.com/busybox"), stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=rkt.env)
    os.close(slave)
    out = read_pty(master, p).decode()
    os.close(master)
    assert p.returncode == 0 and PREFIX.match(out.strip()).group(3) == "hello"


@pytest.mark.parametrize("flavor, term, flags, seen", [("native", "screen", [], "screen"), ("native", "screen", ["--environment=TERM=dumb"], "dumb"),
                                                       ("fly", "screen", [], "screen"), ("fly", "../no name", [], "vt100")])
def test_interactive_is_a_terminal_for_the_app(rkt, flavor, term, flags, seen):
    rkt.image(exec=["/bin/sh", "-c", "tty; stty size; read line; echo got $line on $TERM; exit 3"])
    master, slave = pty.openpty()
    import fcntl, struct, termios
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    p = subprocess.Popen(rkt.argv("run", f"--stage1-name=coreos.com/rkt/stage1-{flavor}", f"--net={'none' if flavor == 'native' else 'host'}", "--interactive",
                                  "example.com/busybox", *flags), stdin=slave, stdout=slave, stderr=slave, env={**rkt.env, "TERM": term}, start_new_session=True)
    os.close(slave)
    os.write(master, b"words\n")
    out = read_pty(master, p).decode()
    os.close(master)
    assert p.returncode == 3
    assert "/dev/" in out and "33 77" in out and f"got words on {seen}" in out and not PREFIX.search(out)


def test_interactive_without_a_terminal_passes_bytes(rkt):
    rkt.image(exec=["/bin/cat"])
    assert rkt.run("--interactive", "example.com/busybox", input=b"in and out\n", code=0).out.replace("\r", "").count("in and out") >= 1


def test_interactive_wants_one_app(rkt):
    rkt.image("example.com/a", exec=["/bin/true"])
    rkt.image("example.com/b", exec=["/bin/true"])
    assert "interactive option only supports one image" in rkt.run("--interactive", "example.com/a", "example.com/b", code=254).err


def test_stdin_is_empty_without_interactive(rkt):
    rkt.image(exec=["/bin/cat"])
    assert rkt.run("example.com/busybox", input=b"not seen", code=0).out == ""


def test_a_reader_that_goes_away_does_not_hang_the_pod(rkt):
    rkt.image(exec=["/bin/sh", "-c", "yes | head -n 200000; exit 0"])
    p = subprocess.Popen(rkt.argv("run", "--net=none", "example.com/busybox"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         stdin=subprocess.DEVNULL, env=rkt.env)
    p.stdout.read(10)
    p.stdout.close()
    p.wait(30)


def test_dev_stdout_can_be_opened_again_by_any_user(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo one > /dev/stdout; echo two > /dev/stderr; echo three > /proc/self/fd/1"], user="worker", group="worker")
    r = rkt.run("example.com/busybox", code=0)
    assert r.out == "one\nthree\n" and r.err == "two\n"
