# SPDX-License-Identifier: Apache-2.0
"""Peers of the tests about registries: certificates of an authority of their own, registries that ask who one is, a token server."""
import base64
import hashlib
import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.parse
import uuid

from rktlib import WebServer, free_port, wait_until


class Authority:
    """A certificate authority and what it has signed."""

    def __init__(self, root):
        os.makedirs(root, exist_ok=True)
        self.root = str(root)
        self.cert, self.key = os.path.join(self.root, "ca.crt"), os.path.join(self.root, "ca.key")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out", self.cert,
                     "-days", "2", "-subj", "/CN=Test Authority")

    def openssl(self, *args, input=None):
        return subprocess.run(["openssl", *args], check=True, input=input, capture_output=True, cwd=self.root).stdout

    def issue(self, name, *, rsa=False):
        """A certificate for localhost and 127.0.0.1, server and client alike: paths of certificate and key."""
        crt, key, csr = (os.path.join(self.root, f"{name}.{end}") for end in ("crt", "key", "csr"))
        kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        self.openssl("req", "-newkey", *kind, "-nodes", "-keyout", key, "-out", csr, "-subj", f"/CN={name}")
        with open(os.path.join(self.root, "ext"), "w") as f:
            f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
        self.openssl("x509", "-req", "-in", csr, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-out", crt, "-days", "2", "-extfile", "ext")
        return crt, key

    def server_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue("server"))
        return context


class GuardedRegistry:
    """A second docker-registry on the storage of an open one (where images are pushed): with TLS, accounts or tokens."""

    def __init__(self, storage, *, tls=None, client_ca=None, auth=None, **more):
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        http = {"addr": self.host}
        if tls:
            http["tls"] = {"certificate": tls[0], "key": tls[1], **({"clientcas": [client_ca]} if client_ca else {})}
        config = os.path.join(storage, f"guarded-{self.port}.yml")
        self.log_path = config + ".log"
        with open(config, "w") as f:
            json.dump({"version": "0.1", "log": {"accesslog": {"disabled": False}, "level": "info"}, "http": http,
                       "storage": {"filesystem": {"rootdirectory": os.path.join(storage, "data")}}, **({"auth": auth} if auth else {}), **more}, f)
        self.log_file = open(self.log_path, "wb")
        self.process = subprocess.Popen([shutil.which("docker-registry") or "registry", "serve", config], stdout=self.log_file,
                                        stderr=subprocess.STDOUT)
        wait_until(self.answers, "the guarded docker-registry to answer")

    def answers(self):
        import socket
        assert self.process.poll() is None, open(self.log_path).read()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.log_file.close()


def htpasswd(path, user, password):
    subprocess.run(["htpasswd", "-cbB", "-C", "4", str(path), user, password], check=True, capture_output=True)
    return {"htpasswd": {"realm": "test", "path": str(path)}}


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer:
    """What docker-registry's token authentication wants beside it: Basic at GET, a refresh token at POST. `accounts`: user -> password."""

    def __init__(self, root, authority, accounts, refresh_token=None):
        self.authority, self.accounts, self.refresh_token = authority, accounts, refresh_token
        self.cert, self.key = authority.issue("token-signer", rsa=True)
        self.seen = []
        self.web = WebServer(root, tls=authority.server_context())
        self.web.hooks["/token"] = self.answer
        self.realm = self.web.url + "/token"
        handler = self.web.server.RequestHandlerClass
        handler.do_POST = handler.answer

    def auth(self):
        return {"token": {"realm": self.realm, "service": "the registry", "issuer": "tests", "rootcertbundle": self.authority.cert}}

    def answer(self, h):
        if h.command == "POST":
            asked = urllib.parse.parse_qs(h.rfile.read(int(h.headers["Content-Length"])).decode())
            good = asked.get("refresh_token") == [self.refresh_token] and asked.get("grant_type") == ["refresh_token"]
        else:
            asked = urllib.parse.parse_qs(urllib.parse.urlsplit(h.path).query)
            kind, _, encoded = h.headers.get("Authorization", "").partition(" ")
            user, _, password = base64.b64decode(encoded).decode().partition(":") if kind == "Basic" else ("", "", "")
            good = user != "" and self.accounts.get(user) == password
        self.seen.append((h.command, asked, good))
        if not good:
            h.reply(401, b'{"errors":[]}')
            return True
        access = []
        for scope in asked.get("scope", []):
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        h.reply(200, json.dumps({("access_token" if h.command == "POST" else "token"): self.token(access), "expires_in": 300}).encode())
        return True

    def token(self, access):
        der = base64.b64encode(self.authority.openssl("x509", "-in", self.cert, "-outform", "DER")).decode()
        header = {"typ": "JWT", "alg": "RS256", "x5c": [der]}
        now = int(time.time())
        claims = {"iss": "tests", "sub": "u", "aud": "the registry", "exp": now + 300, "nbf": now - 10, "iat": now, "jti": uuid.uuid4().hex, "access": access}
        text = b64url(json.dumps(header).encode()) + "." + b64url(json.dumps(claims).encode())
        return text + "." + b64url(self.authority.openssl("dgst", "-sha256", "-sign", self.key, input=text.encode()))

    def close(self):
        self.web.close()


def credential_helper(directory, name, script):
    """An executable docker-credential-NAME in `directory` (to be put on PATH)."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, "docker-credential-" + name)
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + script)
    os.chmod(path, 0o755)
    return str(directory)


def auth_entry(user, password):
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()
