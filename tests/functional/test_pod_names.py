# SPDX-License-Identifier: Apache-2.0
"""Names of pods, which stand for their UUIDs."""
import json

import pytest

from rktlib import wait_until
from test_lifecycle import prepared


def test_a_pods_name_stands_for_its_uuid(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo up; exec sleep 1000"])
    uuid = prepared(rkt, "--pod-name=web")
    assert rkt.status("web") == rkt.status(uuid) and rkt.status("web")["pod-name"] == "web"
    p = rkt.start("run-prepared", "--net=none", "web")
    assert p.stdout.readline() == b"up\n"
    rkt("status", "--wait-ready=20s", "web", code=0)
    assert rkt("enter", "web", "/bin/echo", "in", code=0).out == "in\n"
    assert json.loads(rkt("cat-manifest", "web", code=0).out)["apps"][0]["name"] == "busybox"
    assert rkt.pods()[0]["pod_name"] == "web"
    header, row = [line.split("\t") for line in rkt("list", code=0).out.splitlines()]
    assert (header[-1], row[-1]) == ("POD NAME", "web")
    (rkt.tmp / "f").write_text("web\n")
    assert rkt("stop", "--force", f"--uuid-file={rkt.tmp}/f", code=0).out == f'"{uuid}"\n'
    p.wait(10)
    rkt("status", "--wait=20s", "web", code=0)
    assert rkt("rm", "web", code=0).out == f'"{uuid}"\n'
    assert 'no matches found for "web"' in rkt("status", "web", code=254).err


def test_a_sandbox_has_a_name_too(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo up; exec sleep 1000"])
    p = rkt.start("app", "sandbox", "--net=none", "--pod-name=web")
    wait_until(lambda: rkt("status", "--wait-ready=20s", "web").code == 0, "the sandbox")
    rkt("app", "add", "web", "example.com/busybox", "--name=a", code=0)
    rkt("app", "start", "web", "--app=a", code=0)
    assert rkt("app", "exec", "--app=a", "web", "/bin/echo", "in", code=0).out == "in\n"
    assert "state=running" in rkt("app", "status", "web", "--app=a", code=0).out
    r = rkt("app", "sandbox", "--net=none", "--pod-name=web", code=1)
    assert 'has the name "web"' in r.err and len(rkt.pods()) == 1
    for verb in ("stop", "rm"):
        rkt("app", verb, "web", "--app=a", code=0)
    rkt("stop", "web", code=0)
    assert p.wait(20) == 0 and rkt.pods()[0]["pod_name"] == "web"


def test_a_name_means_one_pod_at_a_time(rkt):
    rkt.image(exec=["/bin/true"])
    first = prepared(rkt, "--pod-name=web")
    r = rkt("prepare", "--pod-name=web", "example.com/busybox", code=254)
    assert f'pod "{first}", which is prepared, has the name "web"' in r.err and len(rkt.pods()) == 1
    rkt("run-prepared", "--net=none", "web", code=0)
    file = rkt.tmp / "second"
    rkt.run("--pod-name=web", f"--uuid-file-save={file}", "example.com/busybox", code=0)  # the first has ended
    assert rkt("rm", "web", code=0).out == f'"{file.read_text()}"\n'
    assert rkt("rm", "web", code=0).out == f'"{first}"\n'


@pytest.mark.parametrize("name, text", [("Web", "ACName must contain only lower case"), ("", "ACName cannot be empty"), ("deadbeef", "looks like a UUID"),
                                        ("a/b", "ACName must contain only lower case")])
def test_what_is_no_name(rkt, name, text):
    r = rkt("run", f"--pod-name={name}", "image", code=254)
    assert f'invalid argument "{name}" for --pod-name={name}: ' in r.err and text in r.err


def test_a_table_without_names_has_the_references_columns(rkt):
    rkt.image(exec=["/bin/true"])
    prepared(rkt)
    assert "POD NAME" not in rkt("list", code=0).out and "pod_name" not in rkt.pods()[0]
