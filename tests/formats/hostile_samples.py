"""Small genuine-like logs, one a format, as hostile tests start from them."""

import json

SAID = "The total of the two files is seven, so the report can say seven."
"""A sentence of the agent that stands in every sample."""

CHAT = [
    {
        "id": "chat-1",
        "metadata": {"model": "m-1", "score": 1},
        "messages": [
            {"role": "system", "content": "You count things."},
            {"role": "user", "content": [{"type": "text", "text": "How many are there?"}]},
            {
                "role": "assistant", "content": None, "reasoning_content": SAID,
                "tool_calls": [{
                    "id": "c1", "type": "function",
                    "function": {"name": "count", "arguments": '{"path": "a.txt"}'},
                }],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "7"},
            {"role": "assistant", "content": "<think>All is done now.</think>Seven."},
        ],
    },
]  # fmt: skip

ANTHROPIC = [
    {
        "id": "anthropic-1", "model": "m-1", "system": [{"type": "text", "text": "You count."}],
        "messages": [
            {"role": "user", "content": "How many are there?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": SAID, "signature": "c2ln"},
                    {"type": "redacted_thinking", "data": "abcd"},
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "t1", "name": "count", "input": {"path": "a.txt"}},
                ],
            },
            {
                "role": "user",
                "content": [{
                    "type": "tool_result", "tool_use_id": "t1",
                    "content": [{"type": "text", "text": "7"}],
                }],
            },
        ],
    },
]  # fmt: skip

RESPONSES = [
    {
        "id": "resp-1",
        "items": [
            {"role": "user", "content": [{"type": "input_text", "text": "How many?"}]},
            {
                "type": "reasoning", "id": "rs1", "encrypted_content": "gAAA",
                "summary": [{"type": "summary_text", "text": SAID}],
            },
            {"type": "function_call", "call_id": "c1", "name": "count", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "7"},
            {
                "type": "message", "role": "assistant",
                "content": [{"type": "output_text", "text": "Seven."}],
            },
        ],
    },
]  # fmt: skip

INSPECT = {
    "version": 2, "status": "success", "plan": {"steps": []},
    "eval": {"eval_id": "E1", "task": "demo", "model": "m/agent"},
    "samples": [
        {
            "id": "inspect-1", "epoch": 1, "input": "How many?", "target": "7",
            "scores": {"match": {"value": "C"}},
            "messages": [
                {"role": "user", "id": "u1", "content": "How many?", "source": "input"},
                {
                    "role": "assistant", "id": "a1",
                    "content": [
                        {"type": "reasoning", "reasoning": SAID},
                        {"type": "text", "text": "I look."},
                    ],
                    "tool_calls": [
                        {"id": "c1", "function": "count", "arguments": {"path": "a.txt"},
                         "type": "function"},
                    ],
                },
                {"role": "tool", "id": "o1", "tool_call_id": "c1", "content": "7"},
            ],
            "events": [],
        },
    ],
}  # fmt: skip

CLAUDE_CODE = [
    {"type": "summary", "summary": "Counting", "leafUuid": "u3"},
    {
        "type": "user", "uuid": "u1", "parentUuid": None, "sessionId": "claude-1",
        "isSidechain": False, "cwd": "/x", "version": "1",
        "message": {"role": "user", "content": "How many?"},
    },
    {
        "type": "assistant", "uuid": "u2", "parentUuid": "u1", "sessionId": "claude-1",
        "isSidechain": False,
        "message": {
            "id": "m1", "role": "assistant", "model": "m-1",
            "content": [
                {"type": "thinking", "thinking": SAID, "signature": "c2ln"},
                {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "wc a"}},
            ],
        },
    },
    {
        "type": "user", "uuid": "u3", "parentUuid": "u2", "sessionId": "claude-1",
        "isSidechain": False, "toolUseResult": {"stdout": "7"},
        "message": {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "7"}],
        },
    },
]  # fmt: skip

CODEX = [
    {
        "timestamp": "2025-01-01T00:00:00Z", "type": "session_meta",
        "payload": {"id": "codex-1", "cwd": "/x", "originator": "cli", "cli_version": "1"},
    },
    {
        "timestamp": "2025-01-01T00:00:01Z", "type": "response_item",
        "payload": {
            "type": "message", "role": "user",
            "content": [{"type": "input_text", "text": "How many?"}],
        },
    },
    {
        "timestamp": "2025-01-01T00:00:02Z", "type": "response_item",
        "payload": {
            "type": "reasoning", "encrypted_content": "gAAA",
            "summary": [{"type": "summary_text", "text": SAID}],
        },
    },
    {
        "timestamp": "2025-01-01T00:00:03Z", "type": "response_item",
        "payload": {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "c1"},
    },
    {
        "timestamp": "2025-01-01T00:00:04Z", "type": "response_item",
        "payload": {
            "type": "function_call_output", "call_id": "c1",
            "output": '{"output":"7","metadata":{"exit_code":0}}',
        },
    },
    {
        "timestamp": "2025-01-01T00:00:05Z", "type": "event_msg",
        "payload": {"type": "agent_message", "message": "Seven."},
    },
]  # fmt: skip

SWE_AGENT = {
    "environment": "main", "info": {"exit_status": "submitted", "submission": "x"},
    "trajectory": [
        {
            "thought": SAID, "action": "wc a.txt", "observation": "7",
            "response": SAID + "\n```\nwc a.txt\n```", "state": "{}",
        },
    ],
    "history": [
        {"role": "system", "content": "You count.", "agent": "main"},
        {"role": "user", "content": "How many?", "agent": "main"},
        {
            "role": "assistant", "content": SAID, "thought": SAID, "action": "wc a.txt",
            "agent": "main", "message_type": "action",
        },
        {"role": "user", "content": "7", "agent": "main"},
    ],
}  # fmt: skip

MINI_SWE_AGENT = {
    "trajectory_format": "mini-swe-agent-1.1",
    "info": {"mini_version": "1.0", "exit_status": "Submitted", "config": {"model": {}}},
    "messages": [
        {"role": "system", "content": "You count."},
        {"role": "user", "content": "How many?"},
        {"role": "assistant", "content": f"THOUGHT: {SAID}\n\n```bash\nwc a.txt\n```"},
        {"role": "user", "content": "<returncode>0</returncode>\n<output>7</output>"},
        {"role": "exit", "content": "done"},
    ],
}  # fmt: skip

COTMON = [
    {
        "cotmon_transcript": 1, "id": "own-1", "source": {"file": "a", "format": "openai_chat"},
        "access": "raw",
        "messages": [
            {
                "id": "1.r1", "turn": "1", "module": "agent", "channel": "reasoning",
                "provenance": "raw", "text": SAID,
            },
            {
                "id": "2.a1", "turn": "2", "module": "agent", "channel": "action", "text": "{}",
                "call": {"name": "count", "arguments": "{}", "id": "c1"},
            },
            {
                "id": "3.o1", "turn": "3", "module": "tool count", "channel": "observation",
                "text": "7", "answers": "c1",
            },
        ],
    },
]  # fmt: skip

SAMPLES = {
    "openai_chat": CHAT, "anthropic_messages": ANTHROPIC, "openai_responses": RESPONSES,
    "inspect": INSPECT, "claude_code": CLAUDE_CODE, "codex": CODEX, "swe_agent": SWE_AGENT,
    "mini_swe_agent": MINI_SWE_AGENT, "cotmon_jsonl": COTMON,
}  # fmt: skip
"""By format: a list is JSON lines, an object is one document."""


def as_bytes(sample: object) -> bytes:
    """The file that holds a sample."""
    if isinstance(sample, list):
        return b"".join(json.dumps(record).encode() + b"\n" for record in sample)
    return json.dumps(sample).encode()
