# SPDX-License-Identifier: Apache-2.0
"""rkt enter --debug-image: tools of another image in an app that has none."""
import subprocess

import pytest

from machine import Machine
from rktlib import entry, wait_until

STATUS = "grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status"


def distroless(rkt, **fields):
    """One static program and nothing else."""
    with open("/bin/busybox", "rb") as f:
        program = f.read()
    rkt.image("example.com/distroless", entries=[entry("rootfs"), entry("rootfs/sleep", program, mode=0o755)], exec=["/sleep", "1000"], **fields)
    rkt.image("example.com/tools", exec=["/bin/sh"], environment=[{"name": "PATH", "value": "/bin"}, {"name": "HOME", "value": "/tools"}], extra=[entry("rootfs/etc/hosts", "the image's\n"), entry("rootfs/bin/tool", "#!/bin/sh\necho tool\n", mode=0o755)])


def enter(rkt, uuid, command, *flags, code=0):
    return rkt("enter", *flags, "--debug-image=example.com/tools", uuid, "/bin/sh", "-c", command, code=code)


def test_an_image_that_somebody_looks_with_is_not_collected(rkt):
    distroless(rkt)
    _, uuid = rkt.start_pod("example.com/distroless")
    p = rkt.start("enter", "--debug-image=example.com/tools", uuid, "/bin/sh", "-c", "echo in; read x; tool", stdin=subprocess.PIPE)
    assert p.stdout.readline() == b"in\n"
    rkt("image", "gc", "--grace-period=0s", code=0)
    assert "example.com/tools" in rkt("image", "list", code=0).out
    rkt("image", "rm", "example.com/tools", code=0)
    assert "treestore" not in rkt("image", "gc", "--unused", code=0).err, "what it runs on stays without an image"
    assert p.communicate(b"\n", timeout=20)[0] == b"tool\n" and p.returncode == 0
    assert "removed treestore" in rkt("image", "gc", "--unused", code=0).err


@pytest.mark.parametrize("form", [[], ["--private-users"], ["--no-overlay"]], ids=["plain", "users", "copies"])
def test_a_distroless_app_is_looked_at_with_another_images_tools(rkt, tmp_path, form):
    (tmp_path / "volume").mkdir()
    distroless(rkt)
    _, uuid = rkt.start_pod(*form, "--volume=v,kind=host,source=" + str(tmp_path / "volume"), "example.com/distroless", "--mount=volume=v,target=/v", "--environment=FROM=app")
    wait_until(lambda: rkt("enter", "--debug-image=example.com/tools", uuid, "/bin/cat", "/proc/2/cmdline").out == "/sleep\0" "1000\0", "the app to be executed")
    before = Machine.look()
    assert rkt("enter", uuid, "/bin/sh").code == 203
    out = enter(rkt, uuid, "tool; echo $FROM$LD_LIBRARY_PATH $AC_APP_NAME $HOME $USER $PATH $TERM; ls /rkt/app; id -u; hostname; cat /etc/hosts | grep -c image; stat -c %u /bin/busybox").out.split("\n")
    assert out[:2] == ["tool", "distroless /tools root /bin vt100"] and {"sleep", "v", "proc"} <= set(out[2:-5]) and out[-5:] == ["0", f"rkt-{uuid}", "0", "0", ""]
    assert enter(rkt, uuid, "readlink /proc/1/exe >/dev/null; tr '\\0' ' ' </proc/2/cmdline").out == "/sleep 1000 "
    enter(rkt, uuid, "echo of the app >/rkt/app/new; echo >/tmp/x; ! touch /x 2>/dev/null; test ! -e /rkt/app/bin; cat </rkt/app/new")
    assert enter(rkt, uuid, "cat /rkt/app/new; ls /tmp").out == "of the app\n"
    assert Machine.look().since(before) == []
    assert enter(rkt, uuid, "exit 7", code=7).out == ""


def test_what_looks_is_confined_as_the_app(rkt):
    distroless(rkt, isolators=[{"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_KILL"]}}, {"name": "os/linux/no-new-privileges", "value": True}])
    rkt.image(exec=["/bin/sh"])
    _, uuid = rkt.start_pod("example.com/distroless")
    out = enter(rkt, uuid, STATUS + "; cat /proc/kcore /proc/keys; ls /sys/fs; mknod /tmp/n c 1 3; mount -t tmpfs x /tmp; umount /rkt/app; cat /proc/self/cgroup").out
    lines = dict(line.split(":\t") for line in out.splitlines() if ":\t" in line)
    assert int(lines["CapBnd"], 16) == 1 << 5 and int(lines["CapEff"], 16) == 1 << 5 and (lines["Seccomp"], lines["NoNewPrivs"]) == ("2", "1")
    rest = [line for line in out.splitlines() if ":\t" not in line]
    assert rest and all(line.endswith(":/") for line in rest), "the app's cgroups, and nothing read"
    assert "nodev" in enter(rkt, uuid, "grep ' / / ' /proc/self/mountinfo").out


def test_the_image_is_verified_and_the_stage1_asked(rkt):
    distroless(rkt)
    _, uuid = rkt.start_pod("example.com/distroless")
    unknown = rkt.aci("example.com/unsigned")
    assert rkt("enter", "--debug-image=" + unknown.path, uuid, "/bin/true", code=254).err.startswith("enter: ")
    _, other = rkt.start_pod("--stage1-name=coreos.com/rkt/stage1-fly", "example.com/distroless", net="host")
    assert "the pod's stage1 cannot be entered with an image" in enter(rkt, other, "true", code=254).err


def test_apps_of_mutable_pods_too(rkt):
    distroless(rkt)
    uuid_file = rkt.tmp / "sandbox"
    rkt.start("app", "sandbox", "--net=none", f"--uuid-file-save={uuid_file}")
    wait_until(lambda: uuid_file.exists() and uuid_file.stat().st_size == 36, "the sandbox")
    uuid = uuid_file.read_text()
    rkt("status", "--wait-ready=20s", uuid, code=0)
    rkt("app", "add", uuid, "example.com/distroless", "--name=one", code=0)
    rkt("app", "start", uuid, "--app=one", code=0)
    assert rkt("app", "exec", "--app=one", "--debug-image=example.com/tools", uuid, "tool", code=0).out == "tool\n"
