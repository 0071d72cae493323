"""NMTR: learning recommenders from multi-behavior data (Gao et al.), without the pages.

    from nmtr.config import RunConfig
    from nmtr.workspace import Workspace
    from nmtr.explain import recommend, explain

Importing the package imports no training library.
"""

__version__ = "0.1.0"
