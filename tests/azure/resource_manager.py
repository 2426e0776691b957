"""A fake of Azure Resource Manager, for fake.py: one subscription with a resource group of container apps, and one of what resources.py has.

What `control.json` says under "arm": "throttle" (so many answers of 429 before any other, each of which wants no pause), "down", "forbidden", "page_lost" (the second page of a
listing fails), "leads_elsewhere" (the next page is on another host), "no_list" (a listing without its list), "fails" (what is begun ends badly),
"stuck" (old replicas stay), "lost_end" (202 that does not say where its end is), "several" (apps have several revisions at a time), "broken" (a new
revision does not come up), "blind" (an app that was changed is not shown any more),
"group_gone" (there is no group of vaults).

As Azure does, a change of an app's template makes a new revision, and a revision keeps the scale that it was made with. Of one revision at a time the
old one is active until the new one is ready, which takes two looks; of several, it stays.
"""

import json
import pathlib
import re
import sys
import urllib.parse

import resources
import walls

RESOURCE = "https://management.azure.com"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
HOST = "https://management.azure.com"
ANSWERED = {}
BEGUN = {}
APPS = {}


def revision_of(name, number, low, high):
    own = f"{name}--{number}"
    return {"name": own, "min": low, "max": high, "replicas": [f"{own}-a", f"{own}-b"], "old": [], "looks": 0, "running": "Running", "active": True, "traffic": 100}


def app(name):
    return {"name": name, "min": 1, "max": 3, "state": "Succeeded", "revisions": [revision_of(name, 1, 1, 3)]}


def scaled(one, scale, told):
    """A new template, and therefore a new revision."""
    low, high = scale["minReplicas"], scale["maxReplicas"]
    if (low, high) == (one["min"], one["max"]):
        return
    new = revision_of(one["name"], len(one["revisions"]) + 1, low, high)
    if told.get("several"):
        new["traffic"] = 0
    else:
        new.update(running="Failed" if told.get("broken") else "Processing", traffic=0)
    one.update(min=low, max=high, revisions=one["revisions"] + [new])


def comes_up(one, told):
    """Counts the looks at a new revision; the ones of before go when it is ready."""
    new = one["revisions"][-1]
    new["looks"] += 1
    if new["running"] == "Processing" and new["looks"] > 2:
        new.update(running="Running", traffic=100)
        for old in one["revisions"][:-1]:
            old.update(active=False, traffic=0)
    return one["revisions"]


for one in ["shop", "mail"]:
    APPS[one] = app(one)


def once(name, most):
    """Whether it is one of the first so many since there were none."""
    ANSWERED[name] = ANSWERED.get(name, 0) + 1 if most else 0
    return 0 < ANSWERED[name] <= most


def refuse(handler, status, code, headers=()):
    return handler.answer(status, {"error": {"code": code, "message": f"{code} of the fake"}}, headers)


def told_app(one, told):
    template = {"scale": {"minReplicas": one["min"], "maxReplicas": one["max"]}}
    mode = "Multiple" if told.get("several") else "Single"
    properties = {"provisioningState": one["state"], "runningStatus": "Running", "template": template, "configuration": {"activeRevisionsMode": mode}}
    properties["latestRevisionName"] = one["revisions"][-1]["name"]
    where = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.App/containerApps/{one['name']}"
    return {"id": where, "name": one["name"], "type": "Microsoft.App/containerApps", "location": "westeurope", "properties": properties, "tags": {"team": "web"}}


def replicas(revision, told):
    """After a restart the old ones stay for two looks."""
    if revision["old"] and not told.get("stuck"):
        revision["looks"] += 1
        if revision["looks"] > 2:
            revision["old"] = []
    return [{"name": name} for name in revision["old"] + revision["replicas"]]


def begin(handler, told, done):
    number = str(len(BEGUN) + 1)
    BEGUN[number] = {"looks": 0, "done": done}
    if told.get("lost_end"):
        return handler.answer(202, {})
    url = f"{HOST}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.App/locations/westeurope/operationStatuses/{number}?api-version=2024-03-01"
    return handler.answer(202, {}, [("Azure-AsyncOperation", url), ("Retry-After", "1")])


def status(handler, number, told):
    begun = BEGUN[number]
    begun["looks"] += 1
    if begun["looks"] < 3:
        return handler.answer(200, {"name": number, "status": "InProgress"}, [("Retry-After", "0")])
    if told.get("fails"):
        return handler.answer(200, {"name": number, "status": "Failed", "error": {"code": "ContainerAppInvalid", "message": "secret words"}})
    begun["done"]()
    return handler.answer(200, {"name": number, "status": "Succeeded"})


def listed(handler, items, told):
    """In pages of one."""
    place = int(handler.query.get("skip", "0"))
    if told.get("no_list"):
        return handler.answer(200, {"count": 0})
    if place and told.get("page_lost"):
        return refuse(handler, 500, "InternalServerError")
    page = {"value": items[place : place + 1]}
    if place + 1 < len(items):
        host = "https://elsewhere.example" if told.get("leads_elsewhere") else HOST
        rest = {**handler.query, "skip": str(place + 1)}
        page["nextLink"] = f"{host}{handler.url.path}?{urllib.parse.urlencode(rest)}"
    return handler.answer(200, page)


def answer(handler, body, valid_for, told):
    if told.get("down"):
        return refuse(handler, 500, "InternalServerError")
    if valid_for != RESOURCE:
        return refuse(handler, 401, "InvalidAuthenticationToken")
    if told.get("forbidden"):
        return refuse(handler, 403, "AuthorizationFailed")
    if once("throttle", told.get("throttle", 0)):
        return refuse(handler, 429, "TooManyRequests", [("Retry-After", "1")])
    if "api-version" not in handler.query:
        return refuse(handler, 400, "MissingApiVersionParameter")
    match = re.fullmatch(f"/subscriptions/{SUBSCRIPTION}(/.*)", handler.url.path)
    if not match:
        return refuse(handler, 404, "SubscriptionNotFound")
    return below(handler, match[1], body, told)


def below(handler, path, body, told):
    resources.remade(pathlib.Path(sys.argv[1]))
    if match := re.fullmatch(r"/providers/Spare/(status|address)/(\d+)", path):
        return resources.followed(handler, match[1], match[2], told)
    if match := re.fullmatch(r"/providers/([A-Za-z.]+)", path):
        return refuse(handler, 403, "AuthorizationFailed") if told.get("no_reader") else resources.provider(handler, match[1], refuse)
    if match := re.fullmatch(r"/providers/Microsoft.App/locations/westeurope/operationStatuses/(\d+)", path):
        return status(handler, match[1], told)
    if path.lower() == "/resourcegroups":
        group = lambda name: {"id": f"/x/{name}", "name": name, "location": "westeurope", "properties": {"provisioningState": "Succeeded"}, "tags": {}}
        return listed(handler, [group("rg"), group("other"), group("spare")], told)
    match = re.fullmatch(r"/resource[gG]roups/([^/]+)(/.*)", path)
    if match and match[1] == resources.GROUP and match[2] == "/resources":
        return listed(handler, resources.listed(handler.query.get("$expand"), told.get("lags")), told)
    if match and match[1].lower() == resources.GROUP and (vault := re.fullmatch(r"/providers/microsoft.keyvault/vaults/([a-z-]+)", match[2].lower())):
        if told.get("group_gone"):
            return refuse(handler, 404, "ResourceGroupNotFound")
        return walls.answer(handler, vault[1], (body, told), refuse)
    if match and match[1] == resources.GROUP and match[2].startswith("/providers/"):
        return resources.answer(handler, match[2].removeprefix("/providers/"), told, refuse)
    if not match or match[1] != "rg":
        return refuse(handler, 404, "ResourceGroupNotFound")
    if match[2] == "/resources":
        return listed(handler, [told_app(one, told) for one in APPS.values()], told)
    match = re.fullmatch(r"/providers/Microsoft.App/containerApps/([^/]+)(/.*)?", match[2])
    if not match or match[1] not in APPS:
        return refuse(handler, 404, "ResourceNotFound")
    return of_app(handler, APPS[match[1]], match[2] or "", (body, told))


def told_revision(revision):
    template = {"scale": {"minReplicas": revision["min"], "maxReplicas": revision["max"]}}
    properties = {"active": revision["active"], "createdTime": "2026-11-20T10:00:00Z", "runningState": revision["running"], "trafficWeight": revision["traffic"]}
    return {"name": revision["name"], "properties": {**properties, "template": template}}


def of_app(handler, one, path, given):
    body, told = given
    if path == "" and handler.command == "GET":
        is_hidden = told.get("blind") and one.get("changed")
        return refuse(handler, 403, "AuthorizationFailed") if is_hidden else handler.answer(200, told_app(one, told))
    if path == "" and handler.command == "PATCH":
        one["changed"] = told.get("blind")
        scale = json.loads(body)["properties"]["template"]["scale"]
        return begin(handler, told, lambda: scaled(one, scale, told))
    if path == "/revisions":
        old = {"name": f"{one['name']}--0", "properties": {"active": False}}
        # Each page is a look of its own; the first begins one.
        known = one["revisions"] if handler.query.get("skip") else comes_up(one, told)
        return listed(handler, [old] + [told_revision(revision) for revision in known], told)
    match = re.fullmatch(r"/revisions/([^/]+)/(replicas|restart)", path)
    revision = next((revision for revision in one["revisions"] if match and revision["name"] == match[1]), None)
    if not revision:
        return refuse(handler, 404, "RevisionNotFound")
    if match[2] == "replicas" and handler.command == "GET":
        return handler.answer(200, {"value": replicas(revision, told)})
    if match[2] == "restart" and handler.command == "POST":
        revision.update(old=revision["replicas"], replicas=[name + "x" for name in revision["replicas"]], looks=0)
        return handler.answer(200, b"")
    return refuse(handler, 405, "MethodNotAllowed")
