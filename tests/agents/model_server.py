"""A model on loopback: Anthropic Messages, OpenAI Responses and Chat, and Gemini, all streaming.

`python model_server.py LOG [PORT]` prints its port and answers until its stdin ends. Each request
is a JSON line of LOG: when it came, by which API, with which user texts. What the last user text
says between double brackets is done, in order, one for each answer; Claude may have sent several
texts at once, and all but an error is done of each:

    [[slow 3]]                 the answer takes three seconds
    [[tool NAME {"a": "b"}]]   a call of that tool; what follows is for the answer to its result
    [[error 500]]              this HTTP status, also 429 for a rate limit
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]

_DIRECTIVE = re.compile(r"\[\[(slow|tool|error) (.*?)\]\]", re.DOTALL)
# What the programs themselves add to what their user says.
_NOTES = (
    "<system-reminder>", "[Request interrupted", "<environment_context>", "<session_context>",
    "<turn_aborted>", "<user_instructions>", "# AGENTS.md",
)  # fmt: skip
# How Claude passes on what is said to it while its tools are at work.
_ASIDE = re.compile(r"new message while you were working:\n(.*?)\n\nIMPORTANT: After", re.DOTALL)
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Asked:
    """What a request says: the texts of the user's turns, those of them that it is about, and how
    many tools have answered to these. `main`: it may call tools, so it is no side request for a
    title."""

    api: str
    turns: list[list[str]]
    current: list[str]
    results: int
    main: bool
    stream: bool


@dataclass(frozen=True)
class Answer:
    """What is said to it: text in pieces, or one call of a tool."""

    pieces: tuple[str, ...] = ()
    pause: float = 0.0
    tool: str = ""
    arguments: str = ""
    status: int = 200


def answer(asked: Asked) -> Answer:
    # What was said before in vain may come along, and is not meant any more.
    said = asked.current if asked.api == "anthropic" else asked.current[-1:]
    left = [
        match.groups()
        for text in (said if asked.main else ())
        for match in _DIRECTIVE.finditer(text)
        if match[1] != "error" or text is said[-1]
    ]
    results, pause = asked.results, 0.0
    for word, rest in left:
        if word == "tool" and results:
            results -= 1
            pause = 0.0
        elif word == "tool":
            name, _, arguments = rest.partition(" ")
            return Answer(pause=pause, tool=name, arguments=arguments or "{}")
        elif results:
            continue
        elif word == "slow":
            pause = float(rest)
        elif word == "error":
            return Answer(status=int(rest))
    return Answer(("All ", "is ", "done."), pause)


# What each API's requests hold


def _texts(content: Any, kinds: tuple[str, ...] = ("text", "input_text")) -> list[str]:
    if isinstance(content, str):
        return [content]
    parts = [part for part in content or () if isinstance(part, dict)]
    return [part["text"] for part in parts if part.get("type", "text") in kinds and "text" in part]


def _results(content: Any) -> str:
    """What the tools have answered."""
    parts = [part for part in content if isinstance(part, dict)]
    told = [part["content"] for part in parts if "tool_use_id" in part and "content" in part]
    return "\n".join("\n".join(_texts(one)) for one in told)


def _told(api: str, body: Json, said: Iterator[tuple[list[str], bool | None]]) -> Asked:
    """said: what each item of the user's side holds: its texts, and whether a tool answers; None
    where what was begun goes on."""
    turns: list[list[str]] = []
    current: list[str] = []
    results = 0
    for texts, answers in said:
        new = [text for text in texts if not text.startswith(_NOTES)]
        if new and answers is None:
            turns, current = [*turns, new], [*current, *new]
        elif new:
            turns, current, results = [*turns, new], new, 0
        elif answers:
            results += 1
    stream = bool(body.get("stream"))
    return Asked(api, turns, current, results, bool(body.get("tools")), stream)


def read_anthropic(body: Json) -> Asked:
    def said() -> Iterator[tuple[list[str], bool | None]]:
        for message in body.get("messages", []):
            parts = message["content"]
            if message["role"] == "user":
                answers = any("tool_use_id" in part for part in parts if isinstance(part, dict))
                yield _texts(parts), answers
                for text in _ASIDE.findall(_results(parts)):
                    yield [text], None

    return _told("anthropic", body, said())


def read_responses(body: Json) -> Asked:
    given = body.get("input", [])
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    ends = [str(item.get("type", "")).endswith("_call_output") for item in items]
    said = (
        (_texts(item.get("content")) if item.get("role") == "user" else [], end)
        for item, end in zip(items, ends, strict=True)
    )
    return _told("responses", body, said)


def read_chat(body: Json) -> Asked:
    said = (
        (_texts(one["content"]) if one["role"] == "user" else [], one["role"] == "tool")
        for one in body.get("messages", [])
    )
    return _told("chat", body, said)


def read_gemini(body: Json) -> Asked:
    user = [one.get("parts", []) for one in body.get("contents", []) if one.get("role") != "model"]
    said = ((_texts(parts), any("functionResponse" in part for part in parts)) for parts in user)
    return _told("gemini", body, said)


# What each API's streams look like: (event, data)

Events = Iterator[tuple[str, Any]]


def say_anthropic(model: str, said: Answer) -> Events:
    number = next(_NUMBERS)
    usage = {"input_tokens": 1, "output_tokens": 1}
    message: Json = {"id": f"msg_{number}", "type": "message", "role": "assistant", "content": []}
    message |= {"model": model, "stop_reason": None, "stop_sequence": None, "usage": usage}
    yield "message_start", {"type": "message_start", "message": message}
    block: Json = {"type": "text", "text": ""}
    deltas: list[Json] = [{"type": "text_delta", "text": piece} for piece in said.pieces]
    if said.tool:
        block = {"type": "tool_use", "id": f"toolu_{number}", "name": said.tool, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": said.arguments}]
    kind = "content_block"
    yield f"{kind}_start", {"type": f"{kind}_start", "index": 0, "content_block": block}
    for delta in deltas:
        yield f"{kind}_delta", {"type": f"{kind}_delta", "index": 0, "delta": delta}
    yield f"{kind}_stop", {"type": f"{kind}_stop", "index": 0}
    end = {"stop_reason": "tool_use" if said.tool else "end_turn", "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": end, "usage": usage}
    yield "message_stop", {"type": "message_stop"}


def say_responses(model: str, said: Answer) -> Events:
    number = next(_NUMBERS)
    response: Json = {"id": f"resp_{number}", "object": "response", "model": model, "output": []}
    yield "response.created", {"type": "response.created", "response": response}
    text = "".join(said.pieces)
    if said.tool:
        item: Json = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}",
                      "name": said.tool, "arguments": said.arguments}  # fmt: skip
    else:
        item = {"type": "message", "id": f"msg_{number}", "role": "assistant",
                "content": [{"type": "output_text", "text": text}]}  # fmt: skip
        started = {**item, "content": []}
        added = "response.output_item.added"
        yield added, {"type": added, "output_index": 0, "item": started}
        delta = "response.output_text.delta"
        for piece in said.pieces:
            yield delta, {"type": delta, "item_id": item["id"], "output_index": 0,
                          "content_index": 0, "delta": piece}  # fmt: skip
    done = "response.output_item.done"
    yield done, {"type": done, "output_index": 0, "item": item}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
             "input_tokens_details": None, "output_tokens_details": None}  # fmt: skip
    end = {**response, "output": [item], "usage": usage}
    yield "response.completed", {"type": "response.completed", "response": end}


def say_chat(model: str, said: Answer) -> Events:
    number = next(_NUMBERS)
    head = {"id": f"chat_{number}", "object": "chat.completion.chunk", "created": 1, "model": model}
    deltas: list[Json] = [{"role": "assistant", "content": piece} for piece in said.pieces]
    if said.tool:
        function = {"name": said.tool, "arguments": said.arguments}
        call = {"index": 0, "id": f"call_{number}", "type": "function", "function": function}
        deltas = [{"role": "assistant", "content": None, "tool_calls": [call]}]
    for delta in deltas:
        yield "", {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    why = "tool_calls" if said.tool else "stop"
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    end = {"index": 0, "delta": {}, "finish_reason": why}
    yield "", {**head, "choices": [end], "usage": usage}
    yield "", "[DONE]"


def say_gemini(model: str, said: Answer) -> Events:
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    parts: list[Json] = [{"text": piece} for piece in said.pieces]
    if said.tool:
        parts = [{"functionCall": {"name": said.tool, "args": json.loads(said.arguments)}}]
    for number, part in enumerate(parts, 1):
        candidate: Json = {"content": {"role": "model", "parts": [part]}, "index": 0}
        if number == len(parts):
            candidate["finishReason"] = "STOP"
        yield "", {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model}


_APIS = {
    "/messages": (read_anthropic, say_anthropic),
    "/responses": (read_responses, say_responses),
    "/chat/completions": (read_chat, say_chat),
    "enerateContent": (read_gemini, say_gemini),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log_path = ""
    lock = threading.Lock()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._reply(200, {"data": [], "models": [], "object": "list"})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0]
        if path.endswith(("/count_tokens", ":countTokens")):
            self._reply(200, {"input_tokens": 1, "totalTokens": 1})
            return
        api = next((one for end, one in _APIS.items() if path.endswith(end)), None)
        if api is None:
            self._log({"path": self.path})
            self._reply(404, {"error": {"type": "not_found_error", "message": self.path}})
            return
        body = json.loads(raw)
        read, say = api
        asked = read(body)
        said = answer(asked)
        tools = [tool.get("name", tool.get("type")) for tool in body.get("tools") or ()]
        self._log({
            "api": asked.api, "main": asked.main, "turns": asked.turns, "results": asked.results,
            "status": said.status, "tools": tools,
        })  # fmt: skip
        if said.status != 200:
            limit = said.status == 429
            kind = "rate_limit_error" if limit else "api_error"
            words = "This request would exceed your rate limit." if limit else "as asked for"
            error = {"type": kind, "message": words, "code": said.status}
            self._reply(said.status, {"type": "error", "error": error})
            return
        model = str(body.get("model", "model"))
        self._stream(say, model, said, asked.stream or "stream" in path)

    def _stream(self, say: Any, model: str, said: Answer, stream: bool) -> None:
        events = list(say(model, said))
        if not stream:
            time.sleep(said.pause)
            self._reply(200, _whole(events, said))
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for number, (event, data) in enumerate(events):
            if number == len(events) // 2:
                time.sleep(said.pause)
            name = f"event: {event}\n" if event else ""
            text = data if isinstance(data, str) else json.dumps(data)
            self.wfile.write(f"{name}data: {text}\n\n".encode())
            self.wfile.flush()
        self.close_connection = True

    def _reply(self, status: int, body: Json) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _log(self, entry: Json) -> None:
        with self.lock, open(self.log_path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"at": time.time(), **entry}) + "\n")


def _whole(events: list[tuple[str, Any]], said: Answer) -> Json:
    """A stream's answer in one piece."""
    text = "".join(said.pieces)
    first = events[0][1]
    if "message" in first:
        return {**first["message"], "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn"}  # fmt: skip
    if "response" in first:
        return {**events[-1][1]["response"], "status": "completed"}
    if "choices" in first:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {**first, "object": "chat.completion", "choices": [choice]}
    parts = [part for _, one in events for part in one["candidates"][0]["content"]["parts"]]
    content = {"role": "model", "parts": parts}
    return {**first, "candidates": [{"content": content, "index": 0, "finishReason": "STOP"}]}


def main() -> None:
    Handler.log_path = sys.argv[1]
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
