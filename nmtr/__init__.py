"""NMTR: learning recommenders from multi-behavior data (Gao et al.), without the pages.

    from nmtr.config import RunConfig
    from nmtr.workspace import Workspace
    from nmtr.explain import recommend, explain

Importing the package imports no training library.
"""

import os

# torch's threads wait for each other by spinning. Where something else needs the cores too (a second run, the pages),
# they would spin for whole time slices: two trainings at once then take many times as long as one after the other. A
# short spin costs nothing on idle cores. OpenMP reads this when torch is first imported.
os.environ.setdefault("GOMP_SPINCOUNT", "100")

__version__ = "0.1.0"
