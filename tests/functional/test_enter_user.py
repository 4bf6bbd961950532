# SPDX-License-Identifier: Apache-2.0
"""As whom rkt enter runs a command: the app's user, with the app's limits, or the one that --user names."""
import os
import pty
import resource
import subprocess
import tarfile

import pytest

from rktlib import entry

FLY = "--stage1-name=coreos.com/rkt/stage1-fly"

PASSWD = "root:x:0:0::/root:/bin/sh\nworker:x:1000:50::/home:/bin/sh\nother:x:2000:60::/:/bin/sh\n"
GROUP = "root:x:0:\nstaff:x:50:worker\nothers:x:60:\nextra:x:70:other,worker\n"
WHO = "id -u; id -g; id -G; grep CapEff /proc/self/status"


def app(rkt, **fields):
    rkt.image(exec=["/bin/sleep", "1000"], extra=[entry("rootfs/etc/passwd", PASSWD), entry("rootfs/etc/group", GROUP)], **fields)


def who(rkt, uuid, *flags):
    uid, gid, groups, capabilities = rkt("enter", *flags, uuid, "/bin/sh", "-c", WHO, code=0).out.splitlines()
    return uid, gid, set(groups.split()), int(capabilities.split()[1], 16) != 0


@pytest.mark.parametrize("form", [[], ["--private-users"], ["--no-overlay"]], ids=["plain", "users", "copies"])
def test_a_command_is_the_apps_user(rkt, form):
    app(rkt, user="worker", group="staff", supplementaryGIDs=[70, 80])
    _, uuid = rkt.start_pod(*form, "example.com/busybox")
    assert who(rkt, uuid) == ("1000", "50", {"50", "70", "80"}, False)
    assert rkt("enter", uuid, "/bin/sh", "-c", "echo x >/dev/stdout; echo y >/dev/stderr; cat /proc/1/environ; touch /new", code=1).out == "x\n"


@pytest.mark.parametrize("form", [[], ["--private-users"]], ids=["plain", "users"])
def test_another_user_is_named(rkt, form):
    app(rkt, user="worker", group="staff")
    _, uuid = rkt.start_pod(*form, "example.com/busybox")
    assert who(rkt, uuid, "--user=root") == who(rkt, uuid, "--user=0") == ("0", "0", {"0"}, True)
    assert who(rkt, uuid, "--user=other") == who(rkt, uuid, "--user=2000") == ("2000", "60", {"60", "70"}, False)
    assert who(rkt, uuid, "--user=other:staff") == ("2000", "50", {"50"}, False)
    assert who(rkt, uuid, "--user=1234") == ("1234", "1234", {"1234"}, False), "an account of its own where passwd has none"
    assert rkt("app", "exec", "--user=other", uuid, "/bin/id", "-u", code=0).out == "2000\n"


def test_what_kept_the_app_from_privileges_keeps_who_enters(rkt):
    app(rkt, user="worker", group="staff", isolators=[{"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_KILL"]}}])
    _, uuid = rkt.start_pod("example.com/busybox")
    for flags in ([], ["--user=root"], ["--user=other"]):
        out = rkt("enter", *flags, uuid, "/bin/grep", "-E", "CapBnd|NoNewPrivs|Seccomp:", "/proc/self/status", code=0).out
        assert out.split() == ["CapBnd:", f"{1 << 5:016x}", "NoNewPrivs:", "1", "Seccomp:", "2"], flags


@pytest.mark.parametrize("user, text", [
    ("nobody-here", 'failed to configure user "nobody-here": "nobody-here" not found'),
    ("other:nobodies", 'failed to configure group "nobodies": "nobodies" not found'),
    (":60", 'user ":60" is not of the form USER or USER:GROUP'),
    ("other:", 'user "other:" is not of the form USER or USER:GROUP'),
    ("/bin", 'user "/bin" is not of the form USER or USER:GROUP'),
    ("4294967295", "Invalid uid or gid"),
    ("", "--user: no user is named"),
])
def test_a_user_that_is_none_is_named(rkt, user, text):
    app(rkt)
    _, uuid = rkt.start_pod("example.com/busybox")
    result = rkt("enter", f"--user={user}", uuid, "/bin/true")
    assert result.code not in (0, None) and text in result.err, result


@pytest.mark.parametrize("made", [{"type": tarfile.FIFOTYPE}, {"type": tarfile.CHRTYPE, "dev": (1, 5)}], ids=["fifo", "device"])
def test_accounts_are_read_from_plain_files(rkt, made):
    """To open anything else may do something, or never end."""
    rkt.image(exec=["/bin/sleep", "1000"], extra=[entry("rootfs/etc/passwd", **made)])
    _, uuid = rkt.start_pod("example.com/busybox")
    assert rkt("enter", "--user=worker", uuid, "/bin/true").code == 254
    assert rkt("enter", "--user=7", uuid, "/bin/grep", "Uid", "/proc/self/status", code=0).out.split() == ["Uid:", *["7"] * 4]
    rkt.run("example.com/busybox", "--user=worker", code=217)


def test_a_terminal_is_the_users(rkt):
    app(rkt, user="worker", group="staff")
    _, uuid = rkt.start_pod("example.com/busybox")
    ours, theirs = pty.openpty()
    p = subprocess.Popen(rkt.argv("enter", uuid, "/bin/sh", "-c", "test -w $(tty) && echo mine >$(tty)"), env=rkt.env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    rkt.children.append(p)
    os.close(theirs)
    assert os.read(ours, 100) == b"mine\r\n" and p.wait(20) == 0
    os.close(ours)


def test_limits_and_the_nice_value_are_the_pods(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    rkt.run("example.com/busybox", "--exec=/bin/true", code=0)  # which stores the stage1: that takes larger files
    limits = {resource.RLIMIT_NOFILE: (500, 600), resource.RLIMIT_CORE: (0, 0), resource.RLIMIT_FSIZE: (1 << 20, 1 << 20), resource.RLIMIT_NPROC: (400, 400)}

    def before():
        os.nice(3)
        for kind, pair in limits.items():
            resource.setrlimit(kind, pair)
    _, uuid = rkt.start_pod("example.com/busybox", preexec_fn=before)
    look = "ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -f; grep processes /proc/self/limits | tr -dc '0-9 ' | xargs; cut -d' ' -f19 /proc/self/stat"
    seen = rkt("enter", uuid, "/bin/sh", "-c", look, code=0).out.split()
    assert seen == ["500", "600", "0", "2048", "400", "400", str(min(os.nice(0) + 3, 19))]
    few = rkt("enter", uuid, "/bin/sh", "-c", look, code=0, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (50, 50)))
    assert few.out.split() == seen, "limits of who enters do not matter where they are not hard ones below the pod's"


def test_what_is_written_by_a_command_is_no_matter_of_its_limits(rkt, tmp_path):
    """The limit of file sizes is the command's, not that of rkt, which writes what the command says."""
    rkt.image(exec=["/bin/sleep", "1000"])
    rkt.run("example.com/busybox", "--exec=/bin/true", code=0)
    _, uuid = rkt.start_pod("example.com/busybox", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    with open(tmp_path / "out", "wb") as out:
        subprocess.run(rkt.argv("enter", uuid, "/bin/head", "-c", "3000000", "/dev/zero"), env=rkt.env, stdin=subprocess.DEVNULL, stdout=out, check=True)
    assert (tmp_path / "out").stat().st_size == 3000000
    assert rkt("enter", uuid, "/bin/sh", "-c", "head -c 3000000 /dev/zero >/big").code != 0


def test_fly_enters_as_the_apps_user_and_as_another(rkt):
    app(rkt, user="worker", group="staff")
    _, uuid = rkt.start_pod(FLY, "example.com/busybox", net="host")
    assert rkt("enter", uuid, "/bin/id", "-u", code=0).out == "1000\n"
    assert rkt("enter", "--user=other", uuid, "/bin/id", "-G", code=0).out == "60 70\n"
    assert rkt("enter", "--user=root", uuid, "/bin/id", "-u", code=0).out == "0\n"


def test_a_user_with_too_many_processes_is_told(rkt):
    app(rkt, user="worker", group="staff")
    rkt.run("example.com/busybox", "--exec=/bin/true", code=0)
    _, uuid = rkt.start_pod("example.com/busybox", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1)))
    assert "ulimit -u" in rkt("enter", uuid, "/bin/true", code=254).err
    assert rkt("enter", "--user=root", uuid, "/bin/id", "-u", code=0).out == "0\n"


def test_fly_enters_with_the_limits_of_the_app(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    rkt.run(FLY, "example.com/busybox", "--exec=/bin/true", net="host", code=0)

    def before():
        os.nice(3)
        resource.setrlimit(resource.RLIMIT_NOFILE, (500, 600))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, uuid = rkt.start_pod(FLY, "example.com/busybox", net="host", preexec_fn=before)
    look = "ulimit -Sn; ulimit -Hn; ulimit -c; cut -d' ' -f19 /proc/self/stat"
    assert rkt("enter", uuid, "/bin/sh", "-c", look, code=0).out.split() == ["500", "600", "0", str(min(os.nice(0) + 3, 19))]


@pytest.mark.parametrize("flavor, net", [([], "none"), ([FLY], "host")], ids=["native", "fly"])
def test_what_the_app_makes_of_its_accounts_changes_nobody(rkt, flavor, net):
    """It is entered as whom it was started."""
    rkt.image(exec=["/bin/sh", "-c", "echo worker:x:0:0::/:/bin/sh >/etc/passwd && echo up; sleep 1000"], user="worker", group="7", supplementaryGIDs=[8],
              extra=[entry("rootfs/etc/passwd", "worker:x:1000:1000::/:/bin/sh\n", uid=1000)])
    p, uuid = rkt.start_pod(*flavor, "example.com/busybox", net=net)
    assert p.stdout.readline() == b"up\n"
    assert rkt("enter", uuid, "/bin/sh", "-c", "id -u; id -G", code=0).out == "1000\n7 8\n"
    assert rkt("enter", "--user=worker", uuid, "/bin/sh", "-c", "id -u", code=0).out == "0\n", "whom it names now"
