"""The project: settings, addresses, the REST root, background work, and the apps that every other app builds on."""
