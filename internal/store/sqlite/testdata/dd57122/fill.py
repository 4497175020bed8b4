"""fill.py PROGRAM DIR: runs PROGRAM (apier of dd57122) on DIR/data and fills it over its API.

Four runs: three that end in order, and a last one that is killed while an attempt is under way.
DIR/expected.json is what was sent and answered; README.md says how both became data.tar.gz.
"""

import atexit, base64, hashlib, hmac, http.server, json, os, pathlib, re, signal, subprocess, sys, threading, time
import urllib.error, urllib.request

sys.setrecursionlimit(100_000)  # for the deep payload
program, top = sys.argv[1], pathlib.Path(sys.argv[2])
data = top / "data"
outsider = "whsec_" + base64.b64encode(b"a sender from outside, 32 bytes!").decode()
hang = threading.Event()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/hang":
            hang.set()
            time.sleep(30)
        code = {"/ok": 204, "/500": 500, "/410": 410}.get(self.path, 200)
        if self.path == "/once" and body not in seen:
            seen.append(body)
            code = 503
        self.send_response(code)
        self.end_headers()
        if code != 204:
            self.wfile.write(b"the receiver says " + str(code).encode())

    def log_message(self, *_):
        pass


seen = []
receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
receiver.daemon_threads = True
threading.Thread(target=receiver.serve_forever, daemon=True).start()
hooks = f"http://127.0.0.1:{receiver.server_port}"


class Server:
    def __init__(self):
        self.process = subprocess.Popen(
            [program, "serve", "--data", data, "--listen", "127.0.0.1:0", "--allow-private-endpoints", "--webhook-secrets", outsider],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        atexit.register(self.process.kill)
        first = self.process.stdout.readline()
        self.process.stdout.readline()
        self.url = re.search(r"http://[^/\s]+", first).group()
        while True:
            try:
                urllib.request.urlopen(self.url + "/readyz")
                return
            except OSError:
                time.sleep(0.02)

    def end(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        self.process.wait()

    def call(self, key, method, path, body=None, headers=(), fails=False):
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, raw, {"Authorization": "Bearer " + key, **dict(headers)}, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                text = answer.read()
        except urllib.error.HTTPError as e:
            if fails:
                return {}
            raise SystemExit(f"{method} {path}: {e.code} {e.read().decode()}")
        return json.loads(text) if text else {}

    def wait(self, key, path, done):
        for _ in range(500):
            if done(answer := self.call(key, "GET", path)):
                return answer
            time.sleep(0.02)
        raise SystemExit(f"{path}: {answer}")


def keys(*args):
    return subprocess.run([program, "keys", *args, "--data", data], check=True, capture_output=True, text=True).stdout


expected = {"events": [], "deleted": [], "erased": []}


def post(server, key, tenant, type, payload, **headers):
    body = '{"type":%s,"source":"fixture","payload":%s}' % (json.dumps(type), payload)
    event = server.call(key, "POST", "/api/events", body, headers.items())
    expected["events"].append({"tenant": tenant, "id": event["id"], "type": type, "payload": payload})
    return event["id"]


# The first run: keys, odd payloads, the inbox.
s = Server()
default = (data / "api-key").read_text().strip()
lines = keys("create", "--name", "acme's", "--tenant", "acme", "--scopes", "events:read,events:write,admin").splitlines()
acme = lines[0]
lines = keys("create", "--name", "to be revoked", "--tenant", "acme").splitlines()
revoked, number = lines[0], lines[1].split()[0].rstrip(",")
keys("revoke", "--tenant", "acme", number)
expected["keys"] = {"default": default, "acme": acme, "revoked": revoked}

odd = {
    "deep": '{"a":' + "[" * 9998 + "]" * 9998 + "}",
    "surrogate": r'{"high":"\ud800","low":"x\udc00","swapped":"\udc00\ud800"}',
    "nul": r'{"nul":"a\u0000b","key\u0000":1}',
    "numbers": '{"id":18446744073709551615,"x":1e400,"z":1.0,"e":1E2,"amount":12345678901234567.89,"minus":-0}',
    "duplicate": '{"dup":1,"dup":2,"dup":{"a":1,"a":2}}',
    "escaped": r'{"name":"M\u00fcller","url":"https:\/\/x","quote":"say \"hi\""}',
    "spaces": '{ "a" : [ 1 , 2 ] ,\t"b":  {  } }',
    "labels": '{"labels":[{"name":"eu"},{"name":"us"}],"tags":["eu","us"],"app.kubernetes.io/name":"x"}',
}
for name, payload in odd.items():
    post(s, default, "default", "odd." + name, payload)
for i in range(30):
    post(s, acme, "acme", "order.created", '{"n":%d,"customer":{"id":"C-%d"}}' % (i, i % 3))
post(s, default, "default", "keyed.one", '{"n":1}', **{"Idempotency-Key": "fixture-key-1"})
batch = s.call(default, "POST", "/api/events/batch", [{"type": "keyed.batch", "source": "fixture", "payload": {"n": i}} for i in range(3)],
               [("Idempotency-Key", "fixture-key-batch")])
expected["batch"] = [e["id"] for e in batch.get("events", batch)]

s.call(acme, "PUT", "/api/inbox/groups/billing", {"types": ["order.*"], "filter": {"payload.n": {"gte": 5}}, "from": "start"})
s.call(acme, "PUT", "/api/inbox/groups/never", {"filter": {"payload.labels.*.name": "eu"}, "from": "start"})
leased = s.call(acme, "GET", "/api/inbox?group=billing&lease_seconds=43200&limit=6")
for event in leased[:2]:
    s.call(acme, "POST", f"/api/inbox/{event['id']}/ack", {"group": "billing", "lease_id": event["lease"]["id"]})
s.call(acme, "POST", f"/api/inbox/{leased[2]['id']}/nack", {"group": "billing", "delay_seconds": 604800})
s.call(acme, "POST", f"/api/inbox/{leased[5]['id']}/nack", {"group": "billing"})
expected["leased"] = [e["id"] for e in leased[3:5]]
expected["given_back"] = [e["id"] for e in (leased[2], leased[5])]
plain = s.call(default, "GET", "/api/inbox?lease_seconds=43200&limit=2")
s.call(default, "POST", f"/api/inbox/{plain[0]['id']}/ack")
s.end()

# The second run: endpoints in all states, deliveries in all states.
s = Server()
def endpoint(key, path, **settings):
    return s.call(key, "POST", "/api/endpoints", {"url": path if path.startswith("http") else hooks + path, "timeout_ms": 60000, "retry_schedule_ms": [0], **settings})
names = {
    "ok": endpoint(default, "/ok", description="takes all", types=["hook.*"], headers={"X-Custom": "fixture", "Authorization": "Bearer at-the-receiver"}, order_key="customer.id", rate_per_second=100, max_in_flight=3),
    "fails": endpoint(default, "/500", description="always fails", types=["hook.*"]),
    "refuses": endpoint(default, "/500", description="fails too, and is not recovered", types=["hook.*"]),
    "later": endpoint(default, "/once", description="waits for its second attempt", types=["hook.*"], retry_schedule_ms=[0, 604800000, 604800000]),
    "gone": endpoint(default, "/410", description="answers 410", types=["hook.gone"]),
    "paused": endpoint(default, "/ok", description="paused by hand", types=["hook.*"], paused=True),
    "rtl": endpoint(default, "/ok", description="evil\u202egnp.exe", types=["odd.*"]),
    "star": endpoint(default, "/ok", description="a filter that never matches", filter={"payload.labels.*.name": "eu"}),
    "array": endpoint(default, "/ok", description="another", filter={"payload.tags": {"contains": "eu"}}),
    "dots": endpoint(default, "/ok", description="a third", filter={"payload.app.kubernetes.io/name": "x"}),
    "self": endpoint(acme, s.url + "/api/webhook", description="this server itself", types=["invoice.*"]),
    "deleted": endpoint(acme, "/500", description="is deleted", types=["invoice.*"], paused=True),
}
s.call(default, "POST", f"/api/endpoints/{names['ok']['id']}/rotate-secret")
for i in range(10):
    post(s, default, "default", "hook.created", '{"n":%d,"customer":{"id":"C-%d"},"text":"%s"}' % (i, i % 2, "text " * 20))
post(s, default, "default", "hook.gone", '{"n":0}')
for i in range(4):
    post(s, acme, "acme", "invoice.paid", '{"n":%d}' % i)
s.wait(default, f"/api/endpoints/{names['ok']['id']}", lambda e: e["delivered"] >= 11)
s.wait(default, f"/api/endpoints/{names['fails']['id']}", lambda e: e["failed"] >= 5)
s.wait(default, f"/api/endpoints/{names['refuses']['id']}", lambda e: e["failed"] >= 5)
s.wait(default, f"/api/endpoints/{names['gone']['id']}", lambda e: e["status"] == "disabled")
s.wait(acme, f"/api/endpoints/{names['self']['id']}", lambda e: e["delivered"] + e["failed"] >= 4)
s.call(acme, "DELETE", f"/api/endpoints/{names['deleted']['id']}")
s.call(default, "POST", f"/api/endpoints/{names['fails']['id']}/recover", {"since": "2020-01-01T00:00:00Z", "kind": "retry_failed", "rate_per_second": 1000, "types": ["hook.*"]})
s.wait(default, f"/api/endpoints/{names['fails']['id']}/recoveries", lambda r: "done" in json.dumps(r))
s.call(default, "POST", f"/api/endpoints/{names['rtl']['id']}/recover", {"since": "2020-01-01T00:00:00Z", "kind": "replay", "rate_per_second": 0.1, "types": ["odd.*"]})

# The receiver's log: a good webhook from outside, and a bad one.
for secret in (outsider, "whsec_" + base64.b64encode(b"somebody else's secret, 32 bytes").decode()):
    body, at = '{"type":"from.outside","data":{"n":1}}', str(int(time.time()))
    mac = hmac.new(base64.b64decode(secret[6:]), f"msg_1.{at}.{body}".encode(), hashlib.sha256).digest()
    s.call("", "POST", "/api/webhook", body, [("webhook-id", "msg_1"), ("webhook-timestamp", at), ("webhook-signature", "v1," + base64.b64encode(mac).decode())], fails=True)
s.end()

# The third run: erasures and deletions.
s = Server()
for event in [e for e in expected["events"] if e["type"] == "order.created" and '"C-2"' in e["payload"]]:
    event["payload"] = "{}"
    expected["erased"].append(event["id"])
s.call(acme, "POST", "/api/events/erase", {"types": ["order.*"], "filter": {"payload.customer.id": "C-2"}})
s.wait(acme, "/api/erasures", lambda e: "done" in json.dumps(e) and "running" not in json.dumps(e))
for event in [e for e in expected["events"] if e["type"] == "order.created"][-3:]:
    s.call(acme, "DELETE", "/api/events/" + event["id"])
    expected["events"].remove(event)
    expected["deleted"].append(event["id"])
s.end()

# The last run: killed while an attempt is under way.
s = Server()
names["hangs"] = endpoint(default, "/hang", description="an attempt is under way", types=["hang.*"])
post(s, default, "default", "hang.now", '{"n":0}')
hang.wait()
time.sleep(0.5)
expected["endpoints"] = {name: {"tenant": "acme" if name in ("self", "deleted") else "default", "id": e["id"], "secret": e["secret"]} for name, e in names.items()}
for tenant, key in (("default", default), ("acme", acme)):
    expected["summary " + tenant] = s.call(key, "GET", "/api/metrics/summary")
    expected["webhooks " + tenant] = s.call(key, "GET", "/api/webhooks/logs")
    expected["groups " + tenant] = s.call(key, "GET", "/api/inbox/groups")
    expected["erasures " + tenant] = s.call(key, "GET", "/api/erasures")
    expected["endpoints " + tenant] = s.call(key, "GET", "/api/endpoints")
expected["recoveries rtl"] = s.call(default, "GET", f"/api/endpoints/{names['rtl']['id']}/recoveries")
expected["written_at"] = int(time.time() * 1000)
s.end(signal.SIGKILL)
(data / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=True) + "\n")
os._exit(0)
