# SPDX-License-Identifier: Apache-2.0
"""`OOMKilled` is said of an app whose last life the kernel ended for want of memory, and of no other."""
import json

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


def test_a_limit_of_the_whole_pod(rkt):
    """The kernel chooses one of its apps; nobody else is said to have been killed."""
    image = rkt.image(exec=["/bin/sh", "-c"])

    def one(name, script):
        return {"name": name, "image": {"id": image.id}, "app": {"exec": ["/bin/sh", "-c", script], "user": "0", "group": "0"}}

    file, uuid = rkt.tmp / "pod.json", rkt.tmp / "uuid"
    file.write_text(json.dumps({"acVersion": "0.8.11", "acKind": "PodManifest", "apps": [one("eats", EAT), one("waits", "sleep 1000")],
                                "isolators": [{"name": "resource/memory", "value": {"limit": "40M"}}]}))
    rkt.run(f"--pod-manifest={file}", f"--uuid-file-save={uuid}", code=137)
    status = rkt("status", uuid.read_text(), code=0).out.split()
    assert "app-eats=137" in status and "reason-eats=OOMKilled" in status and not [s for s in status if s.startswith("reason-waits")], status
