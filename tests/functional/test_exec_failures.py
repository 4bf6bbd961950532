# SPDX-License-Identifier: Apache-2.0
"""Why a program could not be executed is found where the app looked: in its root, with its volumes."""
import os
import subprocess

import pytest

from rktlib import wait_until
from test_mutable import start_sandbox

FLY = "--stage1-name=coreos.com/rkt/stage1-fly"


@pytest.fixture
def tools(tmp_path):
    """A volume of things that cannot be executed, and what is said about each of them."""
    path = tmp_path / "tools"
    (path / "folder").mkdir(parents=True)
    for name, text, mode in (("plain", "#!/bin/sh\n", 0o644), ("junk", "\x7fELF and no more", 0o755), ("shell", "echo no first line\n", 0o755),
                             ("lost", "#!  /m/interp -x\necho\n", 0o755), ("deep", "#!/m/lost\n", 0o755), ("bad", "#!/m/plain\n", 0o755)):
        (path / name).write_text(text)
        (path / name).chmod(mode)
    return path


SAID = {
    "plain": '"/m/plain" is not executable',
    "junk": 'execute "/m/junk": Exec format error',
    "shell": 'execute "/m/shell": Exec format error',
    "lost": 'Unable to open "/m/interp": No such file or directory',
    "deep": 'Unable to open "/m/interp": No such file or directory',
    "bad": '"/m/plain" is not executable',
    "folder": '"/m/folder" is not a regular file',
    "none": 'Unable to open "/m/none": No such file or directory',
}


def test_a_program_on_a_volume_is_looked_at_there(rkt, tools):
    rkt.image()
    for name, text in SAID.items():
        r = rkt.run(f"--volume=a,kind=host,source={tools}", "--mount=volume=a,target=/m", "example.com/busybox", f"--exec=/m/{name}", code=203)
        assert f'app "busybox": "/m/{name}" could not be executed: {text}' in r.err, (name, r)


def test_so_it_is_under_fly(rkt, tools):
    rkt.image(exec=["/bin/sleep", "1000"])
    flags = [FLY, f"--volume=a,kind=host,source={tools}", "--mount=volume=a,target=/m", "example.com/busybox"]
    for name, text in SAID.items():
        r = rkt.run(*flags, f"--exec=/m/{name}", net="host", code=254)
        assert r.err == f'run: "/m/{name}" could not be executed: {text}\n', (name, r)
    _, uuid = rkt.start_pod(*flags, net="host")
    wait_until(lambda: rkt("enter", uuid, "/bin/true").code == 0, "the app")
    for name, text in SAID.items():
        assert text in rkt("enter", uuid, f"/m/{name}", code=254).err
    rkt("stop", uuid, code=0)


def test_so_it_is_for_users_handlers_and_what_is_started_again(rkt, tools):
    os.chmod(tools / "lost", 0o711)  # its user may execute it, and not read it
    rkt.image("example.com/user", user="7", group="7")
    rkt.image("example.com/handled", eventHandlers=[{"name": "pre-start", "exec": ["/m/deep"]}])
    volume = [f"--volume=a,kind=host,source={tools}", "--mount=volume=a,target=/m"]
    r = rkt.run(*volume, "example.com/user", "--exec=/m/lost", code=203)
    assert '"/m/lost" could not be executed: execute "/m/lost": No such file or directory' in r.err, r
    r = rkt.run(*volume, "example.com/user", "--restart=on-failure:1", "--exec=/m/plain", code=203)
    assert '"/m/plain" is not executable' in r.err, r
    r = rkt.run(*volume, "example.com/handled", "--restart=on-failure:1", code=203)
    assert '"/m/deep" could not be executed: Unable to open "/m/interp"' in r.err, r


def test_a_mounts_noexec_is_named(rkt, tools):
    rkt.image()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec", "tools", tools], check=True)
    try:
        (tools / "run").write_text("#!/bin/sh\n")
        (tools / "run").chmod(0o755)
        r = rkt.run(f"--volume=a,kind=host,source={tools}", "--mount=volume=a,target=/m", "example.com/busybox", "--exec=/m/run", code=203)
    finally:
        subprocess.run(["umount", tools], check=True)
    assert '"/m/run" is on a file system that is mounted "noexec"' in r.err, r


def test_a_filter_that_allows_nothing_but_the_start_changes_no_status(rkt, tools):
    isolator = {"name": "os/linux/seccomp-retain-set", "value": {"set": ["execve", "exit_group"]}}
    rkt.image(isolators=[isolator])
    r = rkt.run(f"--volume=a,kind=host,source={tools}", "--mount=volume=a,target=/m", "example.com/busybox", "--exec=/m/plain", code=203)
    assert '"/m/plain" could not be executed: execute "/m/plain": Permission denied' in r.err, r


def test_a_mutable_pod_and_who_enters_are_told_as_well(rkt, tools):
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = start_sandbox(rkt)
    for name, flags in (("one", ["--exec=/m/deep"]), ("two", [])):
        rkt("app", "add", uuid, "example.com/busybox", f"--name={name}", f"--mnt-volume=name=v,kind=host,source={tools},target=/m", *flags, code=0)
        rkt("app", "start", uuid, f"--app={name}", code=0)
    told = iter(p.stderr.readline, b"")
    assert any(b'app "one": "/m/deep" could not be executed: Unable to open "/m/interp": No such file or directory' in line for line in told)
    assert '"/m/folder" is not a regular file' in rkt("app", "exec", "--app=two", uuid, "/m/folder", code=203).err
    rkt.image("example.com/notifies", annotations=[{"name": "appc.io/executor/supports-systemd-notify", "value": "true"}])
    rkt("app", "add", uuid, "example.com/notifies", "--name=three", f"--mnt-volume=name=v,kind=host,source={tools},target=/m", "--exec=/m/deep", code=0)
    assert '"/m/deep" could not be executed' in rkt("app", "start", uuid, "--app=three", code=254).err, "who still waits for the start is told why"


@pytest.fixture
def programs(tools):
    for name in ("mine", "echo"):
        (tools / name).write_text('#!/bin/sh\nshift; echo "$0 $*"\n')
        (tools / name).chmod(0o755)
    return tools


def test_a_bare_name_is_looked_for_in_volumes(rkt, programs):
    rkt.image(exec=["mine", "x", "y"], environment=[{"name": "PATH", "value": "/nowhere:/bin:/m"}])
    volume = [f"--volume=a,kind=host,source={programs}", "--mount=volume=a,target=/m"]
    assert rkt.run(*volume, "example.com/busybox", code=0).out == "/m/mine y\n"
    assert rkt.run(*volume, "example.com/busybox", "--exec=echo", "--", "of", "the image", code=0).out == "of the image\n"
    assert rkt.run(*volume, "example.com/busybox", "--environment=PATH=/m:/bin", "--restart=on-failure:1", "--exec=echo", "--", "of", "volume",
                   code=0).out == "/m/echo volume\n"
    assert rkt.run(FLY, *volume, "example.com/busybox", net="host", code=0).out == "/m/mine y\n"
    for name in ("none", "plain", "folder"):
        assert f'unable to find "{name}" where the app\'s PATH leads' in rkt.run(*volume, "example.com/busybox", f"--exec={name}", code=203).err
    assert 'unable to find "mine" in "/bin"' in rkt.run(*volume, "example.com/busybox", "--environment=PATH=/bin", code=254).err
    r = rkt.run(*volume, "example.com/busybox", "--user=/m/mine", code=217)
    assert "volumes are not looked at" in r.err, r
    assert "volumes are not looked at" not in rkt.run(*volume, "example.com/busybox", "--user=nobody-here", code=217).err


def test_so_it_is_in_a_mutable_pod(rkt, programs):
    rkt.image(exec=["mine", "x", "y"], environment=[{"name": "PATH", "value": "/bin:/m"}])
    p, uuid = start_sandbox(rkt)
    rkt("app", "add", uuid, "example.com/busybox", "--name=one", f"--mnt-volume=name=v,kind=host,source={programs},target=/m", code=0)
    rkt("app", "start", uuid, "--app=one", code=0)
    assert p.stdout.readline().endswith(b"/m/mine y\n")
