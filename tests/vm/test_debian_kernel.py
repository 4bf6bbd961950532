# SPDX-License-Identifier: Apache-2.0
"""Debian 12's own kernel (6.1: overlays without descriptors, no copies of detached mounts) and cgroup v2 alone."""
import os
import signal

import pytest

from rktlib import busybox_rootfs, entry, manifest, oci_layout, write_aci
from test_docker import base_layer
from vm import BACKGROUND, run_in_guest

pytestmark = pytest.mark.slow

STEPS = {
    "kernel": "uname -r; grep -c cgroup /proc/mounts; grep -c 'cgroup2' /proc/mounts",
    "fetch": "rkt trust --root --skip-fingerprint-review /rkt/key && rkt fetch /rkt/busybox.aci",
    "run": "rkt run --net=none example.com/busybox --exec=/bin/sh -- -c 'echo hello; exit 7'",
    "fly": "rkt run --stage1-name=coreos.com/rkt/stage1-fly example.com/busybox --exec=/bin/sh -- -c 'echo fly; exit 5'",
    "copied": "rkt run --net=none --no-overlay example.com/busybox --exec=/bin/sh -- -c 'echo copied; exit 6'",
    "confined": "rkt run --net=none example.com/busybox --exec=/bin/sh -- -c "
                "'grep -E \"^(CapBnd|Seccomp):\" /proc/self/status; ls /sys/fs/cgroup; cat /proc/self/cgroup; umount /proc'",
    "limits": BACKGROUND % "example.com/busybox --memory=64M --cpu=500m --cpu-shares=512 --exec=/bin/sleep -- 1000" + """
cd $dir/system.slice/busybox.service
for f in memory.max memory.swap.max cpu.max cpu.weight; do echo $f $(cat $f); done
rkt enter $uuid /bin/sh -c 'cat /proc/self/cgroup; exit 9'; echo entered $?
rkt stop $uuid >/tmp/null; wait $pod; echo ended $?; rkt status $uuid | grep ^app-
""",
    "unit": """cd /sys/fs/cgroup; mkdir -p lean/unit; echo "+memory +cpu" >cgroup.subtree_control; echo +memory >lean/cgroup.subtree_control; cd /
in_unit() { sh -c 'echo $$ >/sys/fs/cgroup/lean/unit/cgroup.procs; exec "$@"' x "$@"; }""" +
            BACKGROUND.replace("rkt run", "in_unit rkt run") % "example.com/busybox --memory=64M --cpu=500m --exec=/bin/sleep -- 1000" + """
for f in memory.max cpu.max; do echo $f $(cat $dir/system.slice/busybox.service/$f); done
find /sys/fs/cgroup -name 'machine-rkt*' | wc -l; rkt stop $uuid >/tmp/null; wait $pod; cat /tmp/pod.err
""",
    "again": "rkt run --net=none example.com/busybox --cpu=500m --exec=/bin/sh -- -c 'echo limited' && rkt run --net=none example.com/busybox --exec=/bin/echo -- free; "
             "cat /sys/fs/cgroup/tests/cgroup.type",
    "threads": """mkdir /sys/fs/cgroup/tests/threads; echo threaded >/sys/fs/cgroup/tests/threads/cgroup.type; cat /sys/fs/cgroup/tests/cgroup.type
rkt run --net=none example.com/busybox --cpu=500m --exec=/bin/echo -- limited; rkt run --net=none example.com/busybox --exec=/bin/echo -- free; rmdir /sys/fs/cgroup/tests/threads""",
    "alone": """mkdir /sys/fs/cgroup/alone
for n in 1 2; do sh -c 'echo $$ >/sys/fs/cgroup/alone/cgroup.procs; exec "$@"' x rkt run --net=none --uuid-file-save=/tmp/alone example.com/busybox --memory=64M --cpu=500m --exec=/bin/echo -- ran; done
cut -c-7 /var/lib/rkt/pods/*/$(cat /tmp/alone)/subcgroup; wc -w </sys/fs/cgroup/alone/cgroup.subtree_control; rmdir /sys/fs/cgroup/alone && echo empty
mkdir /sys/fs/cgroup/alone""" + BACKGROUND.replace("rkt run", "sh -c 'echo $$ >/sys/fs/cgroup/alone/cgroup.procs; exec \"$@\"' x rkt run", 1) % "example.com/busybox --memory=64M --exec=/bin/sleep -- 1000" + """
kill -9 $pod; wait $pod 2>/tmp/null; rkt gc --grace-period=0s >/tmp/null 2>&1; wc -w </sys/fs/cgroup/alone/cgroup.subtree_control; rmdir /sys/fs/cgroup/alone && echo empty""",
    "container": """mkdir /sys/fs/cgroup/container; echo $$ >/sys/fs/cgroup/container/cgroup.procs
unshare -p -f --mount-proc rkt run --net=none example.com/busybox --memory=64M --cpu=500m --exec=/bin/echo -- limited
/bin/unshare -C -m sh -c 'umount /sys/fs/cgroup; mount -t cgroup2 own /sys/fs/cgroup; for limit in --cpu=500m ""; do rkt run --net=none example.com/busybox $limit --exec=/bin/echo -- ran; done; ls /sys/fs/cgroup | grep slice'
cat /sys/fs/cgroup/container/cgroup.type""",
    "slice": """slice=/sys/fs/cgroup/machine.slice; for c in $(cat $slice/cgroup.subtree_control); do echo -$c >$slice/cgroup.subtree_control; done
sleep 1000 & echo $! >$slice/cgroup.procs; rkt run --net=none example.com/busybox --cpu=500m --exec=/bin/echo -- ran; cat $slice/cgroup.type; kill $!""",
    # As systemd makes them: a login session is root's, what is below user@1000.service the user's.
    "user": """cd /sys/fs/cgroup; mkdir -p user/session user/mine/pod user/mine/other; for d in . user; do echo "+memory +cpu" >$d/cgroup.subtree_control; done
chown -R 1000 user/mine; echo "+memory +cpu" >user/mine/cgroup.subtree_control; echo $$ >user/session/cgroup.procs; cd /
echo u:x:1000:1000::/home:/bin/sh >>/etc/passwd; echo u:1000000:65536 | tee /etc/subuid >/etc/subgid; mkdir -p /home; chown 1000 /home; chmod 755 / /rkt; chmod 644 /rkt/key /rkt/busybox.aci*
as_user() { sh -c 'echo $$ >/sys/fs/cgroup/user/$0/cgroup.procs; exec /bin/setpriv --reuid=1000 --regid=1000 --clear-groups --inh-caps=-all env HOME=/home "$@"' "$@"; }
as_user session rkt trust --root --skip-fingerprint-review /rkt/key 2>/dev/null; as_user session rkt fetch /rkt/busybox.aci 2>/dev/null
as_user mine/pod rkt run --no-overlay --net=none --uuid-file-save=/home/uuid example.com/busybox --memory=64M --cpu=500m --exec=/bin/sleep -- 1000 & pod=$!
until as_user session rkt status "$(cat /home/uuid 2>/dev/null)" 2>/dev/null | grep -q ^pid=; do kill -0 $pod || exit 1; done
for f in memory.max cpu.max; do cat /sys/fs/cgroup/user/mine/pod/*/system.slice/busybox.service/$f; done
for from in mine/other session; do as_user $from rkt enter $(cat /home/uuid) /bin/sh -c 'exit 9'; echo entered $?; done
as_user session rkt stop $(cat /home/uuid) >/tmp/null; wait $pod; echo ended $?; find /sys/fs/cgroup/user/mine -type d | wc -l; wc -w </sys/fs/cgroup/user/mine/pod/cgroup.subtree_control""",
    "oom": "rkt run --net=none example.com/busybox --memory=16M --exec=/bin/sh -- -c 'x=$(cat /dev/zero | tr \"\\\\0\" x); echo survived'",
    "volume": "mkdir -p /var/shared/sub; mount -t tmpfs sub /var/shared/sub; "
              "rkt run --net=none --volume=data,kind=host,source=/var/shared,readOnly=true example.com/busybox "
              "--mount=volume=data,target=/data --exec=/bin/sh -- -c 'touch /data/x; touch /data/sub/x; grep -c \" /data\" /proc/mounts'; "
              "umount /var/shared/sub",
    "users": "rkt run --private-users --net=none example.com/busybox --exec=/bin/sh -- -c "
             "'id -u; cut -c23- /proc/self/uid_map; stat -c %u:%g /bin /etc/passwd; cat /proc/self/cgroup; echo x >/new && stat -c %u /new; exit 3'",
    "processes": "rkt fetch /rkt/few.aci && rkt run --net=none example.com/few",
    "profile": "rkt fetch /rkt/profile.aci && rkt run --net=none example.com/profile",
    "noprofile": "rkt fetch /rkt/noprofile.aci && rkt run --net=none example.com/noprofile",
    "layers": "rkt --insecure-options=image --tree-backend=erofs fetch oci:/rkt/oci:latest && "
              "rkt --insecure-options=image --tree-backend=erofs run --net=none oci:/rkt/oci:latest",
    "files": "ls /var/lib/rkt/cas/tree/*/rootfs.erofs | wc -l; ls -d /var/lib/rkt/cas/tree/[cd]* | wc -l; "
             "ls -d /sys/block/loop*/loop | wc -l; rkt gc --grace-period=0s >/tmp/null 2>&1; "
             "until ! ls -d /sys/block/loop*/loop 2>/dev/null; do :; done; grep -c erofs /proc/mounts",
    "verity": """truncate -s 256M /var/disk; /bin/mke2fs -q -t ext4 -b 4096 -O verity /var/disk; mkdir /var/disk.d; mount -t ext4 -o loop /var/disk /var/disk.d
r="rkt --insecure-options=image --dir=/var/disk.d/rkt --tree-backend=erofs"
$r fetch oci:/rkt/marked:latest && $r run --net=none oci:/rkt/marked:latest && sed 1d /var/disk.d/rkt/cas/tree/chain-*/digest
rm -rf /var/disk.d/rkt/pods; umount /run/rkt/trees/*; umount /var/disk.d; sync
for at in $(/bin/grep -abo MARKED-CONTENT /var/disk | cut -d: -f1); do printf X | dd of=/var/disk bs=1 seek=$at conv=notrunc 2>/tmp/null; echo changed; done
mount -t ext4 -o loop /var/disk /var/disk.d; $r run --net=none oci:/rkt/marked:latest; echo then $?
$r store check; $r store check --repair; $r run --net=none oci:/rkt/marked:latest; echo last $?; rm -rf /var/disk.d/rkt/pods; umount /run/rkt/trees/*; umount /var/disk.d""",
    "sctp": "rkt fetch /rkt/signal.aci" + BACKGROUND.replace("--net=none", "--net=default --port=sig:5000") % "example.com/signal --exec=/bin/sleep -- 1000" + """
nsenter --net=$(cat /var/lib/rkt/pods/run/$uuid/netns) socat SCTP-LISTEN:6000,fork 'SYSTEM:echo pod sees $SOCAT_PEERADDR' & server=$!
mkfifo /tmp/stay; unshare -n sh -c 'ip link set lo up; echo there >/tmp/far; read x </tmp/stay' & far=$!
until [ -s /tmp/far ]; do :; done
ip link add lan type veth && ip link set veth0 netns $far && ip addr add 10.77.0.1/24 dev lan && ip link set lan up
nsenter -n -t $far sh -c 'ip addr add 10.77.0.2/24 dev veth0; ip link set veth0 up'
nsenter -n -t $far socat -u -T5 SCTP:10.77.0.1:5000,connect-timeout=5 -; echo far $?
rkt stop $uuid >/tmp/null; wait $pod
nsenter -n -t $far socat -u -T5 SCTP:10.77.0.1:5000,connect-timeout=1 -; echo closed $?
kill $server; echo >/tmp/stay
""",
    "gc": "rkt gc --grace-period=0s; ls /var/lib/rkt/pods/*/; grep rkt /proc/mounts | grep -vc ' /run/rkt/trees '; find /sys/fs/cgroup -name '*rkt*'; "
          "ls -l /proc/*/exe 2>/dev/null | grep -c -e rkt -e stage1",
}
LAYERS = 60


def isolator(name, **value):
    return {"name": name, "value": value}


@pytest.fixture(scope="module")
def guest(tmp_path_factory, cache, keys):
    tmp = tmp_path_factory.mktemp("vm")
    aci = write_aci(tmp / "busybox.aci", manifest("example.com/busybox"), busybox_rootfs())
    signature = keys("builder").sign(aci.path)
    apps = {"few": {"exec": ["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; echo made"], "isolators": [isolator("resource/pids", limit="5")]},
            "profile": {"exec": ["/bin/cat", "/proc/self/attr/apparmor/current"], "isolators": [isolator("os/linux/apparmor-profile", profile="unconfined")]},
            "noprofile": {"exec": ["/bin/echo", "ran"], "isolators": [isolator("os/linux/apparmor-profile", profile="no-such-profile")]},
            "signal": {"ports": [{"name": "sig", "protocol": "sctp", "port": 6000}]}}
    images = {}
    for name, app in apps.items():
        one = write_aci(tmp / f"{name}.aci", manifest(f"example.com/{name}", **app), busybox_rootfs())
        images.update({one.path: f"rkt/{name}.aci", keys("builder").sign(one.path): f"rkt/{name}.aci.asc"})
    above = [[entry(f"layer{i}", str(i)), *([entry(f".wh.layer{i - 1}", "")] if i % 2 else [])] for i in range(LAYERS - 1)]
    oci = oci_layout(tmp / "oci", [base_layer(), *above], {"Cmd": ["/bin/sh", "-c", "ls / | grep -c ^layer; cat /layer58"], "Env": ["PATH=/bin"]})
    marked = oci_layout(tmp / "marked", [base_layer() + [entry("marked", "MARKED-CONTENT")]], {"Cmd": ["/bin/cat", "/marked"], "Env": ["PATH=/bin"]})
    files = {**images, marked: "rkt/marked", aci.path: "rkt/busybox.aci", signature: "rkt/busybox.aci.asc", keys("builder").public: "rkt/key", oci: "rkt/oci"}
    return run_in_guest(tmp, os.path.join(cache, "kernel"), files, STEPS, programs=["/usr/sbin/mke2fs", "/usr/bin/grep", *(f"/usr/bin/{p}" for p in ("unshare", "setpriv", "newuidmap", "newgidmap"))])


def test_a_cgroup_with_processes_is_not_made_one_of_threads(guest):
    assert guest["again"].out.splitlines() == ["limited", "free", "domain"] and not guest["again"].err


def test_a_pod_is_made_beside_threads_not_among_them(guest):
    assert guest["threads"].out.splitlines() == ["domain threaded", "limited", "free"] and not guest["threads"].err


def test_a_unit_that_is_rkt_alone_has_its_pod_below_and_its_cgroup_back(guest):
    assert guest["alone"].out.splitlines() == ["ran", "ran", "/alone/", "0", "empty", "0", "empty"] and not guest["alone"].err


def test_who_shares_a_cgroup_is_seen_across_namespaces(guest):
    r = guest["container"]
    assert r.out.splitlines() == ["limited", "ran", "ran", "domain"], r
    assert r.err == "stage1: warning: resource/cpu isolator set but support disabled in the kernel, skipping\n"


def test_a_slice_with_processes_is_not_made_one_of_threads(guest):
    r = guest["slice"]
    assert r.out.splitlines() == ["ran", "domain"] and r.err.count("resource/cpu isolator") == 1, r


def test_a_user_has_limits_below_what_is_delegated_and_enters_from_there(guest):
    r = guest["user"]
    assert r.out.splitlines()[-7:] == ["64000000", "50000 100000", "entered 9", "entered 254", "ended 0", "3", "0"], r
    assert "permission denied" in r.err and "systemd-run --user --scope" in r.err, r


def test_the_guest_has_an_old_kernel_and_one_hierarchy(guest):
    kernel, all_cgroups, v2 = guest["kernel"].out.split()
    assert kernel.startswith("6.1.") and (all_cgroups, v2) == ("1", "1")


def test_a_signed_image_is_verified_and_runs(guest):
    assert guest["fetch"].code == 0 and "signature verified" in guest["fetch"].err
    assert (guest["run"].code, guest["run"].out) == (7, "hello\n")


def test_fly_runs(guest):
    assert (guest["fly"].code, guest["fly"].out) == (5, "fly\n")


def test_trees_can_be_copied(guest):
    assert (guest["copied"].code, guest["copied"].out) == (6, "copied\n")


def test_sixty_layers_are_stacked(guest):
    assert guest["layers"].code == 0 and guest["layers"].out.split()[1:] == ["30", "58"]


def test_trees_are_files_behind_loop_devices_that_gc_lets_go(guest):
    files, trees, devices, mounts = guest["files"].out.split()
    assert LAYERS <= int(devices) <= int(files) <= int(trees) and mounts == "0", guest["files"]


def test_files_of_trees_have_digests_that_the_kernel_enforces(guest):
    """fs-verity: a bit that changes below the file system is found by whoever reads it, and mended."""
    lines = guest["verity"].out.splitlines()
    assert lines[1] == "MARKED-CONTENTverity" and lines[2] == "changed", guest["verity"]
    assert "then 1" in lines and "cat: read error: Input/output error" in guest["verity"].err
    assert [line.split(": ", 1)[1] for line in lines if line.startswith("tree ")] == ["read: input/output error", "read: input/output error; rendered again"]
    assert lines[-1] == "MARKED-CONTENTlast 0"


def test_apps_are_confined(guest):
    r = guest["confined"]
    assert r.code == 128 + signal.SIGSYS
    assert r.out.split() == ["CapBnd:", "00000000a80425fb", "Seccomp:", "2", "0::/"]


def test_read_only_volumes_are_so_all_the_way_down(guest):
    assert guest["volume"].out == "2\n" and guest["volume"].err.count("Read-only file system") == 2


def test_limits_are_in_the_cgroup_of_the_app(guest):
    r = guest["limits"]
    assert r.out.splitlines()[:4] == ["memory.max 64000000", "memory.swap.max 0", "cpu.max 50000 100000", "cpu.weight 20"], r


def test_a_unit_without_all_controllers_has_its_pods_in_one_place_with_all(guest):
    assert guest["unit"].out.splitlines() == ["memory.max 64000000", "cpu.max 50000 100000", "1"], guest["unit"]


def test_private_users_fall_back_to_copies(guest):
    r = guest["users"]
    assert (r.code, r.out.split()) == (3, ["0", "65536", "0:0", "0:0", "0::/", "0"]) and "overlays cannot map owners" in r.err, r


def test_the_number_of_processes_is_limited(guest):
    assert guest["processes"].code != 0 and "made" not in guest["processes"].out and "can't fork" in guest["processes"].err, guest["processes"]


def test_an_apparmor_profile_is_taken_or_the_app_does_not_start(guest):
    assert (guest["profile"].code, guest["profile"].out.split()[-1:]) == (0, ["unconfined"]), guest["profile"]
    assert guest["noprofile"].code == 229 and "ran" not in guest["noprofile"].out and "security context or profile" in guest["noprofile"].err, guest["noprofile"]


def test_a_port_of_sctp_is_reached_from_another_host(guest):
    assert guest["sctp"].out.splitlines()[-3:] == ["pod sees 10.77.0.2", "far 0", "closed 1"], guest["sctp"]


def test_enter_and_stop(guest):
    assert guest["limits"].out.splitlines()[4:] == ["0::/", "entered 9", "ended 0", "app-busybox=143"], guest["limits"]


def test_an_app_beyond_its_memory_is_killed(guest):
    assert guest["oom"].code == 137 and "survived" not in guest["oom"].out


def test_gc_leaves_nothing(guest):
    lines = [line for line in guest["gc"].out.splitlines() if line and not line.startswith(("Garbage collecting", "/var/lib/rkt/pods/"))]
    assert lines == ["0", "0"], guest["gc"]
