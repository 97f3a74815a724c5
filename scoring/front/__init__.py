"""The front: one address for all services. It checks keys, splits traffic, balances it, and repeats what may be.

`python -m scoring.front <settings.json>`; scoring/front_contract.py says what it reads and reports.
"""
