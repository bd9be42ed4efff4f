"""One file a family of estimators; `transformers` and `models` hold what is supported."""

from preproc.export.converters.foreign import FOREIGN
from preproc.export.converters.models import MODELS, convert_model
from preproc.export.converters.transformers import TRANSFORMERS, convert_transformer

__all__ = ["FOREIGN", "MODELS", "TRANSFORMERS", "convert_model", "convert_transformer"]
