"""Messages to steps: every sentence, action and observation gets an address."""

from cotmon.segmentation.sentences import MAXIMUM, Cutter, slices
from cotmon.segmentation.steps import RULES, Stepper, steps_of

__all__ = ["MAXIMUM", "RULES", "Cutter", "Stepper", "slices", "steps_of"]
