"""What has weights: the sentence encoder, and chat models at an endpoint. Loaded on demand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING

from cotmon.errors import ModelError
from cotmon.models._weights import find_weights

if TYPE_CHECKING:
    from cotmon.models.chat import ChatModel
    from cotmon.models.encoder import Encoder


__all__ = ["Models", "find_weights"]


@dataclass(frozen=True)
class Models:
    """The trusted models of one run, each loaded when a monitor first asks for it.

    Attributes:
        chat_model: `URL#name`, or `recorded:FILE`; None where no model was named.
        remembered: texts that the encoder keeps in memory; None takes its own limit.
    """

    chat_model: str | None = None
    remembered: int | None = None

    @cached_property
    def encoder(self) -> Encoder:
        """The sentence encoder.

        Raises:
            ModelError: its weights are nowhere; the message says how to get them.
        """
        return import_module("cotmon.models.encoder").load_encoder(remembered=self.remembered)

    @cached_property
    def chat(self) -> ChatModel:
        """The named chat model.

        Raises:
            ModelError: none was named, or the name cannot be used.
        """
        if self.chat_model is None:
            raise ModelError("this monitor asks a model; name one with --model URL#name")
        return import_module("cotmon.models.chat").open_chat(self.chat_model)
