# SPDX-License-Identifier: Apache-2.0
"""SELinux, enforcing, with a small policy (selinuxlib.py), on Debian's kernel: each pod has a context of its own."""
import json
import os
import re

import pytest

from rktlib import busybox_rootfs, manifest, write_aci
from selinuxlib import compile_policy
from vm import BACKGROUND, run_in_guest

pytestmark = pytest.mark.slow

PROCESS, FILES = "u:r:pod", "u:object_r:podfile"
LEVEL = re.compile(r"s0:c(\d+),c(\d+)$")
SHOW = "cat /proc/self/attr/current; echo"
RUN = "rkt run --net=none "
STEPS = {
    "policy": """
mount -t selinuxfs selinux /sys/fs/selinux
dd if=/rkt/policy of=/sys/fs/selinux/load bs=1M 2>/tmp/null || exit 1
mkdir -p /etc/selinux/tests/contexts; echo SELINUXTYPE=tests >/etc/selinux/config
cat >/etc/selinux/tests/contexts/lxc_contexts <<EOF
process = "u:r:pod:s0"
file = "u:object_r:podfile:s0"
EOF
mkdir -p /var/lib/rkt/cas; setfattr -n security.selinux -v u:object_r:shared:s0 /var/lib/rkt/cas
echo 1 >/sys/fs/selinux/enforce; cat /proc/self/attr/current
rkt trust --root --skip-fingerprint-review /rkt/key && rkt fetch /rkt/*.aci >/tmp/null
""",
    "first": BACKGROUND % "example.com/handlers --volume=data,kind=empty --mount=volume=data,target=/data" + f"""
pid=$pod; pod=/var/lib/rkt/pods/run/$uuid; echo $uuid >/tmp/first; cat $pod/selinux-contexts
until [ -x $pod/sharedVolumes/data/secret ] || ! kill -0 $pid; do :; done
cat $pod/sharedVolumes/data/secret
rkt enter $uuid /bin/sh -c '{SHOW}'
rkt enter --debug-image=example.com/busybox $uuid /bin/sh -c '{SHOW}; echo x >/tmp/x && cat /rkt/app/data/secret >/tmp/null && echo worked'
""",
    "labels": """
app=$(head -n 1 $(find /sys/fs/cgroup -name handlers.service)/cgroup.procs); cd /proc/$app/root
for f in . bin/busybox dev dev/null dev/shm dev/mqueue dev/pts etc/hosts data data/secret tmp; do
  echo $f $(getfattr --only-values -n security.selinux $f | tr -d '\\0')
done
""",
    "second": f"""
mkdir -p /var/host /var/shared; echo host >/var/host/file; echo shared >/var/shared/file
setfattr -n security.selinux -v u:object_r:shared:s0 /var/shared /var/shared/file
{RUN} --tree-backend=erofs --volume=other,kind=host,source=/var/lib/rkt/pods/run/$(cat /tmp/first)/sharedVolumes/data --volume=host,kind=host,source=/var/host \\
  --volume=shared,kind=host,source=/var/shared example.com/busybox --pid=private --user=1000 --group=1000 --mount=volume=other,target=/other --mount=volume=host,target=/host \\
  --mount=volume=shared,target=/shared --exec=/bin/sh -- -c '{SHOW}; cat /shared/file; cat /other/secret; cat /host/file; echo x >/dev/shm/x; cat /dev/shm/x'
getfattr --only-values -n security.selinux /var/host/file
""",
    "users": f"""
{RUN} --private-users --uuid-file-save=/tmp/copied example.com/busybox --exec=/bin/sh -- -c '{SHOW}; echo x >/new; grep -c localhost /etc/hosts'
cd /var/lib/rkt/pods/run/$(cat /tmp/copied)/stage1/rootfs
for f in flavor opt/stage2/busybox/rootfs/bin/busybox opt/stage2/busybox/rootfs/new etc/hosts-fallback; do
  getfattr -h --only-values -n security.selinux $f | tr '\\0' '\\n'
done
""",
    "prepared": f"""
uuid=$(rkt prepare --quiet example.com/busybox --exec=/bin/sh -- -c '{SHOW}; ls /sys/fs/selinux; grep -c selinuxfs /proc/mounts; grep -c _ses /proc/keys')
printf 'u:r:gone:s0:c1,c2\\nu:object_r:gone:s0:c1,c2\\n' >/var/lib/rkt/pods/prepared/$uuid/selinux-contexts  # of a start that failed under another policy
rkt --insecure-options=paths run-prepared --net=none $uuid
""",
    "mutable": f"""
rkt app sandbox --net=none --uuid-file-save=/tmp/sandbox >/tmp/null 2>&1 &
until rkt status $(cat /tmp/sandbox 2>/dev/null) 2>/dev/null | grep -q ^pid=; do :; done
uuid=$(cat /tmp/sandbox)
rkt app add $uuid example.com/handlers --name=a && rkt app start $uuid --app=a
cat /var/lib/rkt/pods/run/$uuid/selinux-contexts
for p in $(cat $(find /sys/fs/cgroup -name a.service)/cgroup.procs); do tr '\\0' '\\n' </proc/$p/attr/current; done
rkt enter --app=a $uuid /bin/cat /data/secret
rkt stop $uuid >/tmp/null
""",
    "own": "rkt run --net=none --pod-manifest=/rkt/own.json",
    "wrong": "rkt run --net=none --pod-manifest=/rkt/wrong.json",
    "image": "rkt run --net=none example.com/image",
    "fly": f"rkt run --stage1-name=coreos.com/rkt/stage1-fly example.com/busybox --exec=/bin/sh -- -c '{SHOW}'",
    "terminal": f"""
mkdir -p /dev/pts; mount -t devpts devpts /dev/pts
echo "{RUN} --interactive example.com/busybox --exec=/bin/sh -- -c 'tty; {SHOW}; echo written >/dev/tty'" >/tmp/terminal
socat -,ignoreeof EXEC:'sh /tmp/terminal',pty,setsid,ctty,stderr
""",
    "bad": f"""
cd /etc/selinux/tests/contexts; cp lxc_contexts /tmp/keep
sed -i s/u:r:pod/u:r:nobody/ lxc_contexts; {RUN} example.com/busybox --exec=/bin/true; echo $?
rm lxc_contexts; {RUN} example.com/busybox --exec=/bin/sh -- -c '{SHOW}'; cp /tmp/keep lxc_contexts
""",
    "gc": """
rkt stop $(cat /tmp/first) >/tmp/null; until rkt list --no-legend | grep -qv running; do :; done
rkt gc --grace-period=0s >/tmp/null 2>&1; find /var/lib/rkt/pods -name selinux-contexts
""",
}


@pytest.fixture(scope="module")
def guest(tmp_path_factory, cache, keys):
    tmp = tmp_path_factory.mktemp("vm")
    own = [{"name": "os/linux/selinux-context", "value": {"user": "u", "role": "r", "type": "special", "level": "s0-s0:c0.c1023"}}]
    wrong = [{"name": "os/linux/selinux-context", "value": {"user": "u", "role": "r", "type": "none", "level": "s0"}}]
    show = ["/bin/sh", "-c", SHOW]
    apps = {"busybox": {},
            "handlers": {"exec": ["/bin/sh", "-c", "cat /proc/self/attr/current >>/data/secret; chmod 777 /data /data/secret; sleep 1000"],
                         "eventHandlers": [{"name": "pre-start", "exec": ["/bin/sh", "-c", "(cat /proc/self/attr/current; echo) >/data/secret"]}],
                         "mountPoints": [{"name": "data", "path": "/data"}]},
            "image": {"exec": show, "isolators": own}}
    ids = {}
    files = {keys("builder").public: "rkt/key", compile_policy(tmp): "rkt/policy"}
    for name, app in apps.items():
        aci = write_aci(tmp / f"{name}.aci", manifest(f"example.com/{name}", **app), busybox_rootfs())
        files.update({aci.path: f"rkt/{name}.aci", keys("builder").sign(aci.path): f"rkt/{name}.aci.asc"})
        ids[name] = aci.id
    for name, isolators in (("own", own), ("wrong", wrong)):
        app = {"exec": show, "user": "0", "group": "0", "isolators": isolators}
        (tmp / f"{name}.json").write_text(json.dumps({"acVersion": "0.8.11", "acKind": "PodManifest",
                                                      "apps": [{"name": name, "image": {"id": ids["busybox"]}, "app": app}]}))
        files[str(tmp / f"{name}.json")] = f"rkt/{name}.json"
    return run_in_guest(tmp, os.path.join(cache, "kernel"), files, STEPS, programs=["/usr/bin/getfattr", "/usr/bin/setfattr"],
                        parameters="security=selinux selinux=1")


def words(text):
    return text.replace("\0", " ").split()


def level_of(context, kind):
    """The two categories of a context of a pod."""
    assert context.startswith(kind + ":"), context
    low, high = map(int, LEVEL.match(context[len(kind) + 1:]).groups())
    assert 0 <= low < high < 1024
    return low, high


def test_the_policy_is_enforced(guest):
    assert guest["policy"].code == 0 and guest["policy"].out.startswith("u:r:host:s0-s0:c0.c1023"), guest["policy"]


def test_all_that_runs_in_a_pod_has_its_one_context(guest):
    process, files, pre_start, main, entered, with_image, worked = words(guest["first"].out)
    assert level_of(process, PROCESS) == level_of(files, FILES)
    assert {pre_start, main, entered, with_image} == {process} and worked == "worked", guest["first"]


def test_no_two_pods_have_the_same_categories(guest):
    contexts = [words(guest[step].out)[0] for step in ("first", "second", "users", "prepared", "mutable")]
    assert len({level_of(c, PROCESS) for c in contexts}) == len(contexts)


def test_everything_that_an_app_sees_carries_the_pods_label(guest):
    files = words(guest["first"].out)[1]
    lines = [line.split() for line in guest["labels"].out.splitlines() if " " in line]
    assert len(lines) == 11 and {context for _, context in lines} == {files}, guest["labels"]


def test_a_pod_reads_neither_another_pods_files_nor_the_hosts(guest):
    r = guest["second"]  # by user 1000, under no_new_privs, on an EROFS file; what is shared on purpose is read
    assert r.code == 0 and words(r.out)[1:] == ["shared", "x", "u:object_r:host:s0"], r
    assert "'/other/secret': Permission denied" in r.err and "'/host/file': Permission denied" in r.err, r


def test_copies_are_relabelled(guest):
    r = guest["users"]
    process, hosts, *files = words(r.out)
    assert hosts == "2" and len(files) == 4 and {level_of(f, FILES) for f in files} == {level_of(process, PROCESS)}, r


def test_a_prepared_pod_is_labelled_and_selinuxfs_is_not_in_it(guest):
    r = guest["prepared"]
    assert words(r.out)[1:] == ["0", "1"] and level_of(words(r.out)[0], PROCESS), r  # its session keyring is its own


def test_apps_that_are_added_have_the_pods_context(guest):
    process, files, *seen = words(guest["mutable"].out)
    assert len(seen) >= 3 and set(seen) == {process}, guest["mutable"]


def test_an_apps_own_context_is_taken_or_refused(guest):
    assert guest["image"].code == 254 and "an image does not choose its context" in guest["image"].err, guest["image"]
    assert words(guest["own"].out) == ["u:r:special:s0-s0:c0.c1023"], guest["own"]
    assert guest["wrong"].code == 254 and guest["wrong"].out == "", guest["wrong"]
    assert 'app "wrong": SELinux context "u:r:none:s0": the policy that is loaded knows no such context' in guest["wrong"].err


def test_fly_stays_in_the_context_of_its_caller(guest):
    assert words(guest["fly"].out) == ["u:r:host:s0-s0:c0.c1023"], guest["fly"]


def test_an_interactive_app_may_use_its_terminal(guest):
    terminal, context, written = words(guest["terminal"].out)
    assert (terminal, written) == ("/dev/pts/0", "written") and level_of(context, PROCESS), guest["terminal"]


def test_contexts_that_cannot_be_had_are_said(guest):
    r = guest["bad"]
    assert words(r.out) == ["254", "u:r:host:s0-s0:c0.c1023"], r
    assert re.search('error initialising SELinux: .*"u:r:nobody:s0:c[0-9,c]*" of lxc_contexts is none of the policy', r.err)
    assert '; correct "/etc/selinux/tests/contexts/lxc_contexts" or load its policy' in r.err
    assert 'warning: SELinux does not keep pods apart: "/etc/selinux/tests/contexts/lxc_contexts"' in r.err


def test_levels_are_given_back_by_gc(guest):
    assert (guest["gc"].code, guest["gc"].out) == (0, ""), guest["gc"]
