"""Style sheets and scripts on their way to a browser: bundled, named by their hash and compressed ahead."""
