# SPDX-License-Identifier: Apache-2.0
"""A registry that falls silent in the middle of a layer, whatever the connection looks like. How long rkt waits for a byte is an option
that rkt gives its worker, in a file that is its first message; here a program in the worker's place makes that a moment."""
import json
import os
import pathlib
import shutil

import pytest

from rktlib import BUILD, entry, oci_layout, wait_until

IMPATIENT = """#!/usr/bin/python3
import json, os, socket, sys
channel = socket.socket(fileno=os.dup(3))
_, [(_, _, passed)], _, _ = channel.recvmsg(65536, socket.CMSG_LEN(4), socket.MSG_PEEK)
options = int.from_bytes(passed, sys.byteorder)
text = {**json.loads(os.pread(options, 65536, 0)), "stall_ms": 500}
os.pwrite(options, json.dumps(text).encode(), 0)
os.execv("%s", ["fetch"])
"""


@pytest.fixture
def impatient(rkt):
    """`rkt` as an installation of its own."""
    place = rkt.tmp / "place"
    shutil.copytree(os.path.join(BUILD, "libexec"), place / "libexec")
    (place / "bin").mkdir()
    rkt.bin = shutil.copy(rkt.bin, place / "bin")
    worker = place / "libexec/rkt/fetch"
    worker.write_text(IMPATIENT % os.path.join(BUILD, "libexec/rkt/fetch"))
    return rkt


class Silent:
    """A registry of one image, of whose first layer it sends a half and no byte more until `talks`. Others are wrong until then."""

    def __init__(self, web, layout):
        self.talks, self.ranges, layout = False, [], pathlib.Path(layout)
        blob = lambda digest: (layout / "blobs" / digest.replace(":", "/")).read_bytes()  # noqa: E731
        self.blob = blob
        index = json.loads((layout / "index.json").read_text())["manifests"][0]
        manifest = json.loads(blob(index["digest"]))
        self.layer = blob(manifest["layers"][0]["digest"])
        self.digest = manifest["layers"][0]["digest"].split(":")[1]
        web.hooks["/v2/"] = lambda h: h.reply(200, b"{}") or True
        for name in ("latest", index["digest"]):
            web.hooks[f"/v2/x/manifests/{name}"] = lambda h: h.reply(200, blob(index["digest"]), {"Content-Type": manifest["mediaType"]}) or True
        web.hooks[f"/v2/x/blobs/{manifest['config']['digest']}"] = lambda h: h.reply(200, blob(manifest["config"]["digest"])) or True
        web.hooks[f"/v2/x/blobs/{manifest['layers'][0]['digest']}"] = self.send_layer
        self.half_is_there = lambda: None
        for other in manifest["layers"][1:]:
            web.hooks[f"/v2/x/blobs/{other['digest']}"] = lambda h, other=other: self.send_other(h, other)

    def send_other(self, h, layer):
        if self.talks:
            return h.reply(200, self.blob(layer["digest"])) or True
        self.half_is_there()
        return h.reply(200, b"?" * layer["size"]) or True

    def send_layer(self, h):
        start = int(h.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        self.ranges.append(start)
        h.send_response(206 if start else 200)
        if start:
            h.send_header("Content-Range", f"bytes {start}-{len(self.layer) - 1}/{len(self.layer)}")
        h.send_header("Content-Length", str(len(self.layer) - start))
        h.send_header("Retry-After", "0")
        h.end_headers()
        h.wfile.write(self.layer[start:] if self.talks else self.layer[start:len(self.layer) // 2])
        h.wfile.flush()
        if not self.talks:
            h.connection.recv(1)  # until the client goes away
        return True


def test_a_layer_that_stops_coming_is_given_up_and_resumed_the_next_time(impatient, web, tmp_path):
    registry = Silent(web, oci_layout(tmp_path / "oci", [[entry("blob", os.urandom(1 << 20))]], {"Cmd": ["/blob"]}))
    half = len(registry.layer) // 2
    fetch = ["--insecure-options=image,http", "fetch", f"docker://{web.address}/x:latest"]
    r = impatient(*fetch, code=254)
    lines = [line for line in r.err.splitlines() if "warning" not in line]
    assert len(lines) == 1 and lines[0].startswith("fetch: ") and registry.digest in lines[0] and lines[0].endswith("nothing came for 1 s"), r
    assert registry.ranges == [0, half, half, half]
    partial = [f for f in (impatient.data / "cas/partial").rglob("*") if f.is_file() and f.stat().st_size == half]
    assert len(partial) == 1 and partial[0].read_bytes() == registry.layer[:half]
    registry.talks = True
    impatient(*fetch, code=0)
    assert registry.ranges[4:] == [half]


def test_a_layer_with_wrong_bytes_costs_nothing_of_the_others(rkt, web, tmp_path):
    layers = [[entry("blob", os.urandom(1 << 20))], [entry("small", "x")]]
    registry = Silent(web, oci_layout(tmp_path / "oci", layers, {"Cmd": ["/blob"]}))
    half, partial = len(registry.layer) // 2, rkt.data / "cas/partial"
    sizes = lambda: [f.stat().st_size for f in partial.rglob("*") if f.is_file()]  # noqa: E731
    registry.half_is_there = lambda: wait_until(lambda: half in sizes(), "a half of the first layer")
    fetch = ["--insecure-options=image,http", "fetch", f"docker://{web.address}/x:latest"]
    assert "digest" in rkt(*fetch, code=254).err and registry.ranges == [0] and half in sizes()
    registry.talks = True
    rkt(*fetch, code=0)
    assert registry.ranges == [0, half] and sizes() == []
