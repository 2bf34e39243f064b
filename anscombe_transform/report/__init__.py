"""One page on what compression does to a movie."""

from anscombe_transform.report.report import make_report
from anscombe_transform.report.result import Report

__all__ = ["Report", "make_report"]
