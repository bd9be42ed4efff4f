"""Answers a file of rows into a file of answers, in parts, with the bits of single calls."""

from preproc.scoring.scoring import Scored, score_file

__all__ = ["Scored", "score_file"]
