"""`python -m slipway`: the command line without an installed script."""

from slipway.cli import main

main()
