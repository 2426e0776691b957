"""Resources of any kind in a resource group of their own, for resource_manager.py: listed, read, and deleted as Azure does it.

Each kind ends a deletion its own way: at once, by a status that is looked at, or by an address that answers 202 until it is over.
What `control.json` says under "arm" besides: "locked" (names that a lock keeps), "in_use" (names that something else needs), "moves" (the name of
what somebody changes just before it is deleted), "lags" (listings still have what is gone), "not_yet" (it is shown for so many looks after its
deletion has ended), "hangs" (a deletion does not end), "no_role" (no leave to delete), "breaks" (503 to a deletion), "hangs_up" (no answer to one).
"""

import json
import pathlib
import time

GROUP = "spare"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
HOST = "https://management.azure.com"
PREFIX = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/"
# By which versions each kind is spoken to, its newest last; the last of the three is how deletions end.
KINDS = {
    "microsoft.app/containerapps": ("Microsoft.App/containerApps", ["2023-05-01", "2024-03-01"], "status"),
    "microsoft.sql/servers": ("Microsoft.Sql/servers", ["2021-11-01", "2024-05-01-preview"], "address"),
    "microsoft.sql/servers/databases": ("Microsoft.Sql/servers/databases", ["2021-11-01"], "address"),
    "microsoft.storage/storageaccounts": ("Microsoft.Storage/storageAccounts", ["2023-01-01"], "once"),
}
HELD = {}
GONE = {}
BEGUN = {}


def kind_of(name):
    namespace, *rest = name.split("/")
    return "/".join([namespace, *rest[0::2]])


def make(name, tags, etag=None, made="2026-11-01T10:00:00.0000000Z"):
    HELD[name] = {"name": name, "tags": tags, "etag": etag, "made": made, "changed": made, "state": "Succeeded", "looks": 0}


OURS = {"Reeve-Host": "host01"}
make("microsoft.app/containerapps/old", dict(OURS))
make("microsoft.app/containerapps/half", {})
make("microsoft.app/containerapps/tagged", dict(OURS))
make("microsoft.app/containerapps/others", {"reeve-host": "host02"})
make("microsoft.storage/storageaccounts/store", dict(OURS), etag='W/"1"')
make("microsoft.sql/servers/base", dict(OURS))
make("microsoft.sql/servers/base/databases/one", dict(OURS))


def told(one, is_listed):
    kind, _, _ = KINDS[kind_of(one["name"])]
    namespace, *rest = one["name"].split("/")
    spelled = "/".join([kind.split("/")[0], *[part for pair in zip(kind.split("/")[1:], rest[1::2]) for part in pair]])
    body = {"id": PREFIX + spelled, "name": rest[-1], "type": kind, "location": "westeurope", "tags": one["tags"]}
    if is_listed:
        return {**body, "createdTime": one["made"], "changedTime": one["changed"], "provisioningState": one["state"]}
    if one["etag"]:
        body["etag"] = one["etag"]
    return {**body, "properties": {"provisioningState": one["state"]}}


def listed(expand, lags):
    everything = list(HELD.values()) + (list(GONE.values()) if lags else [])
    bodies = [told(one, True) for one in everything]
    if expand is None:
        for body in bodies:
            for field in ["createdTime", "changedTime", "provisioningState"]:
                body.pop(field)
    return bodies


def provider(handler, namespace, refuse):
    kinds = [(kind, versions) for name, (kind, versions, _) in KINDS.items() if name.split("/")[0] == namespace.lower()]
    if not kinds:
        return refuse(handler, 404, "InvalidResourceNamespace")
    types = [{"resourceType": kind.split("/", 1)[1], "apiVersions": versions[::-1], "locations": []} for kind, versions in kinds]
    return handler.answer(200, {"id": f"/subscriptions/{SUBSCRIPTION}/providers/{namespace}", "namespace": namespace, "registrationState": "Registered", "resourceTypes": types})


def answer(handler, name, arm, refuse):
    """One resource; `name` is what stands below /providers/."""
    name = name.lower()
    kind = KINDS.get(kind_of(name))
    if kind is None:
        return refuse(handler, 404, "InvalidResourceType")
    if handler.query.get("api-version") not in kind[1]:
        return refuse(handler, 400, "NoRegisteredProviderFound")
    one = HELD.get(name)
    if handler.command == "GET":
        if one is None and name in GONE and GONE[name]["looks"] < arm.get("not_yet", 0):
            GONE[name]["looks"] += 1
            return handler.answer(200, told(GONE[name], False))
        return refuse(handler, 404, "ResourceNotFound") if one is None else handler.answer(200, told(one, False))
    if handler.command != "DELETE":
        return refuse(handler, 405, "MethodNotAllowed")
    return delete(handler, (name, one, kind[2]), arm, refuse)


def delete(handler, asked, arm, refuse):
    name, one, ends = asked
    short = name.rsplit("/", 1)[-1]
    if arm.get("breaks"):
        return refuse(handler, 503, "ServiceUnavailable")
    if arm.get("no_role"):
        return refuse(handler, 403, "AuthorizationFailed")
    if short in arm.get("locked", []):
        return refuse(handler, 409, "ScopeLocked")
    if short in arm.get("in_use", []):
        return refuse(handler, 400, "InUseResourceCannotBeDeleted")
    if one is None:
        return handler.answer(204, b"")
    if arm.get("moves") == short and one["etag"]:
        one["etag"] = 'W/"2"'
    wanted = handler.headers.get("If-Match")
    if one["etag"] and wanted and wanted != one["etag"]:
        return refuse(handler, 412, "PreconditionFailed")
    if arm.get("hangs_up"):
        one["state"] = "Deleting"
        handler.close_connection = True
        return None
    if ends == "once":
        end(name)
        return handler.answer(200, b"")
    one["state"] = "Deleting"
    number = str(len(BEGUN) + 1)
    BEGUN[number] = {"name": name, "looks": 0}
    url = f"{HOST}/subscriptions/{SUBSCRIPTION}/providers/Spare/{ends}/{number}?api-version=2024-03-01"
    header = "Azure-AsyncOperation" if ends == "status" else "Location"
    return handler.answer(202, b"", [(header, url), ("Retry-After", "1")])


def end(name):
    """It goes, with all that lies below it."""
    for held in [one for one in HELD if one == name or one.startswith(name + "/")]:
        GONE[held] = HELD.pop(held)


def followed(handler, ends, number, arm):
    begun = BEGUN[number]
    begun["looks"] += 1
    if arm.get("hangs") or begun["looks"] < 3:
        if ends == "address":
            return handler.answer(202, b"", [("Retry-After", "1")])
        return handler.answer(200, {"status": "InProgress", "percentComplete": 40}, [("Retry-After", "1")])
    if arm.get("fails"):
        HELD[begun["name"]]["state"] = "Failed"
        return handler.answer(200, {"status": "Failed", "error": {"code": "ContainerAppInvalid", "message": "secret words"}})
    end(begun["name"])
    return handler.answer(200, {"status": "Succeeded"}) if ends == "status" else handler.answer(204, b"")


def remade(home: pathlib.Path):
    """What a test has made anew beside: {NAME: TAGS} in remake.json, once."""
    path = home / "remake.json"
    if path.exists():
        for name, tags in json.loads(path.read_text()).items():
            GONE.pop(name, None)
            make(name, tags, made=time.strftime("%Y-%m-%dT%H:%M:%S.0000000Z", time.gmtime()))
        path.unlink()
