"""The runtimes: one small module each, imported when asked for, never one in place of another."""

from preproc.runtime.backends.table import BACKENDS, VARIABLES, Backend, Form, backend_of, opener_of

__all__ = ["BACKENDS", "VARIABLES", "Backend", "Form", "backend_of", "opener_of"]
