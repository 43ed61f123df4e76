"""Telemetry: what is told to OpenTelemetry, where, and what never leaves."""

import json
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
import uvicorn
from opentelemetry import trace
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from cotmon.watching import Decision, Said, ToolCall, Watcher, read_settings, telemetry
from cotmon.watching.decision import Evidence

SECRET = "hunter2-and-more"
ARGUMENTS = json.dumps({"password": SECRET, "text": "hello"})
CALL = ToolCall("c1", "send_mail", ARGUMENTS)
SAID = Said(message="m1", chat={}, calls=(CALL,))
CONTENT = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}


def decision(**more):
    quote = f"password={SECRET}"
    evidence = Evidence("scheming/x", "scheming", "M1.2", 0.9, 0.8, None, f"says {quote}", quote)
    given = {
        "key": "k", "run": "r", "thread": "t", "message": "m1", "call": "c1", "tool": "send_mail",
        "hash": CALL.hash, "level": "block", "enforced": True, "suspicion": 0.8,
        "evidence": (evidence,), "because": "reaches the threshold", "latency_ms": 12.5,
    }  # fmt: skip
    return Decision(**{**given, **more})


@pytest.fixture
def memory(monkeypatch):
    """Exporters in memory, as the process's own providers."""
    spans, records = InMemorySpanExporter(), InMemoryLogRecordExporter()
    tracers, loggers = TracerProvider(), LoggerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    loggers.add_log_record_processor(SimpleLogRecordProcessor(records))
    monkeypatch.setattr(telemetry.trace, "get_tracer_provider", lambda: tracers)
    monkeypatch.setattr(telemetry.logs, "get_logger_provider", lambda: loggers)
    yield spans, records
    tracers.shutdown()
    loggers.shutdown()


def told(memory, found, environment=CONTENT):
    telemetry.Telemetry("openai", environment).note([found], SAID)
    spans, records = memory
    (span,) = spans.get_finished_spans()
    return span, [r.log_record for r in records.get_finished_logs()]


def test_a_decision_is_a_guardrail_span_with_an_event_for_every_score(memory):
    span, (record,) = told(memory, decision())
    attributes = dict(span.attributes)
    assert attributes["openinference.span.kind"] == "GUARDRAIL"
    assert attributes["gen_ai.conversation.id"] == attributes["session.id"] == "t"
    assert attributes["gen_ai.tool.name"] == "send_mail"
    assert attributes["gen_ai.tool.call.id"] == "c1"
    assert (attributes["cotmon.level"], attributes["cotmon.enforced"]) == ("block", True)
    assert span.end_time - span.start_time == 12_500_000
    assert record.event_name == "gen_ai.evaluation.result"
    assert record.attributes["gen_ai.evaluation.name"] == "scheming/x"
    assert record.attributes["gen_ai.evaluation.score.value"] == 0.8
    assert record.attributes["gen_ai.evaluation.score.label"] == "marked"
    assert record.span_id == span.context.span_id


def test_a_span_belongs_to_what_the_agent_is_doing(memory):
    tracer = telemetry.trace.get_tracer_provider().get_tracer("agent")
    with tracer.start_as_current_span("agent") as agent:
        telemetry.Telemetry("openai", {}).note([decision()], SAID)
    inner = memory[0].get_finished_spans()[0]
    assert inner.parent.span_id == agent.get_span_context().span_id


def test_a_failure_is_an_error_and_never_a_number(memory):
    failed = decision(evidence=(), suspicion=None, failures={"scheming/x": "timeout after 5 ms"})
    span, (record,) = told(memory, failed)
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.attributes["error.type"] == record.attributes["error.type"] == "timeout"
    assert "gen_ai.evaluation.score.value" not in record.attributes
    assert "cotmon.suspicion" not in span.attributes


def test_secrets_and_what_was_said_stay_here(memory):
    span, (record,) = told(memory, decision())
    assert span.attributes["input.value"] == '{"password": "[redacted]", "text": "hello"}'
    everything = repr([dict(span.attributes), span.name, dict(record.attributes)])
    assert SECRET not in everything


def test_arguments_and_quotes_are_told_only_where_that_is_asked_for(memory):
    span, (record,) = told(memory, decision(), {})
    assert "hello" not in repr(dict(span.attributes))
    assert "cotmon.quote" not in record.attributes


def test_draft_attributes_are_told_only_where_that_is_asked_for(memory):
    span, _ = told(memory, decision(enforced=False),
                   {"OTEL_SEMCONV_STABILITY_OPT_IN": "http, gen_ai_latest_experimental"})  # fmt: skip
    assert span.attributes["gen_ai.guardrail.verdict.type"] == "deny"
    assert span.attributes["gen_ai.guardrail.action.type"] == "allow"


@pytest.mark.parametrize(
    "environment",
    [{}, {"OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none",
          "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}],
)  # fmt: skip
def test_nothing_is_sent_where_nothing_says_where_to(environment, monkeypatch, caplog):
    def never(*_, **__):
        raise AssertionError("an exporter was made")

    monkeypatch.setattr(telemetry, "OTLPSpanExporter", never)
    monkeypatch.setattr(telemetry, "OTLPLogExporter", never)
    threads = set(threading.enumerate())
    made = telemetry.Telemetry("openai", environment)
    made.note([decision()], SAID)
    assert set(threading.enumerate()) == threads, "nothing waits to send"
    made.close()
    unsaid = [r.getMessage() for r in caplog.records if "not sent" in r.getMessage()]
    assert len(unsaid) == (0 if environment else 2), "who turned it off is not told so"


def test_opentelemetry_is_not_imported_unless_it_is_asked_for():
    code = "import cotmon.watching, sys; sys.exit('opentelemetry.sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_receiver_gets_it(project, monkeypatch):
    got = {"/v1/traces": ExportTraceServiceRequest(), "/v1/logs": ExportLogsServiceRequest()}

    async def take(request):
        got[request.url.path].MergeFromString(await request.body())
        return Response(b"", media_type="application/x-protobuf")

    app = Starlette(routes=[Route(path, take, methods=["POST"]) for path in got])
    path = project("telemetry = true\nblock = 0.5")
    with serving(app) as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "my-agent")
        watcher = Watcher(read_settings(path), "openai", can_pause=False)
        judged = judge(watcher, "dynamite")
        watcher.close()
    assert judged.level == "block"
    (resource,) = got["/v1/traces"].resource_spans
    names = {a.key: a.value.string_value for a in resource.resource.attributes}
    assert names["service.name"] == "my-agent"
    (span,) = resource.scope_spans[0].spans
    assert {a.key: a.value.string_value for a in span.attributes}["cotmon.level"] == "block"
    records = got["/v1/logs"].resource_logs[0].scope_logs[0].log_records
    assert {r.event_name for r in records} == {"gen_ai.evaluation.result"}
    assert {r.span_id for r in records} == {span.span_id}


def test_a_fault_of_telemetry_is_counted_and_changes_nothing(project, monkeypatch):
    watcher = Watcher(read_settings(project("telemetry = true")), "openai", can_pause=False)
    monkeypatch.setattr(telemetry.Telemetry, "note", lambda *_: 1 / 0)
    assert judge(watcher, "tea").level == "allow"
    assert watcher.faults == {"ZeroDivisionError": 1}
    watcher.close()


@contextmanager
def serving(app):
    """An application on a free port of loopback, in a thread; gives its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def judge(watcher, text):
    call = ToolCall("c1", "send", json.dumps({"x": text}))
    function = {"name": call.name, "arguments": call.arguments}
    chat = {"role": "assistant", "content": "", "reasoning_content": "So I do it.",
            "tool_calls": [{"id": "c1", "type": "function", "function": function}]}  # fmt: skip
    said = Said(message="m1", chat=chat, calls=(call,))
    return watcher.conversation("t").judge(said)[0]
