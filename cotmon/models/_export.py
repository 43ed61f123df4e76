"""The encoder's fp32 ONNX graph, exported from its weights. Imports torch: loaded on demand."""

from __future__ import annotations

import logging
import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import torch
from transformers import AutoModel

BATCH, LENGTH = 4096, 512
"""Bounds of the graph's two free dimensions."""


class _Hidden(torch.nn.Module):
    """Token ids to hidden states; all texts of a batch are equally long, so nothing is masked."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.encoder(input_ids=input_ids).last_hidden_state


def export(weights: Path, target: Path) -> None:
    """Writes the graph `input_ids` (batch, length) -> `hidden` (batch, length, width).

    Pooling stays outside: inside the graph its sums depend on the size of the batch.
    """
    encoder = AutoModel.from_pretrained(
        str(weights), local_files_only=True, attn_implementation="eager"
    )
    free = {0: torch.export.Dim("batch", max=BATCH), 1: torch.export.Dim("length", max=LENGTH)}
    chatter = logging.getLogger("torch.onnx")
    level = chatter.level
    chatter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Hidden(encoder).eval(),
                (torch.full((2, 8), 1000),),
                target,
                input_names=["input_ids"],
                output_names=["hidden"],
                dynamic_shapes={"input_ids": free},
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    finally:
        chatter.setLevel(level)
