"""The links between the files of a source in a rehearsal, which stores nothing."""

from posts.importing.plan import ChunkPlan
from posts.operations.source_links import Known, Place, Unresolved, known_places, names_in

# A rehearsal of more links counts those of its first files.
MAX_LINKS = 500_000


class LinkLedger:
    """What the end of an import would find out about links, from the plans of its chunks."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._formers: dict[str, str] = {}
        self._links: list[tuple[str, str]] = []

    def add(self, plan: ChunkPlan) -> None:
        """Note the places and links that a chunk would store."""
        rows = [item.incoming for item in plan.created] + [item.incoming for item in plan.updated]
        for incoming in (*rows, *(item.incoming for item in plan.refreshed)):
            if incoming.row.place:
                self._places.append(Place(incoming.source_id, incoming.row.place[1]))
        for created in plan.created:
            self._formers |= dict.fromkeys(created.former_slugs, created.incoming.source_id)
        for incoming in rows:
            if incoming.row.place and len(self._links) < MAX_LINKS:
                self._links += [(address, incoming.row.place[1]) for address in incoming.links]

    def unresolved(self, site: str) -> dict[str, tuple[int, str]]:
        """Return the same as resolve_site()."""
        known: Known = known_places(site, *names_in(self._links, site))
        for place in self._places:
            known.add(place)
        known.by_former |= self._formers
        report = Unresolved()
        for address, path in self._links:
            if known.find(address, path, site) is None:
                report.add(address, path)
        return report.counts()
