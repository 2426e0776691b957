"""What Azure Resource Manager answers about roles, and whether roles let somebody do something: the fake vault goes by it.

The state is arm.json in the fake's directory: {"roles": {ID: {...}}, "assignments": [{"scope", "roleDefinitionId", "principalId"}]}.
A role's ID is its whole resource id; a built-in role's stands in each subscription under the same last part.
"""

import fnmatch
import json
import pathlib
import re

RESOURCE = "https://management.azure.com"
PAGE = 2
READ_ASSIGNMENTS = "Microsoft.Authorization/roleAssignments/read"
READ_DEFINITIONS = "Microsoft.Authorization/roleDefinitions/read"
# As Azure has them, by the last part of their ids.
BUILT_IN = {
    "4633458b-17de-408a-b874-0445c86b69e6": {
        "roleName": "Key Vault Secrets User",
        "permissions": [
            {
                "actions": [],
                "notActions": [],
                "dataActions": [
                    "Microsoft.KeyVault/vaults/secrets/getSecret/action",
                    "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
                ],
                "notDataActions": [],
            }
        ],
    },
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": {
        "roleName": "Reader",
        "permissions": [{"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []}],
    },
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": {
        "roleName": "Owner",
        "permissions": [{"actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": []}],
    },
}


class Registry:
    def __init__(self, home):
        self.path = pathlib.Path(home) / "arm.json"

    def state(self):
        return json.loads(self.path.read_text())

    def role(self, identifier):
        last = identifier.rsplit("/", 1)[-1].lower()
        if last in BUILT_IN:
            return {**BUILT_IN[last], "type": "BuiltInRole"}
        for known, role in self.state()["roles"].items():
            if known.rsplit("/", 1)[-1].lower() == last:
                return {**role, "type": "CustomRole"}
        return None

    def lets(self, principal, action, scope, is_data=False):
        """Whether some role lets somebody do this there."""
        kind = ("dataActions", "notDataActions") if is_data else ("actions", "notActions")
        for one in self.state()["assignments"]:
            if one["principalId"] != principal or not holds(one["scope"], scope):
                continue
            for part in (self.role(one["roleDefinitionId"]) or {}).get("permissions", []):
                if named(part.get(kind[0], []), action) and not named(part.get(kind[1], []), action):
                    return True
        return False

    def answer(self, handler, principal):
        """Answers a request; `principal` is whose token it came with, or None without a good one."""
        if principal is None:
            return refuse(handler, 401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        if "api-version" not in handler.query:
            return refuse(handler, 400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        path = handler.url.path
        match = re.fullmatch(r"(.*)/providers/Microsoft\.Authorization/roleAssignments", path)
        if match and handler.command == "GET":
            return self.assignments(handler, principal, match.group(1) or "/")
        match = re.fullmatch(r"(.*)/providers/Microsoft\.Authorization/roleDefinitions/([0-9a-f-]{36})", path)
        if match and handler.command == "GET":
            return self.definition(handler, principal, match.group(1) or "/", path)
        return refuse(handler, 404, "InvalidResourceType", "The resource type could not be found.")

    def assignments(self, handler, principal, scope):
        if not self.lets(principal, READ_ASSIGNMENTS, scope):
            return forbidden(handler, principal, READ_ASSIGNMENTS, scope)
        match = re.fullmatch(r"assignedTo\('([0-9a-f-]+)'\)", handler.query.get("$filter", ""))
        if not match:
            return refuse(handler, 400, "UnsupportedQuery", "The filter is not supported.")
        found = [
            one
            for one in self.state()["assignments"]
            if one["principalId"] == match.group(1) and (holds(scope, one["scope"]) or holds(one["scope"], scope))
        ]
        start = int(handler.query.get("$skipToken", "0"))
        value = [
            {
                "id": f"{one['scope'].rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{number:036d}",
                "name": f"{number:036d}",
                "type": "Microsoft.Authorization/roleAssignments",
                "properties": {
                    "scope": one["scope"],
                    "roleDefinitionId": one["roleDefinitionId"],
                    "principalId": one["principalId"],
                    "principalType": "ServicePrincipal",
                },
            }
            for number, one in enumerate(found[start : start + PAGE], start)
        ]
        body = {"value": value}
        if len(found) > start + PAGE:
            base = f"{RESOURCE}{handler.url.path}?api-version={handler.query['api-version']}"
            body["nextLink"] = f"{base}&$filter=assignedTo('{match.group(1)}')&$skipToken={start + PAGE}"
        return handler.answer(200, body)

    def definition(self, handler, principal, scope, path):
        if not self.lets(principal, READ_DEFINITIONS, scope):
            return forbidden(handler, principal, READ_DEFINITIONS, scope)
        role = self.role(path)
        if role is None:
            return refuse(handler, 404, "RoleDefinitionDoesNotExist", "The role definition does not exist.")
        body = {"id": path, "name": path.rsplit("/", 1)[-1], "type": "Microsoft.Authorization/roleDefinitions"}
        return handler.answer(200, {**body, "properties": {"assignableScopes": ["/"], **role}})


def holds(outer, inner):
    one, other = ([part.lower() for part in text.split("/") if part] for text in (outer, inner))
    return other[: len(one)] == one


def named(patterns, action):
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def refuse(handler, status, code, message):
    return handler.answer(status, {"error": {"code": code, "message": message}})


def forbidden(handler, principal, action, scope):
    text = f"The client '{principal}' does not have authorization to perform action '{action}' over scope '{scope}'."
    return refuse(handler, 403, "AuthorizationFailed", text)
