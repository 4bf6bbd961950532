# SPDX-License-Identifier: Apache-2.0
"""Who one is at a registry: dockerAuth, auth.json, config.json, helpers and tokens, against docker-registry with accounts."""
import base64
import json
import os
import subprocess

import pytest

from registrylib import Authority, GuardedRegistry, TokenServer, auth_entry, credential_helper, htpasswd
from rktlib import WebServer, entry, oci_layout
from signlib import Everything
from test_registry_answers import manifest_of, serve

IMAGE = "--insecure-options=image"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.fixture
def trusted(rkt, authority):
    """The authority is trusted by this rkt."""
    rkt.env["SSL_CERT_FILE"] = authority.cert
    return authority


@pytest.fixture
def pushed(registry, tmp_path):
    oci = oci_layout(tmp_path / "oci", [[entry("hello", "x")]], {"Cmd": ["/hello"]})
    registry.push(f"oci:{oci}:latest", "team/app:1")
    return os.path.dirname(registry.log_path)


@pytest.fixture
def guarded(pushed, trusted, tmp_path):
    """docker-registry with TLS and the account alice / s3cret."""
    server = GuardedRegistry(pushed, tls=trusted.issue("server"), auth=htpasswd(tmp_path / "htpasswd", "alice", "s3cret"))
    yield server
    server.close()


def put_json(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        json.dump(value, f)


def docker_auth(rkt, host, user, password):
    put_json(rkt.etc / "auth.d" / "docker.json", {"rktKind": "dockerAuth", "rktVersion": "v1", "registries": [host],
                                                  "credentials": {"user": user, "password": password}})


def config_json(rkt, value):
    put_json(rkt.tmp / ".docker" / "config.json", value)


def fetch(rkt, server, code=0, name="team/app:1", **kw):
    r = rkt(IMAGE, "--debug", "fetch", f"docker://{server.host}/{name}", code=code, **kw)
    assert "s3cret" not in r.err and base64.b64encode(b"alice:s3cret").decode() not in r.err, "a secret in the log"
    return r


def test_without_an_account_the_remedy_is_named(rkt, guarded):
    r = rkt(IMAGE, "fetch", f"docker://{guarded.host}/team/app:1", code=254)
    assert "Unexpected HTTP code: 401" in r.err and "dockerAuth" in r.err and len(r.complaints) <= 2


def test_docker_auth(rkt, guarded):
    docker_auth(rkt, guarded.host, "alice", "wrong")
    fetch(rkt, guarded, code=254)
    docker_auth(rkt, guarded.host, "alice", "s3cret")
    fetch(rkt, guarded)


@pytest.mark.parametrize("key", ["{host}", "https://{host}/v1/", "{host}/team"])
def test_config_json_of_docker(rkt, guarded, key):
    config_json(rkt, {"auths": {key.format(host=guarded.host): auth_entry("alice", "s3cret")}})
    fetch(rkt, guarded, code=0 if "//" not in key or "team" not in key else 0)


def test_config_json_where_docker_config_says(rkt, guarded, tmp_path):
    put_json(tmp_path / "elsewhere" / "config.json", {"auths": {guarded.host: auth_entry("alice", "s3cret")}})
    fetch(rkt, guarded, code=254)
    fetch(rkt, guarded, env={"DOCKER_CONFIG": str(tmp_path / "elsewhere")})


def test_auth_json_comes_before_config_json(rkt, guarded, tmp_path):
    config_json(rkt, {"auths": {guarded.host: auth_entry("alice", "wrong")}})
    put_json(tmp_path / "run" / "containers" / "auth.json", {"auths": {guarded.host: auth_entry("alice", "s3cret")}})
    fetch(rkt, guarded, env={"XDG_RUNTIME_DIR": str(tmp_path / "run")})


def test_a_named_auth_file_is_the_only_one(rkt, guarded, tmp_path):
    config_json(rkt, {"auths": {guarded.host: auth_entry("alice", "s3cret")}})
    put_json(tmp_path / "a.json", {"auths": {}})
    fetch(rkt, guarded, code=254, env={"REGISTRY_AUTH_FILE": str(tmp_path / "a.json")})
    r = fetch(rkt, guarded, code=254, env={"REGISTRY_AUTH_FILE": str(tmp_path / "missing.json")})
    assert str(tmp_path / "missing.json") in r.err


def test_a_broken_file_is_named_with_its_place(rkt, guarded):
    path = rkt.tmp / ".docker" / "config.json"
    config_json(rkt, {"auths": {guarded.host: {"auth": "s3cret!"}}})
    r = rkt(IMAGE, "fetch", f"docker://{guarded.host}/team/app:1", code=254)
    assert f"{path}.auths.{guarded.host}.auth: not the base64 form of USER:PASSWORD" in r.err and "s3cret" not in r.err
    path.write_text('{"auths": {')
    assert f"{path}: JSON syntax error at line 1, column 11" in fetch(rkt, guarded, code=254).err
    docker_auth(rkt, guarded.host, "alice", "s3cret")  # what is not needed is not read
    fetch(rkt, guarded)


def helper_path(rkt, tmp_path, script, name="test"):
    return {"PATH": credential_helper(tmp_path / "helpers", name, script) + ":" + rkt.env["PATH"]}


KNOWS = 'read s; echo \'{"ServerURL":"x","Username":"alice","Secret":"s3cret"}\'\n'
NOBODY = 'echo "credentials not found in native keychain"; exit 1\n'


@pytest.mark.parametrize("helpers, files, script, code", [
    (["test", "containers-auth.json"], "wrong", KNOWS, 0), (["containers-auth.json", "test"], "wrong", KNOWS, 254),
    (["test"], "s3cret", NOBODY, 254), (["test", "containers-auth.json"], "s3cret", NOBODY, 0), (["missing", "test"], "wrong", KNOWS, 0),
    ([], "s3cret", NOBODY, 0)])
def test_helpers_of_registries_conf_are_asked_in_their_order(rkt, guarded, tmp_path, helpers, files, script, code):
    config_json(rkt, {"auths": {guarded.host: auth_entry("alice", files)}})
    (tmp_path / "registries.conf").write_text(f"credential-helpers = {json.dumps(helpers)}\n")
    fetch(rkt, guarded, code=code, env={**helper_path(rkt, tmp_path, script), "CONTAINERS_REGISTRIES_CONF": str(tmp_path / "registries.conf")})


def test_a_helper_is_asked_for_its_registry(rkt, guarded, tmp_path):
    config_json(rkt, {"credHelpers": {guarded.host: "test"}})
    script = f'''read server; env > {tmp_path}/env; echo "$@ $server" > {tmp_path}/asked
echo '{{"ServerURL":"'$server'","Username":"alice","Secret":"s3cret"}}'
'''
    fetch(rkt, guarded, env={**helper_path(rkt, tmp_path, script), "EVIL": "1"})
    assert (tmp_path / "asked").read_text() == f"get {guarded.host}\n"
    assert "EVIL" not in (tmp_path / "env").read_text() and f"HOME={rkt.tmp}" in (tmp_path / "env").read_text()


def test_a_store_that_knows_nobody_is_no_error(rkt, registry, pushed, tmp_path):
    config_json(rkt, {"credsStore": "test"})
    env = helper_path(rkt, tmp_path, 'echo "credentials not found in native keychain"; exit 1\n')
    rkt("--insecure-options=image,http", "fetch", f"docker://{registry.host}/team/app:1", env=env, code=0)


def test_a_helper_that_fails_or_is_missing_says_so(rkt, guarded, tmp_path):
    config_json(rkt, {"credHelpers": {guarded.host: "test"}})
    r = fetch(rkt, guarded, code=254)
    assert 'credential helper "docker-credential-test" is not in PATH' in r.err
    r = fetch(rkt, guarded, code=254, env=helper_path(rkt, tmp_path, 'echo "keychain is locked"; exit 3\n'))
    assert "docker-credential-test" in r.err and "status 3: keychain is locked" in r.err
    r = fetch(rkt, guarded, code=254, env=helper_path(rkt, tmp_path, "echo nonsense\n"))
    assert "answer of docker-credential-test: JSON syntax error" in r.err


@pytest.fixture
def tokens(pushed, trusted, tmp_path):
    server = TokenServer(tmp_path / "tokens", trusted, {"alice": "s3cret"}, refresh_token="r3fresh")
    registry = GuardedRegistry(pushed, tls=trusted.issue("server"), auth=server.auth())
    yield registry, server
    registry.close()
    server.close()


def test_a_token_server_gets_the_password_and_the_registry_the_token(rkt, tokens):
    registry, server = tokens
    docker_auth(rkt, registry.host, "alice", "s3cret")
    fetch(rkt, registry)
    assert [s[0] for s in server.seen] == ["GET"], "one token for the manifest, the configuration and the layers"
    assert server.seen[0][1] == {"service": ["the registry"], "scope": ["repository:team/app:pull"]}


def test_a_token_server_that_refuses(rkt, tokens):
    registry, server = tokens
    docker_auth(rkt, registry.host, "alice", "wrong")
    r = fetch(rkt, registry, code=254)
    assert f"unable to retrieve auth token: 401 from {server.realm}" in r.err


def test_an_identity_token_is_presented_in_a_form(rkt, tokens):
    registry, server = tokens
    config_json(rkt, {"auths": {registry.host: {"identitytoken": "r3fresh"}}})
    r = fetch(rkt, registry)
    assert "r3fresh" not in r.err
    command, form, good = server.seen[0]
    assert (command, good) == ("POST", True) and form["scope"] == ["repository:team/app:pull"] and form["service"] == ["the registry"]


def test_a_helper_may_give_an_identity_token(rkt, tokens, tmp_path):
    registry, _ = tokens
    config_json(rkt, {"credsStore": "test"})
    fetch(rkt, registry, env=helper_path(rkt, tmp_path, """echo '{"Username":"<token>","Secret":"r3fresh"}'\n"""))


def test_secrets_never_go_over_http_nor_to_a_realm_named_there(rkt, web, authority, tmp_path):
    realm = WebServer(tmp_path / "realm", tls=authority.server_context())
    try:
        rkt.env["SSL_CERT_FILE"] = authority.cert
        realm.hooks["/token"] = lambda h: h.reply(200, b'{"token":"t"}') or True
        challenge = f'Basic realm="x", Bearer realm="{realm.url}/token",service="s"'
        web.hooks["/v2/team/app/manifests/1"] = lambda h: h.reply(401, b"{}", {"WWW-Authenticate": challenge}) or True
        docker_auth(rkt, web.address, "alice", "s3cret")
        rkt("--insecure-options=image,http", "fetch", f"docker://{web.address}/team/app:1", code=254)
        for server in (web, realm):
            assert server.log and not any("Basic" in r[2].get("Authorization", "") for r in server.log)
    finally:
        realm.close()


def test_a_client_certificate_and_a_private_authority_from_certs_d(rkt, authority, pushed, tmp_path):
    server = GuardedRegistry(pushed, tls=authority.issue("server"), client_ca=authority.cert)
    try:
        r = fetch(rkt, server, code=254)
        assert "certificate" in r.err
        certs = rkt.tmp / ".config" / "containers" / "certs.d" / server.host
        certs.mkdir(parents=True)
        (certs / "ca.crt").write_text(open(authority.cert).read())
        fetch(rkt, server, code=254)  # trusted, but nobody is presented
        crt, key = authority.issue("client")
        (certs / "me.cert").write_text(open(crt).read())
        r = fetch(rkt, server, code=254)
        assert f"{certs}/me.cert: the key me.key is missing beside it" in r.err
        (certs / "me.key").write_text(open(key).read())
        os.chmod(certs / "me.key", 0o600)
        fetch(rkt, server)
    finally:
        server.close()


def test_ssl_cert_dir(rkt, authority, pushed):
    server = GuardedRegistry(pushed, tls=authority.issue("server"))
    try:
        (rkt.tmp / "certs").mkdir()
        (rkt.tmp / "certs" / "any-name.pem").write_text(open(authority.cert).read())
        fetch(rkt, server, code=254, env={"SSL_CERT_DIR": str(rkt.tmp / "none")})
        fetch(rkt, server, env={"SSL_CERT_DIR": f"{rkt.tmp / 'none'}:{rkt.tmp / 'certs'}"})
    finally:
        server.close()


@pytest.mark.parametrize("place, code", [("ca-certificates.crt", 0), ("mine.pem", 0), ("", 254)], ids=["file", "hashed", "none"])
def test_the_systems_authorities(rkt, authority, pushed, place, code):
    server = GuardedRegistry(pushed, tls=authority.issue("server"))
    certs = rkt.tmp / "certs"
    certs.mkdir()
    try:
        if place:
            (certs / place).write_text(open(authority.cert).read())
        if place == "mine.pem":
            subprocess.run(["openssl", "rehash", certs], check=True)
        command = rkt.argv(IMAGE, "fetch", f"docker://{server.host}/team/app:1")
        r = subprocess.run(["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/ssl/certs && exec "$@"', certs, *command], env=rkt.env, capture_output=True, text=True)
        assert r.returncode == code and ("certificate" in r.stderr) == (code != 0), r
    finally:
        server.close()


def test_the_authority_of_a_registry_vouches_for_no_other_host(rkt, authority, pushed, tmp_path):
    tokens = TokenServer(tmp_path / "tokens", authority, {"alice": "s3cret"})
    server = GuardedRegistry(pushed, tls=authority.issue("server"), auth=tokens.auth())
    try:
        certs = rkt.tmp / ".config" / "containers" / "certs.d" / server.host
        certs.mkdir(parents=True)
        (certs / "ca.crt").write_text(open(authority.cert).read())
        r = fetch(rkt, server, code=254)
        assert "certificate" in r.err and tokens.web.address in r.complaints[-1], r
        assert tokens.seen == []
    finally:
        server.close()
        tokens.close()


def test_what_one_host_is_checked_against_does_not_count_for_the_next(rkt, authority, tmp_path):
    """All are asked over one handle of the library, which by itself keeps what the first one is checked against."""
    other = Authority(tmp_path / "other")
    rkt.env["SSL_CERT_FILE"] = other.cert
    oci = oci_layout(tmp_path / "oci", [[entry("a", "x")]])
    mirror, registry, elsewhere = (WebServer(tmp_path / name, tls=signer.server_context()) for name, signer in (("m", other), ("r", authority), ("e", authority)))
    config = rkt.tmp / ".config" / "containers"
    certs = config / "certs.d" / registry.address
    certs.mkdir(parents=True)
    (certs / "ca.crt").write_text(open(authority.cert).read())
    reference = serve(registry, oci, "application/vnd.oci.image.layer.v1.tar")
    layer = registry.hooks.pop("/elsewhere/0")
    place = "/v2/t/x/blobs/" + manifest_of(oci)["layers"][0]["digest"]
    try:
        registry.hooks[place] = lambda h: h.reply(307, b"", {"Location": elsewhere.url + "/layer"}) or True
        elsewhere.hooks["/layer"] = layer
        r = rkt(IMAGE, "fetch", reference, code=254)
        assert "certificate" in r.err and elsewhere.address in r.complaints[-1] and elsewhere.log == [], r
        registry.hooks[place] = layer
        (config / "registries.conf").write_text(f'[[registry]]\nlocation = "{registry.address}"\n[[registry.mirror]]\nlocation = "{mirror.address}"\n')
        rkt(IMAGE, "fetch", reference, code=0)
        assert mirror.gets("/v2/t/x/manifests/1")
    finally:
        for web in (mirror, registry, elsewhere):
            web.close()


def test_where_an_upload_is_to_go_is_not_told_who_one_is(rkt, trusted, tmp_path):
    """The registry sends uploads to another host, which asks for an account, by itself or for a token of its own."""
    registry, elsewhere = (WebServer(tmp_path / name, tls=trusted.server_context()) for name in ("r", "e"))
    docker_auth(rkt, registry.address, "alice", "s3cret")
    rkt(IMAGE, "fetch", f"oci:{oci_layout(tmp_path / 'oci', [[entry('a', 'x')]])}", code=0)

    def at_registry(h):
        h.rfile.read(int(h.headers.get("Content-Length", 0)))
        if demand and "Authorization" not in h.headers:
            return h.reply(401, b"", {"WWW-Authenticate": f'{demand} realm="r"'}) or True
        reply = {"HEAD": 404, "POST": 202}.get(h.command, 201)
        return h.reply(reply, b"", {"Location": elsewhere.url + "/v2/upload"}) or True

    def at_elsewhere(h):
        h.rfile.read(int(h.headers.get("Content-Length", 0)))
        return h.reply(status, b"", {"WWW-Authenticate": f'{answer} realm="{elsewhere.url}/v2/token"'}) or True

    for web, hook in ((registry, at_registry), (elsewhere, at_elsewhere)):
        web.hooks = Everything(hook)
        handler = web.server.RequestHandlerClass
        handler.do_POST = handler.do_PUT = handler.answer
    try:
        for demand, answer, status in (("Basic", "Basic", 401), ("", "Basic", 401), ("", "Bearer", 401), ("Basic", "", 201)):
            del registry.log[:]
            r = rkt("image", "push", "oci", f"docker://{registry.address}/t/x:1", code=0 if status == 201 else 254)
            assert status == 201 or f"Unexpected HTTP code: 401, URL: {elsewhere.url}/v2/upload" in r.err, r
            assert bool(demand) == any("Authorization" in headers for _, _, headers in registry.log)
        assert {method for method, _, _ in elsewhere.log} == {"PUT"}, elsewhere.log
        assert not [headers for _, _, headers in elsewhere.log if "Authorization" in headers], elsewhere.log
    finally:
        registry.close()
        elsewhere.close()
