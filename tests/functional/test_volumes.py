# SPDX-License-Identifier: Apache-2.0
"""Volumes, users and groups."""
import os
import socket
import stat
import subprocess

import pytest

from rktlib import busybox_rootfs, entry, oci_layout


def test_a_host_volume_is_read_and_written(rkt, tmp_path):
    host = tmp_path / "host"
    host.mkdir()
    (host / "in").write_text("from host")
    rkt.image(exec=["/bin/sh", "-c", "cat /data/in; echo out > /data/out"])
    r = rkt.run(f"--volume=data,kind=host,source={host}", "--mount=volume=data,target=/data", "example.com/busybox", code=0)
    assert r.out == "from host" and (host / "out").read_text() == "out\n"


def test_a_read_only_volume_cannot_be_written(rkt, tmp_path):
    host = tmp_path / "host"
    (host / "sub").mkdir(parents=True)
    rkt.image(exec=["/bin/sh", "-c", "touch /data/x; touch /data/sub/x; mount -o remount,rw /data; exit 0"])
    rkt.run(f"--volume=data,kind=host,source={host},readOnly=true", "--mount=volume=data,target=/data", "example.com/busybox")
    assert os.listdir(host) == ["sub"] and os.listdir(host / "sub") == []


def test_mount_points_of_the_image_take_volumes_by_name(rkt, tmp_path):
    host = tmp_path / "host"
    host.mkdir()
    rkt.image(exec=["/bin/sh", "-c", "echo x > /var/data/x"], mountPoints=[{"name": "data", "path": "/var/data"}])
    rkt.run(f"--volume=data,kind=host,source={host}", "example.com/busybox", code=0)
    assert (host / "x").exists()


def test_an_empty_volume_is_shared_by_the_apps_of_a_pod(rkt):
    rkt.image("example.com/writer", exec=["/bin/sh", "-c", "echo shared > /v/x; while [ ! -e /v/done ]; do sleep 0.05; done"])
    rkt.image("example.com/reader", exec=["/bin/sh", "-c", "while [ ! -s /w/x ]; do sleep 0.05; done; cat /w/x; stat -c '%a %u %g' /w; touch /w/done"])
    r = rkt.run("--volume=v,kind=empty,mode=0777,uid=12,gid=34", "example.com/writer", "--mount=volume=v,target=/v",
                "example.com/reader", "--mount=volume=v,target=/w", code=0)
    assert "shared" in r.out and "777 12 34" in r.out


def test_an_implicit_volume_is_announced(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo x > /var/data/x; stat -c %a /var/data"], mountPoints=[{"name": "data", "path": "/var/data"}])
    r = rkt.run("example.com/busybox", code=0)
    assert r.out == "755\n"
    assert ('warning: no volume specified for mount point "data", implicitly creating an "empty" volume. '
            "This volume will be removed when the pod is garbage-collected.") in r.err


def test_a_file_can_be_a_volume(rkt, tmp_path):
    f = tmp_path / "file"
    f.write_text("one file")
    rkt.image(exec=["/bin/cat", "/etc/deep/config"])
    assert rkt.run(f"--volume=f,kind=host,source={f}", "--mount=volume=f,target=/etc/deep/config", "example.com/busybox", code=0).out == "one file"


def test_symlinked_targets_stay_inside(rkt, tmp_path):
    host, victim = tmp_path / "host", tmp_path / "victim"
    host.mkdir()
    victim.mkdir()
    rkt.image(exec=["/bin/sh", "-c", "echo x > /link/x; ls -a " + str(victim)], extra=[entry("rootfs/link", link=str(victim))])
    rkt.run(f"--volume=v,kind=host,source={host}", "--mount=volume=v,target=/link", "example.com/busybox")
    assert os.listdir(victim) == [] and (host / "x").exists()


def test_nested_mounts_are_both_visible(rkt, tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    (a / "inner").mkdir(parents=True)
    b.mkdir()
    (a / "A").write_text("")
    (b / "B").write_text("")
    rkt.image(exec=["/bin/sh", "-c", "ls /m /m/inner"])
    r = rkt.run(f"--volume=b,kind=host,source={b}", f"--volume=a,kind=host,source={a}", "--mount=volume=b,target=/m/inner",
                "--mount=volume=a,target=/m", "example.com/busybox", code=0)
    assert "A" in r.out and "B" in r.out


def test_a_missing_source_is_named(rkt):
    rkt.image(exec=["/bin/true"])
    r = rkt.run("--volume=v,kind=host,source=/no/such/place", "--mount=volume=v,target=/v", "example.com/busybox", code=254)
    assert "/no/such/place" in r.err


@pytest.mark.parametrize("args,text", [
    (["--volume=v,kind=nope"], 'unrecognized volume kind: should be one of "empty", "host"'),
    (["--volume=v,kind=host,source=rel"], "source for host volume must be absolute path"),
    (["--volume=v,kind=host,source=/,mode=0755"], "mode for host volume cannot be set"),
    (["--volume=v,kind=empty,x=y"], 'unknown volume parameter "x"'),
    (["--mount=volume=v,targt=/"], 'unknown mount parameter "targt"'),
])
def test_bad_volume_flags(rkt, args, text):
    assert text in rkt("run", *args, "example.com/x", code=254).err


def test_a_dangling_mount_is_refused(rkt):
    rkt.image()
    r = rkt.run("example.com/busybox", "--mount=volume=v,target=/v", code=254)
    assert 'dangling mount point "/v": volume "v" not found' in r.err


@pytest.mark.parametrize("user,group,uid,gid", [("worker", "worker", "1000", "1000"), ("1234", "5678", "1234", "5678"),
                                                ("root", "root", "0", "0"), ("/etc/owned", "/etc/owned", "77", "88")])
def test_users_by_name_number_and_path(rkt, user, group, uid, gid):
    rkt.image(exec=["/bin/sh", "-c", "id -u; id -g; grep ^CapEff /proc/self/status"], user=user, group=group,
              extra=[entry("rootfs/etc/owned", "x", uid=77, gid=88)])
    out = rkt.run("example.com/busybox", code=0).out.split()
    assert out[:2] == [uid, gid]
    assert (out[3] == "0" * 16) == (uid != "0")


def test_user_and_group_flags_override(rkt):
    rkt.image(exec=["/bin/id"])
    out = rkt.run("example.com/busybox", "--user=worker", "--group=extra", "--supplementary-gids=7,8", code=0).out
    assert "uid=1000(worker) gid=2000(extra)" in out and "groups=" in out and "7" in out and "8" in out


def test_an_unknown_user_is_named(rkt):
    rkt.image(exec=["/bin/true"])
    r = rkt.run("example.com/busybox", "--user=nobody-here")
    assert r.code in (216, 217, 254) and "nobody-here" in r.err


def test_a_named_user_writes_to_a_volume(rkt, tmp_path):
    host = tmp_path / "host"
    host.mkdir()
    os.chown(host, 1000, 1000)
    rkt.image(exec=["/bin/sh", "-c", "echo mine > /data/f"], user="worker", group="worker")
    rkt.run(f"--volume=data,kind=host,source={host}", "--mount=volume=data,target=/data", "example.com/busybox", code=0)
    st = os.stat(host / "f")
    assert (st.st_uid, st.st_gid) == (1000, 1000)


def docker_image(tmp_path, command, volumes, extra=(), user=""):
    layer = [(i, b) for i, b in busybox_rootfs()]
    for info, _ in layer:
        info.name = info.name.replace("rootfs/", "", 1)
    layer = [e for e in layer if e[0].name != "rootfs"] + list(extra)
    return "oci:" + oci_layout(tmp_path / f"oci-{len(os.listdir(tmp_path))}", [layer], {"Entrypoint": ["/bin/sh", "-c", command], "User": user,
                                                                                        "Volumes": {v: {} for v in volumes}})


CONTENT = [entry("data", mode=0o2750, uid=5, gid=6), entry("data/f", "text", mode=0o4711, uid=7, gid=8, xattrs={"user.note": "x"}),
           entry("data/second", type=b"1", link="data/f"), entry("data/link", link="/etc/passwd"), entry("data/dir", mode=0o1777), entry("data/dir/deep", "y", uid=9)]
LOOK = "stat -c '%a %u:%g %h' /data /data/f /data/second /data/dir /data/dir/deep; readlink /data/link; cat /data/f"


def test_a_docker_volume_starts_with_what_the_image_has_there(rkt, tmp_path):
    image = docker_image(tmp_path, LOOK, ["/data"], CONTENT)
    out = rkt.run("--insecure-options=image", image, code=0).out
    assert out == "2750 5:6 3\n4711 7:8 2\n4711 7:8 2\n1777 0:0 2\n644 9:0 1\n/etc/passwd\ntext"
    volume = next((rkt.data / "pods/run").glob("*/sharedVolumes/.implicit/*/*"))
    assert os.getxattr(volume / "f", "user.note") == b"x"


def test_an_empty_volume_of_a_docker_image_is_filled_and_shared(rkt, tmp_path):
    image = docker_image(tmp_path, LOOK + "; touch /data/done; sleep 0.2", ["/data"], CONTENT)
    rkt.image("example.com/reader", exec=["/bin/sh", "-c", "while [ ! -e /w/done ]; do sleep 0.05; done; cat /w/f"])
    r = rkt.run("--insecure-options=image", "--volume=v,kind=empty", image, "--name=docker", "--mount=volume=v,target=/data", "example.com/reader", "--mount=volume=v,target=/w", code=0)
    assert "2750 5:6" in r.out and r.out.count("text") == 2, r


def test_what_an_operator_says_about_a_volume_holds_when_it_is_filled(rkt, tmp_path):
    image = docker_image(tmp_path, "stat -c '%a %u:%g' /data; cat /data/f", ["/data"], CONTENT)
    r = rkt.run("--insecure-options=image", "--volume=v,kind=empty,mode=0700,uid=1,gid=2", image, "--mount=volume=v,target=/data", code=0)
    assert r.out == "700 1:2\ntext"


def test_a_host_volume_is_never_filled(rkt, tmp_path):
    host = tmp_path / "host"
    host.mkdir()
    image = docker_image(tmp_path, "ls -A /data", ["/data"], CONTENT)
    assert rkt.run("--insecure-options=image", f"--volume=v,kind=host,source={host}", image, "--mount=volume=v,target=/data", code=0).out == ""
    assert os.listdir(host) == []


def test_a_volume_of_an_aci_is_not_filled(rkt):
    rkt.image(exec=["/bin/ls", "-A", "/data"], mountPoints=[{"name": "data", "path": "/data"}], extra=[entry("rootfs/data"), entry("rootfs/data/f", "x")])
    assert rkt.run("example.com/busybox", code=0).out == ""


def test_targets_behind_links_come_after_what_they_lie_below(rkt, tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    (a / "b/er").mkdir(parents=True)
    b.mkdir()
    (a / "A").write_text("")
    (b / "B").write_text("")
    rkt.image(exec=["/bin/ls", "/deep", "/deep/b/er"], extra=[entry("rootfs/deep"), entry("rootfs/deep/b"), entry("rootfs/l", link="/deep/b/er")])
    r = rkt.run(f"--volume=b,kind=host,source={b}", f"--volume=a,kind=host,source={a}", "--mount=volume=b,target=/l", "--mount=volume=a,target=/deep", "example.com/busybox", code=0)
    assert "A" in r.out and "B" in r.out


def test_mounts_below_a_read_only_volume_are_read_only_too(rkt, tmp_path):
    host = tmp_path / "host"
    (host / "sub").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", str(host / "sub")], check=True)
    try:
        (host / "sub/there").write_text("")
        rkt.image(exec=["/bin/sh", "-c", "ls /v/sub; touch /v/x /v/sub/x 2>/dev/null; exit 0"])
        volume = f"--volume=v,kind=host,source={host},readOnly=true"
        assert rkt.run(volume, "--mount=volume=v,target=/v", "example.com/busybox", code=0).out == "there\n"
        assert os.listdir(host / "sub") == ["there"] and os.listdir(host) == ["sub"]
        assert rkt.run(volume + ",recursive=false", "--mount=volume=v,target=/v", "example.com/busybox", code=0).out == ""
    finally:
        subprocess.run(["umount", str(host / "sub")], check=True)


def test_devices_fifos_and_sockets_are_volumes(rkt, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "sock"))
        rkt.image(exec=["/bin/sh", "-c", "for f in /d/zero /d/fifo /d/sock; do stat -c %F $f; done; head -c2 /d/zero | wc -c; "
                                            "cd /dev/.rkt; for l in *; do readlink $l; done; (echo x > /d/ro) 2>&1"])
        flags = [x for n, src, ro in (("zero", "/dev/zero", ""), ("fifo", tmp_path / "fifo", ""), ("sock", tmp_path / "sock", ""), ("ro", tmp_path / "fifo", ",readOnly=true"))
                 for x in (f"--volume={n},kind=host,source={src}{ro}", f"--mount=volume={n},target=/d/{n}")]
        for users in ([], ["--private-users"]):
            out = rkt.run(*users, *flags[:6], "example.com/busybox", "--readonly-rootfs=true").out
            assert out.splitlines()[:5] == ["character special file", "fifo", "socket", "2", "/d/zero"], "/dev/.rkt leads to devices alone"


def test_nothing_of_a_read_only_root_can_be_written(rkt):
    rkt.image(exec=["/bin/sh", "-c", "for f in /f /etc/hosts /etc/resolv.conf; do (echo x >>$f) 2>/dev/null && echo wrote $f; done; cat /etc/resolv.conf"])
    r = rkt.run("--dns=10.9.8.7", "example.com/busybox", "--readonly-rootfs=true", code=0)
    assert "wrote" not in r.out and "10.9.8.7" in r.out


def test_a_device_is_as_writable_as_its_volume(rkt):
    rkt.image()
    node = rkt.tmp / "device"
    os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(1, 11))  # opened, never written
    for flags, told in ((",readOnly=true", "refused\n"), ("", "opened\n")):
        r = rkt.run(f"--volume=d,kind=host,source={node}{flags}", "example.com/busybox", "--mount=volume=d,target=/d", "--",
                    "-c", "(: > /d) 2>/dev/null && echo opened || echo refused", code=0)
        assert r.out == told


@pytest.mark.parametrize("flags", [[], ["--private-users"]], ids=["root", "private-users"])
def test_a_volume_below_a_hidden_directory_is_all_there_is(rkt, tmp_path, flags):
    """As programs that look at the host want it: its cgroups, and nothing else of /sys/fs."""
    (tmp_path / "v").mkdir()
    (tmp_path / "v/seen").write_text("yes\n")
    rkt.image(exec=["/bin/sh", "-c", "cat /sys/fs/cgroup/a/seen /sys/module/one; ls /sys/fs /sys/fs/cgroup /sys/module | tr '\\n' ' '; mkdir /sys/fs/x 2>&1; grep -c ' /sys/module .* ro,' /proc/mounts"])
    mounts = ["--mount=volume=v,target=/sys/fs/cgroup/a", "--mount=volume=f,target=/sys/module/one"]
    r = rkt.run(*flags, f"--volume=v,kind=host,source={tmp_path}/v", f"--volume=f,kind=host,source={tmp_path}/v/seen", "example.com/busybox", *mounts)
    assert r.out.splitlines()[:2] == ["yes", "yes"] and "/sys/fs: cgroup  /sys/fs/cgroup: a  /sys/module: one" in r.out and "Read-only file system" in r.out, r
    assert r.out.endswith("\n1\n"), r
