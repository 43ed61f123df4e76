"""Decisions as OpenTelemetry: a span each, and an event for every score behind it.

By the GenAI conventions (event `gen_ai.evaluation.result`, attributes `gen_ai.*`) and
OpenInference (span kind GUARDRAIL). The conventions' own guardrail attributes are still a draft:
they are written where OTEL_SEMCONV_STABILITY_OPT_IN holds `gen_ai_latest_experimental`.

Nothing is sent unless `[watch] telemetry = true` and either the process has a provider of its own
or the standard OTEL_EXPORTER_OTLP_* variables name a receiver. Arguments and quotes, as the
conventions want it, only with OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from opentelemetry import _logs as logs
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from cotmon.text.redact import redacted
from cotmon.watching.decision import Decision, Evidence, Level, Said
from cotmon.watching.policy import MARK

_log = logging.getLogger(__name__)
SCOPE = "cotmon"
WAIT = 3.0
"""Seconds that the end of a process may wait for a receiver."""
MOST = 4000
"""Characters of an attribute."""
_VERDICTS: dict[Level, str] = {
    "allow": "allow", "flag": "warn", "ask": "escalate", "block": "deny",
}  # fmt: skip
_ACTIONS: dict[Level, str] = {
    "allow": "allow", "flag": "allow", "ask": "escalate", "block": "block",
}  # fmt: skip
_Attributes = dict[str, str | float | bool]


class Telemetry:
    """Where decisions are told to.

    Args:
        host: name of the host.
        environment: variables of the process.
    """

    def __init__(self, host: str, environment: Mapping[str, str] = os.environ) -> None:
        opted = environment.get("OTEL_SEMCONV_STABILITY_OPT_IN", "").split(",")
        content = environment.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "")
        self._host = host
        self._draft = "gen_ai_latest_experimental" in (word.strip() for word in opted)
        self._content = content.strip().lower() not in ("", "false", "0", "no_content")
        tracers, loggers = _tracers(environment), _loggers(environment)
        self._tracer, self._logger = tracers.get_tracer(SCOPE), loggers.get_logger(SCOPE)
        others = (trace.get_tracer_provider(), logs.get_logger_provider())
        self._own = [
            made for made in (tracers, loggers)
            if isinstance(made, TracerProvider | LoggerProvider) and made not in others
        ]  # fmt: skip

    def note(self, decisions: Sequence[Decision], said: Said) -> None:
        """Tells decisions that were just taken on a generation."""
        arguments = {call.id: call.arguments for call in said.calls}
        for decision in decisions:
            self._note(decision, arguments.get(decision.call))

    def close(self) -> None:
        """Sends what waits and ends; a provider of the process is left alone.

        A receiver that does not answer must not hold up the end of the agent's process.
        """
        if self._own:
            ending = threading.Thread(target=self._shut, daemon=True)
            ending.start()
            ending.join(WAIT)

    def _shut(self) -> None:
        for provider in self._own:
            provider.shutdown()

    def _note(self, decision: Decision, arguments: str | None) -> None:
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"run_guardrail {SCOPE}",
            start_time=ended - int(decision.latency_ms * 1e6),
            attributes=self._attributes(decision, arguments),
        )
        context = trace.set_span_in_context(span)
        for attributes in self._results(decision):
            self._logger.emit(
                timestamp=ended, context=context, event_name="gen_ai.evaluation.result",
                attributes=attributes,
            )  # fmt: skip
        if decision.failures:
            span.set_status(trace.StatusCode.ERROR, "a monitor gave no score")
        span.end(ended)

    def _attributes(self, decision: Decision, arguments: str | None) -> _Attributes:
        found: _Attributes = {
            "gen_ai.operation.name": "run_guardrail",
            "gen_ai.conversation.id": decision.thread,
            "openinference.span.kind": "GUARDRAIL",
            "session.id": decision.thread,
            "output.value": decision.level,
            "cotmon.host": self._host,
            "cotmon.run": decision.run,
            "cotmon.decision": decision.key,
            "cotmon.level": decision.level,
            "cotmon.enforced": decision.enforced,
            "cotmon.because": redacted(decision.because, MOST),
        }
        if decision.suspicion is not None:
            found["cotmon.suspicion"] = decision.suspicion
        if decision.call:
            found |= {"gen_ai.tool.name": decision.tool, "gen_ai.tool.call.id": decision.call}
            found["tool.name"] = decision.tool
        if self._content and arguments is not None:
            shown = redacted(arguments, MOST)
            found |= {"gen_ai.tool.call.arguments": shown, "input.value": shown}
        if decision.failures:
            found["error.type"] = _error_type(decision.failures.values())
        return found | (_guardrail(decision) if self._draft else {})

    def _results(self, decision: Decision) -> list[_Attributes]:
        """One event a score; a monitor that gave none has an error and no number."""
        found = [self._result(decision, evidence) for evidence in decision.evidence]
        for monitor, reason in decision.failures.items():
            found.append({
                "gen_ai.evaluation.name": monitor, "error.type": _error_type([reason]),
                "gen_ai.evaluation.explanation": redacted(reason, MOST),
            })  # fmt: skip
        return found

    def _result(self, decision: Decision, evidence: Evidence) -> _Attributes:
        found: _Attributes = {
            "gen_ai.evaluation.name": evidence.monitor,
            "cotmon.cue": evidence.cue,
            "cotmon.step": evidence.address,
            "cotmon.decision": decision.key,
        }
        if evidence.suspicion is not None:
            marked = evidence.suspicion >= MARK
            found["gen_ai.evaluation.score.value"] = evidence.suspicion
            found["gen_ai.evaluation.score.label"] = "marked" if marked else "not marked"
        if evidence.reason:
            found["gen_ai.evaluation.explanation"] = redacted(evidence.reason, MOST)
        if self._content:
            found["cotmon.quote"] = redacted(evidence.quote, MOST)
        return found


def _guardrail(decision: Decision) -> _Attributes:
    """The draft's attributes; a verdict is what was found, an action what was done about it."""
    found: _Attributes = {
        "gen_ai.guardrail.component.name": SCOPE,
        "gen_ai.guardrail.target.type": "input" if decision.call else "output",
        "gen_ai.guardrail.target.subtype": "tool_call" if decision.call else "llm",
        "gen_ai.guardrail.target.id": decision.call or decision.message,
        "gen_ai.guardrail.verdict.type": _VERDICTS[decision.level],
        "gen_ai.guardrail.action.type":
            _ACTIONS[decision.level] if decision.enforced else "allow",
    }  # fmt: skip
    if decision.suspicion is not None:
        found["gen_ai.guardrail.security.risk.score"] = decision.suspicion
    return found


def _error_type(reasons: Iterable[str]) -> str:
    return "timeout" if any("timeout" in reason for reason in reasons) else "unscored"


def _tracers(environment: Mapping[str, str]) -> trace.TracerProvider:
    """The process's own provider, else one that sends to the receiver of the environment."""
    own = trace.get_tracer_provider()
    if not isinstance(own, trace.ProxyTracerProvider):
        return own
    if not _receives(environment, "TRACES"):
        return trace.NoOpTracerProvider()
    made = TracerProvider(resource=Resource.create(), shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


def _loggers(environment: Mapping[str, str]) -> logs.LoggerProvider:
    own = logs.get_logger_provider()
    if isinstance(own, LoggerProvider):
        return own
    if not _receives(environment, "LOGS"):
        return logs.NoOpLoggerProvider()
    made = LoggerProvider(resource=Resource.create(), shutdown_on_exit=False)
    made.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    return made


def _receives(environment: Mapping[str, str], signal: str) -> bool:
    """Whether the environment names a receiver for this signal; says so where it does not."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environment.get(f"OTEL_{signal}_EXPORTER", "otlp").strip().lower() != "otlp":
        return False
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    if any(environment.get(name) for name in names):
        return True
    _log.warning(
        "telemetry: neither a provider nor %s says where to; %s are not sent",
        " or ".join(names), signal.lower(),
    )  # fmt: skip
    return False
