"""Microsoft's own SDKs for Python, on the fake: what they find right there, a client of Azure may rely on.

    oracle.py DIRECTORY      the directory that fake.py has
"""

import json
import pathlib
import sys

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential, ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient

HOME = pathlib.Path(sys.argv[1])
TENANT = "11111111-2222-3333-4444-555555555555"
VAULT = "https://reeve-test.vault.azure.net"


def told(**what):
    (HOME / "control.json").write_text(json.dumps(what))


def refused(kind, status, code, act):
    try:
        act()
    except kind as error:
        found = (error.status_code, error.error.code if error.error else None)
        assert found == (status, code), (found, error)
        return error
    raise AssertionError(f"{status} {code} was expected")


def main():
    told()
    client = SecretClient(VAULT, ManagedIdentityCredential(), retry_total=2)
    made = client.set_secret("oracle", "one\ntwo\n")
    assert client.get_secret("oracle").value == "one\ntwo\n"
    assert client.get_secret("oracle", made.properties.version).value == "one\ntwo\n"
    client.set_secret("oracle", "x" * 25 * 1024)
    assert len(client.get_secret("oracle").value) == 25 * 1024
    assert client.get_secret("oracle", made.properties.version).value == "one\ntwo\n"
    refused(HttpResponseError, 400, "BadParameter", lambda: client.set_secret("oracle", "x" * (25 * 1024 + 1)))
    refused(ResourceNotFoundError, 404, "SecretNotFound", lambda: client.get_secret("nothing"))
    error = refused(HttpResponseError, 403, "Forbidden", lambda: client.get_secret("disabled"))
    assert error.error.innererror["code"] == "SecretDisabled", error.error.innererror
    told(throttle={"throttled": 1})
    assert client.get_secret("throttled").value, "the SDK waits as Retry-After says"
    told()
    client.begin_delete_secret("oracle")
    refused(ResourceNotFoundError, 404, "SecretNotFound", lambda: client.get_secret("oracle"))
    refused(HttpResponseError, 409, "Conflict", lambda: client.set_secret("oracle", "again"))

    told(client_ids=["mine"])
    mine = SecretClient(VAULT, ManagedIdentityCredential(client_id="mine"))
    assert mine.get_secret("smtp").value
    other = SecretClient(VAULT, ManagedIdentityCredential(client_id="other"))
    try:
        other.get_secret("smtp")
        raise AssertionError("another identity got a token")
    except ClientAuthenticationError as error:
        assert "Identity not found" in str(error), error

    told(client_secret="right")
    principal = SecretClient(VAULT, ClientSecretCredential(TENANT, "app", "right"))
    assert principal.get_secret("smtp").value
    try:
        SecretClient(VAULT, ClientSecretCredential(TENANT, "app", "wrong")).get_secret("smtp")
        raise AssertionError("a wrong secret got a token")
    except ClientAuthenticationError as error:
        assert "AADSTS7000215" in str(error), error
    told(token_seconds=0, client_ids=["mine"])
    refused(ClientAuthenticationError, 401, "Unauthorized", lambda: SecretClient(VAULT, ManagedIdentityCredential(client_id="mine")).get_secret("smtp"))
    told()


main()
