"""Runs, figures and shoppers as one HTML file for others to read. No Streamlit: page and command share it."""

from dashboard.report.document import write
from dashboard.report.request import SECTIONS, Request

__all__ = ["SECTIONS", "Request", "write"]
