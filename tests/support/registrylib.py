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

from rktlib import WebServer, free_port, keep_failure, wait_until


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

    def issue(self, name, *, rsa=False, names=("localhost",)):
        """A certificate for these names and 127.0.0.1, server and client alike: paths of certificate and key."""
        crt, key, csr = (os.path.join(self.root, f"{name}.{end}") for end in ("crt", "key", "csr"))
        kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        self.openssl("req", "-newkey", *kind, "-nodes", "-keyout", key, "-out", csr, "-subj", f"/CN={name}")
        with open(os.path.join(self.root, "ext"), "w") as f:
            f.write(f"subjectAltName={','.join('DNS:' + n for n in names)},IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
        self.openssl("x509", "-req", "-in", csr, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-out", crt, "-days", "2", "-extfile", "ext")
        return crt, key

    def server_context(self, *names):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue("server", names=names or ("localhost",)))
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


class Nginx:
    """nginx with TLS and files below `root`: ranges, ETag, Last-Modified. `location`: more directives for them."""

    def __init__(self, root, authority, location="", rate=None):
        self.root = os.path.join(str(root), "www")
        os.makedirs(self.root, exist_ok=True)
        os.chmod(str(root), 0o755)
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"https://{self.address}"
        self.log_path = os.path.join(str(root), "access.log")
        crt, key = authority.issue(f"nginx-{self.port}")
        config = os.path.join(str(root), "nginx.conf")
        with open(config, "w") as f:
            f.write(f"""daemon off; master_process off; user root; pid {root}/pid; error_log {root}/error.log;
events {{ }}
http {{
  log_format full '$request $status range=$http_range match=$http_if_none_match auth=$http_authorization';
  access_log {self.log_path} full; default_type application/octet-stream;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3; uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  server {{ listen {self.address} ssl; ssl_certificate {crt}; ssl_certificate_key {key}; root {self.root};
    location / {{ {f'limit_rate {rate};' if rate else ''} {location} }} }}
}}
""")
        self.process = subprocess.Popen(["nginx", "-c", config, "-e", os.path.join(str(root), "error.log")], stderr=subprocess.DEVNULL)
        wait_until(self.answers, "nginx to answer")

    def answers(self):
        import socket
        assert self.process.poll() is None, open(os.path.join(os.path.dirname(self.log_path), "error.log")).read()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def put(self, aci, name):
        """An ACI and its signature, under their URL."""
        shutil.copy(aci.path, os.path.join(self.root, name))
        shutil.copy(aci.path[:-len(".aci")] + ".aci.asc", os.path.join(self.root, name + ".asc"))
        return f"{self.url}/{name}"

    def log(self):
        with open(self.log_path) as f:
            return f.read().splitlines()

    def close(self):
        self.process.terminate()
        self.process.wait()


class Proxy:
    """An HTTP proxy that takes CONNECT and absolute URLs to places of the test's own: `routes` maps HOST:PORT to (address, port)."""

    def __init__(self):
        import http.server
        import socket
        import threading
        self.routes, self.log = {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def connect(self, host_port):
                outer.log.append((self.command, self.path, dict(self.headers)))
                target = outer.routes.get(host_port)
                return socket.create_connection(target) if target else None

            def do_CONNECT(self):
                peer = self.connect(self.path)
                if not peer:
                    return self.send_error(502)
                self.send_response(200)
                self.end_headers()
                self.relay(peer)

            def do_GET(self):
                parts = urllib.parse.urlsplit(self.path)
                peer = self.connect(parts.netloc if ":" in parts.netloc else parts.netloc + ":80")
                if not peer:
                    return self.send_error(502)
                path = (parts.path or "/") + ("?" + parts.query if parts.query else "")
                head = "".join(f"{k}: {v}\r\n" for k, v in self.headers.items() if k.lower() not in ("connection", "proxy-connection"))
                peer.sendall(f"GET {path} HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode())
                self.relay(peer)

            def relay(self, peer):
                self.close_connection = True

                def pump(source, to):
                    try:
                        while data := source.recv(65536):
                            to.sendall(data)
                    except OSError:
                        pass
                    for end, how in ((to, socket.SHUT_WR), (source, socket.SHUT_RD)):
                        try:
                            end.shutdown(how)
                        except OSError:
                            pass
                back = threading.Thread(target=pump, args=(peer, self.connection), daemon=True)
                back.start()
                pump(self.connection, peer)
                back.join()
                peer.close()

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                keep_failure(outer.failures)

        outer, self.failures = self, []
        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        assert not self.failures, self.failures
