"""A fake of what Azure answers: the instance metadata service, the token endpoint, a Key Vault, Resource
Manager, and Content Safety.

It is told what to do by a JSON file that it reads for every request, and writes each request as a line, so that tests
can say what was asked. The official SDKs for Python (oracle.py) have to find it right before anything else is tried on it.

    fake.py DIRECTORY      certificate and key in DIRECTORY/server.pem; control.json, state.json and requests.log beside it
"""

import base64
import hashlib
import http.server
import json
import pathlib
import re
import secrets
import ssl
import sys
import threading
import time
import urllib.parse

import arm
import content_safety
import resource_manager
HOME = pathlib.Path(sys.argv[1])
TENANT = "11111111-2222-3333-4444-555555555555"
LOGIN = "https://login.microsoftonline.com"
RESOURCE = "https://vault.azure.net"
LOCK = threading.Lock()
# Who a token may be for.
RESOURCES = [RESOURCE, arm.RESOURCE, content_safety.RESOURCE]
# Under this id the host's identity has roles, whoever says who it is.
PRINCIPAL = "99999999-8888-7777-6666-555555555555"
VAULTS = f"/subscriptions/{TENANT}/resourceGroups/reeve/providers/Microsoft.KeyVault/vaults"
ROLES = arm.Registry(HOME)
TOKENS = {}
AUDIENCES = {}
STATEMENTS = set()
THROTTLED = {}


def control():
    return json.loads((HOME / "control.json").read_text())


def vault():
    return json.loads((HOME / "state.json").read_text())


def keep(state):
    new = HOME / "state.json.new"
    new.write_text(json.dumps(state))
    new.rename(HOME / "state.json")


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def issue(who, resource):
    """A token, and how long it is good by the clock of whoever issues it."""
    told = control()
    made = int(time.time()) + told.get("skew_seconds", 0)
    claims = {"aud": resource, "oid": PRINCIPAL, "tid": TENANT, "appid": who, "iat": made, "nbf": made, "exp": made + told.get("token_seconds", 3600)}
    token = f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(claims)}.{secrets.token_hex(24)}"
    with LOCK:
        TOKENS[token] = time.time() + told.get("token_seconds", 3600)
        AUDIENCES[token] = resource
    return token, told.get("token_seconds", 3600), told.get("skew_seconds", 0)


def statement_problem(text, client):
    """What is wrong with the signed statement of who has a certificate, or nothing."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.serialization import Encoding

    certificate = x509.load_pem_x509_certificate((HOME / "client.crt").read_bytes())
    der = certificate.public_bytes(Encoding.DER)
    signed, _, signature = text.rpartition(".")
    header, claims = (json.loads(decoded(part)) for part in signed.split("."))
    thumbprints = (header.get("x5t#S256"), hashlib.sha256(der).digest()), (header.get("x5t"), hashlib.sha1(der).digest())
    if not any(given and decoded(given) == own for given, own in thumbprints):
        return "The certificate with identifier used to sign the client assertion is not registered on application."
    kinds = {"PS256": padding.PSS(padding.MGF1(hashes.SHA256()), 32), "RS256": padding.PKCS1v15()}
    try:
        certificate.public_key().verify(decoded(signature), signed.encode(), kinds[header["alg"]], hashes.SHA256())
    except (InvalidSignature, KeyError):
        return "Client assertion failed signature validation."
    ends = {f"{LOGIN}/{TENANT}/oauth2/v2.0/token", f"{LOGIN}/{TENANT}/v2.0"}
    now = time.time()
    if claims["aud"] not in ends or claims["iss"] != client or claims["sub"] != client:
        return "Client assertion contains an invalid audience, issuer or subject."
    if not claims.get("nbf", claims["iat"]) - 300 <= now < claims["exp"] <= now + 3900:
        return "Client assertion is not within its valid time range."
    with LOCK:
        if claims["jti"] in STATEMENTS:
            return "Client assertion was used before."
        STATEMENTS.add(claims["jti"])
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Fake"

    def log_message(self, *_):
        pass

    def answer(self, code, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def handle_one(self):
        body = self.body()
        self.url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(self.url.query))
        host = (self.headers.get("Host") or "").split(":")[0]
        with LOCK, (HOME / "requests.log").open("a") as log:
            signed = "with a token" if self.headers.get("Authorization") else "without"
            log.write(f"{self.command} {host}{self.url.path} {signed}\n")
        if host == "169.254.169.254":
            return self.imds()
        if host in ["one.example", "two.example"]:
            return self.answer(200, control().get("says", {}).get(host, "").encode())
        if host == "login.microsoftonline.com":
            return self.login(dict(urllib.parse.parse_qsl(body.decode())))
        if host.endswith(".vault.azure.net"):
            return self.vault(host, body)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        valid_for = AUDIENCES.get(token) if TOKENS.get(token, 0) > time.time() else None
        if host == "management.azure.com" and "/providers/Microsoft.Authorization/" in self.url.path:
            is_good = valid_for == arm.RESOURCE
            with LOCK:
                THROTTLED["/arm"] = THROTTLED.get("/arm", 0) + 1
            if control().get("arm") == "busy" and THROTTLED["/arm"] % 2:
                return self.answer(429, {"error": {"code": "TooManyRequests"}}, [("Retry-After", "1")])
            return ROLES.answer(self, PRINCIPAL if is_good else None)
        if host.endswith(".cognitiveservices.azure.com"):
            return content_safety.answer(self, body, valid_for, control().get("safety", {}))
        if host == "management.azure.com":
            return resource_manager.answer(self, body, valid_for, control().get("arm", {}))
        return self.answer(404, {"error": {"code": "NotFound", "message": host}})

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_one

    # The instance metadata service.

    def imds(self):
        told = control().get("imds", "ok")
        if told == "slow":
            time.sleep(60)
        if told == "endless":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b" " * (1 << 16))
            except OSError:
                self.close_connection = True
                return None
        if self.url.path != "/metadata/identity/oauth2/token" or told == "none":
            return self.answer(404, {"error": "not_found", "error_description": "nothing here"})
        if self.headers.get("Metadata", "").lower() != "true" or self.headers.get("X-Forwarded-For"):
            return self.answer(
                400, {"error": "invalid_request", "error_description": "Required metadata header not specified"}
            )
        if "resource" not in self.query or "api-version" not in self.query:
            return self.answer(400, {"error": "invalid_request", "error_description": "Required query variable missing"})
        assigned = control().get("client_ids", ["system"])
        if self.query.get("client_id", "system") not in assigned:
            return self.answer(400, {"error": "invalid_request", "error_description": "Identity not found"})
        token, lasts, skew = issue("imds", self.query["resource"].rstrip("/"))
        until = int(time.time() + lasts + skew)
        return self.answer(
            200,
            {
                "access_token": token,
                "client_id": self.query.get("client_id", "system"),
                "expires_in": str(lasts),
                "expires_on": str(until),
                "ext_expires_in": str(lasts),
                "not_before": str(until - lasts - 300),
                "resource": self.query["resource"],
                "token_type": "Bearer",
            },
        )

    # Microsoft Entra ID.

    def login(self, form):
        path = self.url.path
        if path == "/common/discovery/instance":
            return self.answer(
                200,
                {
                    "tenant_discovery_endpoint": f"{LOGIN}/{TENANT}/v2.0/.well-known/openid-configuration",
                    "api-version": "1.1",
                    "metadata": [
                        {
                            "preferred_network": "login.microsoftonline.com",
                            "preferred_cache": "login.windows.net",
                            "aliases": ["login.microsoftonline.com"],
                        }
                    ],
                },
            )
        if path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            return self.answer(
                200,
                {
                    "token_endpoint": f"{LOGIN}/{TENANT}/oauth2/v2.0/token",
                    "authorization_endpoint": f"{LOGIN}/{TENANT}/oauth2/v2.0/authorize",
                    "device_authorization_endpoint": f"{LOGIN}/{TENANT}/oauth2/v2.0/devicecode",
                    "issuer": f"{LOGIN}/{TENANT}/v2.0",
                },
            )
        if path != f"/{TENANT}/oauth2/v2.0/token":
            return self.refuse_login(400, "invalid_request", 90002, "Tenant not found.")
        if form.get("grant_type") != "client_credentials":
            return self.refuse_login(400, "unsupported_grant_type", 70003, "The grant type is not supported.")
        resource = (form.get("scope") or "").removesuffix("/.default").rstrip("/")
        if resource not in RESOURCES:
            return self.refuse_login(400, "invalid_scope", 70011, "The provided value for 'scope' is not valid.")
        good = control()
        if good.get("login") == "slow":
            time.sleep(60)
        if form.get("client_id") != good.get("client_id", "app"):
            return self.refuse_login(400, "unauthorized_client", 700016, "Application was not found in the directory.")
        if form.get("client_assertion", "").count(".") == 2:
            problem = statement_problem(form["client_assertion"], form["client_id"])
            if problem:
                return self.refuse_login(401, "invalid_client", 700027, problem)
        elif "client_assertion" in form:
            if form["client_assertion"] != good.get("assertion"):
                return self.refuse_login(401, "invalid_client", 700213, "No matching federated identity record found.")
        elif form.get("client_secret") != good.get("client_secret"):
            return self.refuse_login(401, "invalid_client", 7000215, "Invalid client secret provided.")
        token, lasts, _skew = issue("login", resource)
        return self.answer(
            200, {"token_type": "Bearer", "expires_in": lasts, "ext_expires_in": lasts, "access_token": token}
        )

    def refuse_login(self, status, error, number, text):
        return self.answer(
            status,
            {
                "error": error,
                "error_description": f"AADSTS{number}: {text} Trace ID: 0 Correlation ID: 0 Timestamp: 2026-01-01 00:00:00Z",
                "error_codes": [number],
                "timestamp": "2026-01-01 00:00:00Z",
                "trace_id": "0",
                "correlation_id": "0",
            },
        )

    # A Key Vault.

    def refuse(self, status, code, message, inner=None, headers=()):
        error = {"code": code, "message": message}
        if inner:
            error["innererror"] = {"code": inner}
        return self.answer(status, {"error": error}, headers)

    def unauthorized(self, message):
        challenge = f'Bearer authorization="{LOGIN}/{TENANT}", resource="{RESOURCE}"'
        return self.refuse(401, "Unauthorized", message, None, [("WWW-Authenticate", challenge)])

    def vault(self, host, body):
        told = control()
        if told.get("vault") == "down":
            return self.refuse(503, "ServiceUnavailable", "The service is unavailable.")
        if told.get("vault") == "slow":
            time.sleep(60)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if not token:
            return self.unauthorized("AKV10000: Request is missing a Bearer or PoP token.")
        with LOCK:
            until = TOKENS.get(token)
        if until is None or AUDIENCES.get(token) != RESOURCE:
            return self.unauthorized("AKV10032: Invalid issuer.")
        if until < time.time():
            return self.unauthorized("[TokenExpired] Error validating token: 'S2S12086'.")
        if "api-version" not in self.query:
            return self.refuse(400, "BadParameter", "The request is missing the api-version.")
        if told.get("rbac") and not self.is_let(host):
            text = "Caller is not authorized to perform action on resource."
            return self.refuse(403, "Forbidden", text, "ForbiddenByRbac")
        listed = re.fullmatch(r"/secrets/([0-9a-zA-Z-]{1,127})/versions", self.url.path)
        if listed:
            return self.list_versions(host, listed[1])
        match = re.fullmatch(r"/(secrets|deletedsecrets)/([0-9a-zA-Z-]{1,127})(?:/([0-9a-f]{32}|))?", self.url.path)
        if self.url.path == "/secrets":
            return self.answer(200, {"value": [], "nextLink": None})
        if not match:
            return self.refuse(400, "BadParameter", f"Invalid path {self.url.path}")
        area, name, version = match.groups()
        throttle = told.get("throttle", {}).get(name, 0)
        with LOCK:
            THROTTLED[name] = THROTTLED.get(name, 0) + 1
            is_throttled = THROTTLED[name] <= throttle
        if is_throttled:
            text = "Request was not processed because too many requests were received."
            return self.refuse(429, "Throttled", text, None, [("Retry-After", "1")])
        if name in told.get("forbidden", []):
            text = "Caller is not authorized to perform action on resource."
            return self.refuse(403, "Forbidden", text, "ForbiddenByRbac")
        if name in told.get("garbled", []):
            return self.answer(200, b'{"value": {"not": "' + vault()[name][-1]["value"].encode() + b'"}}')
        if area == "secrets" and self.command == "GET":
            return self.get_secret(host, name, version)
        if area == "secrets" and self.command == "PUT":
            return self.set_secret(host, name, body)
        if area == "secrets" and self.command == "PATCH" and version:
            return self.update_secret(host, name, version, body)
        if area == "secrets" and self.command == "DELETE":
            return self.delete_secret(host, name)
        return self.refuse(405, "MethodNotAllowed", "not here")

    def is_let(self, host):
        """Whether the roles let the host do this with that secret: a vault asks this first, and whether there is such a secret later."""
        scope = f"{VAULTS}/{host.split('.')[0]}"
        parts = self.url.path.strip("/").split("/")
        if parts == ["secrets"] or parts[-1] == "versions":
            return ROLES.lets(PRINCIPAL, "Microsoft.KeyVault/vaults/secrets/readMetadata/action", scope, True)
        verb = "getSecret" if self.command == "GET" else "setSecret"
        action = f"Microsoft.KeyVault/vaults/secrets/{verb}/action"
        return ROLES.lets(PRINCIPAL, action, f"{scope}/secrets/{parts[1]}", True)

    def bundle(self, host, name, one):
        return {
            "value": one["value"],
            "id": f"https://{host}/secrets/{name}/{one['version']}",
            "attributes": {
                "enabled": one.get("enabled", True),
                "created": one.get("created", 1700000000),
                "updated": one.get("created", 1700000000),
                "recoveryLevel": "Recoverable+Purgeable",
                "recoverableDays": 90,
            },
            "tags": one.get("tags", {}),
        }

    def missing(self, name):
        return self.refuse(
            404,
            "SecretNotFound",
            f"A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you may be "
            "able to recover it using the correct recovery command.",
        )

    def get_secret(self, host, name, version):
        versions = vault().get(name, [])
        found = [one for one in versions if not version or one["version"] == version]
        if not found or found[-1].get("deleted"):
            return self.missing(name)
        if not found[-1].get("enabled", True):
            return self.refuse(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled")
        return self.answer(200, self.bundle(host, name, found[-1]))

    def list_versions(self, host, name):
        versions = [self.bundle(host, name, one) for one in vault().get(name, []) if not one.get("deleted")]
        for one in versions:
            one.pop("value")
        return self.answer(200, {"value": versions, "nextLink": None})

    def set_secret(self, host, name, body):
        asked = json.loads(body)
        if len(asked["value"]) > 25 * 1024:
            return self.refuse(400, "BadParameter", "The secret value must not exceed 25k.")
        with LOCK:
            state = vault()
            versions = state.setdefault(name, [])
            if versions and versions[-1].get("deleted"):
                text = f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused."
                return self.refuse(409, "Conflict", text, "ObjectIsDeletedButRecoverable")
            one = {"version": secrets.token_hex(16), "value": asked["value"]}
            if asked["value"] == control().get("loses"):
                one["value"] = asked["value"][:-1]
            one["tags"] = asked.get("tags") or {}
            one["created"] = 1700000000 + len(versions) + 1
            versions.append(one)
            keep(state)
        if control().get("set") == "slow":
            time.sleep(60)
        return self.answer(200, self.bundle(host, name, one))

    def update_secret(self, host, name, version, body):
        asked = json.loads(body)
        enabled = asked.get("attributes", {}).get("enabled")
        with LOCK:
            state = vault()
            found = [one for one in state.get(name, []) if one["version"] == version and not one.get("deleted")]
            if not found:
                return self.missing(name)
            if enabled is not None:
                found[0]["enabled"] = enabled
            if asked.get("tags") is not None:
                found[0]["tags"] = asked["tags"]
            keep(state)
        answer = self.bundle(host, name, found[0])
        answer.pop("value")
        return self.answer(200, answer)

    def delete_secret(self, host, name):
        with LOCK:
            state = vault()
            if not state.get(name):
                return self.missing(name)
            for one in state[name]:
                one["deleted"] = True
            keep(state)
        answer = self.bundle(host, name, state[name][-1])
        answer.pop("value")
        answer["recoveryId"] = f"https://{host}/deletedsecrets/{name}"
        answer["deletedDate"], answer["scheduledPurgeDate"] = 1700000000, 1707776000
        return self.answer(200, answer)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that hangs up is what some tests are about."""


class Tls(Server):
    """Shakes hands in the connection's own thread, so that a client that stops half-way holds nobody up."""

    context = None

    def finish_request(self, request, client_address):
        with self.context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)


Tls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
Tls.context.load_cert_chain(HOME / "server.pem")
for kind, address in [(Server, ("169.254.169.254", 80)), (Tls, ("127.0.0.1", 443))]:
    threading.Thread(target=kind(address, Handler).serve_forever, daemon=True).start()
(HOME / "ready").touch()
threading.Event().wait()
