"""Deploys a template into the fake's registry of roles, as Azure Resource Manager would: what a template gives is then had.

    deploy.py DIRECTORY TEMPLATE PRINCIPAL
    deploy.py DIRECTORY --az ARGUMENTS...      one command of the Azure CLI, as far as enrolling uses it

Template expressions are evaluated, not searched for; one that is not known ends it.
"""

import ast
import json
import pathlib
import sys
import types
import uuid

TENANT = "11111111-2222-3333-4444-555555555555"
PRINCIPAL = "99999999-8888-7777-6666-555555555555"
SUBSCRIPTION = f"/subscriptions/{TENANT}"


def resource(base, kind, *names):
    parts = kind.split("/")
    assert len(parts) == len(names) + 1, (kind, names)
    path = "/".join(f"{one}/{name}" for one, name in zip(parts[1:], names))
    return f"{base}/providers/{parts[0]}/{path}"


def evaluated(text, parameters, base):
    """A string of a template: `[…]` is an expression, anything else itself."""
    if not (isinstance(text, str) and text.startswith("[") and text.endswith("]")):
        return text
    functions = {
        "guid": lambda *parts: str(uuid.uuid5(uuid.NAMESPACE_OID, "|".join(parts))),
        "subscription": lambda: types.SimpleNamespace(id=SUBSCRIPTION),
        "subscriptionResourceId": lambda kind, *names: resource(SUBSCRIPTION, kind, *names),
        "resourceId": lambda kind, *names: resource(base, kind, *names),
        "parameters": lambda name: parameters[name],
    }

    def value(node):
        match node:
            case ast.Constant(value=str(found)):
                return found
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return functions[name](*map(value, arguments))
            case ast.Attribute(value=inner, attr="id"):
                return value(inner).id
        raise ValueError(ast.dump(node))

    return value(ast.parse(text[1:-1], mode="eval").body)


def deploy(template, parameters, base, state):
    for one in template["resources"]:
        of = lambda text: evaluated(text, parameters, base)
        properties = one["properties"]
        match one["type"]:
            case "Microsoft.Authorization/roleDefinitions":
                identifier = f"{base}/providers/Microsoft.Authorization/roleDefinitions/{of(one['name'])}"
                state["roles"][identifier] = {"roleName": properties["roleName"], "permissions": properties["permissions"]}
            case "Microsoft.Authorization/roleAssignments":
                assert uuid.UUID(of(one["name"])), one
                give(state, of(one.get("scope", base)), of(properties["roleDefinitionId"]), of(properties["principalId"]))
            case "Microsoft.Resources/deployments":
                assert properties["expressionEvaluationOptions"]["scope"] == "inner", one
                inner = {name: of(given["value"]) for name, given in properties["parameters"].items()}
                assert set(inner) == set(properties["template"]["parameters"]), inner
                deploy(properties["template"], inner, f"{SUBSCRIPTION}/resourceGroups/{one['resourceGroup']}", state)
            case unknown:
                raise ValueError(unknown)


def give(state, scope, role, principal):
    row = {"scope": scope, "roleDefinitionId": role, "principalId": principal}
    if row not in state["assignments"]:
        state["assignments"].append(row)


def az(arguments, home, state):
    """Only what enrolling says, as the CLI answers it."""
    words, options = [], {}
    waiting = list(arguments)
    while waiting and not waiting[0].startswith("-"):
        words.append(waiting.pop(0))
    while waiting:
        name = waiting.pop(0)
        options[name] = waiting.pop(0)
    match " ".join(words):
        case "account set":
            assert f"/subscriptions/{options['--subscription']}" == SUBSCRIPTION, options
        case "vm identity assign":
            assert options["--query"] == "systemAssignedIdentity", options
            print(PRINCIPAL)
        case "keyvault secret show":
            sys.exit(0 if options["--name"] in json.loads((home / "state.json").read_text()) else 3)
        case "keyvault secret set":
            vault = json.loads((home / "state.json").read_text())
            vault[options["--name"]] = [{"version": "0" * 31 + "1", "value": options["--value"]}]
            (home / "state.json").write_text(json.dumps(vault))
        case "role definition list":
            found = [identifier for identifier, role in state["roles"].items() if role["roleName"] == options["--name"]]
            print("\n".join(found))
        case "role definition create":
            role = json.loads(pathlib.Path(options["--role-definition"].removeprefix("@")).read_text())
            assert role["AssignableScopes"] == [SUBSCRIPTION], role
            identifier = resource(SUBSCRIPTION, "Microsoft.Authorization/roleDefinitions", str(uuid.uuid4()))
            permission = {"actions": role["Actions"], "notActions": role["NotActions"]}
            state["roles"][identifier] = {"roleName": role["Name"], "permissions": [permission]}
        case "role assignment create":
            role = options["--role"]
            named = [identifier for identifier, known in state["roles"].items() if known["roleName"] == role]
            identifier = named[0] if named else resource(SUBSCRIPTION, "Microsoft.Authorization/roleDefinitions", str(uuid.UUID(role)))
            give(state, options["--scope"], identifier, options["--assignee-object-id"])
        case unknown:
            sys.exit(f"az: {unknown} is not known here")


def main():
    home = pathlib.Path(sys.argv[1])
    state = json.loads((home / "arm.json").read_text())
    if sys.argv[2] == "--az":
        az(sys.argv[3:], home, state)
    else:
        template = json.loads(pathlib.Path(sys.argv[2]).read_text())
        assert "subscriptionDeploymentTemplate.json" in template["$schema"], template["$schema"]
        deploy(template, {"principalId": sys.argv[3]}, SUBSCRIPTION, state)
    (home / "arm.json").write_text(json.dumps(state))


main()
