# SPDX-License-Identifier: Apache-2.0
"""`OOMKilled` is said of an app whose last life the kernel ended for want of memory, and of no other."""
from test_mutable import app, ended, start_sandbox

EAT = "x=a; while :; do x=$x$x; done"
CHILD_EATS = f"/bin/sh -c '{EAT}'"


def test_an_earlier_life_and_a_child_are_no_reason(rkt):
    rkt.image(exec=["/bin/sh", "-c"])
    uuid = rkt.tmp / "uuid"
    lives = f"n=$(cat /n); echo x$n >/n; case $n in '') {EAT};; esac; kill -9 $$"
    rkt.run(f"--uuid-file-save={uuid}", "example.com/busybox", "--memory=24M", "--restart=on-failure:1", "--", lives, "---",
            "example.com/busybox", "--name=child", "--memory=24M", "--", f"{CHILD_EATS}; exit 0", code=137)
    status = rkt("status", uuid.read_text(), code=0).out
    assert {"app-busybox=137", "restarts-busybox=1", "app-child=0"} <= set(status.split()) and "OOMKilled" not in status, status


def test_apps_of_a_mutable_pod(rkt):
    rkt.image(exec=["/bin/sh", "-c"])
    p, uuid = start_sandbox(rkt)
    for name, script, restart in (("main", EAT, "no"), ("child", f"{CHILD_EATS}; exit $?", "no"),
                                  ("lives", f"n=$(cat /n); echo x$n >/n; case $n in '') {EAT};; esac; kill -9 $$", "on-failure:1")):
        rkt("app", "add", uuid, "example.com/busybox", f"--name={name}", "--memory=24M", f"--restart={restart}", "--", "-c", script, code=0)
        rkt("app", "start", uuid, f"--app={name}", code=0)
    assert [(ended(rkt, uuid, name)["exit_code"], app(rkt, uuid, name).get("reason")) for name in ("main", "child", "lives")] == [
        (137, "OOMKilled"), (137, None), (137, None)]
    assert "exit_code=137\nreason=OOMKilled\n" in rkt("app", "status", uuid, "--app=main", code=0).out
    assert "reason" not in rkt("app", "status", uuid, "--app=child", code=0).out
    assert app(rkt, uuid, "lives")["restarts"] == 1
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0
