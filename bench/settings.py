"""The site's own settings, with two addresses beside its own that say what the machine and the framework can do."""

from alphanode.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
