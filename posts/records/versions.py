"""Version numbers of revisions."""

from posts.records.schema import RecordDict, version_parts

FIRST_VERSION = "1.0.0"


BUMPS = ("patch", "minor", "major")


def next_version(version: str | None, bump: str = "patch") -> str:
    """Return the version after `version` ("1.4.7" → "1.4.8", "1.5.0" or "2.0.0"); FIRST_VERSION after none."""
    parts = version_parts(version)
    if parts is None:
        return FIRST_VERSION
    major, minor, patch = parts
    return {
        "patch": f"{major}.{minor}.{patch + 1}",
        "minor": f"{major}.{minor + 1}.0",
        "major": f"{major + 1}.0.0",
    }[bump]


def first_version(record: RecordDict) -> str:
    """Return the version of the first text of a post: the one that its record claims, if that is a version."""
    return claimed_version(record) or FIRST_VERSION


def claimed_version(record: RecordDict) -> str | None:
    """Return the version that a record claims if it is a plain semantic version, else None."""
    version: str | None = record.get("revision", {}).get("version")
    return version if version_parts(version) else None
