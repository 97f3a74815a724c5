"""The scoring server: answers predictions, knows neither Django nor the studio."""

import os

from scoring.opt_outs import opt_out

opt_out(os.environ)  # here, because whatever imports a library that reports usage comes through this package first
