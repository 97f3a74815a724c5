"""What the studio and edge devices agree on. Standard library alone, as a device may have nothing else.

An *archive* is a revision that starts by itself, one folder in a .tar.gz:

    <service>-<revision>/
      manifest.json    what it is, which Python it needs, and size and SHA-256 of every file below
      manifest.sig     Ed25519 signature of the bytes of manifest.json, base64
      SHA256SUMS       the same digests for `sha256sum -c`
      start.sh         checks all of it and serves
      README.md
      bundle/          as scoring/contract.py describes it
      library/         the scoring package
      site-packages/   the packages of the environment

A *part* is one of the last three as a .tar.gz of its own. Devices with an agent fetch parts by SHA-256, so what two
revisions have in common travels once.

What an agent is to run stands in a *document*: JSON, signed in the same way. It names the device it is for, and its
`sequence` only rises, so that neither another device's document nor an older one is taken. No time stands in it:
clocks of devices may be years off.
"""

FORMAT = 1
MANIFEST, SIGNATURE, CHECKSUMS = "manifest.json", "manifest.sig", "SHA256SUMS"
BUNDLE, LIBRARY, PACKAGES = "bundle", "library", "site-packages"
PARTS = (BUNDLE, LIBRARY, PACKAGES)

KEY_PREFIX = "slwd_"  # device keys
POLL_PATH = "api/v1/edge/poll"
PARTS_PATH = "api/v1/edge/parts"
TELEMETRY_PATH = "api/v1/edge/telemetry"
MAX_REPORT_BYTES = 256 * 1024
