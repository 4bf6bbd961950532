# SPDX-License-Identifier: Apache-2.0
"""--private-users: root of a pod is nobody on the host; files of the image and of volumes keep their owners on disk."""
import os
import shlex
import subprocess

import pytest

from rktlib import entry


def sh(rkt, script, *flags, **kw):
    if not getattr(rkt, "imaged", False):
        rkt.image(exec=["/bin/sh", "-c"], extra=[entry("rootfs/etc/owned", "x", uid=77, gid=88)])
        rkt.imaged = True
    return rkt.run("--private-users", *flags, "example.com/busybox", "--", script, **kw)


FORMS = pytest.mark.parametrize("form", [[], ["--no-overlay"]], ids=["overlay", "copies"])


def pod_dir(rkt):
    return next((rkt.data / "pods/run").iterdir())


@FORMS
def test_root_of_the_pod_is_nobody_on_the_host(rkt, form):
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = rkt.start_pod("--private-users", *form, "example.com/busybox")
    shift, count = (rkt.data / "pods/run" / uuid / "private-users-prepared").read_text().split(":")
    assert int(shift) >= 65536 and int(shift) % 65536 == 0 and count == "65536"
    init = rkt.status(uuid)["pid"]
    for pid in [init, *open(f"/proc/{init}/task/{init}/children").read().split()]:
        status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
        assert status["Uid"].split() == [shift] * 4 and status["Gid"].split() == [shift] * 4
        assert os.readlink(f"/proc/{pid}/ns/user") != os.readlink("/proc/self/ns/user")
        for ns in ("uts", "ipc", "net", "mnt"):
            assert os.readlink(f"/proc/{pid}/ns/{ns}") != os.readlink(f"/proc/self/ns/{ns}")
    out = rkt("enter", uuid, "/bin/sh", "-c", "readlink /proc/self/ns/user; id -u; cat /proc/self/uid_map; echo x > /dev/stdout", code=0).out.split()
    assert out == [os.readlink(f"/proc/{init}/ns/user"), "0", "0", shift, count, "x"]
    rkt("stop", "--force", uuid, code=0)
    p.wait()


@FORMS
def test_the_image_keeps_its_owners(rkt, form):
    out = sh(rkt, "stat -c '%u:%g' /etc/owned / /bin /dev /dev/null /tmp; touch /new; chown 5:6 /new; stat -c '%u:%g' /new; echo y >> /etc/owned; stat -c '%u:%g' /etc/owned",
             *form, code=0).out.split()
    assert out == ["77:88", "0:0", "0:0", "0:0", "0:0", "0:0", "5:6", "77:88"]


def test_nothing_is_chowned_under_an_overlay(rkt):
    sh(rkt, "touch /new; chown 5:6 /new; touch /root-file; echo y >> /etc/owned", code=0)
    upper = next(pod_dir(rkt).glob("overlay/*/upper/busybox"))
    owners = {f: (os.stat(upper / f).st_uid, os.stat(upper / f).st_gid) for f in ("new", "root-file", "etc/owned", ".")}
    assert owners == {"new": (5, 6), "root-file": (0, 0), "etc/owned": (77, 88), ".": (0, 0)}
    tree = next((rkt.data / "cas/tree").rglob("etc/owned"), None)
    assert tree is None or os.stat(tree).st_uid == 77


def test_users_and_capabilities_count_inside_only(rkt):
    rkt.image(exec=["/bin/sh", "-c", "id -u; grep CapEff /proc/self/status; mknod /n c 1 3 2>&1; mount -t tmpfs none /tmp && echo mounted; umount /proc 2>/dev/null && echo uncovered; exit 0"],
              isolators=[{"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_SYS_ADMIN", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_SETUID"]}}])
    r = rkt.run("--private-users", "--insecure-options=seccomp", "example.com/busybox", code=0)
    assert "mknod: /n: Operation not permitted" in r.out and "mounted" in r.out, r
    r = sh_user(rkt)
    assert r.out.split() == ["1000", "1000", "0000000000000000"]


def sh_user(rkt):
    rkt.image("example.com/user", exec=["/bin/sh", "-c", "id -u; id -g; grep CapEff /proc/self/status | cut -f2; echo > /dev/stdout"], user="worker", group="worker")
    return rkt.run("--private-users", "example.com/user", code=0)


def test_low_ports_and_raw_sockets_are_the_pods(rkt):
    rkt.image(exec=["/bin/sh", "-c", "nc -l -p 80 >/dev/null & sleep 0.3; kill %1 && echo bound; ping -c1 -W2 127.0.0.1 >/dev/null && echo pinged; hostname"])
    out = rkt.run("--private-users", "--hostname=box", "example.com/busybox", code=0).out.split()
    assert out == ["bound", "pinged", "box"]


def test_the_default_network_works(rkt):
    out = sh(rkt, "ip -4 addr show eth0 | grep -c inet; ip route | grep -c default", net="default", code=0).out.split()
    assert out == ["1", "1"]


@FORMS
def test_volumes_keep_their_owners(rkt, tmp_path, form):
    host = tmp_path / "host"
    host.mkdir()
    (host / "of-1000").write_text("x")
    os.chown(host / "of-1000", 1000, 1000)
    out = sh(rkt, "stat -c '%u:%g' /h /h/of-1000 /e; touch /h/new /e/new; chown 3:4 /h/new; stat -c %u:%g /e/new; touch /ro/x 2>/dev/null || echo read-only",
             *form, f"--volume=h,kind=host,source={host}", "--mount=volume=h,target=/h", "--volume=e,kind=empty,uid=12,gid=13,mode=0777", "--mount=volume=e,target=/e",
             f"--volume=ro,kind=host,source={host},readOnly=true", "--mount=volume=ro,target=/ro", code=0).out.split()
    assert out == ["0:0", "1000:1000", "12:13", "0:0", "read-only"]
    assert (os.stat(host / "new").st_uid, os.stat(host / "new").st_gid) == (3, 4)


def test_an_owner_beyond_the_range_is_refused(rkt):
    r = sh(rkt, "true", "--volume=e,kind=empty,uid=70000", "--mount=volume=e,target=/e", code=254)
    assert "does not fit into 65536 private users" in r.err
    assert rkt.run("--private-users", "example.com/busybox", "--user=70000", "--", "true").code == 217


def test_what_cannot_be_mapped_is_said(rkt):
    r = sh(rkt, "test -e /p/self && echo there", "--volume=p,kind=host,source=/proc", "--mount=volume=p,target=/p", code=0)
    assert r.out == "there\n" and '"/proc" cannot be shown with the owners of private users' in r.err


def test_implicit_volumes_of_a_docker_image_are_filled(rkt, tmp_path):
    from rktlib import busybox_rootfs, oci_layout
    layer = [(i, b) for i, b in busybox_rootfs()]
    for info, _ in layer:
        info.name = info.name.replace("rootfs/", "", 1)
    layer = [e for e in layer if e[0].name != "rootfs"] + [entry("data"), entry("data/f", "x", uid=9, gid=10)]
    oci = oci_layout(tmp_path / "oci", [layer], {"Entrypoint": ["/bin/stat", "-c", "%u:%g", "/data/f", "/data"], "Volumes": {"/data": {}}})
    assert rkt.run("--insecure-options=image", "--private-users", f"oci:{oci}", code=0).out.split() == ["9:10", "0:0"]


def test_limits_hold(rkt):
    rkt.image(exec=["/bin/sh", "-c", "tail -c 200m /dev/zero | wc -c; echo survived"])
    assert "209715200" not in rkt.run("--private-users", "example.com/busybox", "--memory=32M").out


def test_two_pods_never_share_ids(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    started = [rkt.start("prepare", "--private-users", "--quiet", "example.com/busybox") for _ in range(4)]
    assert [p.wait() for p in started] == [0] * 4
    ranges = [(d / "private-users-prepared").read_text() for d in (rkt.data / "pods/prepared").iterdir()]
    assert len(set(ranges)) == 4


def test_a_prepared_pod_runs(rkt):
    rkt.image(exec=["/bin/cat", "/proc/self/uid_map"])
    uuid = rkt("prepare", "--private-users", "example.com/busybox", code=0).out.strip()
    shift = (rkt.data / "pods/prepared" / uuid / "private-users-prepared").read_text().split(":")[0]
    assert rkt("run-prepared", "--net=none", uuid, code=0).out.split() == ["0", shift, "65536"]


def test_several_apps_share_the_users(rkt):
    rkt.image("example.com/a", exec=["/bin/sh", "-c", "readlink /proc/self/ns/user"])
    out = rkt.run("--private-users", "example.com/a", "example.com/a", "--name=b", code=0).out
    spaces = {line.split()[-1] for line in out.splitlines() if "user:[" in line}
    assert len(spaces) == 1 and os.readlink("/proc/self/ns/user") not in spaces


def test_a_terminal_belongs_to_the_user(rkt):
    import pty
    rkt.image(exec=["/bin/sh", "-c", "stat -c '%u:%g' $(tty); echo ok > /dev/tty"])
    master, slave = pty.openpty()
    p = rkt.start("run", "--net=none", "--private-users", "--interactive", "example.com/busybox", stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    out = b""
    try:
        while chunk := os.read(master, 4096):
            out += chunk
    except OSError:
        pass
    os.close(master)
    assert p.wait() == 0 and out.split() == [b"0:5", b"ok"], out


def test_a_score_for_the_oom_killer(rkt):
    rkt.image()
    script = "cat /proc/self/oom_score_adj; exec sleep 1000"
    p, uuid = rkt.start_pod("--private-users", "example.com/busybox", "--oom-score-adj=500", "--", "-c", script)
    assert p.stdout.readline() == b"500\n"
    assert rkt("enter", uuid, "/bin/cat", "/proc/self/oom_score_adj", code=0).out == "500\n"
    init = int(rkt.status(uuid)["pid"])
    assert open(f"/proc/{init}/oom_score_adj").read() == open("/proc/self/oom_score_adj").read()
    rkt("stop", "--force", uuid, code=0)
    p.wait()


def test_ranges_of_users_of_the_host_are_left_to_them(rkt):
    rkt.image(exec=["/bin/true"])
    last = 0x7f00 << 16  # one in 128 is free
    (rkt.tmp / "subuid").write_text(f"someone:65536:{last - 65536}\n")
    command = " ".join(map(shlex.quote, rkt.argv("prepare", "--private-users", "--quiet", "example.com/busybox")))
    uuid = subprocess.run(["unshare", "-m", "sh", "-c", f"mount --bind {rkt.tmp}/subuid /etc/subuid && exec {command}"],
                          capture_output=True, text=True, env=rkt.env, check=True).stdout.strip()
    shift, count = map(int, (rkt.data / "pods/prepared" / uuid / "private-users-prepared").read_text().split(":"))
    assert shift >= last and count == 65536
