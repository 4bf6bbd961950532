# SPDX-License-Identifier: Apache-2.0
"""ACIs on top of others: what is found, what pins hold, the order of rendering, whitelists."""
import json
import os

import pytest

from rktlib import entry

IMAGE = "--insecure-options=image"


@pytest.fixture
def image(rkt):
    """Stores an image whose rootfs/etc has the given files, on top of dependencies."""
    def make(name, files=(), dependencies=None, **fields):
        entries = [entry("rootfs"), entry("rootfs/etc")] + [entry(f"rootfs/etc/{f}", name) for f in files]
        aci = rkt.aci(f"example.com/{name}", entries=entries, app=False, dependencies=dependencies, file=f"{name}.aci", **fields)
        return aci

    def store(*args, **fields):
        aci = make(*args, **fields)
        rkt(IMAGE, "fetch", "--pull-policy=new", aci.path, code=0)
        return aci
    store.make = make
    return store


def on(*names, **more):
    return [{"imageName": f"example.com/{n}", **more} for n in names]


def tree(rkt, name):
    """Relative path -> content of what is rendered."""
    out = rkt.tmp / "rendered"
    rkt("image", "render", "--overwrite", "--rootfs-only", f"example.com/{name}", out, code=0)
    return {os.path.relpath(os.path.join(where, f), out): open(os.path.join(where, f)).read() for where, _, files in os.walk(out) for f in files}


def test_later_dependencies_lie_above_earlier_ones(rkt, image):
    image("d", ["abcd", "bd", "cd", "only-d"])
    image("b", ["abcd", "bd", "bc"])
    image("c", ["abcd", "cd", "bc"], on("d"))
    image("a", ["abcd"], on("b", "c"))
    # from top to bottom: a, c, d, b
    assert tree(rkt, "a") == {"etc/abcd": "a", "etc/cd": "c", "etc/bc": "c", "etc/bd": "d", "etc/only-d": "d"}


def test_an_image_that_is_reached_twice_is_fine_and_a_cycle_is_not(rkt, image):
    image("base", ["base"])
    image("left", ["left"], on("base"))
    image("right", ["right"], on("base"))
    image("top", ["top"], on("left", "right"))
    assert set(tree(rkt, "top")) == {"etc/base", "etc/left", "etc/right", "etc/top"}
    rkt(IMAGE, "fetch", "--pull-policy=new", image.make("x", ["x"], on("base")).path, code=0)
    rkt(IMAGE, "fetch", "--pull-policy=new", image.make("y", ["y"], on("x")).path, code=0)
    r = rkt(IMAGE, "fetch", "--pull-policy=new", image.make("x", ["x"], on("y")).path, code=254)
    assert "depends on itself" in r.err
    r = rkt("store", "check", code=0)  # of such an image nothing was rendered
    assert r.out == "", r


def test_whitelists_of_the_image_and_of_those_above(rkt, image):
    image("base", ["one", "two", "three"], whitelist=["/etc/one", "/etc/two"])
    assert set(tree(rkt, "base")) == {"etc/one", "etc/two"}
    image("plain", ["four"], on("base"))
    assert set(tree(rkt, "plain")) == {"etc/one", "etc/two", "etc/four"}
    image("top", ["five"], on("plain"), whitelist=["/etc", "/etc/two", "/etc/three", "/etc/five"])
    assert set(tree(rkt, "top")) == {"etc/two", "etc/five"}  # what the base left out does not come back
    image("directory", ["six"], on("plain"), whitelist=["/etc/"])
    assert set(tree(rkt, "directory")) == set()  # a directory does not bring its children


def test_labels_choose_the_dependency(rkt, image):
    image("base", ["one"], version="1.0.0")
    image("base", ["two"], version="2.0.0")
    image("top", [], on("base", labels=[{"name": "version", "value": "1.0.0"}]))
    assert set(tree(rkt, "top")) == {"etc/one"}
    missing = image.make("other", [], on("base", labels=[{"name": "version", "value": "3.0.0"}]))
    r = rkt(IMAGE, "fetch", missing.path, code=254)
    assert 'dependency "example.com/base"' in r.err or "discovery failed" in r.err


@pytest.mark.parametrize("pin, code", [("right", 0), ("prefix", 0), ("wrong", 254)])
def test_an_image_id_pins_the_dependency(rkt, image, pin, code):
    base = image("base", ["one"])
    ids = {"right": base.id, "prefix": base.id[:30], "wrong": "sha512-" + "0" * 64}
    top = image.make("top", [], on("base", imageID=ids[pin]))
    r = rkt(IMAGE, "fetch", "--pull-policy=never", top.path, code=code)
    assert code == 0 or "must be image" in r.err


@pytest.mark.parametrize("size, code", [("tar", 0), ("file", 0), ("wrong", 254)])
def test_a_size_pins_it_too(rkt, web, image, size, code):
    base = image.make("base", ["one"], how="tar" if size == "tar" else "gzip")
    sizes = {"tar": os.path.getsize(base.path), "file": os.path.getsize(base.path), "wrong": 5}
    top = image.make("top", [], on("base", size=sizes[size]))
    rkt(IMAGE, "fetch", base.path, code=0)
    if size == "file":  # only known while it is fetched
        return
    r = rkt(IMAGE, "fetch", "--pull-policy=never", top.path, code=code)
    assert code == 0 or "must have 5 bytes" in r.err


def test_an_image_may_have_no_rootfs_and_files_beside_it(rkt, image):
    image("base", ["one"])
    rkt(IMAGE, "fetch", "--pull-policy=new", rkt.aci("example.com/top", entries=[], app=False, dependencies=on("base"), file="top.aci").path, code=0)
    assert tree(rkt, "top") == {"etc/one": "base"}
    rkt(IMAGE, "fetch", rkt.aci("example.com/more", entries=[entry("rootfs"), entry("rootfs/f", "x"), entry("README", "r")], app=False, file="more.aci").path, code=0)
    assert tree(rkt, "more") == {"f": "x"}
    rkt("image", "extract", "example.com/more", rkt.tmp / "out", code=0)
    assert sorted(os.listdir(rkt.tmp / "out")) == ["README", "manifest", "rootfs"]


def test_only_the_app_of_the_top_image_counts(rkt):
    rkt.image("example.com/base", exec=["/bin/echo", "base"])
    top = rkt.aci("example.com/top", key="builder", entries=[entry("rootfs")], exec=["/bin/echo", "top"], dependencies=on("base"))
    rkt.trust("builder", "example.com/top")
    rkt("fetch", "--pull-policy=new", top.path, code=0)
    assert rkt.run("example.com/top", code=0).out == "top\n"


def test_dependencies_must_be_signed_too(rkt, image):
    image("base", ["one"])  # stored without verification
    top = rkt.aci("example.com/top", key="builder", entries=[entry("rootfs")], dependencies=on("base"))
    rkt.trust("builder", "example.com/top")
    r = rkt("fetch", "--pull-policy=never", top.path, code=254)
    assert "example.com/base" in r.err and "without verification" in r.err
    assert json.loads(rkt("image", "list", "--format=json", code=0).out)
