# SPDX-License-Identifier: Apache-2.0
"""Apps with a pid namespace of their own, and images that are after the pod's /proc."""
import os

from rktlib import entry

MAY_MOUNT = ("--insecure-options=seccomp,image",)


def mounter(rkt, script, **fields):
    """An app that may mount and unmount, as an operator may allow it."""
    rkt.image(exec=["/bin/sh", "-c", script], isolators=[{"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_SYS_ADMIN"]}}], **fields)


def test_nothing_of_the_pods_lies_under_its_proc(rkt):
    mounter(rkt, "umount -l /proc && ls -A /proc | wc -l; umount -l /proc 2>&1; mount -t proc proc /proc && ls /proc | grep -c '^[0-9]'", extra=[entry("rootfs/proc")])
    out = rkt.run(*MAY_MOUNT, "example.com/busybox", "--pid=private", code=0).out.splitlines()
    assert out[0] == "0" and "Invalid argument" in out[1] and int(out[2]) <= 3, "its own processes, however it looks"


def test_a_proc_that_is_exchanged_between_two_lives_leads_nowhere(rkt):
    outside = rkt.tmp / "outside"
    outside.mkdir()
    mounter(rkt, f"echo life; umount -l /proc; rmdir /proc; ln -s {outside} /proc; exit 1")
    r = rkt.run(*MAY_MOUNT, "example.com/busybox", "--pid=private", "--restart=on-failure:2", code=226)
    assert r.out == "life\n" and "mount its /proc" in r.err and os.listdir(outside) == []
