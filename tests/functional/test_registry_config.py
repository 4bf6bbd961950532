# SPDX-License-Identifier: Apache-2.0
"""registries.conf as other tools read it: mirrors, blocked and insecure registries, short names."""
import json
import os

import pytest

from registrylib import Authority, GuardedRegistry, auth_entry, htpasswd
from rktlib import Registry, entry, oci_layout

IMAGE = "--insecure-options=image"


@pytest.fixture
def conf(rkt):
    """Writes this user's registries.conf; a directory is given: a drop-in of it."""
    place = rkt.tmp / ".config" / "containers"

    def write(text, drop_in=None):
        path = place / "registries.conf.d" / drop_in if drop_in else place / "registries.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path
    return write


@pytest.fixture
def push(registry, tmp_path):
    def to(name, content="x", server=registry):
        oci = oci_layout(tmp_path / ("oci-" + content), [[entry("hello", content)]], {"Cmd": ["/hello"]})
        return server.push(f"oci:{oci}:latest", name)
    return to


def requests(server, path):
    with open(server.log_path, errors="replace") as f:
        return [line for line in f if f'"GET /v2/{path}' in line]


def images(rkt):
    return [i["name"] for i in json.loads(rkt("image", "list", "--format=json", code=0).out) or []]


def test_an_insecure_registry_may_speak_http_and_is_warned_about_once(rkt, registry, conf, push):
    push("team/app:1")
    rkt(IMAGE, "fetch", f"docker://{registry.host}/team/app:1", code=254)
    path = conf(f'[[registry]]\nlocation = "{registry.host}"\ninsecure = true\n')
    r = rkt(IMAGE, "fetch", f"docker://{registry.host}/team/app:1", f"docker://{registry.host}/team/app:1", code=0)
    assert r.err.count("warning: TLS verification has been disabled for registry") == 1 and str(path) in r.err


def test_an_insecure_registry_may_have_any_certificate(rkt, registry, conf, push, tmp_path):
    push("team/app:1")
    server = GuardedRegistry(os.path.dirname(registry.log_path), tls=Authority(tmp_path / "authority").issue("server"))
    try:
        r = rkt(IMAGE, "fetch", f"docker://{server.host}/team/app:1", code=254)
        assert "certs.d" in r.err, "no remedy"
        conf(f'[[registry]]\nlocation = "{server.host}"\ninsecure = true\n')
        rkt(IMAGE, "fetch", f"docker://{server.host}/team/app:1", code=0)
    finally:
        server.close()


def test_a_mirror_is_asked_first_and_the_image_keeps_its_name(rkt, registry, conf, push):
    push("proxy/team/app:1")
    conf(f'''[[registry]]
location = "registry.invalid"
[[registry.mirror]]
location = "{registry.host}/proxy"
insecure = true
''')
    rkt(IMAGE, "fetch", "docker://registry.invalid/team/app:1", code=0)
    assert images(rkt) == ["registry.invalid/team/app:1"]
    assert requests(registry, "proxy/team/app/manifests/1") and requests(registry, "proxy/team/app/blobs/")


def test_the_registry_itself_when_no_mirror_has_it(rkt, registry, conf, push, tmp_path):
    push("team/app:1")
    empty = Registry(tmp_path / "empty")
    try:
        conf(f'''[[registry]]
location = "{registry.host}"
insecure = true
[[registry.mirror]]
location = "127.0.0.1:9"
[[registry.mirror]]
location = "{empty.host}"
insecure = true
''')
        rkt(IMAGE, "fetch", f"docker://{registry.host}/team/app:1", code=0)
        assert requests(empty, "team/app/manifests/1")
        r = rkt(IMAGE, "fetch", f"docker://{registry.host}/team/none:1", code=254)
        assert f"Unexpected HTTP code: 404, URL: http://{registry.host}/" in r.err
        assert f"tried before: 127.0.0.1:9/team/none: https://127.0.0.1:9" in r.err and f"{empty.host}/team/none" in r.err
    finally:
        empty.close()


def test_a_mirror_gets_its_own_account_only(rkt, registry, conf, push, tmp_path):
    push("team/app:1")
    authority = Authority(tmp_path / "authority")
    storage = os.path.dirname(registry.log_path)
    mirror = GuardedRegistry(storage, tls=authority.issue("server"), auth=htpasswd(tmp_path / "htpasswd", "mirror", "m"))
    try:
        rkt.env["SSL_CERT_FILE"] = authority.cert
        conf(f'[[registry]]\nlocation = "registry.invalid"\n[[registry.mirror]]\nlocation = "{mirror.host}"\n')
        docker = rkt.tmp / ".docker"
        docker.mkdir()
        (docker / "config.json").write_text(json.dumps({"auths": {"registry.invalid": auth_entry("mirror", "m")}}))
        rkt(IMAGE, "fetch", "docker://registry.invalid/team/app:1", code=254)
        (docker / "config.json").write_text(json.dumps({"auths": {mirror.host: auth_entry("mirror", "m")}}))
        rkt(IMAGE, "fetch", "docker://registry.invalid/team/app:1", code=0)
    finally:
        mirror.close()


def test_a_mirror_cannot_pass_another_image_off_for_a_digest(rkt, registry, conf, push, web, tmp_path):
    push("team/app:1", "good")
    oci = json.load(open(tmp_path / "oci-good" / "index.json"))
    digest = oci["manifests"][0]["digest"]
    web.hooks[f"/v2/team/app/manifests/{digest}"] = lambda h: h.reply(
        200, b'{"schemaVersion":2}', {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}) or True
    conf(f'''[[registry]]
location = "{registry.host}"
insecure = true
[[registry.mirror]]
location = "{web.address}"
insecure = true
pull-from-mirror = "digest-only"
''')
    rkt(IMAGE, "fetch", f"docker://{registry.host}/team/app@{digest}", code=0)
    assert web.gets(f"/v2/team/app/manifests/{digest}")
    before = len(web.log)
    rkt(IMAGE, "fetch", f"docker://{registry.host}/team/app:1", code=0)
    assert len(web.log) == before, "a mirror for digests was asked for a tag"


def test_a_blocked_registry_names_the_file(rkt, registry, conf):
    conf("")
    path = conf(f'[[registry]]\nprefix = "{registry.host}/evil"\nlocation = "{registry.host}/evil"\nblocked = true\n', "50-block.conf")
    r = rkt("--insecure-options=image,http", "fetch", f"docker://{registry.host}/evil/app", code=254)
    assert f'registry "{registry.host}/evil" is blocked in {path}' in r.err
    assert not requests(registry, "evil")


def test_short_names_are_searched_when_registries_are_configured(rkt, registry, conf, push):
    push("app:1")
    push("team/other:1", "y")
    conf(f'''unqualified-search-registries = ["127.0.0.1:9", "{registry.host}"]
[[registry]]
location = "{registry.host}"
insecure = true
[aliases]
"alias" = "{registry.host}/team/other"
''')
    rkt(IMAGE, "fetch", "docker://app:1", code=0)
    rkt(IMAGE, "fetch", "docker://alias:1", code=0)
    host = registry.host.replace(":", "_")
    assert sorted(images(rkt)) == [f"{host}/app:1", f"{host}/team/other:1"]
    r = rkt(IMAGE, "fetch", "docker://none:1", code=254)
    assert "docker://127.0.0.1:9/none:1" in r.err and registry.host in r.err


def test_enforced_short_names_need_one_registry(rkt, conf):
    conf('unqualified-search-registries = ["127.0.0.1:9", "localhost:9"]\nshort-name-mode = "enforcing"\n')
    assert 'short-name-mode is "enforcing"; name the registry' in rkt(IMAGE, "fetch", "docker://app", code=254).err


def test_docker_hub_may_have_a_mirror(rkt, registry, conf, push):
    push("library/busybox:latest")
    conf(f'[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "{registry.host}"\ninsecure = true\n')
    rkt(IMAGE, "fetch", "docker://busybox", code=0)
    assert images(rkt) == ["registry-1.docker.io/library/busybox:latest"]


def test_a_broken_file_is_named_with_its_place_and_only_where_it_is_needed(rkt, registry, conf, push):
    aci = rkt.image()
    path = conf("[[registry]]\nlocation = 5\n")
    r = rkt("--insecure-options=image,http", "fetch", f"docker://{registry.host}/x", code=254)
    assert f"{path}.registry[0].location: expected string, got number" in r.err
    path = conf('blocked = "\n')
    assert f"{path}: line 1, column " in rkt("--insecure-options=image,http", "fetch", f"docker://{registry.host}/x", code=254).err
    rkt("fetch", aci.path, code=0)


def test_a_file_that_the_environment_names_must_be_there(rkt, tmp_path):
    env = {"CONTAINERS_REGISTRIES_CONF": str(tmp_path / "none.conf")}
    assert f"{tmp_path}/none.conf" in rkt(IMAGE, "fetch", "docker://localhost:9/x", env=env, code=254).err
