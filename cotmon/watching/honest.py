"""Which watched conversations may stand for honest ones: all but those with a confirmed step."""

from __future__ import annotations

from dataclasses import dataclass, field

from cotmon.store import Store
from cotmon.store.reviews import Review, step_hash


@dataclass
class Watched:
    """Watched conversations as readings: `store.runs.reading(connection, run, ordinal)`.

    Attributes:
        honest: (run, ordinal) of those in which nobody confirmed a step, oldest first.
        confirmed: ids of the others.
    """

    honest: list[tuple[str, int]] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)


def honest_from_watched(store: Store, since: str) -> Watched:
    """The conversations since then, apart by what reviewers said; settle the store before.

    A step counts as confirmed where the latest verdict of any reviewer on its words says so.

    Args:
        store: with its watched conversations settled.
        since: ISO time at which a conversation began, at the earliest.

    Raises:
        StoreError: the database refused.
    """
    found = Watched()
    with store.reading() as connection:
        bad = _confirmed(store.reviews.all(connection))
        for thread in store.watches.threads(connection, since):
            ordinal, content = store.runs.place_of(connection, thread.run, thread.thread)
            if content is None:
                continue
            said = store.transcripts.messages(connection, content)
            steps = store.transcripts.steps(connection, content, said)
            if any(step_hash(step) in bad for step in steps):
                found.confirmed.append(thread.thread)
            else:
                found.honest.append((thread.run, ordinal))
    return found


def _confirmed(reviews: list[Review]) -> set[str]:
    latest = {(review.reviewer, review.step_hash): review.verdict for review in reviews}
    return {words for (_, words), verdict in latest.items() if verdict == "confirmed"}
