# SPDX-License-Identifier: Apache-2.0
"""What apps wrote: kept beside the pod with bounds, read by rkt logs while the pod runs and after."""
import contextlib
import hashlib
import json
import os
import pty
import re
import subprocess

import pytest
from rktlib import wait_until

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ")


def sh(script):
    return ["/bin/sh", "-c", script]


def finished(rkt, *args, code=0):
    uuid_file = rkt.tmp / "uuid-logs"
    r = rkt.run(f"--uuid-file-save={uuid_file}", *args, code=code)
    return uuid_file.read_text(), r


def pod_dir(rkt, uuid):
    return next(p for p in (rkt.data / "pods").glob(f"*/{uuid}"))


def test_the_log_of_a_pod_that_has_ended_is_what_it_wrote(rkt):
    rkt.image(exec=sh(r"printf 'one\n\n\303\244 \0 two\nno newline'; printf 'bad\n' >&2"))
    uuid, run = finished(rkt, "example.com/busybox")
    r = rkt("logs", uuid, code=0)
    assert r.raw == run.raw == "one\n\nä \0 two\nno newline".encode()
    assert r.err == run.err == "bad\n"
    rkt("gc", "--mark-only", code=0)
    assert rkt("logs", uuid[:8], "busybox", code=0).raw == run.raw
    rkt("rm", uuid, code=0)
    assert "no matches found" in rkt("logs", uuid, code=254).err


def on_a_terminal(rkt, *args):
    master, slave = pty.openpty()
    p = rkt.start(*args, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # what a terminal that nobody has open says
        while piece := os.read(master, 4096):
            shown += piece
    os.close(master)
    assert p.wait(20) == 0
    return shown.replace(b"\r\n", b"\n")


def test_a_terminal_gets_no_orders_of_an_app(rkt):
    written = b"a\tb\033]0;title\a\033[6n\xc2\x9b2J\xff \xc3\xa4\r\n"
    rkt.image(exec=sh("printf '" + "".join("\\%03o" % b for b in written) + "'; printf '\\033c' >&2"))
    uuid, run = finished(rkt, "example.com/busybox")
    assert run.raw == rkt("logs", uuid, code=0).raw == written, "a pipe gets the bytes"
    shown = on_a_terminal(rkt, "logs", uuid)
    assert b"a\tb" + rb"\x1b]0;title\x07\x1b[6n\xc2\x9b2J\xff " + b"\xc3\xa4\n" in shown and rb"\x1bc" in shown
    assert not set(shown) & ({*range(32), 127} - {9, 10})
    assert b"\033]0;title\a" in on_a_terminal(rkt, "logs", "--raw", uuid)
    at = b"2026-01-02T03:04:05.000000000Z std"
    records = (b"out P a\xe2\x82", b"err P x\xf0", b"out F \xac\r", b"err P \x9f\x98\x80", b"out P b\r", b"out P c\xc3")
    (pod_dir(rkt, uuid) / "logs/busybox/1").write_bytes(b"".join(at + r + b"\n" for r in records))
    assert on_a_terminal(rkt, "logs", uuid) == b"a" + "x\N{EURO SIGN}\n\N{GRINNING FACE}".encode() + rb"b\x0dc\xc3", "what a record ends within"
    rkt.env["LC_ALL"] = "C"
    assert rb"\xe2\x82\xac" in on_a_terminal(rkt, "logs", uuid), "a terminal of 8 bits finds orders in UTF-8"


def test_the_files_are_what_kubernetes_reads(rkt):
    rkt.image(exec=sh("echo hello; echo bad >&2; printf rest"))
    uuid, _ = finished(rkt, "example.com/busybox")
    log = pod_dir(rkt, uuid) / "logs/busybox/1"
    lines = log.read_text().splitlines()
    assert all(TIME.match(line) for line in lines)
    assert sorted(line[31:] for line in lines) == ["stderr F bad", "stdout F hello", "stdout P rest"]
    assert log.stat().st_mode & 0o777 == 0o640 and log.parent.stat().st_mode & 0o777 == 0o750


def test_following_ends_with_the_pod(rkt):
    rkt.image(exec=sh("trap 'echo last; exit 0' TERM; echo first; while :; do sleep 0.05; done"))
    p, uuid = rkt.start_pod("example.com/busybox", stdout=subprocess.DEVNULL)
    wait_until(lambda: rkt("logs", uuid, code=0).out == "first\n", "the first line")
    follow = rkt.start("logs", "-f", uuid)
    assert follow.stdout.readline() == b"first\n"
    rkt("stop", uuid, code=0)
    assert follow.wait(20) == 0 and follow.stdout.read() == b"last\n"
    assert p.wait(20) == 0


def test_what_is_there_is_printed_while_more_is_written(rkt):
    rkt.image(exec=["/bin/yes", ""])
    p, uuid = rkt.start_pod("example.com/busybox", stdout=subprocess.DEVNULL)
    wait_until(lambda: len(list(pod_dir(rkt, uuid).glob("logs/busybox/*"))) > 1, "the second file")
    assert rkt("logs", "--tail=3", uuid, code=0, timeout=20).out == "\n" * 3
    with open(os.devnull, "wb") as null:
        subprocess.run(rkt.argv("logs", uuid), stdout=null, env=rkt.env, check=True, timeout=20)
    rkt("stop", "--force", uuid, code=0)
    p.wait(20)


def test_lines_are_chosen_by_number_and_time(rkt):
    rkt.image(exec=sh("for i in 1 2 3 4 5; do echo $i; done"))
    uuid, _ = finished(rkt, "example.com/busybox")
    assert rkt("logs", "--tail=2", uuid, code=0).out == "4\n5\n"
    assert rkt("logs", "--tail=0", uuid, code=0).out == ""
    stamped = rkt("logs", "--timestamps", uuid, code=0).out.splitlines()
    assert all(TIME.match(line) for line in stamped) and stamped[0].endswith("Z 1")
    last = stamped[-1].split()[0]
    assert rkt("logs", f"--until={last}", uuid, code=0).out + rkt("logs", f"--since={last}", uuid, code=0).out == "1\n2\n3\n4\n5\n"
    assert rkt("logs", "--since=1h", uuid, code=0).out == "1\n2\n3\n4\n5\n"
    assert rkt("logs", "--until=1h", uuid, code=0).out == ""
    assert 'invalid value "x" for flag --tail' in rkt("logs", "--tail=x", uuid, code=254).err
    assert 'invalid value "x" for flag --since' in rkt("logs", "--since=x", uuid, code=254).err


def test_several_apps_are_merged_and_told_apart(rkt):
    rkt.image("example.com/one", exec=sh("echo 1; echo 2 >&2"))
    rkt.image("example.com/two", exec=sh("echo 3"))
    uuid, _ = finished(rkt, "example.com/one", "example.com/two")
    r = rkt("logs", uuid, code=0)
    assert sorted(r.out.splitlines()) == ["one: 1", "two: 3"] and r.err == "one: 2\n"
    assert rkt("logs", uuid, "two", code=0).out == "3\n"
    assert f'pod "{uuid}" has no app "x"' in rkt("logs", uuid, "x", code=254).err


def test_every_byte_arrives_and_is_kept_at_full_speed(rkt):
    # The app's own sum of what it wrote: a line that is torn, doubled or lost would change it.
    rkt.image(exec=sh("yes 'a line of thirty-two characters' | head -n 1000000 | tee /dev/stderr | sha256sum"))
    uuid_file = rkt.tmp / "uuid-speed"
    with open(rkt.tmp / "err", "wb") as err:
        run = subprocess.run(rkt.argv("run", "--net=none", f"--uuid-file-save={uuid_file}", "example.com/busybox", "--log-size=1Gi"),
                             stdout=subprocess.PIPE, stderr=err, stdin=subprocess.DEVNULL, env=rkt.env, check=True)
    uuid = uuid_file.read_text()
    with open(rkt.tmp / "kept", "wb") as kept:
        logs = subprocess.run(rkt.argv("logs", uuid), stdout=subprocess.PIPE, stderr=kept, env=rkt.env, check=True)
    assert logs.stdout == run.stdout
    for name in ("err", "kept"):
        assert hashlib.sha256((rkt.tmp / name).read_bytes()).hexdigest() == run.stdout.decode().split()[0]


def test_a_log_is_bounded(rkt):
    rkt.image(exec=sh("yes 'a line of thirty-two characters' | head -n 100000; echo last"))
    uuid, _ = finished(rkt, "example.com/busybox", "--log-size=128Ki", "--log-files=2")
    files = list((pod_dir(rkt, uuid) / "logs/busybox").iterdir())
    assert len(files) == 2 and sum(f.stat().st_size for f in files) <= 2 * 128 << 10
    out = rkt("logs", uuid, code=0).out
    assert out.endswith("characters\nlast\n") and set(out.splitlines()) == {"a line of thirty-two characters", "last"}
    for flag, value in (("log-size", "1Ki"), ("log-files", "0"), ("stdout", "x"), ("stdin", "log")):
        assert "invalid" in rkt.run("example.com/busybox", f"--{flag}={value}", code=254).err


def test_streams_that_are_null_go_nowhere(rkt):
    rkt.image(exec=sh("echo out; echo err >&2; exec 3>&1; for fd in 0 3; do stat -L -c %t:%T /proc/$$/fd/$fd >&2; done"))
    uuid, r = finished(rkt, "example.com/busybox", "--stdout=null")
    assert r.out == "" and r.err == "err\n1:3\n1:3\n"
    assert rkt("logs", uuid, code=0).out == ""
    stage2 = {a["name"]: a["value"] for a in json.loads(rkt("cat-manifest", uuid, code=0).out)["apps"][0]["annotations"]}
    assert stage2 == {"coreos.com/rkt/stage2/stdout": "null"}


def test_a_stream_is_kept_but_not_printed(rkt):
    rkt.image(exec=sh("echo out; tty; echo err >&2"))
    uuid, r = finished(rkt, "example.com/busybox", "--stdout=stream")
    assert (r.out, r.err) == ("", "err\n")
    assert rkt("logs", uuid, code=0).out == "out\nnot a tty\n"
    uuid, r = finished(rkt, "example.com/busybox", "--stdin=tty", "--stdout=tty", "--stderr=tty")
    assert (r.out, r.err) == ("", "")
    assert rkt("logs", uuid, code=0).out.splitlines() == ["out", "/dev/pts/0", "err"]


def test_a_full_disk_neither_blocks_nor_ends_an_app(rkt):
    os.mkdir(rkt.data)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", rkt.data], check=True)
    try:
        rkt.image(exec=sh("until [ -e /v/go ]; do sleep 0.02; done; seq 100000; echo done >&2; "
                          "until [ -e /v/on ]; do sleep 0.02; done; echo after; exit 3"))
        volume = rkt.tmp / "v"
        volume.mkdir()
        p, uuid = rkt.start_pod(f"--volume=v,kind=host,source={volume}", "example.com/busybox", "--mount=volume=v,target=/v",
                                stdout=open(rkt.tmp / "out", "wb"))
        ballast = open(rkt.data / "ballast", "wb", buffering=0)
        with pytest.raises(OSError):
            while True:
                ballast.write(bytes(4096))
        (volume / "go").touch()
        errors = [p.stderr.readline().decode() for _ in range(2)]
        assert 'the log of app "busybox" cannot be written: No space left on device' in errors[0] and errors[1] == "done\n"
        os.unlink(rkt.data / "ballast")
        ballast.close()
        (volume / "on").touch()
        assert p.wait(20) == 3
        everything = "".join(f"{i}\n" for i in range(1, 100001)) + "after\n"
        assert (rkt.tmp / "out").read_text() == everything
        r = rkt("logs", uuid, code=0)
        assert r.out.endswith("after\n") and everything.startswith(r.out.removesuffix("after\n"))
        assert re.search(r"^rkt: \d+ lines \(\d+ bytes\) of output could not be kept: No space left on device$", r.err, re.M)
        rkt("rm", uuid, code=0)
    finally:
        subprocess.run(["umount", "-l", rkt.data], check=True)


def test_a_mutable_pod_keeps_what_its_apps_write(rkt):
    rkt.image(exec=sh("echo start; exec sleep 1000"))
    image = json.loads(rkt("image", "list", "--format=json", code=0).out)[0]["id"]
    uuid_file = rkt.tmp / "uuid-sandbox"
    rkt.start("app", "sandbox", "--net=none", f"--uuid-file-save={uuid_file}", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: uuid_file.exists() and uuid_file.stat().st_size == 36, "the pod's UUID")
    uuid = uuid_file.read_text()
    wait_until(lambda: rkt("status", uuid).code == 0, "the pod")  # the file is there before the pod has left embryo/
    rkt("status", "--wait-ready=20s", uuid, code=0)
    rkt("app", "add", uuid, image, "--name=web", code=0)
    for times in (1, 2):
        rkt("app", "start", uuid, "--app=web", code=0)
        wait_until(lambda: rkt("logs", uuid, "web", code=0).out == "start\n" * times, "the app's output")
        rkt("app", "stop", uuid, "--app=web", code=0)
    rkt("app", "rm", uuid, "--app=web", code=0)
    assert not (pod_dir(rkt, uuid) / "logs/web").exists()
    rkt("stop", uuid, code=0)
    rkt("status", "--wait", uuid, code=0)


def test_a_stage1_without_logs_is_named(rkt):
    rkt.image(exec=["/bin/true"])
    uuid_file = rkt.tmp / "uuid-fly"
    rkt("run", "--stage1-name=coreos.com/rkt/stage1-fly", f"--uuid-file-save={uuid_file}", "example.com/busybox", code=0)
    uuid = uuid_file.read_text()
    assert f'the stage1 of pod "{uuid}" keeps no logs' in rkt("logs", uuid, code=254).err
