"""The firewalls of vaults as Azure Resource Manager has them, for resource_manager.py.

What `control.json` says under "arm" besides: "wall_refuses" (a change is refused), "wall_breaks" (503 to one), "wall_loses" (a change is taken, and is
not there afterwards). Every body of a change is kept in patches.json, for what must not be in it.
"""

import json
import pathlib
import sys

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


def told(name, wall):
    properties = {"tenantId": SUBSCRIPTION, "provisioningState": "Succeeded", "publicNetworkAccess": wall["access"]}
    if wall["acls"] is not None:
        properties["networkAcls"] = wall["acls"]
    where = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/spare/providers/Microsoft.KeyVault/vaults/{name}"
    return {"id": where, "name": name, "type": "Microsoft.KeyVault/vaults", "location": "westeurope", "tags": {}, "properties": properties}


def answer(handler, name, given, refuse):
    body, arm = given
    if handler.query.get("api-version") != "2023-07-01":
        return refuse(handler, 400, "NoRegisteredProviderFound")
    wall = WALLS.get(name)
    if wall is None:
        return refuse(handler, 404, "ResourceNotFound")
    if handler.command == "GET":
        return handler.answer(200, told(name, wall))
    if handler.command != "PATCH":
        return refuse(handler, 405, "MethodNotAllowed")
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
    return handler.answer(200, told(name, wall))
