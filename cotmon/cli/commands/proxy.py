"""`cotmon proxy`: an OpenAI-compatible server between agents and their model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from cotmon.cli._console import stderr
from cotmon.hosts.proxy import HOLD, proxy, serve
from cotmon.watching import read_settings


def command(
    upstream: Annotated[
        str, typer.Option(help="Base URL of the model server, as your client has it: …/v1.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8787,
    hold: Annotated[
        float, typer.Option(help="Seconds for which an answer waits for a person.")
    ] = HOLD,
    config: Annotated[
        Path | None, typer.Option(help="Settings; default: the project's cotmon.toml.")
    ] = None,
) -> None:
    """Stands between agents and their model server, and judges every tool call.

    Works for agents in any language: give them the printed URL in place of the server's. Without
    `mode = "enforce"` under the table `watch` of cotmon.toml it only observes. Keys are forwarded
    and never kept. Ends with Ctrl-C.
    """
    watching = read_settings(config)
    application = proxy(upstream, watching, hold)
    say = stderr().print
    settings = watching.settings
    enforced = [glob for glob, policy in settings.tools.items() if policy.mode == "enforce"]
    mode = (
        settings.mode
        if settings.mode == "enforce" or not enforced
        else (f"{settings.mode}; enforce for {', '.join(enforced)}")
    )
    place = urlsplit(upstream)
    server = place._replace(netloc=place.netloc.rpartition("@")[2]).geturl()  # without a password
    say(f"http://{host}:{port}/v1 stands for {server} ({mode})", markup=False, soft_wrap=True)
    if host not in ("127.0.0.1", "::1", "localhost"):
        say("whoever reaches this address can use it", markup=False)
    serve(application, host, port)
