"""The metadata service: pods ask it over the network who they are, and let it vouch for them."""
import http.client
import json
import os
import re
import signal
import socket
import subprocess

import pytest

from rktlib import wait_until

SOCKET = "/run/rkt/metadata-svc.sock"
URL = "AC_METADATA_URL"


class Service:
    def __init__(self, rkt, *args, **popen):
        self.log = rkt.tmp / "metadata.log"
        with open(self.log, "w") as log:
            self.process = rkt.start("metadata-service", *args, stderr=log, **popen)
        wait_until(lambda: "running..." in self.text() or self.process.poll() is not None, "the metadata service")

    def text(self):
        return self.log.read_text()

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(10)


@pytest.fixture
def service(rkt):
    s = Service(rkt)
    yield s
    assert s.end() == 0
    assert s.text().rstrip().endswith("metadata service exiting...") and not os.path.exists(SOCKET)


def ask(url, path, form=None, method=None):
    host, port, token = re.fullmatch(r"http://([\d.]+):(\d+)/([0-9a-f]{32})", url).groups()
    c = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    c.request(method or ("POST" if form else "GET"), f"/{token}/acMetadata/v1{path}", form, headers)
    r = c.getresponse()
    return r.status, r.read().decode(), r.headers["Content-Type"]


def url_of(rkt, uuid):
    return rkt("enter", uuid, "/bin/sh", "-c", f"echo ${URL}", code=0).out.strip()


def registered(rkt, *args, **kw):
    rkt.image(exec=["/bin/sleep", "1000"], annotations=[{"name": "color", "value": "blue"}])
    p, uuid = rkt.start_pod("--mds-register", "example.com/busybox", "--annotation=size=1", *args, net="host", **kw)
    return p, uuid, url_of(rkt, uuid)


def test_an_app_reaches_it_through_the_default_network(rkt, service):
    rkt.image(exec=["/bin/sh", "-c", f"wget -qO- ${URL}/acMetadata/v1/pod/uuid; echo; echo $AC_APP_NAME ${URL}"])
    r = rkt.run("--mds-register", f"--uuid-file-save={rkt.tmp}/u", "example.com/busybox", net="default", code=0)
    uuid, line = r.out.splitlines()
    assert uuid == (rkt.tmp / "u").read_text()
    assert re.fullmatch(r"busybox http://172\.16\.28\.1:18112/[0-9a-f]{32}", line)
    token = line.rsplit("/", 1)[1]
    assert token not in service.text() and "GET /*/acMetadata/v1/pod/uuid - 200" in service.text()


def test_it_says_what_was_registered(rkt, service):
    p, uuid, url = registered(rkt)
    assert ask(url, "/pod/uuid") == (200, uuid, "text/plain; charset=us-ascii")
    status, text, kind = ask(url, "/pod/manifest")
    assert (status, kind, json.loads(text)["apps"][0]["name"]) == (200, "application/json", "busybox")
    assert json.loads(ask(url, "/apps/busybox/annotations")[1]) == [{"name": "color", "value": "blue"}, {"name": "size", "value": "1"}]
    assert ask(url, "/apps/busybox/annotations/color")[1] == "blue"
    assert json.loads(ask(url, "/apps/busybox/image/manifest")[1])["name"] == "example.com/busybox"
    assert ask(url, "/apps/busybox/image/id")[1].startswith("sha512-")
    assert ask(url, "/apps/other/image/id")[:2] == (404, "app not found\n")
    assert ask(url, "/pod/annotations/none")[0] == 404
    assert ask(url[:-32] + "0" * 32, "/pod/uuid")[:2] == (401, "pod not found\n")


def test_it_vouches_for_a_pod_to_others(rkt, service):
    p, uuid, url = registered(rkt)
    status, signature, _ = ask(url, "/pod/hmac/sign", "content=hello")
    assert status == 200
    from urllib.parse import quote
    proof = f"uuid={uuid}&signature={quote(signature, safe='')}"
    assert ask(url, "/pod/hmac/verify", proof + "&content=hello")[0] == 200
    assert ask(url, "/pod/hmac/verify", proof + "&content=hallo")[0] == 403
    assert ask(url, "/pod/hmac/sign", "contents=x")[:2] == (400, "content form value not found\n")
    assert ask(url, "/pod/hmac/sign", "content=" + "x" * (1 << 20))[0] == 413


def test_the_token_is_the_apps_alone(rkt, service):
    p, uuid, url = registered(rkt)
    token = url.rsplit("/", 1)[1]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                assert token.encode() not in f.read()
        except (FileNotFoundError, ProcessLookupError):
            continue
    readable = subprocess.run(["find", str(rkt.data), "-type", "f", "-perm", "/077"], capture_output=True, text=True, check=True)
    for path in readable.stdout.splitlines():
        with open(path, "rb") as f:
            assert token.encode() not in f.read(), path


def test_no_command_line_ever_has_the_token(rkt, service):
    rkt.image(exec=["/bin/true"])
    r = rkt("--debug", "run", "--net=host", "--mds-register", "example.com/busybox", code=0)
    assert "Execing [" in r.err and "mds-token" not in r.err


def test_gc_unregisters(rkt, service):
    p, uuid, url = registered(rkt)
    rkt("stop", "--force", uuid, code=0)
    p.wait(10)
    assert ask(url, "/pod/uuid")[0] == 200
    rkt("rm", uuid, code=0)
    assert ask(url, "/pod/uuid")[0] == 401 and f"DELETE /pods/{uuid} - 200" in service.text()


def test_a_prepared_pod_stays_prepared_without_a_service(rkt):
    rkt.image()
    uuid = rkt("prepare", "example.com/busybox", code=0).out.strip()
    r = rkt("run-prepared", "--mds-register", "--net=host", uuid, code=254)
    assert "could not reach the metadata service" in r.err and r.err.count("connect to") == 3
    assert rkt.status(uuid)["state"] == "prepared"
    assert "--mds-register flag does not work with --net=none" in rkt.run("--mds-register", "example.com/busybox", code=254).err


def test_no_other_machine_is_told_the_token(rkt, service):
    (rkt.etc / "net.d").mkdir(parents=True)
    (rkt.etc / "net.d" / "lan.conf").write_text(json.dumps(
        {"cniVersion": "1.0.0", "name": "lan", "type": "bridge", "bridge": "rkt-lan0", "ipam": {"type": "host-local", "subnet": "10.77.0.0/24"}}))
    rkt.image()
    r = rkt.run("--mds-register", "example.com/busybox", net="lan", code=254)
    assert "no network of the pod has this host as its gateway" in r.err
    subprocess.run(["ip", "link", "del", "rkt-lan0"], check=True)


def test_two_services_do_not_share_a_socket(rkt, service):
    r = rkt("metadata-service", "--listen-port=18113", code=254)
    assert "another metadata service is running" in r.err and os.path.exists(SOCKET)
    r = rkt("metadata-service", code=254)
    assert "error listening on port 18112" in r.err
    assert "a port is 1 to 65535" in rkt("metadata-service", "--listen-port=0", code=254).err


def test_what_a_killed_service_left_is_taken_over(rkt):
    first = Service(rkt)
    first.end(signal.SIGKILL)
    wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", 18112)) != 0, "the worker to end")
    assert os.path.exists(SOCKET)
    second = Service(rkt)
    assert second.end(signal.SIGINT) == 0 and not os.path.exists(SOCKET)


def test_a_passed_socket_is_used(rkt):
    listener = socket.socket(socket.AF_UNIX)
    path = str(rkt.tmp / "passed.sock")
    listener.bind(path)
    listener.listen()
    service = Service(rkt, env={"LISTEN_FDS": "1"}, preexec_fn=lambda: os.dup2(listener.fileno(), 3), close_fds=False)
    c = socket.socket(socket.AF_UNIX)
    c.connect(path)
    c.sendall(b"DELETE /pods/11111111-2222-3333-4444-555555555555 HTTP/1.0\r\n\r\n")
    assert b"404" in c.recv(100)
    assert service.end() == 0 and os.path.exists(path)
    c.close()
    listener.close()


def test_who_asks_too_often_has_to_wait(rkt, service):
    c = http.client.HTTPConnection("127.0.0.1", 18112, timeout=10)
    seen = set()
    for _ in range(1000):
        c.request("GET", "/x/acMetadata/v1/pod/uuid")
        r = c.getresponse()
        r.read()
        seen.add(r.status)
        if r.status == 429:
            break
    assert seen == {401, 429}


def test_it_has_no_privileges(rkt, service):
    worker = subprocess.run(["pgrep", "-P", str(service.process.pid)], capture_output=True, text=True).stdout.strip()
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{worker}/status").read().splitlines() if ":\t" in line)
    assert "0" not in status["Uid"].split() and status["CapEff"] == status["CapBnd"] == "0" * 16
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
