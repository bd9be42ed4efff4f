"""Which scikit-learn is the oracle, where its versions compute otherwise."""

from typing import Final

import sklearn

SKLEARN: Final = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
"""Major and minor number."""
