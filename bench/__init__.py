"""Measured comparisons. Neither this process nor a peer that it starts reports usage to anybody."""

import os

from scoring.opt_outs import opt_out

opt_out(os.environ)
