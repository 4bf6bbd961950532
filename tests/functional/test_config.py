# SPDX-License-Identifier: Apache-2.0
"""The configuration directories: which files count, which directory wins, what is wrong where; and `rkt config`."""
import json
import os
import pathlib
import subprocess
import tempfile

import pytest


def put(directory, place, kind, **members):
    path = directory / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"rktKind": kind, "rktVersion": "v1", **members}))
    return path


def basic(user):
    return {"type": "basic", "credentials": {"user": user, "password": "p"}}


def entries(rkt, *flags):
    shown = json.loads(rkt("config", *flags, code=0).out)["stage0"]
    assert [e["rktKind"] for e in shown[-2:]] == ["paths", "stage1"]
    return shown


def test_nothing_is_configured(rkt):
    assert rkt("config", "--pretty-print=false", code=0).out == (
        '{"stage0":[{"rktVersion":"v1","rktKind":"paths","data":"","stage1-images":""},'
        '{"rktVersion":"v1","rktKind":"stage1","name":"","version":"","location":""}]}\n')


def test_later_directories_win_item_by_item(rkt):
    user = rkt.tmp / "user"
    put(rkt.sys, "auth.d/z.json", "auth", domains=["a.com", "b.com:80"], **basic("system"))
    put(rkt.sys, "auth.d/docker.json", "dockerAuth", registries=["r", "s"], credentials={"user": "system", "password": "p"})
    put(rkt.sys, "paths.d/p.json", "paths", data="/system", **{"stage1-images": "/images"})
    put(rkt.sys, "stage1.d/s.json", "stage1", name="x.com/stage1", version="1", location="/system.aci")
    put(rkt.etc, "auth.d/a.json", "auth", domains=["a.com"], **basic("local"))
    put(rkt.etc, "auth.d/docker.json", "dockerAuth", registries=["s"], credentials={"user": "local", "password": "p"})
    put(rkt.etc, "paths.d/p.json", "paths", data="/local")
    put(rkt.etc, "stage1.d/s.json", "stage1", location="https://x.com/s.aci")
    put(user, "auth.d/a.json", "auth", domains=["b.com:80"], **basic("user"))
    put(user, "stage1.d/s.json", "stage1", name="x.com/other", version="2")
    shown = entries(rkt, f"--user-config={user}")
    assert {e["domains"][0]: e["credentials"]["user"] for e in shown if e["rktKind"] == "auth"} == {"a.com": "local", "b.com:80": "user"}
    assert {e["registries"][0]: e["credentials"]["user"] for e in shown if e["rktKind"] == "dockerAuth"} == {"r": "system", "s": "local"}
    assert shown[-2] == {"rktVersion": "v1", "rktKind": "paths", "data": "/local", "stage1-images": "/images"}
    assert shown[-1] == {"rktVersion": "v1", "rktKind": "stage1", "name": "x.com/other", "version": "2", "location": "https://x.com/s.aci"}


def test_links_are_not_read_and_said_so(rkt):
    real = put(rkt.tmp, "real/a.json", "auth", domains=["a.com"], **basic("u"))
    (rkt.etc / "auth.d").mkdir(parents=True)
    (rkt.etc / "auth.d" / "a.json").symlink_to(real)
    (rkt.etc / "paths.d").symlink_to(real.parent)
    r = rkt("config", code=0)
    assert len(json.loads(r.out)["stage0"]) == 2
    for path in (rkt.etc / "auth.d" / "a.json", rkt.etc / "paths.d"):
        assert f'ignoring "{path}": it is a symbolic link' in r.err


@pytest.mark.parametrize("name, document, text", [
    ("auth.d/a.json", {"rktKind": "auth", "rktVersion": "v2"}, 'no parser available for configuration of kind "auth" and version "v2"; in "{path}"'),
    ("auth.d/a.json", {"rktKind": "paths", "rktVersion": "v1"}, 'but "a.json" has kind of "paths"'),
    ("auth.d/a.json", {"rktVersion": "v1"}, 'no rktKind specified in "{path}"'),
    ("auth.d/a.json", {"rktKind": "auth", "rktVersion": "v1"}, 'no domains specified; in "{path}"'),
    ("paths.d/a.json", {"rktKind": "paths", "rktVersion": "v1", "data": "x"}, 'data directory must be an absolute path; in "{path}"'),
])
def test_what_is_wrong_names_the_file(rkt, name, document, text):
    path = rkt.etc / name
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document))
    for command in (["config"], ["fetch", "x"]):
        r = rkt(*command, code=254)
        assert f"{command[0]}: cannot get configuration: " in r.err and text.format(path=path) in r.err
    rkt("image", "list", code=0)  # needs none of it


@pytest.mark.parametrize("command", [["fetch", "x"], ["list"]])
def test_where_the_data_is_cannot_be_found_out(rkt, command):
    path = put(rkt.etc, "auth.d/a.json", "auth")
    r = subprocess.run([rkt.bin, f"--local-config={rkt.etc}", f"--system-config={rkt.sys}", *command], capture_output=True, text=True, env=rkt.env)
    assert r.returncode == 254 and r.stderr == f'{command[0]}: cannot get configuration: no domains specified; in "{path}"\n', r


def test_a_file_that_may_not_be_read_is_named(rkt):
    with tempfile.TemporaryDirectory() as place:  # where others may look
        os.chmod(place, 0o755)
        path = put(pathlib.Path(place), "auth.d/a.json", "auth", domains=["a.com"], **basic("u"))
        path.chmod(0o600)
        r = rkt(f"--local-config={place}", f"--system-config={place}/none", "config", code=254, cwd=place, user=65534, group=65534, extra_groups=[])
        assert f'open "{path}": permission denied' in r.err
