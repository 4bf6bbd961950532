# SPDX-License-Identifier: Apache-2.0
"""Names, discovery and transport: over TLS through a proxy, from nginx and S3, with servers that misbehave."""
import hashlib
import hmac
import json
import os
import signal
import urllib.parse

import pytest

from registrylib import Authority, Nginx, Proxy
from rktlib import ARCH, WebServer, entry, wait_until


@pytest.fixture
def authority(rkt, tmp_path):
    a = Authority(tmp_path / "authority")
    rkt.env["SSL_CERT_FILE"] = a.cert
    return a


@pytest.fixture
def internet(rkt, authority, tmp_path):
    """https://example.com (and http) as this rkt sees it, behind a proxy."""
    class Internet:
        tls = WebServer(tmp_path / "tls", tls=authority.server_context("example.com", "other.example.com"))
        plain = WebServer(tmp_path / "plain")
        proxy = Proxy()

        def page(self, path, *tags, server=None):
            html = "<html><head>" + "".join(f'<meta name="{n}" content="{c}">' for n, c in tags) + "</head></html>"
            (server or self.tls).hooks[path] = lambda h: h.reply(200, html.encode(), {"Content-Type": "text/html"}) or True

        def paths(self):
            return [r[1] for r in self.tls.log]
    net = Internet()
    for host in ("example.com", "other.example.com"):
        net.proxy.routes[f"{host}:443"] = ("127.0.0.1", net.tls.server.server_address[1])
        net.proxy.routes[f"{host}:80"] = ("127.0.0.1", net.plain.server.server_address[1])
    rkt.env.update({"https_proxy": net.proxy.url, "http_proxy": net.proxy.url})
    yield net
    for server in (net.tls, net.plain, net.proxy):
        server.close()


@pytest.fixture
def nginx(authority, tmp_path):
    servers = []

    def start(**kw):
        servers.append(Nginx(tmp_path / f"nginx{len(servers)}", authority, **kw))
        return servers[-1]
    yield start
    for server in servers:
        server.close()


# ----------------------------------------------------------------------------------------------------------------- discovery

def test_the_walk_goes_up_and_the_template_is_filled_in(rkt, internet):
    aci = rkt.aci("example.com/team/app", key="builder", version="2.0.0")
    internet.tls.put(aci.path, f"app-2.0.0-linux-{ARCH}.aci")
    internet.page("/team", ("ac-discovery", "example.com/team https://example.com/{name}"))  # no ext, no such file: but the first that matches
    internet.page("/team/app", ("ac-discovery", "example.com/other https://example.com/no.{ext}"))
    internet.page("/", ("ac-discovery", "example.com https://example.com/app-{version}-{os}-{arch}.{ext}"))
    rkt.trust("builder", "example.com")
    internet.page("/team", ("ac-discovery-pubkeys", "example.com https://example.com/keys"))
    rkt("fetch", "example.com/team/app:2.0.0", code=0)
    pages = [p for p in internet.paths() if "ac-discovery=1" in p]
    assert pages[:3] == ["/team/app?ac-discovery=1", "/team?ac-discovery=1", "/?ac-discovery=1"]
    assert any(c == "CONNECT" and p == "example.com:443" for c, p, _ in internet.proxy.log)


def test_a_version_that_nobody_asked_for_is_latest(rkt, internet):
    aci = rkt.aci("example.com/app", key="builder", version="9.9.9")
    internet.tls.put(aci.path, "app-latest.aci")
    internet.page("/app", ("ac-discovery", "example.com/app https://example.com/app-{version}.{ext}"))
    rkt.trust("builder", "example.com")
    assert rkt("fetch", "--full", "example.com/app", code=0).out.strip() == aci.key


def test_placeholders_that_nothing_fills_make_a_tag_useless(rkt, internet):
    aci = rkt.aci("example.com/app", key="builder", labels=[{"name": "flavour", "value": "mild"}])
    internet.tls.put(aci.path, "app-mild.aci")
    internet.page("/app", ("ac-discovery", "example.com/app https://example.com/{unknown}.{ext}"),
                  ("ac-discovery", "example.com/app https://example.com/app-{flavour}.{ext}"))
    rkt.trust("builder", "example.com")
    rkt("fetch", "example.com/app,flavour=mild", code=0)
    assert "discovery failed" in rkt("fetch", "example.com/app", code=254).err


def test_a_page_for_a_sibling_does_not_count(rkt, internet):
    internet.page("/foobar", ("ac-discovery", "example.com/foo https://example.com/x.{ext}"))
    r = rkt("--debug", "fetch", "example.com/foobar", code=254)
    assert "discovery failed" in r.err and "meta tag 'ac-discovery' not found on example.com/foobar" in r.err


def test_what_was_asked_for_must_come(rkt, internet):
    aci = rkt.aci("example.com/app", key="builder", version="1.0.0")
    internet.tls.put(aci.path, "x.aci")
    internet.page("/app", ("ac-discovery", "example.com/app https://example.com/x.{ext}"))
    internet.page("/else", ("ac-discovery", "example.com/else https://example.com/x.{ext}"))
    rkt.trust("builder", "example.com")
    assert 'requested value for label "version": "2.0.0" differs from fetched aci label value: "1.0.0"' in rkt(
        "fetch", "example.com/app:2.0.0", code=254).err
    assert 'error when reading the app name: "example.com/else" expected but "example.com/app" found' in rkt(
        "fetch", "example.com/else", code=254).err
    rkt("--insecure-options=image", "fetch", "example.com/app:2.0.0", code=0)


def test_a_page_does_not_choose_files_of_this_machine_as_keys(rkt, internet, tmp_path):
    os.mkfifo(tmp_path / "fifo")  # would hold up for ever who opens it
    for where in (tmp_path / "fifo", rkt.keys("builder").public):
        internet.page("/app", ("ac-discovery-pubkeys", f"example.com/app {where}"))
        said = f'the discovery page for "example.com/app" names the key "{where}", which is no http or https URL'
        assert said in rkt("trust", "--prefix=example.com/app", "--skip-fingerprint-review", code=254).err
        assert said in rkt("--trust-keys-from-https", "fetch", "example.com/app", code=254).err
    assert not (rkt.etc / "trustedkeys").exists()


def test_discovery_sends_credentials_over_https_only(rkt, internet):
    aci = rkt.aci("example.com/app", key="builder")
    for server in (internet.tls, internet.plain):
        server.put(aci.path, "x.aci")
    (rkt.etc / "auth.d").mkdir(parents=True)
    (rkt.etc / "auth.d" / "a.json").write_text(json.dumps(
        {"rktKind": "auth", "rktVersion": "v1", "domains": ["example.com"], "type": "oauth", "credentials": {"token": "s3cret"}}))
    internet.page("/app", ("ac-discovery", "example.com/app http://example.com/x.{ext}"), server=internet.plain)
    rkt.trust("builder", "example.com")
    rkt("--insecure-options=http", "fetch", "example.com/app", code=0)
    assert internet.plain.log and not any("Authorization" in r[2] for r in internet.plain.log)
    assert not any("Authorization" in headers for _, _, headers in internet.proxy.log)
    assert [r[2].get("Authorization") for r in internet.tls.log][0] == "Bearer s3cret"


def test_a_password_in_a_url_is_for_the_server_alone_and_only_over_tls(rkt, internet):
    aci = rkt.aci("example.com/app", key="builder")
    internet.tls.put(aci.path, "x.aci")
    internet.plain.hooks["/y.aci"] = lambda h: h.reply(401, b"") or True
    rkt.trust("builder", "example.com")
    url = "https://user:s3cret@example.com/x.aci"
    said = rkt("--debug", "fetch", url, code=0).err + rkt("--debug", "fetch", "--pull-policy=never", url, code=0).err
    assert 'remote fetching from URL "https://example.com/x.aci"' in said
    assert "using image from local store for url https://example.com/x.aci" in said
    for bad, text in (("http://user:s3cret@example.com/y.aci", "passwords are not sent over http"), ("https://user:s3cret@example.com/x.tar", "invalid image"),
                      ("https://user:s3cret@example.com/a b.aci", "malformed URL")):
        r = rkt("--insecure-options=image", "fetch", bad, code=254)
        assert text in r.err, r
        said += r.err + rkt("fetch", "--pull-policy=never", bad, code=254).err
    assert "s3cret" not in said
    assert not any(b"s3cret" in f.read_bytes() for f in rkt.data.rglob("*") if f.is_file())
    assert {r[2]["Authorization"] for r in internet.tls.log} == {"Basic dXNlcjpzM2NyZXQ="}
    assert internet.plain.log and not any("Authorization" in r[2] for r in internet.plain.log)


def test_a_redirect_to_http_needs_the_option(rkt, internet):
    aci = rkt.aci("example.com/app", key="builder")
    internet.plain.put(aci.path, "x.aci")
    for path in ("/x.aci", "/x.aci.asc"):
        internet.tls.hooks[path] = lambda h, path=path: h.reply(302, b"", {"Location": "http://example.com" + path}) or True
    rkt.trust("builder", "example.com")
    r = rkt("fetch", "https://example.com/x.aci", code=254)
    assert "redirect from https to http://example.com/x.aci.asc" in r.err and internet.plain.log == [], r
    rkt("--insecure-options=http", "fetch", "https://example.com/x.aci", code=0)


def test_no_proxy(rkt, internet, web):
    aci = rkt.aci(key="builder")
    url = web.put(aci.path, "x.aci")
    rkt.trust("builder", aci.name)
    rkt("fetch", url, env={"http_proxy": "http://127.0.0.1:9"}, code=0)  # this machine is never behind it
    assert internet.proxy.log == []
    r = rkt("fetch", "http://example.com/x.aci", env={"no_proxy": "example.com"}, code=254)
    assert internet.proxy.log == [] and "example.com" in r.err
    rkt("fetch", "http://example.com/x.aci", env={"no_proxy": "example.com:80"}, code=254)
    assert internet.proxy.log == []
    rkt("fetch", "http://example.com/x.aci", env={"no_proxy": "example.com:81"}, code=254)
    assert internet.proxy.log


# --------------------------------------------------------------------------------------------------------------------- nginx

def test_nginx_etags_and_max_age(rkt, nginx):
    server = nginx(location="add_header Cache-Control max-age=1000;")
    aci = rkt.aci(key="builder")
    url = server.put(aci, "x.aci")
    rkt.trust("builder", aci.name)
    rkt("fetch", url, code=0)
    before = len(server.log())
    rkt("fetch", url, code=0)
    assert len(server.log()) == before, "it was fresh for a thousand seconds"
    plain = nginx()
    url = plain.put(aci, "x.aci")
    rkt("fetch", url, code=0)
    rkt("fetch", url, code=0)
    assert [line for line in plain.log() if "x.aci HTTP" in line][-1].split()[3] == "304"


def test_nginx_goes_on_where_a_killed_download_stopped(rkt, nginx):
    aci = rkt.aci(key="builder", how="tar", extra=[entry("rootfs/blob", os.urandom(6 << 20))])
    slow = nginx(rate="2m")
    url = slow.put(aci, "x.aci")
    rkt.trust("builder", aci.name)
    p = rkt.start("fetch", url)
    partial = rkt.data / "cas" / "partial"
    wait_until(lambda: partial.exists() and sum(f.stat().st_size for f in partial.rglob("*") if f.is_file()) >= 1 << 20, "part of the image on disk")
    p.send_signal(signal.SIGKILL)
    p.wait()
    rkt("fetch", url, code=0)
    ranges = [line for line in slow.log() if "GET /x.aci HTTP" in line and " 206 " in line]
    assert len(ranges) == 1 and "range=bytes=" in ranges[0]


def test_nginx_with_basic_authentication(rkt, nginx, tmp_path):
    import subprocess
    subprocess.run(["htpasswd", "-cb", str(tmp_path / "passwords"), "alice", "s3cret"], check=True, capture_output=True)
    server = nginx(location=f"auth_basic x; auth_basic_user_file {tmp_path}/passwords;")
    aci = rkt.aci(key="builder")
    url = server.put(aci, "x.aci")
    rkt.trust("builder", aci.name)
    assert "bad HTTP status code: 401" in rkt("fetch", url, code=254).err
    (rkt.etc / "auth.d").mkdir(parents=True)
    (rkt.etc / "auth.d" / "a.json").write_text(json.dumps(
        {"rktKind": "auth", "rktVersion": "v1", "domains": [server.address], "type": "basic", "credentials": {"user": "alice", "password": "s3cret"}}))
    r = rkt("--debug", "fetch", url, code=0)
    assert "s3cret" not in r.err


# ------------------------------------------------------------------------------------------------------------------------ S3

def aws_signature(h, secret, region):
    """The signature of a request as the server computes it, from what it received."""
    fields = dict(p.strip().split("=", 1) for p in h.headers["Authorization"].split(" ", 1)[1].split(","))
    names = fields["SignedHeaders"].split(";")
    url = urllib.parse.urlsplit(h.path)
    path = urllib.parse.quote(urllib.parse.unquote(url.path), safe="/~")
    query = "&".join(sorted("=".join(urllib.parse.quote(urllib.parse.unquote(x), safe="~") for x in (p.partition("=")[::2]))
                            for p in url.query.split("&") if p))
    canonical = "\n".join(["GET", path, query, *[f"{n}:{h.headers[n].strip()}" for n in names], "", fields["SignedHeaders"],
                           h.headers["x-amz-content-sha256"]])
    moment = h.headers["x-amz-date"]
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in (moment[:8], region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    assert {"host", "x-amz-content-sha256", "x-amz-date"} <= set(names)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), fields["Signature"]


@pytest.mark.parametrize("secret, code", [("k3y", 0), ("wrong", 254)])
def test_requests_to_s3_are_signed(rkt, authority, tmp_path, secret, code):
    server = WebServer(tmp_path / "s3", tls=authority.server_context())
    try:
        aci = rkt.aci(key="builder")
        server.put(aci.path, "my+x.aci")

        def check(h):
            ours, theirs = aws_signature(h, "k3y", "mars-1") if "Authorization" in h.headers else ("no", "signature")
            return False if ours == theirs else h.reply(403, b"") or True
        server.hooks["/my+x.aci"] = server.hooks["/my+x.aci.asc"] = check
        rkt.trust("builder", aci.name)
        (rkt.etc / "auth.d").mkdir(parents=True)
        (rkt.etc / "auth.d" / "a.json").write_text(json.dumps(
            {"rktKind": "auth", "rktVersion": "v1", "domains": [server.address], "type": "aws",
             "credentials": {"accessKeyID": "id", "secretAccessKey": secret, "awsRegion": "mars-1"}}))
        r = rkt("--debug", "fetch", server.url + "/my+x.aci?versionId=1%2F2&a", code=code)
        assert secret not in r.err and ("403" in r.err) == (code != 0)
    finally:
        server.close()


# ------------------------------------------------------------------------------------------------------- servers that misbehave

@pytest.fixture
def published(rkt, web):
    aci = rkt.aci(key="builder", how="tar", extra=[entry("rootfs/blob", os.urandom(1 << 18))])
    rkt.trust("builder", aci.name)
    url = web.put(aci.path, "x.aci")
    return url, open(aci.path, "rb").read()


def test_redirects_that_never_end(rkt, web, published):
    web.hooks["/x.aci.asc"] = lambda h: h.reply(302, b"", {"Location": "/x.aci.asc"}) or True
    r = rkt("fetch", published[0], code=254)
    assert "too many redirects" in r.err and len(web.gets("/x.aci.asc")) == 11


def test_ten_redirects_are_followed(rkt, web, published):
    def step(h):
        n = int((h.path.split("?") + ["0"])[1])
        return n < 10 and (h.reply(307, b"", {"Location": f"/x.aci?{n + 1}"}) or True)
    web.hooks["/x.aci"] = step
    rkt("fetch", published[0], code=0)


@pytest.mark.parametrize("announced", ["more", "less"])
def test_a_length_that_is_a_lie(rkt, web, published, announced):
    url, data = published

    def lie(h):
        h.send_response(200)
        h.send_header("Content-Length", str(len(data) + (1000 if announced == "more" else -1000)))
        h.send_header("Connection", "close")
        h.end_headers()
        h.wfile.write(data)
        h.close_connection = True
        return True
    web.hooks["/x.aci"] = lie
    r = rkt("fetch", url, code=254)
    assert len(r.complaints) <= 8 and rkt("image", "list", "--format=json", code=0).out == "null\n"
    del web.hooks["/x.aci"]
    rkt("fetch", url, code=0)


def test_a_byte_at_a_time_is_slow_but_arrives(rkt, web, published):
    url, data = published
    asc = open(os.path.join(web.root, "x.aci.asc"), "rb").read()
    pause = __import__("threading").Event()

    def dribble(h):
        h.send_response(200)
        h.send_header("Content-Length", str(len(asc)))
        h.end_headers()
        for i in range(len(asc)):
            h.wfile.write(asc[i:i + 1])
            h.wfile.flush()
            pause.wait(0.005)
        return True
    web.hooks["/x.aci.asc"] = dribble
    rkt("fetch", url, code=0)


def test_a_range_that_was_not_asked_for_starts_again(rkt, web, published):
    url, data = published
    etag = '"' + hashlib.sha256(data).hexdigest()[:16] + '"'
    asked = []

    def wrong(h):
        asked.append(h.headers.get("Range"))
        if len(asked) == 1:  # breaks off half way
            h.send_response(200)
            h.send_header("ETag", etag)
            h.send_header("Content-Length", str(len(data)))
            h.end_headers()
            h.wfile.write(data[:len(data) // 2])
            h.close_connection = True
            return True
        if h.headers.get("Range"):
            h.reply(206, data[10:], {"Content-Range": f"bytes 10-{len(data) - 1}/{len(data)}", "ETag": etag})
            return True
        return False
    web.hooks["/x.aci"] = wrong
    rkt("fetch", url, code=0)
    assert asked == [None, f"bytes={len(data) // 2}-", None]


def test_too_many_requests_and_bad_days_are_tried_again(rkt, web, published):
    answers = [429, 503, 500]

    def busy(h):
        return bool(answers) and (h.reply(answers.pop(0), b"", {"Retry-After": "0"}) or True)
    web.hooks["/x.aci"] = busy
    rkt("fetch", published[0], code=0)
    assert answers == [] and len(web.gets("/x.aci")) == 4


def test_signatures_may_be_deferred_once(rkt, web, published):
    url, _ = published
    times = []

    def later(h):
        times.append(1)
        return len(times) == 1 and (h.reply(202, b"") or True)
    web.hooks["/x.aci.asc"] = later
    r = rkt("fetch", url, code=0)
    assert "server requested deferring the signature download" in r.err
    assert [p for p in (r[1] for r in web.log)] == ["/x.aci.asc", "/x.aci", "/x.aci.asc"]
    rkt("image", "rm", "example.com/busybox", code=0)
    web.hooks["/x.aci.asc"] = lambda h: h.reply(202, b"") or True
    assert "server asked to defer the download again" in rkt("fetch", url, code=254).err


# ------------------------------------------------------------------------------------------------------------------- warnings

@pytest.mark.parametrize("options, lines", [
    ("none", []), ("image", ["image signature verification"]), ("tls,http", ["TLS verification", "plain http"]), ("pubkey,ondisk", ["trees of images"]),
    ("all-fetch", ["image signature verification", "TLS verification", "plain http", "signing keys"]),
    ("all-run", ["capabilities", "/proc and /sys", "system calls"]),
    ("all", ["image signature verification", "TLS verification", "plain http", "signing keys", "trees of images", "capabilities", "/proc and /sys", "system calls"])])
def test_each_check_that_is_off_is_warned_about_once(rkt, options, lines):
    aci = rkt.image(exec=["/bin/true"])
    r = rkt(f"--insecure-options={options}", "run", "--net=none", aci.path, code=0)
    warnings = [line for line in r.err.splitlines() if "warning: " in line]
    assert len(warnings) == len(lines) and all(any(what in w for w in warnings) for what in lines), r


# -------------------------------------------------------------------------------------------------------------- pull policies

def test_deprecated_pull_flags_and_unknown_words(rkt, web):
    aci = rkt.image()
    url = web.put(aci.path, "x.aci")
    r = rkt("fetch", "--store-only", url, code=254)
    assert "deprecated" in r.err and "unable to fetch image from URL" in r.err and web.log == []
    assert "both --store-only and --no-store specified" in rkt("fetch", "--store-only", "--no-store", url, code=254).err
    rkt("fetch", "--no-store", url, code=0)
    before = len(web.log)
    rkt("fetch", "--pull-policy=whatever", url, code=0)  # as "new": the store has it
    rkt("fetch", "--pull-policy=new", url, code=0)
    assert len(web.log) == before
    r = rkt("fetch", "--pull-policy=never", aci.path, code=0)  # files are always read
    assert "--signature must follow an image" in rkt("fetch", "--signature=x", url, code=254).err
    assert "specified multiple times" in rkt("fetch", url, "--signature=x", "--signature=y", code=254).err


@pytest.mark.parametrize("policy, text", [("docker://localhost:9/x", "docker image from URL"), ("example.com/none", "image from image name"),
                                          ("https://localhost:9/x.aci", "image from URL")])
def test_never_says_what_it_may_not_do(rkt, policy, text):
    r = rkt("--insecure-options=image", "fetch", "--pull-policy=never", policy, code=254)
    assert f"unable to fetch {text}" in r.err and "either image was not found in the store or store was disabled" in r.err
