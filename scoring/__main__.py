"""`python -m scoring run/run.json`: serve one replica until SIGTERM. In a container of an image, `python -m scoring`
serves the image's own bundle.

Exit codes: 0 after a stop, 2 for wrong arguments, 3 when the start failed (status.json says why).
"""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # while libraries load, which makes little garbage: looking for it is a twentieth of the start
    from scoring.process.command import main

    sys.exit(main())
