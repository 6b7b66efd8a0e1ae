"""A run in the formats of other tools. Never imports torch."""

from backsight.integrations.export._export import FORMATS, export_run

__all__ = ["FORMATS", "export_run"]
