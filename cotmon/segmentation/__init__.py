"""Messages to steps: every sentence, action and observation gets an address."""

from cotmon.segmentation.sentences import MAXIMUM, Cutter, slices
from cotmon.segmentation.steps import RULES, SHORT, Stepper, steps_of

__all__ = ["MAXIMUM", "RULES", "SHORT", "Cutter", "Stepper", "slices", "steps_of"]
