# SPDX-License-Identifier: Apache-2.0
"""Debian 12 as it is installed: systemd, cgroup v2 alone with controllers delegated as it pleases systemd, login sessions. Each thing
is done twice, since what the first start leaves is where the second one begins."""
import pytest

from rktlib import busybox_rootfs, manifest, write_aci
from vm import BACKGROUND, run_under_systemd

pytestmark = pytest.mark.slow

LIMITED = "example.com/busybox --memory=64M --cpu=500m --exec=/bin/echo -- limited"
ALICE = "systemd-run -q --wait --pipe --uid=alice -p Delegate=yes -p WorkingDirectory=/home/alice -E HOME=/home/alice /rkt/bin/rkt --insecure-options=image "
UNIT = "systemd-run -q --unit=pod -p Type=notify -p Delegate=yes -p ExecStopPost='touch /tmp/stopped' "
STEPS = {
    "begin": "rkt trust --root --skip-fingerprint-review /rkt/key && rkt fetch /rkt/busybox.aci >/tmp/null; cat /proc/self/cgroup; "
             "grep -o nsdelegate /proc/mounts; useradd -m alice && cp /rkt/busybox.aci /home/alice/",
    "service": f"for n in 1 2; do rkt run --net=none {LIMITED}; done; rkt run --net=none example.com/busybox --exec=/bin/echo -- free",
    "session": f"for n in 1 2; do su - root -c 'cut -d/ -f2-3 /proc/self/cgroup; /rkt/bin/rkt run --net=none {LIMITED}'; done; "
               "su - root -c '/rkt/bin/rkt run --net=default example.com/busybox --exec=/bin/echo -- free'",
    "delegated": f"for n in 1 2; do systemd-run -q --wait --pipe -p Delegate=yes /rkt/bin/rkt run --net=none {LIMITED}; done; "
                 "echo 'dir=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup); mkdir $dir/sub; echo $$ >$dir/sub/cgroup.procs; echo +memory +cpu >$dir/cgroup.subtree_control; exec \"$@\"' >/tmp/parted.sh; "
                 f"systemd-run -q --wait --pipe --unit=parted -p Delegate=yes /bin/sh /tmp/parted.sh /rkt/bin/rkt run --net=none --uuid-file-save=/tmp/parted {LIMITED}; "
                 "grep -o /parted.service/sub/ /var/lib/rkt/pods/*/$(cat /tmp/parted)/subcgroup",
    "plain": f"for n in 1 2; do systemd-run -q --wait --pipe /rkt/bin/rkt run --net=none {LIMITED}; done; systemd-run -q --scope rkt run --net=none {LIMITED}",
    "unit": UNIT + """/rkt/bin/rkt run --net=none --uuid-file-save=/tmp/unit example.com/busybox --memory=64M --exec=/bin/sleep -- 1000; systemctl is-active pod
uuid=$(cat /tmp/unit); dir=$(cat /var/lib/rkt/pods/run/$uuid/subcgroup); echo ${dir%/*}
systemctl daemon-reload; systemctl set-property --runtime pod MemoryMax=256M; cat /sys/fs/cgroup$dir/system.slice/busybox.service/memory.max
rkt enter $uuid /bin/echo entered; systemctl stop pod; rkt status $uuid | grep ^app-; ls /tmp/stopped; systemctl is-active pod""",
    "undelegated": UNIT.replace("-p Delegate=yes", "-p ExecStartPost=/bin/true -p 'ExecStop=/rkt/bin/rkt stop --uuid-file=/tmp/unit'") + """/rkt/bin/rkt run --net=none \\
  --uuid-file-save=/tmp/unit example.com/busybox --memory=64M --exec=/bin/sleep -- 1000; systemctl is-active pod; rm /tmp/stopped
dir=$(cat /var/lib/rkt/pods/run/$(cat /tmp/unit)/subcgroup); echo ${dir%/*}; cat /sys/fs/cgroup$dir/system.slice/busybox.service/memory.max
systemctl stop pod; ls /tmp/stopped; systemctl is-active pod""",
    "killed": UNIT + """/rkt/bin/rkt run --net=none --uuid-file-save=/tmp/unit example.com/busybox --exec=/bin/sleep -- 1000
systemctl kill -s KILL --kill-whom=main pod; rkt status --wait=20s $(cat /tmp/unit) | grep ^state; systemctl reset-failed""",
    "oom": BACKGROUND % "example.com/busybox --memory=16M --exec=/bin/sh -- -c 'x=$(cat /dev/zero | tr \"\\0\" x)'" + "wait $pod; echo $?; rkt status $uuid | grep ^reason-",
    "alice": ALICE + f"fetch busybox.aci >/tmp/null 2>&1; for n in 1 2; do {ALICE} run --net=none {LIMITED} 2>&1 | grep -v verification; done",
    "left": "rkt gc --grace-period=0s >/tmp/null 2>&1; rkt list --no-legend | grep .; find /sys/fs/cgroup -name '*rkt*' -o -name supervisor.scope; systemctl --failed --no-legend; "
            "cat /sys/fs/cgroup/system.slice/steps.service/cgroup.type; grep rkt /proc/mounts | grep -vc ' /run/rkt/trees '",
}


@pytest.fixture(scope="module")
def guest(tmp_path_factory, cache, keys):
    tmp = tmp_path_factory.mktemp("vm")
    aci = write_aci(tmp / "busybox.aci", manifest("example.com/busybox"), busybox_rootfs())
    signature = keys("builder").sign(aci.path)
    return run_under_systemd(tmp, cache, {aci.path: "rkt/busybox.aci", signature: "rkt/busybox.aci.asc", keys("builder").public: "rkt/key"}, STEPS)


def lines(step):
    return step.out.splitlines()


def test_cgroups_are_as_systemd_mounts_them(guest):
    assert lines(guest["begin"])[-2:] == ["0::/system.slice/steps.service", "nsdelegate"], guest["begin"]


def test_a_pod_starts_from_a_service_that_is_not_alone(guest):
    assert lines(guest["service"]) == ["limited", "limited", "free"] and not guest["service"].err, guest["service"]


def test_a_pod_starts_from_a_login_session(guest):
    assert lines(guest["session"]) == ["user.slice/user-0.slice", "limited", "user.slice/user-0.slice", "limited", "free"], guest["session"]
    assert "warning" not in guest["session"].err


def test_a_pod_is_below_what_is_delegated(guest):
    assert lines(guest["delegated"]) == ["limited"] * 3 + ["/parted.service/sub/"] and not guest["delegated"].err, guest["delegated"]


def test_a_pod_is_a_unit_of_its_own(guest):
    assert lines(guest["plain"]) == ["limited"] * 3 and not guest["plain"].err, guest["plain"]


def test_a_notifying_unit_is_active_with_its_pod_and_ends_it(guest):
    r = guest["unit"]
    assert lines(r) == ["active", "/system.slice/pod.service", "64000000", "entered", "app-busybox=143", "/tmp/stopped", "inactive"], r


def test_a_unit_that_delegates_nothing_can_start_more_beside_its_pod(guest):
    r = guest["undelegated"]
    assert lines(r) == ["active", "/machine.slice", "64000000", "/tmp/stopped", "inactive"], r


def test_the_pod_ends_with_its_killed_unit(guest):
    assert lines(guest["killed"]) == ["state=exited"], guest["killed"]


def test_an_app_that_takes_too_much_is_killed(guest):
    assert lines(guest["oom"]) == ["137", "reason-busybox=OOMKilled"], guest["oom"]


def test_a_user_has_limits_in_what_is_delegated_to_him(guest):
    assert lines(guest["alice"]) == ["limited", "limited"], guest["alice"]


def test_nothing_is_left(guest):
    assert lines(guest["left"]) == ["domain", "0"], guest["left"]
