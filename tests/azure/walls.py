"""The firewalls of vaults as Azure Resource Manager has them, for resource_manager.py.

What `control.json` says under "arm" besides: "wall_refuses" (a change is refused), "wall_breaks" (503 to one), "wall_loses" (a change is taken, and is
not there afterwards), "wall_garbles" (a change is taken, and answered with what is none of Azure's), "wall_fails" (a change is taken, and said to have ended badly),
"wall_busy" (that vault answers 503), "wall_throttles" (a change is to wait for 45 seconds). Every body of a change is kept in patches.json, for what must not be in it.
"""

import json
import pathlib
import sys

HOST = "https://management.azure.com"
# Where the end of a change is seen that ended badly.
BADLY = "ended-badly"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
PATCHES = pathlib.Path(sys.argv[1]) / "patches.json"
NETWORK = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/s"


def acls(action, *rules):
    networks = [{"id": NETWORK, "ignoreMissingVnetServiceEndpoint": False}]
    return {"bypass": "AzureServices", "defaultAction": action, "ipRules": [{"value": rule} for rule in rules], "virtualNetworkRules": networks}


WALLS = {
    "closed": {"access": "Enabled", "acls": acls("Deny", "20.9.9.9/32")},
    "second": {"access": "Enabled", "acls": acls("Deny")},
    "wide": {"access": "Enabled", "acls": acls("Allow", "20.9.9.9/32")},
    "none": {"access": "Enabled", "acls": None},
    "private": {"access": "Disabled", "acls": acls("Deny")},
}


def where(name):
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/spare/providers/Microsoft.KeyVault/vaults/{name}"


def told(name, wall):
    properties = {"tenantId": SUBSCRIPTION, "provisioningState": "Succeeded", "publicNetworkAccess": wall["access"]}
    if wall["acls"] is not None:
        properties["networkAcls"] = wall["acls"]
    return {"id": where(name), "name": name, "type": "Microsoft.KeyVault/vaults", "location": "westeurope", "tags": {}, "properties": properties}


def answer(handler, name, given, refuse):
    body, arm = given
    if handler.query.get("api-version") != "2023-07-01":
        return refuse(handler, 400, "NoRegisteredProviderFound")
    if name == BADLY:
        return handler.answer(200, {"status": "Failed", "error": {"code": "VaultInvalid", "message": "secret words"}})
    wall = WALLS.get(name)
    if wall is None:
        return refuse(handler, 404, "ResourceNotFound")
    if handler.command == "GET":
        if arm.get("wall_busy") == name:
            return refuse(handler, 503, "ServiceUnavailable")
        return handler.answer(200, told(name, wall))
    if handler.command != "PATCH":
        return refuse(handler, 405, "MethodNotAllowed")
    if arm.get("wall_throttles"):
        return refuse(handler, 429, "TooManyRequests", [("Retry-After", "45")])
    if arm.get("wall_refuses"):
        return refuse(handler, 403, "AuthorizationFailed")
    if arm.get("wall_breaks"):
        return refuse(handler, 503, "ServiceUnavailable")
    asked = json.loads(body)
    with PATCHES.open("a") as kept:
        kept.write(json.dumps(asked) + "\n")
    properties = asked["properties"]
    rules = properties.get("networkAcls", {}).get("ipRules", [])
    if any(not isinstance(rule.get("value"), str) or ":" in rule["value"] for rule in rules):
        return refuse(handler, 400, "BadRequest")
    if not arm.get("wall_loses"):
        # Each part that is given takes the place of what was there.
        wall["access"] = properties.get("publicNetworkAccess", wall["access"])
        wall["acls"] = properties.get("networkAcls", wall["acls"])
    if arm.get("wall_garbles"):
        return handler.answer(200, b"<html>it is done</html>")
    if arm.get("wall_fails"):
        return handler.answer(202, {}, [("Azure-AsyncOperation", f"{HOST}{where(BADLY)}?api-version=2023-07-01")])
    return handler.answer(200, told(name, wall))
