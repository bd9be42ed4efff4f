"""What numpy computes itself on this processor, by its own names for instructions."""

from typing import Final

from preproc.export.dispatch import VECTOR_FORMS
from preproc.runtime.machine import processor_features

HAS_OWN_POWERS: Final = not VECTOR_FORMS.isdisjoint(processor_features())
"""Whether numpy's powers and logarithms are not the C library's: what computes by numpy then has
other last bits than ONNX Runtime."""
