# SPDX-License-Identifier: Apache-2.0
"""ACIs from files, URLs and discovery: compressions, resume, caching, broken servers."""
import json
import os
import pty
import signal
import socket
import threading

import pytest

from rktlib import wait_until, write_aci, manifest, entry, busybox_rootfs


@pytest.mark.parametrize("how", ["tar", "gzip", "bzip2", "xz", "zstd"])
def test_every_compression_gives_the_same_image(rkt, how):
    aci = rkt.aci(key="builder", how=how, exec=["/bin/echo", "ran"])
    rkt.trust("builder", aci.name)
    assert rkt("fetch", "--full", aci.path, code=0).out.strip() == aci.key
    assert rkt.run(aci.key, code=0).out == "ran\n"


def test_a_url_brings_image_and_signature(rkt, web):
    aci = rkt.aci(key="builder", exec=["/bin/true"])
    url = web.put(aci.path, "images/x.aci".replace("/", "-"))
    rkt.trust("builder", aci.name)
    assert rkt("fetch", url, code=0).out.strip() == aci.id[:39]
    assert {r[1] for r in web.log} == {"/images-x.aci", "/images-x.aci.asc"}
    assert all(r[2]["User-Agent"].startswith("rkt/") for r in web.log)


def test_an_unchanged_image_is_not_downloaded_again(rkt, web):
    aci = rkt.aci(key="builder")
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    rkt("fetch", url, code=0)
    rkt("fetch", url, code=0)
    assert web.gets("/x.aci")[-1][2].get("If-None-Match")
    assert rkt("--debug", "run", "--net=none", url, "--exec=/bin/true", code=0)
    assert len(web.gets("/x.aci")) == 2  # run uses the store


def test_a_server_without_etags_is_asked_for_what_is_newer(rkt, web):
    aci = rkt.aci(key="builder")
    url, date = web.put(aci.path, "x.aci"), "Fri, 31 Dec 1999 23:59:59 GMT"
    rkt.trust("builder", aci.name)
    with open(aci.path, "rb") as f:
        data = f.read()
    web.hooks["/x.aci"] = lambda h: (h.reply(304, b"") if h.headers.get("If-Modified-Since") == date else h.reply(200, data, {"Last-Modified": date})) or True
    for _ in range(3):
        assert rkt("fetch", url, code=0).out.strip() == aci.id[:39]
    assert [r[2].get("If-Modified-Since") for r in web.gets("/x.aci")] == [None, date, date]


def test_never_asks_nobody(rkt, web):
    aci = rkt.aci(key="builder")
    url = web.put(aci.path, "x.aci")
    r = rkt("fetch", "--pull-policy=never", url, code=254)
    assert "unable to fetch image from URL" in r.err and web.log == []


def discovery(web, name, template):
    page = f'<html><head><meta name="ac-discovery" content="{name} {template}"></head></html>'.encode()
    return lambda h: h.reply(200, page, {"Content-Type": "text/html"}) or True


def test_discovery_over_http_needs_the_option(rkt, web):
    host = web.address.replace(":", "-")  # names cannot carry a port: the discovery host is reached through a proxy
    aci = rkt.aci("example.com/app", key="builder", exec=["/bin/true"])
    web.put(aci.path, "app-1.0.0.aci")
    web.hooks["/app"] = discovery(web, "example.com/app", web.url + "/app-{version}.{ext}")
    # an HTTP proxy sees absolute URLs: serve them by path
    plain = web.hooks["/app"]
    web.hooks["http://example.com/app"] = plain
    env = {"http_proxy": web.url, "https_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}
    rkt.trust("builder", "example.com/app")
    r = rkt("fetch", "example.com/app:1.0.0", env=env, code=254)
    assert "discovery failed" in r.err, host
    rkt("--insecure-options=http", "fetch", "example.com/app:1.0.0", env=env, code=0)
    rkt.run("example.com/app:1.0.0", code=0)


def test_a_url_that_is_not_there_says_so(rkt, web):
    r = rkt("--insecure-options=image", "fetch", web.url + "/no.aci", code=254)
    assert f"bad HTTP status code: 404, URL: {web.url}/no.aci" in r.err
    r = rkt("fetch", web.put(rkt.aci().path, "unsigned.aci"), code=254)
    assert f"bad HTTP status code: 404, URL: {web.url}/unsigned.aci.asc; the image needs a signature" in r.err
    assert list((rkt.data / "cas" / "partial").iterdir()) == []


def test_a_download_that_was_killed_is_resumed(rkt, web):
    blob = os.urandom(6 << 20)
    aci = rkt.aci(key="builder", how="tar", extra=[entry("rootfs/blob", blob)])
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    data = open(aci.path, "rb").read()
    stalled, served = threading.Event(), []

    def stall(h):
        if h.command != "GET" or "Range" in h.headers or stalled.is_set():
            return False
        h.send_response(200)
        h.send_header("ETag", '"' + __import__("hashlib").sha256(data).hexdigest()[:16] + '"')
        h.send_header("Accept-Ranges", "bytes")
        h.send_header("Content-Length", str(len(data)))
        h.end_headers()
        h.wfile.write(data[:3 << 20])
        h.wfile.flush()
        stalled.set()
        h.connection.recv(1)  # until the client goes away
        served.append(True)
        return True
    web.hooks["/x.aci"] = stall
    p = rkt.start("fetch", url)
    assert stalled.wait(20)
    partial = rkt.data / "cas" / "partial"
    wait_until(lambda: sum(f.stat().st_size for f in partial.rglob("*") if f.is_file()) >= 2 << 20, "part of the image on disk")
    p.send_signal(signal.SIGKILL)
    p.wait()
    rkt("fetch", url, code=0)
    assert any(r[2].get("Range", "bytes=0-") != "bytes=0-" for r in web.gets("/x.aci")), "nothing was resumed"


@pytest.mark.parametrize("lie", ["short", "reset", "500"])
def test_a_server_that_breaks_off_leaves_nothing_usable(rkt, web, lie):
    aci = rkt.aci(key="builder")
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    data = open(aci.path, "rb").read()

    def broken(h):
        if lie == "500":
            h.reply(500, b"sorry")
            return True
        h.send_response(200)
        h.send_header("Content-Length", str(len(data)))
        h.end_headers()
        h.wfile.write(data[:len(data) // 2])
        h.wfile.flush()
        if lie == "reset":
            h.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        h.close_connection = True
        h.connection.close()
        return True
    web.hooks["/x.aci"] = broken
    r = rkt("fetch", url, code=254)
    assert len(r.complaints) <= 6
    del web.hooks["/x.aci"]
    rkt("fetch", url, code=0)


def test_a_connection_that_breaks_is_resumed_in_the_same_fetch(rkt, web):
    aci = rkt.aci(key="builder", how="tar", extra=[entry("rootfs/blob", os.urandom(1 << 20))])
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    data = open(aci.path, "rb").read()
    etag = '"' + __import__("hashlib").sha256(data).hexdigest()[:16] + '"'

    def half(h):
        h.send_response(200)
        h.send_header("ETag", etag)
        h.send_header("Content-Length", str(len(data)))
        h.end_headers()
        h.wfile.write(data[:len(data) // 2])
        h.wfile.flush()
        h.close_connection = True
        del web.hooks["/x.aci"]
        return True
    web.hooks["/x.aci"] = half
    rkt("fetch", url, code=0)
    assert [r[2].get("Range") for r in web.gets("/x.aci")] == [None, f"bytes={len(data) // 2}-"]


def test_a_terminal_shows_a_bar_that_grows(rkt, web):
    aci = rkt.aci(key="builder", how="tar", extra=[entry("rootfs/blob", os.urandom(1 << 20))])
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    data, seen = open(aci.path, "rb").read(), threading.Event()

    def slowly(h):
        h.send_response(200)
        h.send_header("Content-Length", str(len(data)))
        h.end_headers()
        piece = len(data) // 16 + 1
        for at in range(0, len(data), piece):
            h.wfile.write(data[at:at + piece])
            h.wfile.flush()
            seen.wait(0.1)  # no longer than until there is a rate
        return True
    web.hooks["/x.aci"] = slowly
    ours, theirs = pty.openpty()
    p = rkt.start("fetch", url, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
            if b"/s\x1b[K" in shown:
                seen.set()
    except OSError:
        pass  # the other end is closed
    os.close(ours)
    assert p.wait() == 0
    assert seen.is_set() and b"Downloading ACI: [=" in shown and b"\x1b[1A" in shown, shown


def test_credentials_stay_with_their_host(rkt, web, tmp_path):
    from rktlib import WebServer
    other = WebServer(tmp_path / "other")
    try:
        aci = rkt.aci(key="builder")
        target = other.put(aci.path, "x.aci")
        rkt.trust("builder", aci.name)
        for name in ("/x.aci", "/x.aci.asc"):
            web.hooks[name] = lambda h: h.reply(302, b"", {"Location": other.url + h.path}) or True
        (rkt.etc / "auth.d").mkdir(parents=True)
        (rkt.etc / "auth.d" / "a.json").write_text(json.dumps(
            {"rktKind": "auth", "rktVersion": "v1", "domains": [web.address], "type": "basic", "credentials": {"user": "u", "password": "p"}}))
        rkt("fetch", web.url + "/x.aci", code=0)
        assert target and not any("Authorization" in r[2] for r in other.log)
    finally:
        other.close()


def test_progress_as_json_lines(rkt, web):
    aci = rkt.aci(key="builder", how="tar")
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    r = rkt("fetch", "--progress=json", url, code=0)
    events = [json.loads(line) for line in r.err.splitlines() if line.startswith("{")]
    assert events and events[-1]["done"] <= events[-1]["total"]


def test_labels_and_versions_choose_the_image(rkt):
    for v in ("1.0.0", "2.0.0"):
        aci = rkt.aci(key="builder", version=v, exec=["/bin/echo", v], file=f"v{v}.aci")
        rkt.trust("builder", aci.name)
        rkt("fetch", aci.path, code=0)
    assert rkt.run("example.com/busybox:1.0.0", code=0).out == "1.0.0\n"
    assert rkt.run("example.com/busybox,version=2.0.0", code=0).out == "2.0.0\n"


def test_dependencies_are_rendered_below(rkt):
    base = rkt.image("example.com/base", extra=[entry("rootfs/etc/who", "base"), entry("rootfs/etc/only-base", "yes")])
    top = rkt.aci("example.com/top", key="builder", entries=[entry("rootfs"), entry("rootfs/etc"), entry("rootfs/etc/who", "top")],
                  exec=["/bin/cat", "/etc/who", "/etc/only-base"], dependencies=[{"imageName": "example.com/base", "imageID": base.id}])
    rkt.trust("builder", "example.com/top")
    rkt("fetch", top.path, code=0)
    assert rkt.run("example.com/top", code=0).out == "topyes"


def test_image_list_and_rm(rkt):
    aci = rkt.image()
    rows = json.loads(rkt("image", "list", "--format=json", code=0).out)
    assert rows[0]["id"] == aci.key and rows[0]["name"] == "example.com/busybox:1.0.0" and rows[0]["size"] > 0
    header = rkt("image", "list", code=0).out.splitlines()[0]
    assert [c for c in header.split("\t") if c] == ["ID", "NAME", "SIZE", "IMPORT TIME", "LAST USED"]
    r = rkt("image", "rm", aci.id[:20], code=0)
    assert r.out == f'successfully removed aci for image: "{aci.key}"\n' and "1 image(s) successfully removed" in r.err
    assert rkt("image", "list", "--format=json", code=0).out == "null\n"


def test_image_gc_frees_blobs_and_trees(rkt):
    aci = rkt.image(exec=["/bin/true"])
    rkt.run(aci.name, code=0)
    rkt("gc", "--grace-period=0s", code=0)
    rkt("image", "gc", "--grace-period=0s", code=0)
    assert rkt("image", "list", "--format=json", code=0).out == "null\n"
    assert sum(f.stat().st_size for f in (rkt.data / "cas").rglob("*") if f.is_file() and "index.db" not in f.name) == 0


def test_image_gc_keeps_what_a_pod_uses(rkt):
    aci = rkt.image(exec=["/bin/sleep", "1000"])
    _, uuid = rkt.start_pod(aci.name)
    rkt("image", "gc", "--grace-period=0s", code=0)
    rkt("enter", uuid, "/bin/true", code=0)
    assert any(i["id"] == aci.key for i in json.loads(rkt("image", "list", "--format=json", code=0).out))


def test_image_gc_spares_what_a_pod_is_about_to_be_made_of(rkt, web):
    first, last = rkt.image("example.com/first", exec=["/bin/echo", "first"]), rkt.aci("example.com/last", key="builder", exec=["/bin/true"])
    rkt.trust("builder", last.name)
    url, asked, go = web.put(last.path, "last.aci"), threading.Event(), threading.Event()

    def slow(_):
        asked.set()
        assert go.wait(20)
        return False
    web.hooks["/last.aci"] = slow
    p = rkt.start("run", "--net=none", first.name, url)
    assert asked.wait(20)
    rkt("image", "gc", "--unused", code=0)
    assert any(i["id"] == first.key for i in json.loads(rkt("image", "list", "--format=json", code=0).out))
    go.set()
    assert p.wait(20) == 0 and p.stdout.read().endswith(b"first\n"), p.stderr.read()


def test_image_cat_manifest_and_export(rkt):
    aci = rkt.image()
    m = json.loads(rkt("image", "cat-manifest", aci.name, code=0).out)
    assert list(m) == ["acKind", "acVersion", "name", "labels", "app"]
    out = rkt.tmp / "out.aci"
    rkt("image", "export", aci.name, out, code=0)
    assert "sha512-" + __import__("hashlib").sha512(out.read_bytes()).hexdigest() == aci.id


def test_garbage_is_not_an_image(rkt):
    for name, data in (("text", b"hello world, this is text\n" * 50), ("zeros", b"\0" * 4096), ("empty", b"")):
        path = rkt.tmp / f"{name}.aci"
        path.write_bytes(data)
        r = rkt("--insecure-options=image", "fetch", path, code=254)
        assert len(r.complaints) == 1, r
    path = rkt.tmp / "nomanifest.aci"
    from rktlib import tar_bytes
    path.write_bytes(tar_bytes(busybox_rootfs()))
    assert "missing manifest" in rkt("--insecure-options=image", "fetch", path, code=254).err


def test_a_bad_manifest_names_the_place(rkt):
    path = str(rkt.tmp / "bad.aci")
    m = manifest("example.com/bad")
    m["app"]["exec"] = ["/bin/sh", 3]
    write_aci(path, m, busybox_rootfs())
    assert "app.exec[1]: expected string, got number" in rkt("--insecure-options=image", "fetch", path, code=254).err
    write_aci(path, '{\n  "acKind": "Image\\u001b]0;x\\u0007",\n}', busybox_rootfs())
    assert rkt("--insecure-options=image", "fetch", path, code=254).complaints == [f'fetch: image manifest: "{path}": JSON syntax error at line 3, column 1']
    m["acKind"] = "Image\x1b]0;x\x07"
    write_aci(path, m, busybox_rootfs())
    assert rkt("--insecure-options=image", "fetch", path, code=254).complaints == [f'fetch: "{path}": bad ACKind: Image\\x1b]0;x\\x07']
