"""What ansible-playbook prints under Reeve: one line of JSON for each event, and nothing else on standard output.

It also refuses what a dry run would do in earnest, and what reaches beyond this host and the pinned folder, before a
task begins. Contents are told by digest, with the first lines of their difference; what `no_log` or `diff: false`
hides, and what not everybody may read on the host, is never shown.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
import os
import re
import sys

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleError
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import lookup_loader
from ansible.release import __version__

DOCUMENTATION = """
    name: reeve_events
    type: stdout
    short_description: one line of JSON for each event, for Reeve
    description: Says what a playbook does, or would do, in lines that Reeve reads.
"""

REFUSED = 96
BROKEN = 97

MAX_TEXT = 300
MAX_LINE = 200
MAX_LINES = 24
MAX_LINES_IN_ALL = 1200
MAX_CHANGES = 2000
# Above it no difference is made line by line: that takes time with the square of the length.
MAX_COMPARED = 256 * 1024

# Lookups that read and do nothing else. Any other acts, or may act, while a template is filled in, dry run or not.
LOOKUPS = frozenset(
    "config csvfile dict env file fileglob first_found indexed_items ini inventory_hostnames items list nested "
    "sequence subelements template together unvault varnames vars".split()
)
LOCAL = ("local", "ansible.builtin.local")
HERE = ("localhost", "127.0.0.1", "::1")
# Roles and tasks that come with the host's packages, besides those in the playbook's own folder.
PACKAGED = ("/usr/share/ansible/", "/usr/lib/python3/")
# Names that Ansible makes up anew each time.
PASSING = re.compile(r"/[^\s'\"]*/(?:ansible-(?:tmp|local)-[^\s'\"/]+|ansible\.[A-Za-z0-9_]{6,})(?:/tmp[a-z0-9_]{6,})?")


def guarded(method):
    """An exception in a callback is only a warning to Ansible, and an event would be missing: it ends the run instead."""

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        try:
            return method(self, *args, **kwargs)
        except Exception as error:  # whatever it is
            self.end({"event": "broken", "why": text(f"{type(error).__name__}: {error}")}, BROKEN)

    return call


class CallbackModule(CallbackBase):
    """Turns what happens into lines."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "reeve_events"

    def __init__(self):
        super().__init__()
        # Nobody but this plugin writes to what was standard output: whatever else prints goes to standard error.
        self.out = os.dup(1)
        os.dup2(2, 1)
        self.check = bool(context.CLIARGS.get("check"))
        # Where it does not find the file that it is told, Ansible looks for others, and says nothing.
        beside = os.path.join(os.path.dirname(os.path.realpath(__file__)), "ansible.cfg")
        if os.path.realpath(C.CONFIG_FILE or "") != beside:
            self.end({"event": "broken", "why": "another configuration file is in force than Reeve's own"}, BROKEN)
        self.folder = None
        self.lines_left = MAX_LINES_IN_ALL
        self.changes_left = MAX_CHANGES
        # In the run, too: what acts there and was not made in the dry run, nobody has seen.
        lookup_loader.get_with_context = only_reading(lookup_loader.get_with_context)

    def say(self, event):
        line = json.dumps(event, ensure_ascii=True, separators=(",", ":"), sort_keys=True) + "\n"
        data = line.encode("ascii")
        while data:
            data = data[os.write(self.out, data) :]

    def end(self, event, status):
        self.say(event)
        os._exit(status)

    def refuse(self, where, why):
        self.end({"event": "refused", "at": text(where), "why": text(why)}, REFUSED)

    # What is refused.

    @guarded
    def v2_playbook_on_start(self, playbook):
        self.folder = os.path.realpath(playbook._basedir) + "/"
        mode = "check" if self.check else "run"
        self.say({"event": "start", "form": 1, "mode": mode, "ansible": text(__version__)})
        for play in playbook.get_plays():
            self.inspect_play(play)
            for block in play.compile() + play.handlers + play.compile_roles_handlers():
                self.inspect_block(block)

    def inspect_play(self, play):
        where = self.place(play.get_path() or "")
        hosts = play.hosts if isinstance(play.hosts, list) else [play.hosts]
        if any(host not in ("localhost", "all") for host in hosts):
            self.refuse(where, "a play is for other hosts than this one")
        if play.vars_prompt:
            self.refuse(where, "a play asks for variables, and nobody is there to answer")
        if play.connection not in LOCAL:
            self.refuse(where, "a play connects to another host")
        if str(play.strategy).rpartition(".")[2] not in ("linear", "free", "host_pinned"):
            self.refuse(where, "a play is run by a strategy that waits for somebody")

    def inspect_block(self, block):
        for task in block.block + block.rescue + block.always:
            if hasattr(task, "block"):
                self.inspect_block(task)
            else:
                self.inspect_task(task)

    def inspect_task(self, task):
        path = (task.get_path() or "").rpartition(":")[0]
        where = self.place(task.get_path() or "")
        if path and not os.path.realpath(path).startswith((self.folder, *PACKAGED)):
            self.refuse(where, "a task lies outside of the playbook's own folder")
        if task.check_mode not in (None, True) and self.check:
            self.refuse(where, "a task acts in a dry run, too (check_mode)")
        if task.delegate_to not in (None, *HERE):
            self.refuse(where, "a task is delegated to another host")
        if task.connection not in (None, *LOCAL):
            self.refuse(where, "a task connects to another host")
        if has_template(evaluated(task)):
            self.refuse(where, "a template is filled in and then read as an expression, which a variable's text could be")

    @guarded
    def v2_playbook_on_include(self, included_file):
        name = os.path.realpath(included_file._filename)
        if not name.startswith((self.folder, *PACKAGED)):
            self.refuse(self.place(name), "what is included lies outside of the playbook's own folder")

    @guarded
    def v2_playbook_on_vars_prompt(self, varname, **_kwargs):
        self.refuse("", f"the variable {varname} is asked for, and nobody is there to answer")

    # What is told.

    @guarded
    def v2_playbook_on_play_start(self, play):
        self.say({"event": "play", "play": text(play.get_name())})

    @guarded
    def v2_playbook_on_task_start(self, task, is_conditional):
        self.inspect_task(task)
        self.say({"event": "task", **self.named(task)})

    @guarded
    def v2_playbook_on_handler_task_start(self, task):
        self.inspect_task(task)
        self.say({"event": "task", "handler": True, **self.named(task)})

    @guarded
    def v2_runner_on_ok(self, result):
        self.tell(result, "ok")

    @guarded
    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.tell(result, "ignored" if ignore_errors else "failed")

    @guarded
    def v2_runner_on_skipped(self, result):
        self.tell(result, "skipped")

    @guarded
    def v2_runner_on_unreachable(self, result):
        self.tell(result, "unreachable")

    @guarded
    def v2_playbook_on_stats(self, stats):
        counts = stats.summarize("localhost")
        self.say({"event": "stats", **{name: int(counts[name]) for name in sorted(counts)}})

    def tell(self, result, status):
        """One event for a task, or one for each round of its loop."""
        task, found = result._task, result._result
        rounds = found.get("results") if task.loop or task.loop_with else None
        if not isinstance(rounds, list) or not rounds:
            return self.tell_one(task, found, status)
        # The rounds have their own outcomes; how the task as a whole ended matters only where it is worse.
        for part in rounds:
            self.tell_one(task, part, status_of(part, status))
        if status in ("failed", "unreachable") and not any(part.get("failed") for part in rounds):
            self.tell_one(task, {"msg": found.get("msg", "")}, status)

    def tell_one(self, task, found, status):
        hidden = is_hidden(task, found)
        if status == "ok" and found.get("changed"):
            status = "changed"
        event = {"event": "result", "status": status, **self.named(task)}
        if "_ansible_item_label" in found and not hidden:
            event["item"] = text(found["_ansible_item_label"])
        if hidden:
            event["hidden"] = True
        if status in ("failed", "ignored", "unreachable") and not hidden:
            event["why"] = text(found.get("msg", ""))
        if status == "skipped" and self.check and is_unforeseen(found):
            event["unforeseen"] = True
            event["does"] = digest(said(found, task))
        if status == "changed":
            self.changes_left -= 1
            if self.changes_left < 0:
                self.end({"event": "broken", "why": "too many changes"}, BROKEN)
            if not hidden:
                event["does"] = digest(said(found, task))
                event["changes"] = self.changes(found)
        self.say(event)

    def changes(self, found):
        parts = found.get("diff") or []
        parts = parts if isinstance(parts, list) else [parts]
        args = arguments(found)
        named = [args.get(key) for key in ("dest", "path", "name")] + [found.get("path"), found.get("dest")]
        told = []
        for part in parts:
            if isinstance(part, dict) and set(part) - {"before_header", "after_header"}:
                told.append(self.change(part, next((name for name in named if isinstance(name, str)), None), args))
        return [change for change in told if change["was"] != change["becomes"]]

    def change(self, part, name, args):
        name = name or plain_header(part.get("before_header")) or plain_header(part.get("after_header"))
        change = {"name": text(name or "")}
        if "prepared" in part:
            change.update(was=None, becomes=digest(passing(part["prepared"])))
            before, after = None, written(part["prepared"])
        else:
            before, after = written(part.get("before")), written(part.get("after"))
            change.update(was=seen(part, "dst", "before", before), becomes=seen(part, "src", "after", after))
        if not may_show(name, args):
            change["hidden"] = True
        elif "prepared" in part:
            change["lines"] = self.shown(after.splitlines())
        elif len(before) + len(after) <= MAX_COMPARED:
            lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
            change["lines"] = self.shown([line for line in lines if not line.startswith(("---", "+++"))])
        return change

    def shown(self, lines):
        kept = [text(passing(line), MAX_LINE) for line in lines[: min(MAX_LINES, max(self.lines_left, 0))]]
        self.lines_left -= len(kept)
        return kept + [f"\u2026 and {len(lines) - len(kept)} lines more"] if len(lines) > len(kept) else kept

    def named(self, task):
        return {"task": text(task.get_name()), "action": text(task.action), "at": self.place(task.get_path() or "")}

    def place(self, path):
        return text(path[len(self.folder) :] if self.folder and path.startswith(self.folder) else path)


def evaluated(task):
    """What Ansible fills in first and evaluates then: conditions, and two arguments that are expressions as well."""
    found = [task.when, task.until, task.failed_when, task.changed_when]
    for module, argument in (("assert", "that"), ("debug", "var")):
        if task.action.rpartition(".")[2] == module or has_template(task.action):
            # Arguments that are a template as a whole hold whatever its variable does.
            found += [task.args.get(argument), task.args.get("_variable_params")]
    return found


def has_template(value):
    if isinstance(value, (list, tuple)):
        return any(map(has_template, value))
    return isinstance(value, str) and any(opening in value for opening in ("{{", "{%"))


def only_reading(load):
    """Lets a playbook have lookups that only read."""

    def get_with_context(name, *args, **kwargs):
        short = str(name)
        for prefix in ("ansible.builtin.", "ansible.legacy."):
            short = short[len(prefix) :] if short.startswith(prefix) else short
        if short not in LOOKUPS:
            raise AnsibleError(f"the lookup {short!r} may act while a template is filled in")
        return load(name, *args, **kwargs)

    return get_with_context


def status_of(part, status):
    if part.get("unreachable"):
        return "unreachable"
    if part.get("failed"):
        return "ignored" if status == "ignored" or part.get("_ansible_ignore_errors") else "failed"
    return "skipped" if part.get("skipped") else "ok"


def is_hidden(task, found):
    return bool(task.no_log) or "censored" in found or bool(found.get("_ansible_no_log"))


def is_unforeseen(found):
    """Whether a dry run skipped it only for being one; a condition, or a file that is there, would skip it in earnest."""
    if "skip_reason" in found or "skipped_reason" in found or "false_condition" in found:
        return False
    words = " ".join(str(found.get(key, "")) for key in ("msg", "stdout"))
    return not ("skipped, since" in words or "Did not run" in words or "Skipped" in words)


def arguments(found):
    invocation = found.get("invocation")
    args = invocation.get("module_args") if isinstance(invocation, dict) else None
    return args if isinstance(args, dict) else {}


def said(found, task):
    """What the task asks for, with its variables filled in where that is known."""
    args = arguments(found) or dict(task.args)
    return {"action": str(task.action), "args": {key: value for key, value in args.items() if value is not None}}


def may_show(name, args):
    """Not what only some may read on the host, before or afterwards."""
    mode = args.get("mode")
    if isinstance(mode, str) and mode.isdigit() and not int(mode, 8) & 0o004:
        return False
    if isinstance(mode, str) and not mode.isdigit():
        return False
    if not isinstance(name, str) or not name.startswith("/"):
        return True
    try:
        return bool(os.stat(name).st_mode & 0o004)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def seen(part, side, key, contents):
    """A digest of what was seen; for what was not, why."""
    for why in ("binary", "larger"):
        if f"{side}_{why}" in part:
            return why
    return digest(contents) if part.get(key) not in (None, "") else "nothing"


def written(value):
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, indent=1, default=str)


def passing(value):
    return PASSING.sub("TEMPORARY", value if isinstance(value, str) else written(value))


def digest(value):
    return "sha256:" + hashlib.sha256(passing(written(value)).encode("utf-8", "surrogatepass")).hexdigest()


def plain_header(header):
    if not isinstance(header, str) or PASSING.search(header):
        return None
    return re.sub(r" \((?:content|file attributes)\)$", "", header)


def text(value, most=MAX_TEXT):
    """One line, bounded; Reeve looks at the characters."""
    line = " ".join(str(value).split("\n"))
    return line if len(line) <= most else line[: most - 1] + "\u2026"


# `python3 reeve_events.py` does nothing, and says so.
if __name__ == "__main__":
    sys.exit("this is a callback plugin of ansible-playbook")
