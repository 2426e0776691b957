"""A fake of Azure AI Content Safety's Prompt Shields, for fake.py.

What `control.json` says under "safety": "throttle" (so many answers of 429 before any other), "down", "slow" (for ever), "empty" (200 without
the fields), "half" (200 without that of the documents), "unauthorized" (so many answers of 401), "forbidden" (of 403), "odd" (a field that is no truth value).
"""

import json
import time

RESOURCE = "https://cognitiveservices.azure.com"
LONGEST = 10_000
ANSWERED = {}


def once(name, most):
    """Whether it is one of the first so many since there were none."""
    ANSWERED[name] = ANSWERED.get(name, 0) + 1 if most else 0
    return ANSWERED[name] < most + 1 and most > 0


def refuse(handler, status, code, message, headers=()):
    return handler.answer(status, {"error": {"code": code, "message": message}}, [("x-ms-error-code", code), *headers])


def attacks(text):
    """It has learned one sentence."""
    return "ignore all previous instructions" in text.lower()


def answer(handler, body, valid_for, told):
    """Answers a request, where `valid_for` says which resource its token is good for."""
    if handler.url.path != "/contentsafety/text:shieldPrompt" or handler.command != "POST":
        return refuse(handler, 404, "404", "Resource not found")
    if told.get("slow"):
        time.sleep(60)
    if told.get("down"):
        return refuse(handler, 500, "InternalServerError", "The server encountered an unexpected condition.")
    if valid_for != RESOURCE or once("unauthorized", told.get("unauthorized", 0)):
        return refuse(handler, 401, "401", "Access denied due to invalid subscription key or wrong API endpoint.")
    if once("forbidden", told.get("forbidden", 0)):
        return refuse(handler, 403, "403", "The principal lacks the required data action.")
    if handler.query.get("api-version") != "2024-09-01":
        return refuse(handler, 404, "404", "Resource not found")
    if once("throttle", told.get("throttle", 0)):
        return refuse(handler, 429, "TooManyRequests", "Requests have exceeded the rate limit.", [("Retry-After", "1")])
    asked = json.loads(body)
    prompt, documents = asked.get("userPrompt", ""), asked.get("documents", [])
    if set(asked) - {"userPrompt", "documents"} or len(prompt) > LONGEST or sum(map(len, documents)) > LONGEST:
        return refuse(handler, 400, "InvalidRequestBody", "The request body is not valid.")
    if told.get("empty"):
        return handler.answer(200, {})
    said = {
        # A prompt is found to be one, a document to be the other: each by itself is not enough.
        "userPromptAnalysis": {"attackDetected": attacks(prompt) and "document" not in prompt},
        "documentsAnalysis": [{"attackDetected": attacks(text) and "prompt" not in text} for text in documents],
    }
    if told.get("half"):
        del said["documentsAnalysis"]
    if told.get("odd"):
        said["userPromptAnalysis"]["attackDetected"] = "no"
    return handler.answer(200, said)
